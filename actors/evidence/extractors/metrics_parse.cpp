// Readers of metrics. Each takes the whole text and gives series; none keeps more than the bounds of metrics.hpp.
#include "actors/evidence/extractors/document.hpp"
#include "actors/evidence/extractors/metrics.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

namespace fm::extractors {
namespace {

constexpr std::size_t cells_max = 512; ///< columns of a table

/// Series by name with the common bounds.
class collector {
public:
  explicit collector(series_set& set) : set_(set) {}
  /// SIZE_MAX when there is no room.
  std::size_t slot(std::string_view name) {
    if (const auto it = index_.find(std::string{name}); it != index_.end())
      return it->second;
    if (set_.all.size() >= metric_series_max) {
      set_.shortened = true;
      return SIZE_MAX;
    }
    set_.all.push_back({});
    set_.all.back().name = to_valid_utf8(name.substr(0, 300));
    index_.emplace(std::string{name}, set_.all.size() - 1);
    return set_.all.size() - 1;
  }
  void put(std::size_t slot, double t, double v, std::size_t line) {
    if (slot == SIZE_MAX)
      return;
    if (samples_ >= metric_samples_max) {
      set_.shortened = true;
      return;
    }
    auto& s = set_.all[slot];
    if (!std::isfinite(v)) {
      ++s.missing;
      return;
    }
    ++samples_;
    s.t.push_back(t);
    s.v.push_back(v);
    s.line.push_back(static_cast<std::uint32_t>(line));
  }
  void put(std::string_view name, double t, double v, std::size_t line) { put(slot(name), t, v, line); }
  bool full() const { return samples_ >= metric_samples_max; }

private:
  series_set& set_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t samples_ = 0;
};

void split_blanks(std::string_view line, std::vector<std::string_view>& out) {
  out.clear();
  for (std::size_t at = 0; at < line.size() && out.size() < cells_max;) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t'))
      ++at;
    const auto begin = at;
    while (at < line.size() && line[at] != ' ' && line[at] != '\t')
      ++at;
    if (at > begin)
      out.push_back(line.substr(begin, at - begin));
  }
}

/// Quoted cells keep their quotes' content; a doubled quote inside one is kept doubled, which no number has.
void split_cells(std::string_view line, char separator, std::vector<std::string_view>& out) {
  out.clear();
  for (std::size_t at = 0; at <= line.size() && out.size() < cells_max;) {
    if (at < line.size() && line[at] == '"') {
      auto end = at + 1;
      while (end < line.size() && (line[end] != '"' || (end + 1 < line.size() && line[end + 1] == '"')))
        end += line[end] == '"' ? 2 : 1;
      end = std::min(end, line.size());
      out.push_back(line.substr(at + 1, end - at - 1));
      at = std::min(line.find(separator, end), line.size()) + 1;
      continue;
    }
    const auto end = std::min(line.find(separator, at), line.size());
    out.push_back(trimmed(line.substr(at, end - at)));
    at = end + 1;
  }
}

/// A number as tables write them: "12.5%", "1,234", "15ms", "3.2 GB" (the unit is dropped when all are alike).
std::optional<double> cell_number(std::string_view s) {
  s = trimmed(s);
  if (auto v = to_number(s))
    return v;
  if (s.empty() || s.size() > 40 || (!is_digit(s[0]) && s[0] != '-' && s[0] != '.'))
    return std::nullopt;
  if (s.back() == '%')
    return to_number(trimmed(s.substr(0, s.size() - 1)));
  const auto end = s.find_first_not_of("0123456789.,-+");
  if (end == std::string_view::npos) {
    std::string plain{s};
    if (std::count(plain.begin(), plain.end(), ',') == 1 && plain.find('.') == std::string::npos && plain.size() - plain.find(',') != 4)
      std::replace(plain.begin(), plain.end(), ',', '.'); // 12,5
    else
      std::erase(plain, ',');
    return to_number(plain);
  }
  const auto unit = trimmed(s.substr(end));
  const auto number = to_number(s.substr(0, end));
  if (!number)
    return std::nullopt;
  struct scale {
    std::string_view unit;
    double factor;
  };
  for (auto& [name, factor] : {scale{"ms", 1}, scale{"s", 1'000}, scale{"us", 1e-3}, scale{"ns", 1e-6}, scale{"B", 1}, scale{"KB", 1e3}, scale{"MB", 1e6}, scale{"GB", 1e9}, scale{"TB", 1e12},
                               scale{"KiB", 1024}, scale{"MiB", 1048576}, scale{"GiB", 1073741824}, scale{"k", 1e3}, scale{"K", 1024}, scale{"M", 1048576}, scale{"G", 1073741824}, scale{"g", 1073741824},
                               scale{"m", 1048576}, scale{"t", 1099511627776.0}, scale{"T", 1099511627776.0}})
    if (unit == name)
      return *number * factor;
  return std::nullopt;
}

/// Epoch seconds, milliseconds, micro- or nanoseconds by their size; or a date.
std::optional<double> time_of(std::string_view s, bool& zone_known) {
  s = trimmed(s);
  if (auto v = to_number(s)) {
    zone_known = true;
    if (*v > 6e8 && *v < 6e9)
      return *v * 1000;
    if (*v > 6e11 && *v < 6e12)
      return *v;
    if (*v > 6e14 && *v < 6e15)
      return std::floor(*v / 1e3);
    if (*v > 6e17 && *v < 6e18)
      return std::floor(*v / 1e6);
    return std::nullopt;
  }
  const auto t = parse_time(s);
  if (!t || t->size + 2 < s.size())
    return std::nullopt;
  zone_known = t->zone_known;
  return static_cast<double>(t->at_ms);
}

/// "12:00:05.250" and nothing else, in milliseconds of its day.
std::optional<double> time_of_day(std::string_view s) {
  s = trimmed(s);
  const auto two = [&](std::size_t at, int most) {
    if (at + 2 > s.size() || !is_digit(s[at]) || !is_digit(s[at + 1]))
      return -1;
    const int v = (s[at] - '0') * 10 + (s[at + 1] - '0');
    return v <= most ? v : -1;
  };
  const int h = two(0, 23), m = two(3, 59);
  if (s.size() < 5 || h < 0 || m < 0 || s[2] != ':')
    return std::nullopt;
  double seconds = 0;
  if (s.size() > 5) {
    const auto rest = to_number(s.substr(6));
    if (s[5] != ':' || !rest || *rest < 0 || *rest >= 61)
      return std::nullopt;
    seconds = *rest;
  }
  return ((h * 60 + m) * 60 + seconds) * 1000;
}

/// "01/31/2026 12:00:05 PM", "31/01/2026 12:00": which of the first two is the day is the column's to say.
std::optional<double> slashed_time(std::string_view s, bool day_first) {
  s = trimmed(s);
  unsigned part[3] = {};
  std::size_t at = 0;
  for (int i = 0; i < 3; ++i) {
    const auto from = at;
    while (at < s.size() && is_digit(s[at]) && at - from < 4)
      part[i] = part[i] * 10 + static_cast<unsigned>(s[at++] - '0');
    if (at == from || (i < 2 && (at >= s.size() || s[at++] != '/')))
      return std::nullopt;
  }
  const auto month = part[day_first ? 1 : 0], day = part[day_first ? 0 : 1];
  if (month < 1 || month > 12 || day < 1 || day > 31 || part[2] < 1970 || part[2] > 2199)
    return std::nullopt;
  double t = static_cast<double>(days_from_civil(part[2], month, day)) * 86'400'000;
  auto rest = trimmed(s.substr(at));
  bool afternoon = false, twelve = false;
  for (const std::string_view mark : {"AM", "PM", "am", "pm"})
    if (rest.ends_with(mark)) {
      twelve = true;
      afternoon = mark[0] == 'P' || mark[0] == 'p';
      rest = trimmed(rest.substr(0, rest.size() - 2));
    }
  if (rest.empty())
    return twelve ? std::nullopt : std::optional{t};
  const auto padded = rest.size() > 1 && rest[1] == ':' ? "0" + std::string{rest} : std::string{rest};
  auto clock = time_of_day(padded);
  if (!clock || (twelve && (*clock < 3'600'000 || *clock >= 13 * 3'600'000.0)))
    return std::nullopt;
  if (twelve)
    *clock += (afternoon ? 12 : 0) * 3'600'000.0 - (*clock >= 12 * 3'600'000.0 ? 12 * 3'600'000.0 : 0);
  return t + *clock;
}

bool time_named(std::string_view name) {
  const auto n = ascii_lower(name);
  for (const std::string_view word : {"time", "timestamp", "date", "datetime", "ts", "_time", "@timestamp", "epoch", "t", "date_time", "time_stamp", "when", "at"})
    if (n == word)
      return true;
  return n.ends_with("timestamp") || n.ends_with("_time") || n.ends_with(" time") || n.starts_with("time ");
}

// ---- CSV ----

char separator_of(const lines& all) {
  char best = '\0';
  std::size_t best_count = 0;
  for (const char c : {',', '\t', ';', '|'}) {
    std::size_t rows = 0, least = SIZE_MAX;
    for (std::size_t i = 0; i < all.size() && rows < 20; ++i) {
      const auto line = all[i];
      if (trimmed(line).empty() || line[0] == '#')
        continue;
      ++rows;
      least = std::min(least, static_cast<std::size_t>(std::count(line.begin(), line.end(), c)));
    }
    if (rows >= 2 && least != SIZE_MAX && least > best_count) {
      best = c;
      best_count = least;
    }
  }
  return best;
}

bool read_csv(const lines& all, series_set& out) {
  const char separator = separator_of(all);
  if (separator == '\0')
    return false;
  std::vector<std::string_view> cells;
  std::size_t first = 0;
  while (first < all.size() && (trimmed(all[first]).empty() || all[first][0] == '#'))
    ++first;
  if (first >= all.size())
    return false;
  split_cells(all[first], separator, cells);
  if (!cells.empty() && cells[0].substr(0, 3) == "\xEF\xBB\xBF")
    cells[0].remove_prefix(3);
  const auto columns = cells.size();
  bool zone = false, day_first = false;
  const bool header = std::none_of(cells.begin(), cells.end(), [&](auto c) { return cell_number(c).has_value(); });
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns; ++i)
    names.emplace_back(header ? std::string{cells[i]} : "column " + std::to_string(i + 1));
  // What each column is: by the first 200 rows.
  std::vector<std::size_t> numbers(columns), times(columns), clocks(columns), days(columns), filled(columns);
  std::vector<std::map<std::string_view, std::size_t>> words(columns);
  std::size_t rows = 0;
  for (auto i = first + (header ? 1 : 0); i < all.size() && rows < 200; ++i) {
    if (trimmed(all[i]).empty())
      continue;
    split_cells(all[i], separator, cells);
    ++rows;
    for (std::size_t c = 0; c < std::min(columns, cells.size()); ++c) {
      if (cells[c].empty() || iequals(cells[c], "nan") || iequals(cells[c], "null") || cells[c] == "-")
        continue;
      ++filled[c];
      const bool number = cell_number(cells[c]).has_value();
      numbers[c] += number ? 1 : 0;
      if (auto t = time_of(cells[c], zone); t && (!number || time_named(names[c]) || !header)) {
        ++times[c];
        days[c] += std::fmod(*t, 86'400'000) == 0 && cells[c].size() <= 11 ? 1 : 0;
      } else if (!number && (slashed_time(cells[c], false) || slashed_time(cells[c], true))) {
        ++times[c];
        days[c] += cells[c].size() <= 10 ? 1 : 0;
        day_first |= !slashed_time(cells[c], false); // the month is named first, unless one of them shows that it is not
      }
      clocks[c] += !number && time_of_day(cells[c]) ? 1 : 0;
      if (!number && words[c].size() < 64)
        ++words[c][cells[c].substr(0, 100)];
    }
  }
  if (rows < 2)
    return false;
  std::size_t time_column = SIZE_MAX;
  for (std::size_t c = 0; c < columns && time_column == SIZE_MAX; ++c)
    if (times[c] * 10 >= filled[c] * 9 && times[c] > 0 && (time_named(names[c]) || numbers[c] == 0))
      time_column = c;
  for (std::size_t c = 0; c < columns && time_column == SIZE_MAX; ++c)
    if (times[c] * 10 >= filled[c] * 9 && times[c] > 0)
      time_column = c;
  // The day in one column and the time of day in another.
  std::size_t clock_column = SIZE_MAX;
  for (std::size_t c = 0; c < columns && clock_column == SIZE_MAX; ++c)
    if (clocks[c] > 0 && clocks[c] * 10 >= filled[c] * 9)
      clock_column = c;
  if (time_column != SIZE_MAX && (clock_column == SIZE_MAX || days[time_column] * 10 < times[time_column] * 9))
    clock_column = clock_column == time_column || time_column == SIZE_MAX ? clock_column : SIZE_MAX;
  // "time" that counts from the start of a test: an axis, but no clock.
  std::size_t elapsed_column = SIZE_MAX;
  for (std::size_t c = 0; c < columns && time_column == SIZE_MAX && elapsed_column == SIZE_MAX; ++c)
    if (header && time_named(names[c]) && numbers[c] == filled[c] && filled[c] > 0)
      elapsed_column = c;
  std::vector<std::size_t> values, labels;
  for (std::size_t c = 0; c < columns; ++c) {
    if (c == time_column || c == clock_column || c == elapsed_column || filled[c] == 0)
      continue;
    if (numbers[c] * 10 >= filled[c] * 8)
      values.push_back(c);
    else if (words[c].size() <= 40 && words[c].size() * 2 <= std::max<std::size_t>(rows, 4))
      labels.push_back(c);
  }
  if (values.empty())
    return false;
  out.format = "csv";
  out.timed = time_column != SIZE_MAX;
  collector collect{out};
  std::string name;
  std::vector<std::size_t> slots(columns, SIZE_MAX);
  double row = 0, turned = 0, last_clock = -1;
  bool zones = true;
  for (auto i = first + (header ? 1 : 0); i < all.size() && !collect.full(); ++i) {
    if (trimmed(all[i]).empty())
      continue;
    split_cells(all[i], separator, cells);
    double t = row++;
    if (out.timed) {
      bool z = false;
      auto parsed = time_column < cells.size() ? time_of(cells[time_column], z) : std::nullopt;
      if (!parsed && time_column < cells.size())
        parsed = slashed_time(cells[time_column], day_first);
      if (!parsed)
        continue;
      zones = zones && z;
      t = *parsed;
      if (clock_column < cells.size())
        t += time_of_day(cells[clock_column]).value_or(0);
    } else if (clock_column < cells.size()) { // a time of day alone: an axis that goes on behind midnight
      const auto clock = time_of_day(cells[clock_column]);
      if (!clock)
        continue;
      turned += last_clock >= 0 && *clock + 43'200'000 < last_clock ? 86'400'000 : 0;
      last_clock = *clock;
      t = turned + *clock;
    } else if (elapsed_column < cells.size()) {
      t = cell_number(cells[elapsed_column]).value_or(t);
    }
    for (auto c : values) {
      if (labels.empty()) {
        if (slots[c] == SIZE_MAX)
          slots[c] = collect.slot(names[c]);
        collect.put(slots[c], t, (c < cells.size() ? cell_number(cells[c]) : std::nullopt).value_or(NAN), i);
        continue;
      }
      name = names[c] + "{";
      for (auto l : labels)
        name += (name.back() == '{' ? "" : ",") + names[l] + "=" + std::string{l < cells.size() ? cells[l].substr(0, 60) : ""};
      name += "}";
      collect.put(name, t, (c < cells.size() ? cell_number(cells[c]) : std::nullopt).value_or(NAN), i);
    }
  }
  out.zone_known = out.timed && zones;
  return true;
}

// ---- Prometheus text and OpenMetrics ----

bool read_prometheus(const lines& all, series_set& out) {
  collector collect{out};
  std::map<std::string, std::string, std::less<>> types;
  std::size_t good = 0, bad = 0, timed = 0, comments = 0;
  bool eof = false;
  std::unordered_map<std::string, double> seen; // repeated scrapes without timestamps
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    const auto line = trimmed(all[i]);
    if (line.empty())
      continue;
    if (line[0] == '#') {
      if (line == "# EOF")
        eof = true;
      if (line.starts_with("# TYPE ")) {
        const auto rest = line.substr(7);
        const auto space = rest.find(' ');
        if (space != std::string_view::npos && types.size() < 20'000)
          types.emplace(rest.substr(0, space), trimmed(rest.substr(space)));
        ++comments;
      } else if (line.starts_with("# HELP ")) {
        ++comments;
      }
      continue;
    }
    std::size_t at = 0;
    while (at < line.size() && (is_word(line[at]) || line[at] == ':'))
      ++at;
    const auto base = line.substr(0, at);
    if (base.empty() || is_digit(base[0])) {
      ++bad;
      if (bad > 50 && bad > good)
        return false;
      continue;
    }
    if (at < line.size() && line[at] == '{') {
      bool quoted = false;
      for (++at; at < line.size() && (quoted || line[at] != '}'); ++at) {
        if (line[at] == '\\' && quoted)
          ++at;
        else if (line[at] == '"')
          quoted = !quoted;
      }
      at = std::min(at + 1, line.size());
    }
    const auto name = line.substr(0, at);
    auto rest = trimmed(line.substr(at));
    if (const auto exemplar = rest.find(" # "); exemplar != std::string_view::npos)
      rest = trimmed(rest.substr(0, exemplar));
    const auto space = rest.find(' ');
    const auto number = rest.substr(0, space);
    double v = NAN;
    if (const auto parsed = to_number(number))
      v = *parsed;
    else if (number != "NaN" && number != "+Inf" && number != "-Inf" && number != "Inf") {
      ++bad;
      if (bad > 50 && bad > good)
        return false;
      continue;
    }
    ++good;
    double t = 0;
    if (space != std::string_view::npos) {
      if (const auto stamp = to_number(trimmed(rest.substr(space)))) {
        t = std::clamp(*stamp < 1e11 ? *stamp * 1000 : *stamp, 0.0, 6e12); // OpenMetrics: seconds; the older format: milliseconds
        ++timed;
      }
    } else if (seen.size() < metric_series_max) {
      t = seen[std::string{name}]++;
    }
    const auto slot = collect.slot(name);
    if (slot != SIZE_MAX && out.all[slot].t.empty()) {
      const auto type = types.find(base);
      out.all[slot].counter = (type != types.end() && type->second == "counter") || base.ends_with("_total") || base.ends_with("_count") || base.ends_with("_sum") || base.ends_with("_bucket");
    }
    collect.put(slot, t, v, i);
  }
  if (good == 0 || bad > good / 4 || (comments == 0 && !eof && good < 3))
    return false;
  out.format = eof ? "openmetrics" : "prometheus";
  out.timed = out.zone_known = timed * 2 > good;
  return true;
}

// ---- JSON ----

std::string joined_labels(const document& d, std::uint32_t map) {
  std::string base{d.text_of(d.child(map, "__name__"))}, labels;
  for (auto c = d.is(map, node_kind::map) ? d.nodes[map].first_child : 0; c != 0; c = d.nodes[c].next)
    if (d.nodes[c].key != "__name__" && labels.size() < 200)
      labels += (labels.empty() ? "" : ",") + d.nodes[c].key + "=" + d.nodes[c].text.substr(0, 80);
  return labels.empty() ? base : base + "{" + labels + "}";
}

bool read_json(const lines& all, series_set& out) {
  document_limits bounds;
  bounds.bytes_max = 32U << 20;
  bounds.nodes_max = 1'500'000;
  const auto d = parse_json(all.all(), bounds, true);
  if (d.first() == 0 || (d.error && d.nodes.size() < 10))
    return false;
  out.shortened = d.refused.has_value();
  collector collect{out};
  bool zone = false, timed = false, zones = true;
  const auto line_of = [&](std::uint32_t n) { return static_cast<std::size_t>(d.nodes[n].line - 1); };
  const auto number_at = [&](std::uint32_t n) { return n == 0 ? std::nullopt : to_number(d.nodes[n].text); };
  const auto pairs = [&](std::string_view name, std::uint32_t list, bool value_first) {
    for (auto p = d.nodes[list].first_child; p != 0; p = d.nodes[p].next) {
      const auto a = d.nodes[p].first_child;
      const auto b = a == 0 ? 0 : d.nodes[a].next;
      const auto time = time_of(d.text_of(value_first ? b : a), zone);
      const auto value = number_at(value_first ? a : b);
      if (!time)
        continue;
      timed = true;
      collect.put(name, *time, value.value_or(NAN), line_of(p));
    }
  };
  // A flat object of an array (or of JSON lines): numbers are series, times are time, words are labels.
  double row = 0;
  const auto record = [&](std::uint32_t object) {
    double t = row++;
    std::string labels;
    for (auto c = d.nodes[object].first_child; c != 0; c = d.nodes[c].next) {
      const auto& n = d.nodes[c];
      bool z = false;
      if (time_named(n.key)) {
        if (const auto time = time_of(n.text, z)) {
          t = *time;
          timed = true;
          zones = zones && z;
          continue;
        }
      }
      if (n.kind == node_kind::string && n.text.size() <= 60 && labels.size() < 200 && !time_named(n.key))
        labels += (labels.empty() ? "" : ",") + n.key + "=" + n.text;
    }
    const auto add = [&](std::string name, std::uint32_t n) {
      if (const auto v = to_number(d.nodes[n].text); v && d.nodes[n].kind == node_kind::number)
        collect.put(labels.empty() ? name : name + "{" + labels + "}", t, *v, line_of(n));
    };
    for (auto c = d.nodes[object].first_child; c != 0; c = d.nodes[c].next) {
      if (time_named(d.nodes[c].key))
        continue;
      if (d.nodes[c].kind == node_kind::number)
        add(d.nodes[c].key, c);
      else if (d.nodes[c].kind == node_kind::map)
        for (auto g = d.nodes[c].first_child; g != 0; g = d.nodes[g].next)
          add(d.nodes[c].key + "." + d.nodes[g].key, g);
    }
  };
  const auto root = d.first();
  if (const auto result = d.find(root, "data", "result"); result != 0) { // Prometheus' HTTP API
    for (auto r = d.nodes[result].first_child; r != 0; r = d.nodes[r].next) {
      const auto name = joined_labels(d, d.child(r, "metric"));
      if (const auto values = d.child(r, "values"); values != 0)
        pairs(name, values, false);
      else if (const auto value = d.child(r, "value"); value != 0 && d.nodes[value].first_child != 0) {
        const auto a = d.nodes[value].first_child;
        const auto v = number_at(d.nodes[a].next);
        collect.put(name, time_of(d.nodes[a].text, zone).value_or(0), v.value_or(NAN), line_of(value));
      }
    }
  } else if (d.is(root, node_kind::list) || d.nodes[root].next != 0) {
    const bool lines_of_objects = d.nodes[root].next != 0;
    for (auto c = lines_of_objects ? root : d.nodes[root].first_child; c != 0 && !collect.full(); c = d.nodes[c].next) {
      if (d.is(c, node_kind::map)) {
        const auto points = d.child(c, "datapoints"); // Graphite
        if (points != 0)
          pairs(d.text_of(d.child(c, "target")), points, true);
        else
          record(c);
      } else if (d.is(c, node_kind::list)) {
        const auto a = d.nodes[c].first_child;
        const auto time = a == 0 ? std::nullopt : time_of(d.nodes[a].text, zone);
        std::size_t column = 1;
        for (auto v = time ? d.nodes[a].next : a; v != 0; v = d.nodes[v].next, ++column)
          collect.put("column " + std::to_string(column), time.value_or(row), number_at(v).value_or(NAN), line_of(c));
        timed = timed || time.has_value();
        ++row;
      } else if (d.is(c, node_kind::number)) {
        collect.put("value", row++, number_at(c).value_or(NAN), line_of(c));
      }
    }
  } else {
    for (auto c = d.nodes[root].first_child; c != 0; c = d.nodes[c].next) { // {"cpu": [1, 2, 3], …} or {"cpu": [[t, v], …]}, {"points": [{…}]}
      if (!d.is(c, node_kind::list))
        continue;
      const auto e = d.nodes[c].first_child;
      if (d.is(e, node_kind::list))
        pairs(d.nodes[c].key, c, false);
      else if (d.is(e, node_kind::map)) {
        row = 0;
        for (auto o = e; o != 0 && !collect.full(); o = d.nodes[o].next)
          if (d.is(o, node_kind::map))
            record(o);
      } else {
        double i = 0;
        for (auto n = e; n != 0; n = d.nodes[n].next)
          if (d.nodes[n].kind == node_kind::number)
            collect.put(d.nodes[c].key, i++, number_at(n).value_or(NAN), line_of(n));
      }
    }
    if (out.all.empty())
      record(root);
  }
  std::size_t samples = 0;
  for (auto& s : out.all)
    samples += s.v.size();
  if (samples == 0)
    return false;
  out.format = "json";
  out.timed = timed;
  out.zone_known = timed && zones;
  return true;
}

// ---- sar, vmstat, iostat, top ----

/// "12:00:01", with "AM"/"PM" as the next word.
std::optional<double> clock_time(const std::vector<std::string_view>& w, std::size_t& used) {
  if (w.empty() || w[0].size() != 8 || w[0][2] != ':' || w[0][5] != ':')
    return std::nullopt;
  for (std::size_t i : {0, 1, 3, 4, 6, 7})
    if (!is_digit(w[0][i]))
      return std::nullopt;
  double h = (w[0][0] - '0') * 10 + (w[0][1] - '0');
  const double m = (w[0][3] - '0') * 10 + (w[0][4] - '0'), s = (w[0][6] - '0') * 10 + (w[0][7] - '0');
  used = 1;
  if (w.size() > 1 && (w[1] == "AM" || w[1] == "PM")) {
    if (h == 12)
      h = 0;
    if (w[1] == "PM")
      h += 12;
    used = 2;
  }
  return ((h * 60 + m) * 60 + s) * 1000;
}

/// mm/dd/yyyy or yyyy-mm-dd anywhere in a line: the day of a report.
std::optional<double> day_in(std::string_view line) {
  for (std::size_t i = 0; i + 8 <= line.size(); ++i) {
    if (!is_digit(line[i]) || (i > 0 && is_digit(line[i - 1])))
      continue;
    if (const auto t = parse_time(line.substr(i)); t)
      return static_cast<double>(t->at_ms - (t->at_ms % 86'400'000));
    const auto s = line.substr(i);
    if (s.size() >= 8 && s[2] == '/' && s[5] == '/' && is_digit(s[1]) && is_digit(s[3]) && is_digit(s[4]) && is_digit(s[6]) && is_digit(s[7])) {
      const auto two = [&](std::size_t at) { return static_cast<unsigned>((s[at] - '0') * 10 + (s[at + 1] - '0')); };
      std::int64_t y = 2000 + two(6);
      if (s.size() >= 10 && is_digit(s[8]) && is_digit(s[9]))
        y = two(6) * 100 + two(8);
      if (two(0) >= 1 && two(0) <= 12 && two(3) >= 1 && two(3) <= 31)
        return static_cast<double>(days_from_civil(y, two(0), two(3)) * 86'400'000);
    }
  }
  return std::nullopt;
}

bool read_sar(const lines& all, series_set& out) {
  collector collect{out};
  std::vector<std::string_view> w;
  std::vector<std::string> header;
  double day = 0, last = -1;
  bool dated = false;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    const auto line = all[i];
    if (line.starts_with("Linux ")) {
      if (const auto d = day_in(line)) {
        day = *d;
        dated = true;
      }
      last = -1;
      continue;
    }
    split_blanks(line, w);
    std::size_t used = 0;
    const auto time = clock_time(w, used);
    if (!time || w.size() <= used) {
      if (w.size() > 1 && !w[0].starts_with("Average"))
        header.clear();
      continue;
    }
    // A header has words where rows have numbers.
    std::size_t numbers = 0;
    for (auto c = used; c < w.size(); ++c)
      numbers += cell_number(w[c]) ? 1 : 0;
    if (numbers == 0) {
      std::vector<std::string> next(w.begin() + static_cast<std::ptrdiff_t>(used), w.end());
      if (next != header)
        last = -1; // another report, which begins at midnight again
      header = std::move(next);
      continue;
    }
    if (header.empty() || w.size() - used != header.size())
      continue;
    double t = *time;
    if (last >= 0 && t + 43'200'000 < last)
      t += 86'400'000; // past midnight
    last = std::max(last, t);
    std::string key;
    std::size_t c = 0;
    for (; c < header.size(); ++c) {
      const bool label = header[c] == "CPU" || header[c] == "UID" || header[c] == "TGID" || header[c] == "TID" || header[c] == "PID" || header[c] == "IFACE" || header[c] == "DEV" || header[c] == "INTR" || header[c] == "TTY" || header[c] == "NODE" || header[c] == "FILESYSTEM";
      if (!label && cell_number(w[used + c]))
        break;
      key += (key.empty() ? "" : ",") + std::string{w[used + c]};
    }
    if (header.back() == "Command") { // pidstat: the process, by its name and number
      const auto pid = std::find(header.begin(), header.end(), "PID");
      key = std::string{w.back()} + (pid == header.end() ? "" : "," + std::string{w[used + static_cast<std::size_t>(pid - header.begin())]});
    }
    for (; c < header.size(); ++c)
      if (header[c] != "Command" && header[c] != "CPU")
        collect.put(key.empty() || key == "all" ? header[c] : header[c] + "{" + key + "}", day + t, cell_number(w[used + c]).value_or(NAN), i);
    ++rows;
  }
  if (rows == 0)
    return false;
  out.format = "sar";
  out.timed = true;
  out.zone_known = false;
  (void)dated;
  return true;
}

