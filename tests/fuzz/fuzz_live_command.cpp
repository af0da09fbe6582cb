// Whatever the bytes, a live message becomes commands or refusals, and an id that is echoed is valid JSON.
#include "http/live/live_command.hpp"
#include "protocol/wire/encode.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message{reinterpret_cast<const char*>(data), size};
  for (std::size_t at = 0; at <= message.size();) {
    const auto end = std::min(message.find('\n', at), message.size());
    auto parsed = fm::http::parse_live_command(message.substr(at, end - at));
    at = end + 1;
    if (parsed.reply_to.size() > fm::http::reply_to_bytes_max)
      std::abort();
    if (!parsed.reply_to.empty() && !fm::wire::json_body::parse("{\"reply_to\":" + parsed.reply_to + "}"))
      std::abort();
    if (!parsed.command) {
      if (parsed.command.error().detail.empty())
        std::abort();
      if (!fm::wire::json_body::parse(fm::wire::error_frame(parsed.command.error(), parsed.reply_to)))
        std::abort();
      continue;
    }
    for (auto& row : fm::http::live_commands())
      if (row.verb == parsed.command->verb)
        for (auto& field : row.fields)
          if (field.required && !parsed.command->body.has(field.name))
            std::abort();
  }
  return 0;
}
