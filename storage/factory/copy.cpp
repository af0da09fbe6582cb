// Page by page, in an order that makes every prefix of a copy whole: a log's rows before those behind them. Sums are
// the exclusive or of one SHA-256 an item, so that the order in which two backends list them does not matter.
#include "storage/factory/copy.hpp"

#include "protocol/base/sha256.hpp"
#include "storage/codec/codec.hpp"

#include <cstring>
#include <map>
#include <unordered_map>

namespace fm {
namespace {
constexpr std::size_t page = 1'000;
constexpr std::size_t rows_at_once = 2'000;
constexpr std::size_t bytes_at_once = 2U << 20;
constexpr std::size_t commits_at_once = 128;
constexpr std::size_t vectors_at_once = 500;
constexpr std::uint64_t piece = 1U << 20; ///< of a file
constexpr std::size_t sessions_max = 10'000'000;

/// Stops a copy: a fault of a store, or the caller's wish.
struct stopped {
  failure why;
};
template <class T>
T must(outcome<T> r) {
  if (!r)
    throw stopped{r.error()};
  return std::move(*r);
}

class sum {
public:
  void add(std::initializer_list<std::string_view> pieces) {
    const auto d = sha256_framed(pieces);
    for (std::size_t i = 0; i < d.size(); ++i)
      all_[i] ^= d[i];
  }
  std::string hex() const { return to_hex(all_); }

private:
  digest all_{};
};

std::string_view bytes_of(const digest& d) { return {reinterpret_cast<const char*>(d.data()), d.size()}; }

class copier {
public:
  copier(const opened_storage& from, const opened_storage& to, const copy_progress& progress) : from_(from), to_(to), progress_(progress) {}

  copied_type users() {
    copied_type t{"users", 0, 0, 0, {}, {}, {}};
    each_user(*from_.users, [&](const user_record& u, std::uint64_t total) {
      ++t.found;
      tell(t, total);
      const auto there = to_.users->get(u.person.id);
      if (!there && there.error().code != errc::not_found)
        throw stopped{there.error()};
      if (there && stored::encode(*there) == stored::encode(u))
        return;
      if (there) {
        must(to_.users->update(u));
      } else if (auto made = to_.users->create(u); !made) {
        if (made.error().code != errc::conflict)
          throw stopped{made.error()};
        return differs(t, "the user " + u.person.username + ": " + made.error().detail);
      }
      ++t.written;
    });
    const auto sum_of = [](const user_store& s) {
      sum all;
      each_user(s, [&](const user_record& u, std::uint64_t) { all.add({u.person.id.value, stored::encode(u)}); });
      return all.hex();
    };
    t.source_sum = sum_of(*from_.users);
    t.target_sum = sum_of(*to_.users);
    return t;
  }

  copied_type cases() {
    copied_type t{"cases", 0, 0, 0, {}, {}, {}};
    std::unordered_map<std::string, log_head> there;
    each_head(*to_.cases, [&](const log_head& h) { there.emplace(h.id.value, h); });
    std::uint64_t total = 0;
    each_head(*from_.cases, [&](const log_head&) { ++total; });
    each_head(*from_.cases, [&](const log_head& h) {
      ++t.found;
      tell(t, total);
      const auto found = there.find(h.id.value);
      sequence at = 0;
      if (found != there.end()) {
        if (found->second.seq == h.seq && found->second.link == h.link)
          return;
        at = found->second.seq;
        const auto last = at > h.seq || at == 0 ? std::vector<stored_event>{} : must(from_.cases->stored_events(h.id, at - 1, 1, 1));
        if (last.empty() || last[0].link != found->second.link)
          return differs(t, "the case " + h.id.value + " has another history there");
      }
      if (copy_log(h, at, t))
        ++t.written;
    });
    flush(t);
    t.source_sum = sum_of(*from_.cases);
    t.target_sum = sum_of(*to_.cases);
    return t;
  }

