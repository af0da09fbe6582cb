// Both forms of a file are read side by side, line by line.
#include "actors/case_search/case_index.hpp"

#include "actors/evidence/line_header.hpp"
#include "actors/evidence/line_splitter.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"
#include "storage/ports/blob_io.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <simdjson.h>

namespace fm::case_search {
namespace {
constexpr std::uint64_t piece_bytes = 1U << 20, version = 2;
constexpr std::size_t tail_bytes = 16, embed_batch = 32, embedded_text_bytes_max = 4'096;

std::string folder(const case_file& f) { return "cases/" + f.in_case.value + "/" + f.id + "/"; }
std::string text_key(const case_file& f, bool extracted) { return extracted ? index_key(f) : bytes_key(f, true); }
failure damaged() { return make_unavailable("A search index is damaged; it is made anew."); }

/// The lines of a text, read in pieces. A line longer than `longest` comes in pieces of its own.
class line_reader {
public:
  line_reader(segment_bytes bytes, std::uint64_t size, std::size_t longest) : bytes_(std::move(bytes)), size_(size), longest_(longest) {}

  struct line {
    std::string_view text; ///< without its newline
    std::uint64_t begin = 0;
    bool ends = true; ///< false: more of the same line follows
  };
  /// Nothing at the end.
  outcome<std::optional<line>> next() {
    for (;;) {
      const std::string_view rest = std::string_view{buffer_}.substr(at_);
      const auto newline = rest.find('\n');
      if (newline <= longest_ && newline != std::string_view::npos)
        return taken(rest.substr(0, newline), newline + 1, true);
      if (rest.size() > longest_) {
        auto n = utf8_floor(rest, longest_);
        const auto blank = rest.substr(0, n).find_last_of(" ,;");
        if (blank != std::string_view::npos && blank > n / 2)
          n = blank + 1;
        return taken(rest.substr(0, std::max<std::size_t>(n, 1)), std::max<std::size_t>(n, 1), false);
      }
      if (read_ >= size_) {
        if (rest.empty())
          return std::optional<line>{};
        return taken(rest, rest.size(), true);
      }
      auto more = bytes_(read_, std::min(piece_bytes, size_ - read_));
      if (!more)
        return more.error();
      if (more->empty())
        return make_unavailable("A file is shorter than its record says.");
      buffer_.erase(0, at_);
      base_ += at_;
      at_ = 0;
      read_ += more->size();
      buffer_ += *more;
    }
  }

private:
  outcome<std::optional<line>> taken(std::string_view text, std::size_t bytes, bool ends) {
    line l{text, base_ + at_, ends};
    at_ += bytes;
    return std::optional{l};
  }
  segment_bytes bytes_;
  std::string buffer_;
  std::uint64_t size_, read_ = 0, base_ = 0;
  std::size_t at_ = 0, longest_;
};

/// What a block says, for likeness: its lines of trouble when it has some; among fifty heartbeats one error is not seen.
std::string telling_text(std::string_view block) {
  std::string trouble;
  for (auto rest = block; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    if (evidence::parse_header(line.substr(0, std::min<std::size_t>(line.size(), 512))).level >= evidence::severity::warning)
      trouble += std::string{line} + "\n";
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  return to_valid_utf8(trouble.empty() ? block : std::string_view{trouble});
}

struct telling {
  double weight = 0;
  std::uint32_t segment = 0, block_number = 0;
  std::uint64_t begin = 0;
  std::uint32_t bytes = 0;
};

outcome<done_t> write_vectors(blob_store& blobs, const case_file& f, bool extracted, const std::vector<telling>& chosen, embedder& model) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).member("embedder", model.name()).member("dimension", model.dimension()).member("count", chosen.size()).end_object();
  out += "\n";
  const auto key = text_key(f, extracted);
  for (std::size_t at = 0; at < chosen.size(); at += embed_batch) {
    std::vector<std::string> texts;
    const auto upto = std::min(chosen.size(), at + embed_batch);
    for (auto i = at; i < upto; ++i) {
      auto text = blobs.read(key, chosen[i].begin, std::min<std::uint64_t>(chosen[i].bytes, embedded_text_bytes_max));
      if (!text)
        return text.error();
      texts.push_back(telling_text(*text));
    }
    auto vectors = model.embed(texts);
    if (!vectors)
      return vectors.error();
    for (auto i = at; i < upto; ++i) {
      const std::uint32_t numbers[] = {chosen[i].segment, chosen[i].block_number};
      for (const auto n : numbers)
        for (unsigned byte = 0; byte < 4; ++byte)
          out.push_back(static_cast<char>((n >> (8 * byte)) & 0xFFU));
      const auto& v = (*vectors)[i - at];
      float most = 0;
      for (const auto x : v)
        most = std::max(most, std::abs(x));
      for (const auto x : v) // eight bits a number: its direction is all that counts
        out.push_back(static_cast<char>(static_cast<std::int8_t>(std::lround(most > 0 ? x / most * 127.0F : 0.0F))));
    }
  }
  return write_blob(blobs, vectors_key(f), "application/octet-stream", out);
}

void keep_most_telling(std::vector<telling>& all, std::size_t most) {
  const auto better = [](const telling& a, const telling& b) {
    return a.weight != b.weight ? a.weight > b.weight : std::tie(a.segment, a.block_number) < std::tie(b.segment, b.block_number);
  };
  const auto kept = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), better);
  all.resize(kept);
}

