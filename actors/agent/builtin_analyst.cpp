// Quotes are copied from the input byte for byte, or not at all.
#include "actors/agent/builtin_analyst.hpp"

#include "actors/evidence/log_triage.hpp"
#include "actors/evidence/render.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm {
namespace {
using evidence::analysis;
using evidence::line_ref;
using evidence::severity;

constexpr std::size_t quote_bytes_max = 400;
constexpr std::size_t passage_bytes_max = 600;

/// The line, or its longest beginning that may be quoted; empty when it cannot be quoted as it is.
std::string_view quotable(std::string_view line) {
  line = line.substr(0, utf8_floor(line, std::min(line.size(), quote_bytes_max)));
  for (std::size_t i = 0; i < line.size(); ++i)
    if (static_cast<unsigned char>(line[i]) < 0x20 && line[i] != '\t') {
      line = line.substr(0, i);
      break;
    }
  if (!is_valid_utf8(line) || line.find("```") != std::string_view::npos)
    return {};
  return line;
}

void quote(std::string& out, const analysis& a, const line_ref& l) {
  const auto text = quotable(a.text(l));
  if (text.empty())
    out += "line " + std::to_string(l.number) + " (it holds bytes that cannot be shown here)\n\n";
  else
    out += "```\n" + std::string{text} + "\n```\n\n";
}

std::string plural(std::uint64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

struct advice {
  std::string_view word, topic, ask;
};
constexpr advice all_advice[] = {
    {"timeout", "time-outs", "the latency and error rate of the called service over the same minutes, and both sides' time-out settings"},
    {"timed out", "time-outs", "the latency and error rate of the called service over the same minutes, and both sides' time-out settings"},
    {"connection refused", "refused connections", "whether the target process was listening at that moment (its own log, restarts, `ss -ltnp`)"},
    {"out of memory", "memory", "memory of the process and the machine before the first such line (`dmesg`, container limits, a heap summary)"},
    {"oom", "memory", "memory of the process and the machine before the first such line (`dmesg`, container limits, a heap summary)"},
    {"no space left", "disk", "`df -h` and `df -i` of the file system, and what grew last"},
    {"disk", "disk", "`df -h`, `df -i`, `iostat -x 1 5` and the kernel log of that time"},
    {"certificate", "TLS", "the certificate chain and its dates (`openssl s_client -connect host:port`), and the clocks of both machines"},
    {"tls", "TLS", "the certificate chain and its dates (`openssl s_client -connect host:port`), and the clocks of both machines"},
    {"deadlock", "the database", "the database's own log and its lock table at that time"},
    {"database", "the database", "the database's log, the number of connections, and the slowest statements of that time"},
    {"postgres", "the database", "the database's log, `pg_stat_activity`, and the slowest statements of that time"},
    {"sql", "the database", "the database's log, the number of connections, and the slowest statements of that time"},
    {"crashloop", "Kubernetes", "`kubectl describe pod`, the previous container's log and recent events"},
    {"kube", "Kubernetes", "`kubectl describe` of the object, recent events, and what was rolled out last"},
    {"pod", "Kubernetes", "`kubectl describe pod`, the previous container's log and recent events"},
    {"dns", "name resolution", "`dig` of the name from the failing machine, and its resolver settings"},
    {"permission denied", "permissions", "the user the process runs as, and owner and mode of the named object"},
    {"queue", "a queue", "depth and age of the oldest message over time, and the consumers' logs"},
    {"kafka", "a queue", "consumer lag over time and the brokers' logs"},
    {"deploy", "a change", "what was deployed or configured last, when exactly, and the difference"},
    {"latency", "slowness", "latency percentiles over time, and when it was last normal"},
    {"slow", "slowness", "latency percentiles over time, and when it was last normal"},
};

std::vector<const advice*> advice_for(std::string_view text) {
  const auto lower = ascii_lower(text);
  std::vector<const advice*> found;
  for (auto& a : all_advice)
    if (lower.find(a.word) != std::string::npos && std::none_of(found.begin(), found.end(), [&](auto* f) { return f->topic == a.topic; })) {
      found.push_back(&a);
      if (found.size() == 3)
        break;
    }
  return found;
}

std::string span_of(const analysis& a) {
  if (!a.from_ms)
    return "no times could be read";
  auto from = evidence::render_time(*a.from_ms), to = evidence::render_time(*a.to_ms);
  if (!a.year_known) {
    from = from.substr(5);
    to = to.substr(5);
  }
  return from + " to " + to + (a.year_known ? "" : " (year not given)") + (a.zone_known ? " UTC" : " (time zone not given)");
}

void describe(std::vector<std::string>& chunks, const analysis& a, std::string_view where) {
  std::string out = "## What stands out\n\n";
  out += std::string{where} + " has " + plural(a.lines, "line", "lines") + " in " + plural(a.templates.size(), "pattern", "patterns") + "; " + span_of(a) + ". ";
  const auto count = [&](severity s) { return a.by_severity[static_cast<std::size_t>(s)]; };
  if (count(severity::fatal) + count(severity::error) + count(severity::warning) == 0)
    out += "I recognised no errors and no warnings in it.\n\n";
  else
    out += "By level: " + std::to_string(count(severity::fatal)) + " fatal, " + std::to_string(count(severity::error)) + " error, " + std::to_string(count(severity::warning)) + " warning.\n\n";
  chunks.push_back(std::move(out));
  std::size_t n = 0;
  for (auto& f : a.findings) {
    if (++n > 8)
      break;
    std::string item = "**" + std::to_string(n) + ". " + f.title + "** (line " + std::to_string(f.line.number) + ")\n\n";
    quote(item, a, f.line);
    chunks.push_back(std::move(item));
  }
  std::vector<const evidence::log_template*> frequent;
  for (auto& t : a.templates)
    frequent.push_back(&t);
  std::stable_sort(frequent.begin(), frequent.end(), [](auto* x, auto* y) { return x->count > y->count; });
  if (frequent.size() > 1) {
    std::string table = "## Most frequent\n\n| lines | share | level | first seen |\n|---:|---:|---|---:|\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(5, frequent.size()); ++i)
      table += "| " + std::to_string(frequent[i]->count) + " | " + std::to_string(frequent[i]->count * 100 / std::max<std::uint64_t>(1, a.lines)) + " % | " + std::string{evidence::name_of(frequent[i]->level)} + " | line " + std::to_string(frequent[i]->first.number) + " |\n";
    chunks.push_back(table + "\n");
  }
}

constexpr std::size_t names_max = 8, name_bytes_max = 200, words_max = 16;
bool in_name(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80; }

/// Where `name` stands in `line` and is not a part of a longer one.
bool holds_name(std::string_view line, std::string_view name) {
  for (auto at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1))
    if ((at == 0 || !in_name(line[at - 1]) || !in_name(name.front())) && (at + name.size() >= line.size() || !in_name(line[at + name.size()]) || !in_name(name.back())))
      return true;
  return false;
}

/// Words that tell a subject from a way of asking.
std::vector<std::string> subjects_in(std::string_view question) {
  static constexpr std::string_view asking[] = {"what", "when", "where", "which", "whose", "does", "happened", "happens", "happen", "about", "with", "that", "this", "there", "have", "from", "show", "tell", "find",
                                                "were", "will", "would", "could", "should", "please", "line", "lines", "file", "files", "case", "into", "then", "been", "look", "know", "said", "says", "mean", "means"};
  std::vector<std::string> out;
  for (std::size_t at = 0; at < question.size() && out.size() < words_max;) {
    const auto begin = at;
    while (at < question.size() && in_name(question[at]))
      ++at;
    auto word = ascii_lower(question.substr(begin, at - begin));
    if (word.size() >= 4 && std::find(std::begin(asking), std::end(asking), word) == std::end(asking) && std::find(out.begin(), out.end(), word) == out.end())
      out.push_back(std::move(word));
    at += at == begin ? 1 : 0;
  }
  return out;
}

/// The lines that are about what the question names: all of them hold a name; without names, all of its subjects.
std::vector<std::size_t> lines_about(const analyst_input& input, const std::vector<std::string>& names) {
  const auto subjects = names.empty() ? subjects_in(input.question) : std::vector<std::string>{};
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < input.found.size(); ++i) {
    const auto line = ascii_lower(input.found[i].text);
    const bool about = names.empty() ? !subjects.empty() && std::all_of(subjects.begin(), subjects.end(), [&](auto& w) { return line.find(w) != std::string::npos; })
                                     : std::any_of(names.begin(), names.end(), [&](auto& n) { return holds_name(line, n); });
    if (about && !quotable(input.found[i].text).empty())
      out.push_back(i);
  }
  return out;
}

