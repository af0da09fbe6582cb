// First way: templates. Second way: the filter, and behind it the copy, the moments and the stack traces.
#include "config/app/lib/log_reading.hpp"

#include "actors/evidence/extractors/redacted_quotes.hpp"
#include "actors/evidence/across_files.hpp"
#include "actors/evidence/likeness.hpp"
#include "actors/evidence/line_shapes.hpp"
#include "actors/evidence/line_splitter.hpp"
#include "actors/evidence/render.hpp"
#include "actors/evidence/timeline.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::app {
namespace {
constexpr std::size_t layout_bytes = 64U << 10;
constexpr std::size_t line_bytes_looked_at = 2'048;
constexpr std::size_t stack_bytes_max = 16U << 10;
constexpr std::uint64_t stack_lines_max = 60; ///< of one trace
constexpr std::size_t stack_line_bytes_max = 300;
constexpr std::size_t quotes_max = 40;

/// Gives every piece to `take` until somebody stops it; what cannot be read is a failure.
template <class Take>
outcome<std::string> all_of(piece_reader& in, const work_control& control, bool second, Take&& take) {
  for (;;) {
    if (control.stopped())
      return std::string{};
    const auto piece = in.next();
    if (!piece)
      return piece.error();
    if (piece->empty())
      return in.note();
    if (auto taken = take(*piece); !taken)
      return taken.error();
    const auto total = std::max<std::uint64_t>(in.total(), 1);
    control.tell(second ? (total + in.done()) / 2 : in.done() / 2, total);
  }
}

/// The lines of the stack traces, as they pass.
class stack_lines {
public:
  explicit stack_lines(const evidence::analysis& a) {
    for (auto& t : a.traces) {
      if (t.head.number == 0)
        continue;
      const auto last = std::max(t.root.number, t.head.number + std::max<std::uint64_t>(t.lines, 1) - 1);
      wanted_.emplace_back(t.head.number, std::min(last, t.head.number + stack_lines_max));
    }
    std::sort(wanted_.begin(), wanted_.end());
  }
  void line(std::uint64_t number, std::string_view shown) {
    while (next_ < wanted_.size() && wanted_[next_].second < number)
      ++next_;
    if (next_ >= wanted_.size() || number < wanted_[next_].first)
      return;
    const auto clean = to_valid_utf8(shown.substr(0, utf8_floor(shown, std::min(shown.size(), stack_line_bytes_max))));
    if (text.size() + clean.size() + 1 <= stack_bytes_max)
      text.append(clean).append(1, '\n');
  }
  std::string text;

private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> wanted_;
  std::size_t next_ = 0;
};

/// Begins with the first byte that differs: before it the copy is the log, which is read again for it.
class copy_maker {
public:
  copy_maker(const pieces& text, const byte_sink& sink) : text_(text), sink_(sink) {}
  outcome<done_t> take(std::string_view clean, bool found) {
    if (!begun_ && !found) {
      same_ += clean.size();
      return done;
    }
    if (!begun_)
      if (auto r = begin(); !r)
        return r;
    return give(clean);
  }
  std::uint64_t bytes() const { return bytes_; }

private:
  outcome<done_t> begin() {
    begun_ = true;
    const auto again = text_();
    for (auto left = same_; left > 0;) {
      const auto piece = again->next();
      if (!piece)
        return piece.error();
      if (piece->empty())
        return make_failure(errc::unavailable, "The file changed while it was read.");
      const auto part = piece->substr(0, left);
      left -= part.size();
      if (auto r = give(part); !r)
        return r;
    }
    return done;
  }
  outcome<done_t> give(std::string_view part) {
    bytes_ += part.size();
    return part.empty() ? outcome<done_t>{done} : sink_(part);
  }

