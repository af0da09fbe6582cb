// Reading what clients send: a JSON object whose members are asked for by name and type. Unknown members are
// ignored; a member of the wrong type is remembered and refused as a whole with a sentence.
#pragma once

#include "protocol/base/failure.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::wire {

class json_body {
public:
  /// invalid when the text is not one JSON object. An empty text is an empty object.
  static outcome<json_body> parse(std::string_view text);

  bool has(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<std::vector<std::string>> texts(std::string_view name) const;
  /// An object whose values are taken as text (numbers and booleans as they are written).
  std::optional<std::map<std::string, std::string>> text_map(std::string_view name) const;
  std::optional<json_body> object(std::string_view name) const;
  /// The value as it was written ("7", "\"abc\""): echoes a client's id.
  std::string raw(std::string_view name) const;
  /// The first wrong type met so far.
  std::optional<failure> wrong() const;

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace fm::wire
