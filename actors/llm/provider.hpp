// The port of a language model: one streaming chat call, cancellable. Providers are interchangeable behind it.
#pragma once

#include "protocol/base/failure.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fm {

struct chat_message {
  std::string role; ///< user, assistant
  std::string content;
};
struct chat_request {
  std::string system;
  std::vector<chat_message> messages;
  double temperature = 0.2;
  std::size_t max_tokens = 0; ///< 0 = the provider's own limit
};
struct chat_usage {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
};
struct chat_end {
  std::string finish_reason; ///< stop, length, …
  chat_usage usage;
};
/// Called on any thread, in order, never at the same time; must not block. on_text pieces are valid UTF-8 each;
/// on_end comes exactly once, last, unless the call was cancelled: then it may be left out.
struct chat_events {
  std::function<void(std::string)> on_text;
  std::function<void(outcome<chat_end>)> on_end;
};
/// cancel() is thread-safe and idempotent; the upstream connection is closed at once.
struct chat_call {
  virtual ~chat_call() = default;
  virtual void cancel() = 0;
};
struct chat_provider {
  virtual ~chat_provider() = default;
  virtual std::shared_ptr<chat_call> start(chat_request request, chat_events events) = 0;
  virtual std::string name() const = 0;
  /// Whether the text stays on this machine or network.
  virtual bool local() const = 0;
};

} // namespace fm
