// JSON out by our writer, in by simdjson; one place that maps Chroma's answers to failures.
#include "storage/chroma/vector_store.hpp"

#include "protocol/base/http_call.hpp"
#include "protocol/base/json_writer.hpp"
#include "storage/codec/vectors.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <openssl/evp.h>
#include <set>
#include <simdjson.h>
#include <thread>

namespace fm::chroma {
namespace {
namespace dom = simdjson::dom;
constexpr const char* dimension_member = "fm_dimension";
constexpr const char* empty_member = "fm_none"; ///< Chroma refuses empty metadata
constexpr std::size_t page = 300;
constexpr std::size_t search_breadth = 200; ///< twice Chroma's own: better recall for a little time

void write_metadata(json_writer& w, const vector_metadata& m, const vector_metadata* before) {
  w.begin_object();
  if (before)
    for (auto& [name, value] : *before)
      if (!m.contains(name) && !(m.empty() && name == empty_member))
        w.key(name).value(nullptr);
  if (m.empty())
    w.member(empty_member, true);
  for (auto& [name, value] : m) {
    w.key(name);
    std::visit([&](auto& v) { w.value(v); }, value);
  }
  w.end_object();
}
vector_metadata read_metadata(dom::element e, bool hidden_too = false) {
  vector_metadata m;
  dom::object o;
  if (e.get_object().get(o) != simdjson::SUCCESS)
    return m;
  for (auto [name, value] : o) {
    if (!hidden_too && (name == empty_member || name == dimension_member || name.starts_with("hnsw:")))
      continue;
    const std::string key{name};
    switch (value.type()) {
    case dom::element_type::BOOL: m[key] = bool(value); break;
    case dom::element_type::INT64: m[key] = std::int64_t(value); break;
    case dom::element_type::UINT64: m[key] = static_cast<std::int64_t>(std::uint64_t(value)); break;
    case dom::element_type::DOUBLE: m[key] = double(value); break;
    case dom::element_type::STRING: m[key] = std::string{std::string_view(value)}; break;
    default: break;
    }
  }
  return m;
}

/// A filter in Chroma's words. Numbers compare as numbers there only within one type, so both are asked for.
void write_condition(json_writer& w, const metadata_condition& c) {
  using relation = metadata_condition::relation;
  const char* op = "$eq";
  switch (c.is) {
  case relation::equal: op = "$eq"; break;
  case relation::not_equal: op = "$ne"; break;
  case relation::less: op = "$lt"; break;
  case relation::less_equal: op = "$lte"; break;
  case relation::greater: op = "$gt"; break;
  case relation::greater_equal: op = "$gte"; break;
  case relation::one_of: op = "$in"; break;
  }
  w.begin_object().key(c.member).begin_object().key(op);
  const auto value = [&](const metadata_value& v) { std::visit([&](auto& x) { w.value(x); }, v); };
  if (c.is == relation::one_of) {
    w.begin_array();
    for (auto& v : c.values)
      value(v);
    w.end_array();
  } else if (c.values.empty()) {
    w.value("");
  } else {
    value(c.values.front());
  }
  w.end_object().end_object();
}
void write_where(json_writer& w, const metadata_filter& f) {
  if (f.empty())
    return;
  w.key("where");
  if (f.size() == 1)
    return write_condition(w, f.front());
  w.begin_object().key("$and").begin_array();
  for (auto& c : f)
    write_condition(w, c);
  w.end_array().end_object();
}
/// The shortest digits that give the same float again.
void write_vector(json_writer& w, std::span<const float> v) {
  std::string text = "[";
  char digits[32];
  for (const auto x : v) {
    const auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
    text.append(digits, end) += ',';
  }
  text.back() = ']';
  w.raw(text);
}
/// Little-endian floats in base64: a third of the bytes, and nothing to parse. Only for what is stored.
void write_packed(json_writer& w, std::span<const float> v) {
  const auto bytes = v.size_bytes();
  std::string text(4 * ((bytes + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(v.data()), static_cast<int>(bytes))));
  w.value(text);
}

struct known_collection {
  std::string id;
  collection_info info;
};

class chroma_vector_store final : public vector_store {
public:
  chroma_vector_store(options o, http_client_ptr client) : options_(std::move(o)), client_(std::move(client)) {
    while (options_.url.ends_with('/'))
      options_.url.pop_back();
    base_ = "/api/v2/tenants/" + options_.tenant + "/databases/" + options_.database + "/collections";
  }

