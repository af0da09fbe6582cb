// Finding: by words and by likeness, fused; lists and counts.
#include "actors/knowledge/knowledge_state.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm {
namespace {
constexpr std::size_t candidates = 60; ///< of each list before they are fused

bool fits(const knowledge_document& d, const std::string& type, const std::string& category, const std::string& tag) {
  return (type.empty() || d.document_type == type) && (category.empty() || d.category == category) &&
         (tag.empty() || std::find(d.tags.begin(), d.tags.end(), tag) != d.tags.end());
}
} // namespace

knowledge_list knowledge_base::list(const user_id& viewer, const knowledge_view& view, const std::string& type, const std::string& category,
                                    const std::string& tag, std::size_t limit, std::size_t offset) const {
  auto& s = *state_;
  knowledge_list out;
  std::vector<const knowledge_document*> all;
  const auto who = s.reader(viewer);
  std::shared_lock lock{s.mutex};
  for (auto& [id, b] : s.books)
    if (who.wants(b.record.scope, view) && fits(b.record, type, category, tag))
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
    return invalid_document("query", "query must have 1 to 2,000 characters.");
  const auto who = s.reader(q.viewer);
  const auto wanted = [&](const std::string& chunk) { // the lock is held
    const auto found = s.books.find(parts_of_chunk(chunk).first);
    return found != s.books.end() && who.wants(found->second.record.scope, q.view) && fits(found->second.record, q.document_type, q.category, q.tag);
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
  if (auto vector = s.model->embed_query(q.text)) {
    std::vector<vector_hit> hits;
    std::vector<knowledge_scope> scopes{{}, {q.viewer, {}}};
    for (auto& team : who.teams)
      scopes.push_back({{}, team});
    for (const auto& scope : scopes) {
      const auto collection = collection_of(scope);
      if (!who.wants(scope, q.view) || !s.may_ask(collection))
        continue;
      auto found = s.deps.vectors->query(collection, *vector, candidates, {});
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
    log::debug("knowledge", "likeness is left out: " + vector.error().detail); // how the embedder is, is told elsewhere
  }
  // Documents are ranked, each by its best piece: a long one must not crowd out others by many fair pieces.
  std::map<std::string, std::string> best_piece; ///< what words found before what is alike
  const auto documents_of = [&](const std::vector<std::string>& pieces) {
    std::vector<std::string> documents;
    std::set<std::string> once;
    for (auto& piece : pieces)
      if (auto document = parts_of_chunk(piece).first; once.insert(document).second) {
        best_piece.emplace(document, piece);
        documents.push_back(std::move(document));
      }
    return documents;
  };
  const auto first = documents_of(by_words), second = documents_of(by_vector);
  std::vector<knowledge_hit> out;
  for (auto& [document, score] : fuse_ranks({{1.0, first}, {0.7, second}})) {
    if (out.size() >= std::clamp<std::size_t>(q.limit, 1, 50))
      break;
    const auto& id = best_piece.at(document);
    const auto number = parts_of_chunk(id).second;
    knowledge_hit h;
    {
      std::shared_lock lock{s.mutex};
      const auto found = s.books.find(document);
      if (found == s.books.end() || number >= found->second.chunks.size())
        continue;
      h.document = found->second.record;
      h.begin = found->second.chunks[number].begin;
      h.end = found->second.chunks[number].end;
      h.heading = found->second.chunks[number].heading;
    }
    auto text = s.deps.blobs->read(text_key(h.document), h.begin, h.end - h.begin);
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

knowledge_stats knowledge_base::stats(const user_id& viewer, const knowledge_view& view) const {
  auto& s = *state_;
  knowledge_stats out;
  std::map<std::string, std::uint64_t> types, categories;
  out.embedder = model_state();
  const auto who = s.reader(viewer);
  std::shared_lock lock{s.mutex};
  for (auto& [id, b] : s.books) {
    if (!who.wants(b.record.scope, view))
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
  return out;
}

} // namespace fm
