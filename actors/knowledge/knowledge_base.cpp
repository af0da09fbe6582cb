// Documents, pieces and the two indexes.
#include "actors/knowledge/knowledge_base.hpp"

#include "actors/search/full_text_index.hpp"
#include "actors/search/words.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <simdjson.h>
#include <unordered_map>

namespace fm {
namespace {
constexpr std::size_t candidates = 60; ///< of each list before they are fused
constexpr std::size_t embed_batch = 64;
const std::set<std::string> formats{"markdown", "text", "html", "csv", "json", "pdf", "docx"};

std::string owner_part(const knowledge_scope& s) { return s.owner.empty() ? "global" : s.owner.value; }
std::string folder_of(const knowledge_document& d) { return "knowledge/" + owner_part(d.scope) + "/" + d.id; }
std::string collection_of(const knowledge_scope& s) {
  if (s.owner.empty())
    return "global_kb";
  std::string out = "user_kb_" + ascii_lower(s.owner.value);
  for (auto& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
      c = '-';
  return out.substr(0, 127) + (out.back() == '_' || out.back() == '-' ? "0" : "");
}
std::string chunk_id(const std::string& document, std::size_t number) { return document + "#" + std::to_string(number); }
std::string document_of_chunk(std::string_view id) { return std::string{id.substr(0, id.rfind('#'))}; }

std::string record_json(const knowledge_document& d) {
  std::string out;
  json_writer w{out};
  w.begin_object();
  w.member("v", 1).member("id", d.id).member("owner", d.scope.owner.value).member("title", d.title);
  w.member("document_type", d.document_type).member("category", d.category).member("format", d.format);
  w.key("tags").begin_array();
  for (auto& t : d.tags)
    w.value(t);
  w.end_array();
  w.member("bytes", d.bytes).member("sha256", d.sha256).member("version", d.version).member("chunks", d.chunks);
  w.member("indexed", d.indexed).member("created_by", d.created_by.value);
  w.member("created_at", to_iso8601(d.created_at)).member("updated_at", to_iso8601(d.updated_at));
  w.end_object();
  return out;
}

outcome<knowledge_document> read_record(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  knowledge_document d;
  const auto text = [&](const char* name) {
    std::string_view v;
    return root[name].get_string().get(v) == simdjson::SUCCESS ? std::string{v} : std::string{};
  };
  const auto number = [&](const char* name) {
    std::uint64_t v = 0;
    return root[name].get_uint64().get(v) == simdjson::SUCCESS ? v : 0;
  };
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || number("v") != 1)
    return make_unavailable("A knowledge record is damaged or of a newer version.");
  d.id = text("id");
  d.scope.owner = user_id{text("owner")};
  d.title = text("title");
  d.document_type = text("document_type");
  d.category = text("category");
  d.format = text("format");
  d.sha256 = text("sha256");
  d.bytes = number("bytes");
  d.version = static_cast<std::uint32_t>(number("version"));
  d.chunks = static_cast<std::uint32_t>(number("chunks"));
  bool indexed = false;
  d.indexed = root["indexed"].get_bool().get(indexed) == simdjson::SUCCESS && indexed;
  d.created_by = user_id{text("created_by")};
  d.created_at = from_iso8601(text("created_at")).value_or(timestamp{});
  d.updated_at = from_iso8601(text("updated_at")).value_or(timestamp{});
  simdjson::dom::array tags;
  if (root["tags"].get_array().get(tags) == simdjson::SUCCESS)
    for (auto t : tags)
      if (std::string_view v; t.get_string().get(v) == simdjson::SUCCESS)
        d.tags.emplace_back(v);
  return d;
}

outcome<std::string> read_whole(const blob_store& blobs, const std::string& key, std::size_t bytes_max) {
  auto info = blobs.stat(key);
  if (!info)
    return info.error();
  if (info->size > bytes_max)
    return make_failure(errc::too_large, "A stored document is larger than the setting allows.");
  return blobs.read(key, 0, info->size);
}
outcome<done_t> write_whole(blob_store& blobs, const std::string& key, const std::string& type, std::string_view bytes) {
  auto writer = blobs.put(key, type);
  if (!writer)
    return writer.error();
  if (auto w = (*writer)->write(bytes); !w)
    return w.error();
  if (auto f = (*writer)->finish(); !f)
    return f.error();
  return done;
}

failure invalid(const char* field, std::string sentence) {
  auto f = make_failure(errc::invalid, std::move(sentence));
  f.with_fact("field", field);
  return f;
}
std::optional<failure> wrong_words(const std::string& title, const std::string& type, const std::string& category,
                                   const std::vector<std::string>& tags) {
  if (trimmed(title).empty() || utf8_length(title) > 200)
    return invalid("title", "title must have 1 to 200 characters.");
  if (type.size() > 64)
    return invalid("document_type", "document_type may have 64 bytes at most.");
  if (category.size() > 64)
    return invalid("category", "category may have 64 bytes at most.");
  if (tags.size() > 32 || std::any_of(tags.begin(), tags.end(), [](auto& t) { return t.empty() || t.size() > 64; }))
    return invalid("tags", "tags may be 32 at most, each with 1 to 64 bytes.");
  return std::nullopt;
}
failure nothing_there() { return make_failure(errc::not_found, "There is no such document, or you have no access to it."); }
} // namespace

struct knowledge_base::state {
  struct book {
    knowledge_document record;
    std::vector<text_chunk> chunks; ///< without their text
  };
  knowledge_settings settings;
  knowledge_deps deps;
  mutable std::shared_mutex mutex;
  std::mutex writing; ///< one writer at a time; taken before `mutex`
  std::map<std::string, book> books;
  full_text_index words;