/// `free`, once or again and again.
bool read_free(const lines& all, series_set& out) {
  collector collect{out};
  std::vector<std::string_view> w;
  std::vector<std::string> header;
  double snapshot = -1;
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    split_blanks(all[i], w);
    if (w.size() >= 3 && w[0] == "total" && w[1] == "used") {
      header.assign(w.begin(), w.end());
      ++snapshot;
    } else if (!header.empty() && w.size() >= 3 && (w[0] == "Mem:" || w[0] == "Swap:" || w[0] == "Total:")) {
      const std::string kind = w[0] == "Mem:" ? "mem " : w[0] == "Swap:" ? "swap " : "mem and swap ";
      for (std::size_t c = 1; c < w.size() && c <= header.size(); ++c)
        collect.put(kind + header[c - 1], snapshot, cell_number(w[c]).value_or(NAN), i);
    }
  }
  out.format = "free";
  return snapshot >= 0 && !out.all.empty();
}

/// `df`, once or again and again, in blocks or for people.
bool read_df(const lines& all, series_set& out) {
  collector collect{out};
  std::vector<std::string_view> w;
  std::vector<std::string> header;
  double snapshot = -1;
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    split_blanks(all[i], w);
    if (w.size() >= 5 && w[0] == "Filesystem") {
      header.assign(w.begin(), w.end());
      if (header.back() == "on" && header.size() > 1)
        header.pop_back(); // "Mounted on" is one column
      ++snapshot;
      continue;
    }
    if (header.empty() || w.size() < header.size())
      continue;
    std::string mount{w[header.size() - 1]};
    for (auto c = header.size(); c < w.size(); ++c)
      mount += " " + std::string{w[c]};
    for (std::size_t c = 1; c + 1 < header.size(); ++c)
      if (const auto v = cell_number(w[c]))
        collect.put((header[c] == "Capacity" ? std::string{"Use%"} : header[c]) + "{" + mount + "}", snapshot, *v, i);
  }
  out.format = "df";
  return snapshot >= 0 && !out.all.empty();
}

