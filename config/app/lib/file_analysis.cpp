// Classified by content first; logs go to the log analysis, everything else to its extractor.
#include "config/app/lib/file_analysis.hpp"

#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/likeness.hpp"
#include "actors/evidence/line_splitter.hpp"
#include "actors/evidence/opening/document_text.hpp"
#include "actors/evidence/opening/visual.hpp"
#include "config/app/lib/log_reading.hpp"
#include "config/app/lib/pieces.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::app {
namespace {
namespace ex = extractors;

constexpr std::uint64_t classified_bytes = 256U << 10;
constexpr std::uint64_t encoding_bytes = 64U << 10;
constexpr std::size_t text_bytes_max = 8'192;
constexpr std::size_t stack_text_bytes_max = 16U << 10;
constexpr std::size_t members_analysed_max = 20;   ///< of an archive; the others are named with their type
constexpr std::size_t members_streamed_max = 4;    ///< of those that are too large to be held
constexpr std::size_t members_json_bytes_max = 8U << 20;

void cut(std::string& text, std::size_t bytes) { text.resize(utf8_floor(text, std::min(text.size(), bytes))); }

examined_file broken(std::string why) {
  examined_file out;
  out.error = std::move(why);
  return out;
}

/// One file as it lies, or as it was unpacked.
struct input {
  std::string name, content_type, chosen_type;
  pieces bytes;
  const file_context* context = nullptr;
  const byte_sink* sanitized = nullptr; ///< none: no copy is made
};

/// The copy of a file that is read only in part is made of all of it.
struct copied {
  ex::redaction found; ///< counts alone
  std::uint64_t bytes = 0;
};
outcome<copied> copy_of(const pieces& text, const file_analysis_options& with, const byte_sink* sink) {
  copied out;
  ex::sensitive_filter filter{with.redaction};
  std::string clean;
  const auto reader = text();
  for (bool more = true; more;) {
    if (with.control.stopped())
      return out;
    const auto piece = reader->next();
    if (!piece)
      return piece.error();
    more = !piece->empty();
    clean.clear();
    more ? filter.feed(*piece, clean) : void(out.found = filter.finish(clean));
    out.bytes += clean.size();
    if (sink != nullptr && *sink && !clean.empty())
      if (auto taken = (*sink)(clean); !taken)
        return taken.error();
  }
  return out;
}

/// Its frames name lines of sources; other texts than logs hold traces too (tickets, mails).
std::string frames_of(std::string_view text) {
  std::string out;
  for (auto& f : ex::frames_in(text)) {
    const auto line = "File \"" + f.file + "\", line " + std::to_string(f.line) + "\n";
    if (out.size() + line.size() > stack_text_bytes_max)
      break;
    out += line;
  }
  return to_valid_utf8(out);
}

ex::extraction extracted(const ex::classification& what, const input& file, const beginning& read, const file_analysis_options& with) {
  const auto mebibytes = std::to_string(bytes_read_max(what.type) >> 20) + " MiB";
  if (read.cut && what.type == ex::data_type::visual_evidence)
    return ex::refuse(what.type, "Images and PDF of more than " + mebibytes + " are not read.");
  ex::extract_options options;
  options.redaction = with.redaction;
  options.visual = [&with](std::string_view name, std::string_view content) {
    opening::visual_limits limits;
    limits.child.stop = with.control.stop;
    return opening::extract_visual(name, content, limits);
  };
  if (file.context != nullptr) {
    options.earlier = file.context->earlier;
    options.earlier_name = file.context->earlier_name;
    options.frames = ex::frames_in(file.context->stack_text);
  }
  // Half a line at the end of what was read would be taken for a whole one.
  std::string_view bytes = read.bytes;
  if (read.cut && (what.type == ex::data_type::metrics_and_performance || what.type == ex::data_type::unstructured_text || what.type == ex::data_type::source_code))
    if (const auto end = bytes.rfind('\n'); end != std::string_view::npos)
      bytes = bytes.substr(0, end + 1);
  auto x = ex::extract(what, file.name, bytes, options);
  if (read.cut && !x.refused && !x.shortened)
    x.shortened = "only the first " + mebibytes + " are read";
  return x;
}

void tell(examined_file& out, const ex::extraction& x, const file_analysis_options& with) {
  out.data_type = std::string{ex::to_string(x.type)};
  out.confidence = x.confidence;
  out.summary = x.summary;
  for (auto& i : x.insights)
    out.insights.push_back(i.text);
  out.text = x.full;
  for (auto& f : x.findings)
    if (f.heavy != ex::weight::note && out.marks.lines.size() < evidence::marks_max) // a finding's kind is what other files may share
      out.marks.lines.push_back({"finding " + f.kind, f.heavy == ex::weight::danger ? 3 : 2});
  for (auto& m : x.moments) {
    timeline_moment t;
    t.at_ms = m.at_ms;
    t.zone_known = m.zone_known;
    t.resolution_ms = m.day_only ? 86'400'000 : 1'000;
    t.line_first = m.at.first_line;
    t.line_last = m.at.last_line;
    t.weight = 20;
    t.level = "info";
    t.kind = "moment";
    t.text = ex::sanitized(m.what, ex::find_sensitive(m.what, with.redaction));
    out.moments.push_back(std::move(t));
  }
  if (x.refused)
    out.error = *x.refused;
}

examined_file of_log(const input& file, const beginning& head, const file_analysis_options& with) {
  const auto encoding = ex::encoding_of(std::string_view{head.bytes}.substr(0, encoding_bytes), true);
  static const byte_sink none;
  // Only what is two bytes a character must be converted: a log in Latin-1 is read and cited as it is.
  auto text = ex::is_wide(encoding) ? as_utf8(file.bytes, encoding) : file.bytes;
  const bool returns = !ex::is_wide(encoding) && evidence::ends_with_returns(head.bytes);
  if (returns)
    text = with_line_feeds(std::move(text));
  auto read = read_a_log(text, with, file.sanitized != nullptr ? *file.sanitized : none);
  if (ex::is_wide(encoding) && !read.summary.empty())
    read.summary += " It is UTF-16: bytes are counted in its text as UTF-8.";
  if (returns && !read.summary.empty())
    read.summary += " Its lines end with CR alone: each is counted as a line here; what counts line feeds shows one line.";
  examined_file out;
  static_cast<file_analysis&>(out) = std::move(static_cast<file_analysis&>(read));
  out.log = std::move(read.log);
  return out;
}

examined_file of_one(const input& file, const file_analysis_options& with) {
  auto head = read_beginning(file.bytes, classified_bytes + 8); // a few more tell that the beginning is not the whole
  if (!head)
    return broken(head.error().detail);
  auto what = ex::classify(file.name, file.content_type, head->bytes);
  if (const auto chosen = ex::data_type_from_string(file.chosen_type)) { // a person's choice wins
    what.type = *chosen;
    what.confidence = 1;
  }
  examined_file out;
  if (what.type == ex::data_type::logs_and_errors) {
    out = of_log(file, *head, with);
  } else {
    if (with.control.stopped())
      return out;
    auto read = head->cut && what.type != ex::data_type::unanalyzable ? read_beginning(file.bytes, bytes_read_max(what.type)) : outcome<beginning>{std::move(*head)};
    if (!read)
      return broken(read.error().detail);
    auto x = extracted(what, file, *read, with);
    if (!read->note.empty())
      x.summary += " " + read->note;
    tell(out, x, with);
    const bool textual = x.type != ex::data_type::visual_evidence && x.type != ex::data_type::unanalyzable;
    if (textual && x.type != ex::data_type::source_code && x.type != ex::data_type::structured_config)
      out.stack_text = frames_of(read->bytes);
    out.personal_data = x.pii_detected;
    out.secrets = x.secrets_detected;
    if (with.redact && textual) {
      const auto text = as_utf8(file.bytes, ex::encoding_of(read->bytes, read->cut));
      // Looked at first: a copy that is the file again is not kept.
      auto looked = copy_of(text, with, nullptr);
      if (!looked)
        return broken(looked.error().detail);
      const auto found = std::any_of(looked->found.counts.begin(), looked->found.counts.end(), [](auto n) { return n > 0; });
      out.redaction = found ? "copy" : "same";
      out.personal_data |= looked->found.pii_detected();
      out.secrets |= looked->found.secrets_detected();
      if (found && file.sanitized != nullptr) {
        auto copied = copy_of(text, with, file.sanitized);
        if (!copied)
          return broken(copied.error().detail);
        out.sanitized_bytes = *file.sanitized ? copied->bytes : 0;
      }
    } else if (with.redact) {
      out.redaction = "opaque";
    }
    out.json = ex::render_json(x);
    out.extraction = std::move(x);
  }
  cut(out.text, text_bytes_max);
  return out;
}

/// What is in an archive, each file on its own; the type of the largest speaks for the whole.
class archive_report {
public:
  archive_report(std::string name, const file_analysis_options& with) : name_(std::move(name)), with_(with) {
    inner_.control.progress = {}; // the archive's own is told
    inner_.redact = false;        // what is packed cannot be taken out
  }

