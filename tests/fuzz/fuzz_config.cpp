// Any bytes as every configuration format, and the first half as the earlier version of the second.
#include "actors/evidence/extractors/configuration.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto format = static_cast<config_format>(1 + data[0] % 10);
  const auto d = parse_config(format, text);
  for (auto& n : d.nodes)
    fm::fuzz::require(n.begin <= n.end && n.end <= text.size());
  if (d.error)
    fm::fuzz::require(d.error->at <= text.size() && d.error->line > 0);
  constexpr const char* names[] = {"a.json", "a.yaml", "a.yml", "a.toml", "a.ini", "a.properties", ".env", "nginx.conf", "a.service", "a.xml"};
  const auto cut = text.size() / 2;
  fm::fuzz::check(extract_config(names[data[0] % 10], text), text);
  fm::fuzz::check(extract_config(names[data[0] % 10], text.substr(cut), text.substr(0, cut)), text.substr(cut));
  bool shortened = false;
  (void)diff_config(d, text, parse_config(format, text.substr(cut)), text.substr(cut), shortened);
  return 0;
}
