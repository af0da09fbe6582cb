// The whole log analysis against one RE2 search for severity words per line, over the same 10 MiB in the same run;
// and how well lines are grouped, by format. Guards: ratio <= 10, memory <= 6 x the file, grouping accuracy.
#include "actors/evidence/render.hpp"
#include "tests/evidence/labelled_logs.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {
double seconds(auto f) {
  const auto from = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
}
double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}
std::size_t resident_kib() {
  std::ifstream in{"/proc/self/status"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoul(line.substr(6));
  return 0;
}
} // namespace

int main() {
  using namespace fm;
  std::string text;
  testing_support::log_writer writer{1};
  while (text.size() < (10U << 20))
    for (auto& kind : testing_support::log_kinds())
      text += writer.write(kind, 500).text;
  const auto lines = std::count(text.begin(), text.end(), '\n');
  const re2::RE2 words{"(?i)(fatal|error|fail|exception|panic|timeout|refused|denied|critical|warn)"};
  std::vector<double> search, analysis;
  std::size_t hits = 0, templates = 0, before = 0, after = 0;
  for (int round = 0; round < 5; ++round) {
    search.push_back(seconds([&] {
      std::size_t at = 0;
      while (at < text.size()) {
        const auto end = std::min(text.find('\n', at), text.size());
        hits += re2::RE2::PartialMatch(re2::StringPiece{text.data() + at, end - at}, words);
        at = end + 1;
      }
    }));
    if (round == 0)
      before = resident_kib();
    analysis.push_back(seconds([&] {
      evidence::limits l;
      l.assignments = true;
      const auto a = evidence::analyze(text, l);
      templates = a.templates.size();
      after = std::max(after, resident_kib());
    }));
  }
  std::printf("%zu bytes, %td lines, %zu templates, %zu lines with severity words\n", text.size(), lines, templates, hits / 5);
  std::printf("one RE2 search per line   %8.3f s median\n", median(search));
  std::printf("the whole analysis        %8.3f s median   ratio %.2f\n", median(analysis), median(analysis) / median(search));
  std::printf("memory                    %8.1f MiB more than before, %.2f x the file\n", static_cast<double>(after - before) / 1024,
              static_cast<double>(after - before) * 1024 / static_cast<double>(text.size()));
  double sum = 0;
  for (auto& kind : testing_support::log_kinds()) {
    const auto log = testing_support::log_writer{42}.write(kind, 2'000);
    evidence::limits l;
    l.assignments = true;
    const auto accuracy = testing_support::grouping_accuracy(log.labels, evidence::analyze(log.text, l).assignments);
    std::printf("grouping accuracy %-12s %.3f\n", kind.name.c_str(), accuracy);
    sum += accuracy;
  }
  std::printf("grouping accuracy mean         %.3f\n", sum / static_cast<double>(testing_support::log_kinds().size()));
}
