// Files of cases, as others see them. Whoever asks was checked against the case before: the edge asks the case first.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/files.hpp"
#include "protocol/model/jobs.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace fm {

struct new_file {
  std::string name, content_type, description;
  std::string data_type; ///< a person's choice wins over what is found; empty = found
  std::shared_ptr<const std::string> bytes;
};
/// Stored, analysed and told to the case when it is answered. too_large above the limits of the setting or the case;
/// conflict CANCELLED when its job was cancelled. `begun`, when set, hears of the job before any of it is done.
struct store_file {
  principal who;
  case_id in_case;
  new_file file;
  reply<std::pair<case_file, file_analysis>> answer;
  reply<job> begun;
};
struct list_files { case_id in_case; reply<std::vector<case_file>> answer; };
struct read_file { case_id in_case; std::string id; reply<case_file> answer; };
/// The stored analysis as JSON.
struct read_file_analysis { case_id in_case; std::string id; reply<std::string> answer; };
/// `sanitized`: of the copy; not_found when there is none.
struct read_file_bytes {
  case_id in_case;
  std::string id;
  std::uint64_t offset = 0, length = 0;
  bool sanitized = false;
  reply<std::string> answer;
};
struct remove_file { principal who; case_id in_case; std::string id; reply<done_t> answer; };
/// What the case's files and the given messages say happened, in order; `messages_before` of the conversation are not given.
struct read_timeline {
  case_id in_case;
  std::vector<message> messages;
  std::uint64_t messages_before = 0;
  timeline_query query;
  reply<timeline_page> answer;
};

using files_actor = caf::typed_actor<caf::reacts_to<store_file>, caf::reacts_to<list_files>, caf::reacts_to<read_file>,
                                     caf::reacts_to<read_file_analysis>, caf::reacts_to<read_file_bytes>, caf::reacts_to<remove_file>,
                                     caf::reacts_to<read_timeline>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::store_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_file_analysis)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_file_bytes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::remove_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_timeline)