  static bool visible(const knowledge_document& d, const user_id& viewer) { return d.scope.owner.empty() || d.scope.owner == viewer; }

  std::string index_title(const knowledge_document& d) const {
    std::string out = d.title;
    for (auto& t : d.tags)
      out += " " + t;
    return out + " " + d.category;
  }

  /// Makes a document findable by words. The lock is held.
  void shelve(knowledge_document d, std::vector<text_chunk> chunks) {
    unshelve(d.id);
    const auto title = index_title(d);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      words.add(chunk_id(d.id, i), title, chunks[i].text);
      std::string{}.swap(chunks[i].text);
    }
    const auto id = d.id;
    books[id] = {std::move(d), std::move(chunks)};
  }
  void unshelve(const std::string& id) {
    const auto found = books.find(id);
    if (found == books.end())
      return;
    for (std::size_t i = 0; i < found->second.chunks.size(); ++i)
      words.remove(chunk_id(id, i));
    books.erase(found);
  }

  /// Puts the pieces into the vector store; what was there of an earlier version goes.
  outcome<done_t> embed(const knowledge_document& d, const std::vector<text_chunk>& chunks, std::size_t old_chunks) {
    const auto collection = collection_of(d.scope);
    if (auto made = deps.vectors->create_collection(collection, deps.model->dimension(), {{"embedder", deps.model->name()}}); !made)
      return made.error();
    for (std::size_t at = 0; at < chunks.size(); at += embed_batch) {
      std::vector<std::string> texts;
      for (std::size_t i = at; i < std::min(chunks.size(), at + embed_batch); ++i)
        texts.push_back(d.title + "\n" + chunks[i].heading + "\n" + chunks[i].text);
      auto vectors = deps.model->embed(texts);
      if (!vectors)
        return vectors.error();
      std::vector<vector_item> items;
      for (std::size_t i = 0; i < vectors->size(); ++i)
        items.push_back({chunk_id(d.id, at + i), std::move((*vectors)[i]), {}, {{"document", d.id}}});
      if (auto put = deps.vectors->upsert(collection, items); !put)
        return put.error();
    }
    std::vector<std::string> gone;
    for (auto i = chunks.size(); i < old_chunks; ++i)
      gone.push_back(chunk_id(d.id, i));
    if (!gone.empty())
      if (auto removed = deps.vectors->remove(collection, gone); !removed)
        return removed.error();
    return done;
  }

  outcome<done_t> store(const knowledge_document& d, const std::string* text) {
    if (text != nullptr)
      if (auto w = write_whole(*deps.blobs, folder_of(d) + "/text", "text/plain; charset=utf-8", *text); !w)
        return w.error();
    return write_whole(*deps.blobs, folder_of(d) + "/record.json", "application/json", record_json(d));
  }