  void add(const std::string& path, std::uint64_t bytes, const pieces& content) {
    if (with_.control.stopped())
      return;
    archive_member member{path, bytes, {}, {}};
    json_writer w{files_};
    if (members_.size() < members_analysed_max && files_.size() < members_json_bytes_max) {
      auto one = of_one({path, {}, {}, content, nullptr, nullptr}, inner_);
      member.data_type = one.data_type;
      member.said = one.error.empty() ? one.summary : one.error;
      take(path, bytes, one);
      begin(w, member);
      w.key("analysis").raw(one.json.empty() ? "{}" : one.json).end_object();
    } else {
      const auto head = read_beginning(content, classified_bytes);
      member.data_type = std::string{ex::to_string(head ? ex::classify(path, {}, head->bytes).type : ex::data_type::unanalyzable)};
      member.said = "named only: the first " + std::to_string(members_analysed_max) + " files of an archive are analysed.";
      begin(w, member);
      w.end_object();
    }
    members_.push_back(std::move(member));
  }

  examined_file finish(const opening::opened_summary& all, const std::vector<opening::left_out>& left) {
    evidence::keep_weightiest(out_.moments, with_.timeline.moments_max);
    json_writer w{out_.json};
    w.begin_object().member("schema", 1).member("archive", name_).member("unpacked_bytes", all.unpacked_bytes);
    w.key("files").raw("[" + files_ + "]").key("left_out").begin_array();
    for (auto& l : left) {
      w.begin_object().member("path", l.path).member("why", l.why).end_object();
      members_.push_back({l.path, l.bytes, {}, l.why});
    }
    w.end_array().end_object();
    const auto files = members_.size() - left.size();
    out_.summary = "An archive of " + std::to_string(files) + (files == 1 ? " file, " : " files, ") + std::to_string(all.unpacked_bytes) + " bytes unpacked" +
                   (left.empty() ? "." : "; " + std::to_string(left.size()) + (left.size() == 1 ? " was left out." : " were left out."));
    if (!some_)
      out_.error = "nothing in this archive could be analysed.";
    cut(out_.text, text_bytes_max);
    out_.members = std::move(members_);
    return std::move(out_);
  }

private:
  void begin(json_writer& w, const archive_member& m) {
    files_ += files_.empty() ? "" : ",";
    w.begin_object().member("path", m.path).member("bytes", m.bytes).member("data_type", m.data_type).member("summary", m.said);
  }
  void take(const std::string& path, std::uint64_t bytes, examined_file& one) {
    for (auto& l : one.marks.lines)
      if (out_.marks.lines.size() < evidence::marks_max)
        out_.marks.lines.push_back(std::move(l));
    for (auto& k : one.marks.identifier_kinds)
      if (std::find(out_.marks.identifier_kinds.begin(), out_.marks.identifier_kinds.end(), k) == out_.marks.identifier_kinds.end())
        out_.marks.identifier_kinds.push_back(std::move(k));
    for (auto& m : one.moments) {
      m.text = path + ": " + m.text;
      out_.moments.push_back(std::move(m));
    }
    if (out_.stack_text.size() + one.stack_text.size() <= stack_text_bytes_max)
      out_.stack_text += one.stack_text;
    out_.personal_data |= one.personal_data;
    out_.secrets |= one.secrets;
    out_.text += "== " + path + ": " + (one.error.empty() ? one.summary : one.error) + "\n" + one.text + (one.text.ends_with('\n') || one.text.empty() ? "" : "\n");
    for (auto& i : one.insights)
      if (out_.insights.size() < 10)
        out_.insights.push_back(path + ": " + i);
    if (one.error.empty() && (!some_ || bytes >= largest_)) {
      some_ = true;
      largest_ = bytes;
      out_.data_type = one.data_type;
      out_.confidence = one.confidence;
    }
  }

