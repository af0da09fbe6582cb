// What follows from several settings together.
#include "config/settings/settings.hpp"

#include <arpa/inet.h>

namespace fm {

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  const std::string name{host};
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, name.c_str(), &four) == 1)
    return (ntohl(four.s_addr) >> 24) == 127;
  if (inet_pton(AF_INET6, name.c_str(), &six) == 1)
    return IN6_IS_ADDR_LOOPBACK(&six);
  return name == "localhost";
}

bool settings::dev_login_enabled() const {
  if (auth.dev_login == dev_login_mode::automatic)
    return is_loopback_host(http.host);
  return auth.dev_login == dev_login_mode::on;
}

} // namespace fm
