// Two measures, each from 0 to 1: how much of my trouble the other case had as well (weighed by how rare it is), and
// the cosine of the words. They add like chances: either alone is enough, both together are better.
#include "actors/evidence/likeness.hpp"

#include "actors/evidence/masking.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

namespace fm::evidence {
namespace {
constexpr std::size_t mark_bytes_max = 160;
constexpr std::size_t words_scanned_max = 20'000;
constexpr std::size_t distinct_words_max = 5'000;
constexpr std::size_t shared_words_min = 3; ///< distinctive ones, when no line is shared

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (static_cast<unsigned char>(c) & 0x80U) != 0; }

bool says_nothing(std::string_view word) {
  static const std::set<std::string_view> common{
      "the", "and", "for", "with", "that", "this", "from", "have", "has", "had", "are", "was", "were", "not", "but", "you", "your", "our", "can", "cannot", "could",
      "what", "when", "why", "how", "who", "which", "there", "their", "they", "them", "then", "than", "been", "will", "would", "should", "about", "after",
      "before", "into", "onto", "over", "some", "any", "all", "also", "just", "only", "very", "please", "help", "its", "does", "did", "done", "get", "got", "see", "now",
      "here", "where", "more", "most", "again", "still", "one", "two", "new", "out", "off", "too", "info", "error", "warn", "warning", "debug", "fatal", "line",
      "lines", "log", "logs", "file", "files", "thanks", "hello", "since", "because", "every", "each", "being", "case", "issue", "problem", "happens", "seems"};
  return common.contains(word);
}

void count_words(std::string_view text, std::map<std::string, std::uint32_t>& into) {
  std::size_t seen = 0;
  for (std::size_t at = 0; at < text.size() && seen < words_scanned_max;) {
    while (at < text.size() && !is_letter(text[at]))
      ++at;
    auto end = at;
    while (end < text.size() && (is_letter(text[end]) || (text[end] >= '0' && text[end] <= '9')))
      ++end;
    if (end - at >= 3 && end - at <= 40) {
      ++seen;
      auto word = ascii_lower(text.substr(at, end - at));
      if (!says_nothing(word) && (into.size() < distinct_words_max || into.contains(word)))
        ++into[std::move(word)];
    }
    at = std::max(end, at + 1);
  }
}

std::string quoted_list(const std::vector<std::string>& items, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < std::min(most, items.size()); ++i)
    out += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > most)
    out += " and " + std::to_string(items.size() - most) + " more";
  return out;
}

/// How much something tells that `with` of `all` cases have.
double rarity(std::size_t with, std::size_t all) { return std::log(1.0 + static_cast<double>(all) / static_cast<double>(std::max<std::size_t>(1, with))); }
/// Few enough have it to make two of them alike.
bool is_distinctive(std::size_t with, std::size_t all) { return with <= std::max<std::size_t>(3, all / 5); }
} // namespace

std::string mark_of(std::string_view line) {
  const auto text = masked(line);
  std::string out;
  std::size_t words = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    const auto word = std::string_view{text}.substr(at, end - at);
    at = end + 1;
    std::string kept;
    if (word.find("<*>") == std::string_view::npos)
      for (const char c : word)
        if (is_letter(c) || c == '_' || c == '-' || c == '.' || c == '/')
          kept += c;
    if (kept.empty() || std::none_of(kept.begin(), kept.end(), is_letter))
      continue;
    if (out.size() + kept.size() + 1 > mark_bytes_max)
      break;
    out += (out.empty() ? "" : " ") + ascii_lower(kept);
    ++words;
  }
  return words >= 2 ? to_valid_utf8(out) : std::string{};
}

file_marks marks_of_log(const analysis& a) {
  file_marks out;
  std::set<std::string> known;
  for (auto& item : a.look_first) {
    if (out.lines.size() >= marks_max)
      break;
    const auto& t = a.templates[item.template_id];
    const std::string_view line = t.worst.text;
    const auto h = parse_header(line);
    const auto at = std::min(h.message, line.size());
    auto mark = mark_of(line.substr(at, std::min(h.message_end, line.size()) - at));
    if (!mark.empty() && known.insert(mark).second)
      out.lines.push_back({std::move(mark), std::clamp(t.trouble, 1, 5)});
  }
  std::set<std::string> kinds;
  for (auto& i : a.identifiers)
    kinds.insert(i.kind);
  out.identifier_kinds.assign(kinds.begin(), kinds.end());
  return out;
}

