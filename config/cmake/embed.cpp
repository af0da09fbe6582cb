// Build tool: writes every file of a folder into one C++ source as bytes, sorted by path, so that the binary
// carries its own web page and runbooks. Usage: fm_embed FOLDER|- OUT.cpp FUNCTION ("-" = nothing to embed).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace fs = std::filesystem;

int main(int argc, char** argv) {
  if (argc != 4)
    return 2;
  std::vector<fs::path> files;
  const std::string folder = argv[1];
  if (folder != "-")
    for (auto& e : fs::recursive_directory_iterator(folder))
      if (e.is_regular_file())
        files.push_back(e.path());
  std::sort(files.begin(), files.end());
  std::ofstream out{argv[2], std::ios::binary};
  out << "// Made by config/cmake/embed.cpp.\n"
         "#include \"config/app/lib/embedded_files.hpp\"\n\nnamespace fm {\nnamespace {\n";
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::ifstream in{files[i], std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
    out << "const unsigned char f" << i << "[] = {";
    std::string text;
    text.reserve(bytes.size() * 5 + 8);
    for (std::size_t b = 0; b < bytes.size(); ++b) {
      const auto c = static_cast<unsigned char>(bytes[b]);
      text += "0x";
      text += digits[c >> 4];
      text += digits[c & 15];
      text += b % 24 == 23 ? ",\n" : ",";
    }
    out << text << "0};\nconstexpr std::size_t n" << i << " = " << bytes.size() << ";\n";
  }
  out << "} // namespace\n\nstd::vector<embedded_file> " << argv[3] << "() {\n  return {\n";
  for (std::size_t i = 0; i < files.size(); ++i)
    out << "      {\"/" << fs::relative(files[i], folder).generic_string() << "\", {reinterpret_cast<const char*>(f" << i
        << "), n" << i << "}},\n";
  out << "  };\n}\n\n} // namespace fm\n";
  return out ? 0 : 1;
}
