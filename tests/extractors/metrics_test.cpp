// Metrics: every form is read, and what an engineer would point at in the curve is pointed at, at its line.
#include "actors/evidence/extractors/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace {
using namespace fm::extractors;

const finding* find(const extraction& x, std::string_view kind, std::string_view in_title = {}) {
  for (auto& f : x.findings)
    if (f.kind == kind && f.title.find(in_title) != std::string::npos)
      return &f;
  return nullptr;
}

struct table {
  std::string text = "time,value\n";
  std::int64_t at = 1'769'860'800;
  void add(double v) { text += std::to_string(at) + "," + std::to_string(v) + "\n"; at += 30; }
};

double noise(std::mt19937& r) { return (static_cast<double>(r() % 10'000) / 10'000 - 0.5) * 2; }

TEST(MetricsSpike, IsCitedAtItsLineAndQuotedExactly) {
  table t;
  std::mt19937 r{1};
  for (int i = 0; i < 200; ++i)
    t.add(i == 77 ? 500 : 20 + noise(r));
  const auto x = extract_metrics("a.csv", t.text);
  const auto* f = find(x, "spike", "500");
  ASSERT_NE(f, nullptr) << render_text(x, false);
  EXPECT_EQ(f->at.first_line, 79U); // after the header
  EXPECT_EQ(f->quote, t.text.substr(f->at.begin, f->at.end - f->at.begin));
  EXPECT_EQ(find(x, "change_point"), nullptr) << "one sample is no new level";
}

TEST(MetricsChange, ANewLevelIsFoundWithinThreeSamples) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    table t;
    std::mt19937 r{seed};
    for (int i = 0; i < 240; ++i)
      t.add((i >= 150 ? 80 : 50) + 3 * noise(r));
    const auto x = extract_metrics("a.csv", t.text);
    const auto* f = find(x, "change_point");
    ASSERT_NE(f, nullptr) << seed;
    EXPECT_NEAR(static_cast<double>(f->at.last_line), 152, 3) << seed;
  }
}

TEST(MetricsChange, NoiseSlopesAndSeasonsHaveNone) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 r{seed};
    table flat, slope, season;
    for (int i = 0; i < 300; ++i) {
      flat.add(50 + 5 * noise(r));
      slope.add(50 + i * 0.5 + 2 * noise(r));
      season.add(50 + 20 * std::sin(i * 2 * 3.14159265 / 24) + noise(r));
    }
    for (auto* t : {&flat, &slope, &season}) {
      const auto x = extract_metrics("a.csv", t->text);
      EXPECT_EQ(find(x, "change_point"), nullptr) << seed << render_text(x, false);
      EXPECT_EQ(find(x, "spike"), nullptr) << seed << render_text(x, false);
    }
  }
}

TEST(MetricsSeason, IsMeasuredAndASpikeAgainstItIsSeen) {
  std::vector<double> v;
  std::mt19937 r{3};
  for (int i = 0; i < 288; ++i)
    v.push_back(100 + 40 * std::sin(i * 2 * 3.14159265 / 24) + noise(r));
  v[162] = 140; // a height that is usual at another hour
  const double usual = 100 + 40 * std::sin(162 * 2 * 3.14159265 / 24);
  ASSERT_LT(usual, 65);
  work budget{100'000'000};
  const auto s = describe(v, budget);
  ASSERT_TRUE(s.season.has_value());
  EXPECT_NEAR(static_cast<double>(*s.season), 24, 1);
  ASSERT_FALSE(s.spikes.empty());
  EXPECT_EQ(s.spikes[0].peak, 162U);
}

