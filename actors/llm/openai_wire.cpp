// JSON both ways, and sentences for people.
#include "actors/llm/openai_wire.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <array>
#include <charconv>
#include <cstdio>

#include <simdjson.h>

namespace fm::openai {
namespace {
constexpr std::size_t message_characters_max = 300;

/// Some servers cut a character between two pieces, so that a JSON string holds half of it, which no JSON
/// parser accepts. Each such byte travels through the parser as two noncharacters (U+FDD0… for the high four
/// bits, U+FDE0… for the low ones), which no text contains, and is put back afterwards.
void append_noncharacter(std::string& out, unsigned low_byte) {
  out += "\xEF\xB7";
  out += static_cast<char>(low_byte);
}
std::string smuggled(std::string_view json) {
  std::string out;
  std::size_t at = 0;
  while (at < json.size()) {
    // The longest valid run from here; validity of a prefix is cheap to extend by sequences.
    const auto c = static_cast<unsigned char>(json[at]);
    const std::size_t length = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 0;
    if (length > 0 && at + length <= json.size() && is_valid_utf8(json.substr(at, length))) {
      out.append(json, at, length);
      at += length;
    } else {
      append_noncharacter(out, 0x90U + (c >> 4));
      append_noncharacter(out, 0xA0U + (c & 15U));
      ++at;
    }
  }
  return out;
}
std::string unsmuggled(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    if (at + 6 <= text.size() && byte(0) == 0xEF && byte(1) == 0xB7 && byte(2) >= 0x90 && byte(2) <= 0x9F &&
        byte(3) == 0xEF && byte(4) == 0xB7 && byte(5) >= 0xA0 && byte(5) <= 0xAF) {
      out += static_cast<char>((byte(2) - 0x90U) << 4 | (byte(5) - 0xA0U));
      at += 6;
    } else {
      out += text[at++];
    }
  }
  return out;
}

/// A parsed document and whether bytes were smuggled into it.
struct document {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  bool smuggling = false;
  bool good = false;

