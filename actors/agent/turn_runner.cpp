// The shell: fetch the history on a reader thread, start the model or the analysis, pass text on.
#include "actors/agent/turn_runner.hpp"

#include "actors/agent/builtin_analyst.hpp"
#include "actors/agent/claims.hpp"
#include "actors/agent/context.hpp"
#include "actors/evidence/log_triage.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

namespace fm {
namespace {

/// The earliest messages whose number is reserved for the history read.
struct runner_state {
  runner_state() = default; // not an aggregate: CAF would try to make it from the actor pointer
  run_listener listener;
  run_job job;
  run_deps deps;
  std::shared_ptr<chat_call> call;
  std::size_t sent = 0;
  std::string answer;                  ///< of a model, to be checked at its end
  std::vector<std::string> evidence;   ///< what the case's people and files said
  std::vector<knowledge_hit> known;
  std::vector<case_search_hit> found; ///< in the case's files
  bool over = false;
  static inline const char* name = "turn_runner";
};
using runner_pointer = turn_runner_actor::stateful_pointer<runner_state>;

void end(runner_pointer self, run_end how) {
  auto& st = self->state;
  if (st.over)
    return;
  st.over = true;
  caf::anon_send(st.listener, run_finished{st.job.the_turn.id, st.job.the_turn.attempt, std::move(how)});
  if (st.call)
    st.call->cancel();
  st.call.reset();
  self->quit();
}

void fail(runner_pointer self, failure f, std::map<std::string, std::string> metadata = {}) {
  run_end how;
  how.fault = std::move(f);
  how.metadata = std::move(metadata);
  end(self, std::move(how));
}

void piece(runner_pointer self, std::string text) {
  auto& st = self->state;
  if (st.over || text.empty())
    return;
  const auto room = st.deps.settings.answer_bytes_max - std::min(st.sent, st.deps.settings.answer_bytes_max);
  const bool cut = text.size() > room;
  if (cut)
    text.resize(utf8_floor(text, room));
  st.sent += text.size();
  if (st.call)
    st.answer += text;
  if (!text.empty())
    caf::anon_send(st.listener, run_text{st.job.the_turn.id, st.job.the_turn.attempt, std::move(text)});
  if (cut)
    fail(self, make_failure(errc::too_large, "the answer grew past the allowed size and was cut."));
}

/// The documents and lines that an answer rests on, as the wire's `sources` (domain.md).
std::string sources_json(const std::vector<knowledge_hit>& known, const std::vector<std::string>& cited, const std::vector<analyst_line>& lines = {}) {
  std::string out = "[";
  for (auto& l : lines) {
    out += out.size() > 1 ? "," : "";
    json_writer w{out};
    w.begin_object().member("type", "log_file").member("id", l.file_id).member("title", l.file_name);
    if (!l.part.empty())
      w.member("part", l.part);
    w.member("line", l.line).member("begin", l.begin).member("end", l.end).end_object();
  }
  for (auto& k : known) {
    if (std::find(cited.begin(), cited.end(), k.document.id) == cited.end())
      continue;
    out += out.size() > 1 ? "," : "";
    out += "{\"type\":\"knowledge_base\",\"id\":";
    append_json_string(out, k.document.id);
    out += ",\"title\":";
    append_json_string(out, k.document.title);
    out += ",\"tool\":\"answer_from_" + std::string{k.document.scope.name()} + "_kb\",\"version\":" + std::to_string(k.document.version) + ",\"heading\":";
    append_json_string(out, k.heading);
    out += ",\"begin\":" + std::to_string(k.begin) + ",\"end\":" + std::to_string(k.end) + "}";
  }
  return out + "]";
}

/// Holds a finished answer against the case's own bytes; says below it what does not hold.
void check(runner_pointer self, run_end& how) {
  auto& st = self->state;
  if (st.answer.empty())
    return;
  std::vector<std::string_view> sources(st.evidence.begin(), st.evidence.end());
  std::vector<std::string> shown;
  for (auto& k : st.known) {
    sources.emplace_back(k.chunk);
    shown.push_back(k.document.id);
  }
  for (auto& h : st.found)
    sources.emplace_back(h.snippet);
  const auto found = check_claims(st.answer, sources, shown);
  how.metadata["quotes_checked"] = std::to_string(found.quotes);
  if (!found.not_found.empty()) {
    how.metadata["quotes_not_found"] = std::to_string(found.not_found.size());
    how.confidence = std::min(how.confidence, 0.3);
  }
  if (!found.cited.empty())
    how.metadata["sources"] = sources_json(st.known, found.cited);
  piece(self, correction_of(found));
}

std::string provider_label(const run_deps& deps) { return deps.provider ? deps.provider->name() : "builtin"; }

void ask_model(runner_pointer self, const std::vector<message>& history) {
  auto& st = self->state;
  for (auto& m : history)
    if (m.role != message_role::assistant)
      st.evidence.push_back(m.content);
  st.evidence.push_back(st.job.the_turn.content);
  auto context = build_context(st.job.record, history, st.job.the_turn.content,
                               st.deps.settings.context_characters_max, st.known, st.found);
  chat_request request;
  request.system = std::move(context.system_prompt);
  for (auto& m : context.messages)
    request.messages.push_back({m.role == message_role::assistant ? "assistant" : "user", m.content});
  request.messages.push_back({"user", st.job.the_turn.content});
  const auto me = caf::actor_cast<turn_runner_actor>(self);
  const auto label = provider_label(st.deps);
  chat_events events;
  events.on_text = [me](std::string text) { caf::anon_send(me, run_piece{std::move(text)}); };
  events.on_end = [me, label](outcome<chat_end> how) {
    run_over over;
    over.end.metadata = {{"agent", "model"}, {"model", label}};
    if (how) {
      over.end.confidence = 0.5; // a model's text alone is speculation-to-probable until it is checked
      if (!how->finish_reason.empty())
        over.end.metadata["finish_reason"] = how->finish_reason;
    } else {
      over.end.fault = how.error();
    }
    caf::anon_send(me, std::move(over));
  };
  st.call = st.deps.provider->start(std::move(request), std::move(events));
}

void ask_analyst(runner_pointer self, const std::vector<message>& history) {
  auto& st = self->state;
  const auto me = caf::actor_cast<turn_runner_actor>(self);
  analyst_input input;
  input.question = st.job.the_turn.content;
  for (auto& m : history)
    if (m.type == message_type::system_event && m.metadata.contains("file_id"))
      input.analyses.push_back(m.content);
    else if (m.role == message_role::user && m.type != message_type::data_upload)
      input.earlier.push_back(m.content);
  input.case_title = st.job.record.title;
  input.case_status = std::string{name_of(st.job.record.status)};
  input.turn_number = st.job.the_turn.number;
  std::vector<std::string> offered;
  for (auto& k : st.known) {
    input.known.push_back({k.document.id, k.document.title, k.chunk});
    offered.push_back(k.document.id);
  }
  for (auto& h : st.found)
    input.found.push_back({h.file_id, h.file_name, h.part, h.part.empty() ? h.line : h.part_line, h.begin, h.end, h.text, h.level, h.at ? to_iso8601(*h.at) : std::string{}});
  const bool taken = st.deps.work->submit([me, input = std::move(input), known = st.known, offered] {
    run_over over;
    over.end.metadata = {{"agent", "builtin"}};
    try {
      auto answer = answer_builtin(input);
      std::vector<analyst_line> cited;
      for (const auto i : answer.cited)
        cited.push_back(input.found[i]);
      if (!offered.empty() || !cited.empty())
        over.end.metadata["sources"] = sources_json(known, offered, cited);
      for (auto& chunk : answer.chunks)
        caf::anon_send(me, run_piece{std::move(chunk)});
      over.end.response_type = answer.response_type;
      over.end.confidence = answer.confidence;
    } catch (const std::exception& e) {
      log::error("turn_runner", std::string{"analysis failed: "} + e.what());
      over.end.fault = make_failure(errc::internal, "the analysis of your text failed.");
    }
    caf::anon_send(me, std::move(over));
  });
  if (!taken)
    fail(self, make_failure(errc::overloaded, "the server is busy analysing other texts."), {{"agent", "builtin"}});
}

turn_runner_actor::behavior_type runner_impl(runner_pointer self, run_listener listener, run_job job, run_deps deps) {
  auto& st = self->state;
  st.listener = std::move(listener);
  st.job = std::move(job);
  st.deps = std::move(deps);
  self->set_error_handler([self](caf::error&) { self->quit(); });

  const auto me = caf::actor_cast<turn_runner_actor>(self);
  const auto id = st.job.record.id;
  const bool taken = st.deps.readers->submit(
      [me, id, store = st.deps.store, limit = st.deps.settings.history_messages_max, recall = st.deps.recall,
       search = st.deps.search_case, for_model = st.deps.provider != nullptr,
       viewer = st.job.the_turn.author, question = st.job.the_turn.content, title = st.job.record.title] {
        run_prepared prepared{store->messages(id, 0, limit, true), {}, {}};
        if (recall)
          try {
            prepared.known = recall(viewer, question_for_recall(question, title));
          } catch (const std::exception& e) {
            log::warn("turn_runner", std::string{"the knowledge base could not be asked: "} + e.what());
          }
        if (search && (for_model || !evidence::looks_like_log(question))) // the analyst reads a pasted log itself
          try {
            prepared.found = search(id, for_model ? question_for_recall(question, title) : question);
          } catch (const std::exception& e) {
            log::warn("turn_runner", std::string{"the case's files could not be searched: "} + e.what());
          }
        caf::anon_send(me, std::move(prepared));
      });
  if (!taken)
    fail(self, make_failure(errc::overloaded, "the server is too busy to read the conversation."));

  return {
      [self](run_cancel) {
        auto& st = self->state;
        st.over = true;
        if (st.call)
          st.call->cancel();
        st.call.reset();
        self->quit();
      },
      [self](const run_prepared& prepared) {
        auto& st = self->state;
        if (st.over)
          return;
        if (!prepared.history) {
          fail(self, prepared.history.error());
          return;
        }
        std::vector<message> history;
        for (auto& m : prepared.history->messages)
          if (m.id != st.job.the_turn.question && m.turn_number <= st.job.the_turn.number &&
              m.id != st.job.the_turn.answer)
            history.push_back(m);
        st.known = prepared.known;
        st.found = prepared.found;
        if (st.deps.provider)
          ask_model(self, history);
        else
          ask_analyst(self, history);
      },
      [self](run_piece& p) { piece(self, std::move(p.text)); },
      [self](run_over& o) {
        if (self->state.over)
          return;
        if (!o.end.fault)
          check(self, o.end);
        end(self, std::move(o.end));
      },
  };
}
} // namespace

turn_runner_actor spawn_turn_runner(caf::actor_system& system, run_listener listener, run_job job, run_deps deps) {
  return system.spawn(runner_impl, std::move(listener), std::move(job), std::move(deps));
}

} // namespace fm
