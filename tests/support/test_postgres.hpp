// The PostgreSQL that tests/support/services/postgres.sh started, and schemas in it.
#pragma once

#include "storage/postgres/connection.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace fm {

/// FM_TEST_POSTGRES is host:port:user:password:database.
inline postgres::options test_postgres(const std::string& schema) {
  const char* address = std::getenv("FM_TEST_POSTGRES");
  if (address == nullptr)
    throw std::runtime_error("FM_TEST_POSTGRES is not set: bash tests/support/services/postgres.sh start DIR prints it");
  std::vector<std::string> parts(1);
  for (const char* c = address; *c; ++c)
    *c == ':' ? void(parts.emplace_back()) : void(parts.back() += *c);
  parts.resize(5);
  postgres::options o;
  o.host = parts[0];
  o.port = static_cast<std::uint16_t>(std::stoul(parts[1]));
  o.user = parts[2];
  o.password = parts[3];
  o.database = parts[4];
  o.schema = schema;
  return o;
}

inline void drop_schema(const std::string& schema) {
  try {
    const auto o = test_postgres(schema);
    postgres::connection::open(o, o.host, true, o.connect_timeout)->script("DROP SCHEMA IF EXISTS \"" + schema + "\" CASCADE");
  } catch (const postgres::error&) {
    // The server is gone, and the schema with it.
  }
}

} // namespace fm
