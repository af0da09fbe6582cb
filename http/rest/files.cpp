// /cases/{id}/data and /cases/{id}/uploaded-files: files of a case and their analysis.
#include "http/bridge/ask.hpp"
#include "http/core/multipart.hpp"
#include "http/rest/rest.hpp"
#include "protocol/messages/files_actor.hpp"

#include <charconv>

namespace fm::http {
namespace {
constexpr std::uint64_t whole_answer_max = 64U << 20;
constexpr std::size_t timeline_limit_max = 500;

void write_file(json_writer& w, const case_file& f) {
  w.member("data_id", f.id).member("file_id", f.id).member("case_id", f.in_case.value).member("filename", f.name).member("file_name", f.name);
  w.member("file_size", f.bytes).member("size_bytes", f.bytes).member("content_type", f.content_type).member("description", f.description);
  w.member("sha256", f.sha256).member("data_type", f.data_type).member("processing_status", f.status).member("status", f.status);
  w.member("summary", f.summary);
  w.key("key_insights").begin_array();
  for (auto& i : f.insights)
    w.value(i);
  w.end_array();
  w.key("classification").begin_object().member("data_type", f.data_type).member("confidence", f.confidence).member("compression_ratio", f.compression).end_object();
  w.member("pii_detected", f.personal_data).member("secrets_detected", f.secrets).member("redaction", f.redaction.empty() ? "off" : f.redaction);
  if (!f.error.empty())
    w.member("error", f.error);
  w.member("uploaded_by", f.uploaded_by.value).member("uploaded_at", to_iso8601(f.uploaded_at));
  if (f.processed_at)
    w.member("processed_at", to_iso8601(*f.processed_at));
  if (!f.duplicate_of.empty())
    w.member("duplicate_of", f.duplicate_of);
}

/// Goes on when the case is the caller's to read.
template <class Then>
void with_case_read(const rest_deps_ptr& rest, const exchange_ptr& x, Then then) {
  ask_case(rest->registry, x, read_case{who_of(x), {}}, [x, then](const case_view& v) { then(v); });
}

void store(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto parts = parse_multipart(x->in.header("content-type"), x->in.body);
  if (!parts)
    return x->fail(parts.error());
  store_file m;
  m.who = who_of(x);
  m.in_case = case_of(*x);
  bool found = false;
  for (auto& p : *parts) {
    if (p.name == "file" && !found) {
      found = true;
      m.file.name = p.file_name;
      m.file.content_type = p.content_type;
      m.file.bytes = std::make_shared<const std::string>(p.bytes);
    } else if (p.name == "description") {
      m.file.description = std::string{p.bytes};
    } else if (p.name == "data_type") {
      m.file.data_type = std::string{p.bytes};
    }
  }
  if (!found)
    return x->fail(invalid_field("file", "The form must have a part named file."));
  x->in.body.clear();
  if (x->in.header("prefer").find("respond-async") != std::string_view::npos) {
    m.begun = answering<job>(x, [](const exchange_ptr& x, job& j) { x->respond(job_answer(202, j)); });
    return tell(rest->files, std::move(m)); // how it ends is the job's to say
  }
  ask(rest->files, x, std::move(m), [x](const std::pair<case_file, file_analysis>& stored) {
    auto& [f, a] = stored;
    auto r = json_response(201, [&, &f = f, &a = a](json_writer& w) {
      write_file(w, f);
      w.key("agent_response").begin_object().member("response_type", a.error.empty() ? "ANSWER" : "NEEDS_MORE_DATA");
      w.member("content", !a.error.empty() ? "This file could not be analysed: " + a.error : a.text.empty() ? a.summary : a.summary + "\n\n" + a.text);
      w.member("confidence_score", a.confidence).end_object();
    });
    x->respond(std::move(r.with("Location", "/api/v1/cases/" + f.in_case.value + "/data/" + f.id)));
  });
}

void upload(const rest_deps_ptr& rest, const exchange_ptr& x) {
  x->extend_deadline(rest->query_deadline);
  with_case_read(rest, x, [rest, x](const case_view&) { store(rest, x); }); // who may not see the case learns nothing else
}

void list(const rest_deps_ptr& rest, const exchange_ptr& x, const char* member) {
  const auto page = page_of(x);
  if (!page)
    return;
  with_case_read(rest, x, [rest, x, page = *page, member](const case_view&) {
    ask(rest->files, x, list_files{case_of(*x), {}}, [x, page, member](const std::vector<case_file>& files) {
      const auto from = std::min(page.offset, files.size()), to = std::min(files.size(), page.offset + page.limit);
      auto r = json_response(200, [&](json_writer& w) {
        w.key(member).begin_array();
        for (auto i = from; i < to; ++i) {
          w.begin_object();
          write_file(w, files[i]);
          w.end_object();
        }
        w.end_array().member("total_count", files.size()).member("limit", page.limit).member("offset", page.offset).member("has_more", to < files.size());
      });
      add_paging(r, x->in, page, to - from, files.size());
      x->respond(std::move(r));
    });
  });
}

void one(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_read(rest, x, [rest, x](const case_view&) {
    ask(rest->files, x, read_file{case_of(*x), std::string{x->in.param("id")}, {}}, [rest, x](const case_file& f) {
      ask(rest->files, x, read_file_analysis{case_of(*x), f.id, {}}, [x, f](const std::string& analysis) {
        x->respond(json_response(200, [&](json_writer& w) {
          write_file(w, f);
          w.key("analysis").raw(analysis.empty() ? "{}" : analysis);
        }));
      });
    });
  });
}

struct byte_range {
  std::uint64_t from = 0, to = 0; ///< inclusive
};
/// "bytes=0-99", "bytes=100-", "bytes=-100"; nothing when there is none or several (then the whole is answered).
std::optional<outcome<byte_range>> range_of(std::string_view header, std::uint64_t size) {
  if (!header.starts_with("bytes=") || header.find(',') != std::string_view::npos)
    return std::nullopt;
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  const auto number = [](std::string_view t) -> std::optional<std::uint64_t> {
    std::uint64_t n = 0;
    const auto [end, ec] = std::from_chars(t.data(), t.data() + t.size(), n);
    return ec == std::errc{} && end == t.data() + t.size() && !t.empty() ? std::optional{n} : std::nullopt;
  };
  const auto from = number(header.substr(0, dash)), to = number(header.substr(dash + 1));
  byte_range r;
  if (!from && to) {
    r.from = size - std::min(size, *to);
    r.to = size - 1;
  } else if (from) {
    r.from = *from;
    r.to = std::min(to.value_or(size - 1), size - 1);
  } else {
    return std::nullopt;
  }
  if (size == 0 || r.from >= size || r.to < r.from)
    return outcome<byte_range>{make_failure(errc::invalid, "The range lies outside the file.")};
  return outcome<byte_range>{r};
}

std::string quoted_name(const std::string& name) {
  std::string plain;
  for (const char c : name)
    plain += static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\' ? c : '_';
  return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + percent_encoded(name, false);
}

/// Whether the sanitized copy is to be sent: as asked for by form, else the bytes themselves for those who may read them.
/// Answers the exchange and gives nothing when neither can be.
std::optional<bool> sanitized_form(const exchange_ptr& x, const case_file& f, const case_view& v) {
  const auto form = x->in.asked("form").value_or("");
  const bool raw = may_read_raw(f, v.record.owner, who_of(x));
  if (!form.empty() && form != "raw" && form != "sanitized") {
    x->fail(invalid_field("form", "form must be raw or sanitized."));
  } else if (form == "raw" && !raw) {
    x->fail(make_failure(errc::forbidden, "Only the owner of the case, who uploaded the file, and administrators may read its bytes; form=sanitized gives a copy without personal data and secrets."));
  } else if (form == "sanitized" && f.redaction != "copy" && f.redaction != "same") {
    x->fail(make_failure(errc::not_found, "This file has no sanitized copy."));
  } else if (form.empty() && !raw && f.redaction == "opaque") {
    x->fail(make_failure(errc::forbidden, "Nothing can be taken out of a file of this kind; only the owner of the case, who uploaded it, and administrators may read it."));
  } else {
    return form == "sanitized" || (form.empty() && !raw);
  }
  return std::nullopt;
}

void content(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_read(rest, x, [rest, x](const case_view& v) {
    ask(rest->files, x, read_file{case_of(*x), std::string{x->in.param("id")}, {}}, [rest, x, v](const case_file& f) {
      const auto sanitized = sanitized_form(x, f, v);
      if (!sanitized)
        return;
      const bool copy = *sanitized && f.redaction == "copy";
      const auto size = copy ? f.sanitized_bytes : f.bytes;
      const auto range = range_of(x->in.header("range"), size);
      if (range && !*range) {
        auto r = failure_response(range->error(), x->in.request_id);
        r.status = 416;
        return x->respond(std::move(r.with("Content-Range", "bytes */" + std::to_string(size))));
      }
      const auto from = range ? (*range)->from : 0;
      const auto length = range ? (*range)->to - (*range)->from + 1 : size;
      if (length > whole_answer_max)
        return x->fail(make_failure(errc::too_large, "Ask for the file in ranges of 64 MiB at most."));
      ask(rest->files, x, read_file_bytes{f.in_case, f.id, from, length, copy, {}}, [x, f, from, size, copy, partial = range.has_value()](const std::string& bytes) {
        response r;
        r.status = partial ? 206 : 200;
        r.content_type = "application/octet-stream"; // never what the uploader says: nothing runs in our origin
        r.body = bytes;
        r.with("Accept-Ranges", "bytes").with("Content-Disposition", quoted_name(f.name)).with("ETag", "\"" + f.sha256 + (copy ? "-sanitized\"" : "\""));
        r.with("X-Content-Type-Options", "nosniff").with("X-Content-Form", copy ? "sanitized" : "raw");
        if (partial)
          r.with("Content-Range", "bytes " + std::to_string(from) + "-" + std::to_string(from + bytes.size() - 1) + "/" + std::to_string(size));
        x->respond(std::move(r));
      });
    });
  });
}

void remove(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_read(rest, x, [rest, x](const case_view&) {
    ask(rest->files, x, remove_file{who_of(x), case_of(*x), std::string{x->in.param("id")}, {}}, [x](const done_t&) {
      response r;
      r.status = 204;
      x->respond(std::move(r));
    });
  });
}

void timeline(const rest_deps_ptr& rest, const exchange_ptr& x) {
  timeline_query q;
  const auto page = page_of(x, timeline_limit_max);
  if (!page || !read_time(x, "from", x->in.asked("from"), q.from) || !read_time(x, "to", x->in.asked("to"), q.to))
    return;
  if (q.from && q.to && *q.to < *q.from)
    return x->fail(invalid_field("to", "to must not be earlier than from."));
  q.limit = page->limit;
  q.cursor = x->in.asked("cursor").value_or("");
  ask_case(rest->registry, x, read_messages{who_of(x), 0, rest->timeline_messages_max, true, {}}, [rest, x, q](const message_page& said) {
    ask(rest->files, x, read_timeline{case_of(*x), said.messages, said.total - std::min<std::uint64_t>(said.total, said.messages.size()), q, {}}, [x](const timeline_page& found) {
      x->respond(json_response(200, [&](json_writer& w) {
        w.key("entries").begin_array();
        for (auto& e : found.entries) {
          w.begin_object().member("at", to_iso8601(e.at)).member("uncertainty_ms", e.uncertainty_ms).member("source", e.source);
          w.member("file_id", e.file_id).member("file_name", e.file_name).member("message_id", e.message_id);
          w.member("line_first", e.line_first).member("line_last", e.line_last).member("count", e.count);
          w.member("level", e.level).member("kind", e.kind).member("text", e.text).end_object();
        }
        w.end_array().member("total_count", found.total).member("shortened", found.shortened);
        w.key("next_cursor");
        found.next_cursor.empty() ? w.value(nullptr) : w.value(found.next_cursor);
      }));
    });
  });
}
} // namespace

void add_file_routes(router& routes, const rest_deps_ptr& deps) {
  const auto with = [&](const char* method, const char* path, const char* summary, std::vector<int> statuses, handler h, std::vector<std::string> asks = {}) {
    route r{method, std::string{"/api/v1/cases/{case_id}"} + path, access::token, "files", summary, std::move(statuses), std::move(h)};
    r.asks = std::move(asks);
    routes.add(std::move(r));
  };
  with("POST", "/data", "Uploads a file (multipart: file, description, data_type), analyses it and tells the case; Prefer: respond-async answers with the job", {201, 202, 404, 409, 413, 415, 422},
       [deps](const exchange_ptr& x) { upload(deps, x); });
  with("GET", "/data", "The files of a case, oldest first", {200, 404}, [deps](const exchange_ptr& x) { list(deps, x, "data"); }, {"limit", "offset"});
  with("GET", "/data/{id}", "One file with its analysis", {200, 404}, [deps](const exchange_ptr& x) { one(deps, x); });
  with("DELETE", "/data/{id}", "Removes a file", {204, 403, 404}, [deps](const exchange_ptr& x) { remove(deps, x); });
  with("GET", "/data/{id}/content", "The bytes of a file, or its copy without personal data and secrets (form=raw or sanitized); Range",
       {200, 206, 403, 404, 416, 422}, [deps](const exchange_ptr& x) { content(deps, x); }, {"form"});
  with("GET", "/uploaded-files", "The files of a case, oldest first", {200, 404}, [deps](const exchange_ptr& x) { list(deps, x, "files"); }, {"limit", "offset"});
  with("GET", "/uploaded-files/{id}", "One file with its analysis", {200, 404}, [deps](const exchange_ptr& x) { one(deps, x); });
  route r{"GET", "/api/v1/cases/{case_id}/timeline", access::token, "investigation",
          "What files and messages say happened, in order, in UTC, with its uncertainty; limit 1 to 500", {200, 404, 422},
          [deps](const exchange_ptr& x) { timeline(deps, x); }};
  r.gives = "Timeline";
  r.asks = {"limit", "cursor", "from", "to"};
  routes.add(std::move(r));
}

} // namespace fm::http
