// Any bytes as an upload of any name and any chosen type: a result or a reason, all of it within its bounds and valid
// UTF-8, a copy with the file's lines and nothing left to find in it, and the same twice.
#include "actors/evidence/extractors/encoding.hpp"
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/line_splitter.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "protocol/base/text.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm;
  if (size == 0)
    return 0;
  constexpr const char* names[] = {"a", "app.log", "a.yaml", "a.csv", "a.json", "a.py", "a.md", "a.zip", "a.log.gz", "metrics.prom", ".env", "nginx.conf", "shot.png"};
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto chosen = data[0] / std::size(names) % 9;
  const auto magic = extractors::magic_of(bytes);
  // Pictures start a process each: they have a target of their own.
  if (magic == "png" || magic == "jpeg" || magic == "pdf" || chosen == 6)
    return 0;
  app::file_analysis_options with;
  with.archive.entry_bytes_max = 16U << 10;
  with.archive.total_bytes_max = 1U << 20;
  with.archive.entries_max = 30;
  const auto analyse = [&](std::string& copy) {
    const auto take = [&](std::string_view piece) -> outcome<done_t> {
      copy += piece;
      return done;
    };
    file_context context{"a earlier.yaml", std::string{bytes.substr(0, bytes.size() / 2)}, "File \"a.py\", line 3\n"};
    const std::string type = chosen < 6 ? std::string{extractors::to_string(static_cast<extractors::data_type>(chosen))} : std::string{};
    return app::examine_file({names[data[0] % std::size(names)], "", chosen == 5 ? "" : type, memory_source{bytes}, context, take, {}}, with);
  };
  std::string copy, again;
  const auto x = analyse(copy);
  fuzz::require(!x.error.empty() || !x.json.empty());
  for (auto* text : {&x.json, &x.text, &x.summary, &x.error, &x.stack_text})
    fuzz::require(is_valid_utf8(*text));
  fuzz::require(x.text.size() <= 8'192 && x.stack_text.size() <= (16U << 10) && x.insights.size() <= 10 && x.moments.size() <= with.timeline.moments_max);
  fuzz::require(x.confidence >= 0 && x.confidence <= 1);
  fuzz::require(x.sanitized_bytes == copy.size() && (x.redaction == "copy") == !copy.empty());
  if (!copy.empty() && extractors::encoding_of(bytes) == extractors::text_encoding::utf8) {
    const auto lines = std::count(copy.begin(), copy.end(), '\n'), feeds = std::count(bytes.begin(), bytes.end(), '\n');
    // A log whose lines end with CR alone is copied with an LF for each.
    fuzz::require(lines == feeds || (evidence::ends_with_returns(bytes) && lines == feeds + std::count(bytes.begin(), bytes.end(), '\r')));
  }
  const auto y = analyse(again);
  fuzz::require(x.json == y.json && copy == again && x.moments == y.moments && x.marks == y.marks && x.summary == y.summary);
  return 0;
}
