// One pass over the bytes; a table says at which bytes anything can begin. Every look to the left or right is bounded.
#include "actors/evidence/extractors/redaction.hpp"

#include "actors/evidence/extractors/lines.hpp"

#include <algorithm>
#include <optional>

namespace fm::extractors {
namespace {

constexpr std::array<std::string_view, sensitive_kinds> names{
  "email", "phone", "credit_card", "iban", "national_id", "ip_address", "aws_key", "google_key", "github_token", "slack_token", "api_token", "jwt",
  "private_key", "url_password", "bearer_token", "password"};

constexpr std::size_t token_bytes_max = 4'096;
constexpr std::size_t key_block_bytes_max = 16'384;
/// How far anything below looks to the left and to the right of where it stands: a text that comes in pieces needs so
/// much around every place. A key block is the longest look to the right, the address before an @ and what stands
/// before a key the longest to the left.
constexpr std::size_t look_back = 256;
constexpr std::size_t look_ahead = key_block_bytes_max + 1'024;
static_assert(look_ahead > token_bytes_max + 1'024);

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_token(char c) { return is_alnum(c) || c == '_' || c == '-'; }
bool is_base64(char c) { return is_alnum(c) || c == '+' || c == '/' || c == '=' || c == '_' || c == '-'; }
bool is_local(char c) { return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-'; }

struct prefix {
  std::string_view text;
  std::size_t least, most; ///< characters after it
  sensitive kind;
  bool dots = false;
};
constexpr std::array prefixes{
  prefix{"AKIA", 16, 16, sensitive::aws_key},
  prefix{"ASIA", 16, 16, sensitive::aws_key},
  prefix{"AIza", 35, 35, sensitive::google_key},
  prefix{"ya29.", 20, 2048, sensitive::google_key, true},
  prefix{"GOCSPX-", 20, 64, sensitive::google_key},
  prefix{"ghp_", 30, 255, sensitive::github_token},
  prefix{"gho_", 30, 255, sensitive::github_token},
  prefix{"ghu_", 30, 255, sensitive::github_token},
  prefix{"ghs_", 30, 255, sensitive::github_token},
  prefix{"ghr_", 30, 255, sensitive::github_token},
  prefix{"github_pat_", 22, 255, sensitive::github_token},
  prefix{"xoxb-", 10, 255, sensitive::slack_token},
  prefix{"xoxp-", 10, 255, sensitive::slack_token},
  prefix{"xoxa-", 10, 255, sensitive::slack_token},
  prefix{"xoxr-", 10, 255, sensitive::slack_token},
  prefix{"xoxs-", 10, 255, sensitive::slack_token},
  prefix{"xapp-", 10, 255, sensitive::slack_token},
  prefix{"glpat-", 20, 64, sensitive::api_token},
  prefix{"sk_live_", 16, 255, sensitive::api_token},
  prefix{"sk_test_", 16, 255, sensitive::api_token},
  prefix{"rk_live_", 16, 255, sensitive::api_token},
  prefix{"sk-", 20, 255, sensitive::api_token},
  prefix{"hf_", 30, 64, sensitive::api_token},
  prefix{"npm_", 36, 36, sensitive::api_token},
  prefix{"pypi-", 50, 255, sensitive::api_token},
  prefix{"dop_v1_", 64, 64, sensitive::api_token},
  prefix{"SG.", 40, 100, sensitive::api_token, true},
  prefix{"hvs.", 20, 255, sensitive::api_token},
  prefix{"eyJ", 20, token_bytes_max, sensitive::jwt, true},
};

enum class kind : std::uint8_t { nothing, in_word, mark };
constexpr auto kinds = [] {
  std::array<kind, 256> k{};
  for (std::size_t c = 0; c < k.size(); ++c)
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
      k[c] = kind::in_word;
  for (const char c : {'@', '+', '(', ':', '=', '>', '-'})
    k[static_cast<unsigned char>(c)] = kind::mark;
  return k;
}();
/// Whether any prefix begins so: all but a few words are told apart by two characters.
constexpr auto prefix_begins = [] {
  std::array<std::array<bool, 128>, 128> b{};
  for (auto& p : prefixes)
    b[static_cast<unsigned char>(p.text[0])][static_cast<unsigned char>(p.text[1])] = true;
  return b;
}();

/// Adds ranges, which may overlap, to those that are final. Ranges come by begin, the longer first.
class range_merger {
public:
  static bool before(const sensitive_range& a, const sensitive_range& b) { return a.begin != b.begin ? a.begin < b.begin : a.size != b.size ? a.size > b.size : a.kind < b.kind; }
  /// True when it lies apart: then the one before it is final.
  bool apart(const sensitive_range& next) const { return !open_ || next.begin >= open_->end(); }
  void begin(const sensitive_range& r) { open_ = r; }
  void extend(const sensitive_range& f) {
    const auto end = std::max(open_->end(), f.end());
    if (f.size > open_->size || (is_secret(f.kind) && !is_secret(open_->kind)))
      open_->kind = f.kind;
    open_->size = end - open_->begin;
  }
  const std::optional<sensitive_range>& open() const { return open_; }
  void close() { open_.reset(); }

private:
  std::optional<sensitive_range> open_;
};

/// Looks at a window of the text; positions in it are of the window, what is found is counted from the text's begin.
class sensitive_scanner {
public:
  explicit sensitive_scanner(const redaction_options& options) : options_(options) {}

  /// The window, `forgotten` bytes of the one before left out at its left.
  void look_at(std::string_view window, std::size_t forgotten) {
    s_ = window;
    base_ += forgotten;
    for (auto* p : {&value_end_, &key_end_, &next_end_, &searched_, &dotted_end_, &userinfo_at_})
      *p -= std::min(*p, forgotten);
  }

  /// Everything that begins to show between the two places.
  void run(std::size_t from, std::size_t to) {
    for (std::size_t at = from; at < to; ++at) {
      const char c = s_[at];
      const auto k = kinds[static_cast<unsigned char>(c)];
      if (k == kind::nothing)
        continue;
      const bool starts = at == 0 || !is_word(s_[at - 1]);
      if (k == kind::in_word) {
        if (starts && is_digit(c))
          number(at);
        else if (starts && is_alpha(c))
          word(at);
        while (at + 1 < to && kinds[static_cast<unsigned char>(s_[at + 1])] == kind::in_word)
          ++at; // nothing begins inside a word
        continue;
      }
      switch (c) {
      case '@': email(at); break;
      case '+':
        if (starts && at + 1 < s_.size() && is_digit(s_[at + 1]))
          international_phone(at);
        break;
      case '(': bracket_phone(at); break;
      case ':':
        if (s_.substr(at, 3) == "://")
          url(at);
        else
          named_value(at);
        break;
      case '=':
      case '>': named_value(at); break;
      case '-':
        if (s_.substr(at, 11) == "-----BEGIN ")
          private_key(at);
        else if (s_.substr(at, 2) == "--" && starts)
          flag(at);
        break;
      default: break;
      }
    }
  }
  std::vector<sensitive_range>& found() { return found_; } ///< in no order

private:
  void found(std::size_t begin, std::size_t end, sensitive kind) {
    if (is_secret(kind) ? !options_.secrets : !options_.personal && kind != sensitive::ip_address)
      return;
    found_.push_back({base_ + begin, end - begin, kind});
  }

  char peek(std::size_t at) const { return at < s_.size() ? s_[at] : '\0'; }

  void email(std::size_t at) {
    if (at == userinfo_at_)
      return; // user:password@host of a URL
    auto begin = at;
    while (begin > 0 && at - begin < 64 && is_local(s_[begin - 1]))
      --begin;
    while (begin < at && (s_[begin] == '.' || s_[begin] == '-' || s_[begin] == '+' || s_[begin] == '%'))
      ++begin;
    if (begin == at || s_[at - 1] == '.')
      return;
    auto end = at + 1;
    std::size_t label = end, dot = 0;
    while (end < s_.size() && end - at < 254 && (is_alnum(s_[end]) || s_[end] == '-' || s_[end] == '.')) {
      if (s_[end] == '.') {
        if (end == label)
          break;
        dot = end;
        label = end + 1;
      }
      ++end;
    }
    while (end > at + 1 && (s_[end - 1] == '.' || s_[end - 1] == '-'))
      --end;
    if (dot == 0 || dot >= end)
      dot = s_.substr(at + 1, end - at - 1).rfind('.') == std::string_view::npos ? 0 : at + 1 + s_.substr(at + 1, end - at - 1).rfind('.');
    if (dot == 0 || end - dot - 1 < 2 || end - dot - 1 > 24)
      return;
    for (auto i = dot + 1; i < end; ++i)
      if (!is_alpha(s_[i]))
        return;
    found(begin, end, sensitive::email);
  }

  /// Digits from `at` with single separators of `set` between them; the end after the last digit.
  std::size_t digits_from(std::size_t at, std::string_view set, std::size_t most, std::string& digits) const {
    auto end = at;
    digits.clear();
    while (at < s_.size() && digits.size() <= most) {
      if (is_digit(s_[at])) {
        digits += s_[at++];
        end = at;
      } else if (set.find(s_[at]) != std::string_view::npos && at == end) {
        ++at;
      } else {
        break;
      }
    }
    return end;
  }

  bool alone(std::size_t end) const {
    const char c = peek(end);
    return !is_word(c) && !((c == '.' || c == '-') && is_digit(peek(end + 1)));
  }

  void number(std::size_t at) {
    const char before = at > 0 ? s_[at - 1] : '\0';
    const bool free = before != '.' && before != '-' && before != '+';
    // Most numbers are too short or too long for anything, and no group of four, or three and a mark, begins them.
    auto run = at;
    while (run < s_.size() && run - at < 20 && is_digit(s_[run]))
      ++run;
    const auto n = run - at;
    const char mark = peek(run);
    if (!(n >= 13 && n <= 19) && !(n == 4 && (mark == ' ' || mark == '-')) && !(n == 3 && (mark == '-' || mark == '.')) && !(options_.ip_addresses && n <= 3 && mark == '.'))
      return;
    std::string digits;
    // Cards: one run, or groups of four (4-6-5 for American Express) with one kind of separator.
    const char separator = [&] {
      for (std::size_t i = at; i < s_.size() && i < at + 5; ++i)
        if (!is_digit(s_[i]))
          return s_[i];
      return '\0';
    }();
    const std::string_view set = separator == ' ' ? " " : separator == '-' ? "-" : "";
    auto end = digits_from(at, set, 19, digits);
    if (free && digits.size() >= 13 && digits.size() <= 19 && alone(end) && card(digits) && grouped(s_.substr(at, end - at))) {
      found(at, end, sensitive::credit_card);
      return;
    }
    if (!free)
      return;
    // 555-010-1234, 555.010.1234
    const auto shape = [&](std::string_view pattern) {
      if (s_.size() - at < pattern.size())
        return false;
      for (std::size_t i = 0; i < pattern.size(); ++i)
        if (pattern[i] == 'd' ? !is_digit(s_[at + i]) : s_[at + i] != pattern[i])
          return false;
      return alone(at + pattern.size());
    };
    if (shape("ddd-dd-dddd")) {
      const auto area = s_.substr(at, 3);
      if (area != "000" && area != "666" && area[0] != '9' && s_.substr(at + 4, 2) != "00" && s_.substr(at + 7, 4) != "0000")
        found(at, at + 11, sensitive::national_id);
      return;
    }
    if ((shape("ddd-ddd-dddd") || shape("ddd.ddd.dddd")) && s_[at] >= '2') {
      found(at, at + 12, sensitive::phone);
      return;
    }
    if (options_.ip_addresses) {
      auto p = at;
      int parts = 0;
      for (; parts < 4; ++parts) {
        unsigned v = 0;
        std::size_t n = 0;
        while (n < 3 && is_digit(peek(p)))
          v = v * 10 + static_cast<unsigned>(s_[p++] - '0'), ++n;
        if (n == 0 || v > 255 || is_digit(peek(p)))
          return;
        if (parts < 3 && peek(p++) != '.')
          return;
      }
      if (alone(p))
        found(at, p, sensitive::ip_address);
    }
  }

  static bool grouped(std::string_view s) {
    if (std::all_of(s.begin(), s.end(), is_digit))
      return true;
    std::vector<std::size_t> groups{0};
    for (char c : s)
      is_digit(c) ? void(++groups.back()) : groups.push_back(0);
    if (groups.size() == 3)
      return groups[0] == 4 && groups[1] == 6 && groups[2] == 5;
    return groups.size() >= 4 && std::all_of(groups.begin(), groups.end() - 1, [](auto g) { return g == 4; }) && groups.back() <= 4;
  }
  static bool card(std::string_view d) {
    const int two = (d[0] - '0') * 10 + (d[1] - '0');
    const auto n = d.size();
    const bool long_kind = d[0] == '4' || two == 60 || two == 64 || two == 65 || two == 35 || two == 62;
    const bool known = (long_kind && (n == 16 || n == 19)) || (d[0] == '4' && n == 13) || (((two >= 51 && two <= 55) || (two >= 22 && two <= 27) || two == 50 || (two >= 56 && two <= 58)) && n == 16) ||
                       ((two == 34 || two == 37) && n == 15) || ((two == 36 || two == 38 || two == 30) && n == 14);
    if (!known || std::all_of(d.begin(), d.end(), [&](char c) { return c == d[0]; }))
      return false;
    return luhn_valid(d);
  }

  void international_phone(std::size_t at) {
    std::size_t p = at + 1, digits = 0, end = p, between = 0;
    while (p < s_.size() && p - at < 32 && digits < 16) {
      if (is_digit(s_[p])) {
        ++digits;
        end = ++p;
        between = 0;
      } else if (std::string_view{" -.()/"}.find(s_[p]) != std::string_view::npos && ++between <= 2) {
        ++p;
      } else {
        break;
      }
    }
    // "+0100" is a time zone and "+12345" a difference: neither has this many digits.
    if (digits >= 8 && digits <= 15 && s_[at + 1] != '0' && !is_word(peek(end)))
      found(at, end, sensitive::phone);
  }

  void bracket_phone(std::size_t at) {
    for (const std::string_view pattern : {"(ddd) ddd-dddd", "(ddd)ddd-dddd", "(ddd) ddd dddd"}) {
      if (s_.size() - at < pattern.size())
        continue;
      bool fits = true;
      for (std::size_t i = 0; fits && i < pattern.size(); ++i)
        fits = pattern[i] == 'd' ? is_digit(s_[at + i]) : s_[at + i] == pattern[i];
      if (fits && !is_word(peek(at + pattern.size()))) {
        found(at, at + pattern.size(), sensitive::phone);
        return;
      }
    }
  }

  void word(std::size_t at) {
    const char c = s_[at];
    if (is_upper(c) && is_upper(peek(at + 1)) && is_digit(peek(at + 2)) && is_digit(peek(at + 3)))
      iban(at);
    if (c == 'b' || c == 'B')
      bearer(at);
    if (c == 'r' && s_.substr(at, 12) == "requirepass ") // redis.conf: words and blanks
      value_from(at + 12, false);
    if (c == 'm' && s_.substr(at, 11) == "masterauth ")
      value_from(at + 11, false);
    const auto second = static_cast<unsigned char>(peek(at + 1));
    if (second >= 128 || !prefix_begins[static_cast<unsigned char>(c)][second])
      return;
    for (auto& p : prefixes) {
      if (c != p.text[0] || s_.substr(at, p.text.size()) != p.text || (p.dots && at < dotted_end_))
        continue;
      auto end = at + p.text.size();
      std::size_t dots = 0;
      while (end < s_.size() && end - at <= p.most + p.text.size() && (is_token(s_[end]) || (p.dots && s_[end] == '.' && is_token(peek(end + 1))))) {
        dots += s_[end] == '.' ? 1 : 0;
        ++end;
      }
      const auto n = end - at - p.text.size();
      if (p.dots) // what begins inside this run is not read again
        dotted_end_ = end;
      if (n < p.least || (n > p.most && !p.dots) || (p.kind == sensitive::jwt && dots < 2))
        continue;
      if (p.kind == sensitive::aws_key && !std::all_of(s_.begin() + static_cast<std::ptrdiff_t>(at), s_.begin() + static_cast<std::ptrdiff_t>(end), [](char x) { return is_upper(x) || is_digit(x); }))
        continue;
      // "sk-some-long-hyphenated-word" is prose; a token has digits in it.
      if (p.text == "sk-" && std::none_of(s_.begin() + static_cast<std::ptrdiff_t>(at), s_.begin() + static_cast<std::ptrdiff_t>(end), is_digit))
        continue;
      found(at, end, p.kind);
      return;
    }
  }

  void iban(std::size_t at) {
    std::string compact;
    std::size_t end = at;
    for (auto p = at; p < s_.size() && p - at < 44 && compact.size() < 35;) {
      const char c = s_[p];
      if (is_digit(c) || is_upper(c)) {
        compact += c;
        end = ++p;
      } else if (c == ' ' && compact.size() % 4 == 0 && is_alnum(peek(p + 1)) && (p + 1 >= s_.size() || !(s_[p + 1] >= 'a' && s_[p + 1] <= 'z'))) {
        // What was read may be the whole IBAN already, with another upper-case word after it.
        if (compact.size() >= 15 && iban_valid(compact)) {
          found(at, end, sensitive::iban);
          return;
        }
        ++p;
      } else {
        break;
      }
    }
    if (compact.size() >= 15 && compact.size() <= 34 && !is_word(peek(end)) && iban_valid(compact))
      found(at, end, sensitive::iban);
  }

  void bearer(std::size_t at) {
    std::size_t begin = 0;
    if (ibegins(s_.substr(at, 7), "bearer "))
      begin = at + 7;
    else if (ibegins(s_.substr(at, 6), "basic ") && header_before(at))
      begin = at + 6;
    else
      return;
    while (begin < at + 12 && peek(begin) == ' ')
      ++begin;
    auto end = begin;
    while (end < s_.size() && end - begin < token_bytes_max && (is_base64(s_[end]) || s_[end] == '.' || s_[end] == '~'))
      ++end;
    // Words follow "bearer" in prose; a token has digits or is long.
    const auto token = s_.substr(begin, end - begin);
    if (token.size() >= 16 || (token.size() >= 8 && std::any_of(token.begin(), token.end(), is_digit)))
      found(begin, end, sensitive::bearer_token);
  }
  bool header_before(std::size_t at) const {
    const auto from = at < 24 ? 0 : at - 24;
    return ifind(s_.substr(from, at - from), "authorization") != std::string_view::npos;
  }

  void url(std::size_t at) {
    const auto begin = at + 3;
    std::size_t colon = 0, p = begin, last_at = 0;
    for (; p < s_.size() && p - begin < 512; ++p) {
      const char c = s_[p];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '/' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '?' || c == '#')
        break;
      if (c == ':' && colon == 0 && last_at == 0)
        colon = p;
      if (c == '@')
        last_at = p;
    }
    userinfo_at_ = last_at;
    if (colon != 0 && last_at > colon + 1 && !is_placeholder(s_.substr(colon + 1, last_at - colon - 1)))
      found(colon + 1, last_at, sensitive::url_password);
    // A webhook's address is its secret.
    if (s_.substr(begin, 25) == "hooks.slack.com/services/") {
      auto end = begin + 25;
      while (end < s_.size() && end - begin < 160 && (is_alnum(s_[end]) || s_[end] == '/'))
        ++end;
      if (end > begin + 40)
        found(begin + 25, end, sensitive::slack_token);
    }
  }

  void private_key(std::size_t at) {
    const auto head = s_.substr(at, 64);
    const auto word = head.find("PRIVATE KEY-----");
    if (word == std::string_view::npos)
      return;
    const auto body = at + word + 16;
    // Found once for all keys before it: many heads and no end must not cost a search each.
    if (next_end_ < body) {
      const auto from = std::max(body, searched_);
      const auto last = body + key_block_bytes_max;
      const auto there = from > last ? std::string_view::npos : s_.substr(0, last + 9).find("-----END ", from);
      next_end_ = there == std::string_view::npos ? 0 : there;
      searched_ = std::max(searched_, there == std::string_view::npos ? last + 1 : there);
    }
    std::size_t end = 0;
    if (next_end_ < body || next_end_ - body > key_block_bytes_max) {
      // Cut off: everything that could still be the key.
      end = std::max(body, std::min(key_end_, s_.size()));
      while (end < s_.size() && end - body < key_block_bytes_max && s_[end] != '-' && (is_base64(s_[end]) || s_[end] == '\n' || s_[end] == '\r' || s_[end] == ' ' || s_[end] == '\\'))
        ++end;
    } else {
      end = next_end_ + 9;
      const auto close = s_.substr(end, 64).find("-----");
      end = close == std::string_view::npos ? end : end + close + 5;
    }
    if (end > key_end_)
      found(at, key_end_ = end, sensitive::private_key);
  }

  /// --password VALUE, --token VALUE
  void flag(std::size_t at) {
    auto end = at + 2;
    while (end < s_.size() && end - at < 48 && is_token(s_[end]))
      ++end;
    if (peek(end) != ' ' || !names_a_secret(s_.substr(at + 2, end - at - 2)))
      return;
    value_from(end + 1, false);
  }

  /// A key before `at` (= : >) that names a secret makes what follows one.
  void named_value(std::size_t at) {
    auto end = at;
    for (int blanks = 0; end > 0 && blanks < 2 && s_[end - 1] == ' '; ++blanks)
      --end;
    for (int quotes = 0; end > 0 && quotes < 2 && (s_[end - 1] == '"' || s_[end - 1] == '\'' || s_[end - 1] == '\\' || s_[end - 1] == ']'); ++quotes)
      --end;
    auto begin = end;
    while (begin > 0 && end - begin < 64 && (is_token(s_[begin - 1]) || s_[begin - 1] == '.'))
      --begin;
    if (begin == end)
      return;
    const auto key = s_.substr(begin, end - begin);
    if (s_[at] == '>') {
      if (begin == 0 || s_[begin - 1] != '<' || !names_a_secret(key))
        return;
      const auto close = s_.substr(at + 1, 512).find('<');
      const auto value = s_.substr(at + 1, close == std::string_view::npos ? 0 : close);
      if (!value.empty() && !is_placeholder(value))
        found(at + 1, at + 1 + value.size(), sensitive::password);
      return;
    }
    if (names_a_secret(key)) {
      // "password: my pass phrase" on its own line has no other end than the line's.
      auto first = begin;
      while (first > 0 && begin - first < 24 && (s_[first - 1] == ' ' || s_[first - 1] == '\t' || s_[first - 1] == '-'))
        --first;
      const bool alone_on_line = s_[at] == ':' && peek(at + 1) == ' ' && (first == 0 || s_[first - 1] == '\n');
      auto from = at + 1;
      if (peek(from) == '=' || peek(from) == '>') // ==, =>
        ++from;
      value_from(from, alone_on_line);
      return;
    }
    if (iequals(key, "name") && s_[at] == ':') {
      named_pair(at + 1);
      return;
    }
    if (iequals(key, "phone") || iequals(key, "tel") || iequals(key, "mobile") || iequals(key, "fax")) {
      auto p = at + 1;
      while (p < at + 4 && (peek(p) == ' ' || peek(p) == '"'))
        ++p;
      std::string digits;
      const auto stop = digits_from(peek(p) == '+' ? p + 1 : p, " -./", 15, digits);
      if (digits.size() >= 7 && digits.size() <= 15)
        found(p, stop, sensitive::phone);
    }
  }

  /// name: DB_PASSWORD, then value: …, as in Kubernetes' env (YAML or JSON).
  void named_pair(std::size_t at) {
    const auto skip = [&](std::string_view set, std::size_t most) {
      for (std::size_t n = 0; n < most && at < s_.size() && set.find(s_[at]) != std::string_view::npos; ++n)
        ++at;
    };
    skip(" \"'", 4);
    const auto begin = at;
    while (at < s_.size() && at - begin < 64 && is_token(s_[at]))
      ++at;
    if (!names_a_secret(s_.substr(begin, at - begin)))
      return;
    skip(" \t\r\n\"',", 80);
    if (s_.substr(at, 5) != "value")
      return;
    at += 5;
    skip(" \"'", 3);
    if (peek(at) == ':')
      value_from(at + 1, s_.substr(begin, at - begin).find('\n') != std::string_view::npos);
  }

  void value_from(std::size_t at, bool to_line_end) {
    for (int blanks = 0; blanks < 4 && peek(at) == ' '; ++blanks)
      ++at;
    if (at < value_end_)
      return; // inside one we have already: key=key=key=…
    char quote = '\0';
    if (peek(at) == '\\' && peek(at + 1) == '"') // JSON in a JSON string
      at += 1;
    if (peek(at) == '"' || peek(at) == '\'' || peek(at) == '`')
      quote = s_[at++];
    // Said before the value is read: what is refused here must not be read again and again.
    const char first = peek(at);
    if (first == '{' || (first == '[' && quote == '\0') || first == '|' || first == '(' || s_.substr(at, 2) == "${" || ibegins(s_.substr(at, 7), "bearer "))
      return;
    auto end = at;
    while (end < s_.size() && end - at < token_bytes_max) {
      const char c = s_[end];
      if (c == '\n' || c == '\r')
        break;
      if (quote != '\0') {
        if (c == quote || (c == '\\' && peek(end + 1) == quote && s_[at - 1] == quote && at > 1 && s_[at - 2] == '\\'))
          break;
        if (c == '\\' && end + 1 < s_.size() && s_[end + 1] != '\n')
          ++end;
      } else if (to_line_end) {
        if (c == ' ' && peek(end + 1) == '#')
          break;
      } else if (c == ' ' || c == '\t' || c == ',' || c == ';' || c == '&' || c == '"' || c == '\'' || c == '<' || c == ')' || c == '}' || c == ']') {
        break;
      }
      ++end;
    }
    end = std::min(end, s_.size());
    while (end > at && s_[end - 1] == ' ')
      --end;
    const auto value = s_.substr(at, end - at);
    value_end_ = end;
    if (value.size() < 3 || is_placeholder(value) || (value.size() < 6 && std::all_of(value.begin(), value.end(), is_digit)))
      return;
    found(at, end, sensitive::password);
  }

  std::string_view s_;
  redaction_options options_;
  std::vector<sensitive_range> found_;
  std::uint64_t base_ = 0; ///< of the window in the text
  std::size_t value_end_ = 0, key_end_ = 0, next_end_ = 0, searched_ = 0, dotted_end_ = 0, userinfo_at_ = 0;
};

} // namespace

std::string_view to_string(sensitive kind) noexcept { return names[static_cast<std::size_t>(kind)]; }

bool redaction::pii_detected() const noexcept {
  // An address of a machine is no personal data by itself.
  for (std::size_t k = 0; k < sensitive_kinds; ++k)
    if (counts[k] > 0 && !is_secret(static_cast<sensitive>(k)) && static_cast<sensitive>(k) != sensitive::ip_address)
      return true;
  return false;
}
bool redaction::secrets_detected() const noexcept {
  for (std::size_t k = 0; k < sensitive_kinds; ++k)
    if (counts[k] > 0 && is_secret(static_cast<sensitive>(k)))
      return true;
  return false;
}

bool names_a_secret(std::string_view key) noexcept {
  // By the last two letters most keys are none.
  char last[2] = {};
  std::size_t seen = 0;
  for (auto it = key.rbegin(); it != key.rend() && seen < 2; ++it)
    if (is_alpha(*it))
      last[seen++] = static_cast<char>(*it | 0x20);
    else if (*it == '.' && seen > 0)
      break;
  constexpr std::string_view endings = "rd wd se de et en ey al ls ss id";
  const char ending[] = {last[1], last[0]};
  if (seen < 2 || endings.find(std::string_view{ending, 2}) == std::string_view::npos)
    return false;
  char small[64];
  std::size_t n = 0;
  for (auto it = key.rbegin(); it != key.rend() && n < sizeof small; ++it)
    if (is_alpha(*it))
      small[n++] = static_cast<char>(*it | 0x20);
    else if (is_digit(*it) && n == 0)
      continue; // password2
    else if (*it == '.' && n > 0)
      break;
  std::reverse(small, small + n);
  const std::string_view s{small, n};
  for (const std::string_view word : {"password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "accountkey", "encryptionkey",
                                      "signingkey", "authkey", "sharedkey", "credential", "credentials", "pass", "passcode", "requirepass", "masterauth", "secretaccesskey", "accesskeyid"})
    if (s.ends_with(word)) {
      if (word == "pass" && !s.ends_with("requirepass"))
        return s == "pass" || s == "dbpass" || s == "userpass" || s == "smtppass" || s == "mysqlpass";
      return true;
    }
  return false;
}

bool is_placeholder(std::string_view v) noexcept {
  while (!v.empty() && (v.front() == ' ' || v.front() == '"' || v.front() == '\''))
    v.remove_prefix(1);
  while (!v.empty() && (v.back() == ' ' || v.back() == '"' || v.back() == '\''))
    v.remove_suffix(1);
  if (v.empty() || v.substr(0, 2) == "${" || v.substr(0, 2) == "{{" || v.substr(0, 2) == "$(" || v.substr(0, 2) == "%(" || v.substr(0, 2) == "<%" ||
      v.substr(0, 9) == "[redacted" || v.substr(0, 4) == "ENC[" || v.substr(0, 4) == "!ref")
    return true;
  if (v.front() == '<' && v.back() == '>')
    return true;
  if (v.front() == '$' && v.size() > 1 && std::all_of(v.begin() + 1, v.end(), is_word) && !is_digit(v[1]))
    return true;
  if (v.find_first_not_of("*") == std::string_view::npos || v.find_first_not_of("xX") == std::string_view::npos || v.find_first_not_of(".") == std::string_view::npos)
    return true;
  for (const std::string_view word : {"null", "none", "nil", "true", "false", "undefined", "redacted", "[redacted]", "hidden", "masked", "empty", "required", "string", "yes", "no"})
    if (iequals(v, word))
      return true;
  return false;
}

bool luhn_valid(std::string_view digits) noexcept {
  int sum = 0;
  bool twice = false;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it, twice = !twice) {
    if (!is_digit(*it))
      return false;
    int d = *it - '0';
    if (twice && (d *= 2) > 9)
      d -= 9;
    sum += d;
  }
  return !digits.empty() && sum % 10 == 0;
}

bool iban_valid(std::string_view s) noexcept {
  if (s.size() < 15 || s.size() > 34)
    return false;
  unsigned rest = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[(i + 4) % s.size()];
    if (is_digit(c))
      rest = (rest * 10 + static_cast<unsigned>(c - '0')) % 97;
    else if (is_upper(c))
      rest = (rest * 100 + static_cast<unsigned>(c - 'A' + 10)) % 97;
    else
      return false;
  }
  return rest == 1;
}

