// What is known beyond one case: documents of a person, or of everybody, and what a search finds in them.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/model/jobs.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fm {

/// Who a document belongs to: nobody in particular (global), one user, or one team.
struct knowledge_scope {
  user_id owner;
  team_id team; ///< at most one of the two is set
  bool global() const { return owner.empty() && team.empty(); }
  const char* name() const { return !team.empty() ? "team" : !owner.empty() ? "user" : "global"; }
  bool operator==(const knowledge_scope&) const = default;
};
/// Which of the documents that somebody may see are meant.
struct knowledge_view {
  bool global = true, own = true, teams = true;
  team_id team; ///< set: those of this team alone
};

struct knowledge_document {
  std::string id; ///< "doc_" + 12 hex
  knowledge_scope scope;
  std::string title;         ///< 1–200 characters
  std::string document_type; ///< runbook, reference, postmortem, note, ...: up to 64 bytes
  std::string category;
  std::vector<std::string> tags; ///< up to 32
  std::string format;            ///< markdown, text, html, csv, json, pdf, docx
  std::uint64_t bytes = 0;       ///< of the text
  std::string sha256;            ///< of the text
  std::uint32_t version = 1;
  std::uint32_t chunks = 0;
  bool indexed = true; ///< false: found by words, not yet by likeness (the embedder was not there)
  std::string embedder;  ///< whose vectors it has; empty = none
  std::string text_name; ///< of the blob that holds its text, which several versions may share
  user_id created_by, updated_by;
  timestamp created_at{};
  timestamp updated_at{};
  bool operator==(const knowledge_document&) const = default;
};

/// A new document, or the new state of one.
struct knowledge_draft {
  knowledge_scope scope;
  std::string title, document_type, category, format, content;
  std::vector<std::string> tags;
  std::string file_name;
};
/// Members that are given replace those of the document.
struct knowledge_patch {
  std::optional<std::string> title, document_type, category, content;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::uint32_t> restore_version; ///< what that version was comes first; other members replace its own
};

struct knowledge_query {
  user_id viewer;               ///< sees global documents, own ones and those of the teams it is in
  knowledge_view view;
  std::string text;             ///< 1–2,000 characters
  std::string document_type, category, tag; ///< empty = any
  std::size_t limit = 5;        ///< 1–50
};
struct knowledge_hit {
  knowledge_document document;
  std::string chunk;                 ///< the text that fits best
  std::string heading;               ///< where in the document
  std::uint64_t begin = 0, end = 0;  ///< its bytes in the document's text
  std::vector<std::pair<std::uint64_t, std::uint64_t>> highlights; ///< byte ranges in the document's text
  double similarity = 0;             ///< cosine to the question, 0 to 1
  double score = 0;                  ///< fused rank of words and likeness, best first
  std::vector<std::string> reasons;  ///< "words: disk, full", "likeness 0.41"
};

struct knowledge_list {
  std::vector<knowledge_document> documents;
  std::uint64_t total = 0;
};
/// How the embedder is; documents are found by words whatever it says.
struct embedder_state {
  std::string name;
  std::uint32_t dimension = 0;
  bool working = true;
  std::string detail; ///< what was wrong at the last try
  std::uint64_t not_indexed = 0; ///< documents without its vectors, over all owners
};
struct knowledge_stats {
  std::uint64_t documents = 0, chunks = 0, bytes = 0, not_indexed = 0;
  embedder_state embedder;
  std::vector<std::pair<std::string, std::uint64_t>> by_type, by_category;
};
/// starter_pack, bulk_update, bulk_delete or reindex.
using knowledge_job = job;

} // namespace fm
