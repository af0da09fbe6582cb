// Every setting of the program with its default, in one struct. The member's path is the setting's key:
// settings::http.port is "http.port" in the file, FAULTMAVEN_HTTP_PORT in the environment, --set http.port=…
// on the command line. A default stands here and nowhere else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

/// automatic = on exactly when the server listens on loopback only.
enum class dev_login_mode { automatic, on, off };
/// Cost of a password hash (libsodium's limits). minimum is for tests.
enum class password_cost_setting { minimum, interactive, moderate };
/// Whether the model's provider stays on this machine or network; automatic = by the host of base_url.
enum class provider_place { automatic, local, remote };

struct settings {
  struct {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::size_t io_threads = 1;
    std::size_t connections_max = 20'000;
    std::size_t body_bytes_max = 11U << 20;
    std::chrono::seconds upload_idle_seconds{30};
    std::chrono::seconds upload_total_seconds{3'600};
    std::size_t header_bytes_max = 32U << 10;
    std::size_t pipeline_max = 16;
    std::chrono::seconds request_deadline_seconds{30};
    std::chrono::seconds query_deadline_seconds{120};
    std::chrono::seconds keep_alive_seconds{75};
    std::chrono::seconds header_timeout_seconds{10};
    std::chrono::seconds drain_seconds{10};
    std::size_t gzip_bytes_min = 1'024;
    std::vector<std::string> allowed_origins;
    std::uint32_t requests_per_second = 100;
    std::uint32_t requests_burst = 400;
    std::uint32_t sign_ins_per_minute = 60;
  } http;

  struct {
    std::size_t client_message_bytes_max = 1U << 20;
    std::size_t cases_open_max = 64;
    std::uint32_t commands_per_second = 50;
    std::uint32_t commands_burst = 100;
    std::size_t outbox_bytes_max = 4U << 20;
    std::chrono::seconds heartbeat_seconds{15};
    std::chrono::seconds pong_timeout_seconds{40};
    std::chrono::seconds hello_timeout_seconds{5};
    std::size_t replay_events_max = 10'000;
  } live;

  struct {
    dev_login_mode dev_login = dev_login_mode::automatic;
    bool registration = true;
    std::chrono::hours token_hours{24};
    std::chrono::days refresh_days{30};
    std::chrono::minutes session_minutes{180};
    std::size_t sessions_per_user = 10;
    std::chrono::seconds ticket_seconds{30};
    std::size_t tickets_max = 10'000;
    std::size_t login_failures_max = 10;
    std::chrono::minutes login_window_minutes{5};
    std::size_t token_cache_max = 50'000;
    password_cost_setting password_cost = password_cost_setting::interactive;
  } auth;

  struct {
    std::uint64_t open_per_user = 100;
    std::chrono::minutes idle_minutes{10};
    std::chrono::milliseconds delta_window_ms{25};
    std::size_t delta_bytes = 32U << 10;
    std::size_t queue_max = 100;
    std::size_t commands_waiting_max = 1'000;
    std::size_t subscribers_max = 5'000;
    std::size_t context_characters = 120'000;
    std::size_t history_messages = 200;
    std::chrono::seconds compact_after_seconds{60};
    std::chrono::seconds drain_seconds{5};
  } cases;

  struct {
    std::string cases = "sqlite";
    std::string users = "sqlite";
    std::string sessions = "sqlite";
    std::string vectors = "hnsw";
    std::string blobs = "filesystem";
    std::string data = "faultmaven-data";
    std::string sqlite_file;
    std::string session_file;
    std::string synchronous = "full";
    std::size_t reader_threads = 2;
    std::size_t reader_queue_max = 10'000;
    std::size_t batch_max = 512;
    std::size_t batch_bytes_max = 4U << 20;
    std::size_t queue_max = 10'000;
  } storage;

  struct postgres_server {
    std::string host;
    std::uint16_t port = 5'432;
    std::string database = "faultmaven";
    std::string user = "faultmaven";
    std::string password;
    std::string sslmode = "prefer";
    std::string sslrootcert;
    std::string schema = "public";
    std::string replica_host;
    std::size_t connections = 8;
    std::chrono::seconds connect_timeout_seconds{5};
    std::chrono::seconds statement_timeout_seconds{10};
  };
  postgres_server postgres;
  /// Users in a database of their own; without a host they live beside the cases.
  postgres_server users_postgres;

  struct {
    std::string host = "127.0.0.1";
    std::uint16_t port = 6'379;
    std::string user;
    std::string password;
    std::size_t database = 0;
    bool tls = false;
    std::string tls_ca;
    std::vector<std::string> sentinels;
    std::string sentinel_master = "mymaster";
    std::string prefix = "faultmaven:";
    std::chrono::milliseconds timeout_ms{2'000};
    std::size_t connections = 4;
  } redis;

