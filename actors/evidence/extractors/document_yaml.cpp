// YAML by yaml-cpp's events: no tree of its library is ever built and no alias is ever expanded. What aliases would
// expand to is summed while reading; a document that would explode is refused in time linear in its bytes.
#include "actors/evidence/extractors/document.hpp"

#include "actors/evidence/extractors/lines.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>

namespace fm::extractors {
namespace {

/// yaml-cpp's scanner is slower than linear on some inputs; more than this is no configuration a person wrote.
constexpr std::size_t yaml_bytes_max = 2U << 20;

struct view_buffer : std::streambuf {
  explicit view_buffer(std::string_view text) {
    auto* p = const_cast<char*>(text.data()); // streambuf's interface; a get area is only read
    setg(p, p, p + text.size());
  }
};

struct stop {}; ///< thrown through yaml-cpp to leave it

class tree_handler final : public YAML::EventHandler {
public:
  tree_handler(document& doc, const document_limits& bounds, std::string_view text) : doc_(doc), bounds_(bounds), text_(text) {
    starts_.push_back(0);
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos;)
      starts_.push_back(++at);
  }

  void OnDocumentStart(const YAML::Mark&) override {
    open_.clear();
    open_.push_back({0, false, true, {}, 0, 0, 0});
    weights_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& m, YAML::anchor_t a) override { leaf(m, a, node_kind::null, {}); }
  void OnAlias(const YAML::Mark& m, YAML::anchor_t a) override {
    const auto weight = a < weights_.size() ? std::max<std::uint64_t>(weights_[a], 1) : 1;
    expand(weight);
    leaf(m, 0, node_kind::alias, "*" + std::to_string(a));
  }
  void OnScalar(const YAML::Mark& m, const std::string& tag, YAML::anchor_t a, const std::string& value) override {
    leaf(m, a, tag == "!" ? node_kind::string : plain_kind(value), value);
  }
  void OnSequenceStart(const YAML::Mark& m, const std::string&, YAML::anchor_t a, YAML::EmitterStyle::value) override { container(m, a, node_kind::list); }
  void OnMapStart(const YAML::Mark& m, const std::string&, YAML::anchor_t a, YAML::EmitterStyle::value) override { container(m, a, node_kind::map); }
  void OnSequenceEnd() override { leave(); }
  void OnMapEnd() override { leave(); }

private:
  struct frame {
    std::uint32_t node;
    bool map;
    bool key_next; ///< of a map: the next value is a key
    std::string key;
    int key_line;
    std::uint64_t weight;
    YAML::anchor_t anchor;
  };

