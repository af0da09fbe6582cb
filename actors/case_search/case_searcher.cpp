// Blocks first, by their words and vectors; then the lines of the best blocks, as the reader may see them.
#include "actors/case_search/case_searcher.hpp"

#include "actors/evidence/line_header.hpp"
#include "actors/evidence/line_splitter.hpp"
#include "actors/search/full_text_index.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"
#include "storage/ports/blob_io.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

namespace fm {
namespace cs = case_search;
namespace {
constexpr double k1 = 1.2, length_weight = 0.6;
constexpr std::size_t blocks_read_max = 600, lines_max = 1'200, like_max = 60, line_bytes_max = 2'000, around = 1;
constexpr double words_weight = 1.0, likeness_weight = 0.6;

/// What answered in one line.
struct line_match {
  double score = 0;
  std::vector<std::pair<std::size_t, std::size_t>> ranges; ///< in the line
  std::vector<std::size_t> words;                          ///< which words of the question
};

line_match match_of(std::string_view line, const cs::question& q, const std::vector<double>& idf, std::vector<cs::token>& scratch) {
  line_match m;
  cs::tokens_of(line, scratch, 20'000);
  // The word itself counts and is shown before its other forms: "req" before "request".
  std::vector<char> exact(q.words.size(), 0);
  for (auto& t : scratch)
    for (std::size_t i = 0; i < q.words.size(); ++i)
      exact[i] = exact[i] != 0 || t.text == q.words[i].text ? 1 : 0;
  std::set<std::size_t> found;
  for (auto& t : scratch)
    for (std::size_t i = 0; i < q.words.size(); ++i)
      if (exact[i] != 0 ? t.text == q.words[i].text : cs::answers(t.text, q.words[i])) {
        if (found.insert(i).second)
          m.score += idf[i] * (exact[i] != 0 ? 1.0 : 0.7);
        if (m.ranges.size() < 64 && (m.ranges.empty() || m.ranges.back().second <= t.begin))
          m.ranges.emplace_back(t.begin, t.end);
        break;
      }
  m.words.assign(found.begin(), found.end());
  if (m.words.empty())
    return m;
  m.score *= static_cast<double>(m.words.size()) / static_cast<double>(q.words.size()); // all words in one line beat many of one
  if (!q.needles.empty()) {
    const auto lower = ascii_lower(line);
    for (auto& n : q.needles)
      for (auto at = lower.find(n); at != std::string::npos; at = lower.npos) {
        m.score *= 2; // as it was written, with its dashes and dots
        m.ranges.emplace_back(at, at + n.size());
      }
    std::sort(m.ranges.begin(), m.ranges.end());
    std::vector<std::pair<std::size_t, std::size_t>> joined;
    for (auto& r : m.ranges)
      if (!joined.empty() && r.first <= joined.back().second)
        joined.back().second = std::max(joined.back().second, r.second);
      else
        joined.push_back(r);
    m.ranges = std::move(joined);
  }
  return m;
}

int severity_of(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(evidence::severity::fatal); ++i)
    if (evidence::name_of(static_cast<evidence::severity>(i)) == name)
      return i;
  return 0;
}

/// A stamp without year is taken as the latest possible before the file came.
std::int64_t dated(std::int64_t ms, bool year_known, const case_file& f) {
  if (year_known)
    return ms;
  const auto uploaded = f.uploaded_at.time_since_epoch().count() + 86'400'000;
  constexpr std::int64_t year_ms = 31'556'952'000;
  return ms + (uploaded - ms) / year_ms * year_ms;
}

struct line_text {
  std::string_view text;
  std::size_t begin = 0; ///< in the block
};
std::vector<line_text> lines_of(std::string_view bytes) {
  std::vector<line_text> out;
  for (std::size_t at = 0; at <= bytes.size();) {
    const auto end = std::min(bytes.find('\n', at), bytes.size());
    out.push_back({bytes.substr(at, end - at), at});
    at = end + 1;
  }
  return out;
}

void fill_text(case_search_hit& h, std::string_view whole, const std::vector<line_text>& lines, std::size_t i, std::uint64_t base, std::uint64_t line_first,
               const line_match& m) {
  const auto& l = lines[i];
  h.line = line_first + i;
  h.begin = base + l.begin;
  h.end = h.begin + l.text.size();
  h.text = to_valid_utf8(l.text.substr(0, utf8_floor(l.text, std::min(l.text.size(), line_bytes_max))));
  for (auto& [from, to] : m.ranges)
    h.highlights.emplace_back(h.begin + from, h.begin + to);
  const auto first = i >= around ? i - around : 0, last = std::min(lines.size() - 1, i + around);
  h.line_first = line_first + first;
  h.line_last = line_first + last;
  const auto from = lines[first].begin, to = lines[last].begin + lines[last].text.size();
  h.snippet_begin = base + from;
  h.snippet_end = base + to;
  const auto snippet = whole.substr(from, to - from);
  h.snippet = to_valid_utf8(snippet.substr(0, utf8_floor(snippet, std::min(snippet.size(), 3 * line_bytes_max))));
}

std::string reason_of(const cs::question& q, const std::vector<std::size_t>& words) {
  std::string out;
  for (const auto i : words)
    out += (out.empty() ? "words: " : ", ") + q.words[i].text;
  return out;
}
std::string likeness_reason(double similarity) {
  char text[40];
  std::snprintf(text, sizeof text, "likeness %.2f", similarity);
  return text;
}
} // namespace

struct case_searcher::state {
  case_search_settings settings;
  case_search_deps deps;
  std::shared_ptr<watched_embedder> model;
  std::array<std::mutex, 32> building; ///< one file is indexed once at a time