  copied_type sessions() {
    copied_type t{"sessions", 0, 0, 0, {}, {}, {}};
    const auto keys = must(from_.sessions->keys("*", sessions_max));
    sum source, target;
    for (auto& key : keys) {
      const auto value = must(from_.sessions->get(key));
      const auto left = must(from_.sessions->time_left(key));
      if (!value || !left)
        continue; // it has just expired
      ++t.found;
      tell(t, keys.size());
      if (must(to_.sessions->get(key)) != value) {
        must(to_.sessions->set(key, *value, *left));
        ++t.written;
      }
      // Lives go on during the copy: the sums are over what lives at both ends.
      source.add({key, *value});
      if (const auto now = must(to_.sessions->get(key)))
        target.add({key, *now});
    }
    t.source_sum = source.hex();
    t.target_sum = target.hex();
    return t;
  }

  copied_type vectors() {
    copied_type t{"vectors", 0, 0, 0, {}, {}, {}};
    const auto all = must(from_.vectors->collections());
    std::uint64_t total = 0;
    for (auto& c : all)
      total += c.count;
    for (auto& c : all) {
      if (auto made = to_.vectors->create_collection(c.name, c.dimension, c.metadata); !made) {
        if (made.error().code != errc::conflict)
          throw stopped{made.error()};
        differs(t, "the collection " + c.name + " has another dimension there");
        continue;
      }
      each_page(*from_.vectors, c.name, [&](const std::vector<vector_item>& items) {
        std::vector<std::string> ids;
        for (auto& i : items)
          ids.push_back(i.id);
        std::map<std::string, std::string> there;
        for (auto& i : must(to_.vectors->get(c.name, ids)))
          there.emplace(i.id, text_of(i));
        std::vector<vector_item> missing;
        for (auto& i : items)
          if (const auto found = there.find(i.id); found == there.end() || found->second != text_of(i))
            missing.push_back(i);
        if (!missing.empty())
          must(to_.vectors->upsert(c.name, missing));
        t.found += items.size();
        t.written += missing.size();
        tell(t, total);
      });
    }
    const auto sum_of = [&](const vector_store& s) {
      sum every;
      for (auto& c : all)
        each_page(s, c.name, [&](const std::vector<vector_item>& items) {
          for (auto& i : items)
            every.add({c.name, text_of(i)});
        });
      return every.hex();
    };
    t.source_sum = sum_of(*from_.vectors);
    t.target_sum = sum_of(*to_.vectors);
    return t;
  }

  copied_type files() {
    copied_type t{"files", 0, 0, 0, {}, {}, {}};
    sum source, target;
    for (std::string after;;) {
      const auto p = must(from_.blobs->list("", after, page));
      for (auto& b : p.blobs) {
        after = b.key;
        ++t.found;
        tell(t, 0);
        const auto there = to_.blobs->stat(b.key);
        if (!there && there.error().code != errc::not_found)
          throw stopped{there.error()};
        if (!there || there->sha256 != b.sha256) {
          copy_file(b);
          ++t.written;
        }
        source.add({b.key, b.sha256});
        const auto now = must(to_.blobs->stat(b.key));
        target.add({now.key, now.sha256});
      }
      if (!p.more)
        break;
    }
    t.source_sum = source.hex();
    t.target_sum = target.hex();
    return t;
  }

private:
  template <class F>
  static void each_user(const user_store& s, F each) {
    for (std::size_t at = 0;; at += page) {
      const auto p = must(s.list(at, page));
      for (auto& u : p.users)
        each(must(s.get(u.id)), p.total);
      if (p.users.size() < page)
        return;
    }
  }
  template <class F>
  static void each_head(const case_store& s, F each) {
    for (std::int64_t at = 0;;) {
      const auto heads = must(s.heads(at, page));
      if (heads.empty())
        return;
      for (auto& h : heads)
        each(h);
      at = heads.back().place;
    }
  }
  template <class F>
  static void each_page(const vector_store& s, const std::string& collection, F each) {
    for (std::string after;;) {
      const auto items = must(s.find(collection, {}, after, vectors_at_once));
      if (items.empty())
        return;
      each(items);
      after = items.back().id;
    }
  }

