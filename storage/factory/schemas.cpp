// Two kinds of databases have schemas; users beside the cases share theirs.
#include "storage/factory/schemas.hpp"

#include "storage/filesystem/blob_store.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/sqlite/migrations.hpp"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <functional>
#include <optional>

namespace fm {
namespace {
struct database {
  std::string of, where;
  std::vector<schema_step> steps;
  std::function<int()> applied;
  std::function<void()> up;
  std::function<void(int)> down;
};

template <class Steps>
std::vector<schema_step> names_of(const Steps& steps) {
  std::vector<schema_step> all;
  for (auto& s : steps)
    all.push_back({s.number, s.name, false});
  return all;
}

database sqlite_database(const char* of, const std::string& path, const std::vector<sqlite::migration>& steps) {
  sqlite::open_options file;
  file.path = path;
  return {of, path, names_of(steps),
          [file] {
            if (!std::filesystem::exists(file.path))
              return 0;
            sqlite::connection c{file};
            return sqlite::applied_step(c);
          },
          [file, &steps] {
            sqlite::connection c{file};
            sqlite::migrate(c, steps);
          },
          [file, &steps](int target) {
            sqlite::connection c{file};
            sqlite::migrate_down(c, steps, target);
          }};
}

database postgres_database(const char* of, const postgres::options& o) {
  const auto open = [o] { return postgres::connection::open(o, o.host, true, o.connect_timeout); };
  return {of, o.host + ":" + std::to_string(o.port) + "/" + o.database + " schema " + o.schema, names_of(postgres::migrations()),
          [=] { return postgres::applied(*open(), o.schema); },
          [=] { postgres::migrate_up(*open(), o.schema, postgres::migrations().back().number); },
          [=](int target) { postgres::migrate_down(*open(), o.schema, target); }};
}

bool same_place(const postgres::options& a, const postgres::options& b) {
  return a.host == b.host && a.port == b.port && a.database == b.database && a.schema == b.schema;
}

/// Where there is one: the server makes it.
std::optional<std::string> blob_table_of(const storage_settings& s) {
  auto table = s.data_directory + "/blobs/" + filesystem::table_file;
  return s.blobs == "filesystem" && std::filesystem::exists(table) ? std::optional{std::move(table)} : std::nullopt;
}

std::vector<database> databases_of(const storage_settings& s) {
  std::vector<database> all;
  const auto main = s.sqlite_file.empty() ? s.data_directory + "/faultmaven.db" : s.sqlite_file;
  if (s.cases == "sqlite")
    all.push_back(sqlite_database("cases", main, sqlite::case_migrations()));
  if (s.cases == "postgres")
    all.push_back(postgres_database("cases", s.postgres));
  if (s.users == "sqlite" && s.cases != "sqlite")
    all.push_back(sqlite_database("users", main, sqlite::case_migrations()));
  if (s.users == "postgres" && !(s.cases == "postgres" && same_place(s.postgres, s.users_postgres)))
    all.push_back(postgres_database("users", s.users_postgres));
  if (s.sessions == "sqlite")
    all.push_back(sqlite_database("sessions", s.data_directory + "/sessions.db", sqlite::session_migrations()));
  if (const auto table = blob_table_of(s))
    all.push_back(sqlite_database("blobs", *table, sqlite::blob_migrations()));
  return all;
}

template <class F>
auto guarded(const std::string& where, F f) -> decltype(f()) {
  const auto told = [&](failure why) {
    why.detail = where + ": " + why.detail;
    return why;
  };
  try {
    return f();
  } catch (const sqlite::error& e) {
    return told(sqlite::to_failure(e));
  } catch (const postgres::error& e) {
    return told(postgres::to_failure(e));
  }
}

/// A running server must not find its tables gone: the data directory is ours while we work on it.
outcome<std::shared_ptr<void>> locked(const storage_settings& s) {
  if (s.cases != "sqlite" && s.users != "sqlite" && s.sessions != "sqlite" && !blob_table_of(s))
    return std::shared_ptr<void>{};
  return lock_data_directory(s.data_directory);
}
} // namespace

outcome<std::vector<schema_state>> schema_states(const storage_settings& s) {
  std::vector<schema_state> all;
  for (auto& d : databases_of(s)) {
    auto state = guarded(d.where, [&]() -> outcome<schema_state> {
      schema_state one{d.of, d.where, d.applied(), d.steps};
      for (auto& step : one.steps)
        step.applied = step.number <= one.applied;
      return one;
    });
    if (!state)
      return state.error();
    all.push_back(std::move(*state));
  }
  return all;
}

outcome<done_t> schemas_up(const storage_settings& s) {
  const auto lock = locked(s);
  if (!lock)
    return lock.error();
  for (auto& d : databases_of(s))
    if (auto r = guarded(d.where, [&]() -> outcome<done_t> {
          d.up();
          return done;
        });
        !r)
      return r.error();
  return done;
}

outcome<done_t> schema_down(const storage_settings& s, const std::string& of, int target) {
  const auto lock = locked(s);
  if (!lock)
    return lock.error();
  for (auto& d : databases_of(s))
    if (d.of == of)
      return guarded(d.where, [&]() -> outcome<done_t> {
        d.down(target);
        return done;
      });
  return make_failure(errc::invalid, "The settings name no database of its own for " + of + ".");
}

} // namespace fm