TEST(MetricsSaturation, CeilingsAreNamed) {
  std::string text = "time,disk_util_percent,pool_active\n";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(1'769'860'800 + i * 60) + "," + (i < 40 ? "35.5" : "99.8") + "," + std::to_string(i < 30 ? 5 + i % 3 : 20) + "\n";
  const auto x = extract_metrics("a.csv", text);
  EXPECT_NE(find(x, "saturation", "disk_util_percent"), nullptr) << render_text(x, false);
  const auto* pool = find(x, "saturation", "pool_active");
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(pool->heavy, weight::danger);
}

TEST(MetricsCorrelation, SaysWhatMovesFirst) {
  std::vector<double> shape(200);
  std::mt19937 r{5};
  for (std::size_t i = 0; i < shape.size(); ++i)
    shape[i] = (i / 25 % 2 != 0 ? 50 : 10) + noise(r);
  std::string text = "time,queue,latency\n";
  for (std::size_t i = 5; i < shape.size(); ++i)
    text += std::to_string(1'769'860'800 + i * 10) + "," + std::to_string(shape[i]) + "," + std::to_string(3 * shape[i - 4]) + "\n";
  const auto set = parse_metrics("a", text);
  ASSERT_EQ(set.all.size(), 2U);
  work budget{100'000'000};
  const auto found = correlate({&set.all[0], &set.all[1]}, budget);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_GT(found[0].r, 0.9);
  EXPECT_NEAR(static_cast<double>(found[0].lag), 4, 1) << "queue moves four samples before latency";
}

TEST(MetricsPrometheus, OneScrapeShowsErrorsDownTargetsAndFullTables) {
  const std::string text = "# TYPE up gauge\nup{job=\"api\"} 1\nup{job=\"db\"} 0\n"
                           "# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\"} 900\nhttp_requests_total{code=\"500\"} 100\n"
                           "process_open_fds 1000\nprocess_max_fds 1024\n"
                           "# TYPE d_seconds histogram\nd_seconds_bucket{le=\"0.1\"} 10\nd_seconds_bucket{le=\"1\"} 96\nd_seconds_bucket{le=\"+Inf\"} 100\n";
  const auto x = extract_metrics("m", text);
  EXPECT_EQ(x.format, "prometheus");
  EXPECT_NE(find(x, "target_down", "db"), nullptr);
  EXPECT_NE(find(x, "error_ratio", "10 %"), nullptr) << render_text(x, false);
  EXPECT_NE(find(x, "saturation", "process_open_fds"), nullptr);
  EXPECT_TRUE(std::any_of(x.facts.begin(), x.facts.end(), [](auto& f) { return f.first == "p95 of d_seconds" && f.second == "at most 1"; }));
}

TEST(MetricsOpenMetrics, StampsAndExemplarsAreRead) {
  const auto set = parse_metrics("m", "# TYPE a counter\na_total{x=\"} 1\"} 5 1769860800.5 # {trace_id=\"1\"} 1\na_total{x=\"} 1\"} 9 1769860860.5\n# EOF\n");
  EXPECT_EQ(set.format, "openmetrics");
  ASSERT_EQ(set.all.size(), 1U);
  EXPECT_EQ(set.all[0].v, (std::vector<double>{5, 9}));
  EXPECT_EQ(set.all[0].t[0], 1769860800500.0);
  EXPECT_TRUE(set.all[0].counter);
}

TEST(MetricsJson, PrometheusApiGraphiteArraysAndLines) {
  auto values = [](std::string_view text) {
    const auto set = parse_metrics("m.json", text);
    return set.all.empty() ? std::vector<double>{} : set.all[0].v;
  };
  EXPECT_EQ(values(R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1769860800,"1"],[1769860830,"0"]]}]}})"), (std::vector<double>{1, 0}));
  EXPECT_EQ(values(R"([{"target":"a.b","datapoints":[[1.5,1769860800],[null,1769860810],[2.5,1769860820]]}])"), (std::vector<double>{1.5, 2.5}));
  EXPECT_EQ(values("{\"time\":\"2026-01-31T12:00:00Z\",\"cpu\":5}\n{\"time\":\"2026-01-31T12:00:10Z\",\"cpu\":7}\n"), (std::vector<double>{5, 7}));
  EXPECT_EQ(values(R"({"cpu":[1,2,3]})"), (std::vector<double>{1, 2, 3}));
}

