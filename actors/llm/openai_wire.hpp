// The OpenAI chat-completions protocol as pure functions: what is sent, what comes back, what a refusal
// means.
#pragma once

#include "actors/llm/provider.hpp"
#include "protocol/base/clock.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::openai {

/// The request body. `usage` asks for token counts (a few servers refuse the option).
std::string request_body(const chat_request& request, std::string_view model, bool usage);

/// What one data line of the stream said.
struct chunk {
  std::string text;      ///< raw bytes: may begin or end inside a code point
  bool thinking = false; ///< the model works, but said nothing yet
  std::string finish_reason;
  std::optional<chat_usage> usage;
  std::optional<failure> error;
  bool retryable = false; ///< of the error
};
/// Nothing when it is not JSON. Tolerates bytes that are not UTF-8 inside strings.
std::optional<chunk> read_chunk(std::string_view json);
/// A whole answer in one object, from servers that do not stream.
std::optional<chunk> read_completion(std::string_view json);

struct refusal {
  failure why;
  bool retryable = false;
};
/// What an HTTP status other than 200 means; `body` may be anything, `secret` is never repeated.
refusal read_refusal(int status, std::string_view body, std::optional<std::chrono::milliseconds> retry_after,
                     std::string_view secret);
/// Seconds, or an HTTP date; retry-after-ms wins when present.
std::optional<std::chrono::milliseconds>
retry_after(const std::vector<std::pair<std::string, std::string>>& headers, timestamp now);

/// Text that arrives in pieces: gives out whole code points, keeps an unfinished one, replaces what is
/// invalid.
class utf8_assembler {
public:
  std::string take(std::string_view piece);
  /// What was kept, as a replacement character.
  std::string rest();

private:
  std::string held_;
};

} // namespace fm::openai
