// Any bytes are a log: the analysis ends, stays within its bounds, numbers every line, and gives the same result in
// one piece or in many.
#include "actors/evidence/line_shapes.hpp"
#include "actors/evidence/render.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  fm::evidence::limits bounds;
  bounds.assignments = true;
  bounds.shapes_max = 64;
  bounds.identifiers_max = 16;
  bounds.traces_max = 4;
  const auto whole = fm::evidence::analyze(text, bounds);
  fm::evidence::line_shapes shapes;
  bounds.each_line = [&](std::uint32_t shape) { shapes.add(shape); };
  fm::evidence::log_analyzer pieces{bounds};
  for (std::size_t at = 0, n = 1; at < size; at += n, n = n % 7 + 1)
    pieces.feed(text.substr(at, n));
  const auto again = pieces.finish();
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) + (!text.empty() && text.back() != '\n' ? 1 : 0);
  if (whole.lines != lines || whole.assignments.size() != lines)
    std::abort();
  for (const auto id : whole.assignments)
    if (id >= whole.templates.size())
      std::abort();
  if (fm::evidence::render_json(whole) != fm::evidence::render_json(again) || whole.assignments != again.assignments)
    std::abort();
  if (!shapes.finish())
    std::abort();
  fm::evidence::line_shapes::reader shape{shapes};
  for (const auto id : whole.assignments)
    if (const auto s = shape.next(); !s || again.template_of[*s] != id)
      std::abort();
  if (shape.next())
    std::abort();
  (void)fm::evidence::render_text(whole, true);
  return 0;
}