  /// A case's newest messages, ready to be searched.
  struct conversation {
    case_id id;
    std::uint64_t total = 0;
    std::vector<message> messages;
    full_text_index words;
    std::vector<std::vector<float>> vectors; ///< of the newest, from the back; empty = not yet
  };
  std::mutex mutex;
  std::list<std::shared_ptr<const conversation>> conversations; ///< the last used first

  std::mutex& gate(const case_file& f) { return building[std::hash<std::string>{}(f.id) % building.size()]; }

  outcome<done_t> make_index(const case_file& f) {
    std::lock_guard one{gate(f)};
    if (auto there = cs::open_index(*deps.blobs, f))
      return done;
    auto made = cs::build_index(*deps.blobs, f, model.get(), settings.index, deps.extract);
    return made ? forget_if_gone(f) : made;
  }
  outcome<done_t> make_vectors(const case_file& f) {
    std::lock_guard one{gate(f)};
    auto made = cs::build_vectors(*deps.blobs, f, *model, settings.index);
    return made ? forget_if_gone(f) : made;
  }
  /// A file that was removed while it was indexed takes its index with it.
  outcome<done_t> forget_if_gone(const case_file& f) {
    if (auto there = deps.blobs->stat(cs::bytes_key(f, true)); there || there.error().code != errc::not_found)
      return done;
    for (const auto& key : {cs::index_key(f), cs::vectors_key(f)})
      if (auto gone = deps.blobs->remove(key); !gone)
        return gone.error();
    return done;
  }

