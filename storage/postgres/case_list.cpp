// As in storage/sqlite: one arm for the cases a person owns and one for those they take part in; each reads a covering
// index in the order of the list, records are fetched for the lines of the page alone.
#include "storage/postgres/case_list.hpp"

#include "protocol/base/text.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/cursor.hpp"
#include "storage/codec/words.hpp"

#include <algorithm>

namespace fm::postgres {
namespace {
constexpr std::size_t offset_max = 1U << 30;

/// SQL with '?' for values, numbered when everything stands together.
struct fragment {
  std::string sql;
  values with;

  fragment& add(std::string_view text) {
    sql += text;
    return *this;
  }
  fragment& text(std::string_view sql_text, std::string_view value) {
    with.text(without_nul(value));
    return add(sql_text);
  }
  fragment& integer(std::string_view sql_text, std::int64_t value) {
    with.integer(value);
    return add(sql_text);
  }
  fragment& time(std::string_view sql_text, std::int64_t ms) {
    with.time(timestamp{std::chrono::milliseconds{ms}});
    return add(sql_text);
  }
  fragment& add(const fragment& other) {
    sql += other.sql;
    with.append(other.with);
    return *this;
  }
  std::string numbered() const {
    std::string out;
    int n = 0;
    for (char c : sql)
      c == '?' ? void(out += "$" + std::to_string(++n)) : void(out += c);
    return out;
  }
};

/// FROM … WHERE of each arm. `wide`: something of the cases' own rows is asked for.
std::vector<fragment> arms_of(const case_query& q, bool wide) {
  std::vector<fragment> arms;
  const std::string with = wide ? "JOIN cases c ON c.case_num = a.case_num " : "";
  if (q.everything && q.participant.empty()) {
    arms.emplace_back().add("FROM case_activity a " + with + "WHERE NOT a.deleted");
    return arms;
  }
  const auto& who = q.everything ? q.participant : q.viewer;
  arms.emplace_back().text("FROM case_activity a " + with + "WHERE a.user_id = ?::text AND NOT a.deleted", who.value);
  arms.emplace_back()
      .text("FROM case_participants p JOIN case_activity a ON a.case_num = p.case_num " + with + "WHERE p.user_id = ?::text", who.value)
      .text(" AND a.user_id <> ?::text AND NOT a.deleted", who.value);
  return arms;
}

fragment filters_of(const case_query& q) {
  fragment f;
  if (!q.include_archived)
    f.add(" AND NOT a.archived");
  if (!q.everything && !q.participant.empty() && q.participant != q.viewer)
    f.text(" AND (a.user_id = ?::text", q.participant.value)
        .text(" OR EXISTS (SELECT 1 FROM case_participants o WHERE o.case_num = a.case_num AND o.user_id = ?::text))", q.participant.value);
  if (q.status)
    f.text(" AND c.status = ?::text", name_of(*q.status));
  if (q.priority)
    f.integer(" AND c.priority = ?::int8", static_cast<std::int64_t>(*q.priority));
  if (!q.category.empty())
    f.text(" AND c.category = ?::text", q.category);
  if (!q.tag.empty())
    f.text(" AND EXISTS (SELECT 1 FROM case_tags g WHERE g.case_num = a.case_num AND g.tag = ?::text)", q.tag);
  return f;
}

/// One condition a word: the case says it in a message, in its title or in its description.
fragment words_filter(const std::vector<std::string>& words) {
  fragment f;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    if (!last && std::find(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(i), words[i]) !=
                     words.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    const auto term = "'" + words[i] + "'" + (last && stored::may_be_beginning(words[i]) ? ":*" : "");
    f.text(" AND a.case_num IN (SELECT m.case_num FROM case_messages m WHERE m.words @@ ?::text::tsquery", term)
        .text(" UNION SELECT k.case_num FROM cases k WHERE k.words @@ ?::text::tsquery)", term);
  }
  return f;
}
} // namespace

outcome<case_page> list_cases(connection& c, const case_query& q) {
  const auto sort = stored::sort_from(q.sort);
  if (!sort)
    return sort.error();
  const bool by_title = sort->column == stored::sort_column::title, by_priority = sort->column == stored::sort_column::priority;
  const bool by_time = sort->column == stored::sort_column::last_activity_at || sort->column == stored::sort_column::updated_at;
  const std::string column = (by_time ? "a." : "c.") + std::string{stored::name_of(sort->column)};
  const std::string_view direction = sort->descending ? " DESC" : " ASC";

  fragment from; // where the page begins, for the page alone
  if (!q.cursor.empty()) {
    const auto cursor = stored::decode_cursor(q.cursor, *sort);
    if (!cursor)
      return cursor.error();
    from.add(" AND (" + column + ", a.case_num) " + (sort->descending ? "<" : ">"));
    if (by_title)
      from.text(" (?::text", cursor->text);
    else if (by_priority)
      from.integer(" (?::int8", cursor->number);
    else
      from.time(" (?::timestamptz", cursor->number);
    from.integer(", ?::int8)", cursor->place);
  }

  const bool wide = q.status || q.priority || !q.category.empty();
  const auto counted = arms_of(q, wide), arms = arms_of(q, wide || !by_time);
  auto filters = filters_of(q);
  if (!trimmed(q.text).empty()) {
    auto words = stored::words_in(q.text);
    if (words.size() > stored::search_words_max)
      words.resize(stored::search_words_max);
    if (words.empty())
      return case_page{};
    filters.add(words_filter(words));
  }

  const auto limit = stored::page_limit(q);
  fragment count, page;
  count.add("SELECT (");
  page.add("SELECT l.case_num, l.key, k.record::text FROM (");
  for (std::size_t i = 0; i < arms.size(); ++i) {
    count.add(i == 0 ? "(SELECT count(*) " : " + (SELECT count(*) ").add(counted[i]).add(filters).add(")");
    page.add(i == 0 ? "SELECT a.case_num, " : " UNION ALL SELECT a.case_num, ").add(column + " AS key ").add(arms[i]).add(filters).add(from);
  }
  count.add(")::int8");
  page.add(" ORDER BY 2").add(direction).add(", 1").add(direction);
  page.integer(" LIMIT ?::int8", static_cast<std::int64_t>(limit + 1));
  page.integer(" OFFSET ?::int8", static_cast<std::int64_t>(q.cursor.empty() ? std::min(q.offset, offset_max) : 0));
  page.add(") l JOIN cases k ON k.case_num = l.case_num ORDER BY 2").add(direction).add(", 1").add(direction);

  const std::string count_sql = count.numbered(), page_sql = page.numbered();
  const std::vector<statement> both{{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {}}, {count_sql, count.with}, {page_sql, page.with}, {"COMMIT", {}}};
  rollback_guard guard{c};
  const auto answers = c.run(both);
  case_page out;
  out.total = static_cast<std::uint64_t>(answers[1].integer(0, 0));
  const auto& lines = answers[2];
  stored::list_cursor last;
  last.sort = *sort;
  for (int i = 0; i < lines.size(); ++i) {
    if (out.cases.size() == limit) {
      out.next_cursor = stored::encode(last);
      break;
    }
    last.place = lines.integer(i, 0);
    if (by_title)
      last.text = lines.string(i, 1);
    else
      last.number = by_priority ? lines.integer(i, 1) : lines.time(i, 1).time_since_epoch().count();
    auto record = stored::decode_record(lines.text(i, 2));
    if (!record)
      return record.error();
    out.cases.push_back(summarize(*record));
  }
  return out;
}

} // namespace fm::postgres
