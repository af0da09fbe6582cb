// The tree is built from simdjson's document, so that tests read with the parser of the server's clients in mind
// and not with one of their own making.
#include "tests/support/json.hpp"

#include "protocol/base/json_writer.hpp"

#include <simdjson.h>

namespace fm::testing_support {
namespace {
json from(const simdjson::dom::element& e) {
  json out;
  switch (e.type()) {
  case simdjson::dom::element_type::ARRAY: {
    json::array items;
    for (auto item : simdjson::dom::array(e))
      items.push_back(from(item));
    out.value_ = std::move(items);
    break;
  }
  case simdjson::dom::element_type::OBJECT: {
    json::object members;
    for (auto [name, value] : simdjson::dom::object(e))
      members.insert_or_assign(std::string{name}, from(value));
    out.value_ = std::move(members);
    break;
  }
  case simdjson::dom::element_type::INT64: out.value_ = static_cast<double>(std::int64_t(e)); break;
  case simdjson::dom::element_type::UINT64: out.value_ = static_cast<double>(std::uint64_t(e)); break;
  case simdjson::dom::element_type::DOUBLE: out.value_ = double(e); break;
  case simdjson::dom::element_type::STRING: out.value_ = std::string{std::string_view(e)}; break;
  case simdjson::dom::element_type::BOOL: out.value_ = bool(e); break;
  case simdjson::dom::element_type::NULL_VALUE: break;
  }
  return out;
}
const json null_value;
} // namespace

std::optional<json> json::parse(std::string_view text) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS)
    return std::nullopt;
  return from(root);
}

const json& json::operator[](std::string_view name) const {
  if (const auto* o = std::get_if<object>(&value_))
    if (const auto found = o->find(name); found != o->end())
      return found->second;
  return null_value;
}

const json& json::at(std::size_t index) const {
  const auto& list = items();
  return index < list.size() ? list[index] : null_value;
}

bool json::has(std::string_view name) const {
  const auto* o = std::get_if<object>(&value_);
  return o && o->find(name) != o->end();
}

const std::string& json::text() const {
  static const std::string none;
  const auto* s = std::get_if<std::string>(&value_);
  return s ? *s : none;
}

double json::number() const noexcept {
  const auto* d = std::get_if<double>(&value_);
  return d ? *d : 0;
}

bool json::truth() const noexcept {
  const auto* b = std::get_if<bool>(&value_);
  return b && *b;
}

const json::array& json::items() const {
  static const array none;
  const auto* a = std::get_if<array>(&value_);
  return a ? *a : none;
}

const json::object& json::members() const {
  static const object none;
  const auto* o = std::get_if<object>(&value_);
  return o ? *o : none;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

} // namespace fm::testing_support
