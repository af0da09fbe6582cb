// The index lists messages; a case matches when each word is in any of its messages, its title or its description.
// Walking one word's list costs a few nanoseconds a message, so words are intersected here, not in SQL.
#include "storage/sqlite/case_search.hpp"

#include "storage/codec/cursor.hpp"

#include <algorithm>

namespace fm::sqlite {
namespace {
constexpr const char* set_type = "fm.case_set";

fts5_api* fts5_of(connection& c) {
  fts5_api* api = nullptr;
  sqlite3_stmt* s = nullptr;
  if (sqlite3_prepare_v2(c.raw(), "SELECT fts5(?1)", -1, &s, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(s, 1, &api, "fts5_api_ptr", nullptr);
    sqlite3_step(s);
  }
  sqlite3_finalize(s);
  if (!api)
    throw error{SQLITE_ERROR, "this SQLite has no FTS5"};
  return api;
}

/// One tokenizer, made like the index's own (migrations.cpp).
class tokenizer {
public:
  explicit tokenizer(connection& c) {
    const char* arguments[] = {"remove_diacritics", "2"};
    auto* api = fts5_of(c);
    void* user = nullptr;
    if (api->xFindTokenizer(api, "unicode61", &user, &methods_) != SQLITE_OK ||
        methods_.xCreate(user, arguments, 2, &self_) != SQLITE_OK)
      throw error{SQLITE_ERROR, "the tokenizer of the full-text index cannot be made"};
  }
  ~tokenizer() { methods_.xDelete(self_); }
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;

  std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    methods_.xTokenize(self_, &words, FTS5_TOKENIZE_QUERY, text.data(), static_cast<int>(text.size()),
                       [](void* out, int, const char* token, int n, int, int) {
                         static_cast<std::vector<std::string>*>(out)->emplace_back(token, static_cast<std::size_t>(n));
                         return SQLITE_OK;
                       });
    return words;
  }

private:
  fts5_tokenizer methods_{};
  Fts5Tokenizer* self_ = nullptr;
};

void in_cases(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* set = static_cast<const case_set*>(sqlite3_value_pointer(arguments[0], set_type));
  sqlite3_result_int(context, set && set->contains(sqlite3_value_int64(arguments[1])));
}
} // namespace

std::vector<std::string> words_of(connection& c, std::string_view text) {
  tokenizer split{c};
  auto words = split.split(text);
  // A word the tokenizer would split once more is no single word to the index; it could only be an error.
  std::erase_if(words, [&](const std::string& word) { return split.split(word).size() != 1; });
  if (words.size() > stored::search_words_max)
    words.resize(stored::search_words_max);
  return words;
}

case_set cases_with(connection& c, const std::vector<std::string>& words) {
  case_set all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto last = i + 1 == words.size();
    if (!last && std::find(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(i), words[i]) !=
                     words.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    const auto term = "\"" + words[i] + (last && stored::may_be_beginning(words[i]) ? "\"*" : "\"");
    case_set found;
    {
      auto s = c.prepare("SELECT rowid FROM message_search WHERE message_search MATCH ?");
      s.bind(1, term);
      while (s.step())
        found.add(s.integer(0) >> 24);
    }
    {
      auto s = c.prepare("SELECT rowid FROM case_search WHERE case_search MATCH ?");
      s.bind(1, term);
      while (s.step())
        found.add(s.integer(0));
    }
    if (i == 0)
      all = std::move(found);
    else
      all.intersect(found);
    if (all.empty())
      break;
  }
  return all;
}

void register_case_set(connection& c) {
  sqlite3_create_function_v2(c.raw(), "in_cases", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
                             in_cases, nullptr, nullptr, nullptr);
}

void bind_set(statement& s, int at, const case_set& set) {
  // SQLite hands the pointer back to in_cases only, under this type name; it never writes through it.
  s.bind_pointer(at, const_cast<case_set*>(&set), set_type);
}

} // namespace fm::sqlite