  const pieces& text_;
  const byte_sink& sink_;
  std::uint64_t same_ = 0, bytes_ = 0;
  bool begun_ = false;
};

void tell(read_log& out, std::string_view note, bool all_timed) {
  auto& a = out.log;
  const auto count = [&](evidence::severity s) { return std::to_string(a.by_severity[static_cast<std::size_t>(s)]); };
  out.confidence = a.lines == 0 ? 0 : std::min(0.99, 0.5 + 0.5 * static_cast<double>(a.log_lines) / static_cast<double>(a.lines));
  out.summary = std::to_string(a.lines) + " lines in " + std::to_string(a.templates.size()) + " patterns; " + count(evidence::severity::fatal) + " fatal, " +
                count(evidence::severity::error) + " error, " + count(evidence::severity::warning) + " warning.";
  if (a.from_ms)
    out.summary += " From " + evidence::render_time(*a.from_ms) + " to " + evidence::render_time(*a.to_ms) + (a.zone_known ? " UTC." : " (time zone not given).");
  if (!all_timed)
    out.summary += " The log has more lines than the timeline can follow; it covers the first ones.";
  if (!note.empty())
    out.summary += " " + std::string{note};
  for (auto& f : a.findings) {
    if (out.insights.size() >= 10)
      break;
    out.insights.push_back("line " + std::to_string(f.line.number) + ": " + f.title);
  }
  std::size_t n = 0;
  for (auto& item : a.look_first) {
    if (++n > quotes_max)
      break;
    const auto& t = a.templates[item.template_id];
    out.text += "line " + std::to_string(t.worst.number) + " (" + std::to_string(t.count) + (t.count == 1 ? " line, " : " lines, ") + item.why + ")\n    " + to_valid_utf8(t.worst.text) + "\n";
  }
}
} // namespace

read_log read_a_log(const pieces& text, const file_analysis_options& with, const byte_sink& copy) {
  read_log out;
  out.data_type = "logs_and_errors";
  const auto failed = [&](const failure& f) {
    read_log none;
    none.error = f.detail;
    return none;
  };

  evidence::line_shapes shapes;
  std::string head;
  std::string note;
  {
    evidence::limits bounds;
    bounds.each_line = [&](std::uint32_t shape) { shapes.add(shape); };
    evidence::log_analyzer analyzer{bounds};
    auto read = all_of(*text(), with.control, false, [&](std::string_view piece) -> outcome<done_t> {
      head += piece.substr(0, layout_bytes - head.size());
      analyzer.feed(piece);
      return done;
    });
    if (!read)
      return failed(read.error());
    if (with.control.stopped())
      return out;
    note = std::move(*read);
    out.log = analyzer.finish();
  }
  const bool all_timed = shapes.finish();
  auto& a = out.log;

  // What is said of a file goes to models: it is clean in any case, copy or not.
  const auto layout = evidence::infer_layout(head);
  extractors::sensitive_filter filter{with.redaction};
  extractors::redacted_quotes quotes{a, with.redaction};
  evidence::moment_collector moments{a, layout, with.timeline};
  stack_lines stacks{a};
  evidence::line_splitter lines{line_bytes_looked_at};
  evidence::line_shapes::reader shape{shapes};
  copy_maker copying{text, copy};
  const bool copies = with.redact && static_cast<bool>(copy);
  std::uint64_t number = 0;
  std::string clean;
  std::vector<extractors::sensitive_range> ranges;
  const auto line = [&](std::string_view l, std::uint64_t) {
    stacks.line(++number, l);
    if (const auto s = shape.next())
      moments.line(l, a.template_of[*s]);
  };
  bool found = false;
  const auto taken = [&]() -> outcome<done_t> {
    found |= !ranges.empty();
    quotes.found(ranges);
    lines.feed(clean, line);
    return copies ? copying.take(clean, found) : outcome<done_t>{done};
  };
  auto read = all_of(*text(), with.control, true, [&](std::string_view piece) {
    clean.clear();
    ranges.clear();
    quotes.see(piece);
    filter.feed(piece, clean, &ranges);
    return taken();
  });
  if (!read)
    return failed(read.error());
  if (with.control.stopped())
    return out;
  clean.clear();
  ranges.clear();
  const auto counted = filter.finish(clean, &ranges);
  if (auto last = taken(); !last)
    return failed(last.error());
  lines.finish(line);
  out.moments = moments.finish(); // by the templates as they are, before their quotes are cut
  quotes.finish();
  out.stack_text = std::move(stacks.text);
  out.sanitized_bytes = copying.bytes();
  out.marks = evidence::marks_of_log(a);
  out.threads = evidence::threads_of_log(a);
  out.personal_data = counted.pii_detected();
  out.secrets = counted.secrets_detected();
  if (with.redact)
    out.redaction = found ? "copy" : "same";
  tell(out, note, all_timed);
  out.json = evidence::render_json(a);
  return out;
}

} // namespace fm::app
