// Blobs in a bucket of an S3 server (AWS, Ceph RGW, Swift's s3api), signed with SigV4 by the HTTP client.
//
// A blob is one object; its SHA-256 and its time of storing travel as x-amz-meta-*. Bytes are collected first, in memory
// up to 1 MiB, then in an unnamed temporary file: the metadata must be known when an upload begins, and a writer that
// is dropped has never spoken to the server. Repeated after a fault: GET, HEAD, PUT and DELETE, which give the same when
// done twice; what begins or completes an upload in parts only when the server cannot have acted.
#pragma once

#include "protocol/base/http_client.hpp"
#include "storage/ports/blob_store.hpp"

#include <chrono>

namespace fm::s3 {

struct options {
  std::string endpoint;               ///< "https://s3.eu-central-1.amazonaws.com", without the bucket
  std::string region = "us-east-1";
  std::string bucket;
  std::string access_key;
  std::string secret_key;
  std::string prefix;                 ///< of every object's name, "faultmaven/"; empty = none
  bool path_style = true;             ///< ENDPOINT/BUCKET/KEY; off: BUCKET.ENDPOINT/KEY
  std::string server_side_encryption; ///< "AES256" or "aws:kms"; empty = the bucket's own
  std::size_t part_bytes = 8U << 20;  ///< larger blobs go up in parts; servers want at least 5 MiB
  std::uint64_t blob_bytes_max = 1ULL << 40;
  std::size_t attempts_max = 4;
  std::chrono::milliseconds timeout{30'000}; ///< of one request with its repetitions
};

/// unavailable, in a sentence, when the server does not answer, refuses our keys or has no such bucket
/// (facts: status, s3_code).
outcome<blob_store_ptr> open_blob_store(const options& o, http_client_ptr client, clock_ptr clock = system_clock_source());

} // namespace fm::s3
