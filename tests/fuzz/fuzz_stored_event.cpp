// Hostile bytes in the database: decoding fails or gives a value that is written and read back unchanged.
// Input: one byte that chooses what it is taken for, then the stored text.
#include "storage/codec/codec.hpp"
#include "storage/codec/cursor.hpp"

#include <boost/mp11/algorithm.hpp>

#include <cstdlib>
#include <string>
#include <vector>

namespace {
template <class Value, class Decode>
void must_round_trip(const Value& value, Decode decode) {
  const auto again = decode(fm::stored::encode(value));
  if (!again || !(*again == value))
    std::abort();
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  using namespace fm;
  if (size == 0)
    return 0;
  static const auto kinds = [] {
    std::vector<std::string> names;
    boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<event_data>>>(
        [&](auto i) { names.emplace_back(kind_of(event_data{std::in_place_index<i>})); });
    return names;
  }();
  const auto which = bytes[0] % (kinds.size() + 5);
  const std::string_view text{reinterpret_cast<const char*>(bytes) + 1, size - 1};
  if (which < kinds.size()) {
    if (const auto e = stored::decode_event(kinds[which], text))
      must_round_trip(*e, [&](const std::string& json) { return stored::decode_event(kinds[which], json); });
  } else if (which == kinds.size()) {
    if (const auto r = stored::decode_record(text))
      must_round_trip(*r, stored::decode_record);
  } else if (which == kinds.size() + 1) {
    if (const auto u = stored::decode_user(text))
      must_round_trip(*u, stored::decode_user);
  } else if (which == kinds.size() + 2) {
    if (const auto s = stored::decode_session(text))
      must_round_trip(*s, stored::decode_session);
  } else if (which == kinds.size() + 3) {
    if (const auto m = stored::decode_metadata(text))
      must_round_trip(*m, stored::decode_metadata);
  } else {
    for (auto* sort : {"-last_activity_at", "title"})
      (void)stored::decode_cursor(text, stored::sort_from(sort).value());
  }
  return 0;
}
