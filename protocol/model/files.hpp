// Files of a case: what was uploaded, what it was found to be, and what the analysis says of it.
#pragma once

#include "protocol/base/byte_source.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/work_control.hpp"
#include "protocol/model/user.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fm {

/// pending, processing, completed, failed (domain.md, "Evidence and files").
struct case_file {
  std::string id; ///< "file_" + 12 hex
  case_id in_case;
  std::string name;         ///< up to 255 bytes, without any path
  std::string content_type; ///< as declared, not believed
  std::string description;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string status = "pending";
  std::string data_type = "unanalyzable"; ///< one of the seven of domain.md
  double confidence = 0;
  double compression = 0; ///< bytes of the file by bytes of the extraction
  std::string summary;    ///< about 500 characters
  std::vector<std::string> insights;
  std::string error; ///< why it could not be processed
  user_id uploaded_by;
  timestamp uploaded_at{};
  std::optional<timestamp> processed_at;
  /// How its personal data and secrets are kept from most readers: "" not at all (switched off), same (nothing was
  /// found), copy (there is a sanitized copy), opaque (found or not, it cannot be taken out: pictures, archives).
  std::string redaction;
  std::uint64_t sanitized_bytes = 0; ///< of the copy
  bool personal_data = false, secrets = false; ///< were found
  std::string session;          ///< it came from; as told
  std::string source_metadata;  ///< a JSON object about where it comes from; empty = nothing was told
  std::uint64_t stack_bytes = 0; ///< of stack traces in it, kept beside it for other files
  std::string duplicate_of; ///< set in the answer to a second upload of the same bytes
  bool operator==(const case_file&) const = default;
};

/// Something that happened, as an input tells it, with what its stamp leaves open.
struct timeline_moment {
  std::int64_t at_ms = 0; ///< UTC where the zone is known; in the years from 2000 without a year, in days from 0 without a date
  bool zone_known = true, year_known = true, date_known = true;
  std::uint32_t resolution_ms = 1; ///< 1,000 for seconds, 86,400,000 for days
  std::uint64_t line_first = 0, line_last = 0;
  std::uint64_t count = 1;  ///< lines of one kind that came together
  int weight = 0;           ///< larger = matters more when there is no room for all
  std::string level, kind, text;
  bool operator==(const timeline_moment&) const = default;
};

/// What a file has in common with files of other cases, if they have: kinds of lines that speak of trouble, without
/// what varies in them, and the kinds of names that occur in it (pod, request).
struct trouble_mark {
  std::string text;
  int weight = 0; ///< 1 to 5: how much trouble
  bool operator==(const trouble_mark&) const = default;
};
struct file_marks {
  std::vector<trouble_mark> lines;
  std::vector<std::string> identifier_kinds;
  bool operator==(const file_marks&) const = default;
};

/// What ties a file to others of its case: how its kinds of lines come over time, and the names that run through it.
struct kind_over_time {
  std::string pattern;
  int trouble = 0; ///< 0 nothing to 5 worst
  std::uint64_t count = 0, first_line = 0, last_line = 0;
  std::vector<std::uint32_t> counts; ///< in the parts of file_threads
  bool operator==(const kind_over_time&) const = default;
};
struct followed_name {
  std::string kind, value; ///< request, host, ip, uuid, block, job, pod, user
  std::uint64_t count = 0, errors = 0, first_line = 0, last_line = 0;
  bool operator==(const followed_name&) const = default;
};
struct file_threads {
  std::int64_t begin_s = 0; ///< UTC seconds of the first part, a whole multiple of the width
  std::int64_t width_s = 0; ///< of a part, a power of two; 0 = the file has no times
  std::vector<kind_over_time> kinds;
  std::vector<followed_name> names;
  bool operator==(const file_threads&) const = default;
};

/// What several files of a case say together.
struct cross_place {
  std::string file_id, file_name;
  std::uint64_t first_line = 0, last_line = 0, count = 0, errors = 0;
  bool operator==(const cross_place&) const = default;
};
struct cross_finding {
  std::string kind;  ///< shared_name: a name runs through them; same_rhythm: kinds of lines come and go together
  std::string title; ///< one sentence, which names no file
  double score = 0;
  std::vector<cross_place> places;
  bool operator==(const cross_finding&) const = default;
};

/// What the case knows already that helps to read another file.
struct file_context {
  std::string earlier_name; ///< the newest earlier file of the same name; empty = none
  std::string earlier;      ///< its text, when it is short enough to be compared
  std::string stack_text;   ///< lines of stack traces in the case's other files
};

/// A file to be analysed. `chosen_type`, a person's choice, wins over what is found.
struct file_request {
  std::string name, content_type, chosen_type;
  const byte_source& bytes;
  file_context context;
  byte_sink sanitized; ///< takes the sanitized copy while it is made; may be empty
  work_control control;
};

/// What the analysis of a file gives.
struct file_analysis {
  std::string data_type = "unanalyzable";
  double confidence = 0;
  std::string summary;
  std::vector<std::string> insights;
  std::string text;  ///< for people and the agent, about 8 KiB; quotes lines that are in the file
  std::string json;  ///< the whole result
  std::string error; ///< why it could not be processed; empty = it could
  std::vector<timeline_moment> moments; ///< in order
  file_marks marks;
  file_threads threads;
  std::string redaction; ///< as of the file
  std::uint64_t sanitized_bytes = 0; ///< what the sink was given, when redaction is "copy"; its lines are those of the file
  std::string stack_text; ///< lines of its stack traces, for the sources they name; 16 KiB at most
  bool personal_data = false, secrets = false;
};

/// Whether a reader of the case may read the file's own bytes: its owner, the file's, and administrators; everybody when
/// nothing had to be taken out.
inline bool may_read_raw(const case_file& f, const user_id& case_owner, const principal& who) {
  return f.redaction.empty() || f.redaction == "same" || who.user == case_owner || who.user == f.uploaded_by || who.has(user_role::admin);
}

/// One entry of a case's timeline, over all files and messages.
struct timeline_entry {
  timestamp at{};
  std::uint64_t uncertainty_ms = 0; ///< the true time lies within `at` plus or minus this
  std::string source;               ///< file, message, event
  std::string file_id, file_name;   ///< of a file
  std::string message_id;           ///< of a message or an event
  std::uint64_t line_first = 0, line_last = 0;
  std::uint64_t count = 1;
  std::string level, kind, text;
  bool operator==(const timeline_entry&) const = default;
};
struct timeline_query {
  std::optional<timestamp> from, to; ///< both inclusive, by `at`
  std::size_t limit = 100;
  std::string cursor;
};
struct timeline_page {
  std::vector<timeline_entry> entries; ///< earliest first
  std::uint64_t total = 0;             ///< between from and to
  bool shortened = false;              ///< a bound was reached: what matters least was left out
  std::string next_cursor;             ///< empty on the last page
};

} // namespace fm
