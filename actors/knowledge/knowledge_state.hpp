// What the two halves of the library share: the books in memory, their index, and who may see which.
#pragma once

#include "actors/knowledge/knowledge_base.hpp"
#include "actors/knowledge/knowledge_records.hpp"
#include "actors/search/full_text_index.hpp"
#include "actors/search/watched_embedder.hpp"

#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

namespace fm {

/// The scopes of one viewer, looked up once a request.
struct knowledge_reader {
  user_id viewer;
  std::vector<team_id> teams;

  bool in(const team_id& team) const;
  bool may_see(const knowledge_scope& s) const;
  bool wants(const knowledge_scope& s, const knowledge_view& view) const;
};

struct knowledge_base::state {
  struct book {
    knowledge_document record;
    std::vector<text_chunk> chunks; ///< without their text
  };
  knowledge_settings settings;
  knowledge_deps deps;
  std::shared_ptr<watched_embedder> model;
  mutable std::shared_mutex mutex;
  std::mutex writing; ///< one writer at a time; taken before `mutex`
  std::map<std::string, book> books;
  full_text_index words;
  std::mutex collections;
  std::set<std::string> ready; ///< collections that are known to hold vectors of this embedder and no others

  knowledge_reader reader(const user_id& viewer) const;
  /// The record, when the viewer may see it.
  outcome<knowledge_document> seen(const user_id& viewer, const std::string& id) const;
  /// Whether a collection may be asked: vectors of two embedders never meet.
  bool may_ask(const std::string& collection);
  /// Makes the collection fit for this embedder.
  outcome<done_t> make_ready(const std::string& collection);
  /// Makes a document findable by words. The lock is held.
  void shelve(knowledge_document d, std::vector<text_chunk> chunks);
  void unshelve(const std::string& id);

  /// A text, cut and embedded: done before any lock is taken.
  struct prepared {
    std::vector<text_chunk> chunks;
    std::vector<std::vector<float>> vectors; ///< empty when the embedder failed
    std::optional<failure> not_embedded;
  };
  outcome<prepared> prepare(const knowledge_document& d, const std::string& text) const;
  /// Puts the vectors where they belong and sets d.embedder; `writing` is held.
  void file_vectors(knowledge_document& d, const prepared& p, std::size_t old_chunks);
  /// The one way in; `writing` is held. `text` null: the text stays as it is; `before`: the version that is replaced.
  outcome<knowledge_document> put(knowledge_document d, const std::string* text, prepared p, const knowledge_document* before);
  outcome<done_t> take_out(const knowledge_document& d);
};

failure no_such_document();

} // namespace fm
