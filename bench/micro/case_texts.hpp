// What the benches of case stores write: prose as operators write it, cases, and a person's notes in them.
#pragma once

#include "protocol/base/random.hpp"
#include "storage/factory/factory.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace fm::bench {
using steady = std::chrono::steady_clock;

inline double seconds_since(steady::time_point from) { return std::chrono::duration<double>(steady::now() - from).count(); }
inline std::size_t number_from(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Words as in operators' messages: a few very common ones, a long tail of rare ones.
struct prose {
  random_ptr random = seeded_random(7);
  std::string word() {
    const auto r = random_u64(*random);
    const double u = static_cast<double>(r >> 11) / 9007199254740992.0;
    const auto rank = static_cast<std::size_t>(20'000 * u * u * u * u);
    std::string w;
    for (auto n = rank + 1; n > 0; n /= 26)
      w += static_cast<char>('a' + n % 26);
    return w + (rank % 3 == 0 ? "ing" : rank % 3 == 1 ? "er" : "s");
  }
  std::string text(std::size_t bytes) {
    std::string t;
    while (t.size() < bytes)
      (t += word()) += ' ';
    t.resize(bytes);
    return t;
  }
};

inline case_record record_of(int n, const std::string& owner, timestamp at) {
  case_record r;
  r.id = case_id{"case_" + std::to_string(100'000'000'000 + n)};
  r.title = "Checkout answers 502 after deploy " + std::to_string(n);
  r.title_is_placeholder = false;
  r.owner = user_id{owner};
  r.priority = static_cast<case_priority>(n % 4);
  r.tags = {"web"};
  r.created_at = r.updated_at = r.last_activity_at = at;
  return r;
}

inline case_commit creation(const case_record& r) {
  case_commit c;
  c.id = r.id;
  c.events = {std::make_shared<const case_event>(case_event{r.id, 1, r.created_at, {r.owner, "Ada"}, case_created{r}})};
  c.record = std::make_shared<const case_record>(r);
  return c;
}

/// A person's message as the case actor commits it: the message and the record's counters.
inline case_commit note(case_record& r, sequence expected, int n, const std::string& content) {
  message m;
  m.id = message_id{"msg_" + std::to_string(100'000'000'000 + n)};
  m.in_case = r.id;
  m.author = r.owner;
  m.author_name = "Ada";
  m.content = content;
  m.created_at = r.last_activity_at + std::chrono::milliseconds{1};
  ++r.message_count;
  r.last_activity_at = r.updated_at = m.created_at;
  case_commit c;
  c.id = r.id;
  c.expected_seq = expected;
  c.events = {std::make_shared<const case_event>(case_event{r.id, expected + 1, m.created_at, {r.owner, "Ada"}, message_added{m}})};
  c.record = std::make_shared<const case_record>(r);
  return c;
}

inline double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v[v.size() / 2];
}

} // namespace fm::bench