  struct {
    std::string url = "http://127.0.0.1:8000";
    std::string token;
    std::string tenant = "default_tenant";
    std::string database = "default_database";
    std::chrono::seconds timeout_seconds{10};
  } chroma;

  struct {
    std::string endpoint;
    std::string region = "us-east-1";
    std::string bucket;
    std::string access_key;
    std::string secret_key;
    std::string prefix;
    bool path_style = true;
    std::string server_side_encryption;
    std::chrono::days lifecycle_days{90};
    std::chrono::seconds timeout_seconds{60};
  } s3;

  struct {
    std::size_t upload_bytes_max = 10U << 20;
    std::size_t case_bytes_max = 500U << 20;
    std::size_t case_files_max = 200;
    std::size_t analysis_threads = 2;
    unsigned analysis_percent = 2;
    std::size_t analysis_queue_max = 1'000;
    std::size_t receiver_threads = 4;
    unsigned receiving_percent = 1;
    std::size_t receiving_max = 256;
    std::size_t open_uploads_max = 20;
    std::chrono::hours upload_expiry_hours{24};
    std::string redaction = "all";
    bool redact_addresses = false;
    std::size_t timeline_moments_max = 400;
    std::size_t timeline_entries_max = 20'000;
    std::size_t timeline_messages_max = 1'000;
  } files;

  struct {
    std::string embedding_url;
    std::string embedding_key;
    std::string embedding_model;
    std::uint32_t embedding_dimension = 1'024;
    std::chrono::milliseconds embedding_query_ms{3'000};
    std::uint64_t embedding_cache_bytes = 256U << 20;
    std::chrono::seconds embedding_retry_seconds{60};
    std::size_t document_bytes_max = 2U << 20;
    std::size_t versions_kept = 20;
    std::size_t documents_max = 20'000;
    std::size_t in_answers = 3;
    std::size_t lines_in_answers = 6;
    std::size_t relevant_percent = 30;
    std::uint64_t file_bytes_max = 10U << 20;
    std::size_t pdf_pages_max = 500;
  } knowledge;

  struct {
    std::size_t messages_max = 2'000;
    std::size_t messages_bytes_max = 8U << 20;
    std::size_t message_vectors_max = 256;
    std::size_t cases_kept_max = 32;
    std::uint64_t indexed_at_once_bytes = 16U << 20;
    std::size_t similarity_percent = 12;
    std::uint64_t extracted_bytes_max = 16U << 20;
    std::size_t segment_bytes = 8U << 20;
    std::size_t file_vectors_max = 256;
  } case_search;

  struct {
    std::size_t teams_max = 10'000;
    std::size_t per_user_max = 50;
    std::size_t members_max = 200;
  } teams;

  struct {
    bool enabled = true;
    std::size_t cases_max = 300;
    std::size_t shown_max = 3;
    std::size_t notes_max = 5;
    std::size_t score_percent = 35;
  } likeness;

  struct {
    std::size_t remembered_max = 1'000;
    std::size_t unfinished_per_user_max = 100;
  } jobs;

  struct {
    std::string base_url;
    std::string api_key;
    std::string model;
    provider_place place = provider_place::automatic;
    double temperature = 0.2;
    std::size_t max_tokens = 0;
    std::chrono::seconds first_token_seconds{60};
    std::chrono::seconds idle_seconds{60};
    std::chrono::seconds total_seconds{600};
    std::size_t retries = 3;
    std::size_t answer_bytes_max = 1U << 20;
    std::size_t calls_max = 256;
  } llm;

  struct {
    std::string level = "info";
  } log;

  struct {
    std::size_t threads = 0;
    std::size_t work_threads = 2;
    std::size_t work_queue_max = 256;
  } actors;

  struct {
    bool case_agent = true;
    bool reports = true;
  } features;

  /// Where each setting that is not built in came from: key → "faultmaven.conf:12", "environment
  /// FAULTMAVEN_HTTP_PORT", "command line".
  std::map<std::string, std::string> origins;
  /// Things worth a line in the log: variables that look like ours but are not.
  std::vector<std::string> warnings;

  /// A model is configured (else the builtin analyst answers).
  bool has_provider() const { return !llm.base_url.empty() && !llm.model.empty(); }
  /// Resolves auth.dev_login against http.host.
  bool dev_login_enabled() const;
};

/// 127.0.0.0/8, ::1 or localhost.
bool is_loopback_host(std::string_view host);

} // namespace fm
