// How much two cases have in common, and in which words that can be said: kinds of lines that speak of trouble,
// distinctive words of the conversation, kinds of names. Pure and deterministic; no model.
#pragma once

#include "actors/evidence/log_triage.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/files.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fm::evidence {

inline constexpr std::size_t marks_max = 60;  ///< of one case
inline constexpr std::size_t terms_max = 120; ///< of one case

/// The troubled lines of a log, without what varies in them.
file_marks marks_of_log(const analysis& a);
/// One line so: "Connection to db-17 refused after 30 ms" → "connection to refused after ms". Empty when too little is left.
std::string mark_of(std::string_view line);

/// What a case is about, small enough to be kept for every case.
struct case_profile {
  case_id id;
  std::string title;
  std::vector<trouble_mark> lines;          ///< weightiest first, no doubles
  std::vector<std::string> identifier_kinds; ///< sorted
  std::map<std::string, std::uint32_t> terms; ///< words and how often
  bool empty() const { return lines.empty() && terms.empty(); }
  bool operator==(const case_profile&) const = default;
};
/// From what people wrote and what was found in the files; answers and what the system said do not count.
case_profile profile_of(const case_record& record, const std::vector<message>& messages, const std::vector<file_marks>& files);

struct likeness_limits {
  std::size_t shown_max = 3;
  double score_min = 0.35; ///< 0 to 1
};
struct like_case {
  case_id id;
  std::string title;
  double score = 0;                 ///< 0 to 1
  std::vector<std::string> reasons; ///< each a few words: what both have
};
/// The earlier cases most like this one, best first. What every case has in common counts little: a line or a word tells
/// by how few of the cases have it.
std::vector<like_case> likest(const case_profile& mine, const std::vector<case_profile>& others, const likeness_limits& bounds = {});

} // namespace fm::evidence
