// Large blobs are files, written beside, flushed and renamed; the others are rows. Keys are kept in memory, in order, and read once at the start.
#include "storage/filesystem/blob_store.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "storage/codec/blobs.hpp"
#include "storage/sqlite/blob_table.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <mutex>
#include <openssl/evp.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace fm::filesystem {
namespace {
namespace fs = std::filesystem;

failure trouble(const std::string& what, const std::string& path) {
  if (errno == ENOSPC || errno == EDQUOT) {
    log::error("filesystem", "there is no space left for " + path);
    return make_unavailable("There is no space left where files are kept.", std::chrono::seconds{30});
  }
  return make_unavailable("The file store could not " + what + " " + path + ": " + std::strerror(errno) + ".");
}

class descriptor {
public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_;
};

outcome<done_t> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return trouble("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return done;
}
outcome<done_t> flush_folder(const std::string& path) {
  const descriptor d{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!d || ::fsync(d.get()) != 0)
    return trouble("flush", path);
  return done;
}

struct hasher {
  struct closer {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  std::unique_ptr<EVP_MD_CTX, closer> context{EVP_MD_CTX_new()};
  hasher() { EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr); }
  void add(std::string_view bytes) { EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    digest d{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(d.data()), &size);
    return to_hex(d);
  }
};

struct folder {
  std::string root;
  blob_options options;
  sqlite::blob_table_ptr table;
  mutable std::mutex mutex;
  struct entry {
    blob_info info;
    bool inside = false; ///< the table has its bytes; otherwise an object has
  };
  std::map<std::string, entry, std::less<>> blobs;
  struct use {
    std::size_t count = 0; ///< keys, and writers that are about to make one
    bool settled = false;  ///< in its place on the disk
  };
  std::map<std::string, use> uses; ///< of each object
  /// Changes of one key come one after the other, so that disk and memory agree. Taken before `mutex`.
  std::array<std::mutex, 64> key_locks;
  std::mutex& key_lock(std::string_view key) { return key_locks[std::hash<std::string_view>{}(key) % key_locks.size()]; }
  std::map<std::string, std::chrono::days> rules;
  std::atomic<std::uint64_t> next_temporary{0};

  std::string object_path(const std::string& sha) const { return root + "/objects/" + sha.substr(0, 2) + "/" + sha; }
  std::string temporary() { return root + "/tmp/" + std::to_string(next_temporary++); }

  /// Puts a finished temporary file into its place.
  outcome<done_t> settle(const std::string& from, const std::string& to) const {
    const auto parent = fs::path{to}.parent_path().string();
    std::error_code ec;
    if (fs::create_directory(parent, ec) && options.flush)
      if (auto f = flush_folder(fs::path{parent}.parent_path().string()); !f)
        return f;
    if (::rename(from.c_str(), to.c_str()) != 0)
      return trouble("rename", to);
    return options.flush ? flush_folder(parent) : outcome<done_t>{done};
  }

  /// The mutex is held. Drops an object nobody uses any more.
  void release(const std::string& sha) {
    const auto found = uses.find(sha);
    if (found == uses.end() || --found->second.count > 0)
      return;
    uses.erase(found);
    ::unlink(object_path(sha).c_str());
  }
  /// The mutex is held. What stood under the key before is dropped.
  void now_stands(const blob_info& info, bool inside) {
    auto& e = blobs[info.key];
    const auto before = std::exchange(e, entry{info, inside});
    if (!before.info.key.empty() && !before.inside)
      release(before.info.sha256);
  }

  outcome<done_t> load() {
    std::error_code ec;
    for (const char* part : {"", "/objects", "/tmp"}) {
      fs::create_directories(root + part, ec);
      if (ec)
        return make_unavailable("The folder " + root + part + " cannot be made: " + ec.message() + ".");
    }
    if (!fs::exists(root + "/" + table_file, ec) && !fs::is_directory(root + "/keys", ec) && any_object()) // else all of them would be swept as nobody's
      return make_unavailable("The folder " + root + " holds objects, but " + table_file + ", which says whose they are, is missing; restore it from a backup.");
    auto opened = sqlite::open_blob_table(root + "/" + table_file, options.flush);
    if (!opened)
      return opened.error();
    table = std::move(*opened);
    if (auto taken = take_over_key_files(); !taken)
      return taken;
    for (auto& left : fs::directory_iterator{root + "/tmp", ec})
      fs::remove_all(left.path(), ec);
    auto walked = table->each([&](blob_info&& info, bool inside) {
      if (!inside) {
        struct stat s {};
        if (::stat(object_path(info.sha256).c_str(), &s) != 0 || static_cast<std::uint64_t>(s.st_size) != info.size) {
          log::error("filesystem", "the bytes of " + info.key + " are missing or have another size; it is left out");
          return;
        }
        auto& use = uses[info.sha256];
        ++use.count;
        use.settled = true;
      }
      auto key = info.key;
      blobs.emplace(std::move(key), entry{std::move(info), inside});
    });
    if (!walked)
      return walked;
    for (auto& found : fs::recursive_directory_iterator{root + "/objects", ec})
      if (found.is_regular_file() && !uses.contains(found.path().filename().string()))
        ::unlink(found.path().c_str()); // written, but the crash came before its key
    if (ec)
      return make_unavailable("The folder " + root + " cannot be read: " + ec.message() + ".");
    return done;
  }

