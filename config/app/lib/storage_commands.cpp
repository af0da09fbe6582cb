// Words and exit codes; the work is storage/factory's.
#include "config/app/lib/storage_commands.hpp"

#include "config/app/lib/storage_of.hpp"
#include "storage/factory/copy.hpp"
#include "storage/factory/schemas.hpp"

#include <csignal>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace fm::app {
namespace {
int fail(const failure& f, int code) {
  std::cerr << "faultmaven: " << f.detail << "\n";
  return code;
}

void print(const std::vector<schema_state>& all) {
  if (all.empty())
    std::cout << "No database: everything of these settings lives in memory or in plain files.\n";
  for (auto& d : all) {
    std::cout << d.of << "  " << d.where << "\n";
    for (auto& s : d.steps)
      std::cout << "  " << (s.applied ? "applied" : "missing") << "  " << s.number << "  " << s.name << "\n";
    if (d.newer())
      std::cout << "  step " << d.applied << " is of a newer FaultMaven; this one will not touch it\n";
  }
}

volatile std::sig_atomic_t stop_wanted = 0;
void want_stop(int) { stop_wanted = 1; }

outcome<settings> side_of(const std::string& file, const std::string& prefix) {
  settings_sources from;
  from.file = file;
  for (auto& [name, value] : process_environment())
    if (name.starts_with(prefix))
      from.environment.emplace_back(name.substr(prefix.size()), value);
  return load_settings(from);
}
} // namespace

int migrate_status(const common_options& o) {
  auto s = load(o);
  if (!s)
    return fail(s.error(), exit_usage);
  auto all = schema_states(storage_of(*s));
  if (!all)
    return fail(all.error(), exit_no_start);
  print(*all);
  for (auto& d : *all)
    if (d.newer() || d.applied < d.steps.back().number)
      return exit_not_in_order;
  return exit_done;
}

int migrate_up(const common_options& o) {
  auto s = load(o);
  if (!s)
    return fail(s.error(), exit_usage);
  if (auto r = schemas_up(storage_of(*s)); !r)
    return fail(r.error(), exit_no_start);
  return migrate_status(o);
}

int migrate_down(const common_options& o, const migrate_down_options& what) {
  auto s = load(o);
  if (!s)
    return fail(s.error(), exit_usage);
  const auto storage = storage_of(*s);
  auto all = schema_states(storage);
  if (!all)
    return fail(all.error(), exit_no_start);
  const schema_state* found = nullptr;
  for (auto& d : *all)
    if (d.of == what.of)
      found = &d;
  if (!found)
    return fail(make_failure(errc::invalid, "The settings name no database of its own for " + what.of + "."), exit_usage);
  const int target = what.to >= 0 ? what.to : found->applied - 1;
  if (target >= found->applied || target < 0) {
    std::cout << "Nothing to take back: step " << found->applied << " is the newest applied.\n";
    return exit_done;
  }
  if (!what.yes) {
    std::cerr << "This drops the tables of these steps and what is in them:\n";
    for (auto& step : found->steps)
      if (step.applied && step.number > target)
        std::cerr << "  " << step.number << "  " << step.name << "\n";
    std::cerr << "Make a backup, then say it again with --yes.\n";
    return exit_usage;
  }
  if (auto r = schema_down(storage, what.of, target); !r)
    return fail(r.error(), exit_no_start);
  auto after = schema_states(storage);
  if (!after)
    return fail(after.error(), exit_no_start);
  print(*after);
  return exit_done;
}

int copy(const copy_options& what) {
  copy_choice choice;
  if (!what.only.empty()) {
    choice = {false, false, false, false, false};
    for (std::size_t at = 0; at <= what.only.size();) {
      const auto end = std::min(what.only.find(',', at), what.only.size());
      const auto name = what.only.substr(at, end - at);
      bool* const member = name == "users"      ? &choice.users
                           : name == "cases"    ? &choice.cases
                           : name == "sessions" ? &choice.sessions
                           : name == "vectors"  ? &choice.vectors
                           : name == "files"    ? &choice.files
                                                : nullptr;
      if (!member)
        return fail(make_failure(errc::invalid, "--only knows users, cases, sessions, vectors and files, not '" + name + "'."), exit_usage);
      *member = true;
      at = end + 1;
    }
  }
  auto from = side_of(what.from, "FROM_"), to = side_of(what.to, "TO_");
  if (!from)
    return fail(from.error(), exit_usage);
  if (!to)
    return fail(to.error(), exit_usage);
  auto source = open_storage(storage_of(*from));
  if (!source)
    return fail(source.error(), exit_no_start);
  auto target = open_storage(storage_of(*to));
  if (!target)
    return fail(target.error(), exit_no_start);
  std::signal(SIGINT, want_stop);
  std::signal(SIGTERM, want_stop);

  using clock = std::chrono::steady_clock;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  auto told = clock::now();
  std::string type;
  const auto progress = [&](const std::string& name, std::uint64_t done, std::uint64_t total) {
    if (stop_wanted)
      return false;
    const bool next = name != std::exchange(type, name);
    if (!next && clock::now() - told < std::chrono::milliseconds{terminal ? 200 : 5'000})
      return true;
    told = clock::now();
    std::cerr << (terminal ? "\r\033[K" : "") << name << " " << done;
    if (total > 0)
      std::cerr << " of " << total;
    std::cerr << (terminal ? "" : "\n") << std::flush;
    return true;
  };
  auto copied = copy_storage(*source, *target, choice, progress);
  if (terminal)
    std::cerr << "\r\033[K";
  if (!copied)
    return fail(copied.error(), exit_not_in_order);
  bool same = true;
  std::printf("%-9s %10s %10s %8s  %s\n", "type", "found", "written", "differ", "checksum (source = target)");
  for (auto& t : *copied) {
    std::printf("%-9s %10llu %10llu %8llu  %s %s %s\n", t.name.c_str(), static_cast<unsigned long long>(t.found),
                static_cast<unsigned long long>(t.written), static_cast<unsigned long long>(t.differ), t.source_sum.substr(0, 16).c_str(),
                t.source_sum == t.target_sum ? "=" : "differs from", t.target_sum.substr(0, 16).c_str());
    if (!t.first_difference.empty())
      std::printf("          %s\n", t.first_difference.c_str());
    same = same && t.same();
  }
  if (!same)
    std::printf("Not the same: the target holds something the source does not, or another version of it.\n");
  return same ? exit_done : exit_not_in_order;
}

} // namespace fm::app
