// /cases/{id}/data and /cases/{id}/uploaded-files: files of a case and their analysis.
#include "http/bridge/ask.hpp"
#include "http/core/multipart.hpp"
#include "http/rest/rest.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/messages/files_actor.hpp"

#include <charconv>

namespace fm::http {
namespace {
constexpr std::uint64_t whole_answer_max = 1U << 20; ///< above: streamed in pieces
constexpr std::uint64_t sent_piece_bytes = 512U << 10;
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
  if (!f.session.empty())
    w.member("session_id", f.session);
  if (!f.source_metadata.empty())
    w.key("source_metadata").raw(f.source_metadata);
  if (!f.duplicate_of.empty())
    w.member("duplicate_of", f.duplicate_of);
}

/// Goes on when the case is the caller's to read.
template <class Then>
void with_case_read(const rest_deps_ptr& rest, const exchange_ptr& x, Then then) {
  ask_case(rest->registry, x, read_case{who_of(x), {}}, [x, then](const case_view& v) { then(v); });
}

constexpr std::uint64_t form_bytes_max = 128U << 10; ///< of an upload's form without the file
constexpr std::size_t fields_bytes_max = 64U << 10;    ///< of its fields
constexpr std::size_t metadata_bytes_max = 8U << 10;

/// An upload under way: the form is read piece by piece, the file's bytes go on as they come, and the next piece is asked
/// for when they were taken. Dropped at any point, the file goes with it.
class form_upload final : public form_sink, public std::enable_shared_from_this<form_upload> {
public:
  form_upload(rest_deps_ptr rest, exchange_ptr x, form_parser parser) : rest_(std::move(rest)), x_(std::move(x)), parser_(std::move(parser)) {}

  void next() {
    x_->read_body([self = shared_from_this()](outcome<std::string> piece) {
      if (!piece)
        return self->x_->fail(piece.error()); // as a rule it was answered
      if (piece->empty())
        return self->on_end();
      self->on_piece(*piece);
    });
  }

private:
  outcome<done_t> begin(form_part_head head) override {
    const bool first_file = head.name == "file" && place_ == place::none;
    in_file_ = first_file;
    field_ = first_file ? nullptr : field_named(head.name);
    if (!first_file)
      return done;
    place_ = place::named;
    details_.name = std::move(head.file_name);
    details_.content_type = std::move(head.content_type);
    return done;
  }
  outcome<done_t> bytes(std::string_view piece) override {
    if (in_file_) {
      pending_ += piece;
      return done;
    }
    if ((field_bytes_ += piece.size()) > fields_bytes_max)
      return make_failure(errc::too_large, "The form's fields may have 64 KiB in all, without the file.");
    if (field_ != nullptr)
      *field_ += piece;
    return done;
  }
  outcome<done_t> end() override { return done; }
  std::string* field_named(std::string_view name) {
    return name == "description"       ? &details_.description
           : name == "data_type"       ? &details_.data_type
           : name == "session_id"      ? &details_.session
           : name == "source_metadata" ? &details_.source_metadata
                                       : nullptr;
  }

  void on_piece(const std::string& piece) {
    read_ += piece.size();
    if (auto r = parser_.feed(piece, *this); !r)
      return x_->fail(r.error());
    if (place_ == place::named)
      return open();
    hand_on();
  }
  /// The first bytes of the file are here, or its name.
  void open() {
    place_ = place::opened;
    begin_file m;
    m.who = who_of(x_);
    m.in_case = case_of(*x_);
    m.name = details_.name;
    const auto left = x_->in.body_bytes.value_or(read_) - read_, around = form_bytes_max;
    m.bytes_min = pending_.size() + (left > around ? left - around : 0);
    m.cancelled = [x = x_] { x->fail(make_conflict("CANCELLED", "The upload was cancelled; nothing of it was kept.")); };
    ask(rest_->files, x_, std::move(m), [self = shared_from_this()](const incoming_file_ptr& file) {
      self->file_ = file;
      self->hand_on();
    });
  }
  void hand_on() {
    if (pending_.empty())
      return next();
    file_->write(std::exchange(pending_, {}), answering<done_t>(x_, [self = shared_from_this()](const exchange_ptr&, done_t&) { self->next(); }));
  }
  void on_end() {
    if (auto r = parser_.finish(); !r)
      return x_->fail(r.error());
    if (!file_)
      return x_->fail(invalid_field("file", "The form must have a part named file."));
    if (auto f = refusal_of(details_))
      return x_->fail(*f);
    x_->extend_deadline(rest_->query_deadline);
    file_->seal(answering<std::string>(x_, [self = shared_from_this()](const exchange_ptr& x, std::string& sha256) {
      const auto& d = self->details_;
      x->claim_key(to_hex(sha256_framed({sha256, d.name, d.content_type, d.description, d.data_type, d.session, d.source_metadata})), [self] { self->finish(); });
    }));
  }
  void finish() {
    const auto file = std::exchange(file_, nullptr);
    if (x_->in.header("prefer").find("respond-async") != std::string_view::npos) // how it ends is the job's to say
      return file->finish(std::move(details_), {}, answering<job>(x_, [](const exchange_ptr& x, job& j) { x->respond(job_answer(202, j)); }));
    file->finish(std::move(details_), answering<stored_file>(x_, [](const exchange_ptr& x, stored_file& stored) { x->respond(stored_file_answer(stored)); }), {});
  }

