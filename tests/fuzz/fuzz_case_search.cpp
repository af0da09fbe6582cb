// Any bytes as a segment of a case's index; and any text as what is indexed: every word of it is found where it stands.
#include "actors/case_search/segment.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace {
using namespace fm;
using namespace fm::case_search;

segment_bytes reader_of(std::string_view bytes) {
  return [bytes](std::uint64_t at, std::uint64_t n) -> outcome<std::string> {
    if (at > bytes.size() || n > bytes.size() - at)
      return make_failure(errc::unavailable, "behind the end");
    return std::string{bytes.substr(at, n)};
  };
}

void ask(std::string_view bytes, const question& q) {
  auto r = segment_reader::open(reader_of(bytes));
  if (!r)
    return;
  const auto blocks = r->blocks();
  for (auto& w : q.words)
    if (const auto hits = r->find(w); hits && blocks)
      for (auto& [block, count] : hits->blocks)
        fuzz::require(block < blocks->size());
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  static constexpr std::string_view magic = "FMCS0001";
  ask(text, question_of("connection refused by blk_123"));
  ask(std::string{magic} + std::string{text}, question_of("connection refused by blk_123"));

  segment_writer w;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= text.size() && lines.size() < 64; at += lines.back().size() + 1)
    lines.emplace_back(text.substr(at, std::min(text.find('\n', at), text.size()) - at));
  for (auto& l : lines) {
    w.add_line(l);
    block b;
    b.lines = 1;
    w.end_block(b);
  }
  const auto bytes = w.finish();
  auto r = segment_reader::open(reader_of(bytes));
  fuzz::require(r.has_value());
  fuzz::require(r->block_count() == lines.size());
  std::vector<token> tokens;
  for (std::uint32_t i = 0; i < lines.size(); ++i) {
    tokens_of(lines[i], tokens, 8);
    for (auto& t : tokens) {
      const auto hits = r->find({t.text, t.text}, 1);
      fuzz::require(hits.has_value());
      fuzz::require(std::any_of(hits->blocks.begin(), hits->blocks.end(), [&](auto& h) { return h.first == i; }));
    }
  }
  // And what a disk makes of it: one byte is another one.
  if (!text.empty()) {
    auto hurt = bytes;
    hurt[(static_cast<std::size_t>(static_cast<unsigned char>(text[0])) * 257 + size) % hurt.size()] ^= static_cast<char>(1 + size % 255);
    ask(hurt, question_of(text.substr(0, 200)));
  }
  return 0;
}
