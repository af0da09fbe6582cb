// How each kind of setting is read from text and printed back: strict, with bounds, and with a message that
// says what would have been right. A parse returns nothing on success, else the end of a sentence ("must be
// …").
#pragma once

#include "protocol/base/text.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::values {

using complaint = std::optional<std::string>;

inline std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::int64_t n = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, n);
  if (error != std::errc{} || at != end)
    return std::nullopt;
  return n;
}

/// "10 MiB" → {10, "MiB"}.
inline std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && ((text[at] >= '0' && text[at] <= '9') || text[at] == '-'))
    ++at;
  return {text.substr(0, at), trimmed(text.substr(at))};
}

struct whole {
  std::int64_t least, most;
  std::string kind() const { return "whole number"; }
  std::string range() const { return std::to_string(least) + " to " + std::to_string(most); }
  template <class T> complaint parse(std::string_view text, T& out) const {
    const auto n = parse_whole(text);
    if (!n || *n < least || *n > most)
      return "must be a whole number from " + range();
    out = static_cast<T>(*n);
    return std::nullopt;
  }
  template <class T> std::string print(const T& value) const { return std::to_string(value); }
};

struct number {
  double least, most;
  std::string kind() const { return "number"; }
  std::string range() const { return print(least) + " to " + print(most); }
  complaint parse(std::string_view text, double& out) const {
    double n = 0;
    const auto end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, n);
    if (error != std::errc{} || at != end || !std::isfinite(n) || n < least || n > most)
      return "must be a number from " + range();
    out = n;
    return std::nullopt;
  }
  std::string print(double value) const {
    char buffer[32];
    return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
  }
};

struct bytes {
  std::int64_t least, most;
  std::string kind() const { return "bytes"; }
  std::string range() const {
    return print(static_cast<std::size_t>(least)) + " to " + print(static_cast<std::size_t>(most));
  }
  complaint parse(std::string_view text, std::size_t& out) const {
    const auto [digits, unit] = split_unit(text);
    const auto n = parse_whole(digits);
    const auto name = ascii_lower(unit);
    std::int64_t factor = 0;
    if (name.empty() || name == "b")
      factor = 1;
    else if (name == "kib" || name == "k")
      factor = 1LL << 10;
    else if (name == "mib" || name == "m")
      factor = 1LL << 20;
    else if (name == "gib" || name == "g")
      factor = 1LL << 30;
    if (!n || factor == 0 || *n < 0 || *n > most / factor || *n * factor < least)
      return "must be a size from " + range() + ", as 32768, 64 KiB or 4 MiB";
    out = static_cast<std::size_t>(*n * factor);
    return std::nullopt;
  }
  std::string print(std::size_t value) const {
    if (value >= (1U << 20) && value % (1U << 20) == 0)
      return std::to_string(value >> 20) + " MiB";
    if (value >= (1U << 10) && value % (1U << 10) == 0)
      return std::to_string(value >> 10) + " KiB";
    return std::to_string(value);
  }
};

/// Bare numbers are in the member's own unit; ms, s, min, h and d are understood when they come out whole.
struct duration {
  std::int64_t least, most;
  std::string kind() const { return "duration"; }
  std::string range() const { return std::to_string(least) + " to " + std::to_string(most); }
  template <class Rep, class Period>
  complaint parse(std::string_view text, std::chrono::duration<Rep, Period>& out) const {
    using unit_type = std::chrono::duration<Rep, Period>;
    using std::chrono::milliseconds;
    const auto [digits, unit] = split_unit(text);
    const auto n = parse_whole(digits);
    constexpr std::int64_t own = std::chrono::duration_cast<milliseconds>(unit_type{1}).count();
    std::int64_t factor = 0;
    if (unit.empty())
      factor = own;
    else if (unit == "ms")
      factor = 1;
    else if (unit == "s")
      factor = 1'000;
    else if (unit == "min")
      factor = 60'000;
    else if (unit == "h")
      factor = 3'600'000;
    else if (unit == "d")
      factor = 86'400'000;
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    if (!n || factor == 0 || *n < 0 || *n > largest / factor || *n * factor % own != 0 ||
        *n * factor / own < least || *n * factor / own > most)
      return "must be a time from " + range() + " (a bare number, or with ms, s, min, h or d)";
    out = unit_type{static_cast<Rep>(*n * factor / own)};
    return std::nullopt;
  }
  template <class Rep, class Period>
  std::string print(const std::chrono::duration<Rep, Period>& value) const {
    return std::to_string(value.count());
  }
};

