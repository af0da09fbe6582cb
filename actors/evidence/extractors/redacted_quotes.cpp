// Quotes are compared with the log while it passes, and meet the ranges that lie on their lines.
#include "actors/evidence/extractors/redacted_quotes.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <unordered_map>

namespace fm::extractors {
namespace {
constexpr std::size_t value_bytes_min = 3; ///< shorter ones occur everywhere

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}
} // namespace

redacted_quotes::redacted_quotes(evidence::analysis& a, const redaction_options& options) : a_(a), options_(options) {
  const auto add = [&](evidence::line_ref& l) {
    if (l.number > 0 && !l.text.empty())
      quotes_.push_back({&l, false, {}});
  };
  for (auto& t : a.templates) {
    add(t.first);
    add(t.last);
    add(t.worst);
  }
  for (auto& t : a.traces) {
    add(t.head);
    add(t.root);
  }
  for (auto& f : a.findings)
    add(f.line);
  std::stable_sort(quotes_.begin(), quotes_.end(), [](auto& x, auto& y) { return x.line->begin < y.line->begin; });
}

void redacted_quotes::see(std::string_view piece) {
  const auto end = seen_ + piece.size();
  for (auto i = passed_; i < quotes_.size() && quotes_[i].line->begin < end; ++i) {
    auto& q = quotes_[i];
    const std::string_view text = q.line->text;
    const auto from = std::max(q.line->begin, seen_), to = std::min(q.line->begin + text.size(), end);
    if (from < to)
      q.differs |= text.substr(from - q.line->begin, to - from) != piece.substr(from - seen_, to - from);
  }
  while (passed_ < quotes_.size() && quotes_[passed_].line->begin + quotes_[passed_].line->text.size() <= end)
    ++passed_;
  seen_ = end;
}

void redacted_quotes::found(const std::vector<sensitive_range>& ranges) {
  for (auto& r : ranges) {
    // Lines lie apart: of those that begin before the range only the nearest can hold it.
    auto q = std::lower_bound(quotes_.begin(), quotes_.end(), r.begin, [](auto& x, auto at) { return x.line->begin < at; });
    if (q != quotes_.begin()) {
      const auto nearest = std::prev(q)->line->begin;
      while (q != quotes_.begin() && std::prev(q)->line->begin == nearest)
        --q;
    }
    for (; q != quotes_.end() && q->line->begin < r.end(); ++q)
      if (r.begin < q->line->begin + std::max<std::uint64_t>(q->line->size, q->line->text.size()))
        q->inside.push_back(r);
  }
}

void redacted_quotes::finish() {
  std::unordered_map<const evidence::line_ref*, const quote*> by_line;
  for (auto& q : quotes_)
    if (!q.inside.empty())
      by_line.emplace(q.line, &q);
  // Patterns first: they are told by the first lines as these still are.
  for (auto& t : a_.templates) {
    if (const auto known = by_line.find(&t.first); known != by_line.end())
      for (auto& r : known->second->inside) {
        if (r.kind == sensitive::private_key) {
          t.pattern = "[redacted:private_key]"; // a line out of its middle shows nothing to find by itself
          break;
        }
        // Named on the line before, nothing in the pattern says that it is a secret.
        const auto from = std::max(r.begin, t.first.begin) - t.first.begin, to = std::min<std::uint64_t>(r.end() - t.first.begin, t.first.text.size());
        if (!known->second->differs && from < to && to - from >= value_bytes_min)
          replace_all(t.pattern, std::string_view{t.first.text}.substr(from, to - from), "[redacted:" + std::string{to_string(r.kind)} + "]");
      }
    t.pattern = clean(t.pattern);
  }
  for (auto& f : a_.findings) // titles begin with the pattern as it was
    if (f.about) {
      const auto& pattern = a_.templates[*f.about].pattern;
      f.title = "\"" + pattern.substr(0, utf8_floor(pattern, std::min(pattern.size(), f.about_bytes))) + "\"" + f.title.substr(f.about_bytes + 2);
    }
  for (auto& q : quotes_) {
    auto& l = *q.line;
    if (q.differs) {
      l.text = std::any_of(q.inside.begin(), q.inside.end(), [](auto& r) { return r.kind == sensitive::private_key; }) ? "[redacted:private_key]" : clean(l.text);
      continue;
    }
    redaction inside;
    for (auto& r : q.inside) {
      const auto from = std::max(r.begin, l.begin), to = std::min(r.end(), l.begin + l.text.size());
      if (from < to)
        inside.ranges.push_back({from - l.begin, to - from, r.kind});
    }
    if (!inside.ranges.empty())
      l.text = sanitized(l.text, inside);
  }
  for (auto* list : {&a_.identifiers, &a_.names})
    for (auto& i : *list)
      i.value = clean(i.value);
}

} // namespace fm::extractors
