// faultmaven analyze: what it prints is the analysis and nothing that commands a terminal; how it ends says how it went.
#include "actors/evidence/log_triage.hpp"
#include "actors/evidence/render.hpp"
#include "config/app/lib/analyze_command.hpp"
#include "config/app/lib/commands.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "config/app/lib/local_file.hpp"
#include "tests/support/hostile_files.hpp"
#include "tests/support/sample_files.hpp"
#include "tests/support/server_process.hpp"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iostream>
#include <sstream>
#include <thread>

#include <unistd.h>

namespace fm::app {
namespace {
using testing::HasSubstr;
using testing::Not;

class AnalyzeCommand : public testing::Test {
protected:
  std::string file(const std::string& name, const std::string& bytes) {
    const auto path = dir_.path() / name;
    std::ofstream{path, std::ios::binary} << bytes;
    return path.string();
  }
  /// What is printed; `code` and `errors` beside it.
  std::string run(const analyze_options& o) {
    std::ostringstream out, err;
    auto* const cout = std::cout.rdbuf(out.rdbuf());
    auto* const cerr = std::cerr.rdbuf(err.rdbuf());
    code = analyze(o);
    std::cout.rdbuf(cout);
    std::cerr.rdbuf(cerr);
    errors = err.str();
    return out.str();
  }
  static analyze_options of(std::vector<std::string> files) {
    analyze_options o;
    o.files = std::move(files);
    return o;
  }
  testing_support::temporary_directory dir_{"fm-analyze-"};
  int code = -1;
  std::string errors;
};

TEST_F(AnalyzeCommand, JsonIsTheAnalysisOfEveryKind) {
  for (auto& f : testing_support::sample_files()) {
    auto o = of({file(f.name, f.bytes)});
    o.json = true;
    o.content_type = f.content_type;
    const auto stored = analyse_uploaded_file({f.name, f.content_type, "", memory_source{f.bytes}, {}, {}, {}});
    EXPECT_EQ(run(o), (stored.json.empty() ? "{}" : stored.json) + "\n") << f.name;
    EXPECT_EQ(code, stored.error.empty() ? exit_done : exit_not_in_order) << f.name;
  }
}

TEST_F(AnalyzeCommand, AssignmentsAreOneLineForEveryLineWhateverTheFileIs) {
  for (const std::string& bytes : {std::string{"2026-01-31T12:00:00Z INFO a 1\n2026-01-31T12:00:01Z INFO a 2\n\nno newline"}, std::string{"a: 1\nb: 2\n"}, std::string{"\x1f\x8b\n\0\n", 5}, std::string{}}) {
    auto o = of({file("x.yaml", bytes)});
    o.assignments = true;
    evidence::limits with;
    with.assignments = true;
    EXPECT_EQ(run(o), evidence::render_assignments(evidence::analyze(bytes, with)));
    EXPECT_EQ(code, exit_done);
  }
}

TEST_F(AnalyzeCommand, ItsExitCodeSaysHowItWent) {
  const auto good = file("a.log", "2026-01-31T12:00:00Z ERROR broken\n2026-01-31T12:00:01Z INFO fine\n");
  const auto bad = file("a.bin", std::string(100, '\1'));
  const auto missing = (dir_.path() / "missing.log").string();
  EXPECT_THAT(run(of({good})), HasSubstr("line 1"));
  EXPECT_EQ(code, exit_done);
  (void)run(of({good, bad}));
  EXPECT_EQ(code, exit_not_in_order);
  EXPECT_THAT(errors, HasSubstr("a.bin"));
  EXPECT_THAT(run(of({missing, bad, good})), HasSubstr("line 1")) << "the others are analysed all the same";
  EXPECT_EQ(code, exit_usage);
  EXPECT_THAT(errors, HasSubstr("missing.log cannot be read"));
  (void)run(of({dir_.path().string()}));
  EXPECT_EQ(code, exit_usage);
  EXPECT_THAT(errors, HasSubstr("folder"));
}

TEST_F(AnalyzeCommand, AChosenTypeStands) {
  const auto log = file("a.log", "2026-01-31T12:00:00Z ERROR broken\n2026-01-31T12:00:01Z INFO fine\n");
  auto o = of({log});
  o.type = "unstructured_text";
  EXPECT_THAT(run(o), HasSubstr("type unstructured_text"));
  auto forced = of({file("a.yaml", "a: 1\nb: 2\n")});
  forced.type = "logs_and_errors";
  EXPECT_THAT(run(forced), HasSubstr("2 lines, 2 kinds"));
}

TEST_F(AnalyzeCommand, ColoursAreForTerminalsAndOnlyOurs) {
  const auto log = file("a.log", "2026-01-31T12:00:00Z ERROR \x1b]0;owned\x07 \x1b[31mred\n");
  auto o = of({log});
  EXPECT_THAT(run(o), Not(HasSubstr("\x1b"))) << "a pipe is no terminal";
  o.colour = "always";
  EXPECT_THAT(run(o), HasSubstr("\x1b[1;31m"));
  EXPECT_THAT(run(o), Not(HasSubstr("\x1b]0;")));
  const auto zip = testing_support::zip_of({testing_support::stored("a\x1b[2J.log", "2026-01-31T12:00:00Z ERROR \x1b[2J x\n"), testing_support::stored("b.txt", "\x1b[2J words of somebody who writes to a terminal")});
  o.files = {file("a.zip", zip)};
  EXPECT_THAT(run(o), Not(HasSubstr("\x1b[2J")));
  o.colour = "never";
  EXPECT_THAT(run(o), Not(HasSubstr("\x1b")));
}

TEST_F(AnalyzeCommand, AnArchiveIsListed) {
  const auto zip = testing_support::zip_of({testing_support::deflated("app.log", "2026-01-31T12:00:00Z ERROR disk is full\n2026-01-31T12:00:01Z INFO x\n"), testing_support::deflated("app.yaml", "pool:\n  size: 5\n")});
  const auto out = run(of({file("bundle.zip", zip)}));
  EXPECT_THAT(out, HasSubstr("bundle.zip/app.log  68 bytes, logs_and_errors"));
  EXPECT_THAT(out, HasSubstr("bundle.zip/app.yaml  16 bytes, structured_config"));
  EXPECT_THAT(out, HasSubstr("disk is full"));
}

TEST_F(AnalyzeCommand, WhatComesThroughAPipeIsSpooledAndReadAsOftenAsNeeded) {
  std::string log;
  while (log.size() < (3U << 20))
    log += "2026-01-31T12:00:00Z INFO request " + std::to_string(log.size()) + " of anna@example.org served\n";
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int before = ::dup(STDIN_FILENO);
  ::dup2(ends[0], STDIN_FILENO);
  ::close(ends[0]);
  std::thread writer{[&] {
    for (std::size_t at = 0; at < log.size();) {
      const auto n = ::write(ends[1], log.data() + at, log.size() - at);
      if (n <= 0)
        break;
      at += static_cast<std::size_t>(n);
    }
    ::close(ends[1]);
  }};
  auto o = of({"-"});
  o.json = true;
  const auto out = run(o);
  writer.join();
  ::dup2(before, STDIN_FILENO);
  ::close(before);
  EXPECT_EQ(out, analyse_uploaded_file({"stdin", "", "", memory_source{log}, {}, {}, {}}).json + "\n");
}

TEST(LocalFile, ReadsAnyPartAndNothingBehindTheEnd) {
  testing_support::temporary_directory dir{"fm-local-"};
  std::ofstream{dir.path() / "a", std::ios::binary} << "0123456789";
  const auto f = local_file::open((dir.path() / "a").string());
  ASSERT_TRUE(f) << f.error().detail;
  EXPECT_EQ(f->size(), 10U);
  EXPECT_EQ(*f->read(3, 4), "3456");
  EXPECT_EQ(*f->read(8, 100), "89");
  EXPECT_EQ(*f->read(10, 5), "");
  EXPECT_EQ(local_file::open((dir.path() / "none").string()).error().code, errc::not_found);
  EXPECT_EQ(local_file::open(dir.path().string()).error().code, errc::invalid);
}
} // namespace
} // namespace fm::app
