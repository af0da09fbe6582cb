// Maps under one reader-writer lock. A commit is checked whole before the first change, so that a refused item
// leaves nothing behind.
#include "storage/inmemory/case_store.hpp"

#include "protocol/base/text.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/cursor.hpp"
#include "storage/codec/log_walk.hpp"
#include "storage/codec/projection.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <unordered_map>

namespace fm::inmemory {
namespace {

struct logged_event {
  case_event_ptr event;   ///< null once compacted
  std::string kind;
  std::int64_t at_ms = 0;
  event_actor by;
  stored::seal seal;
  std::size_t bytes = 0; ///< of the encoded data
};
constexpr std::size_t heads_a_page_max = 10'000;

struct stored_turn {
  turn value;                  ///< without content and partial: those are read where they are
  std::uint64_t question = 0;  ///< place in the conversation
  std::uint64_t answer = 0;    ///< 0 = none yet
  sequence started = 0;        ///< where the running attempt began
};

struct stored_case {
  std::int64_t place = 0; ///< order of creation among all cases
  case_record record;
  std::vector<logged_event> log;
  std::map<std::uint64_t, message> conversation;
  std::uint64_t next_message = 1;
  std::map<std::uint32_t, stored_turn> turns;
  sequence compacted = 0;

  sequence head() const { return log.size(); }
  digest link() const { return log.empty() ? digest{} : log.back().seal.link; }
  stored_turn* find(const turn_id& id) {
    for (auto& [number, t] : turns)
      if (t.value.id == id)
        return &t;
    return nullptr;
  }
};

void project(stored_case& c, const case_event& e) {
  const auto restart = [&](const turn_id& id, std::uint32_t attempt) {
    if (auto* t = c.find(id)) {
      t->value.status = turn_status::running;
      t->value.attempt = attempt;
      t->value.finished_at.reset();
      if (!t->value.started_at)
        t->value.started_at = e.at;
      t->started = e.seq;
    }
  };
  if (auto* d = std::get_if<message_added>(&e.data)) {
    auto m = d->added;
    m.in_case = e.in_case;
    c.conversation.emplace(c.next_message++, std::move(m));
  } else if (auto* d = std::get_if<turn_queued>(&e.data)) {
    message m;
    m.id = d->message;
    m.in_case = e.in_case;
    m.turn_number = d->turn_number;
    m.author = user_id{d->author_id};
    m.author_name = d->author_name;
    m.content = d->content;
    m.created_at = e.at;
    stored_turn t;
    t.value.id = d->turn;
    t.value.client_id = d->client_id;
    t.value.in_case = e.in_case;
    t.value.number = d->turn_number;
    t.value.author = m.author;
    t.value.author_name = d->author_name;
    t.value.body_digest = d->body_digest;
    t.value.question = d->message;
    t.value.created_at = e.at;
    t.question = c.next_message;
    c.conversation.emplace(c.next_message++, std::move(m));
    c.turns.emplace(d->turn_number, std::move(t));
  } else if (auto* d = std::get_if<turn_edited>(&e.data)) {
    if (auto* t = c.find(d->turn))
      if (auto m = c.conversation.find(t->question); m != c.conversation.end())
        m->second.content = d->content;
  } else if (auto* d = std::get_if<turn_withdrawn>(&e.data)) {
    if (auto* t = c.find(d->turn)) {
      c.conversation.erase(t->question);
      t->value.status = turn_status::withdrawn;
      t->value.finished_at = e.at;
    }
  } else if (auto* d = std::get_if<turn_started>(&e.data)) {
    restart(d->turn, d->attempt);
  } else if (auto* d = std::get_if<turn_restarted>(&e.data)) {
    restart(d->turn, d->attempt);
  } else if (auto* d = std::get_if<turn_interrupted>(&e.data)) {
    if (auto* t = c.find(d->turn))
      t->value.status = turn_status::interrupted;
  } else if (const auto end = stored::end_of(e.data)) {
    auto* t = c.find(*end->turn);
    const auto place = t && t->answer != 0 ? t->answer : c.next_message++;
    message m;
    m.id = *end->message;
    m.in_case = e.in_case;
    m.turn_number = end->turn_number;
    m.type = message_type::agent_response;
    m.role = message_role::assistant;
    m.author_name = stored::answer_author;
    m.content = *end->content;
    m.metadata = end->metadata;
    m.created_at = e.at;
    c.conversation.insert_or_assign(place, std::move(m));
    if (t) {
      t->value.status = end->status;
      t->value.attempt = end->attempt;
      t->value.answer = *end->message;
      t->value.finished_at = e.at;
      t->answer = place;
    }
  }
}

/// The text of the attempt that runs.
std::string partial_of(const stored_case& c, const stored_turn& t) {
  std::string text;
  for (auto s = t.started; s < c.log.size(); ++s)
    if (auto& e = c.log[s].event)
      if (auto* d = std::get_if<turn_delta>(&e->data))
        text += d->text;
  return text;
}

turn whole_turn(const stored_case& c, const stored_turn& t, bool with_partial) {
  turn out = t.value;
  if (const auto m = c.conversation.find(t.question); m != c.conversation.end())
    out.content = m->second.content;
  if (with_partial && (out.status == turn_status::running || out.status == turn_status::interrupted))
    out.partial = partial_of(c, t);
  return out;
}

/// Words as the search sees them: runs of letters, digits and bytes beyond ASCII, in lower case.
template <class Each>
void for_words(std::string_view text, Each each) {
  std::string word;
  for (char ch : text) {
    const auto u = static_cast<unsigned char>(ch);
    if (u >= 0x80 || (u >= '0' && u <= '9') || ((u | 0x20U) >= 'a' && (u | 0x20U) <= 'z')) {
      word += u >= 'A' && u <= 'Z' ? static_cast<char>(u | 0x20U) : ch;
    } else if (!word.empty()) {
      each(word);
      word.clear();
    }
  }
  if (!word.empty())
    each(word);
}

/// Every word must occur somewhere in the case; the last one may be the beginning of a word.
bool says(const stored_case& c, const std::vector<std::string>& wanted) {
  std::vector<bool> seen(wanted.size());
  const auto look = [&](const std::string& text) {
    for_words(text, [&](const std::string& word) {
      for (std::size_t i = 0; i < wanted.size(); ++i)
        if (!seen[i])
          seen[i] = i + 1 == wanted.size() && stored::may_be_beginning(wanted[i]) ? word.starts_with(wanted[i]) : word == wanted[i];
    });
  };
  look(c.record.title);
  look(c.record.description);
  for (auto& [place, m] : c.conversation)
    look(m.content);
  return std::find(seen.begin(), seen.end(), false) == seen.end();
}

bool belongs_to(const case_record& r, const user_id& who) {
  return r.owner == who ||
         std::any_of(r.participants.begin(), r.participants.end(), [&](auto& p) { return p.user == who; });
}

stored::list_cursor cursor_of(const stored_case& c, const stored::list_sort& sort) {
  const auto ms = [](timestamp t) { return static_cast<std::int64_t>(t.time_since_epoch().count()); };
  stored::list_cursor at;
  at.sort = sort;
  at.place = c.place;
  switch (sort.column) {
  case stored::sort_column::last_activity_at: at.number = ms(c.record.last_activity_at); break;
  case stored::sort_column::created_at: at.number = ms(c.record.created_at); break;
  case stored::sort_column::updated_at: at.number = ms(c.record.updated_at); break;
  case stored::sort_column::title: at.text = c.record.title; break;
  case stored::sort_column::priority: at.number = static_cast<std::int64_t>(c.record.priority); break;
  }
  return at;
}
bool before(const stored::list_cursor& a, const stored::list_cursor& b) {
  const auto key = [](auto& c) { return std::tie(c.number, c.text, c.place); };
  return a.sort.descending ? key(b) < key(a) : key(a) < key(b);
}

class memory_case_store final : public case_store {
public:
  std::vector<outcome<sequence>> commit(std::span<const case_commit> items) override {
    std::unique_lock lock{mutex_};
    std::vector<outcome<sequence>> results;
    results.reserve(items.size());
    for (auto& item : items)
      results.push_back(write(item));
    return results;
  }

