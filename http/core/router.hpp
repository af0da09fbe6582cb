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
  /// Names of schemas in the OpenAPI document (http/core/openapi.cpp); empty = an object without further
  /// words.
  std::string takes;
  std::string gives;
  std::vector<std::string> asks; ///< query parameters
  /// Whether an Idempotency-Key is honoured (POST only). Off where the answer holds secrets.
  bool idempotent = true;
  /// The handler takes the body by read_body(); http.body_bytes_max does not count, `body_bytes_max` does: 413 as soon as
  /// it is known to be passed. An Idempotency-Key counts from claim_key() on.
  bool streams_body = false;
  std::uint64_t body_bytes_max = 0;
  std::uint64_t file_bytes_max = 0; ///< of the file in that body, which is what a person is told; 0 = there is none
  /// What OPTIONS of the path answers besides its methods.
  std::vector<std::pair<std::string, std::string>> options;
  /// Media type of the body when it is not JSON.
  std::string takes_type;
  /// Counts against the sign-in limit of the address.
  bool sign_in = false;
  /// Media types of the answer besides application/json ("text/event-stream").
  std::vector<std::string> also_gives;
};

class router {
public:
  /// A second route of the same method and pattern replaces the first.
  void add(route r);
  struct match {
    const route* found = nullptr;
    std::map<std::string, std::string> params;
    std::string allow; ///< methods of the path when the method is another one; empty = no such path
  };
  match find(std::string_view method, std::string_view path) const;
  const std::vector<route>& routes() const { return routes_; }

private:
  std::vector<route> routes_;
  std::vector<std::vector<std::string>> patterns_; ///< segments of routes_[i].pattern
};

/// OpenAPI 3.1, generated from the routes.
std::string openapi_document(const router& routes, std::string_view version);

} // namespace fm::http
