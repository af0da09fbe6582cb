// simdjson's DOM behind a small tolerant reader.
#include "protocol/wire/json_body.hpp"

#include <simdjson.h>

#include <sstream>

namespace fm::wire {

struct json_body::impl {
  std::shared_ptr<simdjson::dom::parser> parser;
  simdjson::dom::object root;
  bool empty = false;
  mutable std::shared_ptr<std::optional<failure>> wrong = std::make_shared<std::optional<failure>>();

  std::optional<simdjson::dom::element> find(std::string_view name) const {
    simdjson::dom::element e;
    if (empty || root.at_key(name).get(e) || e.is_null())
      return std::nullopt;
    return e;
  }
  void complain(std::string_view name, const char* wanted) const {
    if (*wrong)
      return;
    auto f = make_failure(errc::invalid, "'" + std::string{name} + "' must be " + wanted + ".");
    f.with_fact("field", std::string{name});
    *wrong = std::move(f);
  }
};

outcome<json_body> json_body::parse(std::string_view text) {
  json_body body;
  body.impl_ = std::make_shared<impl>();
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    body.impl_->empty = true;
    return body;
  }
  body.impl_->parser = std::make_shared<simdjson::dom::parser>();
  simdjson::dom::element root;
  if (const auto error = body.impl_->parser->parse(text.data(), text.size()).get(root))
    return make_failure(errc::invalid,
                        std::string{"The body is not valid JSON: "} + simdjson::error_message(error) + ".");
  if (root.get(body.impl_->root))
    return make_failure(errc::invalid, "The body must be a JSON object.");
  return body;
}

bool json_body::has(std::string_view name) const { return impl_->find(name).has_value(); }

std::optional<std::string> json_body::text(std::string_view name) const {
  const auto e = impl_->find(name);
  if (!e)
    return std::nullopt;
  std::string_view v;
  if (e->get(v)) {
    impl_->complain(name, "text");
    return std::nullopt;
  }
  return std::string{v};
}

std::optional<std::int64_t> json_body::integer(std::string_view name) const {
  const auto e = impl_->find(name);
  if (!e)
    return std::nullopt;
  std::int64_t v = 0;
  if (e->get(v)) {
    impl_->complain(name, "a whole number");
    return std::nullopt;
  }
  return v;
}

std::optional<bool> json_body::boolean(std::string_view name) const {
  const auto e = impl_->find(name);
  if (!e)
    return std::nullopt;
  bool v = false;
  if (e->get(v)) {
    impl_->complain(name, "true or false");
    return std::nullopt;
  }
  return v;
}

std::optional<std::vector<std::string>> json_body::texts(std::string_view name) const {
  const auto e = impl_->find(name);
  if (!e)
    return std::nullopt;
  simdjson::dom::array list;
  std::vector<std::string> out;
  bool good = !e->get(list);
  if (good)
    for (auto item : list) {
      std::string_view v;
      if (item.get(v)) {
        good = false;
        break;
      }
      out.emplace_back(v);
    }
  if (good)
    return out;
  impl_->complain(name, "a list of texts");
  return std::nullopt;
}

std::optional<std::map<std::string, std::string>> json_body::text_map(std::string_view name) const {
  const auto e = impl_->find(name);
  if (!e)
    return std::nullopt;
  simdjson::dom::object o;
  if (e->get(o)) {
    impl_->complain(name, "an object");
    return std::nullopt;
  }
  std::map<std::string, std::string> out;
  for (auto field : o) {
    std::string_view v;
    out[std::string{field.key}] =
        field.value.get(v) ? std::string{simdjson::minify(field.value)} : std::string{v};
  }
  return out;
}

std::optional<json_body> json_body::object(std::string_view name) const {
  const auto e = impl_->find(name);
  if (!e)
    return std::nullopt;
  json_body inner;
  inner.impl_ = std::make_shared<impl>();
  inner.impl_->parser = impl_->parser;
  inner.impl_->wrong = impl_->wrong;
  if (e->get(inner.impl_->root)) {
    impl_->complain(name, "an object");
    return std::nullopt;
  }
  return inner;
}

std::string json_body::raw(std::string_view name) const {
  const auto e = impl_->find(name);
  return e ? std::string{simdjson::minify(*e)} : std::string{};
}

std::optional<failure> json_body::wrong() const { return *impl_->wrong; }

} // namespace fm::wire