  std::string name_;
  const file_analysis_options& with_;
  file_analysis_options inner_ = with_;
  examined_file out_;
  std::vector<archive_member> members_;
  std::string files_; ///< JSON of them, without brackets
  std::uint64_t largest_ = 0;
  bool some_ = false;
};

examined_file of_archive(const file_request& file, const file_analysis_options& with) {
  // A compressed file is that file, however large; so is the only one of an archive.
  const auto alone = [&](const std::string& name, const pieces& content) { return of_one({name, {}, file.chosen_type, content, &file.context, nullptr}, with); };
  if (opening::is_single_stream(file.bytes)) {
    const auto content = pieces_of_entry(file.bytes, 1, with.archive);
    const auto head = read_beginning(content, 1'024);
    if (!head)
      return broken(head.error().detail);
    if (opening::archive_kind(head->bytes).empty())
      return alone(opening::name_unpacked(file.name), content);
  }
  archive_report report{file.name, with};
  std::optional<opening::opened_file> first;
  std::size_t files = 0;
  const auto add = [&](const opening::opened_file& f) {
    const memory_source bytes{f.bytes};
    report.add(f.path, f.bytes.size(), pieces_of(bytes));
    with.control.tell(std::min<std::size_t>(++files, 99), 100);
  };
  auto all = opening::open_archive(file.name, file.bytes, with.archive, [&](opening::opened_file&& f) {
    if (files == 0 && !first) {
      first = std::move(f); // perhaps the only one
      return true;
    }
    if (first)
      add(*first);
    first.reset();
    add(f);
    return !with.control.stopped();
  });
  if (!all)
    return broken(all.error().detail);
  std::vector<opening::left_out> left;
  std::vector<opening::left_out> large;
  for (auto& l : all->skipped)
    (l.entry > 0 && large.size() < members_streamed_max ? large : left).push_back(std::move(l));
  if (first && left.empty() && large.empty()) {
    const memory_source bytes{first->bytes};
    return alone(first->path, pieces_of(bytes));
  }
  if (!first && files == 0 && left.empty() && large.size() == 1)
    return alone(large.front().path, pieces_of_entry(file.bytes, large.front().entry, with.archive));
  if (first)
    add(*first);
  for (auto& l : large)
    report.add(l.path, l.bytes, pieces_of_entry(file.bytes, l.entry, with.archive));
  return report.finish(*all, left);
}
} // namespace

std::uint64_t bytes_read_max(ex::data_type type) noexcept {
  switch (type) {
  case ex::data_type::logs_and_errors: return UINT64_MAX;
  case ex::data_type::metrics_and_performance: return 32ULL << 20;
  case ex::data_type::structured_config: return (8ULL << 20) + 1; // one more: its extractor refuses what is larger
  case ex::data_type::source_code: return 4ULL << 20;
  case ex::data_type::unstructured_text: return 4ULL << 20;
  case ex::data_type::visual_evidence: return 64ULL << 20;
  case ex::data_type::unanalyzable: break;
  }
  return classified_bytes;
}

examined_file examine_file(const file_request& file, const file_analysis_options& options) {
  auto with = options;
  with.control = file.control;
  const auto head = file.bytes.read(0, 1'024);
  if (!head)
    return broken(head.error().detail);
  if (opening::archive_kind(*head).empty())
    return of_one({file.name, file.content_type, file.chosen_type, pieces_of(file.bytes), &file.context, &file.sanitized}, with);
  if (auto text = opening::docx_in(file.bytes)) {
    // Packed like an archive, read like the text it holds: lines are those of this text.
    const memory_source words{*text};
    auto inner = with;
    inner.redact = false;
    auto out = of_one({file.name, {}, file.chosen_type.empty() ? "unstructured_text" : file.chosen_type, pieces_of(words), &file.context, nullptr}, inner);
    if (!out.summary.empty())
      out.summary += " It is a DOCX: lines are those of its text.";
    out.redaction = with.redact ? "opaque" : "";
    return out;
  }
  auto out = of_archive(file, with);
  out.sanitized_bytes = 0;
  out.redaction = with.redact ? "opaque" : ""; // what is packed cannot be taken out
  return out;
}

file_analysis analyse_uploaded_file(const file_request& file, const file_analysis_options& options) {
  auto out = examine_file(file, options);
  return std::move(static_cast<file_analysis&>(out));
}

} // namespace fm::app