std::string place_of(const analyst_line& l) {
  return (l.part.empty() ? std::string{} : l.part + " in ") + l.file_name + ", line " + std::to_string(l.line);
}

void quote_lines(std::vector<std::string>& chunks, const analyst_input& input, const std::vector<std::size_t>& cited, const std::vector<std::string>& names) {
  std::string out = "## What the files of this case say";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? " about `" : ", `") + names[i] + "`";
  out += "\n\n" + plural(cited.size(), "line", "lines") + " that fit best, out of a search in all files of the case:\n\n";
  chunks.push_back(std::move(out));
  for (const auto i : cited) {
    const auto& l = input.found[i];
    auto item = "**" + place_of(l) + "**";
    if (!l.level.empty() || !l.at.empty())
      item += " (" + l.level + (l.level.empty() || l.at.empty() ? "" : ", ") + l.at + ")";
    chunks.push_back(item + "\n\n```\n" + std::string{quotable(l.text)} + "\n```\n\n");
  }
}

} // namespace

std::vector<std::string> names_in(std::string_view question) {
  std::vector<std::string> out;
  const auto take = [&](std::string_view name) {
    auto lower = ascii_lower(name);
    lower.erase(std::remove(lower.begin(), lower.end(), '`'), lower.end());
    if (out.size() < names_max && !lower.empty() && lower.size() <= name_bytes_max && is_valid_utf8(lower) && lower.find('\n') == std::string::npos && std::find(out.begin(), out.end(), lower) == out.end())
      out.push_back(std::move(lower));
  };
  for (const char mark : {'"', '`'})
    for (auto from = question.find(mark); from != std::string_view::npos;) {
      const auto to = question.find(mark, from + 1);
      if (to == std::string_view::npos)
        break;
      if (to > from + 2)
        take(question.substr(from + 1, to - from - 1));
      from = question.find(mark, to + 1);
    }
  for (std::size_t at = 0; at < question.size();) {
    const auto from = question.find_first_not_of(" \t\r\n", at);
    if (from == std::string_view::npos)
      break;
    at = std::min(question.find_first_of(" \t\r\n", from), question.size());
    auto piece = question.substr(from, at - from);
    while (!piece.empty() && !in_name(piece.back()))
      piece.remove_suffix(1);
    while (!piece.empty() && !in_name(piece.front()))
      piece.remove_prefix(1);
    const bool digit = std::any_of(piece.begin(), piece.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (piece.size() >= 3 && (digit || piece.find('_') != std::string_view::npos))
      take(piece);
  }
  return out;
}

analyst_answer answer_builtin(const analyst_input& input) {
  analyst_answer result;
  auto& chunks = result.chunks;
  chunks.push_back("*No language model is configured on this server: this is the built-in analysis. It reads what you paste, "
                   "counts, groups and quotes; it does not guess.*\n\n");
  std::string_view log;
  std::string where;
  if (evidence::looks_like_log(input.question)) {
    log = input.question;
    where = "The text you pasted";
  } else {
    for (auto it = input.earlier.rbegin(); it != input.earlier.rend() && log.empty(); ++it)
      if (evidence::looks_like_log(*it)) {
        log = *it;
        where = "The log pasted earlier in this case";
      }
  }
  std::string needs = "## What I would need next\n\n";
  if (!log.empty()) {
    const auto a = evidence::analyze(log);
    describe(chunks, a, where);
    result.response_type = "ANSWER";
    result.confidence = a.findings.empty() ? 0.3 : 0.6;
    std::string seen = input.question.size() < 2'000 ? input.question : std::string{};
    for (auto& f : a.findings)
      seen += " " + std::string{a.text(f.line)};
    std::size_t n = 0;
    for (auto* hint : advice_for(seen))
      needs += std::to_string(++n) + ". About " + std::string{hint->topic} + ": " + std::string{hint->ask} + ".\n";
    if (a.from_ms)
      needs += std::to_string(++n) + ". What changed shortly before " + evidence::render_time(*a.from_ms).substr(a.year_known ? 0 : 5) + " (deploys, configuration, traffic).\n";
    needs += std::to_string(++n) + ". The same kind of log from a time when all was well, to see which patterns are new.\n";
  } else if (const auto names = names_in(input.question); !(result.cited = lines_about(input, names)).empty()) {
    quote_lines(chunks, input, result.cited, names);
    result.response_type = "ANSWER";
    result.confidence = names.empty() ? 0.4 : 0.6;
    std::string seen;
    for (const auto i : result.cited)
      seen += " " + input.found[i].text;
    std::size_t n = 0;
    for (auto* hint : advice_for(seen))
      needs += std::to_string(++n) + ". About " + std::string{hint->topic} + ": " + std::string{hint->ask} + ".\n";
    needs += std::to_string(++n) + ". The lines before and after these, in the file or of its neighbours at that time.\n";
  } else if (!input.analyses.empty()) {
    constexpr std::size_t files_max = 3;
    chunks.push_back("## What the files of this case say\n\n");
    std::string seen;
    const auto from = input.analyses.size() > files_max ? input.analyses.size() - files_max : 0;
    for (auto i = input.analyses.size(); i-- > from;) {
      auto text = input.analyses[i];
      for (auto at = text.find("```"); at != std::string::npos; at = text.find("```")) // would end the block around it
        text.replace(at, 3, "~~~");
      chunks.push_back("```\n" + text + (text.ends_with('\n') ? "" : "\n") + "```\n\n");
      seen += " " + text;
    }
    result.response_type = "ANSWER";
    result.confidence = 0.5;
    std::size_t n = 0;
    for (auto* hint : advice_for(seen))
      needs += std::to_string(++n) + ". About " + std::string{hint->topic} + ": " + std::string{hint->ask} + ".\n";
    needs += std::to_string(++n) + ". What changed shortly before the first of these lines (deploys, configuration, traffic).\n";
  } else {
    chunks.push_back("I see no log, trace or metrics in this case yet, so there is nothing I could check. "
                     "Paste the lines around the first failure (a few hundred are better than ten).\n\n");
    result.response_type = "NEEDS_MORE_DATA";
    result.confidence = 0.1;
    std::string all = input.question + " " + input.case_title;
    std::size_t n = 0;
    for (auto* hint : advice_for(all))
      needs += std::to_string(++n) + ". About " + std::string{hint->topic} + ": " + std::string{hint->ask} + ".\n";
    needs += std::to_string(++n) + ". When it began and whether it is still going on.\n";
    needs += std::to_string(++n) + ". Who or what is affected, and what still works.\n";
    needs += std::to_string(++n) + ". What changed in the hours before.\n";
    needs += std::to_string(++n) + ". The log of the failing component around the first occurrence.\n";
  }
  if (!input.known.empty()) {
    std::string known = "## From the knowledge base\n\n";
    for (auto& p : input.known) {
      std::string text;
      for (char c : p.text.substr(0, utf8_floor(p.text, std::min(p.text.size(), passage_bytes_max))))
        c == '\n' ? void(text += "\n> ") : void(text += c);
      known += "**" + p.title + "** [" + p.document_id + "]\n\n> " + text + (p.text.size() > passage_bytes_max ? " …" : "") + "\n\n";
    }
    chunks.push_back(std::move(known));
  }
  chunks.push_back(std::move(needs));
  for (auto& c : chunks)
    if (!is_valid_utf8(c))
      c = to_valid_utf8(c);
  return result;
}

} // namespace fm
