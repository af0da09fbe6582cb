// multipart/form-data (RFC 7578): a body into its parts, piece by piece or at once, without copying what the parts hold.
// Bounded; anything crooked is refused.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/reply.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::http {

struct form_part_head {
  std::string name;         ///< of the form's field
  std::string file_name;    ///< empty when it is no file
  bool is_file = false;
  std::string content_type; ///< as declared
};

/// Hears of the parts in the order of the body: begin, any number of bytes, end. A failure ends the reading with it.
struct form_sink {
  virtual ~form_sink() = default;
  virtual outcome<done_t> begin(form_part_head head) = 0;
  virtual outcome<done_t> bytes(std::string_view piece) = 0; ///< never empty; valid during the call
  virtual outcome<done_t> end() = 0;
};

/// Takes a body in pieces of any size. At most 32 parts with heads of 8 KiB; it holds a head and nothing else. After a
/// failure it repeats it.
class form_parser {
public:
  /// unsupported_media_type when it is no form, invalid without a boundary.
  static outcome<form_parser> of(std::string_view content_type);

  /// invalid when the body is not what its content type says.
  outcome<done_t> feed(std::string_view piece, form_sink& to);
  /// After the last piece: invalid when the form had not ended.
  outcome<done_t> finish() const;

private:
  enum class place { preamble, mark, head, content, epilogue };

  explicit form_parser(std::string delimiter) : delimiter_(std::move(delimiter)) {}
  outcome<done_t> step(std::string_view& piece, form_sink& to);
  outcome<done_t> search(std::string_view& piece, form_sink& to);
  outcome<done_t> after_mark(std::string_view& piece);
  outcome<done_t> read_head(std::string_view& piece, form_sink& to);

  std::string delimiter_;   ///< CRLF, two dashes, boundary; CR occurs at its beginning alone
  std::size_t matched_ = 2; ///< bytes of the delimiter that were seen; a body begins as if after a line end
  place at_ = place::preamble;
  std::string held_; ///< the unfinished head, or what follows a boundary on its line
  std::size_t parts_ = 0;
  std::optional<failure> broken_;
};

struct form_part : form_part_head {
  std::string_view bytes; ///< into the body
};
/// A body that is there in whole.
outcome<std::vector<form_part>> parse_multipart(std::string_view content_type, std::string_view body);

} // namespace fm::http
