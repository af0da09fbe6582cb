// Field names here are a contract (rest.md); golden tests hold them.
#include "protocol/wire/encode.hpp"

namespace fm::wire {
namespace {
void time(json_writer& w, std::string_view key, timestamp t) { w.member(key, to_iso8601(t)); }
void time(json_writer& w, std::string_view key, const std::optional<timestamp>& t) {
  w.key(key);
  if (t)
    w.value(to_iso8601(*t));
  else
    w.value(nullptr);
}
void text_or_null(json_writer& w, std::string_view key, const std::string& text) {
  w.key(key);
  if (text.empty())
    w.value(nullptr);
  else
    w.value(text);
}
void list(json_writer& w, std::string_view key, const std::vector<std::string>& items) {
  w.key(key).begin_array();
  for (auto& item : items)
    w.value(item);
  w.end_array();
}
void text_map(json_writer& w, std::string_view key, const std::map<std::string, std::string>& items) {
  w.key(key).begin_object();
  for (auto& [k, v] : items)
    w.member(k, v);
  w.end_object();
}

void write_summary_members(json_writer& w, const case_summary& s) {
  w.member("case_id", s.id.value)
      .member("title", s.title)
      .member("status", name_of(s.status))
      .member("user_id", s.owner.value)
      .member("owner_id", s.owner.value)
      .member("priority", name_of(s.priority));
  text_or_null(w, "category", s.category);
  list(w, "tags", s.tags);
  w.member("participant_count", s.participant_count)
      .member("message_count", s.message_count)
      .member("current_turn", s.current_turn);
  time(w, "created_at", s.created_at);
  time(w, "updated_at", s.updated_at);
  time(w, "last_activity_at", s.last_activity_at);
  w.member("archived", s.archived);
}

struct data_writer {
  json_writer& w;
  void operator()(const case_created& d) const { write_case_members(w, d.record, 0); }
  void operator()(const case_updated& d) const {
    write_case_members(w, d.record, 0);
    list(w, "changed", d.changed);
  }
  void operator()(const status_changed& d) const {
    w.member("from", name_of(d.from)).member("to", name_of(d.to)).member("reason", d.reason);
    text_or_null(w, "closure_reason", d.closure_reason);
  }
  void operator()(const message_added& d) const {
    w.member("message_id", d.added.id.value)
        .member("turn_number", d.added.turn_number)
        .member("type", name_of(d.added.type))
        .member("role", name_of(d.added.role))
        .member("author_id", d.added.author.value)
        .member("author_name", d.added.author_name)
        .member("content", d.added.content);
    text_map(w, "metadata", d.added.metadata);
    time(w, "created_at", d.added.created_at);
  }
  void operator()(const turn_queued& d) const {
    w.member("turn_id", d.turn.value)
        .member("client_turn_id", d.client_id.value)
        .member("turn_number", d.turn_number)
        .member("position", d.position)
        .member("message_id", d.message.value)
        .member("content", d.content)
        .member("author_id", d.author_id)
        .member("author_name", d.author_name);
  }
  void operator()(const turn_edited& d) const {
    w.member("turn_id", d.turn.value).member("content", d.content);
  }
  void operator()(const turn_withdrawn& d) const { w.member("turn_id", d.turn.value); }
  void operator()(const turn_started& d) const {
    w.member("turn_id", d.turn.value).member("attempt", d.attempt);
  }
  void operator()(const turn_delta& d) const {
    w.member("turn_id", d.turn.value)
        .member("attempt", d.attempt)
        .member("offset", d.offset)
        .member("text", d.text);
  }
  void operator()(const turn_restarted& d) const {
    w.member("turn_id", d.turn.value).member("attempt", d.attempt).member("why", d.why);
  }
  void operator()(const turn_interrupted& d) const {
    w.member("turn_id", d.turn.value).member("attempt", d.attempt).member("text_bytes", d.text_bytes);
  }
  template <class D> void ended(const D& d) const {
    w.member("turn_id", d.turn.value)
        .member("attempt", d.attempt)
        .member("turn_number", d.turn_number)
        .member("message_id", d.message.value)
        .member("content", d.content);
  }
  void operator()(const turn_completed& d) const {
    ended(d);
    w.member("response_type", d.response_type).member("confidence", d.confidence);
    text_map(w, "metadata", d.metadata);
  }
  void operator()(const turn_cancelled& d) const {
    ended(d);
    text_map(w, "metadata", d.metadata);
  }
  void operator()(const turn_failed& d) const {
    ended(d);
    text_map(w, "metadata", d.metadata);
  }
  void operator()(const case_deleted& d) const { w.member("reason", d.reason); }
  void operator()(const case_restored& d) const { w.member("reason", d.reason); }
};
} // namespace

void write(json_writer& w, const case_summary& s) {
  w.begin_object();
  write_summary_members(w, s);
  w.end_object();
}

void write_case_members(json_writer& w, const case_record& r, sequence seq) {
  write_summary_members(w, summarize(r));
  w.member("description", r.description);
  text_or_null(w, "proposed_problem_statement", r.proposed_problem_statement);
  w.member("problem_statement_confirmed", r.problem_statement_confirmed);
  text_or_null(w, "closure_reason", r.closure_reason);
  text_or_null(w, "solution_summary", r.solution_summary);
  text_or_null(w, "source_session_id", r.source_session.value);
  w.member("visibility", name_of(r.visibility)).member("version", r.version);
  if (seq > 0)
    w.member("seq", seq);
  time(w, "resolved_at", r.resolved_at);
  time(w, "closed_at", r.closed_at);
  time(w, "archived_at", r.archived_at);
  time(w, "deleted_at", r.deleted_at);
  w.key("participants").begin_array();
  for (auto& p : r.participants) {
    w.begin_object().member("user_id", p.user.value).member("role", name_of(p.role));
    time(w, "joined_at", p.joined_at);
    w.end_object();
  }
  w.end_array();
  w.key("metadata").begin_object();
  list(w, "tags", r.tags);
  text_or_null(w, "category", r.category);
  w.member("priority", name_of(r.priority)).end_object();
}

void write(json_writer& w, const case_record& r, sequence seq) {
  w.begin_object();
  write_case_members(w, r, seq);
  w.end_object();
}

void write(json_writer& w, const message& m) {
  w.begin_object()
      .member("message_id", m.id.value)
      .member("turn_number", m.turn_number)
      .member("type", name_of(m.type))
      .member("role", name_of(m.role))
      .member("content", m.content);
  time(w, "created_at", m.created_at);
  text_or_null(w, "author_id", m.author.value);
  text_or_null(w, "author_name", m.author_name);
  text_map(w, "metadata", m.metadata);
  w.end_object();
}

void write(json_writer& w, const turn& t) {
  w.begin_object()
      .member("turn_id", t.id.value)
      .member("client_turn_id", t.client_id.value)
      .member("turn_number", t.number)
      .member("status", name_of(t.status))
      .member("attempt", t.attempt)
      .member("author_id", t.author.value)
      .member("author_name", t.author_name)
      .member("content", t.content)
      .member("message_id", t.question.value);
  text_or_null(w, "answer_message_id", t.answer.value);
  if (t.status == turn_status::running || t.status == turn_status::interrupted)
    w.member("text", t.partial);
  time(w, "created_at", t.created_at);
  time(w, "started_at", t.started_at);
  time(w, "finished_at", t.finished_at);
  w.end_object();
}

void write(json_writer& w, const user& u) {
  w.begin_object()
      .member("user_id", u.id.value)
      .member("username", u.username)
      .member("email", u.email)
      .member("display_name", u.display_name)
      .member("timezone", u.timezone)
      .member("locale", u.locale)
      .member("is_active", u.active)
      .member("is_verified", u.verified);
  w.key("roles").begin_array();
  for (auto r : u.roles)
    w.value(name_of(r));
  w.end_array();
  time(w, "created_at", u.created_at);
  time(w, "last_login_at", u.last_login_at);
  w.end_object();
}

void write(json_writer& w, const session& s) {
  w.begin_object();
  write_session_members(w, s);
  w.end_object();
}

void write_session_members(json_writer& w, const session& s) {
  w.member("session_id", s.id.value)
      .member("user_id", s.user.value)
      .member("client_id", s.client.value)
      .member("session_type", s.session_type)
      .member("status", "active")
      .member("timeout_minutes", static_cast<std::int64_t>(s.timeout.count()));
  time(w, "created_at", s.created_at);
  time(w, "last_activity", s.last_activity_at);
  time(w, "expires_at", s.expires_at);
  text_map(w, "metadata", s.metadata);
}

void write_case_page_members(json_writer& w, const case_page& page, std::size_t limit, std::size_t offset) {
  w.key("cases").begin_array();
  for (auto& c : page.cases)
    write(w, c);
  w.end_array()
      .member("total_count", page.total)
      .member("limit", limit)
      .member("offset", offset)
      .member("has_more", page.next_cursor.empty() ? offset + page.cases.size() < page.total : true);
  text_or_null(w, "next_cursor", page.next_cursor);
}

void write_presence(json_writer& w, const user_id& who, std::string_view name, bool typing,
                    std::string_view focus, timestamp since) {
  w.begin_object().member("user_id", who.value).member("name", name).member("typing", typing).key("focus");
  if (focus.empty())
    w.value(nullptr);
  else
    w.value(focus);
  time(w, "since", since);
  w.end_object();
}

void write_event_data(json_writer& w, const event_data& data) {
  w.begin_object();
  std::visit(data_writer{w}, data);
  w.end_object();
}

std::string event_frame(const case_event& e) {
  std::string out;
  out.reserve(256);
  json_writer w{out};
  w.begin_object()
      .member("type", "event")
      .member("case_id", e.in_case.value)
      .member("seq", e.seq)
      .member("at", to_iso8601(e.at));
  w.key("actor");
  if (e.by.user.empty())
    w.value("system");
  else
    w.begin_object().member("user_id", e.by.user.value).member("name", e.by.name).end_object();
  w.member("kind", kind_of(e.data)).key("data");
  write_event_data(w, e.data);
  w.end_object();
  return out;
}

std::string error_body(const failure& f, std::string_view request_id) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("detail", f.detail).key("error").begin_object();
  w.member("code", to_string(f.code)).member("message", f.detail).key("details").begin_object();
  for (auto& [k, v] : f.facts)
    w.member(k, v);
  if (!f.reason.empty())
    w.member("reason", f.reason);
  w.end_object().end_object().member("request_id", request_id);
  // The 422 form. What is wrong with the request as a whole, or with what its owner has already, is a 400.
  const auto field = f.facts.find("field");
  if (f.code == errc::invalid && field != f.facts.end() && field->second != "request" &&
      field->second != "owner") {
    w.key("errors").begin_array().begin_object().key("loc").begin_array().value("body");
    if (field->second != "body")
      w.value(field->second);
    w.end_array().member("msg", f.detail).member("type", "value_error").end_object().end_array();
  }
  w.end_object();
  return out;
}

std::string error_frame(const failure& f, std::string_view reply_to_json) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "error").member("code", to_string(f.code)).member("message", f.detail);
  if (!reply_to_json.empty())
    w.key("reply_to").raw(reply_to_json);
  if (f.retry_after)
    w.member("retry_after", static_cast<double>(f.retry_after->count()) / 1000.0);
  if (!f.facts.empty() || !f.reason.empty()) {
    w.key("details").begin_object();
    for (auto& [k, v] : f.facts)
      w.member(k, v);
    if (!f.reason.empty())
      w.member("reason", f.reason);
    w.end_object();
  }
  w.end_object();
  return out;
}

} // namespace fm::wire