namespace {
void put_instead(sensitive kind, std::string& out) {
  out += "[redacted:";
  out += to_string(kind);
  out += ']';
}
void put_breaks(std::string_view text, std::string& out) {
  for (char c : text)
    if (c == '\n' || c == '\r')
      out += c;
}
} // namespace

std::string sanitized(std::string_view text, const redaction& found) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  for (auto& r : found.ranges) {
    out += text.substr(at, r.begin - at);
    put_instead(r.kind, out);
    put_breaks(text.substr(r.begin, r.size), out);
    at = r.end();
  }
  out += text.substr(at);
  return out;
}

redaction find_sensitive(std::string_view text, const redaction_options& options) {
  sensitive_scanner scanner{options};
  scanner.look_at(text, 0);
  scanner.run(0, text.size());
  auto& found = scanner.found();
  std::sort(found.begin(), found.end(), range_merger::before);
  redaction r;
  range_merger merger;
  const auto close = [&] {
    r.ranges.push_back(*merger.open());
    ++r.counts[static_cast<std::size_t>(merger.open()->kind)];
    merger.close();
  };
  for (auto& f : found) {
    if (!merger.apart(f)) {
      merger.extend(f);
      continue;
    }
    if (merger.open())
      close();
    merger.begin(f);
  }
  if (merger.open())
    close();
  return r;
}

