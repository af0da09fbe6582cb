// Forms of strangers: whatever the pieces, the same parts come out, and never more than came in. Input: the lengths of
// the pieces in the first byte, then the body; the boundary is "b".
#include "http/core/multipart.hpp"

#include <cstdlib>
#include <string>

namespace {
using namespace fm;
using namespace fm::http;

struct gathered final : form_sink {
  std::vector<std::pair<form_part_head, std::string>> parts;
  bool inside = false;

  outcome<done_t> begin(form_part_head head) override {
    if (std::exchange(inside, true))
      std::abort();
    parts.emplace_back(std::move(head), std::string{});
    return done;
  }
  outcome<done_t> bytes(std::string_view piece) override {
    if (!inside || piece.empty())
      std::abort();
    parts.back().second += piece;
    return done;
  }
  outcome<done_t> end() override {
    if (!std::exchange(inside, false))
      std::abort();
    return done;
  }
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  static const std::string type = "multipart/form-data; boundary=b";
  if (size == 0)
    return 0;
  const std::string_view body{reinterpret_cast<const char*>(bytes) + 1, size - 1};
  const std::size_t length = 1 + bytes[0];
  const auto whole = parse_multipart(type, body);
  auto parser = form_parser::of(type);
  gathered to;
  std::optional<failure> why;
  for (auto rest = body; !rest.empty() && !why; rest.remove_prefix(std::min(rest.size(), length)))
    if (auto r = parser->feed(rest.substr(0, length), to); !r)
      why = r.error();
  if (!why)
    if (auto r = parser->finish(); !r)
      why = r.error();
  if (why.has_value() == whole.has_value() || (why && why->detail != whole.error().detail))
    std::abort();
  if (!whole)
    return 0;
  if (to.inside || to.parts.size() != whole->size())
    std::abort();
  std::size_t sum = 0;
  for (std::size_t i = 0; i < to.parts.size(); ++i) {
    sum += to.parts[i].second.size();
    if (to.parts[i].second != (*whole)[i].bytes || to.parts[i].first.name != (*whole)[i].name || to.parts[i].first.name.empty())
      std::abort();
  }
  if (sum > body.size())
    std::abort();
  return 0;
}
