// /cases/{id}/uploads: files that come in several requests, by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload):
// core, creation, expiration, termination. A complete upload becomes a file as POST …/data makes one.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"

#include <boost/beast/core/detail/base64.hpp>

#include <ctime>

namespace fm::http {
namespace {
constexpr std::string_view version = "1.0.0";
constexpr std::size_t metadata_bytes_max = 16U << 10;

std::string http_date(timestamp t) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
  std::tm parts{};
  const std::time_t at = seconds;
  ::gmtime_r(&at, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc{} && end == text.data() + text.size() ? std::optional{n} : std::nullopt;
}
std::optional<std::string> from_base64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  while (text.ends_with('='))
    text.remove_suffix(1);
  std::string out(base64::decoded_size(text.size() + 3), '\0');
  const auto [written, read] = base64::decode(out.data(), text.data(), text.size());
  if (read != text.size())
    return std::nullopt;
  out.resize(written);
  return out;
}

/// "filename d29ybGQ=,is_private"; names that we do not know are the client's own and only given back.
outcome<file_details> details_of(std::string_view metadata) {
  const auto refuse = [](const char* sentence) { return invalid_field("Upload-Metadata", sentence); };
  if (metadata.size() > metadata_bytes_max)
    return refuse("Upload-Metadata has at most 16 KiB.");
  file_details d;
  while (!metadata.empty()) {
    const auto comma = metadata.find(',');
    const auto pair = trimmed(metadata.substr(0, comma));
    metadata = comma == std::string_view::npos ? std::string_view{} : metadata.substr(comma + 1);
    const auto space = pair.find(' ');
    const auto name = pair.substr(0, space);
    auto value = space == std::string_view::npos ? std::optional<std::string>{""} : from_base64(trimmed(pair.substr(space + 1)));
    if (name.empty() || !value)
      return refuse("Upload-Metadata must be pairs of a name and a value in base64, with commas between them.");
    for (auto& [known, into] : {std::pair{"filename", &d.name}, {"name", &d.name}, {"filetype", &d.content_type}, {"type", &d.content_type},
                                {"description", &d.description}, {"data_type", &d.data_type}, {"session_id", &d.session}, {"source_metadata", &d.source_metadata}})
      if (name == known && into->empty())
        *into = *value;
  }
  if (auto f = refusal_of(d))
    return *f;
  return d;
}

/// Answers and gives false when the client speaks another version.
bool speaks(const exchange_ptr& x) {
  if (x->in.header("tus-resumable") == version)
    return true;
  auto r = failure_response(make_failure(errc::invalid, "Say Tus-Resumable: 1.0.0; this server knows no other version."), x->in.request_id);
  r.status = 412;
  x->respond(std::move(r.with("Tus-Version", std::string{version})));
  return false;
}
void tell_where(response& r, const open_upload& u) {
  r.with("Upload-Offset", std::to_string(u.offset)).with("Upload-Length", std::to_string(u.length)).with("Cache-Control", "no-store");
  if (!u.complete())
    r.with("Upload-Expires", http_date(u.expires_at));
}
std::string path_of(const open_upload& u) { return "/api/v1/cases/" + u.in_case.value + "/uploads/" + u.id; }

/// Goes on when the caller may add files to the case.
template <class Then> void with_case_to_add(const rest_deps_ptr& rest, const exchange_ptr& x, Then then) {
  ask_case(rest->registry, x, read_case{who_of(x), {}, true}, [x, then](const case_view&) {
    if (speaks(x))
      then();
  });
}
std::string upload_of(const exchange& x) { return std::string{x.in.param("id")}; }

void create(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_to_add(rest, x, [rest, x] {
    create_upload m;
    m.who = who_of(x);
    m.in_case = case_of(*x);
    const auto length = number(x->in.header("upload-length"));
    if (!length || *length == 0)
      return x->fail(invalid_field("Upload-Length", "Upload-Length must say how many bytes will come, at least one."));
    m.length = *length;
    m.metadata = std::string{x->in.header("upload-metadata")};
    auto details = details_of(m.metadata);
    if (!details)
      return x->fail(details.error());
    m.details = std::move(*details);
    ask(rest->files, x, std::move(m), [x](const open_upload& u) {
      response r;
      r.status = 201;
      tell_where(r, u);
      x->respond(std::move(r.with("Location", path_of(u))));
    });
  });
}

void look(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_to_add(rest, x, [rest, x] {
    ask(rest->files, x, find_upload{who_of(x), case_of(*x), upload_of(*x), {}}, [x](const found_upload& found) {
      const auto& u = found.upload;
      auto r = json_response(200, [&](json_writer& w) {
        w.member("upload_id", u.id).member("case_id", u.in_case.value).member("filename", u.details.name);
        w.member("length", u.length).member("offset", u.offset).member("complete", u.complete());
        if (found.file)
          w.member("file_id", found.file->id);
        else
          w.member("expires_at", to_iso8601(u.expires_at));
      });
      tell_where(r, u);
      if (!u.metadata.empty())
        r.with("Upload-Metadata", u.metadata);
      if (found.file)
        r.with("X-File-ID", found.file->id);
      x->respond(std::move(r));
    });
  });
}

void drop(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_to_add(rest, x, [rest, x] {
    ask(rest->files, x, remove_upload{who_of(x), case_of(*x), upload_of(*x), {}}, [x](const done_t&) {
      response r;
      r.status = 204;
      x->respond(std::move(r));
    });
  });
}

/// The bytes of one PATCH on their way. Whatever ends it, what came is kept.
class upload_addition : public std::enable_shared_from_this<upload_addition> {
public:
  upload_addition(rest_deps_ptr rest, exchange_ptr x, incoming_part_ptr part) : rest_(std::move(rest)), x_(std::move(x)), part_(std::move(part)) {}
  void next() {
    x_->read_body([self = shared_from_this()](outcome<std::string> piece) {
      if (!piece)
        return self->x_->fail(piece.error());
      if (piece->empty())
        return self->on_end();
      self->part_->write(std::move(*piece), answering<done_t>(self->x_, [self](const exchange_ptr&, done_t&) { self->next(); }));
    });
  }

private:
  void on_end() {
    part_->keep(answering<open_upload>(x_, [self = shared_from_this()](const exchange_ptr&, open_upload& u) {
      self->part_.reset();
      response r;
      r.status = 204;
      tell_where(r, u);
      if (!u.complete())
        return self->x_->respond(std::move(r));
      self->finish(u, std::move(r));
    }));
  }
  /// All bytes are durable: what follows may take long, and goes on without the client.
  void finish(const open_upload& u, response kept) {
    const auto& x = x_;
    finish_upload m;
    m.who = u.who;
    m.in_case = u.in_case;
    m.id = u.id;
    const bool later = x->in.header("prefer").find("respond-async") != std::string_view::npos;
    const auto job_id = std::make_shared<std::string>(); // of the I/O thread
    m.begun = answering<job>(x, [kept, later, job_id, wait = rest_->query_deadline](const exchange_ptr& x, job& j) {
      *job_id = j.id;
      auto r = kept;
      r.with("X-Job-ID", j.id);
      later ? x->respond(std::move(r)) : x->respond_after(wait, std::move(r));
    });
    m.answer = answering<stored_file>(x, [kept, job_id](const exchange_ptr& x, stored_file& stored) {
      auto r = kept;
      const auto& f = stored.first;
      r.with("X-Job-ID", *job_id).with("X-File-ID", f.id).with("Content-Location", "/api/v1/cases/" + f.in_case.value + "/data/" + f.id);
      x->respond(std::move(r));
    });
    tell(rest_->files, std::move(m));
  }

