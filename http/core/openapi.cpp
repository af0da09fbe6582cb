// The OpenAPI document, generated from the routes, so that it cannot speak of anything else. The schemas that
// several routes share stand here by name.
#include "http/core/router.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace fm::http {
namespace {
struct phrase_of_status {
  int status;
  const char* text;
};
constexpr phrase_of_status phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted; ask again at Location"},
    {204, "No content"},
    {206, "Part of the content; Content-Range says which"},
    {400, "Bad request"},
    {401, "Missing or invalid token"},
    {403, "Visible but not allowed"},
    {404, "Not there, or not yours"},
    {409, "Conflict; x-error-code says which"},
    {408, "The body did not come in time"},
    {410, "Deleted"},
    {412, "Another version of the protocol"},
    {413, "Too large"},
    {415, "Another media type than the route takes"},
    {416, "The range lies outside"},
    {422, "Invalid input; errors says where"},
    {426, "Upgrade to WebSocket"},
    {429, "Too many requests; Retry-After"},
    {501, "Not there yet"},
    {503, "Unavailable; Retry-After"},
    {504, "Not answered within the deadline"},
};
const char* phrase(int status) {
  for (auto& p : phrases)
    if (p.status == status)
      return p.text;
  return "Answer";
}

struct schema {
  const char* name;
  const char* json;
};
constexpr schema schemas[] = {
    {"Error",
     R"({"type":"object","required":["detail","error","request_id"],"properties":{"detail":{"type":"string"},"error":{"type":"object","required":["code","message","details"],"properties":{"code":{"type":"string"},"message":{"type":"string"},"details":{"type":"object"}}},"request_id":{"type":"string"},"errors":{"type":"array","items":{"type":"object","properties":{"loc":{"type":"array","items":{"type":"string"}},"msg":{"type":"string"},"type":{"type":"string"}}}}}})"},
    {"User",
     R"({"type":"object","required":["user_id","username","roles","created_at"],"properties":{"user_id":{"type":"string"},"username":{"type":"string"},"email":{"type":"string"},"display_name":{"type":"string"},"roles":{"type":"array","items":{"enum":["user","analyst","admin"]}},"created_at":{"type":"string","format":"date-time"}}})"},
    {"SignedIn",
     R"({"type":"object","required":["access_token","token_type","expires_in","refresh_token","session_id","user"],"properties":{"access_token":{"type":"string"},"token_type":{"const":"bearer"},"expires_in":{"type":"integer"},"refresh_token":{"type":"string"},"session_id":{"type":"string"},"user":{"$ref":"#/components/schemas/User"}}})"},
    {"Register",
     R"({"type":"object","required":["username","email","password"],"properties":{"username":{"type":"string"},"email":{"type":"string"},"password":{"type":"string"},"display_name":{"type":"string"},"client_id":{"type":"string"}}})"},
    {"Login",
     R"({"type":"object","required":["username","password"],"properties":{"username":{"type":"string"},"password":{"type":"string"},"client_id":{"type":"string"}}})"},
    {"DevLogin",
     R"({"type":"object","required":["username"],"properties":{"username":{"type":"string"},"client_id":{"type":"string"}}})"},
    {"Refresh",
     R"({"type":"object","required":["refresh_token"],"properties":{"refresh_token":{"type":"string"}}})"},
    {"OpenSession",
     R"({"type":"object","properties":{"client_id":{"type":"string"},"timeout_minutes":{"type":"integer","minimum":60,"maximum":480},"session_type":{"type":"string"},"metadata":{"type":"object"}}})"},
    {"Session",
     R"({"type":"object","required":["session_id","user_id","created_at","expires_at"],"properties":{"session_id":{"type":"string"},"user_id":{"type":"string"},"client_id":{"type":"string"},"session_resumed":{"type":"boolean"},"created_at":{"type":"string"},"last_activity":{"type":"string"},"expires_at":{"type":"string"}}})"},
    {"CaseSummary",
     R"({"type":"object","required":["case_id","title","status","user_id","owner_id","priority","tags","participant_count","message_count","current_turn","created_at","updated_at","last_activity_at"],"properties":{"case_id":{"type":"string"},"title":{"type":"string"},"status":{"enum":["consulting","investigating","resolved","closed"]},"user_id":{"type":"string"},"owner_id":{"type":"string"},"priority":{"enum":["low","medium","high","critical"]},"category":{"type":["string","null"]},"tags":{"type":"array","items":{"type":"string"}},"participant_count":{"type":"integer"},"message_count":{"type":"integer"},"current_turn":{"type":"integer"},"created_at":{"type":"string"},"updated_at":{"type":"string"},"last_activity_at":{"type":"string"}}})"},
    {"Case",
     R"({"allOf":[{"$ref":"#/components/schemas/CaseSummary"},{"type":"object","required":["version","visibility"],"properties":{"description":{"type":"string"},"version":{"type":"integer"},"seq":{"type":"integer"},"visibility":{"type":"string"},"closure_reason":{"type":["string","null"]},"solution_summary":{"type":["string","null"]}}}]})"},
    {"CaseSearchQuery",
     R"({"type":"object","required":["query"],"properties":{"query":{"type":"string","maxLength":1000},"limit":{"type":"integer","minimum":1,"maximum":100},"offset":{"type":"integer","minimum":0},"filters":{"type":"object","properties":{"file_id":{"type":"string"},"data_type":{"type":"string"},"level":{"enum":["debug","info","warning","error","fatal"]},"source":{"enum":["file","message"]},"from":{"type":"string","format":"date-time"},"to":{"type":"string","format":"date-time"},"line_from":{"type":"integer"},"line_to":{"type":"integer"}}}}})"},
    {"CaseSearchResults",
     R"({"type":"object","required":["query","total_results","results"],"properties":{"query":{"type":"string"},"total_results":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"},"files_searched":{"type":"integer"},"files_waiting":{"type":"integer"},"by_words_only":{"type":"boolean"},"results":{"type":"array","items":{"type":"object","required":["source","line","begin","end","text","highlights"],"properties":{"source":{"enum":["file","message"]},"file_id":{"type":"string"},"filename":{"type":"string"},"data_type":{"type":"string"},"form":{"enum":["raw","sanitized","text"]},"part":{"type":"string"},"part_line":{"type":"integer"},"message_id":{"type":"string"},"role":{"type":"string"},"line":{"type":"integer"},"begin":{"type":"integer"},"end":{"type":"integer"},"text":{"type":"string"},"highlights":{"type":"array","items":{"type":"object","properties":{"begin":{"type":"integer"},"end":{"type":"integer"}}}},"snippet":{"type":"object","properties":{"text":{"type":"string"},"line_first":{"type":"integer"},"line_last":{"type":"integer"},"begin":{"type":"integer"},"end":{"type":"integer"}}},"level":{"type":"string"},"at":{"type":"string","format":"date-time"},"score":{"type":"number"},"similarity_score":{"type":"number"},"reasons":{"type":"array","items":{"type":"string"}}}}}}})"},
    {"TeamDraft",
     R"({"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":100},"description":{"type":"string","maxLength":2000},"expected_version":{"type":"integer"}}})"},
    {"TeamMember",
     R"({"type":"object","required":["user_id","username","role"],"properties":{"user_id":{"type":"string"},"username":{"type":"string"},"role":{"enum":["member","admin","owner"]},"added_by":{"type":"string"},"added_at":{"type":"string","format":"date-time"}}})"},
    {"TeamMemberDraft",
     R"({"type":"object","properties":{"user_id":{"type":"string"},"username":{"type":"string"},"role":{"enum":["member","admin","owner"]}}})"},
    {"TeamMembers",
     R"({"type":"object","required":["members","total_count"],"properties":{"members":{"type":"array","items":{"$ref":"#/components/schemas/TeamMember"}},"total_count":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"}}})"},
    {"Team",
     R"({"type":"object","required":["team_id","name","role","member_count","version","created_at"],"properties":{"team_id":{"type":"string"},"name":{"type":"string"},"description":{"type":"string"},"role":{"enum":["member","admin","owner",null]},"member_count":{"type":"integer"},"members":{"type":"array","items":{"$ref":"#/components/schemas/TeamMember"}},"version":{"type":"integer"},"created_at":{"type":"string","format":"date-time"},"updated_at":{"type":"string","format":"date-time"}}})"},
    {"TeamList",
     R"({"type":"object","required":["teams","total_count","limit","offset"],"properties":{"teams":{"type":"array","items":{"$ref":"#/components/schemas/Team"}},"total_count":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"}}})"},
    {"KnowledgeDraft",
     R"({"type":"object","properties":{"title":{"type":"string","maxLength":200},"content":{"type":"string"},"document_type":{"type":"string"},"category":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"format":{"enum":["markdown","text","html","csv","json","pdf","docx"]},"expected_version":{"type":"integer"},"restore_version":{"type":"integer"}}})"},
    {"KnowledgeDocument",
     R"({"type":"object","required":["document_id","title","document_type","category","tags","created_at","version"],"properties":{"document_id":{"type":"string"},"title":{"type":"string"},"document_type":{"type":"string"},"category":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"scope":{"enum":["global","user","team"]},"team_id":{"type":"string"},"format":{"type":"string"},"bytes":{"type":"integer"},"sha256":{"type":"string"},"version":{"type":"integer"},"chunks":{"type":"integer"},"indexed":{"type":"boolean"},"created_by":{"type":"string"},"updated_by":{"type":"string"},"created_at":{"type":"string","format":"date-time"},"updated_at":{"type":"string","format":"date-time"},"content":{"type":"string"}}})"},
    {"KnowledgeVersions",
     R"({"type":"object","required":["versions","total_count"],"properties":{"versions":{"type":"array","items":{"allOf":[{"$ref":"#/components/schemas/KnowledgeDocument"},{"type":"object","properties":{"current":{"type":"boolean"}}}]}},"total_count":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"}}})"},
    {"KnowledgeList",
     R"({"type":"object","required":["documents","total_count","limit","offset"],"properties":{"documents":{"type":"array","items":{"$ref":"#/components/schemas/KnowledgeDocument"}},"total_count":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"}}})"},
    {"KnowledgeQuery",
     R"({"type":"object","required":["query"],"properties":{"query":{"type":"string","maxLength":2000},"limit":{"type":"integer","minimum":1,"maximum":50},"filters":{"type":"object","properties":{"document_type":{"type":"string"},"category":{"type":"string"},"tag":{"type":"string"},"scopes":{"type":"array","items":{"enum":["global","user","team"]}}}}}})"},
    {"KnowledgeResults",
     R"({"type":"object","required":["query","total_results","results"],"properties":{"query":{"type":"string"},"total_results":{"type":"integer"},"results":{"type":"array","items":{"type":"object","required":["document_id","content","similarity_score","metadata"],"properties":{"document_id":{"type":"string"},"content":{"type":"string"},"similarity_score":{"type":"number"},"score":{"type":"number"},"heading":{"type":"string"},"begin":{"type":"integer"},"end":{"type":"integer"},"highlights":{"type":"array","items":{"type":"object","properties":{"begin":{"type":"integer"},"end":{"type":"integer"}}}},"reasons":{"type":"array","items":{"type":"string"}},"metadata":{"type":"object"}}}}}})"},
    {"Job",
     R"({"type":"object","required":["job_id","kind","status","cancel_requested","total","done","failed","progress_percentage","created_at"],"properties":{"job_id":{"type":"string"},"kind":{"type":"string"},"status":{"enum":["queued","running","completed","failed","cancelled"]},"cancel_requested":{"type":"boolean"},"subject":{"type":"string"},"case_id":{"type":"string"},"total":{"type":"integer"},"done":{"type":"integer"},"failed":{"type":"integer"},"progress_percentage":{"type":"integer"},"result":{"type":"object","properties":{"file_id":{"type":"string"},"href":{"type":"string"}}},"error":{"type":"object","properties":{"message":{"type":"string"}}},"created_at":{"type":"string","format":"date-time"},"started_at":{"type":"string","format":"date-time"},"finished_at":{"type":"string","format":"date-time"}}})"},
    {"JobList",
     R"({"type":"object","required":["jobs","total_count","limit","offset","has_more"],"properties":{"jobs":{"type":"array","items":{"$ref":"#/components/schemas/Job"}},"total_count":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"}}})"},
    {"Timeline",
     R"({"type":"object","required":["entries","total_count","shortened","next_cursor"],"properties":{"entries":{"type":"array","items":{"type":"object","required":["at","uncertainty_ms","source","level","kind","text"],"properties":{"at":{"type":"string","format":"date-time"},"uncertainty_ms":{"type":"integer"},"source":{"enum":["file","message","event"]},"file_id":{"type":"string"},"file_name":{"type":"string"},"message_id":{"type":"string"},"line_first":{"type":"integer"},"line_last":{"type":"integer"},"count":{"type":"integer"},"level":{"type":"string"},"kind":{"type":"string"},"text":{"type":"string"}}}},"total_count":{"type":"integer"},"shortened":{"type":"boolean"},"next_cursor":{"type":["string","null"]}}})"},
    {"CaseList",
     R"({"type":"object","required":["cases","total_count","limit","offset","has_more"],"properties":{"cases":{"type":"array","items":{"$ref":"#/components/schemas/CaseSummary"}},"total_count":{"type":"integer"},"limit":{"type":"integer"},"offset":{"type":"integer"},"has_more":{"type":"boolean"},"next_cursor":{"type":["string","null"]}}})"},
    {"CaseDraft",
     R"({"type":"object","properties":{"title":{"type":"string","maxLength":200},"description":{"type":"string","maxLength":2000},"initial_message":{"type":"string"},"client_turn_id":{"type":"string"},"session_id":{"type":"string"},"priority":{"enum":["low","medium","high","critical"]},"category":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"metadata":{"type":"object"}}})"},
    {"CasePatch",
     R"({"type":"object","properties":{"title":{"type":"string"},"description":{"type":"string"},"proposed_problem_statement":{"type":"string"},"problem_statement_confirmed":{"type":"boolean"},"priority":{"type":"string"},"category":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"solution_summary":{"type":"string"},"status":{"type":"string"},"expected_version":{"type":"integer"}}})"},
    {"Query",
     R"({"type":"object","properties":{"query":{"type":"string"},"message":{"type":"string"},"session_id":{"type":"string"},"client_turn_id":{"type":"string"}}})"},
    {"AgentResponse",
     R"({"type":"object","required":["schema_version","content","agent_response","response_type","case_id","turn_id","turn_number","case_status","view_state"],"properties":{"schema_version":{"const":"3.1.0"},"content":{"type":"string"},"agent_response":{"type":"string"},"response_type":{"type":"string"},"case_id":{"type":"string"},"turn_id":{"type":"string"},"turn_number":{"type":"integer"},"confidence_score":{"type":"number"},"case_status":{"type":"string"},"view_state":{"type":"object"}}})"},
    {"MessageList",
     R"({"type":"object","required":["messages","total_count","retrieved_count","has_more"],"properties":{"messages":{"type":"array","items":{"type":"object","required":["message_id","turn_number","role","content","created_at"]}},"total_count":{"type":"integer"},"retrieved_count":{"type":"integer"},"has_more":{"type":"boolean"},"next_offset":{"type":["integer","null"]}}})"},
};

void write_schema_or_object(json_writer& w, const std::string& name) {
  const bool known =
      std::any_of(std::begin(schemas), std::end(schemas), [&](auto& s) { return s.name == name; });
  if (known)
    w.begin_object().member("$ref", "#/components/schemas/" + name).end_object();
  else
    w.begin_object().member("type", "object").end_object();
}

void write_body(json_writer& w, const std::string& media, const std::string& schema_name) {
  w.key(media).begin_object().key("schema");
  if (media == "application/json")
    write_schema_or_object(w, schema_name);
  else
    w.begin_object().member("type", "string").end_object();
  w.end_object();
}

void write_parameters(json_writer& w, const route& r) {
  std::vector<std::string> in_path;
  for (std::size_t at = r.pattern.find('{'); at != std::string::npos; at = r.pattern.find('{', at + 1))
    in_path.push_back(r.pattern.substr(at + 1, r.pattern.find('}', at) - at - 1));
  if (in_path.empty() && r.asks.empty())
    return;
  w.key("parameters").begin_array();
  const auto one = [&](const std::string& name, const char* where, bool required) {
    w.begin_object().member("name", name).member("in", where).member("required", required);
    w.key("schema").begin_object().member("type", "string").end_object().end_object();
  };
  for (auto& name : in_path)
    one(name, "path", true);
  for (auto& name : r.asks)
    one(name, "query", false);
  w.end_array();
}

std::set<int> statuses_of(const route& r) {
  std::set<int> statuses{r.statuses.begin(), r.statuses.end()};
  if (r.not_yet)
    statuses = {501};
  if (r.who == access::token)
    statuses.insert({401, 429, 503});
  if (r.who == access::token && r.pattern.find("{case_id}") != std::string::npos)
    statuses.insert(404);
  return statuses;
}

void write_operation(json_writer& w, const route& r) {
  std::string id = ascii_lower(r.method);
  for (const char c : r.pattern.substr(r.pattern.starts_with("/api/v1/") ? 7 : 0))
    id += c == '/' || c == '-' || c == '.' ? '_' : c == '{' || c == '}' ? '.' : c;
  std::erase(id, '.');
  w.begin_object()
      .member("operationId", id)
      .member("summary", r.summary)
      .key("tags")
      .begin_array()
      .value(r.tag)
      .end_array();
  write_parameters(w, r);
  if (r.method == "POST" || r.method == "PUT" || r.method == "PATCH") {
    w.key("requestBody").begin_object().key("content").begin_object();
    write_body(w, r.takes_type.empty() ? "application/json" : r.takes_type.c_str(), r.takes);
    w.end_object().end_object();
  }
  w.key("responses").begin_object();
  for (const int status : statuses_of(r)) {
    w.key(std::to_string(status)).begin_object().member("description", phrase(status));
    if (status != 204) {
      w.key("content").begin_object();
      write_body(w, "application/json", status >= 400 ? "Error" : r.gives);
      if (status < 300)
        for (auto& media : r.also_gives)
          write_body(w, media, {});
      w.end_object();
    }
    w.end_object();
  }
  w.end_object();
  if (r.who == access::token)
    w.key("security")
        .begin_array()
        .begin_object()
        .key("bearer")
        .begin_array()
        .end_array()
        .end_object()
        .end_array();
  w.end_object();
}
} // namespace

std::string openapi_document(const router& routes, std::string_view version) {
  std::map<std::string, std::vector<const route*>> by_path;
  for (auto& r : routes.routes())
    by_path[r.pattern].push_back(&r);
  std::string out;
  json_writer w{out};
  w.begin_object().member("openapi", "3.1.0").key("info").begin_object();
  w.member("title", "FaultMaven").member("version", version);
  w.member("description",
           "Troubleshooting cases on which people and an AI work together. Every error has one shape: "
           "{detail, error{code, message, details}, request_id}.");
  w.end_object().key("paths").begin_object();
  for (auto& [path, list] : by_path) {
    w.key(path).begin_object();
    for (auto* r : list) {
      w.key(ascii_lower(r->method));
      write_operation(w, *r);
    }
    w.end_object();
  }
  w.end_object().key("components").begin_object();
  w.key("securitySchemes")
      .raw(R"({"bearer":{"type":"http","scheme":"bearer"}})")
      .key("schemas")
      .begin_object();
  for (auto& s : schemas)
    w.key(s.name).raw(s.json);
  w.end_object().end_object().end_object();
  return out;
}

} // namespace fm::http
