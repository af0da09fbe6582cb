// /cases/{id}/evidence/search: lines of a case's files and messages, by words and by likeness.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"

#include <algorithm>

namespace fm::http {
namespace {
constexpr std::size_t query_bytes_max = 1'000;
constexpr std::int64_t deepest = 1'000; ///< offset + limit: what lies deeper is better asked for by a narrower question

void write_hit(json_writer& w, const case_search_hit& h) {
  w.begin_object().member("source", h.source);
  if (h.source == "file")
    w.member("file_id", h.file_id).member("filename", h.file_name).member("data_type", h.data_type).member("form", h.extracted ? "text" : h.sanitized ? "sanitized" : "raw");
  else
    w.member("message_id", h.message_id).member("role", h.message_role);
  w.member("line", h.line).member("begin", h.begin).member("end", h.end).member("text", h.text);
  if (!h.part.empty())
    w.member("part", h.part).member("part_line", h.part_line);
  w.key("highlights").begin_array();
  for (auto& [from, to] : h.highlights)
    w.begin_object().member("begin", from).member("end", to).end_object();
  w.end_array();
  w.key("snippet").begin_object().member("text", h.snippet).member("line_first", h.line_first).member("line_last", h.line_last);
  w.member("begin", h.snippet_begin).member("end", h.snippet_end).end_object();
  if (!h.level.empty())
    w.member("level", h.level);
  if (h.at)
    w.member("at", to_iso8601(*h.at));
  w.member("score", h.score).member("similarity_score", h.similarity);
  w.key("reasons").begin_array();
  for (auto& r : h.reasons)
    w.value(r);
  w.end_array().end_object();
}

/// The body as a query; answers the exchange and gives nothing when something is wrong with it.
std::optional<case_search_query> query_of(const exchange_ptr& x, const wire::json_body& body) {
  const auto filters = body.object("filters");
  const auto& from = filters ? *filters : body;
  case_search_query q;
  q.text = body.text("query").value_or("");
  q.file_id = from.text("file_id").value_or("");
  q.data_type = from.text("data_type").value_or("");
  q.level = ascii_lower(from.text("level").value_or(""));
  q.source = from.text("source").value_or("");
  const auto begin = from.text("from"), end = from.text("to");
  const auto line_from = from.integer("line_from").value_or(1), line_to = from.integer("line_to").value_or(std::numeric_limits<std::int64_t>::max());
  const auto limit = body.integer("limit").value_or(20), offset = body.integer("offset").value_or(0);
  if (refused_body(x, body) || (filters && refused_body(x, *filters)))
    return std::nullopt;
  const auto refuse = [&](const char* field, const char* sentence) {
    x->fail(invalid_field(field, sentence));
    return std::nullopt;
  };
  static constexpr std::string_view levels[] = {"", "debug", "info", "warning", "error", "fatal"};
  if (limit < 1 || limit > 100)
    return refuse("limit", "limit must be from 1 to 100.");
  if (offset < 0 || offset + limit > deepest)
    return refuse("offset", "offset and limit may be 1,000 together; ask a narrower question.");
  if (trimmed(q.text).empty() || q.text.size() > query_bytes_max)
    return refuse("query", "query must have 1 to 1,000 bytes.");
  if (!q.source.empty() && q.source != "file" && q.source != "message")
    return refuse("source", "source must be file or message.");
  if (std::find(std::begin(levels), std::end(levels), q.level) == std::end(levels))
    return refuse("level", "level must be debug, info, warning, error or fatal.");
  if (line_from < 1 || line_to < line_from)
    return refuse("line_to", "line_from must be 1 or more, and line_to not smaller.");
  if (!read_time(x, "from", begin, q.from) || !read_time(x, "to", end, q.to))
    return std::nullopt;
  if (q.from && q.to && *q.to < *q.from)
    return refuse("to", "to must not be earlier than from.");
  q.line_from = static_cast<std::uint64_t>(line_from);
  q.line_to = static_cast<std::uint64_t>(line_to);
  q.limit = static_cast<std::size_t>(limit);
  q.offset = static_cast<std::size_t>(offset);
  return q;
}

void search(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  const auto query = query_of(x, *body);
  if (!query)
    return;
  ask_case(rest->registry, x, read_case{who_of(x), {}}, [rest, x, query = *query](const case_view& v) {
    ask(rest->case_search, x, search_case{who_of(x), v.record.owner, case_of(*x), query, {}}, [x, query](const case_search_page& found) {
      x->respond(json_response(200, [&](json_writer& w) {
        w.member("query", query.text).member("total_results", found.hits.size()).member("limit", query.limit).member("offset", query.offset);
        w.member("has_more", found.more).member("files_searched", found.files_searched).member("files_waiting", found.files_waiting);
        w.member("by_words_only", found.by_words_only).key("results").begin_array();
        for (auto& h : found.hits)
          write_hit(w, h);
        w.end_array();
      }));
    });
  });
}
} // namespace

void add_evidence_search_routes(router& routes, const rest_deps_ptr& deps) {
  route r{"POST", "/api/v1/cases/{case_id}/evidence/search", access::token, "files",
          "Lines of the case's files and messages, by words and by likeness, with the bytes of the form one may read", {200, 404, 422},
          [deps](const exchange_ptr& x) { search(deps, x); }};
  r.takes = "CaseSearchQuery";
  r.gives = "CaseSearchResults";
  routes.add(std::move(r));
}

} // namespace fm::http
