// Order matters: databases first, then the files they name (files are never changed, only added), so whatever the
// copied log speaks of is in the copy. Everything is made beside its place and renamed when it is whole.
#include "config/app/lib/backup_command.hpp"

#include "config/app/lib/storage_of.hpp"
#include "protocol/base/sha256.hpp"
#include "storage/filesystem/blob_store.hpp"
#include "storage/sqlite/backup.hpp"
#include "storage/sqlite/blob_table.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <openssl/evp.h>
#include <unistd.h>

namespace fm::app {
namespace {
namespace fs = std::filesystem;
constexpr const char* manifest_name = "manifest.txt";

int fail(const failure& f, int code) {
  std::cerr << "faultmaven: " << f.detail << "\n";
  return code;
}

outcome<std::string> sha_of_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in)
    return make_unavailable(path.string() + " cannot be read.");
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(1U << 20);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad())
    return make_unavailable(path.string() + " cannot be read to its end.");
  digest d{};
  unsigned int n = 0;
  EVP_DigestFinal_ex(context.get(), d.data(), &n);
  return to_hex(d);
}

outcome<done_t> flush(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool good = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0)
    ::close(fd);
  if (good)
    return done;
  return make_unavailable(path.string() + " cannot be flushed to the disk.");
}

outcome<done_t> copy_one(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  fs::create_directories(to.parent_path(), ec);
  if (!ec)
    fs::copy_file(from, to, ec);
  if (ec)
    return make_unavailable(from.string() + " cannot be copied to " + to.string() + ": " + ec.message() + ".");
  return flush(to);
}

bool is_database(const fs::path& p) { return p.extension() == ".db"; }

/// Path in the backup to SHA-256.
using manifest = std::map<std::string, std::string>;

outcome<manifest> manifest_of(const fs::path& root) {
  manifest m;
  std::error_code ec;
  for (auto& entry : fs::recursive_directory_iterator{root, ec}) {
    if (!entry.is_regular_file() || entry.path().filename() == manifest_name)
      continue;
    auto sha = sha_of_file(entry.path());
    if (!sha)
      return sha.error();
    m[fs::relative(entry.path(), root).generic_string()] = *sha;
  }
  if (ec)
    return make_unavailable(root.string() + " cannot be read: " + ec.message() + ".");
  return m;
}

outcome<manifest> read_manifest(const fs::path& root) {
  std::ifstream in{root / manifest_name};
  manifest m;
  std::string line;
  if (!in || !std::getline(in, line) || line != "faultmaven backup 1")
    return make_failure(errc::invalid, root.string() + " is not a backup made by faultmaven backup.");
  while (std::getline(in, line))
    if (line.size() > 66 && line.substr(64, 2) == "  ")
      m[line.substr(66)] = line.substr(0, 64);
  return m;
}

/// The table of blobs, then the objects it names.
outcome<std::uint64_t> copy_blobs(const fs::path& data, const fs::path& to) {
  std::error_code ec;
  if (fs::is_directory(data / "blobs" / "keys", ec))
    return make_failure(errc::conflict, (data / "blobs").string() + " is as an earlier version left it; start the server once before it is backed up.");
  const auto table = fs::path{"blobs"} / filesystem::table_file;
  if (!fs::exists(data / table, ec))
    return std::uint64_t{0};
  fs::create_directories(to / "blobs", ec);
  if (auto c = sqlite::copy_database((data / table).string(), (to / table).string()); !c)
    return c.error();
  auto copy = sqlite::open_blob_table((to / table).string(), true);
  if (!copy)
    return copy.error();
  std::vector<blob_info> objects;
  if (auto walked = (*copy)->each([&](blob_info&& info, bool inside) {
        if (!inside)
          objects.push_back(std::move(info));
      });
      !walked)
    return walked.error();
  std::uint64_t count = 0;
  for (auto& info : objects) {
    const auto object = fs::path{"blobs"} / "objects" / info.sha256.substr(0, 2) / info.sha256;
    if (fs::exists(to / object, ec))
      continue; // several keys have these bytes
    if (fs::exists(data / object, ec)) {
      if (auto c = copy_one(data / object, to / object); !c)
        return c.error();
      ++count;
    } else if (auto r = (*copy)->remove(info.key); !r) { // it was removed while we looked
      return r.error();
    }
  }
  return count;
}

/// The files beside the databases: blobs and vectors.
outcome<std::uint64_t> copy_files(const fs::path& data, const fs::path& to) {
  auto count = copy_blobs(data, to);
  if (!count)
    return count;
  std::error_code ec;
  for (const char* folder : {"vectors", "sessions"})
    if (fs::exists(data / folder, ec))
      for (auto& entry : fs::recursive_directory_iterator{data / folder, ec})
        if (entry.is_regular_file() && entry.path().extension() == ".log") {
          if (auto c = copy_one(entry.path(), to / fs::relative(entry.path(), data)); !c)
            return c.error();
          ++*count;
        }
  for (auto& entry : fs::directory_iterator{data, ec})
    if (entry.is_regular_file() && entry.path().extension() == ".log") {
      if (auto c = copy_one(entry.path(), to / entry.path().filename()); !c)
        return c.error();
      ++*count;
    }
  if (ec)
    return make_unavailable(data.string() + " cannot be read: " + ec.message() + ".");
  return count;
}

