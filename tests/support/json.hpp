// A JSON value as a tree, for tests that ask small questions of answers: absent members read as null, so that a
// check says what it expects and never crashes on what it got. Not for the hot paths of a load.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fm::testing_support {

class json {
public:
  using array = std::vector<json>;
  using object = std::map<std::string, json, std::less<>>;

  /// Nothing when the text is not exactly one JSON value.
  static std::optional<json> parse(std::string_view text);

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const noexcept { return std::holds_alternative<object>(value_); }
  bool is_array() const noexcept { return std::holds_alternative<array>(value_); }
  bool is_string() const noexcept { return std::holds_alternative<std::string>(value_); }
  bool is_number() const noexcept { return std::holds_alternative<double>(value_); }

  /// The member, or null.
  const json& operator[](std::string_view name) const;
  /// The element, or null.
  const json& at(std::size_t index) const;
  bool has(std::string_view name) const;

  /// Empty for anything but a string.
  const std::string& text() const;
  /// 0 for anything but a number.
  double number() const noexcept;
  std::uint64_t whole() const noexcept { return number() < 0 ? 0 : static_cast<std::uint64_t>(number()); }
  /// false for anything but true.
  bool truth() const noexcept;
  /// Empty for anything but an array.
  const array& items() const;
  /// Empty for anything but an object.
  const object& members() const;
  std::size_t size() const { return is_array() ? items().size() : members().size(); }

  std::variant<std::monostate, bool, double, std::string, array, object> value_;
};

/// `text` as a JSON string with its quotes.
std::string json_quoted(std::string_view text);

} // namespace fm::testing_support
