// Documents: in, changed, out, and their vectors.
#include "actors/knowledge/knowledge_state.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"
#include "storage/ports/blob_io.hpp"

#include <algorithm>

namespace fm {
namespace {
constexpr std::size_t embed_batch = 64;
constexpr std::size_t change_attempts = 3;
constexpr std::uint64_t stored_text_bytes_max = 256U << 20; ///< above every setting of documents

failure version_conflict(std::uint32_t expected, std::uint32_t actual) {
  auto f = make_conflict("CASE_VERSION_CONFLICT", "The document was changed meanwhile; read it again.");
  f.with_fact("expected_version", std::to_string(expected)).with_fact("actual_version", std::to_string(actual));
  return f;
}
} // namespace

failure no_such_document() { return make_failure(errc::not_found, "There is no such document, or you have no access to it."); }

bool knowledge_reader::in(const team_id& team) const { return std::find(teams.begin(), teams.end(), team) != teams.end(); }
bool knowledge_reader::may_see(const knowledge_scope& s) const {
  return s.global() || (!s.team.empty() ? in(s.team) : s.owner == viewer && !viewer.empty());
}
bool knowledge_reader::wants(const knowledge_scope& s, const knowledge_view& view) const {
  if (!may_see(s))
    return false;
  if (!view.team.empty())
    return s.team == view.team;
  return s.global() ? view.global : !s.team.empty() ? view.teams : view.own;
}

knowledge_reader knowledge_base::state::reader(const user_id& viewer) const {
  return {viewer, deps.teams_of && !viewer.empty() ? deps.teams_of(viewer) : std::vector<team_id>{}};
}

outcome<knowledge_document> knowledge_base::state::seen(const user_id& viewer, const std::string& id) const {
  const auto who = reader(viewer);
  std::shared_lock lock{mutex};
  const auto found = books.find(id);
  if (found == books.end() || !who.may_see(found->second.record.scope))
    return no_such_document();
  return found->second.record;
}

bool knowledge_base::state::may_ask(const std::string& collection) {
  std::lock_guard lock{collections};
  if (ready.contains(collection))
    return true;
  auto info = deps.vectors->collection(collection);
  if (!info) {
    if (info.error().code != errc::not_found)
      log::warn("knowledge", "likeness is left out: " + info.error().detail);
    return false;
  }
  const auto said = info->metadata.find("embedder");
  const auto* by = said == info->metadata.end() ? nullptr : std::get_if<std::string>(&said->second);
  if (by == nullptr || *by != model->name() || info->dimension != model->dimension())
    return false;
  ready.insert(collection);
  return true;
}

outcome<done_t> knowledge_base::state::make_ready(const std::string& collection) {
  if (may_ask(collection))
    return done;
  std::lock_guard lock{collections};
  // Missing, or of another embedder: then what is in it is of no use any more.
  if (auto dropped = deps.vectors->drop_collection(collection); !dropped)
    return dropped.error();
  if (auto made = deps.vectors->create_collection(collection, model->dimension(), {{"embedder", model->name()}}); !made)
    return made.error();
  ready.insert(collection);
  return done;
}

void knowledge_base::state::shelve(knowledge_document d, std::vector<text_chunk> chunks) {
  unshelve(d.id);
  std::string title = d.title;
  for (auto& t : d.tags)
    title += " " + t;
  title += " " + d.category;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    words.add(chunk_id(d.id, i), title, chunks[i].context.empty() ? chunks[i].text : chunks[i].context + "\n" + chunks[i].text);
    std::string{}.swap(chunks[i].text);
  }
  d.indexed = d.embedder == model->name();
  const auto id = d.id;
  books[id] = {std::move(d), std::move(chunks)};
}

void knowledge_base::state::unshelve(const std::string& id) {
  const auto found = books.find(id);
  if (found == books.end())
    return;
  for (std::size_t i = 0; i < found->second.chunks.size(); ++i)
    words.remove(chunk_id(id, i));
  books.erase(found);
}

