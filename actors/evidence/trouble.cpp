// The words. Matched at the beginning of words, without regard to case.
#include "actors/evidence/trouble.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace fm::evidence {
namespace {
struct row {
  std::string_view word; ///< lower case; may hold blanks
  int weight;
  bool whole = false;    ///< nothing alphabetic may follow
};
constexpr row rows[] = {
    // grave: something is broken or lost
    {"panic", 3}, {"oops", 3, true}, {"segfault", 3}, {"segmentation fault", 3}, {"out of memory", 3}, {"outofmemory", 3}, {"oom-kill", 3},
    {"oom_kill", 3}, {"oomkill", 3}, {"core dumped", 3}, {"fatal", 3}, {"corrupt", 3}, {"catastrophic", 3}, {"emergency", 3},
    {"machine check", 3}, {"uncorrect", 3}, {"data loss", 3}, {"no space left", 3}, {"disk full", 3}, {"i/o error", 3}, {"medium error", 3},
    {"double fault", 3}, {"kernel bug", 3}, {"hardware error", 3}, {"storage interrupt", 3}, {"error interrupt", 3}, {"lost connection", 3},
    {"not responding", 3}, {"watchdog", 2}, {"lockup", 3}, {"hung", 3, true}, {"deadlock", 3}, {"nmi", 3, true}, {"dazed", 3},
    {"unrecoverable", 3}, {"terminated abnormally", 3}, {"abnormal", 2}, {"aborted journal", 3}, {"read-only file", 3}, {"remounting", 3},
    {"check condition", 3}, {"offline device", 3}, {"crash", 3}, {"dead", 2, true}, {"died", 3, true}, {"assert", 2}, {"kernel terminated", 3},
    {"split brain", 3}, {"split-brain", 3}, {"disk failure", 3}, {"power fail", 3}, {"sense key", 3}, {"bad block", 3}, {"bad sector", 3},
    {"overheat", 3}, {"sigsegv", 3}, {"sigabrt", 3}, {"stack overflow", 3}, {"heap space", 3}, {"call trace", 3}, {"lost quorum", 3},
    {"no quorum", 3}, {"too many open files", 3}, {"out of space", 3}, {"out of disk", 3}, {"no space", 3}, {"aborting", 3}, {"unhandled", 3}, {"uncaught", 3},
    // clear: something did not work
    {"error", 2}, {"err", 2, true}, {"fail", 2}, {"exception", 2}, {"traceback", 2}, {"abort", 2}, {"refused", 2}, {"reject", 2}, {"denied", 2},
    {"unreachable", 2}, {"no route to host", 2}, {"timed out", 2}, {"timeout", 2}, {"time out", 2}, {"time-out", 2}, {"unable to", 2}, {"cannot", 2},
    {"can't", 2}, {"could not", 2}, {"couldn't", 2}, {"critical", 2}, {"severe", 2}, {"alert", 2}, {"broken pipe", 2}, {"bad file descriptor", 2},
    {"reset by peer", 2}, {"parity", 2}, {"ecc", 2, true}, {"fault", 2, true}, {"faulty", 2}, {"unauthorized", 2}, {"forbidden", 2},
    {"not running", 2}, {"killed", 2, true}, {"killing", 2}, {"violation", 2}, {"illegal", 2}, {"overflow", 2}, {"overrun", 2}, {"underrun", 2},
    {"exhausted", 2}, {"insufficient", 2}, {"no such", 2}, {"unexpected", 2}, {"unavailable", 2}, {"not available", 2}, {"lost", 2, true},
    {"losing", 2}, {"stuck", 2}, {"degraded", 2}, {"break-in", 2}, {"attack", 2}, {"mismatch", 2}, {"interrupt", 2}, {"invalid", 2}, {"malformed", 2},
    {"unhealthy", 2}, {"evict", 2}, {"backoff", 2}, {"back-off", 2}, {"crashloop", 3}, {"undelivered", 2}, {"does not exist", 2}, {"not found", 1},
    {"exceeded", 2}, {"exceeds", 2}, {"too many", 2}, {"too large", 2}, {"disconnected", 1}, {"link down", 2}, {"link is down", 2}, {"went down", 2},
    {"is down", 2}, {"down", 1, true}, {"terminating", 1}, {"terminated", 1}, {"dropped", 2}, {"dropping", 2}, {"discard", 1}, {"incomplete", 2},
    {"not ready", 2}, {"loss", 2, true}, {"hang", 2, true}, {"hangs", 2, true}, {"frozen", 2}, {"freez", 2}, {"starv", 2}, {"congest", 2}, {"flapping", 2},
    {"inconsistent", 2}, {"out of sync", 2}, {"not enough", 2}, {"not permitted", 2}, {"inaccessible", 2}, {"not reachable", 2}, {"unable", 2},
    {"no free", 2}, {"bad magic", 2}, {"bad checksum", 2}, {"offline", 2}, {"null pointer", 2}, {"nullpointer", 2}, {"sigkill", 2}, {"gc overhead", 2},
    {"unreadable", 2}, {"truncated", 2}, {"poison", 2}, {"no leader", 2}, {"stepping down", 2}, {"diverge", 2}, {"quarantin", 2}, {"intrusion", 2},
    {"non-zero", 2}, {"mce", 2, true}, {"hw err", 2}, {"connection reset", 2}, {"went offline", 2}, {"rolled back", 2}, {"undeliver", 2}, {"unresponsive", 2},
    {"unsuccessful", 2}, {"unauthenticated", 2}, {"untrusted", 2}, {"vulnerab", 2}, {"oom", 3, true}, {"blocked", 1},
    {"permission", 1}, {"checksum", 1}, {"crc", 1, true}, {"saturat", 1}, {"backlog", 1}, {"quota", 1}, {"temperature", 1}, {"thermal", 1}, {"edac", 1, true},
    {"sigterm", 1}, {"rollback", 1}, {"unsafe", 1}, {"insecure", 1}, {"resetting", 1}, {"nonzero", 1}, {"bogus", 1}, {"undefined", 1}, {"out of range", 1},
    {"retries", 1}, {"lagging", 1}, {"behind", 1}, {"delayed", 1}, {"power down", 1}, {"powered off", 1}, {"leak", 2}, {"conflict", 1}, {"expired", 2}, {"stale", 1}, {"missing", 1}, {"bad ", 1}, {"wrong", 1},
    // hints
    {"warn", 1}, {"retry", 1}, {"retrying", 1}, {"slow", 1, true}, {"deprecat", 1}, {"ignor", 1}, {"skipp", 1}, {"giving up", 2}, {"gave up", 2},
    {"restart", 1}, {"shutting down", 1}, {"shutdown", 1}, {"unusual", 1}, {"suspicious", 2}, {"unknown", 1}, {"unsupported", 1}, {"throttl", 1},
    {"cancelled", 1}, {"canceled", 1}, {"closed", 0}, {"failover", 2}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Rows by their first letter.
const std::array<std::vector<const row*>, 256>& by_letter() {
  static const auto table = [] {
    std::array<std::vector<const row*>, 256> t;
    for (auto& r : rows)
      t[static_cast<unsigned char>(r.word[0])].push_back(&r);
    return t;
  }();
  return table;
}
} // namespace

trouble_words trouble_in(std::string_view m) {
  trouble_words best;
  auto& table = by_letter();
  for (std::size_t i = 0; i < m.size(); ++i) {
    // Beginnings of words, humps inside names ("ConnectException") included.
    if (i > 0 && letter(m[i - 1]) && !(m[i] >= 'A' && m[i] <= 'Z' && m[i - 1] >= 'a'))
      continue;
    for (const auto* r : table[static_cast<unsigned char>(lower(m[i]))]) {
      if (r->weight <= best.weight || i + r->word.size() > m.size())
        continue;
      std::size_t j = 1;
      while (j < r->word.size() && lower(m[i + j]) == r->word[j])
        ++j;
      if (j < r->word.size() || (r->whole && i + j < m.size() && letter(m[i + j])))
        continue;
      // "0 errors", "no error", "errors=0", "without failure" speak of none.
      const auto before = m.substr(i > 9 ? i - 9 : 0, std::min<std::size_t>(i, 9));
      const auto after = m.substr(i + j, std::min<std::size_t>(m.size() - i - j, 6));
      if ((before.ends_with(" 0 ") || before.ends_with(" no ") || before.ends_with("without ") || before == "0 " || before == "no ") ||
          after.find("=0") != std::string_view::npos || after.find(": 0") != std::string_view::npos)
        continue;
      best = {r->weight, r->word};
      if (best.weight == 3)
        return best;
    }
  }
  return best;
}

int trouble_of(severity level, const trouble_words& words) {
  switch (level) {
  case severity::fatal: return 5;
  case severity::error: return words.weight >= 3 ? 5 : 4;
  case severity::warning: return words.weight >= 3 ? 4 : words.weight == 2 ? 3 : 2;
  case severity::info: return words.weight >= 3 ? 3 : words.weight == 2 ? 2 : 0;
  case severity::debug: return words.weight >= 3 ? 2 : 0;
  case severity::none: return words.weight >= 3 ? 5 : words.weight == 2 ? 4 : words.weight == 1 ? 1 : 0;
  }
  return 0;
}

} // namespace fm::evidence