  outcome<std::uint64_t> compact(const case_id& id, sequence upto) override {
    std::unique_lock lock{mutex_};
    auto* c = find(id);
    if (!c)
      return std::uint64_t{0};
    std::uint64_t dropped = 0;
    stored::compaction walk;
    upto = std::min(upto, c->head());
    for (auto s = c->compacted; s < upto; ++s)
      if (c->log[s].event)
        walk.feed(s + 1, c->log[s].event->data, [&](sequence gone) {
          c->log[gone - 1].event.reset();
          ++dropped;
        });
    c->compacted = std::max(c->compacted, walk.settled(upto));
    return dropped;
  }

  outcome<done_t> purge(const case_id& id) override {
    std::unique_lock lock{mutex_};
    if (cases_.erase(id) == 0)
      return stored::no_such_case();
    return done;
  }

  outcome<loaded_case> load(const case_id& id) const override {
    return with(id, [&](const stored_case& c) -> outcome<loaded_case> {
      loaded_case l{c.record, c.head(), {}};
      for (auto& [number, t] : c.turns)
        if (is_unfinished(t.value.status))
          l.unfinished.push_back(whole_turn(c, t, true));
      return l;
    });
  }

  outcome<case_record> get(const case_id& id) const override {
    return with(id, [](const stored_case& c) -> outcome<case_record> { return c.record; });
  }

