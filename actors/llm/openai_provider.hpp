// A chat provider that speaks the OpenAI chat-completions protocol with streaming: OpenAI, Ollama, vLLM,
// llama.cpp, Groq, OpenRouter and whoever else answers POST <base>/chat/completions.
//
// Promises: text is valid UTF-8 and never cut inside a code point; retries happen only before the first text;
// on_end comes exactly once; after cancel() nothing more is reported and the upstream connection is closed.
// Failures are sentences for people and never contain the key.
#pragma once

#include "actors/llm/provider.hpp"
#include "protocol/base/http_client.hpp"
#include "protocol/base/random.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fm {

struct openai_settings {
  std::string base_url; ///< "http://127.0.0.1:11434/v1"; with or without a closing slash
  std::string api_key;  ///< empty = no Authorization header
  std::string model;
  std::optional<double> temperature;     ///< when given, wins over the request's
  std::optional<std::size_t> max_tokens; ///< likewise
  bool local = false;                    ///< the text stays on this machine or network
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds first_token{60'000}; ///< from each attempt's start to its first text
  std::chrono::milliseconds idle{60'000};        ///< longest silence between two pieces
  std::chrono::milliseconds total{600'000};      ///< all attempts together
  std::size_t attempts_max = 4;                  ///< 1 + retries; only before the first text
  std::chrono::milliseconds backoff_first{250};
  std::chrono::milliseconds backoff_max{8'000};
  /// A Retry-After longer than this ends the call instead of being waited for.
  std::chrono::milliseconds retry_after_max{20'000};
  std::size_t response_bytes_max = 16U << 20; ///< of the event stream, all its framing included
};

/// `random` gives the jitter of the back-off.
std::shared_ptr<chat_provider> make_openai_provider(openai_settings settings, http_client_ptr client,
                                                    random_ptr random);

/// Where requests go: base_url without closing slash plus "/chat/completions", "/v1" put in when the URL has
/// no path at all. Empty when base_url is not http or https.
std::string chat_completions_url(std::string_view base_url);

/// True for loopback, private and link-local addresses, .local, .internal and names without a dot.
bool is_local_url(std::string_view url);

} // namespace fm