  static node_kind plain_kind(std::string_view v) {
    if (v.empty() || v == "~" || v == "null" || v == "Null" || v == "NULL")
      return node_kind::null;
    for (auto word : {"true", "True", "TRUE", "false", "False", "FALSE"})
      if (v == word)
        return node_kind::boolean;
    return to_number(v) ? node_kind::number : node_kind::string;
  }
  void expand(std::uint64_t by) {
    auto& total = open_.back().weight;
    total = std::min(total + by, std::uint64_t{1} << 62);
    if (total > bounds_.expanded_max) {
      doc_.refused = "The YAML aliases would expand to more than " + std::to_string(bounds_.expanded_max) + " values (an alias bomb).";
      throw stop{};
    }
  }
  void remember(YAML::anchor_t a, std::uint64_t weight) {
    if (a == 0)
      return;
    if (weights_.size() <= a)
      weights_.resize(a + 1, 0);
    weights_[a] = weight;
  }
  std::size_t line_begin(int line) const { return starts_[std::min(static_cast<std::size_t>(std::max(line, 0)), starts_.size() - 1)]; }
  std::size_t line_end(int line) const {
    const auto i = static_cast<std::size_t>(std::max(line, 0)) + 1;
    auto end = i < starts_.size() ? starts_[i] - 1 : text_.size();
    const auto begin = line_begin(line);
    while (end > begin && (text_[end - 1] == '\r' || text_[end - 1] == '\n'))
      --end;
    return std::max(end, begin);
  }
  std::uint32_t put(const YAML::Mark& m, node_kind kind, std::string text) {
    if (doc_.nodes.size() >= bounds_.nodes_max) {
      doc_.refused = "The document has more than " + std::to_string(bounds_.nodes_max) + " values.";
      throw stop{};
    }
    auto& f = open_.back();
    doc_node n;
    n.kind = kind;
    const int line = f.map ? f.key_line : m.line;
    n.line = static_cast<std::uint32_t>(line + 1);
    n.begin = line_begin(line);
    n.end = std::max<std::size_t>(line_end(line), line_end(m.line));
    n.key = std::move(f.key);
    f.key.clear();
    n.text = std::move(text);
    return doc_.add(f.node, std::move(n));
  }
  void leaf(const YAML::Mark& m, YAML::anchor_t a, node_kind kind, std::string text) {
    remember(a, 1);
    auto& f = open_.back();
    if (kind != node_kind::alias)
      expand(1);
    if (f.map && f.key_next) {
      f.key = std::move(text);
      f.key_line = m.line;
      f.key_next = false;
      return;
    }
    put(m, kind, std::move(text));
    f.key_next = true;
  }
  void container(const YAML::Mark& m, YAML::anchor_t a, node_kind kind) {
    if (open_.size() > bounds_.depth_max) {
      doc_.refused = "The document nests deeper than " + std::to_string(bounds_.depth_max) + " levels.";
      throw stop{};
    }
    auto& f = open_.back();
    if (f.map && f.key_next) { // a collection as a key: kept beside its value under a name of ours
      f.key = "?";
      f.key_line = m.line;
      const auto n = put(m, kind, {});
      open_.push_back({n, kind == node_kind::map, true, {}, m.line, 1, a});
      as_key_.push_back(open_.size());
      return;
    }
    const auto n = put(m, kind, {});
    f.key_next = true;
    open_.push_back({n, kind == node_kind::map, true, {}, m.line, 1, a});
  }
  void leave() {
    const auto weight = open_.back().weight;
    remember(open_.back().anchor, weight);
    const bool was_key = !as_key_.empty() && as_key_.back() == open_.size();
    const auto node = open_.back().node;
    const int line = open_.back().key_line;
    open_.pop_back();
    auto& f = open_.back();
    if (was_key) {
      as_key_.pop_back();
      f.key = "?value";
      f.key_line = line;
      f.key_next = false;
    }
    if (doc_.nodes[node].last_child != 0)
      doc_.nodes[node].end = std::max(doc_.nodes[node].end, doc_.nodes[doc_.nodes[node].last_child].end);
    expand(weight);
  }

  document& doc_;
  const document_limits& bounds_;
  std::string_view text_;
  std::vector<std::size_t> starts_;
  std::vector<frame> open_{{0, false, true, {}, 0, 0, 0}};
  std::vector<std::size_t> as_key_;
  std::vector<std::uint64_t> weights_; ///< by anchor: nodes it stands for
};

} // namespace

document parse_yaml(std::string_view text, const document_limits& bounds) {
  document doc;
  const auto most = std::min(bounds.bytes_max, yaml_bytes_max);
  if (text.size() > most) {
    doc.refused = "The YAML is larger than " + std::to_string(most >> 10) + " KiB.";
    return doc;
  }
  tree_handler handler{doc, bounds, text};
  try {
    view_buffer buffer{text};
    std::istream in{&buffer};
    YAML::Parser parser{in};
    for (std::size_t documents = 0; documents < 10'000 && parser.HandleNextDocument(handler); ++documents) {
    }
    if (doc.first() == 0)
      doc.error = parse_error{"the document is empty", 1, 1, 0};
  } catch (const stop&) {
  } catch (const YAML::Exception& e) {
    const auto line = static_cast<std::uint32_t>(std::max(e.mark.line, 0) + 1);
    std::size_t at = 0;
    for (std::uint32_t l = 1; l < line; ++l) {
      const auto next = text.find('\n', at);
      if (next == std::string_view::npos)
        break;
      at = next + 1;
    }
    const auto column = static_cast<std::uint32_t>(std::max(e.mark.column, 0) + 1);
    doc.error = parse_error{e.msg.substr(0, 200), line, column, std::min<std::uint64_t>(at + column - 1, text.size())};
  } catch (const std::exception& e) {
    doc.error = parse_error{std::string{e.what()}.substr(0, 200), 1, 1, 0};
  }
  return doc;
}

} // namespace fm::extractors