TEST(MetricsSystemTools, SarVmstatIostatTop) {
  const auto sar = parse_metrics("sar", "Linux 6.1.0 (web1) \t01/31/2026 \t_x86_64_\t(4 CPU)\n\n12:00:01 AM     CPU     %user     %idle\n12:10:01 AM     all     10.50     89.50\n12:20:01 AM     all     95.00      5.00\nAverage:        all     52.75     47.25\n");
  EXPECT_EQ(sar.format, "sar");
  ASSERT_EQ(sar.all.size(), 2U);
  EXPECT_EQ(sar.all[1].name, "%idle");
  EXPECT_EQ(sar.all[1].v, (std::vector<double>{89.5, 5}));
  EXPECT_EQ(sar.all[1].t[0], 1769818201000.0);

  const auto vmstat = parse_metrics("v", "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n 1  0      0 800000  10000 500000    0    0     1     2   30   40  5  1 94  0  0\n 9  2    100 100000  10000 500000    5    9     1     2   30   40 85 10  5  0  0\n");
  EXPECT_EQ(vmstat.format, "vmstat");
  EXPECT_EQ(vmstat.all.size(), 17U);
  EXPECT_EQ(vmstat.all[0].v, (std::vector<double>{1, 9}));

  const auto iostat = parse_metrics("i", "Linux 6.1.0 (web1) \t01/31/2026 \t_x86_64_\t(4 CPU)\n\navg-cpu:  %user   %nice %system %iowait  %steal   %idle\n           5.00    0.00    1.00    0.50    0.00   93.50\n\nDevice             tps    kB_read/s    %util\nsda              10.00        20.00    99.10\nsdb               1.00         2.00     0.10\n");
  EXPECT_EQ(iostat.format, "iostat");
  EXPECT_TRUE(std::any_of(iostat.all.begin(), iostat.all.end(), [](auto& s) { return s.name == "%util{sda}" && s.v[0] == 99.1; }));

  const auto top = parse_metrics("t", "top - 12:00:01 up 10 days,  1:02,  1 user,  load average: 8.10, 4.05, 2.00\nTasks: 200 total,   2 running\n%Cpu(s): 90.0 us,  5.0 sy,  0.0 ni,  5.0 id\nMiB Mem :  15906.4 total,    200.0 free\n\n    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n   4242 app       20   0   20.0g   9.5g   1000 R 390.0  61.2  99:59.99 java\n");
  EXPECT_EQ(top.format, "top");
  EXPECT_TRUE(std::any_of(top.all.begin(), top.all.end(), [](auto& s) { return s.name == "%CPU{java 4242}" && s.v[0] == 390; }));
  EXPECT_TRUE(std::any_of(top.all.begin(), top.all.end(), [](auto& s) { return s.name == "load 1 min" && s.v[0] == 8.1; }));
}

TEST(MetricsCsv, LabelsSeparatorsAndMissingCells) {
  const auto set = parse_metrics("a", "ts;host;cpu\n2026-01-31 12:00:00;a;1,5\n2026-01-31 12:00:00;b;2,5\n2026-01-31 12:00:10;a;\n2026-01-31 12:00:10;b;3,5\n");
  ASSERT_EQ(set.all.size(), 2U);
  EXPECT_EQ(set.all[0].name, "cpu{host=a}");
  EXPECT_EQ(set.all[0].missing, 1U);
  EXPECT_EQ(set.all[1].v, (std::vector<double>{2.5, 3.5}));
}

