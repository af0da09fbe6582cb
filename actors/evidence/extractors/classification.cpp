// Seven types by points: each kind of content gives points to its type, the name and the declared type add a few.
// Magic numbers decide alone.
#include "actors/evidence/extractors/chat.hpp"
#include "actors/evidence/extractors/configuration.hpp"
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/extractors/lines.hpp"
#include "actors/evidence/extractors/traces.hpp"
#include "actors/evidence/log_triage.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>

namespace fm::extractors {
namespace {

constexpr std::size_t bytes_looked_at = 256U << 10;
constexpr std::size_t lines_looked_at = 400;
constexpr std::size_t config_bytes_parsed = 16U << 10;

struct name_hint {
  std::string_view endings; ///< "|log|err|"
  data_type type;
};
constexpr std::array hints{
  name_hint{"|log|err|out|trace|stderr|stdout|syslog|journal|", data_type::logs_and_errors},
  name_hint{"|csv|tsv|prom|metrics|sar|folded|collapsed|", data_type::metrics_and_performance},
  name_hint{"|yaml|yml|json|toml|ini|cfg|conf|cnf|properties|env|service|timer|socket|unit|xml|tf|hcl|", data_type::structured_config},
  name_hint{"|py|js|ts|jsx|tsx|java|kt|cs|go|rs|c|h|cpp|cc|cxx|hpp|rb|php|sh|bash|sql|scala|swift|pl|lua|", data_type::source_code},
  name_hint{"|txt|md|markdown|rst|html|htm|adoc|eml|", data_type::unstructured_text},
  name_hint{"|png|jpg|jpeg|pdf|gif|bmp|webp|tif|tiff|", data_type::visual_evidence},
};

std::string extension_of(std::string_view name) {
  const auto slash = name.find_last_of("/\\");
  const auto base = slash == std::string_view::npos ? name : name.substr(slash + 1);
  auto dot = base.rfind('.');
  if (dot == std::string_view::npos)
    return {};
  auto last = ascii_lower(base.substr(dot + 1));
  // app.log.1, app.log.2026-01-31
  if (!last.empty() && is_digit(last[0]) && dot > 0) {
    const auto before = base.rfind('.', dot - 1);
    if (before != std::string_view::npos)
      return ascii_lower(base.substr(before + 1, dot - before - 1));
  }
  return last;
}

struct shape {
  std::size_t rows = 0, log_like = 0, levels = 0, times = 0, prose = 0, tabular = 0, prometheus = 0, json_objects = 0, json_events = 0, stack = 0, markdown = 0;
  double control = 0; ///< share of bytes no text has
};

bool level_word(std::string_view line) {
  const auto head = line.substr(0, 160);
  for (const std::string_view word : {"ERROR", "WARN", "WARNING", "INFO", "DEBUG", "FATAL", "TRACE", "CRITICAL", "NOTICE", "SEVERE"})
    for (auto at = head.find(word); at != std::string_view::npos; at = head.find(word, at + 1))
      if ((at == 0 || !is_word(head[at - 1])) && (at + word.size() >= head.size() || !is_word(head[at + word.size()])))
        return true;
  return false;
}

/// "[ 3456.100000] ": seconds since the kernel started.
bool uptime_stamp(std::string_view line) {
  if (line.empty() || line[0] != '[')
    return false;
  auto at = std::min(line.find_first_not_of(' ', 1), line.size());
  const auto seconds = at;
  while (at < line.size() && is_digit(line[at]))
    ++at;
  if (at == seconds || at - seconds > 9 || at >= line.size() || line[at] != '.')
    return false;
  const auto fraction = ++at;
  while (at < line.size() && is_digit(line[at]))
    ++at;
  return at - fraction == 6 && line.substr(at, 2) == "] ";
}

/// A line of a stack trace, or one that announces it.
bool stack_line(std::string_view line, std::string_view trimmed_line) {
  for (const std::string_view begin : {"at ", "Caused by:", "Traceback (", "File \"", "goroutine ", "panic: ", "[signal SIG", "created by ", "#0  0x", "terminate called"})
    if (trimmed_line.starts_with(begin))
      return true;
  return trimmed_line.find("Exception") != std::string_view::npos || (line[0] == '\t' && line.find(".go:") != std::string_view::npos);
}

bool prose_line(std::string_view line) {
  std::size_t words = 0, letters = 0, odd = 0, lower = 0;
  bool in = false;
  for (char c : line.substr(0, 400)) {
    if (is_alpha(c) || static_cast<unsigned char>(c) >= 0x80) {
      ++letters;
      lower += c >= 'a' && c <= 'z' ? 1 : 0;
      words += in ? 0 : 1;
      in = true;
    } else {
      in = c == '\'' && in;
      odd += c == '{' || c == '}' || c == ';' || c == '=' || c == '<' || c == '>' || c == '_' || c == '|' || c == '\\' || c == '[' ? 1 : 0;
    }
  }
  return words >= 5 && letters * 10 >= line.substr(0, 400).size() * 7 && odd * 20 <= letters && lower * 2 > letters;
}

shape look(std::string_view head) {
  shape s;
  const lines all{head, lines_looked_at};
  std::size_t separators = SIZE_MAX, same = 0;
  char separator = '\0';
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = all[i].substr(0, 2'000);
    const auto t = trimmed(line);
    if (t.empty())
      continue;
    ++s.rows;
    const auto header = evidence::parse_header(line);
    const bool timed = header.time_ms.has_value() || uptime_stamp(line);
    const bool level = header.level != evidence::severity::none || level_word(line);
    s.times += timed ? 1 : 0;
    s.levels += level ? 1 : 0;
    s.log_like += timed || (level && line.size() > 8) ? 1 : 0;
    s.prose += prose_line(t) ? 1 : 0;
    s.markdown += t[0] == '#' || t.starts_with("- ") || t.starts_with("* ") || t.starts_with("```") ? 1 : 0;
    s.stack += stack_line(line, t) ? 1 : 0;
    if (t[0] == '{' && t.size() > 10 && (t.back() == '}' || line.size() == 2'000)) {
      ++s.json_objects;
      const bool event = t.find("\"msg\"") != std::string_view::npos || t.find("\"message\"") != std::string_view::npos || t.find("\"log\"") != std::string_view::npos || t.find("\"level\"") != std::string_view::npos ||
                         t.find("\"severity\"") != std::string_view::npos;
      s.json_events += event ? 1 : 0;
    }
    if (t.starts_with("# TYPE ") || t.starts_with("# HELP "))
      s.prometheus += 2;
    else if (is_alpha(t[0])) {
      const auto brace = t.find('{');
      const auto close = t.rfind("} ");
      if ((brace != std::string_view::npos && close != std::string_view::npos && brace < close && brace < t.find(' ') && to_number(trimmed(t.substr(close + 2)).substr(0, trimmed(t.substr(close + 2)).find(' ')))))
        ++s.prometheus;
    }
    if (s.rows == 1)
      for (const char c : {',', '\t', ';'})
        if (const auto n = static_cast<std::size_t>(std::count(line.begin(), line.end(), c)); n > 0 && (separators == SIZE_MAX || n > separators)) {
          separators = n;
          separator = c;
        }
    if (separator != '\0' && static_cast<std::size_t>(std::count(line.begin(), line.end(), separator)) == separators) {
      ++same;
      std::size_t digits = 0;
      for (char c : line)
        digits += is_digit(c) ? 1 : 0;
      s.tabular += s.rows == 1 || digits * 4 >= line.size() ? 1 : 0;
    }
  }
  if (same * 10 < s.rows * 9)
    s.tabular = 0;
  return s;
}

} // namespace

std::string_view magic_of(std::string_view b) noexcept {
  const auto begins = [&](std::string_view m) { return b.substr(0, m.size()) == m; };
  if (begins("\x89PNG\r\n\x1a\n"))
    return "png";
  if (begins("\xFF\xD8\xFF"))
    return "jpeg";
  if (begins("%PDF-") || (b.substr(0, 1024).find("%PDF-") != std::string_view::npos && b.substr(0, 1024).find("obj") != std::string_view::npos))
    return "pdf";
  if (begins("\x1f\x8b"))
    return "gzip";
  if (begins("\x28\xb5\x2f\xfd"))
    return "zstd";
  if (begins("PK\x03\x04") || begins("PK\x05\x06"))
    return "zip";
  if (begins("BZh") && b.size() > 4 && b[3] >= '1' && b[3] <= '9')
    return "bzip2";
  if (begins(std::string_view{"\xFD" "7zXZ\0", 6}))
    return "xz";
  if (begins("7z\xBC\xAF\x27\x1C"))
    return "7z";
  if (begins("\x04\x22\x4d\x18"))
    return "lz4";
  if (b.size() > 262 && b.substr(257, 5) == "ustar")
    return "tar";
  if (begins("Rar!\x1a\x07"))
    return "rar";
  if (begins("GIF87a") || begins("GIF89a"))
    return "gif";
  if (begins("RIFF") && b.size() > 12 && b.substr(8, 4) == "WEBP")
    return "webp";
  if (begins(std::string_view{"II*\0", 4}) || begins(std::string_view{"MM\0*", 4}))
    return "tiff";
  if (begins("BM") && b.size() > 30 && b[6] == 0 && b[7] == 0 && b[8] == 0 && b[9] == 0 && b[14] == 40)
    return "bmp";
  if (begins("\x7f" "ELF"))
    return "elf";
  if (begins("MZ") && b.size() > 64 && b.substr(0, 512).find("PE") != std::string_view::npos && b.substr(0, 64).find('\0') != std::string_view::npos)
    return "exe";
  if (begins(std::string_view{"SQLite format 3\0", 16}))
    return "sqlite";
  if (begins("\xCA\xFE\xBA\xBE"))
    return "class";
  if (begins(std::string_view{"\xd4\xc3\xb2\xa1", 4}) || begins(std::string_view{"\xa1\xb2\xc3\xd4", 4}))
    return "pcap";
  if (begins("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
    return "ole";
  return {};
}

classification classify(std::string_view name, std::string_view mime, std::string_view bytes) {
  classification c;
  std::array<double, data_types> points{};
  const auto give = [&](data_type t, double p) { points[static_cast<std::size_t>(t)] += p; };
  const auto decided = [&](data_type t, std::string_view format, std::string reason, double confidence) {
    c.type = t;
    c.format = format;
    c.reason = std::move(reason);
    c.confidence = confidence;
    return c;
  };
  if (bytes.empty())
    return decided(data_type::unanalyzable, "empty", "The file is empty.", 1);
  const auto magic = magic_of(bytes);
  for (const std::string_view visual : {"png", "jpeg", "pdf"})
    if (magic == visual)
      return decided(data_type::visual_evidence, magic, "The content begins as " + ascii_lower(magic) + ".", 0.99);
  if (!magic.empty())
    return decided(data_type::unanalyzable, magic, "The content begins as " + std::string{magic} + "; archives are opened before this.", 0.95);

  auto head = bytes.substr(0, bytes_looked_at);
  const auto encoding = encoding_of(head, head.size() < bytes.size());
  const bool wide = is_wide(encoding);
  const bool converted = encoding != text_encoding::utf8;
  std::string as_text;
  if (converted) {
    utf8_converter converter{encoding};
    converter.feed(head, as_text);
    head = as_text;
  }
  // Counted in the bytes as they came, unless they are two to a character.
  const auto counted = wide ? head : bytes.substr(0, bytes_looked_at);
  std::size_t odd = 0;
  for (char x : counted) {
    const auto u = static_cast<unsigned char>(x);
    odd += u < 0x20 && x != '\n' && x != '\r' && x != '\t' && x != '\x1b' && x != '\f' ? 1 : 0;
  }
  const double odd_share = static_cast<double>(odd) / static_cast<double>(counted.size());
  const bool invalid = !converted && !is_valid_utf8(bytes.size() > head.size() ? head.substr(0, utf8_floor(head, head.size() > 4 ? head.size() - 4 : head.size())) : head);
  if (odd_share > 0.1 || (odd_share > 0.02 && (invalid || (converted && !wide))))
    return decided(data_type::unanalyzable, "binary", "The content is not text and begins with nothing known.", 0.9);
  // Random bytes have high entropy; base64 of them as a whole file too, but on one alphabet.
  const auto s = look(head);
  const auto rows = static_cast<double>(std::max<std::size_t>(s.rows, 1));
  if (s.rows == 0)
    return decided(data_type::unanalyzable, "blank", "The file holds only blanks.", 0.95);

  std::string format;
  const auto first = trimmed(head);
  // Logs
  const double log_share = static_cast<double>(s.log_like) / rows;
  give(data_type::logs_and_errors, 4.5 * log_share + (s.times > 0 && s.levels > 0 && log_share > 0.3 ? 1 : 0) + 2.5 * std::min(1.0, 2.5 * static_cast<double>(s.stack) / rows));
  if (s.stack >= 3 && s.stack * 2 >= s.rows)
    give(data_type::logs_and_errors, 2.5); // nothing but a crash
  if (s.json_objects >= 2 && s.json_objects * 2 > s.rows && s.json_events * 2 > s.json_objects)
    give(data_type::logs_and_errors, 5);
  // Metrics
  if (s.prometheus >= 2)
    give(data_type::metrics_and_performance, 3 + 4 * std::min(1.0, static_cast<double>(s.prometheus) / rows)), format = "prometheus";
  const bool has_letters_header = s.tabular > 0 && is_alpha(first[first[0] == '"' ? 1 : 0]);
  if (s.tabular >= 3)
    give(data_type::metrics_and_performance, 5 * static_cast<double>(s.tabular) / rows + (has_letters_header ? 0.5 : 0)), format = "csv";
  const auto has = [&](std::string_view x) { return head.find(x) != std::string_view::npos; };
  if ((has("procs ") && has("swpd")) || has("avg-cpu:") || (has("top - ") && has("load average:")) ||
      (first.starts_with("Linux ") && (has("%idle") || has("runq-sz") || has("kbmemfree") || has("rxpck/s") || has("tps") || (has("%CPU") && has("Command")) || has("kB_rd/s"))) ||
      (first.starts_with("total ") && has(" used ") && has(" free ") && has("Mem:")) || (first.starts_with("Filesystem") && has("Mounted on")))
    give(data_type::metrics_and_performance, 8), format = "system";
  const auto trace = trace_format_of(head);
  if (trace != trace_format::none)
    give(data_type::metrics_and_performance, trace == trace_format::folded ? 6 : 8), format = to_string(trace);
  if (first[0] == '{' || first[0] == '[') {
    std::size_t digits = 0;
    for (char x : head.substr(0, 16'384))
      digits += is_digit(x) ? 1 : 0;
    const double digit_share = static_cast<double>(digits) / static_cast<double>(std::min<std::size_t>(head.size(), 16'384));
    const bool samples = has("\"resultType\"") || has("\"datapoints\"") || has("\"values\"") || has("\"timestamp\"") || has("\"time\"") || has("\"ts\"");
    // One time after another, with numbers beside them.
    std::size_t stamps = 0;
    for (const std::string_view key : {"\"timestamp\":", "\"time\":", "\"ts\":", "\"t\":"})
      for (auto at = head.find(key); at != std::string_view::npos && stamps < 3; at = head.find(key, at + 1))
        ++stamps;
    if (has("\"resultType\"") && has("\"metric\""))
      give(data_type::metrics_and_performance, 7);
    else if (samples && digit_share > (stamps >= 3 ? 0.15 : 0.25) && s.json_events == 0 && !has("\"message\"") && !has("\"msg\""))
      give(data_type::metrics_and_performance, first[0] == '[' && stamps >= 3 ? 6.5 : 4.5);
    else if (digit_share > 0.5)
      give(data_type::metrics_and_performance, 3.5);
  }
  // Configuration
  const auto config = config_format_of(name, head);
  if (config != config_format::unknown) {
    double p = 0;
    switch (config) {
    case config_format::kubernetes:
    case config_format::nginx:
    case config_format::systemd: p = 6; break;
    case config_format::json: p = s.json_objects >= 2 && s.json_objects * 2 > s.rows ? 1 : 3.5; break;
    case config_format::xml: p = ifind(head.substr(0, 2'048), "<html") != std::string_view::npos ? 0.5 : first[0] == '<' ? 4 : 1; break;
    case config_format::yaml: p = 3.2; break;
    case config_format::toml:
    case config_format::ini: p = 3.5; break;
    case config_format::env: p = 3.5; break;
    case config_format::properties: p = extension_of(name) == "properties" ? 3.5 : 2; break;
    case config_format::unknown: break;
    }
    // A name alone makes nothing a configuration: the beginning must read as one.
    if (config == config_format::yaml || config == config_format::json || config == config_format::toml || config == config_format::ini) {
      const auto looked = head.substr(0, config_bytes_parsed);
      const auto parsed = parse_config(config, looked);
      if (parsed.error && parsed.error->at < looked.size() / 2)
        p *= parsed.nodes.size() > 8 ? 0.8 : 0.25; // what breaks off late is a configuration with a mistake
      else if (parsed.first() != 0 && parsed.nodes[parsed.first()].kind == node_kind::string)
        p *= 0.2; // any words are one value of YAML
    }
    p *= 1 - 0.7 * std::min(1.0, log_share) - 0.4 * std::min(1.0, static_cast<double>(s.prose) / rows);
    give(data_type::structured_config, p);
    if (format.empty())
      format = to_string(config);
  }
  // Source code
  const auto code = language_of({}, head);
  if (code.lang != language::unknown)
    give(data_type::source_code, 6 * code.confidence * (1 - 0.8 * std::min(1.0, log_share)) * (s.prose * 3 > s.rows ? 0.5 : 1));
  if (head.starts_with("#!"))
    give(data_type::source_code, 3);
  // Text
  give(data_type::unstructured_text, 3.5 * static_cast<double>(s.prose) / rows + 1.2 * std::min(1.0, 1.5 * static_cast<double>(s.markdown) / rows) * (s.prose > 0 ? 1 : 0.4) + 0.6);
  if (ifind(head.substr(0, 2'048), "<html") != std::string_view::npos || ifind(head.substr(0, 2'048), "<!doctype html") != std::string_view::npos)
    give(data_type::unstructured_text, 5);

  const bool chat = !chat_of(lines{head, lines_looked_at}).empty();
  if (chat) // its lines begin with times as those of logs do
    give(data_type::unstructured_text, 8);

  // What the name and the sender say.
  const auto extension = extension_of(name);
  if (!extension.empty())
    for (auto& h : hints)
      if (h.endings.find("|" + extension + "|") != std::string_view::npos && h.type != data_type::visual_evidence)
        give(h.type, h.type == data_type::unstructured_text ? 0.9 : h.type == data_type::logs_and_errors && s.log_like + s.stack == 0 ? 0.5 : 1.6);
  const auto base = ascii_lower(name.substr(name.find_last_of("/\\") == std::string_view::npos ? 0 : name.find_last_of("/\\") + 1));
  if (base == "sshd_config" || base == "ssh_config" || base == "dockerfile" || base == "makefile" || base == "jenkinsfile" || base == "nginx.conf" || base.starts_with(".env") || base == "docker-compose.yml")
    give(data_type::structured_config, 2.5);
  if (base.find("log") != std::string::npos || base == "messages" || base == "syslog")
    give(data_type::logs_and_errors, 0.5);
  if (mime.find("csv") != std::string_view::npos)
    give(data_type::metrics_and_performance, 0.6);
  else if (mime.find("yaml") != std::string_view::npos || mime.find("toml") != std::string_view::npos || mime == "application/json")
    give(data_type::structured_config, 0.5);
  else if (mime.find("markdown") != std::string_view::npos || mime.find("html") != std::string_view::npos)
    give(data_type::unstructured_text, 0.8);
  else if (mime.find("x-log") != std::string_view::npos)
    give(data_type::logs_and_errors, 0.8);
  else if (mime.starts_with("text/x-") || mime.find("javascript") != std::string_view::npos)
    give(data_type::source_code, 0.6);

  double total = 0;
  for (double p : points)
    total += p;
  std::vector<alternative> order;
  for (std::size_t t = 0; t < data_types; ++t)
    order.push_back({static_cast<data_type>(t), points[t]});
  std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.confidence > b.confidence; });
  c.type = order[0].type;
  // How far the best is ahead of the next, and how much there is at all.
  c.confidence = std::clamp((order[0].confidence / std::max(total, 1e-9)) * 0.6 + std::min(1.0, order[0].confidence / 5) * 0.4, 0.05, 0.98);
  for (std::size_t i = 1; i < order.size() && c.alternatives.size() < 3; ++i)
    if (order[i].confidence > 0.15 * total)
      c.alternatives.push_back({order[i].type, std::round(order[i].confidence / total * 1000) / 1000});
  c.confidence = std::round(c.confidence * 1000) / 1000;
  switch (c.type) {
  case data_type::logs_and_errors:
    c.format = s.json_events > 0 ? "json_lines" : "log";
    c.reason = std::to_string(s.log_like) + " of the first " + std::to_string(s.rows) + " lines begin like log lines.";
    break;
  case data_type::metrics_and_performance:
    c.format = format;
    c.reason = "The lines are samples (" + format + ").";
    break;
  case data_type::structured_config:
    c.format = to_string(config);
    c.reason = "The content reads as " + c.format + ".";
    break;
  case data_type::source_code:
    c.format = to_string(language_of(name, head).lang);
    c.reason = "The content reads as " + c.format + " source.";
    break;
  default:
    c.format = chat && c.type == data_type::unstructured_text ? "chat" : "text";
    c.reason = c.format == "chat" ? "People speak to each other in it." : "Sentences rather than records.";
  }
  return c;
}

} // namespace fm::extractors
