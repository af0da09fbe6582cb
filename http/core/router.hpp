// Which handler answers which method and path, with the words that document it: one place for both.
#pragma once

#include "http/core/exchange.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::http {

enum class access { open, token };

using handler = std::function<void(exchange_ptr)>;

struct route {
  std::string method;
  std::string pattern; ///< "/api/v1/cases/{case_id}"
  access who = access::token;
  std::string tag;
  std::string summary;
  std::vector<int> statuses{200};
  handler handle;
  /// Whether the path belongs to a case, so that someone else's answers 404 even before the route exists.
  bool not_yet = false;
  /// Names of schemas in the OpenAPI document (http/core/schemas.cpp); empty = an object without further words.
  std::string takes;
  std::string gives;
  std::vector<std::string> asks; ///< query parameters
  /// Whether an Idempotency-Key is honoured (POST only). Off where the answer holds secrets.
  bool idempotent = true;
  /// Counts against the sign-in limit of the address.
  bool sign_in = false;
  /// Media types of the answer besides application/json ("text/event-stream").
  std::vector<std::string> also_gives;
};

/// A handler that answers a documented route instead of its own one when it applies (an Accept, a parameter).
struct variant_handler {
  std::string method;
  std::string pattern;
  std::function<bool(const request&)> applies;
  handler handle;
};

class router {
public:
  /// A second route of the same method and pattern replaces the first.
  void add(route r);
  /// The route may be added before or after its variants; of several the first that applies answers.
  void add_variant(variant_handler v) { variants_.push_back(std::move(v)); }
  /// The handler of a matched request, variants considered.
  const handler& handler_of(const route& found, const request& in) const;
  struct match {
    const route* found = nullptr;
    std::map<std::string, std::string> params;
    std::string allow; ///< methods of the path when the method is another one; empty = no such path
  };
  match find(std::string_view method, std::string_view path) const;
  const std::vector<route>& routes() const { return routes_; }

private:
  std::vector<route> routes_;
  std::vector<variant_handler> variants_;
};

/// OpenAPI 3.1, generated from the routes.
std::string openapi_document(const router& routes, std::string_view version);

} // namespace fm::http