  explicit document(std::string_view json) {
    smuggling = !is_valid_utf8(json);
    good = (smuggling ? parser.parse(smuggled(json)) : parser.parse(json.data(), json.size())).get(root) ==
           simdjson::SUCCESS;
  }
  std::string text(std::string_view found) const {
    return smuggling ? unsmuggled(found) : std::string{found};
  }
};

std::string_view text_at(simdjson::simdjson_result<simdjson::dom::element> value) {
  std::string_view text;
  return value.get_string().get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

/// {"error":{"message":…}}, {"error":"…"}, {"message":…}, {"detail":…}
std::string_view error_text(simdjson::dom::element root) {
  for (auto text : {text_at(root["error"]["message"]), text_at(root["error"]), text_at(root["message"]),
                    text_at(root["detail"])})
    if (!text.empty())
      return text;
  return {};
}

std::optional<chat_usage> usage_of(simdjson::dom::element root) {
  std::uint64_t prompt = 0, completion = 0;
  if (root["usage"]["prompt_tokens"].get_uint64().get(prompt) != simdjson::SUCCESS)
    return std::nullopt;
  if (root["usage"]["completion_tokens"].get_uint64().get(completion) != simdjson::SUCCESS)
    completion = 0;
  return chat_usage{prompt, completion};
}

std::string without_secret(std::string text, std::string_view secret) {
  if (secret.size() >= 4)
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
      text.replace(at, secret.size(), "***");
  return text;
}

/// One line, whole words, nothing that looks like a page of HTML.
std::string quoted(std::string_view text, std::string_view secret) {
  auto line = without_secret(to_valid_utf8(text.substr(0, 4'096)), secret);
  for (auto& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  const auto clean = trimmed(line);
  if (clean.empty() || clean.front() == '<')
    return {};
  auto cut = cut_on_word(clean, message_characters_max);
  while (!cut.empty() && (cut.back() == '.' || cut.back() == ' '))
    cut.pop_back();
  return cut;
}

std::optional<chunk> read_object(std::string_view json, const char* part) {
  document doc{json};
  if (!doc.good)
    return std::nullopt;
  chunk out;
  if (doc.root["error"].error() == simdjson::SUCCESS && !doc.root["error"].is_null()) {
    std::int64_t code = 0;
    if (doc.root["error"]["code"].get_int64().get(code) != simdjson::SUCCESS)
      code = 0;
    auto refused =
        read_refusal(code >= 400 && code < 600 ? static_cast<int>(code) : 500, json, std::nullopt, {});
    out.error = std::move(refused.why);
    out.retryable = refused.retryable;
    return out;
  }
  out.usage = usage_of(doc.root);
  simdjson::dom::element choice;
  if (doc.root["choices"].at(0).get(choice) == simdjson::SUCCESS) {
    out.text = doc.text(text_at(choice[part]["content"]));
    out.finish_reason = std::string{text_at(choice["finish_reason"])};
    out.thinking =
        !text_at(choice[part]["reasoning_content"]).empty() || !text_at(choice[part]["reasoning"]).empty();
  }
  return out;
}
} // namespace

std::string request_body(const chat_request& request, std::string_view model, bool usage) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("model", model).key("messages").begin_array();
  if (!request.system.empty())
    w.begin_object().member("role", "system").member("content", request.system).end_object();
  for (auto& m : request.messages)
    w.begin_object().member("role", m.role).member("content", m.content).end_object();
  w.end_array().member("stream", true);
  if (usage)
    w.key("stream_options").begin_object().member("include_usage", true).end_object();
  w.member("temperature", request.temperature);
  if (request.max_tokens > 0)
    w.member("max_tokens", request.max_tokens);
  w.end_object();
  return out;
}

std::optional<chunk> read_chunk(std::string_view json) { return read_object(json, "delta"); }
std::optional<chunk> read_completion(std::string_view json) { return read_object(json, "message"); }

refusal read_refusal(int status, std::string_view body, std::optional<std::chrono::milliseconds> retry_after,
                     std::string_view secret) {
  document doc{body};
  const auto said = doc.good ? quoted(doc.text(error_text(doc.root)), secret) : quoted(body, secret);
  const auto number = std::to_string(status);
  const auto reason = said.empty() ? std::string{"."} : ": " + said + ".";
  refusal out;
  auto& f = out.why;
  f.with_fact("provider_status", number);
  if (status == 401 || status == 403) {
    // What such services say here repeats parts of the key.
    f.code = errc::unavailable;
    f.detail = "The model service did not accept our credentials (" + number + "); check llm.api_key.";
  } else if (status == 404) {
    f.code = errc::unavailable;
    f.detail =
        "The model service does not know this model or address (404); check llm.model and llm.base_url" +
        reason;
  } else if (status == 413) {
    f.code = errc::too_large;
    f.detail = "The conversation is too long for the model (413)" + reason;
  } else if (status == 429) {
    f.code = errc::rate_limited;
    f.detail = "The model service is receiving too many requests (429)" + reason;
    f.retry_after = retry_after;
    out.retryable = true;
  } else if (status >= 500 || status == 408 || status == 425) {
    f.code = errc::unavailable;
    f.detail = "The model service failed (" + number + ")" + reason;
    f.retry_after = retry_after;
    out.retryable = true;
  } else if (status >= 300 && status < 400) {
    f.code = errc::unavailable;
    f.detail = "The model service answered with a redirect (" + number + "); check llm.base_url.";
  } else {
    f.code = errc::invalid;
    f.detail = "The model service refused the request (" + number + ")" + reason;
  }
  return out;
}

std::optional<std::chrono::milliseconds>
retry_after(const std::vector<std::pair<std::string, std::string>>& headers, timestamp now) {
  using std::chrono::milliseconds;
  const auto value_of = [&](std::string_view name) -> const std::string* {
    for (auto& [header, value] : headers)
      if (header == name)
        return &value;
    return nullptr;
  };
  const auto number = [](std::string_view text) -> std::optional<double> {
    double n = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || at != text.data() + text.size() || !(n >= 0) || n > 1e9)
      return std::nullopt;
    return n;
  };
  if (const auto* ms = value_of("retry-after-ms"))
    if (const auto n = number(*ms))
      return milliseconds{static_cast<std::int64_t>(*n)};
  const auto* value = value_of("retry-after");
  if (!value)
    return std::nullopt;
  if (const auto n = number(*value))
    return milliseconds{static_cast<std::int64_t>(*n * 1'000)};
  // "Wed, 21 Oct 2015 07:28:00 GMT"
  char month_name[4] = {};
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(value->c_str(), "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &day, month_name, &year, &hour,
                  &minute, &second) != 6)
    return std::nullopt;
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (unsigned m = 0; m < months.size(); ++m)
    if (std::string_view{months[m]} == month_name) {
      using namespace std::chrono;
      const year_month_day date{std::chrono::year{year}, std::chrono::month{m + 1},
                                std::chrono::day{static_cast<unsigned>(day)}};
      if (!date.ok() || hour > 23 || minute > 59 || second > 60)
        return std::nullopt;
      const timestamp then{sys_days{date} + hours{hour} + minutes{minute} + seconds{second}};
      return std::max(milliseconds{0}, then - now);
    }
  return std::nullopt;
}

std::string utf8_assembler::take(std::string_view piece) {
  held_ += piece;
  // An unfinished sequence at the very end: a lead byte whose tail has not come yet.
  std::size_t keep = 0;
  for (std::size_t back = 1; back <= 3 && back <= held_.size(); ++back) {
    const auto c = static_cast<unsigned char>(held_[held_.size() - back]);
    if ((c & 0xC0U) == 0x80U)
      continue;
    const std::size_t length = c >= 0xF0 && c <= 0xF4 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
    if (c < 0xF5 && length > back)
      keep = back;
    break;
  }
  auto whole = held_.substr(0, held_.size() - keep);
  held_.erase(0, whole.size());
  return is_valid_utf8(whole) ? whole : to_valid_utf8(whole);
}

std::string utf8_assembler::rest() {
  auto out = to_valid_utf8(held_);
  held_.clear();
  return out;
}

} // namespace fm::openai