/// Blocks and segments of one file as its lines come.
class builder {
public:
  /// `offset`: what stands in the index before its segments.
  builder(blob_writer& out, const index_settings& settings, std::uint64_t offset) : out_(out), settings_(settings), offset_(offset) {}
  std::vector<telling> chosen;
  std::uint64_t lines() const { return line_; }

  outcome<done_t> add(std::string_view clean, std::uint64_t clean_begin, std::uint64_t clean_end, std::optional<std::pair<std::uint64_t, std::uint64_t>> raw, bool same_line) {
    if (open_.lines > 0 && clean_end - open_.clean_begin > settings_.block_bytes)
      if (auto r = close_block(); !r)
        return r;
    if (!same_line)
      ++line_;
    if (open_.lines == 0) {
      open_ = {};
      open_.line_first = line_;
      open_.clean_begin = clean_begin;
      open_.raw_begin = raw ? raw->first : 0;
      raw_known_ = true;
    }
    ++open_.lines;
    open_.clean_bytes = static_cast<std::uint32_t>(clean_end - open_.clean_begin);
    raw_known_ = raw_known_ && raw && raw->second - open_.raw_begin <= UINT32_MAX;
    open_.raw_bytes = raw_known_ ? static_cast<std::uint32_t>(raw->second - open_.raw_begin) : 0;
    const auto header = evidence::parse_header(clean.substr(0, std::min<std::size_t>(clean.size(), 512)));
    open_.levels = static_cast<std::uint8_t>(open_.levels | (1U << static_cast<unsigned>(header.level)));
    if (header.time_ms) {
      open_.time_first = open_.time_first == no_time ? *header.time_ms : std::min(open_.time_first, *header.time_ms);
      open_.time_last = std::max(open_.time_last, *header.time_ms);
      carried_ = *header.time_ms;
    } else if (carried_ != no_time && open_.time_first == no_time) {
      open_.time_first = open_.time_last = carried_; // lines without a stamp are of the time before them
    }
    writer_.add_line(clean);
    text_bytes_ += clean.size();
    return done;
  }

  outcome<done_t> finish(const extracted_text& extracted, bool returns) {
    if (auto r = close_block(); !r)
      return r;
    if (auto r = close_segment(); !r)
      return r;
    std::string directory;
    json_writer w{directory};
    w.begin_object().member("v", version).member("lines", line_).member("extracted", !extracted.text.empty()).member("returns", returns).key("segments").begin_array();
    for (auto& [at, size] : segments_)
      w.begin_object().member("at", at).member("size", size).end_object();
    w.end_array().key("parts").begin_array();
    for (auto& p : extracted.parts)
      w.begin_object().member("name", p.name).member("begin", p.begin).member("line", p.line_first).end_object();
    w.end_array().end_object();
    char tail[tail_bytes + 1];
    std::snprintf(tail, sizeof tail, "%016zx", directory.size());
    return out_.write(directory + tail);
  }

private:
  outcome<done_t> close_block() {
    if (open_.lines == 0)
      return done;
    places_.push_back({0, static_cast<std::uint32_t>(segments_.size()), static_cast<std::uint32_t>(writer_.blocks()), open_.clean_begin, open_.clean_bytes});
    writer_.end_block(open_);
    open_ = {};
    return text_bytes_ >= settings_.segment_bytes || writer_.words() >= settings_.segment_words ? close_segment() : outcome<done_t>{done};
  }
  outcome<done_t> close_segment() {
    if (writer_.blocks() == 0)
      return done;
    const auto weights = writer_.weights();
    for (std::size_t i = 0; i < places_.size(); ++i)
      places_[i].weight = weights[i];
    chosen.insert(chosen.end(), places_.begin(), places_.end());
    keep_most_telling(chosen, settings_.vectors_max);
    places_.clear();
    const auto bytes = writer_.finish();
    text_bytes_ = 0;
    if (auto r = out_.write(bytes); !r)
      return r;
    segments_.emplace_back(offset_, bytes.size());
    offset_ += bytes.size();
    return done;
  }

