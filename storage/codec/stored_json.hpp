// Values to stored JSON and back, by reflection over the members of described structs. Tolerant on reading:
// unknown members are ignored, missing ones keep their default; a member of the wrong type is a failure.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/failure.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/model/enums.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <simdjson.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace fm::stored {

template <class T>
void put(json_writer& w, const T& v);
template <class T>
bool get(simdjson::dom::element e, T& v);

namespace detail {
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_id : std::false_type {};
template <class T>
struct is_id<strong_id<T>> : std::true_type {};
using text_map = std::map<std::string, std::string>;
} // namespace detail

template <class T>
void put(json_writer& w, const T& v) {
  if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T>) {
    w.value(v);
  } else if constexpr (detail::is_id<T>::value) {
    w.value(v.value);
  } else if constexpr (std::is_enum_v<T>) {
    w.value(name_of(v));
  } else if constexpr (std::is_same_v<T, timestamp>) {
    w.value(static_cast<std::int64_t>(v.time_since_epoch().count()));
  } else if constexpr (std::is_same_v<T, std::chrono::minutes>) {
    w.value(static_cast<std::int64_t>(v.count()));
  } else if constexpr (detail::is_optional<T>::value) {
    if (v)
      put(w, *v);
    else
      w.value(nullptr);
  } else if constexpr (detail::is_vector<T>::value) {
    w.begin_array();
    for (auto& item : v)
      put(w, item);
    w.end_array();
  } else if constexpr (std::is_same_v<T, detail::text_map>) {
    w.begin_object();
    for (auto& [key, text] : v)
      w.member(key, text);
    w.end_object();
  } else {
    w.begin_object();
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>([&](auto d) {
      w.key(d.name);
      put(w, v.*d.pointer);
    });
    w.end_object();
  }
}

template <class T>
bool get(simdjson::dom::element e, T& v) {
  if constexpr (std::is_same_v<T, std::string>) {
    std::string_view text;
    if (e.get(text))
      return false;
    v.assign(text);
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    return !e.get(v);
  } else if constexpr (std::is_floating_point_v<T>) {
    double number = 0;
    if (e.get(number))
      return e.is_null();
    v = number;
    return true;
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>) {
      std::int64_t number = 0;
      if (e.get(number))
        return false;
      v = static_cast<T>(number);
    } else {
      std::uint64_t number = 0;
      if (e.get(number) || number > std::numeric_limits<T>::max())
        return false;
      v = static_cast<T>(number);
    }
    return true;
  } else if constexpr (detail::is_id<T>::value) {
    return get(e, v.value);
  } else if constexpr (std::is_enum_v<T>) {
    std::string_view text;
    if (e.get(text))
      return false;
    const auto found = enum_from<T>(text);
    if (found)
      v = *found;
    return found.has_value();
  } else if constexpr (std::is_same_v<T, timestamp>) {
    std::int64_t ms = 0;
    if (e.get(ms))
      return false;
    v = timestamp{std::chrono::milliseconds{ms}};
    return true;
  } else if constexpr (std::is_same_v<T, std::chrono::minutes>) {
    std::int64_t n = 0;
    if (e.get(n))
      return false;
    v = std::chrono::minutes{n};
    return true;
  } else if constexpr (detail::is_optional<T>::value) {
    if (e.is_null()) {
      v.reset();
      return true;
    }
    return get(e, v.emplace());
  } else if constexpr (detail::is_vector<T>::value) {
    simdjson::dom::array list;
    if (e.get(list))
      return false;
    v.clear();
    for (auto item : list)
      if (!get(item, v.emplace_back()))
        return false;
    return true;
  } else if constexpr (std::is_same_v<T, detail::text_map>) {
    simdjson::dom::object object;
    if (e.get(object))
      return false;
    v.clear();
    for (auto field : object) {
      std::string_view text;
      if (field.value.get(text))
        return false;
      v.insert_or_assign(std::string{field.key}, std::string{text});
    }
    return true;
  } else {
    simdjson::dom::object object;
    if (e.get(object))
      return false;
    bool good = true;
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>([&](auto d) {
      simdjson::dom::element member;
      if (good && !object.at_key(d.name).get(member))
        good = get(member, v.*d.pointer);
    });
    return good;
  }
}

} // namespace fm::stored
