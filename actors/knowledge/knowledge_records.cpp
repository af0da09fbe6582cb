// Names, records and versions.
#include "actors/knowledge/knowledge_records.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"
#include "storage/ports/blob_io.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <simdjson.h>

namespace fm {
namespace {
constexpr std::uint64_t record_bytes_max = 1U << 20;

std::string owner_part(const knowledge_scope& s) { return s.global() ? "global" : !s.team.empty() ? s.team.value : s.owner.value; }

std::string version_key(const knowledge_document& d, std::uint32_t version) {
  auto number = std::to_string(version);
  return folder_of(d) + "/versions/" + std::string(8 - std::min<std::size_t>(8, number.size()), '0') + number + ".json";
}
/// In which version a text came: "text" in the first, "text-7" in the seventh.
std::uint32_t version_of_text(std::string_view name) {
  std::uint32_t n = 1;
  if (name.starts_with("text-"))
    std::from_chars(name.data() + 5, name.data() + name.size(), n);
  return n;
}
} // namespace

std::string folder_of(const knowledge_document& d) { return "knowledge/" + owner_part(d.scope) + "/" + d.id; }
std::string text_key(const knowledge_document& d) { return folder_of(d) + "/" + d.text_name; }
std::string record_key(const knowledge_document& d) { return folder_of(d) + "/record.json"; }

std::string collection_of(const knowledge_scope& s) {
  if (s.global())
    return "global_kb";
  std::string out = s.team.empty() ? "user_kb_" + ascii_lower(s.owner.value) : "team_kb_" + ascii_lower(s.team.value);
  for (auto& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
      c = '-';
  return out.substr(0, 127) + (out.back() == '_' || out.back() == '-' ? "0" : "");
}

std::string chunk_id(const std::string& document, std::size_t number) { return document + "#" + std::to_string(number); }
std::pair<std::string, std::size_t> parts_of_chunk(std::string_view id) {
  const auto mark = std::min(id.rfind('#'), id.size());
  std::size_t n = 0;
  if (mark < id.size())
    std::from_chars(id.data() + mark + 1, id.data() + id.size(), n);
  return {std::string{id.substr(0, mark)}, n};
}

std::string knowledge_record_json(const knowledge_document& d) {
  std::string out;
  json_writer w{out};
  w.begin_object();
  // 2: with teams and versions. A program that knows only 1 must not take a team's document for everybody's.
  w.member("v", 2).member("id", d.id).member("owner", d.scope.owner.value).member("team", d.scope.team.value).member("title", d.title);
  w.member("document_type", d.document_type).member("category", d.category).member("format", d.format);
  w.key("tags").begin_array();
  for (auto& t : d.tags)
    w.value(t);
  w.end_array();
  w.member("bytes", d.bytes).member("sha256", d.sha256).member("version", d.version).member("chunks", d.chunks).member("text", d.text_name);
  w.member("embedder", d.embedder).member("created_by", d.created_by.value).member("updated_by", d.updated_by.value);
  w.member("created_at", to_iso8601(d.created_at)).member("updated_at", to_iso8601(d.updated_at));
  w.end_object();
  return out;
}

outcome<knowledge_document> read_knowledge_record(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const auto text = [&](const char* name) {
    std::string_view v;
    return root[name].get_string().get(v) == simdjson::SUCCESS ? std::string{v} : std::string{};
  };
  const auto number = [&](const char* name) {
    std::uint64_t v = 0;
    return root[name].get_uint64().get(v) == simdjson::SUCCESS ? v : 0;
  };
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || number("v") < 1 || number("v") > 2)
    return make_unavailable("A knowledge record is damaged or of a newer version.");
  knowledge_document d;
  d.id = text("id");
  d.scope = {user_id{text("owner")}, team_id{text("team")}};
  d.title = text("title");
  d.document_type = text("document_type");
  d.category = text("category");
  d.format = text("format");
  d.sha256 = text("sha256");
  d.bytes = number("bytes");
  d.version = static_cast<std::uint32_t>(number("version"));
  d.chunks = static_cast<std::uint32_t>(number("chunks"));
  d.embedder = text("embedder"); // records of version 1 do not name it: they are embedded once more
  d.text_name = text("text").empty() ? "text" : text("text");
  d.created_by = user_id{text("created_by")};
  d.updated_by = text("updated_by").empty() ? d.created_by : user_id{text("updated_by")};
  d.created_at = from_iso8601(text("created_at")).value_or(timestamp{});
  d.updated_at = from_iso8601(text("updated_at")).value_or(timestamp{});
  simdjson::dom::array tags;
  if (root["tags"].get_array().get(tags) == simdjson::SUCCESS)
    for (auto t : tags)
      if (std::string_view v; t.get_string().get(v) == simdjson::SUCCESS)
        d.tags.emplace_back(v);
  return d;
}

outcome<done_t> keep_version(blob_store& blobs, const knowledge_document& d) {
  return write_blob(blobs, version_key(d, d.version), "application/json", knowledge_record_json(d));
}

outcome<std::vector<knowledge_document>> kept_versions(const blob_store& blobs, const knowledge_document& d) {
  std::vector<knowledge_document> out;
  auto read = each_blob(blobs, folder_of(d) + "/versions/", [&](const blob_info& blob) -> outcome<done_t> {
    auto json = read_blob(blobs, blob.key, record_bytes_max);
    if (!json)
      return json.error().code == errc::not_found ? outcome<done_t>{done} : json.error(); // pruned meanwhile
    auto version = read_knowledge_record(*json);
    if (!version)
      return version.error();
    if (version->version < d.version) // a change that was cut off kept the version that is still the present one
      out.push_back(std::move(*version));
    return done;
  });
  if (!read)
    return read.error();
  return out;
}

outcome<knowledge_document> kept_version(const blob_store& blobs, const knowledge_document& d, std::uint32_t version) {
  const auto gone = make_failure(errc::not_found, "This version of the document is not there, or no longer kept.");
  if (version >= d.version)
    return gone;
  auto json = read_blob(blobs, version_key(d, version), record_bytes_max);
  if (!json)
    return json.error().code == errc::not_found ? gone : json.error();
  return read_knowledge_record(*json);
}

outcome<done_t> prune_versions(blob_store& blobs, const knowledge_document& d, std::size_t kept_max) {
  auto kept = kept_versions(blobs, d);
  if (!kept)
    return kept.error();
  const auto surplus = kept->size() - std::min(kept->size(), kept_max);
  if (surplus == 0)
    return done;
  for (std::size_t i = 0; i < surplus; ++i)
    if (auto gone = blobs.remove(version_key(d, (*kept)[i].version)); !gone)
      return gone.error();
  const auto oldest = version_of_text(surplus < kept->size() ? (*kept)[surplus].text_name : d.text_name);
  std::vector<std::string> unused;
  auto read = each_blob(blobs, folder_of(d) + "/text", [&](const blob_info& blob) -> outcome<done_t> {
    const auto name = std::string_view{blob.key}.substr(folder_of(d).size() + 1);
    if (version_of_text(name) < oldest)
      unused.push_back(blob.key);
    return done;
  });
  if (!read)
    return read.error();
  for (auto& key : unused)
    if (auto gone = blobs.remove(key); !gone)
      return gone.error();
  return done;
}

failure invalid_document(const char* field, std::string sentence) {
  auto f = make_failure(errc::invalid, std::move(sentence));
  return f.with_fact("field", field);
}

std::optional<failure> wrong_words(const knowledge_document& d) {
  if (trimmed(d.title).empty() || utf8_length(d.title) > 200)
    return invalid_document("title", "title must have 1 to 200 characters.");
  if (d.document_type.size() > 64)
    return invalid_document("document_type", "document_type may have 64 bytes at most.");
  if (d.category.size() > 64)
    return invalid_document("category", "category may have 64 bytes at most.");
  if (d.tags.size() > 32 || std::any_of(d.tags.begin(), d.tags.end(), [](auto& t) { return t.empty() || t.size() > 64; }))
    return invalid_document("tags", "tags may be 32 at most, each with 1 to 64 bytes.");
  return std::nullopt;
}

bool is_known_format(const std::string& format) {
  static const std::set<std::string> formats{"markdown", "text", "html", "csv", "json", "pdf", "docx"};
  return formats.contains(format);
}

} // namespace fm
