// A list has one arm for the cases a person owns and, only when there are any, one for those they take part in.
// Each arm reads a covering index (in the order of the list when that is by activity) and SQLite merges them;
// records are fetched for the lines of the page alone.
#include "storage/sqlite/case_list.hpp"

#include "protocol/base/text.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/cursor.hpp"
#include "storage/sqlite/case_search.hpp"
#include "storage/sqlite/reader_pool.hpp"

#include <variant>

namespace fm::sqlite {
namespace {

constexpr std::size_t offset_max = 1U << 30;

/// SQL text with the values of its '?' in order.
struct fragment {
  std::string sql;
  std::vector<std::variant<std::int64_t, std::string, const case_set*>> values;

  fragment& add(std::string_view text) {
    sql += text;
    return *this;
  }
  template <class T>
  fragment& add(std::string_view text, T value) {
    sql += text;
    values.emplace_back(std::move(value));
    return *this;
  }
  fragment& add(const fragment& other) {
    sql += other.sql;
    values.insert(values.end(), other.values.begin(), other.values.end());
    return *this;
  }
  void bind(statement& s) const {
    int at = 0;
    for (auto& value : values) {
      ++at;
      if (auto* n = std::get_if<std::int64_t>(&value))
        s.bind(at, *n);
      else if (auto* text = std::get_if<std::string>(&value))
        s.bind(at, *text);
      else
        bind_set(s, at, *std::get<const case_set*>(value));
    }
  }
};

bool takes_part(connection& c, const user_id& who) {
  auto s = c.prepare("SELECT 1 FROM case_participants WHERE user_id = ? LIMIT 1");
  return s.bind(1, who.value).step();
}

/// FROM … WHERE of each arm; together they hold every visible case once.
std::vector<fragment> arms_of(connection& c, const case_query& q) {
  std::vector<fragment> arms;
  if (q.everything && q.participant.empty()) {
    arms.emplace_back().add("FROM cases WHERE deleted = 0");
    return arms;
  }
  const auto& who = q.everything ? q.participant : q.viewer;
  arms.emplace_back().add("FROM cases WHERE user_id = ? AND deleted = 0", who.value);
  if (takes_part(c, who))
    arms.emplace_back()
        .add("FROM cases WHERE num IN (SELECT num FROM case_participants WHERE user_id = ?)", who.value)
        .add(" AND user_id <> ? AND deleted = 0", who.value);
  return arms;
}

fragment filters_of(const case_query& q) {
  fragment f;
  if (!q.include_archived)
    f.add(" AND archived = 0");
  if (!q.everything && !q.participant.empty() && q.participant != q.viewer)
    f.add(" AND (user_id = ?", q.participant.value)
        .add(" OR num IN (SELECT num FROM case_participants WHERE user_id = ?))", q.participant.value);
  if (q.status)
    f.add(" AND status = ?", std::string{name_of(*q.status)});
  if (q.priority)
    f.add(" AND priority = ?", static_cast<std::int64_t>(*q.priority));
  if (!q.category.empty())
    f.add(" AND category = ?", q.category);
  if (!q.tag.empty())
    f.add(" AND num IN (SELECT num FROM case_tags WHERE tag = ?)", q.tag);
  return f;
}

std::uint64_t count(connection& c, const std::vector<fragment>& arms, const fragment& filters) {
  std::uint64_t total = 0;
  for (auto& arm : arms) {
    fragment f;
    f.add("SELECT count(*) ").add(arm).add(filters);
    auto s = c.prepare_dynamic(f.sql);
    f.bind(s);
    if (s.step())
      total += static_cast<std::uint64_t>(s.integer(0));
  }
  return total;
}

} // namespace

outcome<case_page> list_cases(connection& c, const case_query& q) {
  const auto sort = stored::sort_from(q.sort);
  if (!sort)
    return sort.error();
  const bool by_title = sort->column == stored::sort_column::title;
  const std::string column{stored::name_of(sort->column)};
  const std::string_view direction = sort->descending ? " DESC" : " ASC";

  fragment from; // where the page begins, for the page alone
  if (!q.cursor.empty()) {
    const auto cursor = stored::decode_cursor(q.cursor, *sort);
    if (!cursor)
      return cursor.error();
    from.add(" AND (" + column + ", num) " + (sort->descending ? "<" : ">"));
    by_title ? from.add(" (?", cursor->text) : from.add(" (?", cursor->number);
    from.add(", ?)", cursor->place);
  }

  read_transaction snapshot{c};
  const auto arms = arms_of(c, q);
  auto filters = filters_of(q);
  case_set hits;
  if (!trimmed(q.text).empty()) {
    hits = cases_with(c, words_of(c, q.text));
    if (hits.empty())
      return case_page{};
    filters.add(" AND in_cases(?, num)", static_cast<const case_set*>(&hits));
  }

  case_page page;
  page.total = count(c, arms, filters);
  if (page.total == 0)
    return page;
  const auto limit = stored::page_limit(q);
  fragment select;
  for (auto& arm : arms)
    select.add(select.sql.empty() ? "" : " UNION ALL ").add("SELECT num, " + column + " ").add(arm).add(filters).add(from);
  select.add(" ORDER BY 2").add(direction).add(", 1").add(direction);
  select.add(" LIMIT ?", static_cast<std::int64_t>(limit + 1));
  select.add(" OFFSET ?", static_cast<std::int64_t>(q.cursor.empty() ? std::min(q.offset, offset_max) : 0));
  auto s = c.prepare_dynamic(select.sql);
  select.bind(s);
  stored::list_cursor last;
  last.sort = *sort;
  while (s.step()) {
    if (page.cases.size() == limit) {
      page.next_cursor = stored::encode(last);
      break;
    }
    last.place = s.integer(0);
    by_title ? void(last.text = s.string(1)) : void(last.number = s.integer(1));
    auto row = c.prepare("SELECT record FROM cases WHERE num = ?");
    row.bind(1, last.place).step();
    auto record = stored::decode_record(row.text(0));
    if (!record)
      return record.error();
    page.cases.push_back(summarize(*record));
  }
  return page;
}

} // namespace fm::sqlite
