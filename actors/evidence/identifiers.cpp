// Recognising by shape: addresses, UUIDs, block names, and key=value members whose key says what they are.
#include "actors/evidence/identifiers.hpp"

#include "actors/evidence/log_triage.hpp"

#include <algorithm>

namespace fm::evidence {
namespace {
bool digit(char c) { return c >= '0' && c <= '9'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool name(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.'; }

bool is_ip(std::string_view w) {
  int dots = 0, run = 0;
  for (const char c : w) {
    if (c == '.') {
      if (run == 0 || ++dots > 3)
        return false;
      run = 0;
    } else if (!digit(c) || ++run > 3) {
      return false;
    }
  }
  return dots == 3 && run > 0;
}
bool is_uuid(std::string_view w) {
  if (w.size() != 36)
    return false;
  for (std::size_t i = 0; i < 36; ++i)
    if (i == 8 || i == 13 || i == 18 || i == 23 ? w[i] != '-' : !hex(w[i]))
      return false;
  return true;
}
struct row {
  std::string_view key;
  const char* kind;
};
constexpr row keys[] = {{"request_id", "request"}, {"requestid", "request"}, {"request-id", "request"}, {"req_id", "request"}, {"reqid", "request"},
                        {"trace_id", "request"},   {"traceid", "request"},   {"correlation_id", "request"}, {"correlationid", "request"},
                        {"host", "host"},          {"hostname", "host"},     {"node", "host"},          {"rhost", "host"},      {"server", "host"},
                        {"pod", "pod"},            {"pod_name", "pod"},      {"container", "pod"},      {"job", "job"},         {"job_id", "job"},
                        {"jobid", "job"},          {"task", "job"},          {"task_id", "job"},        {"user", "user"},       {"username", "user"},
                        {"order_id", "order"},     {"orderid", "order"},     {"session_id", "session"}, {"sessionid", "session"}, {"message_id", "message"},
                        {"msg_id", "message"},     {"transaction_id", "transaction"}, {"txn_id", "transaction"}, {"tx_id", "transaction"}};
const char* kind_of_key(std::string_view word) {
  constexpr std::string_view first = "cChHjJmMnNoOpPrRsStTuU";
  if (word.size() < 3 || word.size() > 14 || first.find(word[0]) == std::string_view::npos)
    return nullptr;
  for (auto& k : keys)
    if (k.key.size() == word.size() && std::equal(word.begin(), word.end(), k.key.begin(), [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; }))
      return k.kind;
  return nullptr;
}
} // namespace

void identifier_table::note(const char* kind, std::string_view value, std::uint64_t line, bool bad) {
  if (value.size() < 3 || value.size() > 128)
    return;
  key_.assign(value);
  auto found = known_.find(key_);
  if (found == known_.end()) {
    if (known_.size() >= most_)
      return;
    found = known_.emplace(key_, facts{kind, 0, 0, line, line}).first;
  }
  auto& f = found->second;
  ++f.count;
  f.bad += bad;
  f.last = line;
}

void identifier_table::look_at(std::string_view m, const std::vector<masker::piece>& pieces, std::uint64_t line, bool bad) {
  std::size_t behind = 0; // of the last value that a key named
  for (auto& piece : pieces) {
    if (piece.begin < behind)
      continue;
    auto w = m.substr(piece.begin, piece.size);
    if (const char* kind = piece.key ? kind_of_key(w) : nullptr; kind != nullptr) {
      auto at = std::size_t{piece.begin} + piece.size;
      at += at < m.size() && m[at] == '"';
      for (++at; at < m.size() && (m[at] == '"' || m[at] == ' ');)
        ++at;
      auto end = at;
      while (end < m.size() && name(m[end]))
        ++end;
      note(kind, m.substr(std::min(at, m.size()), end - std::min(at, end)), line, bad);
      behind = end;
      continue;
    }
    if (w.size() < 7)
      continue;
    while (!w.empty() && (w.front() == '/' || w.front() == '@'))
      w.remove_prefix(1);
    while (!w.empty() && !digit(w.back()) && !name(w.back()))
      w.remove_suffix(1);
    if (w.size() >= 7 && w.size() <= 15 && digit(w[0]) && is_ip(w))
      note("ip", w, line, bad);
    else if (w.size() == 36 && is_uuid(w))
      note("uuid", w, line, bad);
    else if (w.starts_with("blk_"))
      note("block", w, line, bad);
    else if (w.starts_with("req-") && w.size() > 12)
      note("request", w, line, bad);
  }
}

std::vector<identifier> identifier_table::all(std::size_t most) const {
  std::vector<identifier> out;
  for (auto& [value, f] : known_)
    out.push_back({f.kind, value, f.count, f.bad, f.first, f.last});
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) {
    if (a.bad != b.bad)
      return a.bad > b.bad;
    if (a.count != b.count)
      return a.bad > 0 ? a.count < b.count : a.count > b.count;
    return a.value < b.value;
  });
  out.resize(std::min(out.size(), most));
  return out;
}

std::vector<identifier> identifier_table::finish() const {
  auto out = all(SIZE_MAX);
  std::erase_if(out, [](auto& i) { return i.bad == 0 || i.count < 2; });
  out.resize(std::min<std::size_t>(out.size(), 50));
  return out;
}

} // namespace fm::evidence