  enum class place { none, named, opened };
  rest_deps_ptr rest_;
  exchange_ptr x_;
  form_parser parser_;
  file_details details_;
  incoming_file_ptr file_;
  place place_ = place::none; ///< of the file
  bool in_file_ = false;
  std::string* field_ = nullptr;
  std::size_t field_bytes_ = 0;
  std::uint64_t read_ = 0;
  std::string pending_; ///< bytes of the file out of one piece
};

void upload(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto parser = form_parser::of(x->in.header("content-type"));
  // Who may not see the case learns nothing else, and nothing is read for whoever may not add to it.
  ask_case(rest->registry, x, read_case{who_of(x), {}, true}, [rest, x, parser = std::move(parser)](const case_view&) {
    parser ? std::make_shared<form_upload>(rest, x, *parser)->next() : x->fail(parser.error());
  });
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

/// Sends a large file piece by piece: the next is read when the last has left. Lives as long as somebody waits for it.
class content_stream : public std::enable_shared_from_this<content_stream> {
public:
  content_stream(rest_deps_ptr rest, exchange_ptr x, read_file_bytes what, std::uint64_t end)
      : rest_(std::move(rest)), x_(std::move(x)), what_(std::move(what)), end_(end) {}

  /// The first piece is read before the answer begins: what cannot be read is said in time.
  void begin(response head) {
    read([self = shared_from_this(), head = std::move(head)](outcome<std::string> bytes) {
      if (!bytes)
        return self->x_->fail(bytes.error());
      self->first_ = std::move(*bytes);
      const bool only_head = self->x_->in.method == "HEAD";
      self->out_ = self->x_->stream(head, [self] { self->out_.reset(); }, [self] { self->next(); });
      if (auto out = self->out_; out && !only_head)
        self->send(std::exchange(self->first_, {}));
    });
  }

private:
  template <class Then> void read(Then then) {
    auto m = what_;
    m.answer = reply<std::string>{[x = x_, then = std::move(then)](outcome<std::string> r) {
      x->post([then, r = std::move(r)]() mutable { then(std::move(r)); });
    }};
    tell(rest_->files, std::move(m));
  }
  void send(std::string bytes) {
    what_.offset += bytes.size();
    what_.length = std::min(sent_piece_bytes, end_ - what_.offset);
    auto out = out_;
    if (!out || bytes.empty())
      return;
    out->write(std::move(bytes));
    if (what_.offset == end_)
      out->finish();
  }
  void next() {
    if (what_.offset == end_ || std::exchange(reading_, true))
      return;
    read([self = shared_from_this()](outcome<std::string> bytes) {
      self->reading_ = false;
      auto out = self->out_;
      if (!out)
        return;
      if (bytes && !bytes->empty())
        return self->send(std::move(*bytes));
      log::warn("files", "a file could not be sent to its end: " + (bytes ? std::string{"it is shorter than it was"} : bytes.error().detail));
      out->finish(); // before the length that was said: the client sees that something is missing
    });
  }

  rest_deps_ptr rest_;
  exchange_ptr x_;
  read_file_bytes what_; ///< the next piece
  std::uint64_t end_;
  std::string first_;
  bool reading_ = false;
  body_stream_ptr out_; ///< none once the client is gone or everything was sent
};

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
      response head;
      head.status = range ? 206 : 200;
      head.content_type = "application/octet-stream"; // never what the uploader says: nothing runs in our origin
      head.with("Accept-Ranges", "bytes").with("Content-Disposition", quoted_name(f.name)).with("ETag", "\"" + f.sha256 + (copy ? "-sanitized\"" : "\""));
      head.with("X-Content-Type-Options", "nosniff").with("X-Content-Form", copy ? "sanitized" : "raw");
      if (range)
        head.with("Content-Range", "bytes " + std::to_string(from) + "-" + std::to_string(from + length - 1) + "/" + std::to_string(size));
      read_file_bytes what{f.in_case, f.id, from, std::min(length, length > whole_answer_max ? sent_piece_bytes : length), copy, {}};
      if (length > whole_answer_max) {
        head.stream_bytes = length;
        return std::make_shared<content_stream>(rest, x, std::move(what), from + length)->begin(std::move(head));
      }
      ask(rest->files, x, std::move(what), [x, head](const std::string& bytes) {
        auto r = head;
        r.body = bytes;
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
void across(const rest_deps_ptr& rest, const exchange_ptr& x) {
  with_case_read(rest, x, [rest, x](const case_view&) {
    ask(rest->files, x, read_across_files{case_of(*x), {}}, [x](const std::vector<cross_finding>& found) {
      x->respond(json_response(200, [&](json_writer& w) {
        w.key("findings").begin_array();
        for (auto& f : found) {
          w.begin_object().member("kind", f.kind).member("title", f.title).member("score", f.score).key("places").begin_array();
          for (auto& p : f.places)
            w.begin_object().member("file_id", p.file_id).member("file_name", p.file_name).member("line_first", p.first_line).member("line_last", p.last_line).member("count", p.count).member("errors", p.errors).end_object();
          w.end_array().end_object();
        }
        w.end_array().member("total_count", found.size());
      }));
    });
  });
}
} // namespace

response stored_file_answer(const stored_file& stored) {
  auto& [f, a] = stored;
  auto r = json_response(201, [&, &f = f, &a = a](json_writer& w) {
    write_file(w, f);
    w.key("agent_response").begin_object().member("response_type", a.error.empty() ? "ANSWER" : "NEEDS_MORE_DATA");
    w.member("content", !a.error.empty() ? "This file could not be analysed: " + a.error : a.text.empty() ? a.summary : a.summary + "\n\n" + a.text);
    w.member("confidence_score", a.confidence).end_object();
  });
  r.with("Location", "/api/v1/cases/" + f.in_case.value + "/data/" + f.id);
  return r;
}

std::optional<failure> refusal_of(const file_details& d) {
  for (auto& [name, text] : {std::pair{"description", &d.description}, {"data_type", &d.data_type}, {"session_id", &d.session}})
    if (!is_valid_utf8(*text))
      return invalid_field(name, "The form's fields must be UTF-8.");
  if (d.session.size() > 200)
    return invalid_field("session_id", "session_id has at most 200 bytes.");
  if (d.source_metadata.size() > metadata_bytes_max)
    return invalid_field("source_metadata", "source_metadata has at most 8 KiB.");
  if (!d.source_metadata.empty() && !wire::json_body::parse(d.source_metadata))
    return invalid_field("source_metadata", "source_metadata must be a JSON object.");
  return std::nullopt;
}

void add_file_routes(router& routes, const rest_deps_ptr& deps) {
  const auto with = [&](const char* method, const char* path, const char* summary, std::vector<int> statuses, handler h, std::vector<std::string> asks = {}) {
    route r{method, std::string{"/api/v1/cases/{case_id}"} + path, access::token, "files", summary, std::move(statuses), std::move(h)};
    r.asks = std::move(asks);
    routes.add(std::move(r));
  };
  route in{"POST", "/api/v1/cases/{case_id}/data", access::token, "files",
           "Uploads a file (multipart: file; description, data_type, session_id, source_metadata, in any order), analyses it and tells the case; "
           "Prefer: respond-async answers with the job. The body is streamed to the file store",
           {201, 202, 400, 403, 404, 408, 409, 410, 413, 415, 422}, [deps](const exchange_ptr& x) { upload(deps, x); }};
  in.streams_body = true;
  in.body_bytes_max = deps->upload_bytes_max + form_bytes_max;
  in.file_bytes_max = deps->upload_bytes_max;
  in.takes_type = "multipart/form-data";
  routes.add(std::move(in));
  with("GET", "/data", "The files of a case, oldest first", {200, 404}, [deps](const exchange_ptr& x) { list(deps, x, "data"); }, {"limit", "offset"});
  with("GET", "/data/{id}", "One file with its analysis", {200, 404}, [deps](const exchange_ptr& x) { one(deps, x); });
  with("DELETE", "/data/{id}", "Removes a file", {204, 403, 404}, [deps](const exchange_ptr& x) { remove(deps, x); });
  with("GET", "/data/{id}/content", "The bytes of a file, or its copy without personal data and secrets (form=raw or sanitized); Range",
       {200, 206, 403, 404, 416, 422}, [deps](const exchange_ptr& x) { content(deps, x); }, {"form"});
  with("GET", "/uploaded-files", "The files of a case, oldest first", {200, 404}, [deps](const exchange_ptr& x) { list(deps, x, "files"); }, {"limit", "offset"});
  with("GET", "/uploaded-files/{id}", "One file with its analysis", {200, 404}, [deps](const exchange_ptr& x) { one(deps, x); });
  with("GET", "/evidence/correlations", "What the case's logs say together: names that run through several, kinds of lines that come and go together", {200, 404},
       [deps](const exchange_ptr& x) { across(deps, x); });
  route r{"GET", "/api/v1/cases/{case_id}/timeline", access::token, "investigation",
          "What files and messages say happened, in order, in UTC, with its uncertainty; limit 1 to 500", {200, 404, 422},
          [deps](const exchange_ptr& x) { timeline(deps, x); }};
  r.gives = "Timeline";
  r.asks = {"limit", "cursor", "from", "to"};
  routes.add(std::move(r));
}

} // namespace fm::http
