// The blob stores under contract; what stands on one is held against each.
#pragma once

#include "http/client/curl_client.hpp"
#include "storage/filesystem/blob_store.hpp"
#include "storage/inmemory/blob_store.hpp"
#include "storage/s3/blob_store.hpp"
#include "tests/contract/backends.hpp"

#include <cstdlib>
#include <functional>

namespace fm::contract {

struct blob_backend {
  std::string name;
  std::function<outcome<blob_store_ptr>(const std::string& folder, const clock_ptr& clock)> open;
  bool keeps = true;
  bool missing() const { return name == "s3" && std::getenv("FM_TEST_S3") == nullptr; }
};
inline std::ostream& operator<<(std::ostream& out, const blob_backend& b) { return out << b.name; }

inline s3::options s3_options(const std::string& prefix) {
  s3::options o;
  o.endpoint = std::getenv("FM_TEST_S3");
  o.access_key = std::getenv("FM_TEST_S3_ACCESS_KEY");
  o.secret_key = std::getenv("FM_TEST_S3_SECRET");
  o.bucket = std::getenv("FM_TEST_S3_BUCKET");
  o.prefix = prefix;
  return o;
}

inline auto every_blob_backend() {
  return testing::Values(blob_backend{"inmemory",
                                                      [](auto&, auto& clock) -> outcome<blob_store_ptr> {
                                                        return inmemory::make_blob_store(clock);
                                                      },
                                                      false},
                                         blob_backend{"filesystem",
                                                      [](auto& folder, auto& clock) {
                                                        filesystem::blob_options o;
                                                        o.clock = clock;
                                                        return filesystem::open_blob_store(folder, o);
                                                      }},
                                         blob_backend{"s3",
                                                      [](auto& folder, auto& clock) {
                                                        return s3::open_blob_store(
                                                            s3_options(
                                                                "t" + folder.substr(folder.rfind('_')) + "/"),
                                                            make_curl_client({}), clock);
                                                      }});
}
inline std::string blob_backend_name(const testing::TestParamInfo<blob_backend>& info) { return info.param.name; }

} // namespace fm::contract