  /// What the server takes; asked once, at the start.
  outcome<done_t> learn_limits() {
    auto r = call("GET", "/api/v2/pre-flight-checks", {}, {});
    if (!r)
      return r.error();
    dom::parser parser;
    dom::element root;
    if (parser.parse(r->body).get(root) != simdjson::SUCCESS)
      return crooked();
    if (std::uint64_t most = 0; root["max_batch_size"].get_uint64().get(most) == simdjson::SUCCESS && most > 0)
      batch_max_ = std::min<std::size_t>(most, stored::vector_batch_max);
    if (bool packed = false; root["supports_base64_encoding"].get_bool().get(packed) == simdjson::SUCCESS)
      packed_ = packed;
    return done;
  }

  outcome<done_t> ping() const override {
    auto r = call("GET", "/api/v2/heartbeat", {}, {});
    if (!r)
      return r.error();
    return done;
  }

  outcome<done_t> create_collection(std::string_view name, std::uint32_t dimension, const vector_metadata& metadata) override {
    if (auto f = stored::refusal_of_collection(name, dimension))
      return *f;
    std::string body;
    json_writer w{body};
    w.begin_object().member("name", name).member("get_or_create", true).key("metadata").begin_object();
    w.member("hnsw:space", "cosine").member("hnsw:search_ef", search_breadth).member("hnsw:construction_ef", search_breadth).member(dimension_member, dimension);
    for (auto& [key, value] : metadata) {
      w.key(key);
      std::visit([&](auto& v) { w.value(v); }, value);
    }
    w.end_object().end_object();
    // An old collection keeps its own metadata only when it is asked for first: get_or_create would overwrite it.
    if (auto held = find_collection(name, false)) {
      if (held->info.dimension == dimension)
        return done;
      return make_conflict("ALREADY_EXISTS", "The collection " + std::string{name} + " is there with dimension " + std::to_string(held->info.dimension) + ".");
    } else if (held.error().code != errc::not_found) {
      return held.error();
    }
    if (auto r = call("POST", base_, body, name); !r)
      return r.error();
    return done;
  }
  outcome<bool> drop_collection(std::string_view name) override {
    auto r = call("DELETE", base_ + "/" + std::string{name}, {}, name);
    {
      std::lock_guard lock{mutex_};
      known_.erase(std::string{name});
    }
    if (!r)
      return r.error().code == errc::not_found || r.error().code == errc::invalid ? outcome<bool>{false} : outcome<bool>{r.error()};
    return true;
  }
  outcome<std::vector<collection_info>> collections() const override {
    std::vector<collection_info> out;
    for (std::size_t offset = 0;; offset += page) {
      auto r = call("GET", base_ + "?limit=" + std::to_string(page) + "&offset=" + std::to_string(offset), {}, {});
      if (!r)
        return r.error();
      dom::parser parser;
      dom::array list;
      if (parser.parse(r->body).get_array().get(list) != simdjson::SUCCESS)
        return crooked();
      for (auto c : list) {
        auto k = read_collection(c);
        if (k.info.dimension == 0)
          continue; // not one of ours
        auto n = count(k.id, k.info.name);
        if (!n && n.error().code == errc::not_found)
          continue; // dropped meanwhile
        if (!n)
          return n.error();
        k.info.count = *n;
        out.push_back(std::move(k.info));
      }
      if (list.size() < page)
        break;
    }
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.name < b.name; });
    return out;
  }
  outcome<collection_info> collection(std::string_view name) const override {
    auto k = find_collection(name, false);
    if (!k)
      return k.error();
    auto n = count(k->id, name);
    if (!n)
      return n.error();
    k->info.count = *n;
    return k->info;
  }

