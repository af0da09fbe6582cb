// Files of cases, as others see them. Whoever asks was checked against the case before: the edge asks the case first.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/files.hpp"
#include "protocol/model/jobs.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fm {

/// What is said of a file beside its bytes.
struct file_details {
  std::string name, content_type, description;
  std::string data_type;       ///< a person's choice wins over what is found; empty = found
  std::string session;         ///< the session it came from; as told
  std::string source_metadata; ///< a JSON object about where it comes from; empty = nothing
};
using stored_file = std::pair<case_file, file_analysis>;

/// A file whose bytes come one after the other. Calls from any thread, the next one after the answer of the last; none
/// blocks. Dropped before finish(): as if it had never come.
class incoming_file {
public:
  virtual ~incoming_file() = default;
  /// Answered when the bytes were taken: not before is it time for more. too_large above the limits of the setting or the
  /// case; conflict CANCELLED when its job was cancelled.
  virtual void write(std::string bytes, reply<done_t> answer) = 0;
  /// After the last bytes; answers with their SHA-256 in hex.
  virtual void seal(reply<std::string> answer) = 0;
  /// After seal(): analysed and told to the case when it is answered. `begun`, when set, hears of the job before.
  virtual void finish(file_details details, reply<stored_file> answer, reply<job> begun) = 0;
};
using incoming_file_ptr = std::shared_ptr<incoming_file>;
/// `bytes_min` of them will come at least. `cancelled` is called once when the job is cancelled before finish().
/// overloaded when too many come or wait already.
struct begin_file {
  principal who;
  case_id in_case;
  std::string name;
  std::uint64_t bytes_min = 0;
  std::function<void()> cancelled;
  reply<incoming_file_ptr> answer;
};

/// A file that comes in several requests.
struct open_upload {
  std::string id; ///< also of the file it becomes
  case_id in_case;
  principal who; ///< whose it is; for others it is not there
  std::uint64_t length = 0, offset = 0; ///< announced, and durable so far
  std::string metadata;                 ///< as the client gave it
  file_details details;
  timestamp created_at{}, expires_at{};
  bool complete() const { return offset == length; }
};
/// The bytes of one request of it. As incoming_file, but what came before it is dropped is kept.
class incoming_part {
public:
  virtual ~incoming_part() = default;
  virtual void write(std::string bytes, reply<done_t> answer) = 0;
  virtual void keep(reply<open_upload> answer) = 0;
};
using incoming_part_ptr = std::shared_ptr<incoming_part>;
struct create_upload {
  principal who;
  case_id in_case;
  std::uint64_t length = 0;
  file_details details;
  std::string metadata;
  reply<open_upload> answer;
};
/// An upload that became a file under its id is answered as complete, with its file.
struct found_upload { open_upload upload; std::optional<case_file> file; };
struct find_upload { principal who; case_id in_case; std::string id; reply<found_upload> answer; };
/// conflict UPLOAD_OFFSET (fact offset) or UPLOAD_BUSY; too_large when `bytes` more are more than was announced.
struct add_to_upload {
  principal who;
  case_id in_case;
  std::string id;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> bytes;
  reply<incoming_part_ptr> answer;
};
struct remove_upload { principal who; case_id in_case; std::string id; reply<done_t> answer; };
/// A complete one becomes a file, as incoming_file::finish() says; answered again with the same file when it has.
struct finish_upload { principal who; case_id in_case; std::string id; reply<stored_file> answer; reply<job> begun; };
/// Removes uploads past their time and finishes those that were complete when the server went down.
struct sweep_uploads {};

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
/// What the case's files say together, best first.
struct read_across_files { case_id in_case; reply<std::vector<cross_finding>> answer; };
/// What the case's files and the given messages say happened, in order; `messages_before` of the conversation are not given.
struct read_timeline {
  case_id in_case;
  std::vector<message> messages;
  std::uint64_t messages_before = 0;
  timeline_query query;
  reply<timeline_page> answer;
};

using files_actor = caf::typed_actor<caf::reacts_to<begin_file>, caf::reacts_to<create_upload>, caf::reacts_to<find_upload>, caf::reacts_to<add_to_upload>,
                                     caf::reacts_to<remove_upload>, caf::reacts_to<finish_upload>, caf::reacts_to<sweep_uploads>,
                                     caf::reacts_to<list_files>, caf::reacts_to<read_file>,
                                     caf::reacts_to<read_file_analysis>, caf::reacts_to<read_file_bytes>, caf::reacts_to<remove_file>,
                                     caf::reacts_to<read_across_files>, caf::reacts_to<read_timeline>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::begin_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::create_upload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::find_upload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::add_to_upload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::remove_upload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::finish_upload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::sweep_uploads)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_file_analysis)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_file_bytes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::remove_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_across_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_timeline)
