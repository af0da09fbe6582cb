// What the end-to-end programs share: options of the form --name value, and a list of named checks that ends with
// the line every runner of ours reads ("N passed, N failed").
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fm::testing_support {

/// Options of a test program; a missing or unknown one ends the program with its usage and exit code 64.
class arguments {
public:
  arguments(int argc, char** argv, std::string usage, std::vector<std::string> known) : usage_(std::move(usage)) {
    for (int i = 1; i < argc; ++i) {
      std::string name{argv[i]};
      bool good = false;
      for (auto& k : known)
        good = good || name == "--" + k;
      if (!good || i + 1 == argc)
        fail("cannot use " + name);
      values_[name.substr(2)] = argv[++i];
    }
  }
  std::string text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end())
      fail("--" + name + " is missing");
    return found->second;
  }
  std::string text_or(const std::string& name, std::string otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  std::uint64_t whole_or(const std::string& name, std::uint64_t otherwise) const {
    const auto found = values_.find(name);
    if (found == values_.end())
      return otherwise;
    std::uint64_t v = 0;
    const auto& t = found->second;
    if (const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), v);
        error != std::errc{} || end != t.data() + t.size())
      fail("--" + name + " needs a whole number");
    return v;
  }

private:
  [[noreturn]] void fail(const std::string& why) const {
    std::fprintf(stderr, "%s\n%s\n", why.c_str(), usage_.c_str());
    std::exit(64);
  }
  std::string usage_;
  std::map<std::string, std::string> values_;
};

/// Named checks, printed as they are made. Not thread-safe.
class checklist {
public:
  /// `detail` is printed beside the name: the measured number, or why not.
  bool check(bool good, std::string_view name, const std::string& detail = {}) {
    std::printf("%s %.*s%s%s\n", good ? "ok  " : "FAIL", static_cast<int>(name.size()), name.data(),
                detail.empty() ? "" : ": ", detail.substr(0, detail_bytes_max).c_str());
    std::fflush(stdout);
    (good ? passed_ : failed_) += 1;
    return good;
  }
  /// The closing line; the program's exit code.
  int finish() const {
    std::printf("%d passed, %d failed\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }
  int failed() const noexcept { return failed_; }

private:
  static constexpr std::size_t detail_bytes_max = 2'000;
  int passed_ = 0, failed_ = 0;
};

} // namespace fm::testing_support