struct sensitive_filter::state {
  explicit state(const redaction_options& options) : scanner(options) {}
  sensitive_scanner scanner;
  range_merger merger;
  std::string window;
  std::uint64_t base = 0;    ///< of the window in the text
  std::uint64_t looked = 0;  ///< in the text: everything before it was looked at
  std::uint64_t given = 0;   ///< in the text: everything before it was given, or is in `breaks`
  std::string breaks;        ///< line breaks of the open range that were passed
  std::array<std::uint64_t, sensitive_kinds> counts{};

  std::string_view part(std::uint64_t from, std::uint64_t to) const { return std::string_view{window}.substr(from - base, to - from); }

  void close(std::string& clean, std::vector<sensitive_range>* ranges) {
    const auto r = *merger.open();
    merger.close();
    pass(r.end());
    put_instead(r.kind, clean);
    clean += breaks;
    breaks.clear();
    ++counts[static_cast<std::size_t>(r.kind)];
    if (ranges != nullptr)
      ranges->push_back(r);
  }
  /// Inside the open range: only line breaks are kept.
  void pass(std::uint64_t to) {
    if (to <= given)
      return;
    put_breaks(part(given, to), breaks);
    given = to;
  }
  void give(std::uint64_t to, std::string& clean) {
    if (to <= given)
      return;
    clean += part(given, to);
    given = to;
  }

