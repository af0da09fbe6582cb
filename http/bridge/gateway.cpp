// See gateway.hpp. Plain sends: an answer comes back through the reply inside the message.
#include "http/bridge/gateway.hpp"

#include "protocol/base/sha256.hpp"

#include <caf/send.hpp>

namespace fm::http {

gateway::gateway(case_registry_actor registry, identity_actor identity)
    : registry_(std::move(registry)), identity_(std::move(identity)) {}

void gateway::tell(const case_id& id, case_command command) const {
  caf::anon_send(registry_, to_case{id, std::move(command)});
}
void gateway::tell(list_cases message) const { caf::anon_send(registry_, std::move(message)); }
void gateway::tell(watch_list message) const { caf::anon_send(registry_, std::move(message)); }
void gateway::tell(read_status message) const { caf::anon_send(registry_, std::move(message)); }

#define FM_TO_IDENTITY(M)                                                                                        \
  void gateway::tell(M message) const { caf::anon_send(identity_, std::move(message)); }
FM_TO_IDENTITY(register_user)
FM_TO_IDENTITY(login)
FM_TO_IDENTITY(dev_login)
FM_TO_IDENTITY(refresh_login)
FM_TO_IDENTITY(logout)
FM_TO_IDENTITY(authenticate)
FM_TO_IDENTITY(read_user)
FM_TO_IDENTITY(issue_ticket)
FM_TO_IDENTITY(redeem_ticket)
FM_TO_IDENTITY(open_session)
FM_TO_IDENTITY(read_session)
FM_TO_IDENTITY(list_sessions)
FM_TO_IDENTITY(touch_session)
FM_TO_IDENTITY(close_session)
FM_TO_IDENTITY(cleanup_sessions)
FM_TO_IDENTITY(begin_idempotent)
FM_TO_IDENTITY(finish_idempotent)
FM_TO_IDENTITY(watch_revocations)
FM_TO_IDENTITY(set_user_active)
#undef FM_TO_IDENTITY

client_turn_id choose_client_turn_id(const std::optional<std::string>& given, const request& in,
                                     random_source& random) {
  if (given && !given->empty())
    return client_turn_id{*given};
  const auto key = in.header("idempotency-key");
  if (key.empty() || !in.auth)
    return client_turn_id{random_uuid(random)};
  return client_turn_id{"key-" + to_hex(sha256_framed({in.auth->who.user.value, in.path, key})).substr(0, 40)};
}

} // namespace fm::http
