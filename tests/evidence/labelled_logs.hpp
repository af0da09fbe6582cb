// Labelled logs of our own in the formats of the field, written from the files of labelled/ (its README says how they
// read): each line knows which message made it. Deterministic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fm::testing_support {

struct labelled_log {
  std::string text;
  std::vector<int> labels; ///< by line
  std::vector<bool> alert; ///< by line: somebody should look
};
struct log_kind {
  struct row {
    int weight = 0; ///< lines in 2,000
    bool alert = false;
    std::string level, component, message;
  };
  std::string name, head;
  std::vector<row> rows;
};

/// Throws when a file is not as it should be.
inline log_kind read_log_kind(const std::filesystem::path& path) {
  log_kind kind;
  kind.name = path.stem().string();
  std::ifstream in{path};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("head: ")) {
      kind.head = line.substr(6);
      continue;
    }
    log_kind::row r;
    std::string_view t = line;
    if (t.starts_with("!")) {
      r.alert = true;
      t.remove_prefix(1);
    }
    const auto cut = [&](char mark) {
      const auto at = t.find(mark);
      if (at == std::string_view::npos)
        throw std::runtime_error(path.string() + ": " + line);
      const auto part = std::string{t.substr(0, at)};
      t.remove_prefix(at + 1);
      return part;
    };
    r.weight = std::stoi(cut(' '));
    r.level = cut('|');
    r.component = cut('|');
    r.message = std::string{t};
    kind.rows.push_back(std::move(r));
  }
  if (kind.head.empty() || kind.rows.empty())
    throw std::runtime_error(path.string() + " holds no kind of log");
  return kind;
}

/// All of labelled/, by name.
inline const std::vector<log_kind>& log_kinds() {
  static const auto kinds = [] {
    std::vector<log_kind> list;
    for (auto& file : std::filesystem::directory_iterator{FM_SOURCE_DIR "/tests/evidence/labelled"})
      if (file.path().extension() == ".txt")
        list.push_back(read_log_kind(file.path()));
    std::sort(list.begin(), list.end(), [](auto& a, auto& b) { return a.name < b.name; });
    return list;
  }();
  return kinds;
}
inline const log_kind& log_kind_of(std::string_view name) {
  return *std::find_if(log_kinds().begin(), log_kinds().end(), [&](auto& k) { return k.name == name; });
}

class log_writer {
public:
  explicit log_writer(std::uint64_t seed) : random_(seed) {}