outcome<knowledge_base::state::prepared> knowledge_base::state::prepare(const knowledge_document& d, const std::string& text) const {
  prepared p;
  auto pieces = chunks_of(text, settings.chunking, d.format);
  if (pieces.cut)
    return make_failure(errc::too_large, "A document may have " + std::to_string(settings.chunking.chunks_max) + " pieces; this one has more.");
  p.chunks = std::move(pieces.chunks);
  for (std::size_t at = 0; at < p.chunks.size(); at += embed_batch) {
    std::vector<std::string> texts;
    for (std::size_t i = at; i < std::min(p.chunks.size(), at + embed_batch); ++i)
      texts.push_back(d.title + "\n" + p.chunks[i].heading + "\n" + (p.chunks[i].context.empty() ? "" : p.chunks[i].context + "\n") + p.chunks[i].text);
    auto vectors = model->embed(texts);
    if (!vectors) {
      p.not_embedded = vectors.error();
      p.vectors.clear();
      return p;
    }
    std::move(vectors->begin(), vectors->end(), std::back_inserter(p.vectors));
  }
  return p;
}

void knowledge_base::state::file_vectors(knowledge_document& d, const prepared& p, std::size_t old_chunks) {
  const auto collection = collection_of(d.scope);
  d.embedder.clear();
  const auto filed = [&]() -> outcome<done_t> {
    if (p.not_embedded)
      return *p.not_embedded;
    if (auto r = make_ready(collection); !r)
      return r;
    for (std::size_t at = 0; at < p.vectors.size(); at += embed_batch) {
      std::vector<vector_item> items;
      for (std::size_t i = at; i < std::min(p.vectors.size(), at + embed_batch); ++i)
        items.push_back({chunk_id(d.id, i), p.vectors[i], {}, {{"document", d.id}}});
      if (auto r = deps.vectors->upsert(collection, items); !r)
        return r;
    }
    return done;
  }();
  // Pieces that are no more: of the old version when all went well, of the whole document when not.
  std::vector<std::string> gone;
  for (auto i = filed ? p.chunks.size() : 0; i < std::max(old_chunks, p.chunks.size()); ++i)
    gone.push_back(chunk_id(d.id, i));
  for (std::size_t at = 0; at < gone.size() && may_ask(collection); at += 1'000)
    if (auto r = deps.vectors->remove(collection, std::span{gone}.subspan(at, std::min<std::size_t>(1'000, gone.size() - at))); !r)
      log::warn("knowledge", "vectors of document " + d.id + " that are no more stay until the next start: " + r.error().detail);
  if (filed)
    d.embedder = model->name();
  else
    log::warn("knowledge", "document " + d.id + " is found by words only until it is embedded: " + filed.error().detail);
}

outcome<knowledge_document> knowledge_base::state::put(knowledge_document d, const std::string* text, prepared p, const knowledge_document* before) {
  if (text != nullptr) {
    d.text_name = d.version == 1 ? "text" : "text-" + std::to_string(d.version);
    d.bytes = text->size();
    d.sha256 = to_hex(sha256(*text));
    if (auto w = write_blob(*deps.blobs, text_key(d), "text/plain; charset=utf-8", *text); !w)
      return w.error();
  }
  if (before != nullptr && settings.versions_kept > 0)
    if (auto w = keep_version(*deps.blobs, *before); !w)
      return w.error();
  file_vectors(d, p, before == nullptr ? 0 : before->chunks);
  d.chunks = static_cast<std::uint32_t>(p.chunks.size());
  if (auto w = write_blob(*deps.blobs, record_key(d), "application/json", knowledge_record_json(d)); !w)
    return w.error();
  if (before != nullptr)
    if (auto r = prune_versions(*deps.blobs, d, settings.versions_kept); !r)
      log::warn("knowledge", "old versions of document " + d.id + " stay: " + r.error().detail);
  std::unique_lock lock{mutex};
  shelve(d, std::move(p.chunks));
  return books[d.id].record;
}

outcome<done_t> knowledge_base::state::take_out(const knowledge_document& d) {
  // The record first: a crash after it leaves a text that nobody shows.
  if (auto gone = deps.blobs->remove(record_key(d)); !gone)
    return gone.error();
  {
    std::unique_lock lock{mutex};
    unshelve(d.id);
  }
  std::vector<std::string> keys;
  auto rest = each_blob(*deps.blobs, folder_of(d) + "/", [&](const blob_info& blob) -> outcome<done_t> {
    keys.push_back(blob.key);
    return done;
  });
  for (auto& key : keys)
    if (auto gone = deps.blobs->remove(key); !gone)
      rest = gone.error();
  if (!rest)
    log::warn("knowledge", "texts of a removed document stay: " + rest.error().detail);
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < d.chunks; ++i)
    pieces.push_back(chunk_id(d.id, i));
  const auto collection = collection_of(d.scope);
  for (std::size_t at = 0; at < pieces.size() && may_ask(collection); at += 1'000)
    if (auto gone = deps.vectors->remove(collection, std::span{pieces}.subspan(at, std::min<std::size_t>(1'000, pieces.size() - at))); !gone)
      log::warn("knowledge", "vectors of a removed document stay until the next start: " + gone.error().detail);
  return done;
}

knowledge_base::knowledge_base(knowledge_settings settings, knowledge_deps deps) : state_(std::make_unique<state>()) {
  state_->settings = settings;
  state_->deps = std::move(deps);
  state_->model = std::make_shared<watched_embedder>(state_->deps.model, state_->deps.clock);
}
knowledge_base::~knowledge_base() = default;

outcome<std::uint64_t> knowledge_base::load() {
  auto& s = *state_;
  std::lock_guard writing{s.writing};
  std::uint64_t count = 0;
  std::vector<knowledge_document> orphans;
  auto read = each_blob(*s.deps.blobs, "knowledge/", [&](const blob_info& blob) -> outcome<done_t> {
    if (!blob.key.ends_with("/record.json"))
      return done;
    auto json = read_blob(*s.deps.blobs, blob.key, 1U << 20);
    if (!json)
      return json.error();
    auto record = read_knowledge_record(*json);
    if (!record || record_key(*record) != blob.key) {
      log::error("knowledge", blob.key + ": " + (record ? "it belongs elsewhere" : record.error().detail));
      return done;
    }
    if (!record->scope.team.empty() && s.deps.team_gone && s.deps.team_gone(record->scope.team)) {
      orphans.push_back(std::move(*record));
      return done;
    }
    auto text = read_blob(*s.deps.blobs, text_key(*record), stored_text_bytes_max);
    if (!text) {
      log::error("knowledge", blob.key + ": " + text.error().detail);
      return done;
    }
    auto pieces = chunks_of(*text, s.settings.chunking, record->format);
    if (pieces.chunks.size() != record->chunks)
      record->embedder.clear(); // cut in another way than when it was embedded
    record->chunks = static_cast<std::uint32_t>(pieces.chunks.size());
    std::unique_lock lock{s.mutex};
    s.shelve(std::move(*record), std::move(pieces.chunks));
    ++count;
    return done;
  });
  if (!read)
    return read.error();
  for (auto& d : orphans)
    if (auto gone = s.take_out(d); !gone)
      log::warn("knowledge", "a document of a team that is gone stays: " + gone.error().detail);

  std::map<std::string, std::uint64_t> expected;
  std::unique_lock lock{s.mutex};
  for (auto& [id, b] : s.books)
    expected[collection_of(b.record.scope)] += b.record.indexed ? b.chunks.size() : 0;
  std::set<std::string> broken;
  for (auto& [name, pieces] : expected) {
    const bool fits = s.may_ask(name);
    auto info = s.deps.vectors->collection(name);
    if (!info && info.error().code != errc::not_found) {
      log::warn("knowledge", "the vectors cannot be looked at: " + info.error().detail);
      continue;
    }
    if (fits && info && info->count == pieces)
      continue;
    broken.insert(name);
    if (auto dropped = s.deps.vectors->drop_collection(name); !dropped)
      log::warn("knowledge", "vectors that are not whole stay: " + dropped.error().detail);
    std::lock_guard one{s.collections};
    s.ready.erase(name);
  }
  for (auto& [id, b] : s.books)
    if (broken.contains(collection_of(b.record.scope))) {
      b.record.embedder.clear();
      b.record.indexed = false;
    }
  return count;
}

std::vector<std::string> knowledge_base::to_embed(bool all) const {
  std::vector<std::string> out;
  std::shared_lock lock{state_->mutex};
  for (auto& [id, b] : state_->books)
    if (all || !b.record.indexed)
      out.push_back(id);
  return out;
}

outcome<done_t> knowledge_base::embed_again(const std::string& id) {
  auto& s = *state_;
  knowledge_document d;
  {
    std::shared_lock lock{s.mutex};
    const auto found = s.books.find(id);
    if (found == s.books.end())
      return done;
    d = found->second.record;
  }
  auto text = read_blob(*s.deps.blobs, text_key(d), stored_text_bytes_max);
  if (!text)
    return text.error().code == errc::not_found ? outcome<done_t>{done} : text.error();
  auto p = s.prepare(d, *text);
  if (!p)
    return p.error();
  if (p->not_embedded)
    return *p->not_embedded;
  std::lock_guard writing{s.writing};
  {
    std::shared_lock lock{s.mutex};
    const auto found = s.books.find(id);
    if (found == s.books.end() || found->second.record.version != d.version)
      return done;
  }
  s.file_vectors(d, *p, d.chunks);
  if (d.embedder.empty())
    return make_unavailable("The vectors could not be stored; the server's log says why.");
  d.chunks = static_cast<std::uint32_t>(p->chunks.size());
  if (auto w = write_blob(*s.deps.blobs, record_key(d), "application/json", knowledge_record_json(d)); !w)
    return w.error();
  std::unique_lock lock{s.mutex};
  s.shelve(std::move(d), std::move(p->chunks));
  return done;
}

embedder_state knowledge_base::model_state() const {
  auto& s = *state_;
  embedder_state out;
  out.name = s.model->name();
  out.dimension = s.model->dimension();
  const auto trouble = s.model->trouble();
  out.working = !trouble;
  out.detail = trouble ? trouble->detail : "";
  std::shared_lock lock{s.mutex};
  for (auto& [id, b] : s.books)
    out.not_indexed += b.record.indexed ? 0 : 1;
  return out;
}

outcome<std::uint64_t> knowledge_base::forget(const team_id& team) {
  auto& s = *state_;
  std::lock_guard writing{s.writing};
  std::vector<knowledge_document> all;
  {
    std::shared_lock lock{s.mutex};
    for (auto& [id, b] : s.books)
      if (b.record.scope.team == team)
        all.push_back(b.record);
  }
  for (auto& d : all)
    if (auto gone = s.take_out(d); !gone)
      return gone.error();
  const auto collection = collection_of({{}, team});
  std::lock_guard lock{s.collections};
  s.ready.erase(collection);
  if (auto dropped = s.deps.vectors->drop_collection(collection); !dropped)
    return dropped.error();
  return all.size();
}

bool knowledge_base::is_in(const user_id& viewer, const knowledge_scope& scope) const { return state_->reader(viewer).may_see(scope); }

outcome<knowledge_document> knowledge_base::add(const user_id& by, knowledge_draft draft) {
  auto& s = *state_;
  knowledge_document d;
  d.format = draft.format.empty() ? "markdown" : draft.format;
  if (!is_known_format(d.format))
    return invalid_document("format", "format must be markdown, text, html, csv, json, pdf or docx.");
  d.scope = draft.scope;
  d.title = std::string{trimmed(draft.title)};
  d.document_type = draft.document_type.empty() ? "reference" : draft.document_type;
  d.category = draft.category;
  d.tags = draft.tags;
  if (auto wrong = wrong_words(d))
    return *wrong;
  auto text = std::move(draft.content);
  if (d.format == "pdf" || d.format == "docx" || d.format == "html") {
    if (!s.deps.to_text)
      return make_failure(errc::unsupported_media_type, "This server cannot read " + d.format + " files.");
    auto read = s.deps.to_text(d.format, draft.file_name, text);
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
    return invalid_document("content", "content must not be empty.");
  const auto full = [&]() -> std::optional<failure> {
    std::shared_lock lock{s.mutex};
    const auto held = static_cast<std::size_t>(std::count_if(s.books.begin(), s.books.end(), [&](auto& b) { return b.second.record.scope == d.scope; }));
    if (held < s.settings.documents_max)
      return std::nullopt;
    return make_failure(errc::too_large, "There is no room for more than " + std::to_string(s.settings.documents_max) + " documents.");
  };
  if (auto f = full())
    return *f;
  d.id = random_id(*s.deps.random, "doc_");
  d.created_by = d.updated_by = by;
  d.created_at = d.updated_at = s.deps.clock->now();
  auto p = s.prepare(d, text);
  if (!p)
    return p.error();
  std::lock_guard writing{s.writing};
  if (auto f = full()) // others came while it was embedded
    return *f;
  if (!is_in(by, d.scope) || (!d.scope.team.empty() && s.deps.team_gone && s.deps.team_gone(d.scope.team)))
    return no_such_document();
  return s.put(std::move(d), &text, std::move(*p), nullptr);
}

outcome<std::pair<knowledge_document, std::string>> knowledge_base::read(const user_id& viewer, const std::string& id) const {
  for (bool again = false;; again = true) {
    auto d = state_->seen(viewer, id);
    if (!d)
      return d.error();
    auto text = state_->deps.blobs->read(text_key(*d), 0, d->bytes);
    if (text)
      return std::pair{std::move(*d), std::move(*text)};
    if (again || text.error().code != errc::not_found) // changed twice meanwhile, and its text no longer kept
      return text.error();
  }
}

outcome<std::vector<knowledge_document>> knowledge_base::versions(const user_id& viewer, const std::string& id) const {
  auto d = state_->seen(viewer, id);
  if (!d)
    return d.error();
  auto kept = kept_versions(*state_->deps.blobs, *d);
  if (kept)
    kept->push_back(std::move(*d));
  return kept;
}

outcome<std::pair<knowledge_document, std::string>> knowledge_base::read_version(const user_id& viewer, const std::string& id, std::uint32_t version) const {
  auto d = state_->seen(viewer, id);
  if (!d)
    return d.error();
  if (d->version == version)
    return read(viewer, id);
  auto kept = kept_version(*state_->deps.blobs, *d, version);
  if (!kept)
    return kept.error();
  auto text = state_->deps.blobs->read(text_key(*kept), 0, kept->bytes);
  if (!text)
    return text.error();
  return std::pair{std::move(*kept), std::move(*text)};
}

outcome<knowledge_document> knowledge_base::change(const user_id& viewer, const std::string& id, const knowledge_patch& patch,
                                                   std::optional<std::uint32_t> expected_version) {
  auto& s = *state_;
  for (std::size_t attempt = 1;; ++attempt) {
    auto now = read(viewer, id);
    if (!now)
      return now.error();
    const auto before = now->first;
    if (expected_version && *expected_version != before.version)
      return version_conflict(*expected_version, before.version);
    auto d = before;
    auto text = now->second;
    if (patch.restore_version) {
      auto earlier = read_version(viewer, id, *patch.restore_version);
      if (!earlier)
        return earlier.error();
      d.title = earlier->first.title;
      d.document_type = earlier->first.document_type;
      d.category = earlier->first.category;
      d.tags = earlier->first.tags;
      text = std::move(earlier->second);
    }
    d.title = std::string{trimmed(patch.title.value_or(d.title))};
    d.document_type = patch.document_type.value_or(d.document_type);
    d.category = patch.category.value_or(d.category);
    d.tags = patch.tags.value_or(d.tags);
    if (auto wrong = wrong_words(d))
      return *wrong;
    if (patch.content)
      text = to_valid_utf8(*patch.content);
    if (trimmed(text).empty())
      return invalid_document("content", "content must not be empty.");
    if (text.size() > s.settings.document_bytes_max)
      return make_failure(errc::too_large, "A document may have " + std::to_string(s.settings.document_bytes_max) + " bytes of text.");
    ++d.version;
    d.updated_by = viewer;
    d.updated_at = s.deps.clock->now();
    auto p = s.prepare(d, text);
    if (!p)
      return p.error();
    std::lock_guard writing{s.writing};
    auto still = s.seen(viewer, id);
    if (!still)
      return still.error();
    if (still->version == before.version)
      return s.put(std::move(d), text == now->second ? nullptr : &text, std::move(*p), &before);
    if (expected_version || attempt >= change_attempts)
      return version_conflict(before.version, still->version);
  }
}

outcome<done_t> knowledge_base::remove(const user_id& viewer, const std::string& id) {
  auto& s = *state_;
  std::lock_guard writing{s.writing};
  auto d = s.seen(viewer, id);
  if (!d)
    return d.error();
  return s.take_out(*d);
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
