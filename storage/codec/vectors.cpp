// What all vector stores agree on.
#include "storage/codec/vectors.hpp"

#include <algorithm>
#include <cmath>

namespace fm::stored {
namespace {
bool name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::optional<failure> refusal_of_vector(std::string_view collection, std::uint32_t dimension, std::span<const float> v) {
  if (v.size() != dimension)
    return make_failure(errc::invalid, "The collection " + std::string{collection} + " holds vectors of " + std::to_string(dimension) +
                                           " numbers; this one has " + std::to_string(v.size()) + ".");
  double norm = 0;
  for (const auto x : v)
    norm += static_cast<double>(x) * static_cast<double>(x);
  if (!std::isfinite(norm) || norm <= 0)
    return make_failure(errc::invalid, "A vector must have a direction: it is zero or not finite.");
  return std::nullopt;
}

std::optional<double> number_of(const metadata_value& v) {
  if (const auto* i = std::get_if<std::int64_t>(&v))
    return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&v))
    return *d;
  return std::nullopt;
}
/// -1, 0, 1; nothing when the two cannot be compared.
std::optional<int> compare(const metadata_value& a, const metadata_value& b) {
  const auto order = [](auto& x, auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  const auto x = number_of(a), y = number_of(b);
  if (x && y)
    return order(*x, *y);
  if (a.index() != b.index())
    return std::nullopt;
  if (const auto* s = std::get_if<std::string>(&a))
    return order(*s, std::get<std::string>(b));
  if (const auto* t = std::get_if<bool>(&a))
    return static_cast<int>(*t) - static_cast<int>(std::get<bool>(b));
  return std::nullopt;
}
bool holds(const vector_metadata& metadata, const metadata_condition& c) {
  using relation = metadata_condition::relation;
  const auto found = metadata.find(c.member);
  if (found == metadata.end())
    return c.is == relation::not_equal;
  const auto is = [&](auto test) {
    if (c.values.empty())
      return false;
    const auto order = compare(found->second, c.values.front());
    return order && test(*order);
  };
  switch (c.is) {
  case relation::equal: return is([](int o) { return o == 0; });
  case relation::not_equal: return !is([](int o) { return o == 0; });
  case relation::less: return is([](int o) { return o < 0; });
  case relation::less_equal: return is([](int o) { return o <= 0; });
  case relation::greater: return is([](int o) { return o > 0; });
  case relation::greater_equal: return is([](int o) { return o >= 0; });
  case relation::one_of:
    return std::any_of(c.values.begin(), c.values.end(), [&](auto& v) { return compare(found->second, v) == 0; });
  }
  return false;
}
} // namespace

std::optional<failure> refusal_of_collection(std::string_view name, std::uint32_t dimension) {
  const bool fits = name.size() >= 3 && name.size() <= 128 && name_character(name.front()) && name_character(name.back()) &&
                    std::all_of(name.begin(), name.end(), [](char c) { return name_character(c) || c == '_' || c == '-'; });
  if (!fits)
    return make_failure(errc::invalid, "A collection's name has 3 to 128 of a-z, 0-9, _ and -, a letter or digit at both ends.");
  if (dimension == 0 || dimension > vector_dimension_max)
    return make_failure(errc::invalid, "A collection's dimension is from 1 to " + std::to_string(vector_dimension_max) + ".");
  return std::nullopt;
}

std::optional<failure> refusal_of_items(std::string_view collection, std::uint32_t dimension, std::span<const vector_item> items) {
  if (items.size() > vector_batch_max)
    return make_failure(errc::too_large, "At most " + std::to_string(vector_batch_max) + " vectors are stored at once.");
  for (auto& item : items) {
    if (item.id.empty() || item.id.size() > vector_id_bytes_max)
      return make_failure(errc::invalid, "A vector's id has 1 to " + std::to_string(vector_id_bytes_max) + " bytes.");
    if (item.document.size() > vector_document_bytes_max)
      return make_failure(errc::too_large, "A vector's document has at most " + std::to_string(vector_document_bytes_max) + " bytes.");
    if (auto f = refusal_of_vector(collection, dimension, item.embedding))
      return f;
  }
  return std::nullopt;
}

std::optional<failure> refusal_of_query(std::string_view collection, std::uint32_t dimension, std::span<const float> embedding, std::size_t k) {
  if (k == 0 || k > vector_hits_max)
    return make_failure(errc::invalid, "A query asks for 1 to " + std::to_string(vector_hits_max) + " vectors.");
  return refusal_of_vector(collection, dimension, embedding);
}

failure no_collection(std::string_view name) {
  return make_failure(errc::not_found, "There is no collection " + std::string{name} + ".");
}

bool matches(const vector_metadata& metadata, const metadata_filter& filter) {
  return std::all_of(filter.begin(), filter.end(), [&](auto& c) { return holds(metadata, c); });
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0;
}

std::vector<float> unit(std::span<const float> v) {
  double norm = 0;
  for (const auto x : v)
    norm += static_cast<double>(x) * static_cast<double>(x);
  norm = std::sqrt(norm);
  std::vector<float> out(v.begin(), v.end());
  if (norm > 0)
    for (auto& x : out)
      x = static_cast<float>(static_cast<double>(x) / norm);
  return out;
}

} // namespace fm::stored