  labelled_log write(const log_kind& kind, std::size_t lines) {
    std::uint64_t total = 0;
    for (auto& r : kind.rows)
      total += static_cast<std::uint64_t>(r.weight);
    labelled_log out;
    for (std::size_t i = 0; i < lines; ++i) {
      auto pick = random_() % total;
      std::size_t which = 0;
      while (pick >= static_cast<std::uint64_t>(kind.rows[which].weight))
        pick -= static_cast<std::uint64_t>(kind.rows[which++].weight);
      second_ += random_() % 3;
      const auto& r = kind.rows[which];
      out.text += fill(head(kind.head, r.level, r.component)) + fill(head(r.message, r.level, r.component)) + "\n";
      out.labels.push_back(static_cast<int>(which));
      out.alert.push_back(r.alert);
    }
    return out;
  }

private:
  std::string number(std::uint64_t most) { return std::to_string(random_() % most); }
  std::string hex(std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i)
      out += "0123456789abcdef"[random_() % 16];
    return out;
  }
  std::string ip() { return "10." + number(256) + "." + number(256) + "." + number(256); }
  std::string format(const char* f, int a, int b, int c, int d = 0, int e = 0, int g = 0) {
    char text[64];
    std::snprintf(text, sizeof text, f, a, b, c, d, e, g);
    return text;
  }
  /// Replaces $-marks of a head.
  std::string head(std::string_view h, const std::string& level, const std::string& component) {
    const int s = static_cast<int>(second_ % 60), m = static_cast<int>(second_ / 60 % 60), hour = static_cast<int>(second_ / 3'600 % 24);
    std::string out;
    for (std::size_t i = 0; i < h.size(); ++i) {
      if (h[i] != '$' || i + 1 == h.size()) {
        out += h[i];
        continue;
      }
      switch (h[++i]) {
      case 'T': out += format("2015-10-18 %02d:%02d:%02d", hour, m, s); break;
      case 'M': out += format("%03d%.0d%.0d", static_cast<int>(random_() % 1'000), 0, 0); break;
      case 'c': out += format("%02d:%02d:%02d", hour, m, s); break;
      case 'd': out += format("2017-07-%02d", 1 + static_cast<int>(random_() % 28), 0, 0); break;
      case 't': out += format("%02d%02d%02d", hour, m, s); break;
      case 'N': out += format("%05d", static_cast<int>(random_() % 100'000), 0, 0); break;
      case 'E': out += std::to_string(1'117'838'570 + second_); break;
      case 'b': out += format("2005-06-03-%02d.%02d.%02d.675872", hour, m, s); break;
      case 'R': out += node_; break;
      case 'H': out += host_; break;
      case 'g': out += format("Nov  9 %02d:%02d:%02d", hour, m, s); break;
      case 'h': out += std::to_string(hour) + format(":%d:%d:%d", m, s, static_cast<int>(random_() % 1'000)); break;
      case 'A': out += format("Sun Dec 04 %02d:%02d:%02d 2005", hour, m, s); break;
      case 'n': out += format("10/Oct/2025:%02d:%02d:%02d +0000", hour, m, s); break;
      case 'L':
      case 'l': out += level; break;
      case 'C': out += component; break;
      default: out += '$'; out += h[i];
      }
    }
    if (random_() % 4 == 0) {
      node_ = "R0" + number(4) + "-M" + number(2) + "-N" + number(9) + "-C:J" + number(17) + "-U11";
      host_ = "dn" + number(900);
    }
    return out;
  }
  std::string fill(std::string_view t) {
    std::string out;
    for (std::size_t i = 0; i < t.size(); ++i) {
      if (t[i] != '{') {
        out += t[i];
        continue;
      }
      int depth = 0;
      auto end = i;
      for (; end < t.size(); ++end) {
        depth += t[end] == '{' ? 1 : t[end] == '}' ? -1 : 0;
        if (depth == 0)
          break;
      }
      out += slot(t.substr(i + 1, end - i - 1));
      i = end;
    }
    return out;
  }
  std::string slot(std::string_view s) {
    static const char* names[] = {"admin", "oracle", "test", "guest", "postgres", "pi", "ubnt", "ftpuser", "webmaster", "alice", "bob", "carol", "dave", "support", "info", "user", "matlab", "zabbix", "jenkins", "git"};
    static const char* jobs[] = {"nightly-export", "cleanup", "reindex", "mail-digest", "rotate-keys", "sync-stock", "billing", "warmup"};
    if (s == "n")
      return number(random_() % 3 == 0 ? 10 : 100'000);
    if (s == "ip")
      return ip();
    if (s == "port")
      return std::to_string(1'024 + random_() % 60'000);
    if (s == "s")
      return number(16);
    if (s == "f")
      return number(300) + "." + number(100);
    if (s == "x")
      return hex(7) + number(10);
    if (s == "mac")
      return hex(2) + ":" + hex(2) + ":" + hex(2) + ":" + hex(2) + ":" + hex(2) + ":" + hex(2);
    if (s == "word") {
      static const char* first[] = {"tbird", "admin", "map", "local", "audit", "cache", "input", "sync", "shop", "phone", "north", "task"};
      static const char* second[] = {"board", "runner", "output", "store", "keeper", "client", "market", "splits", "center", "reader", "maker", "house"};
      return std::string{first[random_() % 12]} + second[random_() % 12];
    }
    if (s == "blk")
      return std::string{"blk_"} + (random_() % 2 ? "-" : "") + std::to_string(random_() % 9'000'000'000ULL + 1'000'000);
    if (s == "uuid")
      return hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12);
    if (s == "path")
      return "/mnt/hadoop/dfs/data/part-" + number(1'000) + "/file" + number(100);
    if (s == "host")
      return "host" + number(400) + ".rack" + number(9) + ".example.net";
    if (s == "user")
      return names[random_() % 20];
    if (s == "root") // nearly always, so that the others are no kind of their own
      return random_() % 250 != 0 ? "root" : names[random_() % 3];
    if (s == "day") {
      static const char* days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
      return days[random_() % 7];
    }
    if (s == "job")
      return jobs[random_() % 8];
    std::vector<std::string> options;
    int depth = 0;
    std::string one;
    for (const char c : s) {
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (c == '|' && depth == 0) {
        options.push_back(one);
        one.clear();
      } else {
        one += c;
      }
    }
    options.push_back(one);
    return options.size() == 1 ? "{" + fill(std::string{s}) + "}" : fill(options[random_() % options.size()]);
  }

  std::mt19937_64 random_;
  std::uint64_t second_ = 40'000;
  std::string node_ = "R02-M1-N0-C:J12-U11", host_ = "dn228";
};

/// Share of lines whose predicted group is exactly its true group (Zhu et al., "Tools and Benchmarks for Automated
/// Log Parsing", ICSE-SEIP 2019).
inline double grouping_accuracy(const std::vector<int>& truth, const std::vector<std::uint32_t>& found) {
  std::map<std::uint32_t, std::map<int, std::size_t>> inside;
  std::map<int, std::size_t> sizes;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    ++inside[found[i]][truth[i]];
    ++sizes[truth[i]];
  }
  std::size_t right = 0;
  for (auto& [group, labels] : inside)
    if (labels.size() == 1 && labels.begin()->second == sizes[labels.begin()->first])
      right += labels.begin()->second;
  return static_cast<double>(right) / static_cast<double>(truth.size());
}

} // namespace fm::testing_support
