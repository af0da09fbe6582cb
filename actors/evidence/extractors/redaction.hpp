// Personal data and secrets in a text: where they are, and a copy without them. Checksums decide where the kind has
// one (cards: Luhn, IBAN: mod 97). One pass with bounded look-around, so time is linear in the bytes whatever they
// are; the sanitized copy keeps every line break, so that line numbers cited from the original hold in it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

enum class sensitive : std::uint8_t {
  // personal data
  email,
  phone,
  credit_card,
  iban,
  national_id,
  ip_address,
  // secrets
  aws_key,
  google_key,
  github_token,
  slack_token,
  api_token, ///< other providers' tokens known by their prefix
  jwt,
  private_key,
  url_password,
  bearer_token,
  password, ///< named so by the key before it: password=…, "client_secret": "…"
};
inline constexpr std::size_t sensitive_kinds = 16;
std::string_view to_string(sensitive kind) noexcept;
constexpr bool is_secret(sensitive kind) noexcept { return kind >= sensitive::aws_key; }

struct sensitive_range {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  sensitive kind = sensitive::email;
  std::uint64_t end() const noexcept { return begin + size; }
  bool operator==(const sensitive_range&) const = default;
};

struct redaction_options {
  bool personal = true;
  bool secrets = true;
  bool ip_addresses = false; ///< part of most diagnoses, so only on request
};

struct redaction {
  std::vector<sensitive_range> ranges; ///< ascending, disjoint
  std::array<std::uint64_t, sensitive_kinds> counts{};
  bool pii_detected() const noexcept;
  bool secrets_detected() const noexcept;
};

redaction find_sensitive(std::string_view text, const redaction_options& options = {});
/// The text with each range replaced by "[redacted:kind]"; line breaks inside a range stay.
std::string sanitized(std::string_view text, const redaction& found);

/// find_sensitive and sanitized for a text that comes in pieces, cut wherever they are: the same ranges, the same copy.
/// Holds some 300 KiB, whatever the text and however long its lines are.
class sensitive_filter {
public:
  static constexpr std::size_t piece_bytes_max = 256U << 10; ///< larger ones are taken in parts
  explicit sensitive_filter(const redaction_options& options = {});
  ~sensitive_filter();
  sensitive_filter(const sensitive_filter&) = delete;
  sensitive_filter& operator=(const sensitive_filter&) = delete;
  /// Appends to `clean` what is certain by now of the copy, and to `ranges` (when given) what was found in it.
  void feed(std::string_view piece, std::string& clean, std::vector<sensitive_range>* ranges = nullptr);
  std::size_t held_bytes() const; ///< of the text, which wait for what follows
  /// Once, at the end. The counts of everything; its ranges were given on the way.
  redaction finish(std::string& clean, std::vector<sensitive_range>* ranges = nullptr);

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// "PASSWORD", "clientSecret", "api-key": a name whose value should not be seen.
bool names_a_secret(std::string_view key) noexcept;
/// Empty, ${VAR}, <…>, ***, changeme-like templates: not a secret in itself.
bool is_placeholder(std::string_view value) noexcept;
bool luhn_valid(std::string_view digits) noexcept;
/// Without blanks, upper case.
bool iban_valid(std::string_view iban) noexcept;

} // namespace fm::extractors
