// Strong identifiers: a case id can never be passed where a user id is meant.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace fm {

/// An opaque identifier of one kind of thing. Empty means "none".
template <class Tag>
struct strong_id {
  std::string value;

  strong_id() = default;
  explicit strong_id(std::string text) : value(std::move(text)) {}

  bool empty() const noexcept { return value.empty(); }
  auto operator<=>(const strong_id&) const = default;
};

using case_id = strong_id<struct case_id_tag>;
using turn_id = strong_id<struct turn_id_tag>;
using client_turn_id = strong_id<struct client_turn_id_tag>;
using message_id = strong_id<struct message_id_tag>;
using user_id = strong_id<struct user_id_tag>;
using team_id = strong_id<struct team_id_tag>;
using session_id = strong_id<struct session_id_tag>;
using client_id = strong_id<struct client_id_tag>;

} // namespace fm

template <class Tag>
struct std::hash<fm::strong_id<Tag>> {
  std::size_t operator()(const fm::strong_id<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.value);
  }
};
