// One ordered map, one file.
#include "storage/file/session_store.hpp"

#include "protocol/base/logging.hpp"
#include "storage/codec/crc32.hpp"
#include "storage/codec/keys.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace fm::file {
namespace {
constexpr std::uint32_t record_bytes_max = 2U << 20;

failure trouble(const std::string& what, const std::string& path) {
  return make_unavailable("The session file could not be " + what + ": " + path + ": " + std::strerror(errno) + ".");
}

class file_session_store final : public session_store {
  struct entry {
    std::string value;
    std::optional<std::int64_t> end; ///< milliseconds; nothing = never
  };

public:
  file_session_store(std::string path, clock_ptr clock, const session_options& options) : path_(std::move(path)), clock_(std::move(clock)), options_(options) {}
  file_session_store(const file_session_store&) = delete;
  file_session_store& operator=(const file_session_store&) = delete;
  ~file_session_store() override {
    if (fd_ >= 0)
      ::close(fd_);
  }

  outcome<done_t> load() {
    std::error_code ec;
    if (const auto parent = std::filesystem::path{path_}.parent_path(); !parent.empty())
      std::filesystem::create_directories(parent, ec);
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0)
      return trouble("opened", path_);
    struct stat s {};
    if (::fstat(fd_, &s) != 0)
      return trouble("read", path_);
    std::string bytes(static_cast<std::size_t>(s.st_size), '\0');
    std::size_t got = 0;
    while (got < bytes.size()) {
      const auto n = ::pread(fd_, bytes.data() + got, bytes.size() - got, static_cast<off_t>(got));
      if (n <= 0)
        return trouble("read", path_);
      got += static_cast<std::size_t>(n);
    }
    std::size_t at = 0;
    while (at < bytes.size()) {
      std::uint32_t head[2] = {0, 0};
      const bool has_head = bytes.size() - at >= sizeof head;
      if (has_head)
        std::memcpy(head, bytes.data() + at, sizeof head);
      const bool whole = has_head && head[0] > 0 && head[0] <= record_bytes_max && bytes.size() - at - sizeof head >= head[0];
      const auto payload = whole ? std::string_view{bytes}.substr(at + sizeof head, head[0]) : std::string_view{};
      if (!whole || stored::crc32(payload) != head[1] || !apply(payload)) {
        // Only what was being written last may be torn.
        const bool last = !has_head || head[0] > bytes.size() - at - sizeof head || at + sizeof head + head[0] == bytes.size();
        if (!last || (has_head && head[0] > record_bytes_max))
          return make_unavailable("The session file " + path_ + " is damaged in the middle; remove it and have people sign in again.");
        log::warn("file", "the last record of " + path_ + " was torn by a crash and is cut off");
        if (::ftruncate(fd_, static_cast<off_t>(at)) != 0)
          return trouble("repaired", path_);
        break;
      }
      at += sizeof head + head[0];
    }
    size_ = at;
    return done;
  }