  blob_writer& out_;
  const index_settings& settings_;
  segment_writer writer_;
  block open_;
  bool raw_known_ = true;
  std::uint64_t offset_, line_ = 0, text_bytes_ = 0;
  std::int64_t carried_ = no_time;
  std::vector<telling> places_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segments_;
};
} // namespace

bool needs_extraction(const case_file& f) { return f.redaction == "opaque" || f.data_type == "visual_evidence"; }
std::string index_key(const case_file& f) { return folder(f) + "search.index"; }
std::string vectors_key(const case_file& f) { return folder(f) + "search.vectors"; }
std::string bytes_key(const case_file& f, bool sanitized) { return folder(f) + (sanitized && f.redaction == "copy" ? "sanitized" : "content"); }

outcome<done_t> build_index(blob_store& blobs, const case_file& f, embedder* model, const index_settings& settings, const text_extractor& extract) {
  const bool copy = f.redaction == "copy";
  auto begin = blobs.read(bytes_key(f, false), 0, 64U << 10);
  if (!begin)
    return begin.error();
  const bool binary = needs_extraction(f) || begin->substr(0, 4'096).find('\0') != std::string::npos;
  const bool returns = !binary && evidence::ends_with_returns(*begin); // as its analysis counts its lines
  extracted_text extracted;
  if (binary && extract) {
    auto made = extract(f);
    if (!made)
      return made.error();
    extracted = std::move(*made);
  }
  auto writer = blobs.put(index_key(f), "application/octet-stream");
  if (!writer)
    return writer.error();
  if (!extracted.text.empty())
    if (auto w = (*writer)->write(extracted.text); !w)
      return w.error();
  builder b{**writer, settings, extracted.text.size()};
  if (!binary || !extracted.text.empty()) { // else it is no text, and has an empty index
    const auto stored = [&](bool clean) {
      return segment_bytes{[&blobs, returns, key = bytes_key(f, clean)](std::uint64_t at, std::uint64_t n) {
        auto bytes = blobs.read(key, at, n);
        if (bytes && returns)
          evidence::returns_to_feeds(*bytes);
        return bytes;
      }};
    };
    line_reader clean{binary ? segment_bytes{[&](std::uint64_t at, std::uint64_t n) { return outcome<std::string>{extracted.text.substr(at, n)}; }} : stored(true),
                      binary ? extracted.text.size() : copy ? f.sanitized_bytes : f.bytes, settings.block_bytes};
    // Only where a line begins and ends is asked of the raw bytes; a long one comes in pieces all the same.
    std::optional<line_reader> raw;
    if (copy && !binary)
      raw.emplace(stored(false), f.bytes, settings.block_bytes);
    bool inside = false;
    std::size_t part = 0;
    for (;;) {
      auto l = clean.next();
      if (!l)
        return l.error();
      if (!*l)
        break;
      const auto& line = **l;
      std::optional<std::pair<std::uint64_t, std::uint64_t>> own{{line.begin, line.begin + line.text.size()}};
      if (raw) {
        own.reset(); // a piece of a long line: where it stands in the raw bytes is not known
        if (!inside) {
          auto r = raw->next();
          if (r && *r && line.ends && (*r)->ends)
            own.emplace((*r)->begin, (*r)->begin + (*r)->text.size());
          while (r && *r && !(*r)->ends)
            r = raw->next();
          if (!r)
            return r.error();
          if (!*r)
            return make_unavailable("A file and its copy have different lines.");
        }
      }
      for (; part < extracted.parts.size() && extracted.parts[part].begin <= line.begin; ++part)
        extracted.parts[part].line_first = b.lines() + (inside ? 0 : 1);
      if (auto added = b.add(line.text, line.begin, line.begin + line.text.size(), own, inside); !added)
        return added.error();
      inside = !line.ends;
    }
  }
  if (auto r = b.finish(extracted, returns); !r)
    return r;
  if (auto r = (*writer)->finish(); !r)
    return r.error();
  if (model == nullptr || b.chosen.empty())
    return done;
  if (auto r = write_vectors(blobs, f, !extracted.text.empty(), b.chosen, *model); !r)
    log::debug("case_search", "file " + f.id + " is found by words only until it is embedded: " + r.error().detail);
  return done;
}

outcome<file_index> open_index(const blob_store& blobs, const case_file& f) {
  const auto key = index_key(f);
  auto info = blobs.stat(key);
  if (!info)
    return info.error();
  if (info->size < tail_bytes)
    return damaged();
  auto tail = blobs.read(key, info->size - tail_bytes, tail_bytes);
  if (!tail)
    return tail.error();
  const auto length = std::strtoull(tail->c_str(), nullptr, 16);
  if (length == 0 || length > info->size - tail_bytes || length > (16U << 20))
    return damaged();
  auto directory = blobs.read(key, info->size - tail_bytes - length, length);
  if (!directory)
    return directory.error();
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array segments;
  simdjson::dom::array parts;
  std::uint64_t written = 0;
  file_index out;
  if (parser.parse(directory->data(), directory->size()).get(root) != simdjson::SUCCESS || root["v"].get_uint64().get(written) != simdjson::SUCCESS || written != version ||
      root["segments"].get_array().get(segments) != simdjson::SUCCESS || root["parts"].get_array().get(parts) != simdjson::SUCCESS ||
      root["extracted"].get_bool().get(out.extracted) != simdjson::SUCCESS || root["returns"].get_bool().get(out.returns) != simdjson::SUCCESS)
    return damaged();
  for (const auto p : parts) {
    text_part one;
    std::string_view name;
    if (p["name"].get_string().get(name) != simdjson::SUCCESS || p["begin"].get_uint64().get(one.begin) != simdjson::SUCCESS || p["line"].get_uint64().get(one.line_first) != simdjson::SUCCESS)
      return damaged();
    one.name = name;
    out.parts.push_back(std::move(one));
  }
  for (const auto s : segments) {
    std::uint64_t at = 0, size = 0;
    if (s["at"].get_uint64().get(at) != simdjson::SUCCESS || s["size"].get_uint64().get(size) != simdjson::SUCCESS || at > info->size || size > info->size - at)
      return damaged();
    auto words = segment_reader::open([&blobs, key, at, size](std::uint64_t offset, std::uint64_t n) -> outcome<std::string> {
      if (offset > size || n > size - offset)
        return damaged();
      auto bytes = blobs.read(key, at + offset, n);
      if (bytes && bytes->size() != n)
        return damaged();
      return bytes;
    });
    if (!words)
      return words.error();
    const auto number = out.segments.size();
    out.segments.push_back({std::move(*words), number});
  }
  return out;
}

outcome<done_t> build_vectors(blob_store& blobs, const case_file& f, embedder& model, const index_settings& settings) {
  auto index = open_index(blobs, f);
  if (!index)
    return index.error();
  // Which blocks told most is not kept where there were no vectors: then those with the most words are taken.
  std::vector<telling> all;
  for (auto& s : index->segments) {
    auto blocks = s.words.blocks();
    if (!blocks)
      return blocks.error();
    for (std::size_t i = 0; i < blocks->size(); ++i) {
      const auto& b = (*blocks)[i];
      all.push_back({static_cast<double>(b.tokens) + ((b.levels & 0x30U) != 0 ? 1e6 : 0.0), static_cast<std::uint32_t>(s.number), static_cast<std::uint32_t>(i), b.clean_begin, b.clean_bytes});
    }
    keep_most_telling(all, settings.vectors_max);
  }
  return write_vectors(blobs, f, index->extracted, all, model);
}

outcome<std::vector<like_block>> like_blocks(const blob_store& blobs, const case_file& f, const std::string& embedder_name, const std::vector<float>& question) {
  constexpr std::uint64_t vectors_bytes_max = 64U << 20;
  auto bytes = read_blob(blobs, vectors_key(f), vectors_bytes_max);
  if (!bytes)
    return bytes.error();
  const auto newline = bytes->find('\n');
  simdjson::dom::parser parser;
  simdjson::dom::element head;
  std::string_view name;
  std::uint64_t dimension = 0, count = 0;
  if (newline == std::string::npos || parser.parse(bytes->data(), newline).get(head) != simdjson::SUCCESS || head["embedder"].get_string().get(name) != simdjson::SUCCESS ||
      head["dimension"].get_uint64().get(dimension) != simdjson::SUCCESS || head["count"].get_uint64().get(count) != simdjson::SUCCESS)
    return damaged();
  if (name != embedder_name || dimension != question.size())
    return make_failure(errc::not_found, "The vectors of this file are of another embedder.");
  const auto row = 8 + dimension;
  if (count > vectors_bytes_max || bytes->size() - newline - 1 != count * row)
    return damaged();
  std::vector<like_block> out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes->data()) + newline + 1 + i * row;
    const auto number = [&](std::size_t from) {
      return static_cast<std::uint32_t>(at[from]) | static_cast<std::uint32_t>(at[from + 1]) << 8U | static_cast<std::uint32_t>(at[from + 2]) << 16U | static_cast<std::uint32_t>(at[from + 3]) << 24U;
    };
    float dot = 0, norm = 0;
    for (std::size_t k = 0; k < dimension; ++k) {
      const auto x = static_cast<float>(static_cast<std::int8_t>(at[8 + k]));
      dot += x * question[k];
      norm += x * x;
    }
    out.push_back({number(0), number(4), norm > 0 ? static_cast<double>(dot) / std::sqrt(static_cast<double>(norm)) : 0.0});
  }
  std::stable_sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.similarity > b.similarity; });
  return out;
}

} // namespace fm::case_search
