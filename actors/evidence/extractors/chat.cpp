// Heads are read by shape; that people speak is told by how they do: more than one of them, again and again, in words of speech.
#include "actors/evidence/extractors/chat.hpp"

#include "actors/evidence/extractors/text_document.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace fm::extractors {
namespace {
constexpr std::size_t stamp_bytes_max = 30, name_bytes_max = 60, name_words_max = 4, messages_min = 3;

/// "10:32", "10:32:05 AM", "31/01/2026, 10:32", "2026-01-31 10:32": digits and what stands between them, a time of day in it.
bool is_stamp(std::string_view s) {
  s = trimmed(s);
  if (s.size() < 4 || s.size() > stamp_bytes_max || !is_digit(s[0]))
    return false;
  bool clock = false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[i];
    if (c == ':' && i > 0 && i + 2 < s.size() && is_digit(s[i - 1]) && is_digit(s[i + 1]) && is_digit(s[i + 2]))
      clock = true;
    if (!is_digit(c) && c != ':' && c != '.' && c != '/' && c != '-' && c != ',' && c != ' ' && c != 'A' && c != 'P' && c != 'M' && c != 'a' && c != 'p' && c != 'm')
      return false;
  }
  return clock;
}

/// A person's name as it is shown: some words that begin with letters, and no level.
bool is_name(std::string_view s) {
  if (s.empty() || s.size() > name_bytes_max || s.front() == ' ' || s.back() == ' ')
    return false;
  std::size_t words = 1, upper = 0, letters = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[i];
    const bool letter = is_alpha(c) || static_cast<unsigned char>(c) >= 0x80;
    if (!letter && !is_digit(c) && c != ' ' && c != '.' && c != '-' && c != '_' && c != '\'' && !(c == '@' && i == 0))
      return false;
    if ((i == 0 || s[i - 1] == ' ') && !letter && c != '@')
      return false;
    words += c == ' ' ? 1 : 0;
    letters += letter ? 1 : 0;
    upper += c >= 'A' && c <= 'Z' ? 1 : 0;
  }
  return words <= name_words_max && letters >= 2 && (upper < letters || letters == 2);
}

struct head {
  std::string_view when, who;
  std::size_t text = 0; ///< in the line; npos: it follows on the next line
};

std::optional<head> head_of(std::string_view line) {
  if (line.size() < 6)
    return std::nullopt;
  std::string_view when, rest;
  bool bracketed = false;
  if (line[0] == '[') {
    const auto close = line.find(']');
    if (close == std::string_view::npos || close > stamp_bytes_max || !is_stamp(line.substr(1, close - 1)) || close + 2 >= line.size() || line[close + 1] != ' ')
      return std::nullopt;
    when = line.substr(1, close - 1);
    rest = line.substr(close + 2);
    bracketed = true;
  } else if (const auto dash = line.find(" - "); dash != std::string_view::npos && dash <= stamp_bytes_max && is_stamp(line.substr(0, dash))) {
    when = line.substr(0, dash);
    rest = line.substr(dash + 3);
  } else if (const auto mark = line.find(" <"); mark != std::string_view::npos && mark <= stamp_bytes_max && is_stamp(line.substr(0, mark))) {
    when = line.substr(0, mark);
    rest = line.substr(mark + 1);
  } else {
    // "anna  10:32 AM", "Anna Smith, 10:32" and nothing behind it.
    const auto t = trimmed(line);
    const auto space = t.find_first_of("0123456789");
    if (space == std::string_view::npos || space < 3 || t.size() > name_bytes_max + stamp_bytes_max || !is_stamp(t.substr(space)) || (t[space - 1] != ' '))
      return std::nullopt;
    auto who = trimmed(t.substr(0, space));
    if (who.ends_with(','))
      who.remove_suffix(1);
    if (!is_name(who))
      return std::nullopt;
    return head{t.substr(space), who, std::string_view::npos};
  }
  const auto at = static_cast<std::size_t>(rest.data() - line.data());
  if (rest.starts_with('<')) {
    const auto close = rest.find("> ");
    if (close == std::string_view::npos || !is_name(rest.substr(1, close - 1)))
      return std::nullopt;
    return head{when, rest.substr(1, close - 1), at + close + 2};
  }
  if (const auto colon = rest.find(": "); colon != std::string_view::npos && is_name(rest.substr(0, colon)))
    return head{when, rest.substr(0, colon), at + colon + 2};
  if (bracketed && is_name(trimmed(rest)))
    return head{when, trimmed(rest), std::string_view::npos};
  return std::nullopt;
}

bool speaks(std::string_view text) {
  static constexpr std::array<std::string_view, 30> words{"i", "i'm", "i'll", "you", "we", "we're", "let's", "me", "my", "our", "us", "can", "could", "anyone", "somebody", "ok", "okay", "yes", "no", "yep", "nope", "hi", "hey", "hello", "thanks",
                                                          "thank", "please", "looks", "maybe", "it's"};
  text = text.substr(0, 600);
  return text.find('?') != std::string_view::npos || std::any_of(words.begin(), words.end(), [&](auto w) { return ifind_word(text, w) != std::string_view::npos; });
}

bool begins_with_level(std::string_view text) {
  static constexpr std::array<std::string_view, 10> levels{"ERROR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE", "FATAL", "NOTICE", "CRITICAL", "[error]"};
  return std::any_of(levels.begin(), levels.end(), [&](auto l) { return text.starts_with(l); });
}
} // namespace

std::vector<chat_message> chat_of(const lines& all, std::size_t messages_max) {
  std::vector<chat_message> out;
  std::size_t rows = 0, before = 0, speech = 0, levels = 0;
  std::map<std::string_view, std::size_t> people;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = all[i];
    rows += trimmed(line).empty() ? 0 : 1;
    const auto h = out.size() < messages_max ? head_of(line) : std::nullopt;
    if (!h) {
      before += out.empty() && !trimmed(line).empty() ? 1 : 0;
      continue;
    }
    const auto begin = all.begin_of(i);
    if (!out.empty())
      out.back().end = begin;
    out.push_back({begin, h->text == std::string_view::npos ? begin + line.size() : begin + h->text, all.all().size(), h->when, h->who});
    ++people[h->who];
  }
  for (auto& m : out) {
    const auto text = trimmed(all.all().substr(m.text, m.end - m.text));
    speech += speaks(text) ? 1 : 0;
    levels += begins_with_level(text) ? 1 : 0;
  }
  const bool again = people.size() * 3 <= out.size() * 2; // people say more than one thing
  if (out.size() < messages_min || people.size() < 2 || !again || before > 5 || rows > out.size() * 12 || speech * 4 < out.size() || levels * 10 > out.size())
    out.clear();
  return out;
}

std::string chat_blanked(std::string_view text, const std::vector<chat_message>& messages) {
  std::string out{text};
  for (auto& m : messages) {
    for (auto i = m.begin; i < m.text; ++i)
      if (out[i] != '\n' && out[i] != '\r')
        out[i] = ' ';
    if (m.text > m.begin)
      out[m.begin] = paragraph_end;
  }
  return out;
}

} // namespace fm::extractors