  outcome<done_t> set(std::string_view key, std::string_view value, ttl life) override {
    if (auto f = stored::refusal_of(key, value))
      return *f;
    std::lock_guard lock{mutex_};
    return put(key, value, stored::end_of_life(clock_->now(), life));
  }
  outcome<bool> set_if_absent(std::string_view key, std::string_view value, ttl life) override {
    if (auto f = stored::refusal_of(key, value))
      return *f;
    std::lock_guard lock{mutex_};
    if (live(key))
      return false;
    if (auto r = put(key, value, stored::end_of_life(clock_->now(), life)); !r)
      return r.error();
    return true;
  }
  outcome<std::optional<std::string>> get(std::string_view key) const override {
    std::lock_guard lock{mutex_};
    const auto* e = live(key);
    return e ? std::optional{e->value} : std::nullopt;
  }
  outcome<std::optional<ttl>> time_left(std::string_view key) const override {
    std::lock_guard lock{mutex_};
    const auto* e = live(key);
    if (!e)
      return std::optional<ttl>{};
    return std::optional{stored::time_left(clock_->now(), e->end)};
  }
  outcome<bool> remove(std::string_view key) override {
    std::lock_guard lock{mutex_};
    const auto found = entries_.find(key);
    if (found == entries_.end())
      return false;
    const bool there = live(key) != nullptr;
    if (auto r = append("D" + std::string{key}); !r)
      return r.error();
    forget(found);
    return there;
  }
  outcome<bool> exists(std::string_view key) const override {
    std::lock_guard lock{mutex_};
    return live(key) != nullptr;
  }
  outcome<bool> expire(std::string_view key, ttl life) override {
    std::lock_guard lock{mutex_};
    const auto* e = live(key);
    if (!e)
      return false;
    const auto value = e->value;
    if (auto r = put(key, value, stored::end_of_life(clock_->now(), life)); !r)
      return r.error();
    return true;
  }
  outcome<std::vector<std::string>> keys(std::string_view pattern, std::size_t limit) const override {
    std::lock_guard lock{mutex_};
    std::vector<std::string> found;
    const auto prefix = pattern.substr(0, pattern.find('*'));
    for (auto at = entries_.lower_bound(prefix); at != entries_.end() && at->first.starts_with(prefix) && found.size() < limit; ++at)
      if (stored::glob_matches(pattern, at->first) && alive(at->second))
        found.push_back(at->first);
    return found;
  }
  outcome<std::uint64_t> sweep() override {
    std::lock_guard lock{mutex_};
    std::uint64_t gone = 0;
    for (auto at = entries_.begin(); at != entries_.end();) {
      const auto next = std::next(at);
      if (!alive(at->second)) { // needs no record: it is as dead when it is read again
        forget(at);
        ++gone;
      }
      at = next;
    }
    if (auto r = compact_if_due(); !r)
      return r.error();
    return gone;
  }

private:
  bool alive(const entry& e) const { return !e.end || *e.end > clock_->now().time_since_epoch().count(); }
  const entry* live(std::string_view key) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && alive(found->second) ? &found->second : nullptr;
  }
  static std::string payload_of(std::string_view key, std::string_view value, std::optional<std::int64_t> end) {
    std::string p = "S";
    const std::int64_t ms = end.value_or(0);
    const auto n = static_cast<std::uint32_t>(key.size());
    p.append(reinterpret_cast<const char*>(&ms), sizeof ms).append(reinterpret_cast<const char*>(&n), sizeof n);
    return p.append(key).append(value);
  }
  bool apply(std::string_view p) {
    if (p.front() == 'D') {
      if (const auto found = entries_.find(p.substr(1)); found != entries_.end())
        forget(found);
      return true;
    }
    std::int64_t ms = 0;
    std::uint32_t n = 0;
    if (p.front() != 'S' || p.size() < 1 + sizeof ms + sizeof n)
      return false;
    std::memcpy(&ms, p.data() + 1, sizeof ms);
    std::memcpy(&n, p.data() + 1 + sizeof ms, sizeof n);
    p.remove_prefix(1 + sizeof ms + sizeof n);
    if (n > p.size())
      return false;
    remember(p.substr(0, n), p.substr(n), ms == 0 ? std::nullopt : std::optional{ms});
    return true;
  }
  void remember(std::string_view key, std::string_view value, std::optional<std::int64_t> end) {
    const auto found = entries_.find(key);
    if (found != entries_.end())
      forget(found);
    live_bytes_ += key.size() + value.size() + 24;
    entries_.emplace(std::string{key}, entry{std::string{value}, end});
  }
  void forget(std::map<std::string, entry, std::less<>>::iterator at) {
    live_bytes_ -= at->first.size() + at->second.value.size() + 24;
    entries_.erase(at);
  }
  outcome<done_t> put(std::string_view key, std::string_view value, std::optional<std::int64_t> end) {
    if (auto r = append(payload_of(key, value, end && *end == 0 ? std::optional<std::int64_t>{1} : end)); !r)
      return r;
    remember(key, value, end);
    return compact_if_due();
  }
  outcome<done_t> append(const std::string& payload) {
    std::string record;
    const std::uint32_t head[2] = {static_cast<std::uint32_t>(payload.size()), stored::crc32(payload)};
    record.append(reinterpret_cast<const char*>(head), sizeof head).append(payload);
    if (auto w = write_at(fd_, record, size_); !w) {
      if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0)
        log::error("file", "a torn record of " + path_ + " could not be cut off");
      return w;
    }
    size_ += record.size();
    return done;
  }
  outcome<done_t> write_at(int fd, std::string_view bytes, std::uint64_t at) const {
    while (!bytes.empty()) {
      const auto n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return trouble("written", path_);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      at += static_cast<std::uint64_t>(n);
    }
    if (options_.flush && ::fdatasync(fd) != 0)
      return trouble("flushed", path_);
    return done;
  }
  outcome<done_t> compact_if_due() {
    if (size_ < options_.compact_bytes_min || size_ < 3 * live_bytes_)
      return done;
    const auto beside = path_ + ".new";
    const int fd = ::open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
      return trouble("made", beside);
    std::string all;
    std::uint64_t written = 0;
    const auto give = [&]() -> outcome<done_t> {
      auto w = write_at(fd, all, written);
      written += all.size();
      all.clear();
      return w;
    };
    outcome<done_t> good = done;
    for (auto& [key, e] : entries_) {
      if (!alive(e))
        continue;
      const auto p = payload_of(key, e.value, e.end);
      const std::uint32_t head[2] = {static_cast<std::uint32_t>(p.size()), stored::crc32(p)};
      all.append(reinterpret_cast<const char*>(head), sizeof head).append(p);
      if (all.size() > (1U << 20))
        good = give();
      if (!good)
        break;
    }
    if (good)
      good = give();
    if (good && (::fsync(fd) != 0 || ::rename(beside.c_str(), path_.c_str()) != 0))
      good = trouble("replaced", path_);
    if (!good) {
      ::close(fd);
      ::unlink(beside.c_str());
      log::warn("file", "the session file stays large: " + good.error().detail);
      return done; // the change itself is stored
    }
    ::close(std::exchange(fd_, fd));
    size_ = written;
    return done;
  }

  std::string path_;
  clock_ptr clock_;
  session_options options_;
  mutable std::mutex mutex_;
  std::map<std::string, entry, std::less<>> entries_;
  int fd_ = -1;
  std::uint64_t size_ = 0, live_bytes_ = 0;
};
} // namespace

outcome<session_store_ptr> open_session_store(const std::string& path, clock_ptr clock, const session_options& options) {
  auto store = std::make_shared<file_session_store>(path, std::move(clock), options);
  if (auto loaded = store->load(); !loaded)
    return loaded.error();
  return session_store_ptr{std::move(store)};
}

} // namespace fm::file
