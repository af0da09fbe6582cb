// Keys and records.
#include "actors/files/file_shelf.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <simdjson.h>

namespace fm {
namespace {
std::string folder(const case_id& c) { return "cases/" + c.value + "/"; }
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
  w.end_array().end_object();
  return out;
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

failure cancelled() { return make_conflict("CANCELLED", "The analysis was cancelled; the file was not kept."); }
failure no_file() { return make_failure(errc::not_found, "There is no such file in this case."); }
bool sane_id(const std::string& id) {
  return id.starts_with("file_") && id.size() == 17 && std::all_of(id.begin() + 5, id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

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
} // namespace

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

outcome<std::optional<std::pair<case_file, file_analysis>>> file_shelf::room_for(const case_id& id, const std::string& sha, std::uint64_t bytes) const {
  auto held = list(id);
  if (!held)
    return held.error();
  std::uint64_t sum = 0;
  for (auto& f : *held) {
    sum += f.bytes;
    if (f.sha256 == sha) {
      auto again = f;
      again.duplicate_of = f.id;
      file_analysis a;
      a.data_type = f.data_type;
      a.confidence = f.confidence;
      a.summary = f.summary;
      a.insights = f.insights;
      a.error = f.error;
      return std::optional{std::pair{std::move(again), std::move(a)}};
    }
  }
  if (held->size() >= settings_.case_files_max || sum + bytes > settings_.case_bytes_max)
    return make_failure(errc::too_large, "This case has no room for another file: at most " + std::to_string(settings_.case_files_max) + " files and " +
                                             std::to_string(settings_.case_bytes_max >> 20U) + " MiB in all.");
  return std::optional<std::pair<case_file, file_analysis>>{};
}

outcome<std::pair<case_file, file_analysis>> file_shelf::put(const principal& who, const case_id& id, const new_file& file, const work_control& control) {
  if (!file.bytes || file.bytes->empty()) {
    auto f = make_failure(errc::invalid, "The file is empty.");
    return f.with_fact("field", "file");
  }
  if (file.bytes->size() > settings_.upload_bytes_max)
    return make_failure(errc::too_large, "A file may have " + std::to_string(settings_.upload_bytes_max) + " bytes; this one has " + std::to_string(file.bytes->size()) + ".");
  const auto sha = sha256_hex(*file.bytes);
  if (control.stopped())
    return cancelled();
  {
    std::lock_guard one{gate(id)};
    auto place = room_for(id, sha, file.bytes->size());
    if (!place)
      return place.error();
    if (*place)
      return std::move(**place);
  }
  case_file f;
  f.id = random_id(*deps_.random, "file_");
  f.in_case = id;
  f.name = safe_file_name(file.name);
  f.content_type = file.content_type.substr(0, 200);
  f.description = to_valid_utf8(file.description).substr(0, 2'000);
  f.bytes = file.bytes->size();
  f.sha256 = sha;
  f.uploaded_by = who.user;
  f.uploaded_at = deps_.clock->now();
  if (auto w = write_blob(*deps_.blobs, folder(id, f.id) + "content", "application/octet-stream", *file.bytes); !w)
    return w.error();
  // Without the lock: other files of the case are analysed at the same time.
  std::unique_ptr<blob_writer> copy;
  const auto take = [&](std::string_view piece) -> outcome<done_t> {
    if (!copy) {
      auto w = deps_.blobs->put(folder(id, f.id) + "sanitized", "application/octet-stream");
      if (!w)
        return w.error();
      copy = std::move(*w);
    }
    return copy->write(piece);
  };
  const memory_source source{*file.bytes};
  auto a = deps_.analyse({f.name, f.content_type, file.data_type, source, {}, take, control});
  std::lock_guard one{gate(id)};
  auto place = control.stopped() ? outcome<std::optional<std::pair<case_file, file_analysis>>>{cancelled()} : room_for(id, sha, file.bytes->size());
  if (!place || *place) { // stopped, or another upload took the room or had the same bytes meanwhile
    if (auto gone = deps_.blobs->remove(folder(id, f.id) + "content"); !gone)
      log::warn("files", "the bytes of a refused upload stay behind: " + gone.error().detail);
    if (!place)
      return place.error();
    return std::move(**place);
  }
  f.data_type = a.data_type;
  f.confidence = a.confidence;
  f.summary = a.summary;
  f.insights = a.insights;
  f.error = a.error;
  f.redaction = a.redaction;
  f.sanitized_bytes = a.redaction == "copy" ? a.sanitized_bytes : 0;
  f.personal_data = a.personal_data;
  f.secrets = a.secrets;
  if (a.redaction == "copy" && copy)
    if (auto w = copy->finish(); !w)
      return w.error();
  f.status = a.error.empty() ? "completed" : "failed";
  f.compression = a.text.empty() ? 0 : static_cast<double>(f.bytes) / static_cast<double>(a.text.size());
  f.processed_at = deps_.clock->now();
  if (auto w = write_blob(*deps_.blobs, folder(id, f.id) + "analysis.json", "application/json", a.json.empty() ? "{}" : a.json); !w)
    return w.error();
  if (auto w = write_blob(*deps_.blobs, folder(id, f.id) + "timeline.json", "application/json", traces_json(a)); !w)
    return w.error();
  if (auto w = write_blob(*deps_.blobs, folder(id, f.id) + "record.json", "application/json", record_json(f)); !w)
    return w.error();
  return std::pair{std::move(f), std::move(a)};
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
  std::lock_guard one{gate(id)};
  if (auto f = read(id, file); !f)
    return f.error();
  for (const char* part : {"record.json", "analysis.json", "timeline.json", "search.index", "search.vectors", "sanitized", "content"}) // the record first: from then on it is gone
    if (auto r = deps_.blobs->remove(folder(id, file) + part); !r)
      return r.error();
  return done;
}

outcome<std::pair<std::vector<timeline_moment>, file_marks>> file_shelf::traces(const case_file& f) const {
  const auto key = folder(f.in_case, f.id) + "timeline.json";
  auto json = deps_.blobs->read(key, 0, 64U << 20);
  if (json)
    return read_traces(*json);
  if (json.error().code != errc::not_found)
    return json.error();
  auto bytes = deps_.blobs->read(folder(f.in_case, f.id) + "content", 0, f.bytes);
  if (!bytes)
    return bytes.error();
  auto a = deps_.analyse({f.name, f.content_type, f.data_type, memory_source{*bytes}, {}, {}, {}});
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