  outcome<std::shared_ptr<const conversation>> conversation_of(const case_id& id, bool with_vectors) {
    auto newest = deps.cases->messages(id, 0, 1, true);
    if (!newest)
      return newest.error();
    const auto ready = [&](const conversation& c) { return c.total == newest->total && (!with_vectors || !c.vectors.empty() || c.messages.empty()); };
    {
      std::lock_guard lock{mutex};
      for (auto it = conversations.begin(); it != conversations.end(); ++it)
        if ((*it)->id == id && ready(**it)) {
          conversations.splice(conversations.begin(), conversations, it);
          return conversations.front();
        }
    }
    auto page = deps.cases->messages(id, 0, settings.messages_max, true);
    if (!page)
      return page.error();
    auto c = std::make_shared<conversation>();
    c->id = id;
    c->total = page->total;
    std::size_t bytes = 0;
    auto first = page->messages.end();
    while (first != page->messages.begin() && bytes + std::prev(first)->content.size() <= settings.messages_bytes_max)
      bytes += (--first)->content.size();
    c->messages.assign(std::make_move_iterator(first), std::make_move_iterator(page->messages.end()));
    for (std::size_t i = 0; i < c->messages.size(); ++i)
      c->words.add(std::to_string(i), {}, c->messages[i].content);
    if (with_vectors && model) {
      std::vector<std::string> texts;
      const auto from = c->messages.size() - std::min(c->messages.size(), settings.message_vectors_max);
      for (auto i = from; i < c->messages.size(); ++i) {
        const auto& text = c->messages[i].content;
        texts.push_back(text.substr(0, utf8_floor(text, std::min<std::size_t>(text.size(), 4'000))));
      }
      for (std::size_t at = 0; at < texts.size(); at += 32) {
        auto made = model->embed(std::span{texts}.subspan(at, std::min<std::size_t>(32, texts.size() - at)));
        if (!made) {
          c->vectors.clear();
          break;
        }
        std::move(made->begin(), made->end(), std::back_inserter(c->vectors));
      }
    }
    std::lock_guard lock{mutex};
    std::erase_if(conversations, [&](auto& other) { return other->id == id; });
    conversations.push_front(c);
    while (conversations.size() > settings.cases_kept_max)
      conversations.pop_back();
    return std::shared_ptr<const conversation>{c};
  }
};

case_searcher::case_searcher(case_search_settings settings, case_search_deps deps) : state_(std::make_unique<state>()) {
  state_->settings = settings;
  state_->deps = std::move(deps);
  if (state_->deps.model)
    state_->model = std::make_shared<watched_embedder>(state_->deps.model, state_->deps.clock);
}
case_searcher::~case_searcher() = default;

outcome<std::uint64_t> case_searcher::index(const case_id& id) {
  auto& s = *state_;
  auto files = s.deps.files(id);
  if (!files)
    return files.error();
  std::uint64_t made = 0;
  for (auto& f : *files) {
    if (cs::needs_extraction(f) && !s.deps.extract)
      continue;
    const bool there = cs::open_index(*s.deps.blobs, f).has_value();
    if (auto r = s.make_index(f); !r && r.error().code != errc::not_found)
      return r.error();
    made += there ? 0 : 1;
    if (there && s.model)
      if (auto like = cs::like_blocks(*s.deps.blobs, f, s.model->name(), std::vector<float>(s.model->dimension(), 0.0F)); !like && like.error().code == errc::not_found)
        if (auto r = s.make_vectors(f); !r)
          log::debug("case_search", "file " + f.id + " is found by words only: " + r.error().detail);
  }
  return made;
}

namespace {
struct candidate {
  std::size_t file = 0;
  std::uint32_t segment = 0, number = 0;
  cs::block block;
  double score = 0, similarity = 0;
};
} // namespace

outcome<case_search_page> case_searcher::search(const case_id& id, const case_search_query& query, const std::function<bool(const case_file&)>& raw) {
  auto& s = *state_;
  const auto q = cs::question_of(query.text);
  if (q.words.empty()) {
    auto f = make_failure(errc::invalid, "query must name at least one word.");
    return f.with_fact("field", "query");
  }
  case_search_page page;
  const auto asked_ms = [](const std::optional<timestamp>& t) { return t ? std::optional{t->time_since_epoch().count()} : std::nullopt; };
  const auto from_ms = asked_ms(query.from), to_ms = asked_ms(query.to);
  const int least = query.level.empty() ? 0 : severity_of(query.level);
  const bool of_files = query.source != "message", of_messages = query.source != "file" && query.file_id.empty() && query.data_type.empty() && query.level.empty();

  std::optional<std::vector<float>> vector;
  if (s.model) {
    auto v = s.model->embed_query(query.text);
    if (v)
      vector = std::move(*v);
    else
      page.by_words_only = true;
  } else {
    page.by_words_only = true;
  }

  // The files that are asked, with their indexes; small ones that lack theirs get it now.
  std::vector<case_file> files;
  std::vector<cs::file_index> indexes;
  if (of_files) {
    auto all = s.deps.files(id);
    if (!all)
      return all.error();
    std::uint64_t made_bytes = 0;
    for (auto& f : *all) {
      if ((cs::needs_extraction(f) && !s.deps.extract) || (!query.file_id.empty() && f.id != query.file_id) || (!query.data_type.empty() && f.data_type != query.data_type))
        continue;
      auto index = cs::open_index(*s.deps.blobs, f);
      if (!index && !cs::needs_extraction(f) && made_bytes + f.bytes <= s.settings.indexed_at_once_bytes) {
        made_bytes += f.bytes;
        if (index.error().code != errc::not_found)
          (void)s.deps.blobs->remove(cs::index_key(f)); // damaged
        if (auto made = s.make_index(f); made)
          index = cs::open_index(*s.deps.blobs, f);
        else if (made.error().code != errc::not_found)
          log::warn("case_search", "file " + f.id + " has no index: " + made.error().detail);
      }
      if (!index) {
        page.files_waiting += index.error().code == errc::not_found ? 1 : 0;
        continue;
      }
      files.push_back(f);
      indexes.push_back(std::move(*index));
    }
  }
  page.files_searched = files.size();

  // Which blocks hold which words, and how rare the words are over all of them.
  struct held {
    std::size_t file = 0;
    const cs::segment_reader* words = nullptr;
    std::uint32_t segment = 0;
    std::vector<cs::word_hits> hits;
  };
  std::vector<held> segments;
  std::vector<double> counts(q.words.size(), 0.0);
  double blocks_total = 0, tokens_total = 0;
  for (std::size_t i = 0; i < indexes.size(); ++i)
    for (auto& seg : indexes[i].segments) {
      held h{i, &seg.words, static_cast<std::uint32_t>(seg.number), {}};
      blocks_total += seg.words.block_count();
      tokens_total += static_cast<double>(seg.words.token_count());
      bool any = false;
      for (std::size_t w = 0; w < q.words.size(); ++w) {
        auto found = seg.words.find(q.words[w]);
        if (!found)
          return found.error();
        counts[w] += static_cast<double>(found->blocks.size());
        any = any || !found->blocks.empty();
        h.hits.push_back(std::move(*found));
      }
      if (any)
        segments.push_back(std::move(h));
    }
  std::vector<double> idf;
  for (const auto n : counts)
    idf.push_back(std::log(1.0 + (blocks_total - n + 0.5) / (n + 0.5)));
  const auto average = std::max(1.0, tokens_total / std::max(1.0, blocks_total));
  const auto fits = [&](const cs::block& b, const case_file& f) {
    if (b.line_first > query.line_to || b.line_first + b.lines <= query.line_from)
      return false;
    if (least > 0 && (b.levels >> least) == 0)
      return false;
    if (!from_ms && !to_ms)
      return true;
    if (b.time_first == cs::no_time)
      return false;
    constexpr std::int64_t year_2001 = 978'307'200'000; // stamps before are of lines without a year
    const auto known = b.time_first >= year_2001;
    return (!to_ms || dated(b.time_first, known, f) <= *to_ms) && (!from_ms || dated(b.time_last, known, f) >= *from_ms);
  };
  std::vector<candidate> best;
  for (auto& h : segments) {
    std::unordered_map<std::uint32_t, std::pair<double, std::size_t>> scores;
    auto blocks = h.words->blocks();
    if (!blocks)
      return blocks.error();
    for (std::size_t w = 0; w < q.words.size(); ++w)
      for (auto& [number, count] : h.hits[w].blocks) {
        const auto& b = (*blocks)[number];
        const double n = count;
        auto& [score, words] = scores[number];
        score += idf[w] * n * (k1 + 1) / (n + k1 * (1 - length_weight + length_weight * b.tokens / average));
        ++words;
      }
    for (auto& [number, score] : scores)
      if (fits((*blocks)[number], files[h.file]))
        best.push_back({h.file, h.segment, number, (*blocks)[number], score.first * static_cast<double>(score.second) / static_cast<double>(q.words.size()), 0});
    const auto better = [](const candidate& a, const candidate& b) {
      return a.score != b.score ? a.score > b.score : std::tie(a.file, a.block.line_first, a.number) < std::tie(b.file, b.block.line_first, b.number);
    };
    const auto kept = std::min(best.size(), blocks_read_max);
    std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end(), better);
    best.resize(kept);
  }
  // Blocks that are like the question; those that words found already only get their likeness.
  std::vector<candidate> like;
  if (vector)
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto found = cs::like_blocks(*s.deps.blobs, files[i], s.model->name(), *vector);
      if (!found) {
        if (found.error().code != errc::not_found)
          log::warn("case_search", "file " + files[i].id + " is found by words only: " + found.error().detail);
        page.by_words_only = true;
        continue;
      }
      for (auto& l : *found) {
        if (l.similarity < s.settings.similarity_min || like.size() >= files.size() * like_max)
          break;
        like.push_back({i, l.segment, l.block, {}, 0, l.similarity});
      }
    }
  std::stable_sort(like.begin(), like.end(), [](auto& a, auto& b) { return a.similarity > b.similarity; });
  like.resize(std::min(like.size(), like_max));
  std::map<std::pair<std::size_t, std::uint32_t>, std::vector<cs::block>> tables;
  for (auto& l : like) {
    auto& table = tables[{l.file, l.segment}];
    if (table.empty() && l.segment < indexes[l.file].segments.size())
      if (auto blocks = indexes[l.file].segments[l.segment].words.blocks())
        table = std::move(*blocks);
    if (l.number < table.size())
      l.block = table[l.number];
  }
  std::erase_if(like, [&](auto& l) { return l.block.lines == 0 || !fits(l.block, files[l.file]); });

  // The lines of these blocks, in the form that the reader may see.
  std::vector<case_search_hit> hits;
  std::unordered_map<std::string, std::size_t> by_name; ///< file and line to its hit
  std::vector<cs::token> scratch;
  const auto name_of_hit = [](const case_search_hit& h) { return h.file_id + h.message_id + ":" + std::to_string(h.line) + ":" + std::to_string(h.begin); };
  const auto keep = [&](case_search_hit h) {
    const auto name = name_of_hit(h);
    const auto [at, fresh] = by_name.emplace(name, hits.size());
    if (fresh)
      hits.push_back(std::move(h));
    else
      hits[at->second].similarity = std::max(hits[at->second].similarity, h.similarity);
    return name;
  };
  struct scored {
    std::string name;
    double score = 0;
    std::size_t order = 0;
  };
  const auto read_block = [&](const candidate& c, bool one_line, std::vector<scored>& out) -> outcome<done_t> {
    const auto& f = files[c.file];
    const auto& index = indexes[c.file];
    const bool own = !index.extracted && (f.redaction != "copy" || (raw(f) && c.block.raw_bytes > 0) || (raw(f) && c.block.clean_bytes == 0));
    const auto begin = own ? c.block.raw_begin : c.block.clean_begin;
    auto bytes = s.deps.blobs->read(index.extracted ? cs::index_key(f) : cs::bytes_key(f, !own), begin, own ? c.block.raw_bytes : c.block.clean_bytes);
    if (!bytes)
      return bytes.error().code == errc::not_found ? outcome<done_t>{done} : bytes.error(); // removed meanwhile
    if (index.returns)
      evidence::returns_to_feeds(*bytes);
    const auto lines = lines_of(*bytes);
    std::optional<std::int64_t> stamp;
    std::optional<scored> top;
    std::optional<case_search_hit> top_hit;
    for (std::size_t i = 0; i < lines.size() && i < c.block.lines; ++i) {
      const auto number = c.block.line_first + i;
      const auto header = evidence::parse_header(lines[i].text.substr(0, std::min<std::size_t>(lines[i].text.size(), 512)));
      if (header.time_ms)
        stamp = dated(*header.time_ms, header.year_known, f);
      if (number < query.line_from || number > query.line_to || (least > 0 && static_cast<int>(header.level) < least))
        continue;
      const auto when = stamp ? stamp : c.block.time_first != cs::no_time ? std::optional{dated(c.block.time_first, header.year_known, f)} : std::nullopt;
      if ((from_ms || to_ms) && (!when || (from_ms && *when < *from_ms) || (to_ms && *when > *to_ms)))
        continue;
      const auto m = match_of(lines[i].text, q, idf, scratch);
      if (m.words.empty() && !one_line)
        continue;
      case_search_hit h;
      h.source = "file";
      h.file_id = f.id;
      h.file_name = f.name;
      h.data_type = f.data_type;
      h.sanitized = f.redaction == "copy" && !own;
      h.extracted = index.extracted;
      if (auto part = std::partition_point(index.parts.begin(), index.parts.end(), [&](auto& p) { return p.line_first <= number; }); part != index.parts.begin()) {
        h.part = std::prev(part)->name;
        h.part_line = number - std::prev(part)->line_first + 1;
      }
      fill_text(h, *bytes, lines, i, begin, c.block.line_first, m);
      if (header.level != evidence::severity::none)
        h.level = std::string{evidence::name_of(header.level)};
      if (header.time_ms)
        h.at = timestamp{std::chrono::milliseconds{dated(*header.time_ms, header.year_known, f)}};
      h.similarity = std::clamp(c.similarity, 0.0, 1.0);
      if (!m.words.empty())
        h.reasons.push_back(reason_of(q, m.words));
      if (!one_line) {
        const auto name = keep(std::move(h));
        out.push_back({name, m.score, out.size()});
      } else if (!top || std::pair{m.score, static_cast<std::size_t>(header.level)} > std::pair{top->score, top->order}) {
        top = scored{{}, m.score, static_cast<std::size_t>(header.level)}; // of equal ones the line of worse trouble
        top_hit = std::move(h);
      }
    }
    if (top_hit)
      out.push_back({keep(std::move(*top_hit)), c.similarity, out.size()});
    return done;
  };
  const auto ranked = [](std::vector<scored> all) {
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.score > b.score; });
    std::vector<std::string> names;
    for (auto& x : all)
      names.push_back(std::move(x.name));
    return names;
  };
  std::vector<scored> file_lines, file_like, said, said_like;
  for (auto& c : best) {
    if (file_lines.size() >= lines_max)
      break; // more than any page reaches
    if (auto r = read_block(c, false, file_lines); !r)
      return r.error();
  }
  for (auto& c : like)
    if (auto r = read_block(c, true, file_like); !r)
      return r.error();

