// The door to every case: finds, wakes and supervises case actors, and tells list watchers what changed.
//
//   edge ── to_case{id, command} ──► registry ── case_command ──► case
//   edge ── list_cases / watch_list ──► registry ◄── case_changed ── case
#pragma once

#include "protocol/messages/case_commands.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace fm {

/// A command for one case; create_case goes with an empty id and the registry makes one.
struct to_case {
  case_id id;
  case_command command;
};
/// A page of the cases the principal may see.
struct list_cases {
  principal who;
  case_query query;
  reply<case_page> answer;
};
/// From now on the watcher hears of every case the principal may see in a list; weak: goes with its owner.
struct watch_list {
  principal who;
  std::weak_ptr<list_watcher> watcher;
  reply<done_t> answer;
};
/// A case's summary changed (sent by case actors).
struct case_changed {
  std::shared_ptr<const case_summary> summary;
  std::vector<user_id> audience; ///< owner and participants
  bool deleted = false;
};
/// How the living part is doing, for /health and /metrics.
struct registry_status {
  std::size_t loaded_cases = 0;
  std::size_t poisoned_cases = 0;
  bool store_works = false;
  std::string store_detail;
};
struct read_status {
  reply<registry_status> answer;
};

using case_registry_actor =
    caf::typed_actor<caf::reacts_to<to_case>,      // answered by the case, or refused (503 while poisoned)
                     caf::reacts_to<list_cases>,   // page, or invalid
                     caf::reacts_to<watch_list>,   // done
                     caf::reacts_to<case_changed>, // told to watchers
                     caf::reacts_to<read_status>>; // status

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::to_case)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_cases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::watch_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::case_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::case_command)
