// Settings to storage.
#include "config/app/lib/storage_of.hpp"

#include "http/client/curl_client.hpp"

namespace fm::app {
namespace {
template <class S>
postgres::options postgres_of(const S& s) {
  postgres::options to;
  to.host = s.host;
  to.port = s.port;
  to.database = s.database;
  to.user = s.user;
  to.password = s.password;
  to.sslmode = s.sslmode;
  to.sslrootcert = s.sslrootcert;
  to.schema = s.schema;
  to.replica_host = s.replica_host;
  to.connections = s.connections;
  to.connect_timeout = s.connect_timeout_seconds;
  to.statement_timeout = s.statement_timeout_seconds;
  return to;
}
} // namespace

storage_settings storage_of(const settings& s) {
  storage_settings to;
  to.cases = s.storage.cases;
  to.users = s.storage.users;
  to.sessions = s.storage.sessions;
  to.vectors = s.storage.vectors;
  to.blobs = s.storage.blobs;
  to.data_directory = s.storage.data;
  to.session_file = s.storage.session_file;
  to.postgres = postgres_of(s.postgres);
  to.users_postgres = s.users_postgres.host.empty() ? to.postgres : postgres_of(s.users_postgres);
  to.redis.host = s.redis.host;
  to.redis.port = s.redis.port;
  to.redis.user = s.redis.user;
  to.redis.password = s.redis.password;
  to.redis.database = s.redis.database;
  to.redis.tls = s.redis.tls;
  to.redis.tls_ca = s.redis.tls_ca;
  to.redis.sentinels = s.redis.sentinels;
  to.redis.sentinel_master = s.redis.sentinel_master;
  to.redis.prefix = s.redis.prefix;
  to.redis.timeout = s.redis.timeout_ms;
  to.redis.connections = s.redis.connections;
  to.chroma.url = s.chroma.url;
  to.chroma.token = s.chroma.token;
  to.chroma.tenant = s.chroma.tenant;
  to.chroma.database = s.chroma.database;
  to.chroma.timeout = s.chroma.timeout_seconds;
  to.s3.endpoint = s.s3.endpoint;
  to.s3.region = s.s3.region;
  to.s3.bucket = s.s3.bucket;
  to.s3.access_key = s.s3.access_key;
  to.s3.secret_key = s.s3.secret_key;
  to.s3.prefix = s.s3.prefix;
  to.s3.path_style = s.s3.path_style;
  to.s3.server_side_encryption = s.s3.server_side_encryption;
  to.s3.timeout = s.s3.timeout_seconds;
  to.s3_lifecycle = s.s3.lifecycle_days;
  if (s.storage.vectors == "chroma" || s.storage.blobs == "s3")
    to.http = make_curl_client({});
  to.sqlite_file = s.storage.sqlite_file;
  to.embedding_cache_bytes = s.knowledge.embedding_url.empty() ? 0 : s.knowledge.embedding_cache_bytes;
  to.synchronous_full = s.storage.synchronous == "full";
  return to;
}

} // namespace fm::app
