// The library: documents in a blob store, their pieces in a full-text index in memory and in a vector store. One
// writer at a time, many readers; everything that is acknowledged is in the blob store, and the two indexes are
// rebuilt from there whenever they do not fit it.
// How they are stored: knowledge_records.hpp.
#pragma once

#include "actors/knowledge/chunker.hpp"
#include "actors/search/embedder.hpp"
#include "protocol/base/random.hpp"
#include "protocol/model/knowledge.hpp"
#include "storage/ports/blob_store.hpp"
#include "storage/ports/vector_store.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fm {

struct knowledge_settings {
  std::size_t document_bytes_max = 2U << 20; ///< of the text
  std::size_t documents_max = 20'000;        ///< of one owner
  std::size_t versions_kept = 20;            ///< earlier ones of a document
  chunk_settings chunking;
};
struct knowledge_deps {
  blob_store_ptr blobs;
  vector_store_ptr vectors;
  embedder_ptr model;
  clock_ptr clock;
  random_ptr random;
  /// Bytes of a file (PDF, DOCX, HTML, ...) to text; null = only what is text already.
  std::function<outcome<std::string>(const std::string& format, const std::string& file_name, const std::string& bytes)> to_text;
  /// In which teams somebody is; null = in none. Must not block for long.
  std::function<std::vector<team_id>(const user_id&)> teams_of;
  /// Whether a team is known to be gone; null = never.
  std::function<bool(const team_id&)> team_gone;
};

class knowledge_base {
public:
  knowledge_base(knowledge_settings settings, knowledge_deps deps);
  ~knowledge_base();
  knowledge_base(const knowledge_base&) = delete;
  knowledge_base& operator=(const knowledge_base&) = delete;

  /// Reads every record and fills the full-text index; returns how many documents there are. Collections that are not
  /// whole or of another embedder are dropped: their documents wait to be embedded again.
  outcome<std::uint64_t> load();
  /// Documents without vectors of this embedder, or all.
  std::vector<std::string> to_embed(bool all) const;
  /// Embeds one once more; nothing to do when it is gone or was changed meanwhile.
  outcome<done_t> embed_again(const std::string& id);
  embedder_state model_state() const;
  /// Removes the documents of a team; returns how many.
  outcome<std::uint64_t> forget(const team_id& team);

  /// Whether somebody may read and write in this scope (in the global one: read).
  bool is_in(const user_id& viewer, const knowledge_scope& scope) const;

  outcome<knowledge_document> add(const user_id& by, knowledge_draft draft);
  /// The document and its text; not_found when the viewer may not see it.
  outcome<std::pair<knowledge_document, std::string>> read(const user_id& viewer, const std::string& id) const;
  outcome<knowledge_document> change(const user_id& viewer, const std::string& id, const knowledge_patch& patch,
                                     std::optional<std::uint32_t> expected_version);
  outcome<done_t> remove(const user_id& viewer, const std::string& id);
  /// Every version that can be read, oldest first; the last is the present one.
  outcome<std::vector<knowledge_document>> versions(const user_id& viewer, const std::string& id) const;
  outcome<std::pair<knowledge_document, std::string>> read_version(const user_id& viewer, const std::string& id, std::uint32_t version) const;
  knowledge_list list(const user_id& viewer, const knowledge_view& view, const std::string& type, const std::string& category,
                      const std::string& tag, std::size_t limit, std::size_t offset) const;
  outcome<std::vector<knowledge_hit>> search(const knowledge_query& query) const;
  knowledge_stats stats(const user_id& viewer, const knowledge_view& view) const;
  /// Whether the scope has a document of this title.
  bool has_title(const knowledge_scope& scope, const std::string& title) const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// A runbook that comes with the program: Markdown with title, category and tags in front.
struct packed_runbook {
  std::string name;
  std::string markdown;
};
knowledge_draft draft_of(const packed_runbook& runbook);

} // namespace fm