  outcome<done_t> upsert(std::string_view name, std::span<const vector_item> items) override {
    return with<done_t>(name, [&](const known_collection& k) -> outcome<done_t> {
      if (auto f = stored::refusal_of_items(name, k.info.dimension, items))
        return *f;
      // The same id twice in one batch: the last one counts, and Chroma refuses doubles.
      std::map<std::string_view, const vector_item*> last;
      for (auto& i : items)
        last[i.id] = &i;
      std::vector<const vector_item*> all;
      for (auto& [id, i] : last)
        all.push_back(i);
      // More than one request only where the server's own limit is below ours.
      for (std::size_t at = 0; at < all.size(); at += batch_max_)
        if (auto r = upsert_some(k, name, std::span{all}.subspan(at, std::min(batch_max_, all.size() - at))); !r)
          return r;
      return done;
    });
  }

  outcome<std::vector<vector_hit>> query(std::string_view name, std::span<const float> embedding, std::size_t k_most,
                                         const metadata_filter& filter) const override {
    return with<std::vector<vector_hit>>(name, [&](const known_collection& k) { return query_in(k, name, embedding, k_most, filter); });
  }

  outcome<std::vector<vector_item>> get(std::string_view name, std::span<const std::string> ids) const override {
    return with<std::vector<vector_item>>(name, [&](const known_collection& k) { return whole_items(k, name, ids); });
  }

  outcome<std::vector<vector_item>> find(std::string_view name, const metadata_filter& filter, std::string_view after, std::size_t limit) const override {
    return with<std::vector<vector_item>>(name, [&](const known_collection& k) -> outcome<std::vector<vector_item>> {
      // Chroma pages in its own order: all ids that match, put in order here, and then the page that is wanted.
      auto ids = matching(k, name, filter);
      if (!ids)
        return ids.error();
      const auto from = static_cast<std::size_t>(std::upper_bound(ids->begin(), ids->end(), after) - ids->begin());
      return whole_items(k, name, std::span<const std::string>{*ids}.subspan(from, std::min(limit, ids->size() - from)));
    });
  }

  outcome<std::uint64_t> remove(std::string_view name, std::span<const std::string> ids) override {
    return with<std::uint64_t>(name, [&](const known_collection& k) { return remove_from(k, name, ids); });
  }
  outcome<std::uint64_t> remove_matching(std::string_view name, const metadata_filter& filter) override {
    return with<std::uint64_t>(name, [&](const known_collection& k) -> outcome<std::uint64_t> {
      auto ids = matching(k, name, filter);
      if (!ids)
        return ids.error();
      return remove_from(k, name, *ids);
    });
  }

private:
  outcome<done_t> upsert_some(const known_collection& k, std::string_view name, std::span<const vector_item* const> items) {
    // Chroma merges metadata; replacing means that what an item had and has no more is named, as null.
    std::vector<std::string> ids;
    for (const auto* i : items)
      ids.push_back(i->id);
    auto before = metadata_of(k, name, ids);
    if (!before)
      return before.error();
    std::string body;
    json_writer w{body};
    w.begin_object().key("ids").begin_array();
    for (const auto* i : items)
      w.value(i->id);
    w.end_array().key("embeddings").begin_array();
    for (const auto* i : items)
      packed_ ? write_packed(w, i->embedding) : write_vector(w, i->embedding);
    w.end_array().key("documents").begin_array();
    for (const auto* i : items)
      w.value(i->document);
    w.end_array().key("metadatas").begin_array();
    for (const auto* i : items) {
      const auto old = before->find(i->id);
      write_metadata(w, i->metadata, old == before->end() ? nullptr : &old->second);
    }
    w.end_array().end_object();
    if (auto r = call("POST", base_ + "/" + k.id + "/upsert", body, name); !r)
      return r.error();
    return done;
  }

