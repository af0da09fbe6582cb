// The port behind which users are durable.
//
// Threading: callable from any thread; calls on one store are put in order by the backend.
// Success: a user written is there after a crash. Failure: ALREADY_EXISTS conflicts name the field in
// facts["field"]; a fault of the backend is errc::unavailable and leaves nothing changed.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/user.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

struct user_page {
  std::vector<user> users;
  std::uint64_t total = 0;
};

class user_store {
public:
  virtual ~user_store() = default;
  /// Username (case-insensitive) and non-empty email must be new.
  virtual outcome<done_t> create(const user_record& record) = 0;
  /// Replaces the user of that id; not_found when there is none.
  virtual outcome<done_t> update(const user_record& record) = 0;
  virtual outcome<user_record> get(const user_id& id) const = 0;
  /// By username without regard to case, or by email.
  virtual outcome<user_record> find(std::string_view username_or_email) const = 0;
  virtual outcome<user_page> list(std::size_t offset, std::size_t limit) const = 0;
};
using user_store_ptr = std::shared_ptr<user_store>;

} // namespace fm
