// The stored form, version 1: what a row of the log, a record, a user or a session looks like on disk. It is
// independent of the REST shape and only ever grows: readers ignore what they do not know.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/model/pages.hpp"
#include "protocol/model/user.hpp"

#include <string>
#include <string_view>

namespace fm::stored {

inline constexpr int event_version = 1;

std::string encode(const event_data& data);
/// Fails with errc::internal and a sentence; never throws, whatever the bytes. A version this program does not
/// know yet is refused: half-understood facts are worse than none.
outcome<event_data> decode_event(std::string_view kind, std::string_view json, int version = event_version);

std::string encode(const case_record& record);
outcome<case_record> decode_record(std::string_view json);
std::string encode(const user_record& record);
outcome<user_record> decode_user(std::string_view json);
std::string encode(const session& s);
outcome<session> decode_session(std::string_view json);
std::string encode(const std::map<std::string, std::string>& metadata);
outcome<std::map<std::string, std::string>> decode_metadata(std::string_view json);

/// The hash of an event's data and the link that chains it to everything before:
/// link = SHA256(previous, seq, kind, at, actor id, actor name, SHA256(data)), each piece length-framed.
/// The data may be dropped (compaction) while the chain still verifies.
struct seal {
  digest data_hash{};
  digest link{};
};
seal seal_event(const digest& previous, const case_event& event, std::string_view encoded_data);
digest link_of(const digest& previous, sequence seq, std::string_view kind, std::int64_t at_ms,
               std::string_view actor_id, std::string_view actor_name, const digest& data_hash);

} // namespace fm::stored
