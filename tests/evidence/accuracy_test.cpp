// How well lines are grouped, and whether what matters is named first, on labelled logs of our own.
#include "actors/evidence/render.hpp"
#include "tests/evidence/labelled_logs.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

namespace {
using namespace fm;
using namespace fm::testing_support;

evidence::analysis analysed(const labelled_log& log) {
  evidence::limits l;
  l.assignments = true;
  return evidence::analyze(log.text, l);
}

/// Which messages are not one group of their own, and the groups they are in.
void show_wrong(const log_kind& kind, const labelled_log& log, const evidence::analysis& a) {
  std::map<int, std::map<std::uint32_t, std::size_t>> groups_of;
  std::map<std::uint32_t, std::set<int>> labels_of;
  for (std::size_t i = 0; i < log.labels.size(); ++i) {
    ++groups_of[log.labels[i]][a.assignments[i]];
    labels_of[a.assignments[i]].insert(log.labels[i]);
  }
  for (auto& [label, groups] : groups_of) {
    if (groups.size() == 1 && labels_of[groups.begin()->first].size() == 1)
      continue;
    std::cout << "    " << kind.rows[static_cast<std::size_t>(label)].message.substr(0, 150) << "\n";
    for (auto& [group, lines] : groups)
      std::cout << "      " << lines << " lines in one of " << labels_of[group].size() << " messages: " << a.templates[group].pattern.substr(0, 150) << "\n";
  }
}

TEST(grouping, MeanAccuracyOverAllFormatsWithOneSetting) {
  double sum = 0;
  for (auto& kind : log_kinds()) {
    const auto log = log_writer{42}.write(kind, 2'000);
    const auto a = analysed(log);
    ASSERT_EQ(a.assignments.size(), log.labels.size());
    const auto accuracy = grouping_accuracy(log.labels, a.assignments);
    std::cout << kind.name << " " << accuracy << " (" << a.templates.size() << " templates, " << kind.rows.size() << " true)\n";
    if (std::getenv("FM_SHOW") != nullptr)
      show_wrong(kind, log, a);
    sum += accuracy;
  }
  const auto mean = sum / static_cast<double>(log_kinds().size());
  std::cout << "mean " << mean << "\n";
  EXPECT_GE(mean, 0.90);
}

TEST(look_first, NamesNearlyAllAlertsOnOneScreen) {
  std::size_t alerts = 0, covered = 0;
  for (auto& kind : log_kinds()) {
    const auto log = log_writer{7}.write(kind, 5'000);
    const auto a = analysed(log);
    // Judged by what a person sees: the lines that the first screen names, and with them their kind.
    const auto text = evidence::render_text(a, false);
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 40) << kind.name;
    std::set<std::uint32_t> looked;
    for (std::size_t at = text.find("\n  line "); at != std::string::npos; at = text.find("\n  line ", at + 1))
      looked.insert(a.assignments.at(std::stoul(text.substr(at + 8)) - 1));
    EXPECT_LE(looked.size() * 50, log.labels.size()) << kind.name << ": fifty to one";
    std::size_t here = 0, found = 0;
    for (std::size_t i = 0; i < log.alert.size(); ++i) {
      here += log.alert[i];
      found += log.alert[i] && looked.contains(a.assignments[i]);
    }
    std::cout << kind.name << " alerts covered " << found << " of " << here << " by " << looked.size() << " kinds\n";
    alerts += here;
    covered += found;
  }
  EXPECT_GE(static_cast<double>(covered), 0.95 * static_cast<double>(alerts));
}
} // namespace