bool read_vmstat(const lines& all, series_set& out) {
  collector collect{out};
  std::vector<std::string_view> w;
  std::vector<std::string> header;
  double row = 0;
  std::size_t timed = 0;
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    if (all[i].find("---memory---") != std::string_view::npos || all[i].find("-memory-") != std::string_view::npos)
      continue;
    split_blanks(all[i], w);
    if (w.size() > 8 && w[0] == "r" && w[1] == "b") {
      header.assign(w.begin(), w.end());
      continue;
    }
    if (header.empty() || w.size() < 10 || !to_number(w[0]))
      continue;
    double t = row++;
    auto columns = std::min(w.size(), header.size());
    if (w.size() >= header.size() + 1) // vmstat -t: "2026-01-31 12:00:00" under "UTC"
      for (auto c = header.size() - 1; c + 1 < w.size(); ++c)
        if (const auto stamp = parse_time(std::string{w[c]} + " " + std::string{w[c + 1]}); stamp && !stamp->day_only) {
          t = static_cast<double>(stamp->at_ms);
          ++timed;
          columns = c;
          break;
        }
    for (std::size_t c = 0; c < columns; ++c)
      if (const auto v = to_number(w[c]))
        collect.put(header[c], t, *v, i);
  }
  if (row < 1)
    return false;
  out.format = "vmstat";
  out.timed = timed > 0 && timed >= static_cast<std::size_t>(row);
  return true;
}