  rest_deps_ptr rest_;
  exchange_ptr x_;
  incoming_part_ptr part_;
};

void add_bytes(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_to_add(rest, x, [rest, x] {
    if (ascii_lower(x->in.header("content-type")) != "application/offset+octet-stream")
      return x->fail(make_failure(errc::unsupported_media_type, "The body must be application/offset+octet-stream."));
    const auto offset = number(x->in.header("upload-offset"));
    if (!offset)
      return x->fail(invalid_field("Upload-Offset", "Upload-Offset must say where the body's bytes begin."));
    add_to_upload m{who_of(x), case_of(*x), upload_of(*x), *offset, x->in.body_bytes, {}};
    ask(rest->files, x, std::move(m), [rest, x](const incoming_part_ptr& part) { std::make_shared<upload_addition>(rest, x, part)->next(); });
  });
}
} // namespace

void add_upload_routes(router& routes, const rest_deps_ptr& deps) {
  const auto with = [&](const char* method, const char* path, const char* summary, std::vector<int> statuses, handler h) {
    route r{method, std::string{"/api/v1/cases/{case_id}/uploads"} + path, access::token, "files", summary, std::move(statuses), std::move(h)};
    r.statuses.insert(r.statuses.end(), {403, 404, 409, 410, 412});
    r.options = {{"Tus-Resumable", std::string{version}},
                 {"Tus-Version", std::string{version}},
                 {"Tus-Extension", "creation,expiration,termination"},
                 {"Tus-Max-Size", std::to_string(deps->upload_bytes_max)}};
    r.idempotent = false; // what may be repeated is the protocol's to say
    if (r.method == "PATCH") {
      r.streams_body = true;
      r.body_bytes_max = deps->upload_bytes_max;
      r.takes_type = "application/offset+octet-stream";
    }
    routes.add(std::move(r));
  };
  with("POST", "", "Begins a resumable upload (tus 1.0.0): Upload-Length, Upload-Metadata (filename, filetype, description, data_type, session_id, source_metadata)",
       {201, 413, 422, 503}, [deps](const exchange_ptr& x) { create(deps, x); });
  with("GET", "/{id}", "How far a resumable upload is; HEAD answers Upload-Offset", {200}, [deps](const exchange_ptr& x) { look(deps, x); });
  with("PATCH", "/{id}",
       "Adds bytes at Upload-Offset; the last ones make it a file (X-Job-ID, X-File-ID). Prefer: respond-async does not wait for its analysis",
       {204, 400, 408, 413, 415, 422, 503}, [deps](const exchange_ptr& x) { add_bytes(deps, x); });
  with("DELETE", "/{id}", "Gives a resumable upload up", {204}, [deps](const exchange_ptr& x) { drop(deps, x); });
}

} // namespace fm::http
