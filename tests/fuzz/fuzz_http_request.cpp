// Hostile requests: what the edge does with a target, a query, an origin and a body before any actor hears of
// it. Input: method line, then an empty line, then the body.
#include "http/core/case_patch.hpp"
#include "http/core/router.hpp"
#include "http/core/settings.hpp"
#include "http/core/url.hpp"
#include "protocol/base/text.hpp"
#include "protocol/wire/encode.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdlib>
#include <string>

namespace {
namespace bh = boost::beast::http;

const fm::http::router& routes() {
  static const auto made = [] {
    fm::http::router r;
    for (auto* pattern : {"/api/v1/cases", "/api/v1/cases/search", "/api/v1/cases/{case_id}",
                          "/api/v1/cases/{case_id}/queries/{turn_id}"})
      for (auto* method : {"GET", "POST"})
        r.add({method, pattern, fm::http::access::token, "fuzz", "fuzz", {200}, {}});
    return r;
  }();
  return made;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  using namespace fm;
  using namespace fm::http;
  boost::system::error_code ec;
  bh::request_parser<bh::string_body> parser;
  parser.eager(true);
  parser.header_limit(32U << 10);
  parser.body_limit(1U << 20);
  std::size_t used = 0;
  while (used < size && !parser.is_done()) {
    const auto n = parser.put(boost::asio::buffer(bytes + used, size - used), ec);
    used += n;
    if (ec || n == 0)
      break;
  }
  const auto& head = parser.get();
  const std::string target{head.target()};
  const auto question = target.find('?');
  const auto path = percent_decoded(std::string_view{target}.substr(0, question), false);
  if (path && !is_valid_utf8(*path))
    std::abort();
  (void)parse_query(question == std::string::npos ? std::string_view{}
                                                  : std::string_view{target}.substr(question + 1));
  if (path) {
    const auto match = routes().find(std::string{head.method_string()}, *path);
    for (auto& [name, value] : match.params)
      if (value.empty() || value.find('/') != std::string::npos)
        std::abort(); // a parameter is one segment, never none
  }
  (void)origin_allowed(std::string{head[bh::field::origin]}, std::string{head[bh::field::host]},
                       {"https://a.example", "chrome-extension://*"});
  const auto body = wire::json_body::parse(head.body());
  const auto patch = body ? read_case_patch(*body) : outcome<case_patch>{body.error()};
  if (!patch && !is_valid_utf8(wire::error_body(patch.error(), "id")))
    std::abort();
  return 0;
}
