// Any bytes as a log and as what somebody said: moments in order and on lines that are there, pages that together are
// the whole, and cursors of strangers refused.
#include "actors/evidence/timeline.hpp"
#include "protocol/base/text.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm;
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  evidence::timeline_limits bounds;
  bounds.moments_max = 1 + data[0] % 40;
  bounds.text_bytes_max = 40;
  bounds.entries_max = 30;
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) + (!text.empty() && text.back() != '\n' ? 1 : 0);
  evidence::timeline_file file{"file_0123456789ab", "a.log", timestamp{std::chrono::milliseconds{1'770'000'000'000}}, evidence::moments_of_log(text, bounds)};
  fuzz::require(file.moments.size() <= bounds.moments_max);
  for (std::size_t i = 0; i < file.moments.size(); ++i) {
    auto& m = file.moments[i];
    fuzz::require(m.line_first >= 1 && m.line_first <= m.line_last && m.line_last <= lines && m.count >= 1 && is_valid_utf8(m.text));
    fuzz::require(i == 0 || file.moments[i - 1].at_ms <= m.at_ms);
  }
  message said;
  said.type = data[0] % 2 == 0 ? message_type::user_query : message_type::case_note;
  said.content = to_valid_utf8(text.substr(0, 2'000));
  said.created_at = timestamp{std::chrono::milliseconds{1'770'000'100'000}};
  const std::vector<evidence::timeline_file> files{file};
  const std::vector<message> messages{said};
  timeline_query q;
  q.limit = 1'000;
  const auto whole = evidence::timeline_of(files, messages, q, bounds);
  fuzz::require(whole.has_value() && whole->entries.size() == whole->total && whole->total <= bounds.entries_max);
  std::vector<timeline_entry> paged;
  q.limit = 1 + data[0] % 7;
  for (std::size_t pages = 0; pages <= whole->total; ++pages) {
    const auto page = evidence::timeline_of(files, messages, q, bounds);
    fuzz::require(page.has_value());
    paged.insert(paged.end(), page->entries.begin(), page->entries.end());
    q.cursor = page->next_cursor;
    if (q.cursor.empty())
      break;
  }
  fuzz::require(paged == whole->entries);
  q.cursor = std::string{text.substr(0, 60)};
  (void)evidence::timeline_of(files, messages, q, bounds);
  return 0;
}
