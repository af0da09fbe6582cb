// Keys and records.
#include "actors/files/file_shelf.hpp"

#include "actors/evidence/across_files.hpp"
#include "actors/files/blob_source.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <simdjson.h>

namespace fm {
namespace {
constexpr std::uint64_t compared_bytes_max = 2U << 20; ///< of an earlier version of a file
constexpr std::size_t stack_bytes_max = 64U << 10;     ///< of all files' stack traces

std::string folder(const case_id& c) { return "cases/" + c.value + "/"; }
std::string marker(const std::string& file) { return "incoming/" + file; }
std::string folder(const case_id& c, const std::string& file) { return folder(c) + file + "/"; }

std::string record_json(const case_file& f) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).member("id", f.id).member("case", f.in_case.value).member("name", f.name).member("content_type", f.content_type);
  w.member("description", f.description).member("bytes", f.bytes).member("sha256", f.sha256).member("status", f.status).member("data_type", f.data_type);
  w.member("confidence", f.confidence).member("compression", f.compression).member("summary", f.summary).member("error", f.error);
  w.key("insights").begin_array();
  for (auto& i : f.insights)
    w.value(i);
  w.end_array().member("uploaded_by", f.uploaded_by.value).member("uploaded_at", to_iso8601(f.uploaded_at));
  w.member("redaction", f.redaction).member("sanitized_bytes", f.sanitized_bytes).member("personal_data", f.personal_data).member("secrets", f.secrets);
  w.member("session", f.session).member("source_metadata", f.source_metadata).member("stack_bytes", f.stack_bytes);
  w.member("processed_at", f.processed_at ? to_iso8601(*f.processed_at) : std::string{});
  w.end_object();
  return out;
}
outcome<case_file> read_record(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::uint64_t version = 0;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || root["v"].get_uint64().get(version) != simdjson::SUCCESS || version != 1)
    return make_unavailable("A file record is damaged or of a newer version.");
  const auto text = [&](const char* name) {
    std::string_view v;
    return root[name].get_string().get(v) == simdjson::SUCCESS ? std::string{v} : std::string{};
  };
  const auto real = [&](const char* name) {
    double v = 0;
    return root[name].get_double().get(v) == simdjson::SUCCESS ? v : 0.0;
  };
  case_file f;
  f.id = text("id");
  f.in_case = case_id{text("case")};
  f.name = text("name");
  f.content_type = text("content_type");
  f.description = text("description");
  f.sha256 = text("sha256");
  f.status = text("status");
  f.data_type = text("data_type");
  f.confidence = real("confidence");
  f.compression = real("compression");
  f.summary = text("summary");
  f.error = text("error");
  if (root["bytes"].get_uint64().get(f.bytes) != simdjson::SUCCESS)
    return make_unavailable("A file record is damaged.");
  f.redaction = text("redaction"); // records from before it was there have none
  const auto yes = [&](const char* name) {
    bool v = false;
    return root[name].get_bool().get(v) == simdjson::SUCCESS && v;
  };
  f.session = text("session");
  f.source_metadata = text("source_metadata");
  if (root["stack_bytes"].get_uint64().get(f.stack_bytes) != simdjson::SUCCESS)
    f.stack_bytes = 0;
  f.personal_data = yes("personal_data");
  f.secrets = yes("secrets");
  if (f.redaction == "copy" && root["sanitized_bytes"].get_uint64().get(f.sanitized_bytes) != simdjson::SUCCESS)
    return make_unavailable("A file record is damaged.");
  simdjson::dom::array insights;
  if (root["insights"].get_array().get(insights) == simdjson::SUCCESS)
    for (auto i : insights)
      if (std::string_view v; i.get_string().get(v) == simdjson::SUCCESS)
        f.insights.emplace_back(v);
  f.uploaded_by = user_id{text("uploaded_by")};
  f.uploaded_at = from_iso8601(text("uploaded_at")).value_or(timestamp{});
  f.processed_at = from_iso8601(text("processed_at"));
  return f;
}