bool read_iostat(const lines& all, series_set& out) {
  collector collect{out};
  std::vector<std::string_view> w;
  std::vector<std::string> devices, cpu;
  double report = -1, stamp = 0;
  bool stamped = false, cpu_next = false, open = false;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    split_blanks(all[i], w);
    if (w.empty()) {
      open = false;
      continue;
    }
    if (!is_alpha(w[0][0]) && w[0].find('/') != std::string_view::npos)
      if (const auto day = day_in(all[i]); day && w.size() >= 2) {
        std::vector<std::string_view> rest(w.begin() + 1, w.end());
        std::size_t used = 0;
        if (const auto t = clock_time(rest, used)) {
          stamp = *day + *t;
          stamped = true;
          continue;
        }
      }
    if (w[0] == "avg-cpu:") {
      cpu.assign(w.begin() + 1, w.end());
      cpu_next = true;
      ++report;
      continue;
    }
    if (w[0].starts_with("Device")) {
      devices.assign(w.begin() + 1, w.end());
      open = true;
      if (report < 0)
        report = 0;
      continue;
    }
    const double t = stamped ? stamp : std::max(report, 0.0);
    if (cpu_next) {
      cpu_next = false;
      for (std::size_t c = 0; c < std::min(cpu.size(), w.size()); ++c)
        collect.put(cpu[c], t, cell_number(w[c]).value_or(NAN), i);
      ++rows;
      continue;
    }
    if (open && w.size() == devices.size() + 1) {
      for (std::size_t c = 0; c < devices.size(); ++c)
        collect.put(devices[c] + "{" + std::string{w[0].substr(0, 60)} + "}", t, cell_number(w[c + 1]).value_or(NAN), i);
      ++rows;
    }
  }
  if (rows == 0)
    return false;
  out.format = "iostat";
  out.timed = stamped;
  return true;
}

