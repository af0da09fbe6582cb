// What operators mean by different words: a small thesaurus of the trade. "ran out of RAM", "OOM" and "memory
// exhausted" are one concept, so a question finds a runbook that uses other words. Pure, deterministic, no model.
#pragma once

#include "actors/search/words.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm {

/// Concepts named by the terms (terms_of(text) with common words left out), each at most once per place, as "§name".
std::vector<std::string> concepts_of(const std::vector<term>& terms);
/// How many concepts the table holds.
std::size_t concept_count();

} // namespace fm
