// /knowledge, /users/{id}/kb and /teams/{id}/kb: documents that outlive cases, and the search over them.
#include "http/bridge/ask.hpp"
#include "http/core/multipart.hpp"
#include "http/rest/rest.hpp"
#include "protocol/messages/knowledge_actor.hpp"

#include <charconv>

namespace fm::http {
namespace {
constexpr std::size_t query_characters_max = 2'000;

void write_document(json_writer& w, const knowledge_document& d) {
  w.member("document_id", d.id).member("title", d.title).member("document_type", d.document_type).member("category", d.category);
  w.key("tags").begin_array();
  for (auto& t : d.tags)
    w.value(t);
  w.end_array();
  w.member("scope", d.scope.name());
  if (!d.scope.team.empty())
    w.member("team_id", d.scope.team.value);
  w.member("format", d.format).member("bytes", d.bytes);
  w.member("sha256", d.sha256).member("version", d.version).member("chunks", d.chunks).member("indexed", d.indexed);
  w.member("created_by", d.created_by.value).member("updated_by", d.updated_by.value).member("created_at", to_iso8601(d.created_at)).member("updated_at", to_iso8601(d.updated_at));
}
response document_answer(int status, const knowledge_document& d, const std::string* content = nullptr) {
  auto r = json_response(status, [&](json_writer& w) {
    write_document(w, d);
    if (content != nullptr)
      w.member("content", *content);
  });
  r.with("ETag", "\"" + std::to_string(d.version) + "\"");
  return r;
}
/// What the families of routes differ in: whose documents.
struct family {
  enum class kind { everybodys, own, teams } whose = kind::everybodys;
  /// Answers 404 for somebody else's; whether a team is the caller's, the knowledge actor knows.
  bool refused(const exchange_ptr& x) const {
    if (whose != kind::own || x->in.param("user_id") == who_of(x).user.value)
      return false;
    x->fail(make_failure(errc::not_found, "There is no such user, or it is not you."));
    return true;
  }
  team_id team(const exchange_ptr& x) const { return whose == kind::teams ? team_id{std::string{x->in.param("team_id")}} : team_id{}; }
  knowledge_scope scope(const exchange_ptr& x) const { return {whose == kind::own ? who_of(x).user : user_id{}, team(x)}; }
  /// What lists and counts are of.
  knowledge_view view(const exchange_ptr& x) const { return {whose == kind::everybodys, whose == kind::own, whose == kind::teams, team(x)}; }
};

/// What the file's name and first bytes say; empty = no document that is known here.
std::string format_of(std::string_view name, std::string_view bytes) {
  if (bytes.starts_with("%PDF-"))
    return "pdf";
  const auto lower = ascii_lower(name);
  static constexpr std::pair<std::string_view, const char*> endings[] = {
      {".md", "markdown"}, {".markdown", "markdown"}, {".txt", "text"}, {".text", "text"}, {".log", "text"}, {".html", "html"},
      {".htm", "html"},    {".xhtml", "html"},        {".csv", "csv"},  {".json", "json"}, {".pdf", "pdf"},  {".docx", "docx"}};
  for (auto& [ending, format] : endings)
    if (lower.ends_with(ending))
      return format;
  return {};
}

/// A form with a part "file" and the members of the draft as fields; tags are separated by commas.
bool draft_of_form(const exchange_ptr& x, knowledge_draft& d) {
  const auto refuse = [&](const failure& f) {
    x->fail(f);
    return false;
  };
  auto parts = parse_multipart(x->in.header("content-type"), x->in.body);
  if (!parts)
    return refuse(parts.error());
  bool found = false;
  for (auto& p : *parts) {
    const auto value = [&] { return std::string{p.bytes}; };
    if (p.name == "file" && !found) {
      found = true;
      d.content = value();
      d.file_name = p.file_name;
    } else if (p.name == "title") {
      d.title = value();
    } else if (p.name == "document_type") {
      d.document_type = value();
    } else if (p.name == "category") {
      d.category = value();
    } else if (p.name == "format") {
      d.format = value();
    } else if (p.name == "tags") {
      for (auto rest = p.bytes; !rest.empty();) {
        const auto comma = rest.find(',');
        if (const auto tag = trimmed(rest.substr(0, comma)); !tag.empty())
          d.tags.emplace_back(tag);
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
      }
    }
  }
  if (!found)
    return refuse(invalid_field("file", "The form must have a part named file."));
  for (const auto* text : {&d.title, &d.document_type, &d.category, &d.file_name})
    if (!is_valid_utf8(*text))
      return refuse(invalid_field("title", "The form's fields must be UTF-8."));
  if (d.format.empty())
    d.format = format_of(d.file_name, d.content);
  if (d.format.empty())
    return refuse(make_failure(errc::unsupported_media_type, "Documents are Markdown, text, HTML, CSV, JSON, PDF or DOCX; name the file so, or say format."));
  if (trimmed(d.title).empty()) {
    const auto slash = d.file_name.find_last_of("/\\");
    const auto name = std::string_view{d.file_name}.substr(slash == std::string::npos ? 0 : slash + 1);
    d.title = cut_on_word(name.substr(0, name.rfind('.')), 200);
  }
  return true;
}

void add(const rest_deps_ptr& rest, const family& f, const exchange_ptr& x) {
  if (f.refused(x))
    return;
  add_knowledge m;
  m.who = who_of(x);
  m.draft.scope = f.scope(x);
  const auto stored = [x](const knowledge_document& d) {
    auto r = document_answer(201, d);
    x->respond(std::move(r.with("Location", "/api/v1/knowledge/documents/" + d.id)));
  };
  if (ascii_lower(x->in.header("content-type")).starts_with("multipart/")) {
    x->extend_deadline(rest->query_deadline);
    if (draft_of_form(x, m.draft))
      ask(rest->knowledge, x, std::move(m), stored);
    return;
  }
  auto body = body_of(x);
  if (!body)
    return;
  m.draft.title = body->text("title").value_or("");
  m.draft.content = body->text("content").value_or("");
  m.draft.document_type = body->text("document_type").value_or("");
  m.draft.category = body->text("category").value_or("");
  m.draft.format = body->text("format").value_or("");
  m.draft.tags = body->texts("tags").value_or(std::vector<std::string>{});
  if (refused_body(x, *body))
    return;
  ask(rest->knowledge, x, std::move(m), stored);
}

void list(const rest_deps_ptr& rest, const family& f, const exchange_ptr& x) {
  if (f.refused(x))
    return;
  const auto page = page_of(x);
  if (!page)
    return;
  list_knowledge m;
  m.who = who_of(x);
  m.view = f.view(x);
  m.document_type = x->in.asked("document_type").value_or("");
  m.category = x->in.asked("category").value_or("");
  m.tag = x->in.asked("tag").value_or("");
  m.limit = page->limit;
  m.offset = page->offset;
  ask(rest->knowledge, x, std::move(m), [x, page = *page](const knowledge_list& found) {
    auto r = json_response(200, [&](json_writer& w) {
      w.key("documents").begin_array();
      for (auto& d : found.documents) {
        w.begin_object();
        write_document(w, d);
        w.end_object();
      }
      w.end_array();
      w.member("total_count", found.total).member("limit", page.limit).member("offset", page.offset);
      w.member("has_more", page.offset + found.documents.size() < found.total);
    });
    add_paging(r, x->in, page, found.documents.size(), found.total);
    x->respond(std::move(r));
  });
}

void read(const rest_deps_ptr& rest, const exchange_ptr& x) {
  ask(rest->knowledge, x, read_knowledge{who_of(x), std::string{x->in.param("id")}, {}},
      [x](const std::pair<knowledge_document, std::string>& found) { x->respond(document_answer(200, found.first, &found.second)); });
}

std::optional<knowledge_patch> patch_of(const exchange_ptr& x, const wire::json_body& body) {
  knowledge_patch p;
  p.title = body.text("title");
  p.content = body.text("content");
  p.document_type = body.text("document_type");
  p.category = body.text("category");
  p.tags = body.texts("tags");
  const auto restore = body.integer("restore_version");
  if (refused_body(x, body))
    return std::nullopt;
  if (restore && (*restore < 1 || *restore > UINT32_MAX)) {
    x->fail(invalid_field("restore_version", "restore_version must be the number of a version."));
    return std::nullopt;
  }
  if (restore)
    p.restore_version = static_cast<std::uint32_t>(*restore);
  return p;
}

void change(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  change_knowledge m;
  m.who = who_of(x);
  m.id = std::string{x->in.param("id")};
  m.expected_version = expected_version_of(x, *body);
  auto patch = patch_of(x, *body);
  if (!patch)
    return;
  m.patch = std::move(*patch);
  ask(rest->knowledge, x, std::move(m), [x](const knowledge_document& d) { x->respond(document_answer(200, d)); });
}

void versions(const rest_deps_ptr& rest, const exchange_ptr& x) {
  const auto page = page_of(x);
  if (!page)
    return;
  ask(rest->knowledge, x, list_knowledge_versions{who_of(x), std::string{x->in.param("id")}, {}}, [x, page = *page](const std::vector<knowledge_document>& all) {
    const auto from = std::min(page.offset, all.size()), to = std::min(all.size(), page.offset + page.limit);
    auto r = json_response(200, [&](json_writer& w) {
      w.key("versions").begin_array();
      for (auto i = from; i < to; ++i) { // newest first
        const auto& d = all[all.size() - 1 - i];
        w.begin_object().member("current", i == 0);
        write_document(w, d);
        w.end_object();
      }
      w.end_array().member("total_count", all.size()).member("limit", page.limit).member("offset", page.offset).member("has_more", to < all.size());
    });
    add_paging(r, x->in, page, to - from, all.size());
    x->respond(std::move(r));
  });
}

void version(const rest_deps_ptr& rest, const exchange_ptr& x) {
  const auto text = x->in.param("version");
  std::uint32_t n = 0;
  if (const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n); ec != std::errc{} || end != text.data() + text.size())
    return x->fail(make_failure(errc::not_found, "This version of the document is not there, or no longer kept."));
  ask(rest->knowledge, x, read_knowledge_version{who_of(x), std::string{x->in.param("id")}, n, {}},
      [x](const std::pair<knowledge_document, std::string>& found) { x->respond(document_answer(200, found.first, &found.second)); });
}

void reindex(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  const bool all = body->boolean("all").value_or(false);
  if (refused_body(x, *body))
    return;
  ask(rest->knowledge, x, reindex_knowledge{who_of(x), all, {}}, [x](const job& j) { x->respond(job_answer(202, j)); });
}

void remove(const rest_deps_ptr& rest, const family& f, const exchange_ptr& x) {
  if (f.refused(x))
    return;
  ask(rest->knowledge, x, remove_knowledge{who_of(x), std::string{x->in.param("id")}, {}}, [x](const done_t&) {
    response r;
    r.status = 204;
    x->respond(std::move(r));
  });
}

void search(const rest_deps_ptr& rest, const family& f, const exchange_ptr& x) {
  if (f.refused(x))
    return;
  auto body = body_of(x);
  if (!body)
    return;
  search_knowledge m;
  m.query.viewer = who_of(x).user;
  m.query.view.team = f.team(x); // else everything the caller may see, unless it says otherwise
  m.query.text = body->text("query").value_or("");
  const auto limit = body->integer("limit").value_or(5);
  auto filters = body->object("filters");
  const auto& from = filters ? *filters : *body;
  m.query.document_type = from.text("document_type").value_or("");
  m.query.category = from.text("category").value_or("");
  m.query.tag = from.text("tag").value_or("");
  const auto scopes = from.texts("scopes");
  if (refused_body(x, *body) || (filters && refused_body(x, *filters)))
    return;
  if (scopes) {
    auto& v = m.query.view;
    v.global = v.own = v.teams = false;
    for (auto& name : *scopes) {
      if (name != "global" && name != "user" && name != "team")
        return x->fail(invalid_field("scopes", "scopes may name global, user and team."));
      (name == "global" ? v.global : name == "user" ? v.own : v.teams) = true;
    }
  }
  if (limit < 1 || limit > 50)
    return x->fail(invalid_field("limit", "limit must be from 1 to 50."));
  if (trimmed(m.query.text).empty() || utf8_length(m.query.text) > query_characters_max)
    return x->fail(invalid_field("query", "query must have 1 to 2,000 characters."));
  m.query.limit = static_cast<std::size_t>(limit);
  ask(rest->knowledge, x, std::move(m), [x, query = m.query.text](const std::vector<knowledge_hit>& hits) {
    x->respond(json_response(200, [&](json_writer& w) {
      w.member("query", query).member("total_results", hits.size());
      w.key("results").begin_array();
      for (auto& h : hits) {
        w.begin_object().member("document_id", h.document.id).member("content", h.chunk).member("similarity_score", h.similarity);
        w.member("score", h.score).member("heading", h.heading).member("begin", h.begin).member("end", h.end);
        w.key("highlights").begin_array();
        for (auto& [begin, end] : h.highlights)
          w.begin_object().member("begin", begin).member("end", end).end_object();
        w.end_array();
        w.key("reasons").begin_array();
        for (auto& r : h.reasons)
          w.value(r);
        w.end_array();
        w.key("metadata").begin_object().member("title", h.document.title).member("document_type", h.document.document_type);
        w.member("category", h.document.category).member("scope", h.document.scope.name()).member("version", h.document.version);
        if (!h.document.scope.team.empty())
          w.member("team_id", h.document.scope.team.value);
        w.key("tags").begin_array();
        for (auto& t : h.document.tags)
          w.value(t);
        w.end_array().end_object().end_object();
      }
      w.end_array();
    }));
  });
}

void stats(const rest_deps_ptr& rest, const family& f, const exchange_ptr& x) {
  if (f.refused(x))
    return;
  ask(rest->knowledge, x, read_knowledge_stats{who_of(x), f.view(x), {}}, [x](const knowledge_stats& s) {
    x->respond(json_response(200, [&](json_writer& w) {
      w.member("total_documents", s.documents).member("total_chunks", s.chunks).member("total_bytes", s.bytes);
      w.member("not_indexed", s.not_indexed).member("embedder", s.embedder.name).member("dimension", s.embedder.dimension);
      w.member("embedder_status", s.embedder.working ? "healthy" : "unhealthy").member("embedder_detail", s.embedder.detail);
      const auto counts = [&](const char* name, const auto& list) {
        w.key(name).begin_object();
        for (auto& [what, n] : list)
          w.member(what, n);
        w.end_object();
      };
      counts("by_type", s.by_type);
      counts("by_category", s.by_category);
    }));
  });
}

void bulk(const rest_deps_ptr& rest, bool removing, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  bulk_knowledge m;
  m.who = who_of(x);
  m.ids = body->texts("document_ids").value_or(std::vector<std::string>{});
  m.remove = removing;
  if (!removing) {
    auto updates = body->object("updates");
    auto patch = patch_of(x, updates ? *updates : *body);
    if (!patch)
      return;
    m.patch = std::move(*patch);
  }
  if (refused_body(x, *body))
    return;
  ask(rest->knowledge, x, std::move(m), [x](const job& j) { x->respond(job_answer(202, j)); });
}

void starter_pack(const rest_deps_ptr& rest, const family& f, const exchange_ptr& x) {
  if (f.refused(x))
    return;
  ask(rest->knowledge, x, install_starter_pack{who_of(x), f.scope(x), {}}, [x](const job& j) { x->respond(job_answer(202, j)); });
}
} // namespace

