// Settings to storage.
#include "config/app/lib/storage_of.hpp"

namespace fm::app {

storage_settings storage_of(const settings& s) {
  storage_settings to;
  to.cases = s.storage.cases;
  to.users = s.storage.users;
  to.sessions = s.storage.sessions;
  to.vectors = s.storage.vectors;
  to.blobs = s.storage.blobs;
  to.data_directory = s.storage.data;
  to.sqlite_file = s.storage.sqlite_file;
  to.synchronous_full = s.storage.synchronous == "full";
  return to;
}

} // namespace fm::app
