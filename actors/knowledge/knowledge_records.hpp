// What is stored of a document and under which names. Pure but for the store it is given.
//
// "knowledge/<global | user's id | team's id>/<document id>/": "record.json", the present version; "text", "text-2", …, one
// blob a text that some version has; "versions/00000001.json", …, the records of earlier versions. A change writes the
// text, then the record it replaces, then the record, in one step: whoever reads sees the old version or the new one.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/knowledge.hpp"
#include "storage/ports/blob_store.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

std::string folder_of(const knowledge_document& d);
std::string text_key(const knowledge_document& d);
std::string record_key(const knowledge_document& d);
/// Where the vectors of a scope are.
std::string collection_of(const knowledge_scope& s);
std::string chunk_id(const std::string& document, std::size_t number);
/// The document and the number of a piece.
std::pair<std::string, std::size_t> parts_of_chunk(std::string_view id);

std::string knowledge_record_json(const knowledge_document& d);
outcome<knowledge_document> read_knowledge_record(std::string_view json);

/// Keeps the record of a version that is about to be replaced.
outcome<done_t> keep_version(blob_store& blobs, const knowledge_document& d);
/// The earlier versions that are kept, oldest first.
outcome<std::vector<knowledge_document>> kept_versions(const blob_store& blobs, const knowledge_document& d);
outcome<knowledge_document> kept_version(const blob_store& blobs, const knowledge_document& d, std::uint32_t version);
/// Drops the oldest versions above `kept_max`, and texts that no version has any more.
outcome<done_t> prune_versions(blob_store& blobs, const knowledge_document& d, std::size_t kept_max);

/// invalid, naming the field; nothing when all is well.
std::optional<failure> wrong_words(const knowledge_document& d);
bool is_known_format(const std::string& format);
failure invalid_document(const char* field, std::string sentence);

} // namespace fm