  outcome<std::vector<vector_hit>> query_in(const known_collection& k, std::string_view name, std::span<const float> embedding, std::size_t k_most,
                                            const metadata_filter& filter) const {
    if (auto f = stored::refusal_of_query(name, k.info.dimension, embedding, k_most))
      return *f;
    std::string body;
    json_writer w{body};
    w.begin_object().key("query_embeddings").begin_array();
    write_vector(w, embedding);
    w.end_array().member("n_results", k_most);
    w.key("include").begin_array().value("documents").value("metadatas").value("distances").end_array();
    write_where(w, filter);
    w.end_object();
    auto r = call("POST", base_ + "/" + k.id + "/query", body, name);
    if (!r)
      return r.error();
    dom::parser parser;
    dom::element root;
    dom::array ids, documents, metadatas, distances;
    if (parser.parse(r->body).get(root) != simdjson::SUCCESS || root["ids"].at(0).get_array().get(ids) != simdjson::SUCCESS ||
        root["documents"].at(0).get_array().get(documents) != simdjson::SUCCESS || root["metadatas"].at(0).get_array().get(metadatas) != simdjson::SUCCESS ||
        root["distances"].at(0).get_array().get(distances) != simdjson::SUCCESS || ids.size() != distances.size())
      return crooked();
    std::vector<vector_hit> out;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      vector_hit h;
      h.id = text(ids.at(i));
      double distance = 0;
      if (distances.at(i).get_double().get(distance) != simdjson::SUCCESS)
        return crooked();
      h.similarity = 1.0 - distance;
      h.document = text(documents.at(i));
      if (dom::element m; metadatas.at(i).get(m) == simdjson::SUCCESS)
        h.metadata = read_metadata(m);
      out.push_back(std::move(h));
    }
    std::stable_sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id; });
    return out;
  }

  outcome<std::vector<vector_item>> whole_items(const known_collection& k, std::string_view name, std::span<const std::string> ids) const {
    const std::set<std::string_view> once(ids.begin(), ids.end());
    std::vector<vector_item> out;
    for (auto at = once.begin(); at != once.end();) {
      std::string body;
      json_writer w{body};
      w.begin_object().key("ids").begin_array();
      for (std::size_t n = 0; n < page && at != once.end(); ++n, ++at)
        w.value(*at);
      w.end_array().key("include").begin_array().value("documents").value("metadatas").value("embeddings").end_array().end_object();
      auto part = items(k, name, body);
      if (!part)
        return part.error();
      std::move(part->begin(), part->end(), std::back_inserter(out));
    }
    return out;
  }

  /// Of those ids that are there.
  outcome<std::map<std::string, vector_metadata>> metadata_of(const known_collection& k, std::string_view name, std::span<const std::string> ids) const {
    std::map<std::string, vector_metadata> out;
    for (std::size_t at = 0; at < ids.size(); at += batch_max_) {
      std::string body;
      json_writer w{body};
      w.begin_object().key("ids").begin_array();
      for (auto& id : ids.subspan(at, std::min(batch_max_, ids.size() - at)))
        w.value(id);
      w.end_array().key("include").begin_array().value("metadatas").end_array().end_object();
      auto r = call("POST", base_ + "/" + k.id + "/get", body, name);
      if (!r)
        return r.error();
      dom::parser parser;
      dom::element root;
      dom::array found, metadatas;
      if (parser.parse(r->body).get(root) != simdjson::SUCCESS || root["ids"].get_array().get(found) != simdjson::SUCCESS ||
          root["metadatas"].get_array().get(metadatas) != simdjson::SUCCESS)
        return crooked();
      auto m = metadatas.begin();
      for (dom::element id : found) {
        out[text(id)] = m != metadatas.end() ? read_metadata(*m, true) : vector_metadata{};
        if (m != metadatas.end())
          ++m;
      }
    }
    return out;
  }

  outcome<std::uint64_t> remove_from(const known_collection& k, std::string_view name, std::span<const std::string> ids) {
    auto there = metadata_of(k, name, ids);
    if (!there)
      return there.error();
    for (auto at = there->begin(); at != there->end();) {
      std::string body;
      json_writer w{body};
      w.begin_object().key("ids").begin_array();
      for (std::size_t n = 0; n < batch_max_ && at != there->end(); ++n, ++at)
        w.value(at->first);
      w.end_array().end_object();
      if (auto r = call("POST", base_ + "/" + k.id + "/delete", body, name); !r)
        return r.error();
    }
    return static_cast<std::uint64_t>(there->size());
  }

  static failure crooked() { return make_unavailable("Chroma's answer is not what its API v2 says."); }
  static std::string text(dom::element e) {
    std::string_view v;
    return e.get_string().get(v) == simdjson::SUCCESS ? std::string{v} : std::string{};
  }
  static std::string text(simdjson::simdjson_result<dom::element> r) {
    dom::element e;
    return std::move(r).get(e) == simdjson::SUCCESS ? text(e) : std::string{};
  }

  outcome<http_result> call(const std::string& method, const std::string& path, const std::string& body, std::string_view collection) const {
    const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
    for (std::size_t attempt = 1;; ++attempt) {
      http_request r;
      r.method = method;
      r.url = options_.url + path;
      r.body = body;
      r.total_timeout = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      r.connect_timeout = std::min(r.total_timeout, r.connect_timeout);
      r.response_bytes_max = 256U << 20;
      r.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
      if (!options_.token.empty())
        r.headers.emplace_back("X-Chroma-Token", options_.token);
      auto got = http_call_and_wait(*client_, std::move(r));
      const bool again = got ? got->status == 429 || (got->status >= 500 && got->status != 501)
                             : got.error().code == errc::unavailable;
      const auto pause = std::chrono::milliseconds{50U << std::min<std::size_t>(attempt, 6)};
      if (again && attempt < options_.attempts_max && std::chrono::steady_clock::now() + pause < deadline) {
        std::this_thread::sleep_for(pause); // on the executor: may block
        continue;
      }
      if (!got)
        return make_unavailable("Chroma does not answer: " + got.error().detail);
      if (got->status >= 200 && got->status < 300)
        return got;
      dom::parser parser;
      dom::element root;
      std::string said;
      if (parser.parse(got->body).get(root) == simdjson::SUCCESS)
        said = text(root["message"]);
      if (got->status == 404 || said.find("does not exist") != std::string::npos)
        return stored::no_collection(collection);
      if (got->status == 401 || got->status == 403)
        return make_unavailable("Chroma refuses our token.");
      if (got->status == 400 || got->status == 422)
        return make_failure(errc::invalid, "Chroma refuses this: " + (said.empty() ? got->body.substr(0, 300) : said) + ".");
      return make_unavailable("Chroma answered with status " + std::to_string(got->status) + ".");
    }
  }

  /// A collection that is known may have been dropped, and perhaps made again, by another process: looked up once more.
  template <class T, class F> outcome<T> with(std::string_view name, F f) const {
    for (const bool cached : {true, false}) {
      auto k = find_collection(name, cached);
      if (!k)
        return k.error();
      outcome<T> r = f(*k);
      if (r || r.error().code != errc::not_found || !cached)
        return r;
      std::lock_guard lock{mutex_};
      known_.erase(std::string{name});
    }
    return stored::no_collection(name);
  }

  static known_collection read_collection(dom::element c) {
    known_collection k;
    k.id = text(c["id"]);
    k.info.name = text(c["name"]);
    dom::element m;
    if (c["metadata"].get(m) == simdjson::SUCCESS) {
      k.info.metadata = read_metadata(m);
      std::uint64_t d = 0;
      if (m[dimension_member].get_uint64().get(d) == simdjson::SUCCESS)
        k.info.dimension = static_cast<std::uint32_t>(d);
    }
    return k;
  }
  /// `cached`: what we know is good enough (an id that is gone gives not_found, and is forgotten).
  outcome<known_collection> find_collection(std::string_view name, bool cached) const {
    if (cached) {
      std::lock_guard lock{mutex_};
      if (const auto found = known_.find(std::string{name}); found != known_.end())
        return found->second;
    }
    auto r = call("GET", base_ + "/" + std::string{name}, {}, name);
    if (!r)
      return r.error().code == errc::invalid ? stored::no_collection(name) : r.error();
    dom::parser parser;
    dom::element root;
    if (parser.parse(r->body).get(root) != simdjson::SUCCESS)
      return crooked();
    auto k = read_collection(root);
    if (k.id.empty() || k.info.dimension == 0)
      return make_failure(errc::conflict, "The Chroma collection " + std::string{name} + " was not made by this program.");
    std::lock_guard lock{mutex_};
    known_[std::string{name}] = k;
    return k;
  }
  outcome<std::uint64_t> count(const std::string& id, std::string_view name) const {
    auto r = call("GET", base_ + "/" + id + "/count", {}, name);
    if (!r)
      return r.error();
    return static_cast<std::uint64_t>(std::strtoull(r->body.c_str(), nullptr, 10));
  }
  outcome<std::vector<std::string>> matching(const known_collection& k, std::string_view name, const metadata_filter& filter) const {
    std::vector<std::string> out;
    for (std::size_t offset = 0;; offset += page) {
      std::string body;
      json_writer w{body};
      w.begin_object().member("limit", page).member("offset", offset).key("include").begin_array().end_array();
      write_where(w, filter);
      w.end_object();
      auto r = call("POST", base_ + "/" + k.id + "/get", body, name);
      if (!r)
        return r.error();
      dom::parser parser;
      dom::array ids;
      if (parser.parse(r->body)["ids"].get_array().get(ids) != simdjson::SUCCESS)
        return crooked();
      for (auto id : ids)
        if (std::string_view v; id.get_string().get(v) == simdjson::SUCCESS)
          out.emplace_back(v);
      if (ids.size() < page)
        break;
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  outcome<std::vector<vector_item>> items(const known_collection& k, std::string_view name, const std::string& body) const {
    auto r = call("POST", base_ + "/" + k.id + "/get", body, name);
    if (!r)
      return r.error();
    dom::parser parser;
    dom::element root;
    dom::array ids, documents, metadatas, embeddings;
    if (parser.parse(r->body).get(root) != simdjson::SUCCESS || root["ids"].get_array().get(ids) != simdjson::SUCCESS ||
        root["documents"].get_array().get(documents) != simdjson::SUCCESS || root["metadatas"].get_array().get(metadatas) != simdjson::SUCCESS ||
        root["embeddings"].get_array().get(embeddings) != simdjson::SUCCESS)
      return crooked();
    std::vector<vector_item> out;
    if (ids.size() != documents.size() || ids.size() != metadatas.size() || ids.size() != embeddings.size())
      return crooked();
    auto document = documents.begin(), metadata = metadatas.begin(), embedding = embeddings.begin();
    for (dom::element id : ids) {
      vector_item item;
      item.id = text(id);
      item.document = text(*document);
      item.metadata = read_metadata(*metadata);
      dom::array numbers;
      if ((*embedding).get_array().get(numbers) != simdjson::SUCCESS)
        return crooked();
      for (auto n : numbers) {
        double x = 0;
        if (n.get_double().get(x) != simdjson::SUCCESS)
          return crooked();
        item.embedding.push_back(static_cast<float>(x));
      }
      out.push_back(std::move(item));
      ++document, ++metadata, ++embedding;
    }
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.id < b.id; });
    return out;
  }

  options options_;
  http_client_ptr client_;
  std::string base_;
  std::size_t batch_max_ = stored::vector_batch_max;
  bool packed_ = false;
  mutable std::mutex mutex_;
  mutable std::map<std::string, known_collection> known_;
};
} // namespace

outcome<vector_store_ptr> open_vector_store(const options& o, http_client_ptr client) {
  auto store = std::make_shared<chroma_vector_store>(o, std::move(client));
  if (auto p = store->learn_limits(); !p)
    return p.error();
  return vector_store_ptr{std::move(store)};
}

} // namespace fm::chroma