/// Walks every log of a copy.
outcome<std::uint64_t> walk(settings s, const fs::path& data) {
  auto from = storage_of(s);
  from.data_directory = data.string();
  from.sqlite_file.clear();
  from.cases = from.users = "sqlite";
  from.sessions = from.vectors = from.blobs = "inmemory";
  auto storage = open_storage(from);
  if (!storage)
    return storage.error();
  std::optional<std::string> broken;
  auto events = storage->cases->verify({}, [&](const log_check& c) {
    if (c.broken && !broken)
      broken = c.id.value + ": " + *c.broken;
  });
  if (events && broken)
    return make_failure(errc::internal, "A case log of the copy is broken: " + *broken);
  return events;
}
} // namespace

int backup(const common_options& o, const std::string& to) {
  auto s = load(o);
  if (!s)
    return fail(s.error(), exit_usage);
  const fs::path data = s->storage.data, target = to, partial = to + ".partial";
  const auto main_file = s->storage.sqlite_file.empty() ? data / "faultmaven.db" : fs::path{s->storage.sqlite_file};
  std::error_code ec;
  if (s->storage.cases != "sqlite")
    return fail(make_failure(errc::invalid, "Only an embedded server (storage.cases = sqlite) is backed up this way; use the database's own tools."), exit_usage);
  if (!fs::exists(main_file, ec))
    return fail(make_failure(errc::not_found, data.string() + " holds no cases; give the data directory with --data."), exit_usage);
  if (fs::exists(target, ec))
    return fail(make_failure(errc::conflict, to + " is there already; name a new folder."), exit_usage);
  fs::remove_all(partial, ec);
  fs::create_directories(partial, ec);
  if (ec)
    return fail(make_unavailable(partial.string() + " cannot be made: " + ec.message() + "."), exit_not_in_order);
  fs::permissions(partial, fs::perms::owner_all, ec);
  const auto give_up = [&](const failure& f) {
    fs::remove_all(partial, ec);
    return fail(f, exit_not_in_order);
  };
  if (auto c = sqlite::copy_database(main_file.string(), (partial / "faultmaven.db").string()); !c)
    return give_up(c.error());
  if (fs::exists(data / "sessions.db", ec))
    if (auto c = sqlite::copy_database((data / "sessions.db").string(), (partial / "sessions.db").string()); !c)
      return give_up(c.error());
  auto files = copy_files(data, partial);
  if (!files)
    return give_up(files.error());
  std::uint64_t events = 0;
  {
    auto walked = walk(*s, partial);
    if (!walked)
      return give_up(walked.error());
    events = *walked;
    for (auto& entry : fs::directory_iterator{partial, ec}) // what opening it left behind
      if (entry.is_regular_file() && !is_database(entry.path()) && entry.path().extension() != ".log")
        fs::remove(entry.path(), ec);
  }
  auto m = manifest_of(partial);
  if (!m)
    return give_up(m.error());
  {
    std::ofstream out{partial / manifest_name};
    out << "faultmaven backup 1\n";
    for (auto& [name, sha] : *m)
      out << sha << "  " << name << "\n";
    if (!out.flush())
      return give_up(make_unavailable("The manifest cannot be written."));
  }
  if (auto f = flush(partial / manifest_name); !f)
    return give_up(f.error());
  fs::rename(partial, target, ec);
  if (ec)
    return give_up(make_unavailable(to + " cannot be made: " + ec.message() + "."));
  std::cout << "Backed up " << m->size() << " files and " << events << " events to " << to << "; every log was verified.\n";
  return exit_done;
}

int restore(const common_options& o, const std::string& from) {
  auto s = load(o);
  if (!s)
    return fail(s.error(), exit_usage);
  const fs::path source = from, data = s->storage.data, partial = s->storage.data + ".restoring";
  auto m = read_manifest(source);
  if (!m)
    return fail(m.error(), exit_usage);
  std::error_code ec;
  if (fs::exists(data, ec) && !fs::is_empty(data, ec))
    return fail(make_failure(errc::conflict, data.string() + " is not empty; give a new data directory with --data, or move the old one away."), exit_usage);
  fs::remove_all(partial, ec);
  const auto give_up = [&](const failure& f) {
    fs::remove_all(partial, ec);
    return fail(f, exit_not_in_order);
  };
  for (auto& [name, sha] : *m) {
    const auto relative = fs::path{name}.lexically_normal();
    if (relative.is_absolute() || relative.generic_string().starts_with(".."))
      return give_up(make_failure(errc::invalid, "The manifest names a file outside the backup: " + name + "."));
    auto now = sha_of_file(source / relative);
    if (!now)
      return give_up(now.error());
    if (*now != sha)
      return give_up(make_failure(errc::invalid, (source / relative).string() + " is damaged: its SHA-256 is not the one of the manifest."));
    if (auto c = copy_one(source / relative, partial / relative); !c)
      return give_up(c.error());
  }
  auto walked = walk(*s, partial);
  if (!walked)
    return give_up(walked.error());
  fs::permissions(partial, fs::perms::owner_all, ec);
  fs::remove(data, ec); // only when empty
  fs::create_directories(fs::absolute(data).parent_path(), ec);
  fs::rename(partial, data, ec);
  if (ec)
    return give_up(make_unavailable(data.string() + " cannot be made: " + ec.message() + "."));
  std::cout << "Restored " << m->size() << " files and " << *walked << " events into " << data.string() << "; every log was verified.\n";
  return exit_done;
}

} // namespace fm::app
