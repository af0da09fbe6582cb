// The stored form.
#include "actors/case_search/segment.hpp"

#include "actors/search/words.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace fm::case_search {
namespace {
constexpr std::string_view magic = "FMCS0001";
constexpr std::size_t head_bytes = 8 + 5 * 8, block_bytes = 8 + 4 + 8 + 4 + 8 + 4 + 4 + 1 + 8 + 8, page_bytes = 4'096;
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
  for (; n >= 0x80; n >>= 7U)
    out.push_back(static_cast<char>(n | 0x80U));
  out.push_back(static_cast<char>(n));
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

bool has_digit(std::string_view word) { return std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; }); }
} // namespace

void segment_writer::add_line(std::string_view clean) {
  tokens_of(clean, scratch_);
  const auto now = static_cast<std::uint32_t>(blocks_.size());
  for (auto& t : scratch_) {
    auto& list = postings_[t.text];
    if (list.empty() || list.back().block != now)
      list.push_back({now, 0});
    ++list.back().count;
  }
  open_tokens_ += static_cast<std::uint32_t>(scratch_.size());
}

void segment_writer::end_block(block b) {
  b.tokens = open_tokens_;
  open_tokens_ = 0;
  blocks_.push_back(b);
}

std::vector<double> segment_writer::weights() const {
  std::vector<double> out(blocks_.size(), 0.0);
  const auto n = static_cast<double>(blocks_.size());
  for (auto& [word, list] : postings_)
    if (word.size() >= 3 && !has_digit(word))
      for (auto& p : list)
        out[p.block] += std::log(1.0 + n / static_cast<double>(list.size()));
  return out;
}

std::string segment_writer::finish() {
  std::vector<const std::pair<const std::string, std::vector<posting>>*> words;
  for (auto& entry : postings_)
    words.push_back(&entry);
  std::sort(words.begin(), words.end(), [](auto* a, auto* b) { return a->first < b->first; });
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
  std::string page, before, list;
  const auto close = [&] {
    if (places.empty() || page.empty())
      return;
    places.back().bytes = static_cast<std::uint32_t>(page.size());
    pages += page;
    page.clear();
  };
  for (auto* entry : words) {
    if (page.size() >= page_bytes)
      close();
    if (page.empty()) {
      places.push_back({pages.size(), out.size() - lists_begin, entry->first, 0});
      before.clear();
    }
    list.clear();
    std::uint32_t last = 0;
    for (auto& p : entry->second) {
      put_varint(list, p.block - last);
      put_varint(list, p.count);
      last = p.block;
    }
    const auto shared = static_cast<std::size_t>(std::mismatch(before.begin(), before.end(), entry->first.begin(), entry->first.end()).first - before.begin());
    put_varint(page, shared);
    put_varint(page, entry->first.size() - shared);
    page.append(entry->first, shared);
    put_varint(page, entry->second.size());
    put_varint(page, list.size());
    before = entry->first;
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