/// What is kept of an analysis besides its JSON: its moments and its marks.
std::string traces_json(const file_analysis& a) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).key("moments").begin_array();
  for (auto& m : a.moments) {
    w.begin_object().member("at_ms", m.at_ms).member("zone", m.zone_known).member("year", m.year_known).member("date", m.date_known);
    w.member("resolution_ms", m.resolution_ms).member("line_first", m.line_first).member("line_last", m.line_last).member("count", m.count);
    w.member("weight", m.weight).member("level", m.level).member("kind", m.kind).member("text", m.text).end_object();
  }
  w.end_array().key("marks").begin_array();
  for (auto& l : a.marks.lines)
    w.begin_object().member("text", l.text).member("weight", l.weight).end_object();
  w.end_array().key("identifier_kinds").begin_array();
  for (auto& k : a.marks.identifier_kinds)
    w.value(k);
  w.end_array().member("stack_text", a.stack_text).end_object();
  return out;
}
/// Empty when it cannot be read: it only helps.
std::string stack_text_of(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view text;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || root["stack_text"].get_string().get(text) != simdjson::SUCCESS)
    return {};
  return std::string{text};
}
outcome<std::pair<std::vector<timeline_moment>, file_marks>> read_traces(std::string_view json) {
  const auto damaged = make_unavailable("What is kept of a file's analysis is damaged or of a newer version.");
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array list;
  std::uint64_t version = 0;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || root["v"].get_uint64().get(version) != simdjson::SUCCESS || version != 1 ||
      root["moments"].get_array().get(list) != simdjson::SUCCESS)
    return damaged;
  std::vector<timeline_moment> out;
  for (auto e : list) {
    timeline_moment m;
    std::int64_t weight = 0;
    std::uint64_t resolution = 0;
    std::string_view level, kind, text;
    if (e["at_ms"].get_int64().get(m.at_ms) || e["zone"].get_bool().get(m.zone_known) || e["year"].get_bool().get(m.year_known) ||
        e["date"].get_bool().get(m.date_known) || e["resolution_ms"].get_uint64().get(resolution) || e["line_first"].get_uint64().get(m.line_first) ||
        e["line_last"].get_uint64().get(m.line_last) || e["count"].get_uint64().get(m.count) || e["weight"].get_int64().get(weight) ||
        e["level"].get_string().get(level) || e["kind"].get_string().get(kind) || e["text"].get_string().get(text))
      return damaged;
    m.weight = static_cast<int>(weight);
    m.resolution_ms = static_cast<std::uint32_t>(resolution);
    m.level = level;
    m.kind = kind;
    m.text = text;
    out.push_back(std::move(m));
  }
  file_marks marks;
  simdjson::dom::array lines, kinds;
  if (root["marks"].get_array().get(lines) == simdjson::SUCCESS)
    for (auto e : lines) {
      std::string_view text;
      std::int64_t weight = 0;
      if (e["text"].get_string().get(text) || e["weight"].get_int64().get(weight))
        return damaged;
      marks.lines.push_back({std::string{text}, static_cast<int>(weight)});
    }
  if (root["identifier_kinds"].get_array().get(kinds) == simdjson::SUCCESS)
    for (auto k : kinds)
      if (std::string_view v; k.get_string().get(v) == simdjson::SUCCESS)
        marks.identifier_kinds.emplace_back(v);
  return std::pair{std::move(out), std::move(marks)};
}

/// What ties a file to others, for across_files.
std::string threads_json(const file_threads& t) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).member("begin_s", t.begin_s).member("width_s", t.width_s).key("kinds").begin_array();
  for (auto& k : t.kinds) {
    w.begin_object().member("pattern", k.pattern).member("trouble", k.trouble).member("count", k.count).member("first_line", k.first_line).member("last_line", k.last_line);
    w.key("counts").begin_array();
    for (const auto n : k.counts)
      w.value(n);
    w.end_array().end_object();
  }
  w.end_array().key("names").begin_array();
  for (auto& n : t.names)
    w.begin_object().member("kind", n.kind).member("value", n.value).member("count", n.count).member("errors", n.errors).member("first_line", n.first_line).member("last_line", n.last_line).end_object();
  w.end_array().end_object();
  return out;
}
/// Nothing when it cannot be read: it only helps.
std::optional<file_threads> read_threads(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array kinds, names;
  std::uint64_t version = 0;
  file_threads t;
  if (parser.parse(json.data(), json.size()).get(root) || root["v"].get_uint64().get(version) || version != 1 || root["begin_s"].get_int64().get(t.begin_s) ||
      root["width_s"].get_int64().get(t.width_s) || root["kinds"].get_array().get(kinds) || root["names"].get_array().get(names))
    return std::nullopt;
  for (auto e : kinds) {
    kind_over_time k;
    std::string_view pattern;
    std::int64_t trouble = 0;
    simdjson::dom::array counts;
    if (e["pattern"].get_string().get(pattern) || e["trouble"].get_int64().get(trouble) || e["count"].get_uint64().get(k.count) || e["first_line"].get_uint64().get(k.first_line) ||
        e["last_line"].get_uint64().get(k.last_line) || e["counts"].get_array().get(counts))
      return std::nullopt;
    k.pattern = pattern;
    k.trouble = static_cast<int>(trouble);
    for (auto c : counts) {
      std::uint64_t n = 0;
      if (c.get_uint64().get(n))
        return std::nullopt;
      k.counts.push_back(static_cast<std::uint32_t>(n));
    }
    t.kinds.push_back(std::move(k));
  }
  for (auto e : names) {
    followed_name n;
    std::string_view kind, value;
    if (e["kind"].get_string().get(kind) || e["value"].get_string().get(value) || e["count"].get_uint64().get(n.count) || e["errors"].get_uint64().get(n.errors) ||
        e["first_line"].get_uint64().get(n.first_line) || e["last_line"].get_uint64().get(n.last_line))
      return std::nullopt;
    n.kind = kind;
    n.value = value;
    t.names.push_back(std::move(n));
  }
  return t;
}