  static std::string sum_of(const case_store& s) {
    sum all;
    each_head(s, [&](const log_head& h) { all.add({h.id.value, std::to_string(h.seq), bytes_of(h.link), stored::encode(must(s.get(h.id)))}); });
    return all.hex();
  }
  static std::string text_of(const vector_item& i) {
    std::string out = i.id + '\0' + i.document + '\0';
    for (auto& [name, value] : i.metadata)
      out += name + '=' + std::visit([](const auto& v) {
               if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>)
                 return v;
               else
                 return std::to_string(v);
             }, value) + '\0';
    // Stores may keep vectors as texts of decimal digits: single precision survives that, bit for bit.
    for (float f : i.embedding) {
      char bits[sizeof f];
      std::memcpy(bits, &f, sizeof f);
      out.append(bits, sizeof f);
    }
    return out;
  }

  /// True when the case was written whole; many cases share a commit.
  bool copy_log(const log_head& h, sequence at, copied_type& t) {
    const auto record = std::make_shared<const case_record>(must(from_.cases->get(h.id)));
    while (at < h.seq) {
      case_commit c;
      c.id = h.id;
      c.expected_seq = at;
      c.copied = must(from_.cases->stored_events(h.id, at, rows_at_once, bytes_at_once));
      if (c.copied.empty())
        break;
      c.record = record;
      at += c.copied.size();
      for (auto& row : c.copied)
        waiting_bytes_ += row.data ? row.data->size() : 128;
      waiting_.push_back(std::move(c));
      if (waiting_.size() >= commits_at_once || waiting_bytes_ >= bytes_at_once)
        flush(t);
    }
    return true;
  }
  void flush(copied_type& t) {
    if (waiting_.empty())
      return;
    const auto results = to_.cases->commit(waiting_);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i])
        continue;
      const failure why = results[i].error();
      if (why.code != errc::conflict && why.code != errc::invalid)
        throw stopped{why};
      differs(t, "the case " + waiting_[i].id.value + ": " + why.detail);
    }
    waiting_.clear();
    waiting_bytes_ = 0;
  }

  void copy_file(const blob_info& b) {
    auto writer = must(to_.blobs->put(b.key, b.content_type));
    for (std::uint64_t at = 0; at < b.size; at += piece)
      must(writer->write(must(from_.blobs->read(b.key, at, piece))));
    if (const auto written = must(writer->finish()); written.sha256 != b.sha256)
      throw stopped{make_failure(errc::internal, "The file " + b.key + " changed on its way.")};
  }

  static void differs(copied_type& t, std::string what) {
    if (t.differ++ == 0)
      t.first_difference = std::move(what);
  }
  void tell(const copied_type& t, std::uint64_t total) {
    if (progress_ && !progress_(t.name, t.found, total))
      throw stopped{make_unavailable("The copy was stopped; another run goes on from here.")};
  }

  const opened_storage& from_;
  const opened_storage& to_;
  const copy_progress& progress_;
  std::vector<case_commit> waiting_;
  std::size_t waiting_bytes_ = 0;
};
} // namespace

outcome<std::vector<copied_type>> copy_storage(const opened_storage& from, const opened_storage& to, const copy_choice& what,
                                               const copy_progress& progress) {
  try {
    copier c{from, to, progress};
    std::vector<copied_type> all;
    if (what.users)
      all.push_back(c.users());
    if (what.cases)
      all.push_back(c.cases());
    if (what.sessions)
      all.push_back(c.sessions());
    if (what.vectors)
      all.push_back(c.vectors());
    if (what.files)
      all.push_back(c.files());
    return all;
  } catch (const stopped& s) {
    return s.why;
  }
}

} // namespace fm