  outcome<case_page> list(const case_query& q) const override {
    const auto sort = stored::sort_from(q.sort);
    if (!sort)
      return sort.error();
    std::optional<stored::list_cursor> from;
    if (!q.cursor.empty()) {
      auto c = stored::decode_cursor(q.cursor, *sort);
      if (!c)
        return c.error();
      from = std::move(*c);
    }
    std::vector<std::string> words;
    for_words(q.text, [&](const std::string& word) {
      if (words.size() < stored::search_words_max)
        words.push_back(word);
    });
    if (words.empty() && !trimmed(q.text).empty())
      return case_page{};

    std::shared_lock lock{mutex_};
    std::vector<std::pair<stored::list_cursor, const stored_case*>> found;
    for (auto& [id, c] : cases_) {
      auto& r = c.record;
      if (r.deleted_at || (r.archived_at && !q.include_archived) || (!q.everything && !belongs_to(r, q.viewer)) ||
          (!q.participant.empty() && !belongs_to(r, q.participant)) || (q.status && r.status != *q.status) ||
          (q.priority && r.priority != *q.priority) || (!q.category.empty() && r.category != q.category) ||
          (!q.tag.empty() && std::find(r.tags.begin(), r.tags.end(), q.tag) == r.tags.end()) ||
          (!words.empty() && !says(c, words)))
        continue;
      found.emplace_back(cursor_of(c, *sort), &c);
    }
    case_page page;
    page.total = found.size();
    std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return before(a.first, b.first); });
    auto at = from ? std::find_if(found.begin(), found.end(), [&](auto& f) { return before(*from, f.first); })
                   : found.begin() + static_cast<std::ptrdiff_t>(std::min(q.offset, found.size()));
    for (; at != found.end() && page.cases.size() < stored::page_limit(q); ++at)
      page.cases.push_back(summarize(at->second->record));
    if (at != found.end() && at != found.begin())
      page.next_cursor = stored::encode(std::prev(at)->first);
    return page;
  }

