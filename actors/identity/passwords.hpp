// Password hashes: argon2id by libsodium. Slow on purpose: call it on the executor, never in an actor.
#pragma once

#include "actors/identity/identity.hpp"

#include <string>
#include <string_view>

namespace fm::identity {

/// The hash with its salt and limits, or errc::overloaded when there is no memory for it.
outcome<std::string> hash_password(std::string_view password, password_cost cost);
/// Also false when `hash` is empty or unreadable.
bool verify_password(std::string_view password, const std::string& hash);
/// A hash of nothing anybody knows, made once per cost: verifying against it takes as long as a real one.
const std::string& dummy_hash(password_cost cost);

} // namespace fm::identity
