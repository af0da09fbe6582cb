// multipart/form-data (RFC 7578): a body into its parts, without copying. Bounded; anything crooked is refused.
#pragma once

#include "protocol/base/failure.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::http {

struct form_part {
  std::string name;         ///< of the form's field
  std::string file_name;    ///< empty when it is no file
  bool is_file = false;
  std::string content_type; ///< as declared
  std::string_view bytes;   ///< into the body
};
/// At most 32 parts with heads of 8 KiB. invalid when the body is not what its content type says.
outcome<std::vector<form_part>> parse_multipart(std::string_view content_type, std::string_view body);

} // namespace fm::http
