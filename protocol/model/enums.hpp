// Every enumeration of the domain (domain.md) with its wire name, in one table each.
#pragma once

#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace fm {

BOOST_DEFINE_ENUM_CLASS(case_status, consulting, investigating, resolved, closed)
BOOST_DEFINE_ENUM_CLASS(case_priority, low, medium, high, critical)
BOOST_DEFINE_ENUM_CLASS(case_visibility, private_, shared, team, public_)
BOOST_DEFINE_ENUM_CLASS(participant_role, owner, collaborator, viewer)
BOOST_DEFINE_ENUM_CLASS(message_role, user, assistant, system)
BOOST_DEFINE_ENUM_CLASS(message_type, user_query, agent_response, system_event, data_upload, case_note)
BOOST_DEFINE_ENUM_CLASS(turn_status, queued, running, completed, cancelled, failed, interrupted, withdrawn)
BOOST_DEFINE_ENUM_CLASS(user_role, user, analyst, admin)

/// The wire name of an enumerator: its identifier, without the trailing '_' that avoids keywords.
/// Defined in enums.cpp for exactly the enumerations above.
template <class E>
std::string_view name_of(E value) noexcept;
/// The enumerator of a wire name; nothing when there is none. For case_status the old words of the seed
/// documents are accepted as input (decisions.md): active → consulting, archived → closed.
template <class E>
std::optional<E> enum_from(std::string_view name) noexcept;

constexpr bool is_terminal(case_status s) noexcept {
  return s == case_status::resolved || s == case_status::closed;
}
constexpr bool is_unfinished(turn_status s) noexcept {
  return s == turn_status::queued || s == turn_status::running || s == turn_status::interrupted;
}

} // namespace fm