struct yes_no {
  std::string kind() const { return "yes or no"; }
  std::string range() const { return {}; }
  complaint parse(std::string_view text, bool& out) const {
    const auto word = ascii_lower(text);
    if (word == "yes" || word == "true" || word == "on" || word == "1")
      out = true;
    else if (word == "no" || word == "false" || word == "off" || word == "0")
      out = false;
    else
      return "must be yes or no";
    return std::nullopt;
  }
  std::string print(bool value) const { return value ? "yes" : "no"; }
};

inline bool has_control_character(std::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return true;
  return false;
}

struct text {
  std::size_t bytes_max;
  bool required;
  std::string kind() const { return "text"; }
  std::string range() const { return {}; }
  complaint parse(std::string_view value, std::string& out) const {
    if (required && value.empty())
      return "must not be empty";
    if (value.size() > bytes_max || !is_valid_utf8(value) || has_control_character(value))
      return "must be text of at most " + std::to_string(bytes_max) + " bytes on one line";
    out = std::string{value};
    return std::nullopt;
  }
  std::string print(const std::string& value) const { return value; }
};

struct url {
  std::string kind() const { return "URL"; }
  std::string range() const { return {}; }
  complaint parse(std::string_view value, std::string& out) const {
    const auto scheme = value.find("://");
    const bool web = value.starts_with("http://") || value.starts_with("https://");
    if (!value.empty() &&
        (!web || value.size() <= scheme + 3 || value.size() > 2'048 || has_control_character(value) ||
         value.find_first_of(" \"<>") != std::string_view::npos))
      return "must be empty or a URL that starts with http:// or https://";
    out = std::string{value};
    return std::nullopt;
  }
  std::string print(const std::string& value) const { return value; }
};

struct list {
  std::size_t items_max;
  std::string kind() const { return "list"; }
  std::string range() const { return {}; }
  complaint parse(std::string_view value, std::vector<std::string>& out) const {
    std::vector<std::string> items;
    while (!value.empty()) {
      const auto comma = value.find(',');
      const auto item = trimmed(value.substr(0, comma));
      if (!item.empty())
        items.emplace_back(item);
      value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    }
    if (items.size() > items_max)
      return "must be at most " + std::to_string(items_max) + " items, separated by commas";
    for (auto& item : items)
      if (!is_valid_utf8(item) || has_control_character(item))
        return "must be plain text, separated by commas";
    out = std::move(items);
    return std::nullopt;
  }
  std::string print(const std::vector<std::string>& value) const {
    std::string joined;
    for (auto& item : value)
      joined += (joined.empty() ? "" : ", ") + item;
    return joined;
  }
};

template <class T> struct choice {
  std::vector<std::pair<std::string, T>> words;
  std::string kind() const {
    std::string all;
    for (auto& [word, value] : words)
      all += (all.empty() ? "one of " : ", ") + word;
    return all;
  }
  std::string range() const { return {}; }
  complaint parse(std::string_view text, T& out) const {
    const auto wanted = ascii_lower(text);
    for (auto& [word, value] : words)
      if (word == wanted) {
        out = value;
        return std::nullopt;
      }
    return "must be " + kind();
  }
  std::string print(const T& value) const {
    for (auto& [word, known] : words)
      if (known == value)
        return word;
    return {};
  }
};

} // namespace fm::values