void add_knowledge_routes(router& routes, const rest_deps_ptr& deps) {
  const auto with = [&](const char* method, std::string path, const char* summary, std::vector<int> statuses, handler h, const char* takes = "",
                        const char* gives = "", std::vector<std::string> asks = {}) {
    route r{method, "/api/v1" + std::move(path), access::token, "knowledge", summary, std::move(statuses), std::move(h)};
    r.takes = takes;
    r.gives = gives;
    r.asks = std::move(asks);
    routes.add(std::move(r));
  };
  const std::vector<std::string> filters{"limit", "offset", "document_type", "category", "tag"};
  using kind = family::kind;
  for (const family f : {family{kind::everybodys}, family{kind::own}, family{kind::teams}}) {
    const std::string base = f.whose == kind::own ? "/users/{user_id}/kb" : f.whose == kind::teams ? "/teams/{team_id}/kb" : "/knowledge";
    const char* whose = f.whose == kind::own ? " of one's own" : f.whose == kind::teams ? " of a team" : " that everybody shares";
    const bool known_to_all = f.whose == kind::everybodys;
    const auto of = [&](std::vector<int> statuses) { // 404: not one's own, not one's team
      if (!known_to_all)
        statuses.push_back(404);
      return statuses;
    };
    with("POST", base + "/documents", (std::string{"Adds a document"} + whose + "; JSON, or a form with a file (PDF, DOCX, HTML, Markdown, text, CSV, JSON)").c_str(),
         of(known_to_all ? std::vector<int>{201, 403, 413, 415, 422} : std::vector<int>{201, 413, 415, 422}),
         [deps, f](const exchange_ptr& x) { add(deps, f, x); }, "KnowledgeDraft", "KnowledgeDocument");
    with("GET", base + "/documents", (std::string{"Documents"} + whose).c_str(), of({200, 422}), [deps, f](const exchange_ptr& x) { list(deps, f, x); }, "",
         "KnowledgeList", filters);
    with("DELETE", base + "/documents/{id}", "Removes a document", {204, 403, 404}, [deps, f](const exchange_ptr& x) { remove(deps, f, x); });
    with("POST", base + "/search", f.whose == kind::teams ? "Full text and likeness, fused, in the documents of a team" : "Full text and likeness, fused, in all one may read; filters.scopes narrows it", of({200, 422}), [deps, f](const exchange_ptr& x) { search(deps, f, x); },
         "KnowledgeQuery", "KnowledgeResults");
    with("GET", base + "/stats", "How much there is, by type and category, and how the embedder is", of({200}), [deps, f](const exchange_ptr& x) { stats(deps, f, x); });
    with("POST", base + "/starter-pack", "Installs the runbooks that come with the program", of(known_to_all ? std::vector<int>{202, 403} : std::vector<int>{202}),
         [deps, f](const exchange_ptr& x) { starter_pack(deps, f, x); }, "", "Job");
  }
  with("GET", "/knowledge/documents/{id}", "One document with its text", {200, 404}, [deps](const exchange_ptr& x) { read(deps, x); }, "",
       "KnowledgeDocument");
  with("GET", "/knowledge/documents/{id}/versions", "What a document was, newest first, the present version included", {200, 404, 422},
       [deps](const exchange_ptr& x) { versions(deps, x); }, "", "KnowledgeVersions", {"limit", "offset"});
  with("GET", "/knowledge/documents/{id}/versions/{version}", "One version with its text", {200, 404}, [deps](const exchange_ptr& x) { version(deps, x); }, "",
       "KnowledgeDocument");
  with("POST", "/knowledge/reindex", "Embeds what has no vectors of the present embedder, as a job; all=true: everything. For administrators", {202, 403, 422},
       [deps](const exchange_ptr& x) { reindex(deps, x); }, "", "Job");
  with("PUT", "/knowledge/documents/{id}", "Changes a document, or brings back a version of it (restore_version); If-Match or expected_version", {200, 403, 404, 409, 422},
       [deps](const exchange_ptr& x) { change(deps, x); }, "KnowledgeDraft", "KnowledgeDocument");
  with("POST", "/knowledge/documents/bulk-update", "Changes many documents, as a job", {202, 422}, [deps](const exchange_ptr& x) { bulk(deps, false, x); },
       "", "Job");
  with("POST", "/knowledge/documents/bulk-delete", "Removes many documents, as a job", {202, 422}, [deps](const exchange_ptr& x) { bulk(deps, true, x); },
       "", "Job");
  with("GET", "/knowledge/jobs/{id}", "How far a job is", {200, 404},
       [deps](const exchange_ptr& x) {
         ask(deps->knowledge, x, read_knowledge_job{who_of(x), std::string{x->in.param("id")}, {}},
             [x](const job& j) { x->respond(job_answer(200, j)); });
       },
       "", "Job");
}

} // namespace fm::http