TEST(MetricsGap, MissingTimeIsTold) {
  std::string text = "time,v\n";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(1'769'860'800 + i * 10 + (i >= 30 ? 900 : 0)) + "," + std::to_string(i % 3) + "\n";
  EXPECT_NE(find(extract_metrics("a", text), "gap"), nullptr);
}

TEST(MetricsPlots, AreWholeAndEscaped) {
  std::string text = "time,<script>&\"x\n";
  for (int i = 0; i < 50; ++i)
    text += std::to_string(1'769'860'800 + i) + "," + std::to_string(i % 7) + "\n";
  const auto x = extract_metrics("a.csv", text);
  ASSERT_FALSE(x.plots.empty());
  EXPECT_TRUE(x.plots[0].svg.starts_with("<svg ") && x.plots[0].svg.ends_with("</svg>"));
  EXPECT_EQ(x.plots[0].svg.find("<script"), std::string::npos);
  EXPECT_EQ(sparkline({0, 7}, 10), "▁█");
  EXPECT_EQ(sparkline({}, 10), "");
}

TEST(MetricsHostile, NothingUsableIsSaidClearly) {
  for (const std::string_view text : {"", "\n\n", "a,b,c\n", ",,,\n,,,\n", "{}", "[", "[[[[[[", "NaN NaN\nNaN NaN\n", "time,v\n1,\n2,\n", "top - ", "avg-cpu:", "procs swpd", "# TYPE a b"}) {
    const auto x = extract_metrics("m", text);
    EXPECT_TRUE(x.refused.has_value()) << text;
    EXPECT_FALSE(x.summary.empty());
  }
}

TEST(MetricsHostile, ExtremeNumbersBreakNothing) {
  std::string text = "time,a,b\n";
  for (int i = 0; i < 100; ++i)
    text += std::to_string(1'769'860'800 + i) + "," + (i % 2 != 0 ? "1e308" : "-1e308") + "," + (i % 3 != 0 ? "1e-320" : "5") + "\n";
  const auto x = extract_metrics("a.csv", text);
  EXPECT_FALSE(x.refused.has_value());
  EXPECT_FALSE(render_json(x).empty());
}

TEST(MetricsHostile, MoreSeriesThanAreKeptIsSaid) {
  std::string text;
  for (int i = 0; i < 6'000; ++i)
    text += "m{i=\"" + std::to_string(i) + "\"} 1\n";
  const auto x = extract_metrics("a", text);
  EXPECT_TRUE(x.shortened.has_value());
}

std::size_t told(const extraction& x, std::string_view kind, std::string_view says) {
  return static_cast<std::size_t>(std::count_if(x.findings.begin(), x.findings.end(), [&](auto& f) { return f.kind == kind && f.title.find(says) != std::string::npos; }));
}

TEST(Metrics, TimesInCsvAsTablesAndPeopleWriteThem) {
  const auto american = parse_metrics("a.csv", "Time,CPU %\n1/30/2026 11:59:50 PM,3\n1/30/2026 11:59:59 PM,4\n1/31/2026 12:00:09 AM,5\n");
  ASSERT_TRUE(american.timed);
  EXPECT_EQ(american.all[0].t, (std::vector<double>{1'769'817'590'000, 1'769'817'599'000, 1'769'817'609'000}));
  const auto european = parse_metrics("a.csv", "Zeit;Last\n09/01/2026 23:59;1,5\n31/01/2026 00:01;2,5\n01/02/2026 00:02;3,5\n");
  ASSERT_TRUE(european.timed);
  EXPECT_EQ(european.all[0].t.back() - european.all[0].t[1], 86'400'000 + 60'000) << "the thirty-first says which is the day";
  const auto split = parse_metrics("a.csv", "Date,Time,ms\n2026-01-31,23:59:50,12\n2026-01-31,23:59:59,13\n2026-02-01,00:00:01,900\n");
  ASSERT_TRUE(split.timed);
  ASSERT_EQ(split.all.size(), 1U);
  EXPECT_EQ(split.all[0].t.back() - split.all[0].t[1], 2'000);
  const auto clock = parse_metrics("a.csv", "time\tqueue\n23:59:50\t1\n23:59:59\t2\n00:00:01\t3\n");
  ASSERT_EQ(clock.all.size(), 1U) << "the time is no series";
  EXPECT_FALSE(clock.timed) << "of no day";
  EXPECT_EQ(clock.all[0].t.back() - clock.all[0].t[1], 2'000);
}

TEST(Metrics, FullDisksAndMemoryInDfAndFree) {
  const auto df = extract_metrics("df", "Filesystem     1K-blocks     Used Available Use% Mounted on\n/dev/sda1       41151808 40800000    351808 100% /\n/dev/sdb1       41151808 38000000   3151808  93% /var/log files\n"
                                        "tmpfs            8138892        0   8138892   0% /dev/shm\n");
  EXPECT_EQ(df.format, "df");
  EXPECT_EQ(told(df, "saturation", "Use%{/} "), 1U);
  EXPECT_EQ(told(df, "saturation", "Use%{/var/log files} is at 93 %"), 1U);
  EXPECT_EQ(told(df, "saturation", "shm"), 0U);
  const auto free = extract_metrics("free", "               total        used        free      shared  buff/cache   available\nMem:        16277788    15700112      120000        1200      457676      210000\nSwap:        2097148           0     2097148\n");
  EXPECT_EQ(free.format, "free");
  EXPECT_EQ(told(free, "saturation", "mem used reached 96.5 %"), 1U);
  EXPECT_EQ(told(free, "saturation", "swap"), 0U);
  EXPECT_TRUE(extract_metrics("a", "Filesystem\nMounted on\n").refused.has_value());
}

TEST(Metrics, ProcessesOfPidstatHaveNamesAndNumbersNoSeries) {
  const auto set = parse_metrics("p", "Linux 6.1.0 (web-1) \t01/31/2026 \t_x86_64_\t(8 CPU)\n\n12:00:01 AM   UID       PID    %usr %system    %CPU   CPU  Command\n"
                                      "12:00:02 AM  1000      3131   98.00    2.00  100.00     3  java\n12:00:02 AM     0        17    1.00    0.00    1.00     1  kswapd0\n");
  std::vector<std::string> names;
  for (auto& s : set.all)
    names.push_back(s.name);
  EXPECT_EQ(names, (std::vector<std::string>{"%usr{java,3131}", "%system{java,3131}", "%CPU{java,3131}", "%usr{kswapd0,17}", "%system{kswapd0,17}", "%CPU{kswapd0,17}"}));
}

TEST(Metrics, SwappingWaitingAndTargetsThatAreDown) {
  const auto vmstat = extract_metrics("v", "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n"
                                           " 1  0      0 812345  10240 512000    0    0     5    11  120  310  3  1 96  0  0\n 4  2  10240  12345   1024  51200  120  340  5120   911  920 4310 12 20  8 60  0\n");
  EXPECT_EQ(told(vmstat, "swapping", "(si)"), 1U);
  EXPECT_EQ(told(vmstat, "io_wait", "waited for disks"), 1U);
  const auto up = extract_metrics("q.json", R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"node"},"values":[[1769860800,"1"],[1769860815,"0"],[1769860830,"0"],[1769860845,"1"]]}]}})");
  EXPECT_EQ(told(up, "target_down", "2 of 4 samples"), 1U);
  const auto fine = extract_metrics("q.json", R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"node"},"values":[[1769860800,"1"],[1769860815,"1"],[1769860830,"1"],[1769860845,"1"]]}]}})");
  EXPECT_EQ(told(fine, "target_down", ""), 0U);
}

TEST(Metrics, OpenMetricsWithExemplarsAndStamps) {
  const auto set = parse_metrics("m", "# TYPE foo_seconds histogram\n# UNIT foo_seconds seconds\nfoo_seconds_bucket{le=\"0.1\"} 8 # {trace_id=\"KOO5S4vxi0o\"} 0.067\n"
                                      "foo_seconds_bucket{le=\"+Inf\"} 17 1520879607.789 # {trace_id=\"oHg5SJYRHA0\"} 9.8 1520879607.789\nfoo_seconds_count 17\nfoo_seconds_sum 324789.3\n# EOF\n");
  EXPECT_EQ(set.format, "openmetrics");
  ASSERT_EQ(set.all.size(), 4U);
  EXPECT_EQ(set.all[0].v, (std::vector<double>{8}));
  EXPECT_EQ(set.all[1].v, (std::vector<double>{17}));
}

} // namespace