  /// Earlier versions had a small file for each key instead of the table. Nobody is served before they are gone, so that
  /// what a crash leaves of them says nothing that is not in the table already.
  outcome<done_t> take_over_key_files() {
    std::error_code ec;
    const auto keys = root + "/keys";
    if (!fs::is_directory(keys, ec))
      return keep_earlier_versions_out();
    std::vector<blob_info> infos;
    for (auto& file : fs::recursive_directory_iterator{keys, ec}) {
      if (!file.is_regular_file())
        continue;
      if (auto info = read_key(file.path().string()))
        infos.push_back(std::move(*info));
      else
        log::error("filesystem", info.error().detail);
    }
    if (ec)
      return make_unavailable("The folder " + keys + " cannot be read: " + ec.message() + ".");
    if (auto added = table->add_missing(infos); !added)
      return added;
    fs::remove_all(keys, ec);
    if (ec)
      return make_unavailable("The folder " + keys + " cannot be removed: " + ec.message() + ".");
    log::info("filesystem", "took " + std::to_string(infos.size()) + " keys of an earlier version into " + std::string{table_file});
    return keep_earlier_versions_out();
  }

  /// Those would find no keys, and sweep every object as nobody's. They want a folder where this file stands, and refuse to start.
  outcome<done_t> keep_earlier_versions_out() const {
    const auto path = root + "/keys";
    const descriptor d{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    return d ? write_all(d.get(), "The keys are in blobs.db; earlier versions of the server cannot read this folder.\n", path) : trouble("make", path);
  }
  bool any_object() const {
    std::error_code ec;
    for (auto& found : fs::recursive_directory_iterator{root + "/objects", ec})
      if (found.is_regular_file())
        return true;
    return false;
  }

  static outcome<blob_info> read_key(const std::string& path) {
    const descriptor d{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    char bytes[4'096];
    const auto n = d ? ::read(d.get(), bytes, sizeof bytes) : -1;
    if (n <= 0)
      return trouble("read", path);
    std::vector<std::string> lines;
    std::string_view text{bytes, static_cast<std::size_t>(n)};
    while (!text.empty()) {
      const auto end = text.find('\n');
      if (end == std::string_view::npos)
        break;
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    blob_info i;
    std::int64_t at = 0;
    const auto number = [](const std::string& from, auto& into) {
      return std::from_chars(from.data(), from.data() + from.size(), into).ec == std::errc{};
    };
    if (lines.size() != 6 || lines[0] != "1" || lines[2].size() != 64 || !number(lines[3], i.size) || !number(lines[5], at))
      return make_unavailable("The key file " + path + " is damaged.");
    i.key = lines[1];
    i.sha256 = lines[2];
    i.content_type = lines[4];
    i.stored_at = timestamp{std::chrono::milliseconds{at}};
    return i;
  }
};

class file_writer final : public blob_writer {
public:
  file_writer(std::shared_ptr<folder> f, std::string key, std::string type) : folder_(std::move(f)) {
    info_.key = std::move(key);
    info_.content_type = std::move(type);
  }
  file_writer(const file_writer&) = delete;
  file_writer& operator=(const file_writer&) = delete;
  ~file_writer() override {
    if (file_ && !moved_)
      ::unlink(path_.c_str());
  }

  outcome<done_t> write(std::string_view bytes) override {
    if (broken_)
      return *broken_;
    if (info_.size + bytes.size() > folder_->options.blob_bytes_max)
      return fail(make_failure(errc::too_large, "The file is larger than the file store takes."));
    if (auto w = take(bytes); !w)
      return fail(w.error());
    hash_.add(bytes);
    info_.size += bytes.size();
    return done;
  }
  outcome<blob_info> finish() override {
    if (broken_)
      return *broken_;
    info_.sha256 = hash_.hex();
    info_.stored_at = folder_->options.clock->now();
    auto finished = file_ ? finish_object() : finish_inside();
    if (!finished)
      return fail(finished.error());
    broken_ = make_failure(errc::gone, "This blob is finished.");
    return info_;
  }

private:
  failure fail(failure f) {
    broken_ = f;
    return f;
  }

  /// In memory while it is small.
  outcome<done_t> take(std::string_view bytes) {
    if (!file_) {
      if (small_.size() + bytes.size() <= folder_->options.inside_bytes_max) {
        small_.append(bytes);
        return done;
      }
      path_ = folder_->temporary();
      file_ = descriptor{::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
      if (!file_)
        return trouble("make", path_);
      if (auto w = write_all(file_.get(), std::exchange(small_, {}), path_); !w)
        return w;
    }
    return write_all(file_.get(), bytes, path_);
  }

  outcome<done_t> finish_inside() {
    std::lock_guard one_at_a_time{folder_->key_lock(info_.key)};
    if (auto put = folder_->table->put(info_, small_); !put)
      return put;
    std::lock_guard lock{folder_->mutex};
    folder_->now_stands(info_, true);
    return done;
  }

  outcome<done_t> finish_object() {
    if (folder_->options.flush && ::fsync(file_.get()) != 0)
      return trouble("flush", path_);
    std::lock_guard one_at_a_time{folder_->key_lock(info_.key)};
    bool known = false;
    { // counted before its key is there, so that nobody drops the object in between
      std::lock_guard lock{folder_->mutex};
      auto& use = folder_->uses[info_.sha256];
      ++use.count;
      known = use.settled;
    }
    auto settled = known ? outcome<done_t>{done} : folder_->settle(path_, folder_->object_path(info_.sha256));
    auto pointed = settled ? folder_->table->put(info_, std::nullopt) : settled;
    std::lock_guard lock{folder_->mutex};
    if (settled)
      folder_->uses[info_.sha256].settled = true;
    moved_ = settled && !known;
    if (pointed)
      folder_->now_stands(info_, false);
    else
      folder_->release(info_.sha256);
    return pointed;
  }

  std::shared_ptr<folder> folder_;
  std::string small_; ///< what came, while there is no file
  std::string path_;
  descriptor file_;
  blob_info info_;
  hasher hash_;
  std::optional<failure> broken_;
  bool moved_ = false; ///< the temporary file became the object
};

class file_blob_store final : public blob_store {
public:
  explicit file_blob_store(std::shared_ptr<folder> f) : folder_(std::move(f)) {}

  outcome<std::unique_ptr<blob_writer>> put(std::string_view key, std::string_view type) override {
    if (auto f = stored::refusal_of_blob_key(key))
      return *f;
    if (type.size() > 255 || type.find('\n') != std::string_view::npos)
      return make_failure(errc::invalid, "A content type has at most 255 bytes on one line.");
    return std::unique_ptr<blob_writer>{std::make_unique<file_writer>(folder_, std::string{key}, type.empty() ? "application/octet-stream" : std::string{type})};
  }

  outcome<std::string> read(std::string_view key, std::uint64_t offset, std::uint64_t length) const override {
    blob_info info;
    descriptor d;
    {
      std::unique_lock lock{folder_->mutex}; // an open file outlives its removal
      auto found = folder_->blobs.find(key);
      if (found != folder_->blobs.end() && found->second.inside) {
        lock.unlock();
        std::lock_guard one_at_a_time{folder_->key_lock(key)}; // row and memory agree
        lock.lock();
        found = folder_->blobs.find(key);
        if (found != folder_->blobs.end() && found->second.inside) {
          info = found->second.info;
          lock.unlock();
          return read_inside(info, offset, length);
        }
      }
      if (found == folder_->blobs.end())
        return stored::no_blob(key);
      info = found->second.info;
      d = descriptor{::open(folder_->object_path(info.sha256).c_str(), O_RDONLY | O_CLOEXEC)};
    }
    if (!d)
      return trouble("read", folder_->object_path(info.sha256));
    if (offset > info.size)
      return stored::beyond_the_end(key, info.size);
    std::string bytes(std::min(length, info.size - offset), '\0');
    std::size_t got = 0;
    while (got < bytes.size()) {
      const auto n = ::pread(d.get(), bytes.data() + got, bytes.size() - got, static_cast<off_t>(offset + got));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return n < 0 ? trouble("read", std::string{key}) : make_unavailable("The bytes of " + std::string{key} + " are cut short on the disk.");
      got += static_cast<std::size_t>(n);
    }
    if (offset == 0 && bytes.size() == info.size && sha256_hex(bytes) != info.sha256)
      return damaged(info);
    return bytes;
  }
  outcome<blob_info> stat(std::string_view key) const override {
    std::lock_guard lock{folder_->mutex};
    const auto found = folder_->blobs.find(key);
    if (found == folder_->blobs.end())
      return stored::no_blob(key);
    return found->second.info;
  }
  outcome<bool> remove(std::string_view key) override { return drop(std::string{key}, {}); }
  outcome<blob_page> list(std::string_view prefix, std::string_view after, std::size_t limit) const override {
    blob_page out;
    std::lock_guard lock{folder_->mutex};
    for (auto at = after < prefix ? folder_->blobs.lower_bound(prefix) : folder_->blobs.upper_bound(after);
         at != folder_->blobs.end() && at->first.starts_with(prefix); ++at) {
      if (out.blobs.size() >= limit) {
        out.more = true;
        break;
      }
      out.blobs.push_back(at->second.info);
    }
    return out;
  }
  outcome<done_t> set_lifecycle(std::string_view prefix, std::optional<std::chrono::days> age) override {
    std::lock_guard lock{folder_->mutex};
    if (age)
      folder_->rules[std::string{prefix}] = *age;
    else
      folder_->rules.erase(std::string{prefix});
    return done;
  }
  outcome<std::uint64_t> sweep() override {
    const auto now = folder_->options.clock->now();
    std::vector<std::pair<std::string, timestamp>> old;
    {
      std::lock_guard lock{folder_->mutex};
      for (auto& [key, stands] : folder_->blobs)
        for (auto& [prefix, age] : folder_->rules)
          if (key.starts_with(prefix) && now - stands.info.stored_at > age) {
            old.emplace_back(key, stands.info.stored_at);
            break;
          }
    }
    std::uint64_t gone = 0;
    for (auto& [key, stored_at] : old) {
      auto dropped = drop(key, stored_at); // one that was replaced meanwhile is young again
      if (!dropped)
        return dropped.error();
      gone += *dropped ? 1 : 0;
    }
    return gone;
  }
  outcome<done_t> ping() const override {
    struct stat s {};
    if (::stat((folder_->root + "/objects").c_str(), &s) != 0 || ::access((folder_->root + "/tmp").c_str(), W_OK) != 0)
      return trouble("use", folder_->root);
    return done;
  }

private:
  static failure damaged(const blob_info& info) { return make_unavailable("The bytes of " + info.key + " are damaged on the disk: their SHA-256 is another one."); }

  outcome<std::string> read_inside(const blob_info& info, std::uint64_t offset, std::uint64_t length) const {
    if (offset > info.size)
      return stored::beyond_the_end(info.key, info.size);
    auto bytes = folder_->table->read(info.key);
    if (!bytes)
      return bytes.error().code == errc::not_found ? make_unavailable("The bytes of " + info.key + " are missing on the disk.") : bytes.error();
    if (sha256_hex(*bytes) != info.sha256)
      return damaged(info);
    return offset == 0 && length >= info.size ? std::move(*bytes) : bytes->substr(offset, length);
  }

  /// Only when it was stored then, if a time is given.
  outcome<bool> drop(const std::string& key, std::optional<timestamp> stored_at) {
    std::lock_guard one_at_a_time{folder_->key_lock(key)};
    {
      std::lock_guard lock{folder_->mutex};
      const auto found = folder_->blobs.find(key);
      if (found == folder_->blobs.end() || (stored_at && found->second.info.stored_at != *stored_at))
        return false;
    }
    if (auto removed = folder_->table->remove(key); !removed)
      return removed.error();
    std::lock_guard lock{folder_->mutex};
    const auto found = folder_->blobs.find(key);
    const auto before = std::move(found->second);
    folder_->blobs.erase(found);
    if (!before.inside)
      folder_->release(before.info.sha256);
    return true;
  }

  std::shared_ptr<folder> folder_;
};
} // namespace

outcome<blob_store_ptr> open_blob_store(const std::string& root, const blob_options& options) {
  auto f = std::make_shared<folder>();
  f->root = root;
  f->options = options;
  if (auto loaded = f->load(); !loaded)
    return loaded.error();
  return blob_store_ptr{std::make_shared<file_blob_store>(std::move(f))};
}

} // namespace fm::filesystem
