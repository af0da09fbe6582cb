// Rules that every vector store shares: what is refused, what a filter means, how likeness is measured.
#pragma once

#include "storage/ports/vector_store.hpp"

#include <optional>

namespace fm::stored {

inline constexpr std::size_t vector_batch_max = 1'000;
inline constexpr std::size_t vector_document_bytes_max = 64U << 10;
inline constexpr std::size_t vector_id_bytes_max = 256;
inline constexpr std::uint32_t vector_dimension_max = 4'096;
inline constexpr std::size_t vector_hits_max = 1'000;

/// invalid with a sentence, or nothing.
std::optional<failure> refusal_of_collection(std::string_view name, std::uint32_t dimension);
std::optional<failure> refusal_of_items(std::string_view collection, std::uint32_t dimension, std::span<const vector_item> items);
std::optional<failure> refusal_of_query(std::string_view collection, std::uint32_t dimension, std::span<const float> embedding, std::size_t k);
failure no_collection(std::string_view name);

/// Whether an item's metadata fits. Numbers compare as numbers whatever their type; texts and truth values compare
/// with their own kind only.
bool matches(const vector_metadata& metadata, const metadata_filter& filter);

/// Cosine of two vectors of one length; neither is zero.
double cosine(std::span<const float> a, std::span<const float> b);
/// The vector scaled to length 1.
std::vector<float> unit(std::span<const float> v);

} // namespace fm::stored
