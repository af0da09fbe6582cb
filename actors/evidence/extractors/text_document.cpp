// Sections by headings, sentences by punctuation, importance by words' frequency and by what sentences say.
#include "actors/evidence/extractors/text_document.hpp"

#include "actors/evidence/extractors/chat.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace fm::extractors {
namespace {

constexpr std::size_t bytes_looked_at = 4U << 20;
constexpr std::size_t sentences_max = 20'000;
constexpr std::size_t words_max = 50'000;

struct sentence {
  std::size_t begin = 0, end = 0;
  double score = 0;
  std::size_t words = 0;
};

constexpr char filler = '\x7f';    ///< where an entity was longer than what it means

bool is_heading_underline(std::string_view s) {
  return s.size() >= 3 && (s.find_first_not_of('=') == std::string_view::npos || s.find_first_not_of('-') == std::string_view::npos);
}

/// "# Title" → 1; 0 when the line is no Markdown heading.
int hashes(std::string_view line) {
  int n = 0;
  while (n < 6 && static_cast<std::size_t>(n) < line.size() && line[static_cast<std::size_t>(n)] == '#')
    ++n;
  return n > 0 && static_cast<std::size_t>(n) < line.size() && line[static_cast<std::size_t>(n)] == ' ' ? n : 0;
}

bool upper_heading(std::string_view line) {
  std::size_t upper = 0;
  if (line.size() < 4 || line.size() > 70)
    return false;
  for (char c : line) {
    if (c >= 'a' && c <= 'z')
      return false;
    upper += c >= 'A' && c <= 'Z' ? 1 : 0;
  }
  return upper >= 4 && upper * 2 > line.size() && line.back() != '.' && line.back() != ';';
}

const std::unordered_set<std::string_view>& stop_words() {
  static const std::unordered_set<std::string_view> words{
    "the", "and", "for", "that", "this", "with", "was", "were", "are", "has", "have", "had", "not", "but", "from", "they", "them", "then", "than", "there", "their", "which", "when", "what", "will", "would",
    "could", "should", "been", "being", "into", "also", "after", "before", "about", "our", "you", "your", "its", "all", "any", "can", "may", "more", "most", "some", "such", "only", "other", "over", "who", "how",
    "why", "where", "did", "does", "done", "due", "via", "per", "because", "while", "during", "each", "very", "just", "so", "if", "it", "is", "in", "on", "of", "to", "at", "by", "we", "an", "as", "or", "be", "no", "a", "i"};
  return words;
}

constexpr std::array<std::string_view, 21> cause_words{"root cause", "caused by", "because", "due to", "led to", "resulted in", "outage", "failed", "failure", "error", "impact", "affected", "customers", "resolved", "mitigated",
                                                       "rollback", "rolled back", "data loss", "timeout", "degraded", "escalated"};
constexpr std::array<std::string_view, 12> decision_words{"decided", "decision:", "we will", "agreed", "we chose", "approved", "conclusion:", "concluded", "we are going to", "resolution:", "go with", "signed off"};
constexpr std::array<std::string_view, 13> action_words{"action:", "action item", "todo", "to do:", "follow up", "follow-up", "next step", "owner:", "assigned to", "needs to", "must be", "please", "due by"};

struct topic_words {
  std::string_view label;
  std::array<std::string_view, 6> words;
};

class text_report {
public:
  text_report(std::string_view name, std::string_view text) : name_(name), original_(text.substr(0, bytes_looked_at)) {
    if (text.size() > bytes_looked_at)
      x_.shortened = "only the first 4 MiB are read";
    const auto head = original_.substr(0, 2'048);
    html_ = ifind(head, "<html") != std::string_view::npos || ifind(head, "<!doctype html") != std::string_view::npos || ascii_lower(name).ends_with(".html") || ascii_lower(name).ends_with(".htm");
    if (html_) {
      blanked_ = html_blanked(original_);
    } else {
      const lines all{original_, 400'000};
      messages_ = chat_of(all);
      if (!messages_.empty())
        blanked_ = chat_blanked(original_, messages_);
    }
    text_ = blanked_.empty() ? original_ : std::string_view{blanked_};
  }

  extraction run() {
    x_.type = data_type::unstructured_text;
    const auto lower = ascii_lower(name_);
    const lines all{text_, 400'000};
    all_ = &all;
    const lines originals{original_, 1}; // for quotes: with its tags, where it had some
    originals_ = &originals;
    sections_ = sections_of(all);
    x_.format = html_ ? "html" : !messages_.empty() ? "chat" : lower.ends_with(".md") || lower.ends_with(".markdown") || sections_.size() >= 2 ? "markdown" : "text";
    split();
    weigh();
    items();
    conversation();
    dates();
    tell();
    finish(x_);
    return std::move(x_);
  }

private:
  std::string clean(std::size_t begin, std::size_t end) const {
    std::string out;
    bool blank = true;
    end = std::min(end, begin + 2'000); // more is never shown
    for (char c : text_.substr(begin, end - begin)) {
      if (c == filler)
        continue;
      const bool b = c == ' ' || c == '\t' || c == '\n' || c == '\r' || static_cast<unsigned char>(c) < 0x20;
      if (!b)
        out += c;
      else if (!blank)
        out += ' ';
      blank = b;
    }
    while (!out.empty() && out.back() == ' ')
      out.pop_back();
    std::size_t skip = 0;
    while (skip < out.size() && (out[skip] == '#' || out[skip] == '*' || out[skip] == '>' || out[skip] == ' ' || (out[skip] == '-' && skip + 1 < out.size() && out[skip + 1] == ' ')))
      ++skip;
    if (out.compare(skip, 4, "[ ] ") == 0 || out.compare(skip, 4, "[x] ") == 0)
      skip += 4;
    return to_valid_utf8(std::string_view{out}.substr(skip));
  }

  /// Sentences end at . ! ? before a blank, at blank lines, list items and headings.
  void split() {
    std::size_t begin = 0;
    bool open = false, fenced = false;
    const auto close = [&](std::size_t end) {
      if (open && end > begin + 2 && sentences_.size() < sentences_max)
        sentences_.push_back({begin, end, 0, 0});
      open = false;
    };
    for (std::size_t l = 0; l < all_->size(); ++l) {
      const auto raw = (*all_)[l];
      const auto line = trimmed(raw);
      const auto from = all_->begin_of(l);
      if (line.starts_with("```") || line.starts_with("~~~")) {
        close(from);
        fenced = !fenced;
        continue;
      }
      if (fenced)
        continue;
      const bool item = line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ") || (!line.empty() && is_digit(line[0]) && (line.find(". ") <= 3 || line.find(") ") <= 3));
      if (line.empty() || hashes(line) > 0 || is_heading_underline(line) || item || line.starts_with("|") || upper_heading(line)) {
        close(from);
        if (!item)
          continue;
      }
      for (std::size_t i = 0; i < raw.size(); ++i) {
        const char c = raw[i];
        if (c == paragraph_end) {
          close(from + i);
          continue;
        }
        if (!open && c != ' ' && c != '\t') {
          open = true;
          begin = from + i;
        }
        if ((c == '.' || c == '!' || c == '?') && (i + 1 == raw.size() || raw[i + 1] == ' ' || raw[i + 1] == '"' || raw[i + 1] == ')')) {
          // "e.g. this" and "3. item" go on.
          const bool abbreviation = i >= 2 && c == '.' && (raw[i - 2] == '.' || (i >= 1 && raw[i - 1] >= 'A' && raw[i - 1] <= 'Z' && (i == 1 || !is_alpha(raw[i - 2]))) || (is_digit(raw[i - 1]) && from + i - begin < 4));
          if (!abbreviation)
            close(from + i + 1);
        }
      }
    }
    close(text_.size());
    for (auto& s : sentences_) // the part of the line's end that may have come along
      while (s.end > s.begin + 1 && (text_[s.end - 1] == '\n' || text_[s.end - 1] == '\r' || text_[s.end - 1] == ' '))
        --s.end;
  }

  template <class F>
  void each_word(std::string_view s, F f) {
    std::string word;
    for (std::size_t i = 0; i <= s.size(); ++i) {
      const char c = i < s.size() ? s[i] : ' ';
      if (is_word(c) || c == '-' || static_cast<unsigned char>(c) >= 0x80) {
        if (word.size() < 40)
          word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        continue;
      }
      if (word.size() > 2 && !stop_words().contains(word))
        f(word);
      word.clear();
    }
  }

  void weigh() {
    std::unordered_map<std::string, double> frequency;
    for (auto& s : sentences_)
      each_word(text_.substr(s.begin, s.end - s.begin), [&](const std::string& w) {
        if (frequency.size() < words_max || frequency.contains(w))
          frequency[w] += 1;
      });
    std::unordered_set<std::string> titles;
    for (auto& h : sections_)
      each_word(h.title, [&](const std::string& w) {
        if (titles.size() < 5'000)
          titles.insert(w);
      });
    std::size_t index = 0;
    for (auto& s : sentences_) {
      const auto part = text_.substr(s.begin, std::min<std::size_t>(s.end - s.begin, 1'200));
      double sum = 0;
      each_word(part, [&](const std::string& w) {
        ++s.words;
        const auto it = frequency.find(w);
        sum += std::log(1 + (it == frequency.end() ? 0 : it->second)) + (titles.contains(w) ? 0.6 : 0);
      });
      s.score = s.words == 0 ? 0 : sum / std::sqrt(static_cast<double>(s.words) + 3);
      if (s.words < 4 || s.words > 60)
        s.score *= 0.4;
      for (auto word : cause_words)
        if (ifind(part, word) != std::string_view::npos)
          s.score += word == "root cause" || word == "caused by" ? 2.2 : 0.7;
      if (std::any_of(part.begin(), part.end(), is_digit))
        s.score += 0.4;
      if (index < 3) // texts say first what they are about
        s.score += 1.2 - 0.3 * static_cast<double>(index);
      ++index;
    }
    std::vector<std::pair<double, std::string>> common;
    for (auto& [w, n] : frequency)
      if (n >= 2 && !std::all_of(w.begin(), w.end(), [](char c) { return is_digit(c) || c == '-'; }))
        common.emplace_back(n, w);
    std::sort(common.begin(), common.end(), [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    for (std::size_t i = 0; i < common.size() && i < 12; ++i)
      terms_ += (i > 0 ? ", " : "") + common[i].second;
  }

  void say(std::string_view kind, weight heavy, const sentence& s, double score) {
    finding f;
    f.kind = kind;
    f.heavy = heavy;
    f.title = cut_on_word(clean(s.begin, s.end), 240);
    f.at = all_->cite(s.begin, s.end);
    f.quote = originals_->quote(f.at);
    f.score = score;
    for (auto& h : sections_)
      if (h.body.begin <= s.begin && s.begin < h.body.end)
        f.where = h.title;
    if (const auto* m = message_at(s.begin)) // who said it, and when
      f.where = to_valid_utf8(m->who) + ", " + to_valid_utf8(m->when);
    x_.findings.push_back(std::move(f));
  }

  const chat_message* message_at(std::size_t at) const {
    const auto next = std::partition_point(messages_.begin(), messages_.end(), [&](auto& m) { return m.begin <= at; });
    return next == messages_.begin() ? nullptr : &*std::prev(next);
  }

  /// Who speaks, and from when to when.
  void conversation() {
    if (messages_.empty())
      return;
    std::vector<std::pair<std::string_view, std::size_t>> people; // in the order they came
    for (auto& m : messages_) {
      auto who = std::find_if(people.begin(), people.end(), [&](auto& p) { return p.first == m.who; });
      if (who == people.end() && people.size() < 200)
        who = people.insert(people.end(), {m.who, 0});
      if (who != people.end())
        ++who->second;
    }
    std::string names;
    for (std::size_t i = 0; i < people.size() && i < 6; ++i)
      names += (i == 0 ? "" : ", ") + to_valid_utf8(people[i].first) + " (" + std::to_string(people[i].second) + ")";
    if (people.size() > 6)
      names += " and " + std::to_string(people.size() - 6) + " more";
    x_.summary = "A conversation of " + std::to_string(messages_.size()) + " messages, " + to_valid_utf8(messages_.front().when) + " to " + to_valid_utf8(messages_.back().when) + ": " + names + ".";
    x_.facts.emplace_back("messages", std::to_string(messages_.size()));
    x_.facts.emplace_back("people", std::to_string(people.size()));
  }

  void items() {
    std::size_t decisions = 0, actions = 0, causes = 0, questions = 0;
    // The section a sentence stands in decides too: everything under "Action items" is one.
    std::vector<std::pair<std::uint64_t, int>> marks; // begin of body, 1 actions, 2 decisions, 0 other
    for (auto& h : sections_) {
      int kind = 0;
      if (ifind(h.title, "action") != std::string_view::npos || ifind(h.title, "next step") != std::string_view::npos || ifind(h.title, "follow") != std::string_view::npos || ifind(h.title, "todo") != std::string_view::npos)
        kind = 1;
      else if (ifind(h.title, "decision") != std::string_view::npos || ifind(h.title, "resolution") != std::string_view::npos || ifind(h.title, "agreed") != std::string_view::npos)
        kind = 2;
      marks.emplace_back(h.body.begin, kind);
    }
    std::size_t m = 0;
    for (auto& s : sentences_) {
      while (m + 1 < marks.size() && marks[m + 1].first <= s.begin)
        ++m;
      const int within = !marks.empty() && marks[m].first <= s.begin ? marks[m].second : 0;
      const auto part = text_.substr(s.begin, std::min<std::size_t>(s.end - s.begin, 1'200));
      const auto any = [&](auto& words) { return std::any_of(words.begin(), words.end(), [&](auto w) { return ifind_word(part, w) != std::string_view::npos; }); };
      const bool box = part.starts_with("- [ ]") || part.starts_with("* [ ]");
      if ((ifind(part, "root cause") != std::string_view::npos || ifind(part, "caused by") != std::string_view::npos) && causes < 6 && s.words > 2) {
        ++causes;
        say("stated_cause", weight::danger, s, 3 + s.score / 10);
      } else if ((box || within == 1 || any(action_words)) && actions < 20 && s.words > 1) {
        ++actions;
        say("action", weight::warning, s, 2 + (box || within == 1 ? 1 : 0));
      } else if ((within == 2 || any(decision_words)) && decisions < 15 && s.words > 1) {
        ++decisions;
        say("decision", weight::warning, s, 2.5);
      } else if (!part.empty() && part.back() == '?' && questions < 8 && s.words > 2) {
        ++questions;
        say("open_question", weight::note, s, 0.5);
      }
    }
    x_.facts.emplace_back("decisions", std::to_string(decisions));
    x_.facts.emplace_back("actions", std::to_string(actions));
  }

  void dates() {
    const auto read = messages_.empty() ? text_ : original_; // the heads of messages tell times
    for (std::size_t at = 0; at < read.size() && x_.moments.size() < 2 * moments_max; ++at) {
      const char c = read[at];
      if ((at > 0 && (is_word(read[at - 1]) || read[at - 1] == '-' || read[at - 1] == '.' || read[at - 1] == '/')) || !(is_digit(c) || (c >= 'A' && c <= 'Z')))
        continue;
      const auto t = parse_time(read.substr(at, 48));
      if (!t || (at + t->size < read.size() && is_word(read[at + t->size])))
        continue;
      const auto line = all_->index_at(at);
      const auto from = all_->begin_of(line);
      moment m;
      m.at_ms = t->at_ms;
      m.zone_known = t->zone_known;
      m.day_only = t->day_only;
      const auto begin = std::max<std::size_t>(from, at > 100 ? at - 100 : 0); // of a very long line: what stands around
      m.what = cut_on_word(clean(begin, from + (*all_)[line].size()), 160);
      m.at = all_->cite(at, at + t->size);
      x_.moments.push_back(std::move(m));
      at += t->size;
    }
  }

  void tell() {
    auto order = sentences_;
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.score > b.score; });
    // The best sentences in the order of the text, as many as fit.
    std::vector<sentence> chosen;
    std::size_t size = 0;
    for (auto& s : order) {
      const auto n = std::min<std::size_t>(s.end - s.begin, 400);
      if (x_.summary.size() + size + n > summary_characters_max - 40 || s.words < 3)
        continue;
      size += n + 1;
      chosen.push_back(s);
      if (chosen.size() >= 4)
        break;
    }
    std::sort(chosen.begin(), chosen.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
    for (auto& s : chosen)
      x_.summary += (x_.summary.empty() ? "" : " ") + clean(s.begin, s.end);
    if (x_.summary.empty() && !sentences_.empty())
      x_.summary = clean(sentences_.front().begin, sentences_.front().end);
    if (x_.summary.empty())
      x_.summary = trimmed(text_).empty() ? "An empty text." : "A text without sentences of " + std::to_string(all_->size()) + " lines.";

    std::stable_sort(x_.findings.begin(), x_.findings.end(), [](auto& a, auto& b) { return a.heavy != b.heavy ? a.heavy > b.heavy : a.score > b.score; });
    for (auto& f : x_.findings)
      if (x_.insights.size() < 5)
        x_.insights.push_back({f.title, f.at});
    for (auto& s : order)
      if (x_.insights.size() < 7 && s.words >= 3 && std::none_of(x_.insights.begin(), x_.insights.end(), [&](auto& i) { return i.at.begin == s.begin; }))
        x_.insights.push_back({cut_on_word(clean(s.begin, s.end), 300), all_->cite(s.begin, s.end)});
    if (!x_.moments.empty())
      x_.insights.push_back({std::to_string(x_.moments.size()) + " dates or times are named, the first: " + time_text(x_.moments.front().at_ms).substr(0, x_.moments.front().day_only ? 10 : 19) + ".", x_.moments.front().at});
    if (!terms_.empty() && x_.insights.size() < insights_max)
      x_.insights.push_back({"Speaks most of: " + terms_ + ".", {}});
    while (x_.insights.size() < 3)
      x_.insights.push_back({x_.insights.size() % 2 == 0 ? std::to_string(sentences_.size()) + " sentences in " + std::to_string(all_->size()) + " lines." : std::to_string(sections_.size()) + " sections.", {}});

    x_.facts.emplace_back("sentences", std::to_string(sentences_.size()));
    x_.facts.emplace_back("sections", std::to_string(sections_.size()));
    if (!sections_.empty()) {
      x_.full += "Sections\n";
      for (auto& s : sections_)
        if (x_.full.size() < full_bytes_max / 4)
          x_.full += "  " + std::string(static_cast<std::size_t>(std::max(0, s.level - 1)) * 2, ' ') + s.title + " (line " + std::to_string(s.heading.first_line) + ")\n";
    }
    for (const std::string_view kind : {"stated_cause", "decision", "action", "open_question"}) {
      bool first = true;
      for (auto& f : x_.findings)
        if (f.kind == kind && x_.full.size() < full_bytes_max * 6 / 10) {
          if (first)
            x_.full += kind == "stated_cause" ? "Causes named\n" : kind == "decision" ? "Decisions\n" : kind == "action" ? "Actions\n" : "Open questions\n";
          first = false;
          x_.full += "  " + f.title + " (line " + std::to_string(f.at.first_line) + ")\n";
        }
    }
    if (!x_.moments.empty()) {
      x_.full += "Times\n";
      for (std::size_t i = 0; i < x_.moments.size() && i < 25; ++i)
        x_.full += "  " + time_text(x_.moments[i].at_ms).substr(0, x_.moments[i].day_only ? 10 : 19) + "  " + x_.moments[i].what + "\n";
    }
    x_.full += "Main sentences\n";
    std::vector<sentence> best(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(order.size(), 20)));
    std::sort(best.begin(), best.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
    for (auto& s : best)
      if (x_.full.size() < full_bytes_max)
        x_.full += "  " + cut_on_word(clean(s.begin, s.end), 400) + "\n";
    x_.confidence = 0.8;
  }

  std::string_view name_, original_, text_;
  std::string blanked_, terms_;
  bool html_ = false;
  std::vector<chat_message> messages_;
  const lines *all_ = nullptr, *originals_ = nullptr;
  std::vector<section> sections_;
  std::vector<sentence> sentences_;
  extraction x_;
};

} // namespace

std::vector<section> sections_of(const lines& all) {
  std::vector<section> out;
  bool fenced = false;
  for (std::size_t i = 0; i < all.size() && out.size() < 2'000; ++i) {
    const auto line = trimmed(all[i]);
    if (line.starts_with("```") || line.starts_with("~~~"))
      fenced = !fenced;
    if (fenced || line.empty())
      continue;
    section s;
    if (const int n = hashes(line); n > 0) {
      s.level = n;
      auto title = trimmed(line.substr(static_cast<std::size_t>(n)));
      while (!title.empty() && title.back() == '#')
        title.remove_suffix(1);
      s.title = to_valid_utf8(trimmed(title).substr(0, 200));
    } else if (i + 1 < all.size() && line.size() < 120 && is_heading_underline(trimmed(all[i + 1])) && line[0] != '-' && line[0] != '|') {
      s.level = trimmed(all[i + 1])[0] == '=' ? 1 : 2;
      s.title = to_valid_utf8(line);
    } else if (upper_heading(line) && (i == 0 || trimmed(all[i - 1]).empty())) {
      s.level = 2;
      s.title = to_valid_utf8(line);
      if (!s.title.empty() && s.title.back() == ':')
        s.title.pop_back();
    } else {
      continue;
    }
    if (s.title.empty())
      continue;
    s.heading = all.cite_line(i);
    if (!out.empty())
      out.back().body.end = s.heading.begin;
    s.body = {s.heading.end, all.all().size(), static_cast<std::uint32_t>(i + 2), static_cast<std::uint32_t>(all.size())};
    out.push_back(std::move(s));
  }
  for (std::size_t i = 0; i + 1 < out.size(); ++i)
    out[i].body.last_line = out[i + 1].heading.first_line - 1;
  return out;
}

std::string html_blanked(std::string_view text) {
  std::string out{text};
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (auto i = from; i < to; ++i)
      if (out[i] != '\n' && out[i] != '\r')
        out[i] = ' ';
  };
  // Known ends are found once: a page of "<script" without an end must not be searched again and again.
  std::size_t no_script_end = std::string_view::npos, no_style_end = std::string_view::npos, no_comment_end = std::string_view::npos, no_tag_end = std::string_view::npos;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '&') {
      const auto end = text.substr(at, 10).find(';');
      if (end != std::string_view::npos && end > 1) {
        const auto name = text.substr(at + 1, end - 1);
        const char c = name == "lt" ? '<' : name == "gt" ? '>' : name == "amp" ? '&' : name == "quot" ? '"' : name == "#39" || name == "apos" ? '\'' : ' ';
        out[at] = c;
        std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at) + 1, end, filler);
        at += end + 1;
        continue;
      }
    }
    if (text[at] != '<') {
      ++at;
      continue;
    }
    const auto rest = text.substr(at);
    const auto until = [&](std::string_view stop, std::size_t& none) {
      if (at >= none)
        return text.size();
      const auto end = ifind(text, stop, at);
      if (end == std::string_view::npos) {
        none = at;
        return text.size();
      }
      return end + stop.size();
    };
    std::size_t end = 0;
    if (rest.starts_with("<!--"))
      end = until("-->", no_comment_end);
    else if (ibegins(rest, "<script"))
      end = until("</script>", no_script_end);
    else if (ibegins(rest, "<style"))
      end = until("</style>", no_style_end);
    else if (rest.size() > 1 && (is_alpha(rest[1]) || rest[1] == '/' || rest[1] == '!'))
      end = until(">", no_tag_end);
    else {
      ++at;
      continue;
    }
    blank(at, end);
    for (const std::string_view block : {"<p", "</p", "<br", "</h", "</li", "<li", "</div", "</t", "<div", "<h"})
      if (ibegins(rest, block)) {
        out[at] = out[at] == '\n' || out[at] == '\r' ? out[at] : paragraph_end;
        break;
      }
    at = end;
  }
  return out;
}

extraction extract_text(std::string_view name, std::string_view text) { return text_report{name, text}.run(); }

} // namespace fm::extractors
