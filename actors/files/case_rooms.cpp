// Sums over a few hundred entries; kept in no second place.
#include "actors/files/case_rooms.hpp"

namespace fm {

std::uint64_t case_account::bytes() const {
  auto sum = coming_bytes;
  for (auto& [id, f] : files)
    sum += f.bytes;
  for (auto& [id, n] : open_uploads)
    sum += n;
  return sum;
}
const case_file* case_account::with_bytes(const std::string& sha256) const {
  for (auto& [id, f] : files)
    if (f.sha256 == sha256)
      return &f;
  return nullptr;
}
outcome<done_t> case_account::room_to_grow(std::uint64_t more, const room_limits& limits) const {
  if (const auto held = bytes(); held > limits.case_bytes_max || more > limits.case_bytes_max - held)
    return make_failure(errc::too_large, "This case has no room for another file: at most " + std::to_string(limits.case_files_max) + " files and " +
                                             std::to_string(limits.case_bytes_max >> 20U) + " MiB in all, those on their way included.");
  return done;
}
outcome<done_t> case_account::room_for(std::uint64_t more, const room_limits& limits) const {
  if (files.size() + open_uploads.size() + coming_files >= limits.case_files_max)
    return room_to_grow(limits.case_bytes_max + 1, limits); // the same sentence
  return room_to_grow(more, limits);
}

reserved_room& reserved_room::operator=(reserved_room&& other) noexcept {
  std::swap(account_, other.account_);
  std::swap(bytes_, other.bytes_);
  std::swap(counted_, other.counted_);
  limits_ = other.limits_;
  return *this;
}
outcome<done_t> reserved_room::grow_to(std::uint64_t bytes) {
  if (!counted_ || bytes <= bytes_)
    return done;
  std::lock_guard lock{account_->mutex};
  if (auto r = account_->room_to_grow(bytes - bytes_, limits_); !r)
    return r;
  account_->coming_bytes += bytes - bytes_;
  bytes_ = bytes;
  return done;
}
void reserved_room::give_back() {
  if (!account_ || !counted_)
    return;
  std::lock_guard lock{account_->mutex};
  account_->coming_bytes -= bytes_;
  --account_->coming_files;
}

case_account_ptr case_rooms::account_in_use(const case_id& id) {
  std::lock_guard lock{mutex_};
  const auto found = accounts_.find(id);
  return found == accounts_.end() ? nullptr : found->second.lock();
}
outcome<case_account_ptr> case_rooms::account(const case_id& id) {
  case_account_ptr a;
  {
    std::lock_guard lock{mutex_};
    auto& known = accounts_[id];
    a = known.lock();
    if (!a) {
      known = a = std::make_shared<case_account>();
      std::erase_if(accounts_, [](auto& e) { return e.second.expired(); });
    }
  }
  std::lock_guard lock{a->mutex};
  if (!a->loaded) {
    if (auto r = load_(id, *a); !r) {
      a->files.clear();
      a->open_uploads.clear();
      return r.error();
    }
    a->loaded = true;
  }
  return a;
}
outcome<reserved_room> case_rooms::reserve(const case_id& id, std::uint64_t bytes, bool of_open_upload) {
  auto a = account(id);
  if (!a)
    return a.error();
  reserved_room r;
  r.limits_ = limits_;
  r.counted_ = !of_open_upload;
  std::lock_guard lock{(*a)->mutex};
  if (r.counted_) {
    if (auto room = (*a)->room_for(bytes, limits_); !room)
      return room.error();
    (*a)->coming_bytes += bytes;
    ++(*a)->coming_files;
    r.bytes_ = bytes;
  }
  r.account_ = std::move(*a);
  return r;
}

} // namespace fm
