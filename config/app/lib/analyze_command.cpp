// The same function as the server's, its result printed. Logs of any size pass in pieces.
#include "config/app/lib/analyze_command.hpp"

#include "actors/evidence/across_files.hpp"
#include "actors/evidence/line_splitter.hpp"
#include "actors/evidence/render.hpp"
#include "actors/files/file_shelf.hpp"
#include "config/app/lib/commands.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "config/app/lib/local_file.hpp"
#include "config/app/lib/pieces.hpp"
#include "protocol/base/text.hpp"

#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace fm::app {
namespace {
bool coloured(const std::string& wish) {
  if (wish != "auto")
    return wish == "always";
  const char* no = std::getenv("NO_COLOR"); // no-color.org: set and not empty
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && (no == nullptr || *no == '\0') && (terminal == nullptr || std::string_view{terminal} != "dumb");
}

/// What a file says of itself may not command the terminal.
std::string plain(std::string_view text) {
  auto out = to_valid_utf8(text);
  for (auto& c : out)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == '\x7f')
      c = '?';
  return out;
}

/// Every line's template, whatever the file is: for scoring, so nothing is taken out and nothing left.
outcome<void> print_assignments(const byte_source& file) {
  evidence::limits bounds;
  bounds.assignments = true;
  evidence::log_analyzer analyzer{bounds};
  const auto head = read_beginning(pieces_of(file), 64U << 10);
  if (!head)
    return head.error();
  const auto reader = (evidence::ends_with_returns(head->bytes) ? with_line_feeds(pieces_of(file)) : pieces_of(file))();
  for (;;) {
    const auto piece = reader->next();
    if (!piece)
      return piece.error();
    if (piece->empty())
      break;
    analyzer.feed(*piece);
  }
  const auto a = analyzer.finish();
  std::string out;
  for (std::size_t i = 0; i < a.assignments.size(); ++i) {
    out.append(std::to_string(i + 1)).append(1, '\t').append(std::to_string(a.assignments[i])).append(1, '\n');
    if (out.size() > (64U << 10)) {
      std::cout << out;
      out.clear();
    }
  }
  std::cout << out;
  return {};
}

void print_members(const examined_file& x, bool colour) {
  const auto paint = [&](const char* code, const std::string& s) { return colour ? "\033[" + std::string{code} + "m" + s + "\033[0m" : s; };
  std::cout << paint("1", plain(x.summary)) << "\n";
  for (auto& m : x.members)
    std::cout << "  " << paint(m.data_type.empty() ? "33" : "1", plain(m.path)) << "  " << (m.bytes > 0 || !m.data_type.empty() ? std::to_string(m.bytes) + " bytes, " : "")
              << (m.data_type.empty() ? "left out" : m.data_type) << ": " << plain(m.said) << "\n";
  std::cout << "\n" << plain(x.text);
}

void print(const examined_file& x, const analyze_options& o, bool colour) {
  if (x.log) {
    std::cout << evidence::render_text(*x.log, colour);
    if (o.templates)
      std::cout << "\n" << evidence::render_templates(*x.log, 100);
  } else if (x.extraction) {
    std::cout << extractors::render_text(*x.extraction, colour);
  } else if (!x.members.empty()) {
    print_members(x, colour);
  }
}
} // namespace

int analyze(const analyze_options& o) {
  int code = exit_done;
  const bool colour = coloured(o.colour);
  std::vector<evidence::threaded_file> seen; // what may tie the files together
  for (auto& path : o.files) {
    const auto file = local_file::open(path);
    if (!file) {
      std::cerr << "faultmaven: " << file.error().detail << "\n";
      code = exit_usage;
      continue;
    }
    const auto failed = [&](const std::string& why, int kind) {
      std::cerr << "faultmaven: " << (path == "-" ? "standard input" : path) << ": " << plain(why) << "\n";
      code = std::max(code, kind);
    };
    if (o.assignments) {
      if (auto printed = print_assignments(*file); !printed)
        failed(printed.error().detail, exit_usage);
      continue;
    }
    const auto x = examine_file({path == "-" ? "stdin" : safe_file_name(path), o.content_type, o.type, *file, {}, {}, {}});
    if (!x.error.empty())
      failed(x.error, exit_not_in_order);
    if (o.json) {
      std::cout << (x.json.empty() ? "{}" : x.json) << "\n";
      continue;
    }
    if (o.files.size() > 1)
      std::cout << "== " << path << "\n";
    print(x, o, colour);
    seen.push_back({{}, path, x.threads});
  }
  if (const auto together = evidence::across_files(seen); !together.empty()) {
    std::cout << "== across files\n";
    for (auto& f : together) {
      std::cout << "  " << plain(f.title) << ":";
      for (auto& p : f.places)
        std::cout << (&p == &f.places.front() ? " " : ", ") << p.file_name << " lines " << p.first_line << "-" << p.last_line;
      std::cout << "\n";
    }
  }
  std::cout.flush();
  return std::cout ? code : exit_usage;
}

} // namespace fm::app
