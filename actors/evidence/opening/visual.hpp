// Screenshots and PDF: text with its place on the page, a thumbnail, and what kind of picture it is (an error dialog,
// a dashboard) as far as the words in it tell. Sizes are judged from the header, before anything is decoded; decoding,
// rendering and recognition run in a bounded child process.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/opening/isolated.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::opening {

struct visual_limits {
  std::uint64_t pixels_max = 40'000'000; ///< of an uploaded image
  std::uint32_t side_max = 20'000;
  std::size_t pages_max = 60;            ///< of a PDF that are read
  std::size_t pages_recognised_max = 4;  ///< of a PDF without text: drawn and recognised
  std::size_t words_max = 6'000;
  std::size_t text_bytes_max = 1U << 20;
  std::uint64_t recognised_pixels_max = 5'000'000; ///< images are scaled to this before recognition
  std::uint32_t thumbnail_side = 320;
  isolation child;
};

struct image_size {
  std::string_view format; ///< png, jpeg
  std::uint32_t width = 0, height = 0;
  std::size_t scans = 0; ///< of a JPEG
};
/// From the header alone.
std::optional<image_size> image_size_of(std::string_view bytes) noexcept;

/// A line of text and where it stands, in pixels of the image or points of the page, from the top left.
struct placed_text {
  std::string text;
  std::uint32_t page = 1;
  std::int32_t x = 0, y = 0, width = 0, height = 0;
  double confidence = 1; ///< of the recognition; 1 for text that was stored as text
};

struct visual_reading {
  std::string format; ///< png, jpeg, pdf
  std::uint32_t width = 0, height = 0; ///< of the image or the first page
  std::uint32_t pages = 1, pages_read = 1;
  bool recognised = false; ///< the text comes from recognition, not from the file
  bool shortened = false;
  std::vector<placed_text> lines;
  std::string thumbnail_png; ///< empty when none could be made
  std::string title;         ///< of a PDF
};

/// Failures: too_large (from the header, or memory), timed_out, invalid, unsupported_media_type.
outcome<visual_reading> read_visual(std::string_view bytes, const visual_limits& limits = {});

/// What the text says; never refuses.
extractors::extraction explain_visual(std::string_view name, const visual_reading& reading);

/// Both; a failure becomes `refused`. `thumbnail_png`, when given, receives the thumbnail.
extractors::extraction extract_visual(std::string_view name, std::string_view bytes, const visual_limits& limits = {}, std::string* thumbnail_png = nullptr);

} // namespace fm::opening
