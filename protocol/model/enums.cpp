// Enumerator names by reflection; instantiated here once.
#include "protocol/model/enums.hpp"

#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>

namespace fm {
namespace {
constexpr std::string_view wire_name(std::string_view identifier) {
  return identifier.ends_with('_') ? identifier.substr(0, identifier.size() - 1) : identifier;
}
} // namespace

template <class E>
std::string_view name_of(E value) noexcept {
  std::string_view found = "unknown";
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (d.value == value)
      found = wire_name(d.name);
  });
  return found;
}

template <class E>
std::optional<E> enum_from(std::string_view name) noexcept {
  if constexpr (std::is_same_v<E, case_status>) {
    if (name == "active")
      return case_status::consulting;
    if (name == "archived")
      return case_status::closed;
  }
  std::optional<E> found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (wire_name(d.name) == name)
      found = d.value;
  });
  return found;
}

#define FM_ENUM(E)                                                                                               \
  template std::string_view name_of<E>(E) noexcept;                                                              \
  template std::optional<E> enum_from<E>(std::string_view) noexcept;
FM_ENUM(case_status)
FM_ENUM(case_priority)
FM_ENUM(case_visibility)
FM_ENUM(participant_role)
FM_ENUM(message_role)
FM_ENUM(message_type)
FM_ENUM(turn_status)
FM_ENUM(user_role)
#undef FM_ENUM

} // namespace fm