failure cancelled() { return make_conflict("CANCELLED", "The analysis was cancelled; the file was not kept."); }
failure no_file() { return make_failure(errc::not_found, "There is no such file in this case."); }
bool sane_id(const std::string& id) {
  return id.starts_with("file_") && id.size() == 17 && std::all_of(id.begin() + 5, id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

} // namespace

outcome<done_t> write_blob(blob_store& blobs, const std::string& key, const std::string& type, std::string_view bytes) {
  auto w = blobs.put(key, type);
  if (!w)
    return w.error();
  constexpr std::size_t piece = 1U << 20;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (auto r = (*w)->write(bytes.substr(at, piece)); !r)
      return r.error();
  if (auto r = (*w)->finish(); !r)
    return r.error();
  return done;
}

std::string safe_file_name(std::string_view given) {
  if (const auto slash = given.find_last_of("/\\"); slash != std::string_view::npos)
    given.remove_prefix(slash + 1);
  auto name = to_valid_utf8(trimmed(given));
  for (auto& c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == '"')
      c = '_';
  name.resize(utf8_floor(name, std::min<std::size_t>(name.size(), 255)));
  return name.empty() || name == "." || name == ".." ? "file" : name;
}

file_shelf::file_shelf(file_settings settings, file_deps deps)
    : settings_(settings), deps_(std::move(deps)),
      rooms_({settings.case_bytes_max, settings.case_files_max, settings.open_uploads_max},
             [this](const case_id& id, case_account& account) -> outcome<done_t> {
               auto files = list(id);
               if (!files)
                 return files.error();
               auto open = uploads_.lengths(id);
               if (!open)
                 return open.error();
               for (auto& f : *files) {
                 open->erase(f.id); // a crash came between the file and the end of its upload
                 account.files.emplace(f.id, std::move(f));
               }
               account.open_uploads = std::move(*open);
               return done;
             }),
      uploads_({settings.upload_bytes_max, settings.upload_expiry, settings.upload_part_bytes}, deps_.blobs, rooms_, deps_.clock, deps_.random) {}

outcome<file_shelf::incoming_ptr> file_shelf::begin(const case_id& id, std::uint64_t bytes_min) {
  if (bytes_min > settings_.upload_bytes_max)
    return make_failure(errc::too_large, "A file may have " + std::to_string(settings_.upload_bytes_max) + " bytes.");
  auto room = rooms_.reserve(id, bytes_min);
  if (!room)
    return room.error();
  incoming_ptr f{new incoming{*this}};
  f->room_ = std::move(*room);
  f->in_case_ = id;
  f->file_ = random_id(*deps_.random, "file_");
  auto w = deps_.blobs->put(folder(id, f->file_) + "content", "application/octet-stream");
  if (!w)
    return w.error();
  f->content_ = std::move(*w);
  return f;
}

outcome<file_shelf::incoming_ptr> file_shelf::begin(const open_upload& upload, const work_control& control) {
  auto room = rooms_.reserve(upload.in_case, 0, true);
  if (!room)
    return room.error();
  incoming_ptr f{new incoming{*this}};
  f->room_ = std::move(*room);
  f->in_case_ = upload.in_case;
  f->file_ = upload.id;
  auto w = deps_.blobs->put(folder(upload.in_case, upload.id) + "content", "application/octet-stream");
  if (!w)
    return w.error();
  f->content_ = std::move(*w);
  auto copied = uploads_.bytes_of(upload, [&](std::string_view piece) { return control.stopped() ? outcome<done_t>{cancelled()} : f->write(piece); });
  if (!copied)
    return copied.error();
  if (auto sealed = f->seal(); !sealed)
    return sealed.error();
  return f;
}

outcome<done_t> file_shelf::incoming::write(std::string_view bytes) {
  const auto& limits = owner_.settings_;
  if (bytes.size() > limits.upload_bytes_max - std::min(bytes_, limits.upload_bytes_max))
    return make_failure(errc::too_large, "A file may have " + std::to_string(limits.upload_bytes_max) + " bytes; this one has more.");
  if (auto r = room_.grow_to(bytes_ + bytes.size()); !r)
    return r;
  if (auto r = content_->write(bytes); !r)
    return r;
  bytes_ += bytes.size();
  return done;
}

outcome<done_t> file_shelf::incoming::seal() {
  if (bytes_ == 0) {
    auto f = make_failure(errc::invalid, "The file is empty.");
    return f.with_fact("field", "file");
  }
  auto& blobs = *owner_.deps_.blobs;
  marked_ = true; // even when the next line fails: it may have been written
  if (auto w = write_blob(blobs, marker(file_), "text/plain", in_case_.value); !w)
    return w.error();
  auto info = content_->finish();
  content_.reset();
  if (!info)
    return info.error();
  sha256_ = info->sha256;
  return done;
}

file_shelf::incoming::~incoming() {
  content_.reset();
  if (!marked_)
    return;
  if (!kept_)
    if (auto r = owner_.remove_blobs(in_case_, file_); !r) {
      log::warn("files", "the bytes of a refused upload stay behind until the next start: " + r.error().detail);
      return;
    }
  if (auto r = owner_.deps_.blobs->remove(marker(file_)); !r)
    log::warn("files", "a marker stays behind until the next start: " + r.error().detail);
}

outcome<done_t> file_shelf::remove_blobs(const case_id& id, const std::string& file) {
  for (const char* part : {"record.json", "analysis.json", "timeline.json", "threads.json", "search.index", "search.vectors", "sanitized", "content"}) // the record first: from then on it is gone
    if (auto r = deps_.blobs->remove(folder(id, file) + part); !r)
      return r.error();
  return done;
}

outcome<std::size_t> file_shelf::sweep_orphans() {
  constexpr std::size_t orphans_max = 10'000; // the next start takes the others
  auto left = deps_.blobs->list("incoming/", {}, orphans_max);
  if (!left)
    return left.error();
  std::size_t gone = 0;
  for (auto& b : left->blobs) {
    auto where = deps_.blobs->read(b.key, 0, 1'000);
    if (!where)
      return where.error();
    const case_id id{*where};
    const auto file = b.key.substr(marker({}).size());
    auto record = deps_.blobs->stat(folder(id, file) + "record.json");
    if (!record && record.error().code != errc::not_found)
      return record.error();
    if (!record) {
      if (auto r = remove_blobs(id, file); !r)
        return r.error();
      ++gone;
    }
    if (auto r = deps_.blobs->remove(b.key); !r)
      return r.error();
  }
  return gone;
}

outcome<stored_file> file_shelf::known(const case_account& account, const std::string& sha256) const {
  const auto* f = account.with_bytes(sha256);
  if (f == nullptr)
    return no_file();
  stored_file out;
  out.first = *f;
  out.first.duplicate_of = f->id;
  auto& a = out.second;
  a.data_type = f->data_type;
  a.confidence = f->confidence;
  a.summary = f->summary;
  a.insights = f->insights;
  a.error = f->error;
  return out;
}

file_context file_shelf::context_of(std::vector<case_file> files, const std::string& name) const {
  std::stable_sort(files.begin(), files.end(), [](auto& a, auto& b) { return a.uploaded_at > b.uploaded_at; });
  file_context out;
  for (auto& f : files) { // newest first
    if (out.earlier_name.empty() && f.name == name && f.data_type == "structured_config" && f.bytes <= compared_bytes_max)
      if (auto bytes = deps_.blobs->read(folder(f.in_case, f.id) + "content", 0, f.bytes)) {
        out.earlier_name = f.name;
        out.earlier = std::move(*bytes);
      }
    if (f.stack_bytes > 0 && out.stack_text.size() + f.stack_bytes <= stack_bytes_max)
      if (auto json = deps_.blobs->read(folder(f.in_case, f.id) + "timeline.json", 0, 64U << 20))
        out.stack_text += stack_text_of(*json);
  }
  return out;
}

outcome<stored_file> file_shelf::keep(incoming& file, const principal& who, const file_details& details, const work_control& control) {
  case_file f;
  f.id = file.file_;
  f.in_case = file.in_case_;
  f.name = safe_file_name(details.name);
  f.content_type = details.content_type.substr(0, 200);
  f.description = to_valid_utf8(details.description).substr(0, 2'000);
  f.session = details.session;
  f.source_metadata = details.source_metadata;
  f.bytes = file.bytes();
  f.sha256 = file.sha256();
  f.uploaded_by = who.user;
  f.uploaded_at = deps_.clock->now();
  if (control.stopped())
    return cancelled();
  auto& account = file.room_.account();
  std::vector<case_file> others;
  {
    std::lock_guard lock{account.mutex};
    if (auto same = known(account, f.sha256))
      return same;
    for (auto& [id, other] : account.files)
      others.push_back(other);
  }
  auto context = context_of(std::move(others), f.name);
  // Without the lock: other files of the case are analysed at the same time.
  const auto own = folder(f.in_case, f.id);
  std::unique_ptr<blob_writer> copy;
  const auto take = [&](std::string_view piece) -> outcome<done_t> {
    if (!copy) {
      auto w = deps_.blobs->put(own + "sanitized", "application/octet-stream");
      if (!w)
        return w.error();
      copy = std::move(*w);
    }
    return copy->write(piece);
  };
  const blob_source source{*deps_.blobs, own + "content", f.bytes};
  auto a = deps_.analyse({f.name, f.content_type, details.data_type, source, std::move(context), take, control});
  if (control.stopped())
    return cancelled();
  f.data_type = a.data_type;
  f.confidence = a.confidence;
  f.summary = a.summary;
  f.insights = a.insights;
  f.error = a.error;
  f.redaction = a.redaction;
  f.sanitized_bytes = a.redaction == "copy" ? a.sanitized_bytes : 0;
  f.personal_data = a.personal_data;
  f.secrets = a.secrets;
  f.stack_bytes = a.stack_text.size();
  f.status = a.error.empty() ? "completed" : "failed";
  f.compression = a.text.empty() ? 0 : static_cast<double>(f.bytes) / static_cast<double>(a.text.size());
  f.processed_at = deps_.clock->now();
  if (a.redaction == "copy" && copy)
    if (auto w = copy->finish(); !w)
      return w.error();
  if (auto w = write_blob(*deps_.blobs, own + "analysis.json", "application/json", a.json.empty() ? "{}" : a.json); !w)
    return w.error();
  if (auto w = write_blob(*deps_.blobs, own + "timeline.json", "application/json", traces_json(a)); !w)
    return w.error();
  if (!a.threads.kinds.empty() || !a.threads.names.empty())
    if (auto w = write_blob(*deps_.blobs, own + "threads.json", "application/json", threads_json(a.threads)); !w)
      return w.error();
  std::lock_guard one{account.mutex};
  if (control.stopped())
    return cancelled();
  if (auto same = known(account, f.sha256)) // another upload had the same bytes meanwhile
    return same;
  if (auto w = write_blob(*deps_.blobs, own + "record.json", "application/json", record_json(f)); !w)
    return w.error();
  file.kept_ = true;
  account.files.emplace(f.id, f);
  return stored_file{std::move(f), std::move(a)};
}

outcome<std::vector<case_file>> file_shelf::list(const case_id& id) const {
  std::vector<case_file> out;
  std::string after;
  for (;;) {
    auto page = deps_.blobs->list(folder(id), after, 1'000);
    if (!page)
      return page.error();
    for (auto& blob : page->blobs) {
      after = blob.key;
      if (!blob.key.ends_with("/record.json"))
        continue;
      auto json = deps_.blobs->read(blob.key, 0, 1U << 20);
      if (!json) {
        if (json.error().code == errc::not_found)
          continue; // removed meanwhile
        return json.error();
      }
      if (auto f = read_record(*json))
        out.push_back(std::move(*f));
      else
        log::error("files", blob.key + ": " + f.error().detail);
    }
    if (!page->more)
      break;
  }
  std::stable_sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.uploaded_at < b.uploaded_at; });
  return out;
}

outcome<case_file> file_shelf::read(const case_id& id, const std::string& file) const {
  if (!sane_id(file))
    return no_file();
  auto json = deps_.blobs->read(folder(id, file) + "record.json", 0, 1U << 20);
  if (!json)
    return json.error().code == errc::not_found ? no_file() : json.error();
  return read_record(*json);
}

outcome<std::string> file_shelf::analysis(const case_id& id, const std::string& file) const {
  if (auto f = read(id, file); !f)
    return f.error();
  return deps_.blobs->read(folder(id, file) + "analysis.json", 0, 64U << 20);
}

outcome<std::string> file_shelf::bytes(const case_id& id, const std::string& file, std::uint64_t offset, std::uint64_t length, bool sanitized) const {
  auto f = read(id, file);
  if (!f)
    return f.error();
  if (sanitized && f->redaction != "copy" && f->redaction != "same")
    return make_failure(errc::not_found, "This file has no sanitized copy.");
  return deps_.blobs->read(folder(id, file) + (sanitized && f->redaction == "copy" ? "sanitized" : "content"), offset, length);
}

outcome<done_t> file_shelf::remove(const case_id& id, const std::string& file) {
  auto account = rooms_.account(id);
  if (!account)
    return account.error();
  std::lock_guard one{(*account)->mutex};
  if (auto f = read(id, file); !f)
    return f.error();
  (*account)->files.erase(file);
  return remove_blobs(id, file);
}

outcome<std::pair<std::vector<timeline_moment>, file_marks>> file_shelf::traces(const case_file& f) const {
  const auto key = folder(f.in_case, f.id) + "timeline.json";
  auto json = deps_.blobs->read(key, 0, 64U << 20);
  if (json)
    return read_traces(*json);
  if (json.error().code != errc::not_found)
    return json.error();
  const blob_source source{*deps_.blobs, folder(f.in_case, f.id) + "content", f.bytes};
  auto a = deps_.analyse({f.name, f.content_type, f.data_type, source, {}, {}, {}});
  if (auto w = write_blob(*deps_.blobs, key, "application/json", traces_json(a)); !w)
    log::warn("files", "a file's timeline is not kept: " + w.error().detail);
  return std::pair{std::move(a.moments), std::move(a.marks)};
}

outcome<std::vector<file_marks>> file_shelf::marks(const case_id& id) const {
  auto files = list(id);
  if (!files)
    return files.error();
  std::vector<file_marks> out;
  for (auto& f : *files)
    if (auto t = traces(f))
      out.push_back(std::move(t->second));
    else if (t.error().code != errc::not_found)
      return t.error();
  return out;
}

outcome<std::vector<cross_finding>> file_shelf::across(const case_id& id) const {
  auto files = list(id);
  if (!files)
    return files.error();
  const evidence::across_limits bounds;
  std::vector<evidence::threaded_file> known;
  for (auto f = files->rbegin(); f != files->rend() && known.size() < bounds.files_max; ++f) { // the newest
    if (f->data_type != "logs_and_errors")
      continue;
    auto json = deps_.blobs->read(folder(id, f->id) + "threads.json", 0, 16U << 20);
    if (!json && json.error().code != errc::not_found)
      return json.error();
    if (auto t = json ? read_threads(*json) : std::nullopt)
      known.push_back({f->id, f->name, std::move(*t)});
  }
  std::reverse(known.begin(), known.end());
  return evidence::across_files(known, bounds);
}

outcome<timeline_page> file_shelf::timeline(const case_id& id, const std::vector<message>& messages, std::uint64_t messages_before,
                                            const timeline_query& query) const {
  auto files = list(id);
  if (!files)
    return files.error();
  std::vector<evidence::timeline_file> said;
  for (auto& f : *files) {
    auto m = traces(f);
    if (!m && m.error().code == errc::not_found)
      continue; // removed meanwhile
    if (!m)
      return m.error();
    said.push_back({f.id, f.name, f.uploaded_at, std::move(m->first)});
  }
  return evidence::timeline_of(said, messages, query, settings_.timeline, messages_before);
}

} // namespace fm
