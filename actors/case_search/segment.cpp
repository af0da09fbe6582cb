// The stored form.
#include "actors/case_search/segment.hpp"

#include "actors/search/words.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fm::case_search {
namespace {
constexpr std::string_view magic = "FMCS0001";
constexpr std::size_t head_bytes = 8 + 5 * 8, block_bytes = 8 + 4 + 8 + 4 + 8 + 4 + 4 + 1 + 8 + 8, page_bytes = 4'096;
constexpr std::uint32_t line_tokens_max = 100'000;
constexpr std::size_t pages_scanned_max = 4, prefix_bytes_min = 3;
constexpr std::uint64_t blocks_max = 1U << 20, table_bytes_max = 64U << 20, list_bytes_max = 16U << 20;

failure damaged() { return make_failure(errc::unavailable, "A search index is damaged; it is made anew."); }

template <class T>
void put(std::string& out, T n) {
  auto value = static_cast<std::uint64_t>(n);
  for (std::size_t i = 0; i < sizeof(T); ++i, value >>= 8U)
    out.push_back(static_cast<char>(value & 0xFFU));
}
void put_varint(std::string& out, std::uint64_t n) {
  char bytes[10];
  std::size_t size = 0;
  for (; n >= 0x80; n >>= 7U)
    bytes[size++] = static_cast<char>(n | 0x80U);
  bytes[size++] = static_cast<char>(n);
  out.append(bytes, size);
}

/// Takes values from the front; after a value that is not whole everything is 0 and `good` is false.
struct taker {
  std::string_view rest;
  bool good = true;
  template <class T>
  T take() {
    if (rest.size() < sizeof(T)) {
      good = false;
      rest = {};
      return T{};
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
    rest.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        break;
      const auto byte = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80)
        return value;
    }
    good = false;
    rest = {};
    return 0;
  }
  std::string_view bytes(std::uint64_t n) {
    if (n > rest.size()) {
      good = false;
      rest = {};
      return {};
    }
    const auto out = rest.substr(0, n);
    rest.remove_prefix(n);
    return out;
  }
};

/// Of a word in a buffer that is filled up with zeros to eight bytes: words are short, and each one of a text passes here.
std::uint32_t hash_of(const char* padded, std::size_t size) {
  std::uint64_t h = 0x9E3779B97F4A7C15ULL ^ size;
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t piece = 0;
    std::memcpy(&piece, padded + at, 8);
    h = (h ^ piece) * 0xff51afd7ed558ccdULL;
    h ^= h >> 32U;
  }
  return static_cast<std::uint32_t>(h ^ (h >> 29U));
}

/// Its first eight bytes as a number that sorts as they do.
std::uint64_t sort_key(std::string_view word) {
  unsigned char bytes[8] = {};
  std::memcpy(bytes, word.data(), std::min<std::size_t>(8, word.size()));
  std::uint64_t key = 0;
  for (const auto b : bytes)
    key = key << 8U | b;
  return key;
}

bool has_digit(std::string_view word) { return std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; }); }
} // namespace