  outcome<event_page> events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return with(id, [&](const stored_case& c) -> outcome<event_page> {
      event_page page;
      page.head = c.head();
      page.covered = std::min(after, page.head);
      limit = std::clamp<std::size_t>(limit, 1, 10'000);
      std::size_t used = 0;
      for (auto s = page.covered; s < page.head; ++s) {
        auto& e = c.log[s];
        if (e.event) {
          if (page.events.size() == limit || (!page.events.empty() && used + e.bytes > bytes))
            return page;
          used += e.bytes + 128;
          page.events.push_back(e.event);
        }
        page.covered = s + 1;
      }
      return page;
    });
  }

  outcome<message_page> messages(const case_id& id, std::size_t offset, std::size_t limit, bool newest) const override {
    return with(id, [&](const stored_case& c) -> outcome<message_page> {
      message_page page;
      const auto total = c.conversation.size();
      page.total = total;
      offset = std::min(offset, total);
      limit = std::min({limit, total - offset, std::size_t{1'000}});
      auto at = std::next(c.conversation.begin(),
                          static_cast<std::ptrdiff_t>(newest ? total - offset - limit : offset));
      for (; limit > 0; --limit, ++at)
        page.messages.push_back(at->second);
      return page;
    });
  }

  outcome<turn_page> turns(const case_id& id, std::size_t offset, std::size_t limit) const override {
    return with(id, [&](const stored_case& c) -> outcome<turn_page> {
      turn_page page;
      page.total = c.turns.size();
      limit = std::min<std::size_t>(limit, 1'000);
      auto at = std::next(c.turns.begin(), static_cast<std::ptrdiff_t>(std::min(offset, c.turns.size())));
      for (; limit > 0 && at != c.turns.end(); --limit, ++at)
        page.turns.push_back(whole_turn(c, at->second, false));
      return page;
    });
  }

  outcome<turn> find_turn(const case_id& id, const turn_id& wanted) const override {
    return find_turn_where(id, [&](const turn& t) { return t.id == wanted; });
  }
  outcome<turn> find_turn(const case_id& id, const client_turn_id& wanted) const override {
    return find_turn_where(id, [&](const turn& t) { return t.client_id == wanted; });
  }

  outcome<std::vector<case_id>> with_unfinished_turns(std::size_t limit) const override {
    std::shared_lock lock{mutex_};
    std::map<std::int64_t, case_id> in_order;
    for (auto& [id, c] : cases_)
      if (std::any_of(c.turns.begin(), c.turns.end(), [](auto& t) { return is_unfinished(t.second.value.status); }))
        in_order.emplace(c.place, id);
    std::vector<case_id> ids;
    for (auto& [place, id] : in_order)
      if (ids.size() < limit)
        ids.push_back(id);
    return ids;
  }

  outcome<std::uint64_t> open_cases_of(const user_id& owner) const override {
    std::shared_lock lock{mutex_};
    return static_cast<std::uint64_t>(std::count_if(cases_.begin(), cases_.end(), [&](auto& c) {
      auto& r = c.second.record;
      return r.owner == owner && !is_terminal(r.status) && !r.deleted_at;
    }));
  }

  outcome<std::vector<log_head>> heads(std::int64_t after, std::size_t limit) const override {
    std::shared_lock lock{mutex_};
    std::vector<log_head> all;
    for (auto& [id, c] : cases_)
      if (c.place > after)
        all.push_back({c.place, id, c.head(), c.link()});
    std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.place < b.place; });
    all.resize(std::min(all.size(), std::clamp<std::size_t>(limit, 1, heads_a_page_max)));
    return all;
  }

  outcome<std::vector<stored_event>> stored_events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return with(id, [&](const stored_case& c) -> outcome<std::vector<stored_event>> {
      std::vector<stored_event> rows;
      std::size_t used = 0;
      for (auto at = after; at < c.head() && rows.size() < std::max<std::size_t>(limit, 1) && (rows.empty() || used < bytes); ++at) {
        const auto& e = c.log[at];
        stored_event row{at + 1, e.kind, timestamp{std::chrono::milliseconds{e.at_ms}}, e.by, stored::event_version, {}, e.seal.data_hash, e.seal.link};
        if (e.event)
          row.data = stored::encode(e.event->data);
        used += e.bytes + 128;
        rows.push_back(std::move(row));
      }
      return rows;
    });
  }

  outcome<std::uint64_t> verify(const std::optional<case_id>& only,
                                const std::function<void(const log_check&)>& report) const override {
    std::shared_lock lock{mutex_};
    std::uint64_t walked = 0;
    for (auto& [id, c] : cases_) {
      if (only && *only != id)
        continue;
      stored::log_walk walk{id};
      for (std::size_t s = 0; s < c.log.size(); ++s) {
        auto& e = c.log[s];
        const auto data = e.event ? stored::encode(e.event->data) : std::string{};
        stored::log_row row{s + 1, e.kind, e.at_ms, e.by.user.value, e.by.name, stored::event_version, {},
                            e.seal.data_hash, e.seal.link};
        if (e.event)
          row.data = data;
        if (!walk.feed(row))
          break;
      }
      report(walk.finish(c.head(), c.link()));
      ++walked;
    }
    return walked;
  }

  outcome<done_t> ping() const override { return done; }

private:
  stored_case* find(const case_id& id) {
    const auto found = cases_.find(id);
    return found == cases_.end() ? nullptr : &found->second;
  }
  template <class F>
  auto with(const case_id& id, F f) const -> decltype(f(std::declval<const stored_case&>())) {
    std::shared_lock lock{mutex_};
    const auto found = cases_.find(id);
    if (found == cases_.end())
      return stored::no_such_case();
    return f(found->second);
  }
  template <class Match>
  outcome<turn> find_turn_where(const case_id& id, Match match) const {
    std::shared_lock lock{mutex_};
    if (const auto found = cases_.find(id); found != cases_.end())
      for (auto& [number, t] : found->second.turns)
        if (match(t.value))
          return whole_turn(found->second, t, true);
    return stored::no_such_turn();
  }

  /// A turn, its number and its client's id may be stored once a case.
  static bool repeats(const stored_case* c, const std::vector<stored::sealed_event>& events) {
    std::set<std::string> turns, clients;
    std::set<std::uint32_t> numbers;
    for (auto& s : events)
      if (auto* d = s.event ? std::get_if<turn_queued>(&s.event->data) : nullptr) {
        if (!turns.insert(d->turn.value).second || !clients.insert(d->client_id.value).second ||
            !numbers.insert(d->turn_number).second)
          return true;
        if (c)
          for (auto& [number, t] : c->turns)
            if (number == d->turn_number || t.value.id == d->turn || t.value.client_id == d->client_id)
              return true;
      }
    return false;
  }

  outcome<sequence> write(const case_commit& commit) {
    auto* c = find(commit.id);
    if (auto refused = stored::refusal_of(commit, c != nullptr, c ? c->head() : 0))
      return *refused;
    if (commit.events.empty() && commit.copied.empty())
      return commit.expected_seq;
    auto sealed = stored::seal_all(c ? c->link() : digest{}, commit);
    if (!sealed)
      return sealed.error();
    if (repeats(c, *sealed))
      return stored::stored_before();
    if (!c) {
      c = &cases_[commit.id];
      c->place = next_place_++;
    }
    for (auto& s : *sealed) {
      c->log.push_back({s.event, s.row.kind, s.row.at.time_since_epoch().count(), s.row.by, {s.row.data_hash, s.row.link},
                        s.row.data ? s.row.data->size() : 0});
      if (s.event)
        project(*c, *s.event);
    }
    if (commit.record)
      c->record = *commit.record;
    return c->head();
  }

  mutable std::shared_mutex mutex_;
  std::unordered_map<case_id, stored_case> cases_;
  std::int64_t next_place_ = 1;
};

} // namespace

case_store_ptr make_case_store() { return std::make_shared<memory_case_store>(); }

} // namespace fm::inmemory
