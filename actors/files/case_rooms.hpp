// How much room cases have for files, counting what is still on its way: several uploads at once never pass a bound that
// each of them alone would keep. Accounts exist while somebody holds one, and are read from the store when they are made.
// Thread-safe; taking an account may block on the store.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/reply.hpp"
#include "protocol/model/files.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace fm {

struct room_limits {
  std::uint64_t case_bytes_max = 500U << 20;
  std::size_t case_files_max = 200;
  std::size_t open_uploads_max = 20; ///< that can be resumed, of a case
};

/// What a case holds. Whoever looks or changes holds `mutex`.
struct case_account {
  std::mutex mutex;
  bool loaded = false;
  std::map<std::string, case_file> files;             ///< by id
  std::map<std::string, std::uint64_t> open_uploads;  ///< their announced bytes, by id
  std::uint64_t coming_bytes = 0;                     ///< of files on their way
  std::size_t coming_files = 0;

  const case_file* with_bytes(const std::string& sha256) const;
  /// too_large when another file of so many bytes does not fit.
  outcome<done_t> room_for(std::uint64_t bytes, const room_limits& limits) const;
  /// too_large when so many bytes more do not fit.
  outcome<done_t> room_to_grow(std::uint64_t bytes, const room_limits& limits) const;

private:
  std::uint64_t bytes() const;
};
using case_account_ptr = std::shared_ptr<case_account>;

/// The room of one file on its way, given back with the object.
class reserved_room {
public:
  reserved_room() = default;
  reserved_room(reserved_room&& other) noexcept { *this = std::move(other); }
  reserved_room& operator=(reserved_room&& other) noexcept;
  ~reserved_room() { give_back(); }

  case_account& account() const { return *account_; }
  /// The account's mutex is held by neither.
  outcome<done_t> grow_to(std::uint64_t bytes);

private:
  friend class case_rooms;
  void give_back();
  case_account_ptr account_;
  room_limits limits_;
  std::uint64_t bytes_ = 0;
  bool counted_ = true; ///< off: an open upload stands for it
};

class case_rooms {
public:
  /// Fills the account of a case that has just been made.
  using load_account = std::function<outcome<done_t>(const case_id&, case_account&)>;
  case_rooms(room_limits limits, load_account load) : limits_(limits), load_(std::move(load)) {}

  outcome<case_account_ptr> account(const case_id& id);
  /// Only when somebody holds it.
  case_account_ptr account_in_use(const case_id& id);
  /// Room for a file of at least so many bytes; `of_open_upload`: of one that is counted already.
  outcome<reserved_room> reserve(const case_id& id, std::uint64_t bytes, bool of_open_upload = false);
  const room_limits& limits() const { return limits_; }

private:
  room_limits limits_;
  load_account load_;
  std::mutex mutex_;
  std::map<case_id, std::weak_ptr<case_account>> accounts_;
};

} // namespace fm
