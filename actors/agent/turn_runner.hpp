// Runs one attempt of one turn: reads the conversation, asks the model (or the builtin analyst), hands text to
// the case as it comes, and ends. It belongs to the case, never to a socket; the case monitors it.
//
//   case ── spawn ──► runner ── run_text* ──► case
//   case ── run_cancel ──► runner ── run_finished (exactly once) ──► case
#pragma once

#include "actors/cases/case_lifecycle.hpp"
#include "actors/llm/provider.hpp"
#include "actors/support/offload.hpp"
#include "protocol/model/case_search.hpp"
#include "protocol/model/knowledge.hpp"
#include "storage/ports/case_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fm {

/// A piece of the answer of the given attempt, valid UTF-8, in order.
struct run_text {
  turn_id turn;
  std::uint32_t attempt = 1;
  std::string text;
};
/// The end of the attempt; nothing follows.
struct run_finished {
  turn_id turn;
  std::uint32_t attempt = 1;
  run_end end;
};
/// Stop: the upstream request is closed, nothing more is sent.
struct run_cancel {};
/// From the runner's own helpers back to it.
struct run_prepared {
  outcome<message_page> history;
  std::vector<knowledge_hit> known;
  std::vector<case_search_hit> found;
};
struct run_piece {
  std::string text;
};
struct run_over {
  run_end end;
};

/// Takes what a runner says.
using run_listener = caf::typed_actor<caf::reacts_to<run_text>, caf::reacts_to<run_finished>>;
using turn_runner_actor = caf::typed_actor<caf::reacts_to<run_cancel>, caf::reacts_to<run_prepared>,
                                           caf::reacts_to<run_piece>, caf::reacts_to<run_over>>;

struct run_settings {
  std::size_t context_characters_max = 120'000;
  std::size_t history_messages_max = 200;
  /// An answer is cut here and marked; the upstream request is closed.
  std::size_t answer_bytes_max = 1U << 20;
};
struct run_deps {
  case_store_ptr store;
  offload_ptr readers; ///< for store reads
  offload_ptr work;    ///< for analysis
  std::shared_ptr<chat_provider> provider; ///< null: the builtin analyst answers
  run_settings settings;
  /// The best passages of what a person may know for a question, best first; may block, called on `readers`. Null =
  /// no knowledge is used.
  std::function<std::vector<knowledge_hit>(const user_id& viewer, const std::string& question)> recall;
  /// The lines of the case's files that a question is about, without personal data and secrets; else as `recall`.
  std::function<std::vector<case_search_hit>(const case_id& in_case, const std::string& question)> search_case;
};
struct run_job {
  case_record record;
  turn the_turn;
};

turn_runner_actor spawn_turn_runner(caf::actor_system& system, run_listener listener, run_job job, run_deps deps);

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::run_text)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::run_finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::run_cancel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::run_prepared)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::run_piece)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::run_over)