  void advance(bool last, std::string& clean, std::vector<sensitive_range>* ranges) {
    const auto end = base + window.size();
    const auto to = last ? end : end - std::min<std::uint64_t>(end, look_ahead);
    if (to <= looked && !last)
      return;
    scanner.run(looked - base, to - base);
    looked = to;
    // What will still be found begins behind this.
    const auto certain = last ? end : looked - std::min<std::uint64_t>(looked, look_back);
    auto& found = scanner.found();
    std::sort(found.begin(), found.end(), range_merger::before);
    std::size_t n = 0;
    for (; n < found.size() && (last || found[n].begin < certain); ++n) {
      if (!merger.apart(found[n])) {
        merger.extend(found[n]);
        continue;
      }
      if (merger.open())
        close(clean, ranges);
      give(found[n].begin, clean);
      merger.begin(found[n]);
    }
    found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n));
    if (merger.open() && (last || merger.open()->end() <= certain))
      close(clean, ranges);
    merger.open() ? pass(std::min(certain, merger.open()->end())) : give(certain, clean);
    const auto keep = std::min(given, looked - std::min<std::uint64_t>(looked, look_back));
    const auto forgotten = static_cast<std::size_t>(keep - base);
    window.erase(0, forgotten);
    base = keep;
    scanner.look_at(window, forgotten);
  }
};

sensitive_filter::sensitive_filter(const redaction_options& options) : state_(std::make_unique<state>(options)) {}
sensitive_filter::~sensitive_filter() = default;

void sensitive_filter::feed(std::string_view piece, std::string& clean, std::vector<sensitive_range>* ranges) {
  auto& s = *state_;
  while (!piece.empty()) {
    const auto now = piece.substr(0, piece_bytes_max);
    piece.remove_prefix(now.size());
    s.window += now;
    s.scanner.look_at(s.window, 0);
    // Small pieces wait for each other, or each would move the whole window.
    if (s.base + s.window.size() >= s.looked + 2 * look_ahead)
      s.advance(false, clean, ranges);
  }
}

std::size_t sensitive_filter::held_bytes() const { return state_->window.size() + state_->breaks.size(); }

redaction sensitive_filter::finish(std::string& clean, std::vector<sensitive_range>* ranges) {
  auto& s = *state_;
  s.advance(true, clean, ranges);
  redaction r;
  r.counts = s.counts;
  return r;
}

} // namespace fm::extractors