case_profile profile_of(const case_record& record, const std::vector<message>& messages, const std::vector<file_marks>& files) {
  case_profile p;
  p.id = record.id;
  p.title = record.title;
  std::map<std::string, int> lines;
  std::set<std::string> kinds;
  const auto take = [&](const file_marks& marks) {
    for (auto& l : marks.lines)
      lines[l.text] = std::max(lines[l.text], l.weight);
    kinds.insert(marks.identifier_kinds.begin(), marks.identifier_kinds.end());
  };
  for (auto& f : files)
    take(f);
  if (!record.title_is_placeholder)
    count_words(record.title, p.terms);
  count_words(record.description, p.terms);
  for (auto& m : messages) {
    if (m.type != message_type::user_query && m.type != message_type::case_note)
      continue;
    if (looks_like_log(m.content))
      take(marks_of_log(analyze(m.content)));
    else
      count_words(m.content, p.terms);
  }
  for (auto& [text, weight] : lines)
    p.lines.push_back({text, weight});
  std::stable_sort(p.lines.begin(), p.lines.end(), [](auto& x, auto& y) { return x.weight > y.weight; });
  p.lines.resize(std::min(p.lines.size(), marks_max));
  p.identifier_kinds.assign(kinds.begin(), kinds.end());
  if (p.terms.size() > terms_max) { // the most frequent ones, ties by the alphabet
    std::vector<std::pair<std::string, std::uint32_t>> all{p.terms.begin(), p.terms.end()};
    std::stable_sort(all.begin(), all.end(), [](auto& x, auto& y) { return x.second > y.second; });
    p.terms = {all.begin(), all.begin() + terms_max};
  }
  return p;
}

std::vector<like_case> likest(const case_profile& mine, const std::vector<case_profile>& others, const likeness_limits& bounds) {
  const auto all = 1 + static_cast<std::size_t>(std::count_if(others.begin(), others.end(), [&](auto& o) { return o.id != mine.id; }));
  std::map<std::string_view, std::size_t> with_line, with_term;
  const auto count = [&](const case_profile& p) {
    for (auto& l : p.lines)
      ++with_line[l.text];
    for (auto& [t, n] : p.terms)
      ++with_term[t];
  };
  count(mine);
  for (auto& o : others)
    if (o.id != mine.id)
      count(o);
  const auto weight_of = [&](const case_profile& p, const std::string& term) {
    const auto found = p.terms.find(term);
    return found == p.terms.end() ? 0.0 : (1 + std::log(found->second)) * rarity(with_term[term], all);
  };
  const auto length_of = [&](const case_profile& p) {
    double sum = 0;
    for (auto& [t, n] : p.terms)
      sum += weight_of(p, t) * weight_of(p, t);
    return std::sqrt(sum);
  };
  const auto my_length = length_of(mine);
  double my_trouble = 0;
  for (auto& l : mine.lines)
    my_trouble += l.weight * rarity(with_line[l.text], all);

  std::vector<like_case> out;
  for (auto& o : others) {
    if (o.id == mine.id)
      continue;
    std::vector<std::string> lines;
    double shared = 0;
    for (auto& l : mine.lines)
      if (std::any_of(o.lines.begin(), o.lines.end(), [&](auto& other) { return other.text == l.text; }) && is_distinctive(with_line[l.text], all)) {
        shared += l.weight * rarity(with_line[l.text], all);
        lines.push_back("\"" + l.text + "\"");
      }
    const double by_lines = my_trouble > 0 ? shared / my_trouble : 0;
    std::vector<std::pair<double, std::string>> words;
    double dot = 0;
    for (auto& [t, n] : mine.terms)
      if (o.terms.contains(t)) {
        const auto both = weight_of(mine, t) * weight_of(o, t);
        dot += both;
        if (is_distinctive(with_term[t], all))
          words.emplace_back(both, t);
      }
    const double lengths = my_length * length_of(o);
    const double by_words = words.size() >= shared_words_min && lengths > 0 ? dot / lengths : 0;
    std::vector<std::string> kinds;
    std::set_intersection(mine.identifier_kinds.begin(), mine.identifier_kinds.end(), o.identifier_kinds.begin(), o.identifier_kinds.end(), std::back_inserter(kinds));
    if (by_lines <= 0 && by_words <= 0)
      continue; // kinds of names alone make nothing alike
    like_case c;
    c.id = o.id;
    c.title = o.title;
    c.score = 1 - (1 - 0.9 * by_lines) * (1 - 0.9 * by_words);
    c.score = std::min(1.0, c.score + (kinds.empty() ? 0 : 0.03));
    if (c.score < bounds.score_min)
      continue;
    if (!lines.empty())
      c.reasons.push_back("the same kinds of lines: " + quoted_list(lines, 3));
    if (by_words > 0) {
      std::stable_sort(words.begin(), words.end(), [](auto& x, auto& y) { return x.first > y.first; });
      std::vector<std::string> names;
      for (auto& [w, t] : words)
        names.push_back(t);
      c.reasons.push_back("words: " + quoted_list(names, 6));
    }
    if (!kinds.empty())
      c.reasons.push_back("names of the same kinds: " + quoted_list(kinds, 4));
    out.push_back(std::move(c));
  }
  std::stable_sort(out.begin(), out.end(), [](auto& x, auto& y) { return x.score != y.score ? x.score > y.score : x.id.value < y.id.value; });
  out.resize(std::min(out.size(), bounds.shown_max));
  return out;
}

} // namespace fm::evidence