  if (of_messages) {
    auto talk = s.conversation_of(id, vector.has_value());
    if (!talk)
      return talk.error();
    const auto& c = **talk;
    const auto when_fits = [&](const message& m) {
      const auto ms = m.created_at.time_since_epoch().count();
      return (!from_ms || ms >= *from_ms) && (!to_ms || ms <= *to_ms);
    };
    std::vector<double> even(q.words.size(), 1.0);
    for (std::size_t w = 0; w < even.size(); ++w)
      even[w] = blocks_total > 0 ? std::max(0.1, idf[w]) : 1.0;
    const auto take = [&](std::size_t i, double similarity, bool all_lines, std::vector<scored>& out) {
      const auto& m = c.messages[i];
      if (!when_fits(m))
        return;
      const auto lines = lines_of(m.content);
      std::optional<std::pair<double, case_search_hit>> top;
      for (std::size_t l = 0; l < lines.size(); ++l) {
        const auto match = match_of(lines[l].text, q, even, scratch);
        if ((match.words.empty() && (all_lines || trimmed(lines[l].text).empty())) || l + 1 < query.line_from || l + 1 > query.line_to)
          continue;
        case_search_hit h;
        h.source = "message";
        h.message_id = m.id.value;
        h.message_role = std::string{name_of(m.role)};
        h.at = m.created_at;
        fill_text(h, m.content, lines, l, 0, 1, match);
        h.similarity = std::clamp(similarity, 0.0, 1.0);
        if (!match.words.empty())
          h.reasons.push_back(reason_of(q, match.words));
        if (!top || match.score > top->first)
          top.emplace(match.score, std::move(h));
      }
      if (top)
        out.push_back({keep(std::move(top->second)), all_lines ? top->first : similarity, out.size()});
    };
    for (auto& h : c.words.search(query.text, 200))
      take(std::stoul(h.id), 0, true, said);
    if (vector && !c.vectors.empty()) {
      std::vector<std::pair<double, std::size_t>> alike;
      const auto from = c.messages.size() - c.vectors.size();
      for (std::size_t i = 0; i < c.vectors.size(); ++i) {
        double dot = 0;
        for (std::size_t k = 0; k < vector->size() && k < c.vectors[i].size(); ++k)
          dot += static_cast<double>((*vector)[k]) * static_cast<double>(c.vectors[i][k]);
        if (dot >= s.settings.similarity_min)
          alike.emplace_back(dot, from + i);
      }
      std::stable_sort(alike.begin(), alike.end(), [](auto& a, auto& b) { return a.first > b.first; });
      for (std::size_t i = 0; i < std::min<std::size_t>(alike.size(), 30); ++i)
        take(alike[i].second, alike[i].first, false, said_like);
    }
  }

  const auto fused = fuse_ranks({{words_weight, ranked(std::move(file_lines))}, {likeness_weight, ranked(std::move(file_like))},
                                 {words_weight, ranked(std::move(said))}, {likeness_weight, ranked(std::move(said_like))}});
  for (std::size_t i = query.offset; i < fused.size() && page.hits.size() < query.limit; ++i) {
    auto h = std::move(hits[by_name.at(fused[i].first)]);
    h.score = fused[i].second;
    if (h.similarity > 0)
      h.reasons.push_back(likeness_reason(h.similarity));
    page.hits.push_back(std::move(h));
  }
  page.more = fused.size() > query.offset + page.hits.size();
  return page;
}

} // namespace fm
