// The only place where the edge meets actors: hands them commands and brings their answers back to the
// connection's own thread. Holds handles, nothing else.
#pragma once

#include "http/core/exchange.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/case_registry_actor.hpp"
#include "protocol/messages/identity_actor.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace fm::http {

/// Thread-safe. Every reply given along is answered, if only with "unavailable".
class gateway {
public:
  gateway(case_registry_actor registry, identity_actor identity);

  void tell(const case_id& id, case_command command) const;
  void tell(list_cases message) const;
  void tell(watch_list message) const;
  void tell(read_status message) const;

  void tell(register_user message) const;
  void tell(login message) const;
  void tell(dev_login message) const;
  void tell(refresh_login message) const;
  void tell(logout message) const;
  void tell(authenticate message) const;
  void tell(read_user message) const;
  void tell(issue_ticket message) const;
  void tell(redeem_ticket message) const;
  void tell(open_session message) const;
  void tell(read_session message) const;
  void tell(list_sessions message) const;
  void tell(touch_session message) const;
  void tell(close_session message) const;
  void tell(cleanup_sessions message) const;
  void tell(begin_idempotent message) const;
  void tell(finish_idempotent message) const;
  void tell(watch_revocations message) const;
  void tell(set_user_active message) const;

  /// Asks a case; its failure is answered as it is, its value goes to `then` on the connection's thread.
  template <class Command, class Then>
  void ask(const exchange_ptr& x, const case_id& id, Command command, Then then) const {
    set(command.answer, x, std::move(then));
    tell(id, case_command{std::move(command)});
  }
  /// The same for the registry and identity.
  template <class Message, class Then>
  void ask(const exchange_ptr& x, Message message, Then then) const {
    set(message.answer, x, std::move(then));
    tell(std::move(message));
  }

private:
  template <class T, class Then>
  static void set(reply<T>& answer, const exchange_ptr& x, Then then) {
    answer = reply<T>{[x, then = std::move(then)](outcome<T> result) mutable {
      x->post([x, then = std::move(then), result = std::move(result)]() mutable {
        if (result)
          then(std::move(*result));
        else
          x->fail(result.error());
      });
    }};
  }

  case_registry_actor registry_;
  identity_actor identity_;
};
using gateway_ptr = std::shared_ptr<const gateway>;

/// The id that makes a retried submission one turn: the client's own, else one derived from its
/// Idempotency-Key, else a new one.
client_turn_id choose_client_turn_id(const std::optional<std::string>& given, const request& in, random_source& random);

} // namespace fm::http