bool read_top(const lines& all, series_set& out) {
  collector collect{out};
  std::vector<std::string_view> w;
  std::vector<std::string> columns;
  double t = 0, round = -1, last = -1;
  std::size_t processes = 0;
  const auto pairs = [&](std::string_view prefix, std::string_view rest, std::size_t line) { // "1.2 us,  0.3 sy" and "15906.4 total"
    for (std::size_t at = 0; at < rest.size();) {
      auto end = std::min(rest.find(", ", at), rest.size());
      if (const auto dot = rest.substr(at, end - at).find(". "); dot != std::string_view::npos)
        end = at + dot + 1; // "6105.8 used.   9800 avail Mem"
      split_blanks(rest.substr(at, end - at), w);
      if (w.size() >= 2)
        if (const auto v = cell_number(w[0]))
          collect.put(std::string{prefix} + std::string{trimmed(w[1]).substr(0, w[1].find_last_not_of(".,") + 1)}, t, *v, line);
      at = end + 1;
    }
  };
  for (std::size_t i = 0; i < all.size() && !collect.full(); ++i) {
    const auto line = all[i];
    if (line.starts_with("top - ")) {
      ++round;
      columns.clear();
      processes = 0;
      split_blanks(line.substr(6), w);
      std::size_t used = 0;
      t = clock_time(w, used).value_or(round);
      if (last >= 0 && t + 43'200'000 < last)
        t += 86'400'000;
      last = t;
      if (const auto load = line.find("load average: "); load != std::string_view::npos) {
        std::vector<std::string_view> loads;
        split_cells(line.substr(load + 14), ',', loads);
        constexpr std::array<std::string_view, 3> names{"load 1 min", "load 5 min", "load 15 min"};
        for (std::size_t l = 0; l < std::min<std::size_t>(3, loads.size()); ++l)
          if (const auto v = to_number(loads[l]))
            collect.put(names[l], t, *v, i);
      }
      continue;
    }
    if (round < 0)
      continue;
    if (line.starts_with("%Cpu")) {
      const auto colon = line.find(':');
      if (colon != std::string_view::npos)
        pairs("%cpu ", line.substr(colon + 1), i);
      continue;
    }
    if (line.starts_with("Tasks:")) {
      pairs("tasks ", line.substr(6), i);
      continue;
    }
    if (const auto mem = line.find("Mem :"); mem != std::string_view::npos && mem < 6) {
      pairs("mem ", line.substr(mem + 5), i);
      continue;
    }
    if (const auto swap = line.find("Swap:"); swap != std::string_view::npos && swap < 6) {
      pairs("swap ", line.substr(swap + 5), i);
      continue;
    }
    split_blanks(line, w);
    if (w.size() > 5 && w[0] == "PID") {
      columns.assign(w.begin(), w.end());
      continue;
    }
    if (columns.empty() || w.size() < columns.size() || !to_number(w[0]) || ++processes > 20)
      continue;
    const auto who = std::string{w[columns.size() - 1].substr(0, 40)} + " " + std::string{w[0]};
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (columns[c] == "%CPU" || columns[c] == "%MEM" || columns[c] == "RES")
        collect.put(columns[c] + "{" + who + "}", t, cell_number(w[c]).value_or(NAN), i);
  }
  if (round < 0)
    return false;
  out.format = "top";
  out.timed = false; // a time of day only
  for (auto& s : out.all)
    if (s.t.size() > 1)
      out.timed = true;
  return true;
}

} // namespace

