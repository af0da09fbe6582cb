// Writing JSON into a string, in order, without a tree: the only way JSON leaves this program.
// Commas are put by the writer; text must be valid UTF-8 (invalid bytes become U+FFFD).
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace fm {

/// Appends `text` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);
/// Shortest form that reads back the same; NaN and infinities become null.
void append_json_number(std::string& out, double value);

class json_writer {
public:
  explicit json_writer(std::string& out) : out_(out) {}

  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }
  json_writer& key(std::string_view name) {
    comma();
    append_json_string(out_, name);
    out_ += ':';
    fresh_ = true;
    return *this;
  }

  json_writer& value(std::string_view text) {
    comma();
    append_json_string(out_, text);
    return *this;
  }
  json_writer& value(const char* text) { return value(std::string_view{text}); }
  json_writer& value(const std::string& text) { return value(std::string_view{text}); }
  json_writer& value(std::nullptr_t) { return raw("null"); }
  template <class T>
    requires std::is_arithmetic_v<T>
  json_writer& value(T v) {
    comma();
    if constexpr (std::same_as<T, bool>)
      out_ += v ? "true" : "false";
    else if constexpr (std::is_integral_v<T>)
      out_ += std::to_string(v);
    else
      append_json_number(out_, v);
    return *this;
  }
  /// Text that is JSON already.
  json_writer& raw(std::string_view json) {
    comma();
    out_ += json;
    return *this;
  }
  template <class T>
  json_writer& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }

private:
  void comma() {
    if (!fresh_)
      out_ += ',';
    fresh_ = false;
  }
  json_writer& open(char c) {
    comma();
    out_ += c;
    fresh_ = true;
    return *this;
  }
  json_writer& close(char c) {
    out_ += c;
    fresh_ = false;
    return *this;
  }
  std::string& out_;
  bool fresh_ = true;
};

} // namespace fm