void segment_writer::grow() {
  std::vector<cell> larger(std::max<std::size_t>(1'024, table_.size() * 2));
  for (auto& c : table_)
    if (c.number != 0) {
      auto at = c.hash & (larger.size() - 1);
      while (larger[at].number != 0)
        at = (at + 1) & (larger.size() - 1);
      larger[at] = c;
    }
  table_ = std::move(larger);
}

void segment_writer::count(std::string_view lower, std::uint32_t hash) {
  if ((words_.size() + 1) * 2 > table_.size())
    grow();
  auto at = hash & (table_.size() - 1);
  for (; table_[at].number != 0; at = (at + 1) & (table_.size() - 1))
    if (table_[at].hash == hash && text(words_[table_[at].number - 1]) == lower)
      break;
  if (table_[at].number == 0) {
    words_.push_back({static_cast<std::uint32_t>(letters_.size()), 0, 0, static_cast<std::uint8_t>(lower.size())});
    letters_ += lower;
    table_[at] = {hash, static_cast<std::uint32_t>(words_.size())};
  }
  const auto number = table_[at].number - 1;
  if (words_[number].open++ == 0)
    open_.push_back(number);
}

void segment_writer::add_line(std::string_view clean) {
  // The table is larger than the processor's caches: some words are read before the first of them is looked up.
  static_assert(token_bytes_max % 8 == 0);
  struct {
    char lower[token_bytes_max];
    std::uint32_t hash;
    std::uint8_t size;
  } ahead[16];
  std::size_t waiting = 0;
  std::uint32_t tokens = 0;
  const auto look_up = [&] {
    for (std::size_t i = 0; i < waiting; ++i)
      count({ahead[i].lower, ahead[i].size}, ahead[i].hash);
    waiting = 0;
  };
  each_token(clean, [&](std::size_t begin, std::size_t end, bool) {
    auto& next = ahead[waiting++];
    const auto size = std::min(end - begin, token_bytes_max);
    for (std::size_t i = 0; i < size; ++i) {
      const auto c = clean[begin + i];
      next.lower[i] = (letter::kind(c) & letter::upper) != 0 ? static_cast<char>(c | 0x20) : c;
    }
    for (auto i = size; i % 8 != 0; ++i)
      next.lower[i] = 0;
    next.size = static_cast<std::uint8_t>(size);
    next.hash = hash_of(next.lower, size);
    if (!table_.empty())
      __builtin_prefetch(&table_[next.hash & (table_.size() - 1)]);
    if (waiting == std::size(ahead))
      look_up();
    return ++tokens < line_tokens_max;
  });
  look_up();
  open_tokens_ += tokens;
}

void segment_writer::end_block(block b) {
  const auto now = static_cast<std::uint32_t>(blocks_.size());
  for (const auto number : open_) {
    auto& w = words_[number];
    ++w.blocks;
    postings_.push_back({number, now, w.open});
    w.open = 0;
  }
  open_.clear();
  b.tokens = open_tokens_;
  open_tokens_ = 0;
  blocks_.push_back(b);
}

std::vector<double> segment_writer::weights() const {
  std::vector<double> of_word(words_.size(), 0.0), out(blocks_.size(), 0.0);
  const auto n = static_cast<double>(blocks_.size());
  for (std::size_t i = 0; i < words_.size(); ++i)
    if (words_[i].size >= 3 && words_[i].blocks > 0 && !has_digit(text(words_[i])))
      of_word[i] = std::log(1.0 + n / static_cast<double>(words_[i].blocks));
  for (auto& p : postings_)
    out[p.block] += of_word[p.number];
  return out;
}

std::string segment_writer::finish() {
  // Postings by word, still in order of the blocks: where each word's begin is known from how many it has.
  std::vector<std::uint32_t> ends(words_.size() + 1, 0);
  for (std::size_t i = 0; i < words_.size(); ++i)
    ends[i + 1] = ends[i] + words_[i].blocks;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> lists(postings_.size()); ///< block and count
  for (auto& p : postings_)
    lists[ends[p.number]++] = {p.block, p.count};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(words_.size());
  for (std::uint32_t i = 0; i < words_.size(); ++i)
    order.emplace_back(sort_key(text(words_[i])), i);
  std::sort(order.begin(), order.end(), [&](auto& a, auto& b) { return a.first != b.first ? a.first < b.first : text(words_[a.second]) < text(words_[b.second]); });
  std::string out, pages, table;
  out.resize(head_bytes);
  std::uint64_t tokens = 0;
  for (auto& b : blocks_) {
    put(out, b.line_first);
    put(out, b.lines);
    put(out, b.clean_begin);
    put(out, b.clean_bytes);
    put(out, b.raw_begin);
    put(out, b.raw_bytes);
    put(out, b.tokens);
    put(out, b.levels);
    put(out, b.time_first);
    put(out, b.time_last);
    tokens += b.tokens;
  }
  const auto lists_begin = out.size();
  struct place {
    std::uint64_t offset, postings;
    std::string first;
    std::uint32_t bytes;
  };
  std::vector<place> places;
  std::string page, list;
  std::string_view before;
  const auto close = [&] {
    if (places.empty() || page.empty())
      return;
    places.back().bytes = static_cast<std::uint32_t>(page.size());
    pages += page;
    page.clear();
  };
  for (auto& [key, number] : order) {
    const auto& w = words_[number];
    const auto name = text(w);
    if (page.size() >= page_bytes)
      close();
    if (page.empty()) {
      places.push_back({pages.size(), out.size() - lists_begin, std::string{name}, 0});
      before = {};
    }
    list.clear();
    std::uint32_t last = 0;
    for (auto i = ends[number] - w.blocks; i < ends[number]; ++i) { // `ends` was moved on while they were filled in
      put_varint(list, lists[i].first - last);
      put_varint(list, lists[i].second);
      last = lists[i].first;
    }
    const auto shared = static_cast<std::size_t>(std::mismatch(before.begin(), before.end(), name.begin(), name.end()).first - before.begin());
    put_varint(page, shared);
    put_varint(page, name.size() - shared);
    page += name.substr(shared);
    put_varint(page, w.blocks);
    put_varint(page, list.size());
    before = name;
    out += list;
  }
  close();
  const auto pages_begin = out.size();
  out += pages;
  const auto table_begin = out.size();
  for (auto& p : places) {
    put(table, static_cast<std::uint64_t>(pages_begin + p.offset));
    put(table, static_cast<std::uint64_t>(lists_begin + p.postings));
    put(table, p.bytes);
    put_varint(table, p.first.size());
    table += p.first;
  }
  out += table;
  std::string head{magic};
  put(head, static_cast<std::uint64_t>(blocks_.size()));
  put(head, tokens);
  put(head, static_cast<std::uint64_t>(table_begin));
  put(head, static_cast<std::uint64_t>(table.size()));
  put(head, static_cast<std::uint64_t>(places.size()));
  out.replace(0, head_bytes, head);
  *this = {};
  return out;
}

outcome<segment_reader> segment_reader::open(segment_bytes bytes) {
  auto head = bytes(0, head_bytes);
  if (!head)
    return head.error();
  taker t{*head};
  if (t.bytes(magic.size()) != magic)
    return damaged();
  segment_reader r;
  const auto blocks = t.take<std::uint64_t>();
  r.tokens_ = t.take<std::uint64_t>();
  const auto table_begin = t.take<std::uint64_t>(), table_size = t.take<std::uint64_t>(), pages = t.take<std::uint64_t>();
  if (!t.good || blocks > blocks_max || table_size > table_bytes_max || pages > table_size)
    return damaged();
  r.block_count_ = static_cast<std::uint32_t>(blocks);
  r.blocks_offset_ = head_bytes;
  if (table_size > 0) {
    auto table = bytes(table_begin, table_size);
    if (!table)
      return table.error();
    taker e{*table};
    for (std::uint64_t i = 0; i < pages && e.good; ++i) {
      page p;
      p.offset = e.take<std::uint64_t>();
      p.postings = e.take<std::uint64_t>();
      p.bytes = e.take<std::uint32_t>();
      p.first = std::string{e.bytes(e.varint())};
      r.pages_.push_back(std::move(p));
    }
    if (!e.good)
      return damaged();
  }
  r.bytes_ = std::move(bytes);
  return r;
}

outcome<std::vector<block>> segment_reader::blocks() const {
  auto bytes = bytes_(blocks_offset_, std::uint64_t{block_count_} * block_bytes);
  if (!bytes)
    return bytes.error();
  taker t{*bytes};
  std::vector<block> out(block_count_);
  for (auto& b : out) {
    b.line_first = t.take<std::uint64_t>();
    b.lines = t.take<std::uint32_t>();
    b.clean_begin = t.take<std::uint64_t>();
    b.clean_bytes = t.take<std::uint32_t>();
    b.raw_begin = t.take<std::uint64_t>();
    b.raw_bytes = t.take<std::uint32_t>();
    b.tokens = t.take<std::uint32_t>();
    b.levels = t.take<std::uint8_t>();
    b.time_first = t.take<std::int64_t>();
    b.time_last = t.take<std::int64_t>();
  }
  if (!t.good)
    return damaged();
  return out;
}

outcome<word_hits> segment_reader::find(const question::word& word, std::size_t spellings_max) const {
  std::map<std::uint32_t, std::uint32_t> found;
  // Everything that could answer begins like the word's stem, or like the word itself when that is short.
  std::string prefix = word.text;
  if (word.stem.size() >= prefix_bytes_min && word.stem.size() <= word.text.size()) {
    const auto stem = std::string_view{word.stem}.substr(0, std::max(prefix_bytes_min, word.stem.size() - 1));
    if (word.text.starts_with(stem))
      prefix = std::string{stem};
  }
  const bool widen = word.text.size() >= prefix_bytes_min;
  std::size_t spellings = 0;
  const auto look_in = [&](const page& p, std::string_view from, bool exact) -> outcome<bool> { // whether to go on
    auto bytes = bytes_(p.offset, p.bytes);
    if (!bytes)
      return bytes.error();
    taker t{*bytes};
    std::string text;
    auto list_at = p.postings;
    while (t.good && !t.rest.empty()) {
      const auto shared = t.varint();
      const auto own = t.bytes(t.varint());
      if (!t.good || shared > text.size())
        return damaged();
      text.resize(shared);
      text += own;
      t.varint(); // in how many blocks
      const auto size = t.varint();
      const auto at = list_at;
      list_at += size;
      if (text < from)
        continue;
      if (exact ? text != from : !text.starts_with(from))
        return false;
      if (!exact && text == word.text)
        continue; // was taken as itself
      if (exact || answers(text, word)) {
        if (size > list_bytes_max)
          return damaged();
        auto list = bytes_(at, size);
        if (!list)
          return list.error();
        taker l{*list};
        for (std::uint32_t b = 0; l.good && !l.rest.empty();) {
          b += static_cast<std::uint32_t>(l.varint());
          const auto count = static_cast<std::uint32_t>(l.varint());
          if (!l.good || b >= block_count_)
            return damaged();
          found[b] += count;
        }
        if (++spellings >= spellings_max)
          return false;
      }
    }
    return t.good ? outcome<bool>{true} : damaged();
  };
  const auto scan = [&](std::string_view from, bool exact) -> outcome<bool> {
    auto at = std::upper_bound(pages_.begin(), pages_.end(), from, [](std::string_view w, const page& p) { return w < p.first; });
    if (at != pages_.begin())
      --at;
    for (std::size_t n = 0; at != pages_.end() && n < (exact ? 2 : pages_scanned_max); ++at, ++n) {
      auto on = look_in(*at, from, exact);
      if (!on || !*on)
        return on;
    }
    return true;
  };
  if (auto r = scan(word.text, true); !r)
    return r.error();
  if (widen && spellings < spellings_max)
    if (auto r = scan(prefix, false); !r)
      return r.error();
  word_hits out;
  out.blocks.assign(found.begin(), found.end());
  return out;
}

} // namespace fm::case_search