series_set parse_metrics(std::string_view name, std::string_view text) {
  series_set out;
  const lines all{text};
  const auto head = text.substr(0, 64 << 10);
  const auto begins = trimmed(head);
  const auto attempt = [&](bool (*reader)(const lines&, series_set&)) {
    out = {};
    return reader(all, out);
  };
  bool ok = false;
  if (head.find("top - ") != std::string_view::npos && head.find("load average:") != std::string_view::npos)
    ok = attempt(read_top);
  if (!ok && head.find("avg-cpu:") != std::string_view::npos)
    ok = attempt(read_iostat);
  if (!ok && head.find("procs ") != std::string_view::npos && head.find("swpd") != std::string_view::npos)
    ok = attempt(read_vmstat);
  if (!ok && begins.starts_with("Filesystem") && head.find("Mounted on") != std::string_view::npos)
    ok = attempt(read_df);
  if (!ok && begins.starts_with("total ") && head.find("Mem:") != std::string_view::npos)
    ok = attempt(read_free);
  if (!ok && begins.starts_with("Linux "))
    ok = attempt(read_sar) || attempt(read_iostat);
  if (!ok && (head.find("# TYPE ") != std::string_view::npos || head.find("# HELP ") != std::string_view::npos))
    ok = attempt(read_prometheus);
  if (!ok && !begins.empty() && (begins[0] == '{' || begins[0] == '['))
    ok = attempt(read_json);
  if (!ok)
    ok = attempt(read_sar) || (begins.find("Device") != std::string_view::npos && attempt(read_iostat)) || attempt(read_csv) || attempt(read_prometheus);
  if (!ok) {
    out = {};
    out.problem = "No numbers in a form we know (CSV, JSON, Prometheus, sar, pidstat, vmstat, iostat, top, free, df) were found.";
  }
  std::erase_if(out.all, [](const series& s) { return s.v.empty(); });
  // By time; inputs are mostly sorted already.
  for (auto& s : out.all) {
    if (std::is_sorted(s.t.begin(), s.t.end()))
      continue;
    std::vector<std::uint32_t> order(s.t.size());
    for (std::uint32_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return s.t[a] < s.t[b]; });
    series sorted = s;
    for (std::size_t i = 0; i < order.size(); ++i) {
      sorted.t[i] = s.t[order[i]];
      sorted.v[i] = s.v[order[i]];
      sorted.line[i] = s.line[order[i]];
    }
    s = std::move(sorted);
  }
  (void)name;
  return out;
}

} // namespace fm::extractors