  /// Chunks, embeds, stores, shelves: the one way in.
  outcome<knowledge_document> put(knowledge_document d, const std::string& text, std::size_t old_chunks) {
    auto pieces = chunks_of(text, settings.chunking);
    d.chunks = static_cast<std::uint32_t>(pieces.chunks.size());
    d.bytes = text.size();
    d.sha256 = to_hex(sha256(text));
    const auto embedded = embed(d, pieces.chunks, old_chunks);
    d.indexed = embedded.has_value();
    if (!embedded)
      log::warn("knowledge", "document " + d.id + " is found by words only until it is embedded: " + embedded.error().detail);
    if (auto stored = store(d, &text); !stored)
      return stored.error();
    std::unique_lock lock{mutex};
    shelve(d, std::move(pieces.chunks));
    return d;
  }
};

knowledge_base::knowledge_base(knowledge_settings settings, knowledge_deps deps) : state_(std::make_unique<state>()) {
  state_->settings = settings;
  state_->deps = std::move(deps);
}
knowledge_base::~knowledge_base() = default;

outcome<std::uint64_t> knowledge_base::load() {
  auto& s = *state_;
  std::lock_guard writing{s.writing};
  std::string after;
  std::uint64_t count = 0;
  for (;;) {
    auto page = s.deps.blobs->list("knowledge/", after, 1'000);
    if (!page)
      return page.error();
    for (auto& blob : page->blobs) {
      after = blob.key;
      if (!blob.key.ends_with("/record.json"))
        continue;
      auto json = read_whole(*s.deps.blobs, blob.key, 1U << 20);
      if (!json)
        return json.error();
      auto record = read_record(*json);
      if (!record) {
        log::error("knowledge", blob.key + ": " + record.error().detail);
        continue;
      }
      auto text = read_whole(*s.deps.blobs, folder_of(*record) + "/text", std::max<std::size_t>(s.settings.document_bytes_max, 64U << 20));
      if (!text) {
        log::error("knowledge", blob.key + ": " + text.error().detail);
        continue;
      }
      auto pieces = chunks_of(*text, s.settings.chunking);
      std::unique_lock lock{s.mutex};
      s.shelve(std::move(*record), std::move(pieces.chunks));
      ++count;
    }
    if (!page->more)
      return count;
  }
}

outcome<std::uint64_t> knowledge_base::repair() {
  auto& s = *state_;
  std::map<std::string, std::uint64_t> expected;
  std::vector<knowledge_document> all;
  {
    std::shared_lock lock{s.mutex};
    for (auto& [id, b] : s.books) {
      expected[collection_of(b.record.scope)] += b.record.indexed ? b.chunks.size() : 0;
      all.push_back(b.record);
    }
  }
  std::set<std::string> broken;
  for (auto& [name, count] : expected) {
    auto info = s.deps.vectors->collection(name);
    if (!info && info.error().code != errc::not_found)
      return info.error();
    const auto* made_by = info && info->metadata.contains("embedder") ? std::get_if<std::string>(&info->metadata.find("embedder")->second) : nullptr;
    if (info && (made_by == nullptr || *made_by != s.deps.model->name() || info->dimension != s.deps.model->dimension())) {
      if (auto dropped = s.deps.vectors->drop_collection(name); !dropped)
        return dropped.error();
      broken.insert(name);
    } else if (!info || info->count != count) {
      broken.insert(name);
    }
  }
  std::uint64_t repaired = 0;
  for (auto& d : all) {
    if (d.indexed && !broken.contains(collection_of(d.scope)))
      continue;
    std::lock_guard writing{s.writing};
    {
      std::shared_lock lock{s.mutex};
      const auto found = s.books.find(d.id);
      if (found == s.books.end() || found->second.record.version != d.version)
        continue; // changed meanwhile, and embedded then
    }
    auto text = read_whole(*s.deps.blobs, folder_of(d) + "/text", 64U << 20);
    if (!text)
      return text.error();
    if (auto again = s.put(d, *text, d.chunks); !again)
      return again.error();
    else if (!again->indexed)
      return make_unavailable("The embedder does not answer; documents are found by words until it does.", std::chrono::seconds{30});
    ++repaired;
  }
  return repaired;
}

outcome<knowledge_document> knowledge_base::add(const user_id& by, knowledge_draft draft) {
  auto& s = *state_;
  if (draft.format.empty())
    draft.format = "markdown";
  if (!formats.contains(draft.format))
    return invalid("format", "format must be markdown, text, html, csv, json, pdf or docx.");
  if (auto wrong = wrong_words(draft.title, draft.document_type, draft.category, draft.tags))
    return *wrong;
  auto text = std::move(draft.content);
  if (draft.format == "pdf" || draft.format == "docx" || draft.format == "html") {
    if (!s.deps.to_text)
      return make_failure(errc::unsupported_media_type, "This server cannot read " + draft.format + " files.");
    auto read = s.deps.to_text(draft.format, draft.file_name, text);
    if (!read) {
      auto f = read.error();
      return f.code == errc::invalid ? f.with_fact("field", "content") : f;
    }
    text = std::move(*read);
  }
  if (text.size() > s.settings.document_bytes_max)
    return make_failure(errc::too_large, "A document may have " + std::to_string(s.settings.document_bytes_max) + " bytes of text.");
  if (!is_valid_utf8(text))
    text = to_valid_utf8(text);
  if (trimmed(text).empty())
    return invalid("content", "content must not be empty.");
  std::lock_guard writing{s.writing};
  {
    std::shared_lock lock{s.mutex};
    const auto held = static_cast<std::size_t>(
        std::count_if(s.books.begin(), s.books.end(), [&](auto& b) { return b.second.record.scope == draft.scope; }));
    if (held >= s.settings.documents_max)
      return make_failure(errc::too_large, "There is no room for more than " + std::to_string(s.settings.documents_max) + " documents.");
  }
  knowledge_document d;
  d.id = random_id(*s.deps.random, "doc_");
  d.scope = draft.scope;
  d.title = std::string{trimmed(draft.title)};
  d.document_type = draft.document_type.empty() ? "reference" : draft.document_type;
  d.category = draft.category;
  d.tags = draft.tags;
  d.format = draft.format;
  d.created_by = by;
  d.created_at = d.updated_at = s.deps.clock->now();
  return s.put(std::move(d), text, 0);
}

outcome<std::pair<knowledge_document, std::string>> knowledge_base::read(const user_id& viewer, const std::string& id) const {
  auto& s = *state_;
  knowledge_document d;
  {
    std::shared_lock lock{s.mutex};
    const auto found = s.books.find(id);
    if (found == s.books.end() || !state::visible(found->second.record, viewer))
      return nothing_there();
    d = found->second.record;
  }
  auto text = s.deps.blobs->read(folder_of(d) + "/text", 0, d.bytes);
  if (!text)
    return text.error();
  return std::pair{std::move(d), std::move(*text)};
}

outcome<knowledge_document> knowledge_base::change(const user_id& viewer, const std::string& id, const knowledge_patch& p,
                                                   std::optional<std::uint32_t> expected_version) {
  auto& s = *state_;
  std::lock_guard writing{s.writing};
  auto now = read(viewer, id);
  if (!now)
    return now.error();
  auto& [d, text] = *now;
  if (expected_version && *expected_version != d.version) {
    auto f = make_conflict("CASE_VERSION_CONFLICT", "The document was changed meanwhile; read it again.");
    f.with_fact("expected_version", std::to_string(*expected_version)).with_fact("actual_version", std::to_string(d.version));
    return f;
  }
  d.title = std::string{trimmed(p.title.value_or(d.title))};
  d.document_type = p.document_type.value_or(d.document_type);
  d.category = p.category.value_or(d.category);
  d.tags = p.tags.value_or(d.tags);
  if (auto wrong = wrong_words(d.title, d.document_type, d.category, d.tags))
    return *wrong;
  auto next = p.content ? to_valid_utf8(*p.content) : text;
  if (trimmed(next).empty())
    return invalid("content", "content must not be empty.");
  if (next.size() > s.settings.document_bytes_max)
    return make_failure(errc::too_large, "A document may have " + std::to_string(s.settings.document_bytes_max) + " bytes of text.");
  ++d.version;
  d.updated_at = s.deps.clock->now();
  const auto old_chunks = d.chunks;
  return s.put(std::move(d), next, old_chunks);
}

outcome<done_t> knowledge_base::remove(const user_id& viewer, const std::string& id) {
  auto& s = *state_;
  std::lock_guard writing{s.writing};
  knowledge_document d;
  {
    std::shared_lock lock{s.mutex};
    const auto found = s.books.find(id);
    if (found == s.books.end() || !state::visible(found->second.record, viewer))
      return nothing_there();
    d = found->second.record;
  }
  // The record first: a crash after it leaves a text that nobody shows.
  if (auto gone = s.deps.blobs->remove(folder_of(d) + "/record.json"); !gone)
    return gone.error();
  {
    std::unique_lock lock{s.mutex};
    s.unshelve(id);
  }
  if (auto gone = s.deps.blobs->remove(folder_of(d) + "/text"); !gone)
    log::warn("knowledge", "the text of a removed document stays: " + gone.error().detail);
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < d.chunks; ++i)
    pieces.push_back(chunk_id(id, i));
  for (std::size_t at = 0; at < pieces.size(); at += 1'000)
    if (auto gone = s.deps.vectors->remove(collection_of(d.scope), std::span{pieces}.subspan(at, std::min<std::size_t>(1'000, pieces.size() - at))); !gone)
      log::warn("knowledge", "vectors of a removed document stay until the next repair: " + gone.error().detail);
  return done;
}

namespace {
bool fits(const knowledge_document& d, const user_id& viewer, bool global, bool own, const std::string& type, const std::string& category,
          const std::string& tag) {
  const bool mine = !d.scope.owner.empty() && d.scope.owner == viewer;
  if (!((d.scope.owner.empty() && global) || (mine && own)))
    return false;
  return (type.empty() || d.document_type == type) && (category.empty() || d.category == category) &&
         (tag.empty() || std::find(d.tags.begin(), d.tags.end(), tag) != d.tags.end());
}
} // namespace

knowledge_list knowledge_base::list(const user_id& viewer, bool global, bool own, const std::string& type, const std::string& category,
                                    const std::string& tag, std::size_t limit, std::size_t offset) const {
  auto& s = *state_;
  knowledge_list out;
  std::vector<const knowledge_document*> all;
  std::shared_lock lock{s.mutex};
  for (auto& [id, b] : s.books)
    if (fits(b.record, viewer, global, own, type, category, tag))
      all.push_back(&b.record);
  std::stable_sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->created_at > b->created_at; });
  out.total = all.size();
  for (std::size_t i = offset; i < std::min(all.size(), offset + limit); ++i)
    out.documents.push_back(*all[i]);
  return out;
}

outcome<std::vector<knowledge_hit>> knowledge_base::search(const knowledge_query& q) const {
  auto& s = *state_;
  if (trimmed(q.text).empty() || utf8_length(q.text) > 2'000)
    return invalid("query", "query must have 1 to 2,000 characters.");
  const auto wanted = [&](const std::string& chunk) { // the lock is held
    const auto found = s.books.find(document_of_chunk(chunk));
    return found != s.books.end() && fits(found->second.record, q.viewer, q.global, q.own, q.document_type, q.category, q.tag);
  };
  std::vector<std::string> by_words;
  {
    std::shared_lock lock{s.mutex};
    for (auto& h : s.words.search(q.text, candidates, wanted))
      by_words.push_back(h.id);
  }
  // Likeness is a bonus: when the model or the vector store is away, words still answer.
  std::map<std::string, double> likeness;
  std::vector<std::string> by_vector;
  const std::vector<std::string> question{q.text};
  if (auto vector = s.deps.model->embed(question)) {
    std::vector<vector_hit> hits;
    for (const auto& scope : {knowledge_scope{}, knowledge_scope{q.viewer}}) {
      if (scope.owner.empty() ? !q.global : !q.own || q.viewer.empty())
        continue;
      auto found = s.deps.vectors->query(collection_of(scope), vector->front(), candidates, {});
      if (found)
        hits.insert(hits.end(), found->begin(), found->end());
      else if (found.error().code != errc::not_found)
        log::warn("knowledge", "likeness is left out: " + found.error().detail);
    }
    std::stable_sort(hits.begin(), hits.end(), [](auto& a, auto& b) { return a.similarity > b.similarity; });
    std::shared_lock lock{s.mutex};
    for (auto& h : hits)
      if (wanted(h.id)) {
        likeness[h.id] = h.similarity;
        by_vector.push_back(h.id);
      }
  } else {
    log::warn("knowledge", "likeness is left out: " + vector.error().detail);
  }
  std::vector<knowledge_hit> out;
  std::set<std::string> shown;
  for (auto& [id, score] : fuse_ranks({{1.0, by_words}, {0.7, by_vector}})) {
    if (out.size() >= std::clamp<std::size_t>(q.limit, 1, 50))
      break;
    const auto document = document_of_chunk(id);
    if (!shown.insert(document).second)
      continue; // its best piece stands above
    knowledge_hit h;
    {
      std::shared_lock lock{s.mutex};
      const auto found = s.books.find(document);
      const auto number = std::stoul(id.substr(id.rfind('#') + 1));
      if (found == s.books.end() || number >= found->second.chunks.size())
        continue;
      h.document = found->second.record;
      h.begin = found->second.chunks[number].begin;
      h.end = found->second.chunks[number].end;
      h.heading = found->second.chunks[number].heading;
    }
    auto text = s.deps.blobs->read(folder_of(h.document) + "/text", h.begin, h.end - h.begin);
    if (!text) {
      if (text.error().code == errc::not_found || text.error().code == errc::invalid)
        continue; // removed or shortened meanwhile
      return text.error();
    }
    h.chunk = std::move(*text);
    h.score = score;
    if (const auto found = likeness.find(id); found != likeness.end()) {
      h.similarity = std::clamp(found->second, 0.0, 1.0);
      char text_of[40];
      std::snprintf(text_of, sizeof text_of, "likeness %.2f", h.similarity);
      h.reasons.emplace_back(text_of);
    }
    std::string words;
    std::set<std::string> once;
    for (auto& [from, to] : snippet_of(h.chunk, q.text, h.chunk.size()).highlights) {
      h.highlights.emplace_back(h.begin + from, h.begin + to);
      const auto word = ascii_lower(std::string_view{h.chunk}.substr(from, to - from));
      if (once.size() < 8 && once.insert(word).second)
        words += (words.empty() ? "" : ", ") + word;
    }
    if (!words.empty())
      h.reasons.push_back("words: " + words);
    out.push_back(std::move(h));
  }
  return out;
}

knowledge_stats knowledge_base::stats(const user_id& viewer, bool global, bool own) const {
  auto& s = *state_;
  knowledge_stats out;
  std::map<std::string, std::uint64_t> types, categories;
  std::shared_lock lock{s.mutex};
  for (auto& [id, b] : s.books) {
    if (!fits(b.record, viewer, global, own, {}, {}, {}))
      continue;
    ++out.documents;
    out.chunks += b.chunks.size();
    out.bytes += b.record.bytes;
    out.not_indexed += b.record.indexed ? 0 : 1;
    ++types[b.record.document_type];
    if (!b.record.category.empty())
      ++categories[b.record.category];
  }
  out.by_type.assign(types.begin(), types.end());
  out.by_category.assign(categories.begin(), categories.end());
  out.embedder = s.deps.model->name();
  out.dimension = s.deps.model->dimension();
  return out;
}

bool knowledge_base::has_title(const knowledge_scope& scope, const std::string& title) const {
  std::shared_lock lock{state_->mutex};
  return std::any_of(state_->books.begin(), state_->books.end(),
                     [&](auto& b) { return b.second.record.scope == scope && b.second.record.title == title; });
}

knowledge_draft draft_of(const packed_runbook& r) {
  knowledge_draft d;
  d.title = r.name;
  d.document_type = "runbook";
  d.format = "markdown";
  std::string_view text = r.markdown;
  if (text.starts_with("---\n")) {
    const auto end = text.find("\n---\n", 4);
    auto head = text.substr(4, end == std::string_view::npos ? 0 : end - 3);
    while (!head.empty()) {
      const auto newline = head.find('\n');
      const auto line = head.substr(0, newline);
      head = newline == std::string_view::npos ? std::string_view{} : head.substr(newline + 1);
      const auto colon = line.find(": ");
      if (colon == std::string_view::npos)
        continue;
      const auto name = line.substr(0, colon), value = trimmed(line.substr(colon + 2));
      if (name == "title")
        d.title = std::string{value};
      else if (name == "category")
        d.category = std::string{value};
      else if (name == "tags")
        for (std::size_t at = 0; at < value.size();) {
          const auto comma = std::min(value.find(',', at), value.size());
          if (const auto tag = trimmed(value.substr(at, comma - at)); !tag.empty())
            d.tags.emplace_back(tag);
          at = comma + 1;
        }
    }
    if (end != std::string_view::npos)
      text = text.substr(end + 5);
  }
  d.content = std::string{text};
  return d;
}

} // namespace fm
