// Files are read piece by piece: memory does not grow with them.
#include "config/app/lib/analyze_command.hpp"

#include "actors/evidence/render.hpp"
#include "config/app/lib/commands.hpp"

#include <fstream>
#include <iostream>
#include <map>
#include <unistd.h>

namespace fm::app {
namespace {
bool read_into(std::istream& in, evidence::log_analyzer& analyzer) {
  std::vector<char> buffer(1U << 20);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    analyzer.feed({buffer.data(), static_cast<std::size_t>(in.gcount())});
  }
  return !in.bad();
}
} // namespace

int analyze(const analyze_options& o) {
  int code = exit_done;
  std::map<std::string, std::vector<std::string>> seen_in; // suspicious names that run through several files
  for (auto& file : o.files) {
    evidence::limits bounds;
    bounds.assignments = o.assignments;
    evidence::log_analyzer analyzer{bounds};
    bool good = false;
    if (file == "-") {
      good = read_into(std::cin, analyzer);
    } else {
      std::ifstream in{file, std::ios::binary};
      good = in && in.peek() != std::ifstream::traits_type::eof() ? read_into(in, analyzer) : static_cast<bool>(in) || in.eof();
    }
    if (!good) {
      std::cerr << "faultmaven: " << file << " cannot be read.\n";
      code = exit_usage;
      continue;
    }
    const auto result = analyzer.finish();
    if (o.assignments) {
      std::cout << evidence::render_assignments(result);
      continue;
    }
    if (o.json) {
      std::cout << evidence::render_json(result) << "\n";
      continue;
    }
    if (o.files.size() > 1)
      std::cout << "== " << file << "\n";
    std::cout << evidence::render_text(result, ::isatty(STDOUT_FILENO) != 0);
    if (o.templates)
      std::cout << "\n" << evidence::render_templates(result, 100);
    for (auto& id : result.identifiers)
      seen_in[id.kind + " " + id.value].push_back(file);
  }
  if (o.files.size() > 1 && !o.json && !o.assignments) {
    std::size_t n = 0;
    for (auto& [name, files] : seen_in)
      if (files.size() > 1 && ++n <= 10) {
        std::cout << (n == 1 ? "== across files\n" : "") << "  " << name << " goes along with errors in";
        for (auto& f : files)
          std::cout << " " << f;
        std::cout << "\n";
      }
  }
  return code;
}

} // namespace fm::app
