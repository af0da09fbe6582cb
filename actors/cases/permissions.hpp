// Who may do what with a case: one pure function, asked before anything else (domain.md, "People").
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/user.hpp"

namespace fm {

struct permission {
  bool read = false;
  bool write = false;
  bool own = false; ///< delete, restore, share
  bool operator==(const permission&) const = default;
};

/// Owner: all; collaborator: read and write; viewer: read; analyst: read; admin: all; public case: read.
permission effective_permission(const case_record& record, const principal& who);

enum class need { read, write, own };
/// Nothing when allowed. not_found when the caller may not even know the case exists (a deleted case exists
/// only for those who own it), forbidden when it can be seen but not that way.
std::optional<failure> refuse_unless(need what, const case_record& record, const principal& who);

} // namespace fm
