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

/// Who a document belongs to: nobody in particular (global) or one user.
struct knowledge_scope {
  user_id owner; ///< empty = global
  bool operator==(const knowledge_scope&) const = default;
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
  user_id created_by;
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
};

struct knowledge_query {
  user_id viewer;               ///< sees global documents and own ones
  bool global = true, own = true;
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
struct knowledge_stats {
  std::uint64_t documents = 0, chunks = 0, bytes = 0, not_indexed = 0;
  std::string embedder;
  std::uint32_t dimension = 0;
  std::vector<std::pair<std::string, std::uint64_t>> by_type, by_category;
};
/// starter_pack, bulk_update or bulk_delete.
using knowledge_job = job;

} // namespace fm
