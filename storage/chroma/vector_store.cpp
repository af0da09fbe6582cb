// JSON out by our writer, in by simdjson; one place that maps Chroma's answers to failures.
#include "storage/chroma/vector_store.hpp"

#include "protocol/base/http_call.hpp"
#include "protocol/base/json_writer.hpp"
#include "storage/codec/vectors.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <simdjson.h>
#include <thread>

namespace fm::chroma {
namespace {
namespace dom = simdjson::dom;
constexpr const char* dimension_member = "fm_dimension";
constexpr const char* empty_member = "fm_none"; ///< Chroma refuses empty metadata
constexpr std::size_t page = 300;

void write_metadata(json_writer& w, const vector_metadata& m) {
  w.begin_object();
  if (m.empty())
    w.member(empty_member, true);
  for (auto& [name, value] : m) {
    w.key(name);
    std::visit([&](auto& v) { w.value(v); }, value);
  }
  w.end_object();
}
vector_metadata read_metadata(dom::element e) {
  vector_metadata m;
  dom::object o;
  if (e.get_object().get(o) != simdjson::SUCCESS)
    return m;
  for (auto [name, value] : o) {
    if (name == empty_member || name == dimension_member || name.starts_with("hnsw:"))
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
template <class Numbers> void write_vector(json_writer& w, const Numbers& v) {
  w.begin_array();
  for (const auto x : v)
    w.value(static_cast<double>(x));
  w.end_array();
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
    w.member("hnsw:space", "cosine").member(dimension_member, dimension);
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
    auto r = call("GET", base_ + "?limit=1000", {}, {});
    if (!r)
      return r.error();
    dom::parser parser;
    dom::array list;
    if (parser.parse(r->body).get_array().get(list) != simdjson::SUCCESS)
      return crooked();
    std::vector<collection_info> out;
    for (auto c : list) {
      auto k = read_collection(c);
      if (k.info.dimension == 0)
        continue; // not one of ours
      auto n = count(k.id, k.info.name);
      if (!n)
        return n.error();
      k.info.count = *n;
      out.push_back(std::move(k.info));
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
    auto k = find_collection(name, true);
    if (!k)
      return k.error();
    if (auto f = stored::refusal_of_items(name, k->info.dimension, items))
      return *f;
    if (items.empty())
      return done;
    // The same id twice in one batch: the last one counts, and Chroma refuses doubles.
    std::map<std::string_view, const vector_item*> last;
    for (auto& i : items)
      last[i.id] = &i;
    std::string body;
    json_writer w{body};
    w.begin_object().key("ids").begin_array();
    for (auto& [id, i] : last)
      w.value(id);
    w.end_array().key("embeddings").begin_array();
    for (auto& [id, i] : last)
      write_vector(w, i->embedding);
    w.end_array().key("documents").begin_array();
    for (auto& [id, i] : last)
      w.value(i->document);
    w.end_array().key("metadatas").begin_array();
    for (auto& [id, i] : last)
      write_metadata(w, i->metadata);
    w.end_array().end_object();
    // Chroma's upsert merges metadata; replacing means the old item goes first where there is one.
    if (auto r = call("POST", base_ + "/" + k->id + "/delete", ids_body(last), name); !r)
      return r.error();
    if (auto r = call("POST", base_ + "/" + k->id + "/upsert", body, name); !r)
      return r.error();
    return done;
  }

  outcome<std::vector<vector_hit>> query(std::string_view name, std::span<const float> embedding, std::size_t k_most,
                                         const metadata_filter& filter) const override {
    auto k = find_collection(name, true);
    if (!k)
      return k.error();
    if (auto f = stored::refusal_of_query(name, k->info.dimension, embedding, k_most))
      return *f;
    std::string body;
    json_writer w{body};
    w.begin_object().key("query_embeddings").begin_array();
    write_vector(w, embedding);
    w.end_array().member("n_results", k_most);
    w.key("include").begin_array().value("documents").value("metadatas").value("distances").end_array();
    write_where(w, filter);
    w.end_object();
    auto r = call("POST", base_ + "/" + k->id + "/query", body, name);
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

  outcome<std::vector<vector_item>> get(std::string_view name, std::span<const std::string> ids) const override {
    auto k = find_collection(name, true);
    if (!k)
      return k.error();
    if (ids.empty())
      return std::vector<vector_item>{};
    std::set<std::string_view> once(ids.begin(), ids.end());
    std::string body;
    json_writer w{body};
    w.begin_object().key("ids").begin_array();
    for (auto& id : once)
      w.value(id);
    w.end_array().key("include").begin_array().value("documents").value("metadatas").value("embeddings").end_array().end_object();
    return items(*k, name, body);
  }

  outcome<std::vector<vector_item>> find(std::string_view name, const metadata_filter& filter, std::string_view after, std::size_t limit) const override {
    auto k = find_collection(name, true);
    if (!k)
      return k.error();
    // Chroma pages in its own order: all ids that match, put in order here, and then the page that is wanted.
    auto ids = matching(*k, name, filter);
    if (!ids)
      return ids.error();
    const auto from = std::upper_bound(ids->begin(), ids->end(), after);
    std::vector<vector_item> out;
    for (auto at = from; at != ids->end() && out.size() < limit;) {
      const auto n = std::min<std::ptrdiff_t>({ids->end() - at, static_cast<std::ptrdiff_t>(page), static_cast<std::ptrdiff_t>(limit - out.size())});
      auto part = get(name, std::span<const std::string>{&*at, static_cast<std::size_t>(n)});
      if (!part)
        return part.error();
      std::move(part->begin(), part->end(), std::back_inserter(out));
      at += n;
    }
    return out;
  }

  outcome<std::uint64_t> remove(std::string_view name, std::span<const std::string> ids) override {
    auto k = find_collection(name, true);
    if (!k)
      return k.error();
    std::uint64_t gone = 0;
    for (std::size_t at = 0; at < ids.size(); at += page) {
      auto there = get(name, ids.subspan(at, std::min(page, ids.size() - at)));
      if (!there)
        return there.error();
      if (there->empty())
        continue;
      std::map<std::string_view, const vector_item*> by_id;
      for (auto& i : *there)
        by_id[i.id] = &i;
      if (auto r = call("POST", base_ + "/" + k->id + "/delete", ids_body(by_id), name); !r)
        return r.error();
      gone += there->size();
    }
    return gone;
  }
  outcome<std::uint64_t> remove_matching(std::string_view name, const metadata_filter& filter) override {
    auto k = find_collection(name, true);
    if (!k)
      return k.error();
    auto ids = matching(*k, name, filter);
    if (!ids)
      return ids.error();
    return remove(name, *ids);
  }

private:
  static failure crooked() { return make_unavailable("Chroma's answer is not what its API v2 says."); }
  static std::string text(simdjson::simdjson_result<dom::element> e) {
    std::string_view v;
    return e.get_string().get(v) == simdjson::SUCCESS ? std::string{v} : std::string{};
  }
  static std::string ids_body(const std::map<std::string_view, const vector_item*>& items) {
    std::string body;
    json_writer w{body};
    w.begin_object().key("ids").begin_array();
    for (auto& [id, i] : items)
      w.value(id);
    w.end_array().end_object();
    return body;
  }

  outcome<http_result> call(const std::string& method, const std::string& path, const std::string& body, std::string_view collection) const {
    for (std::size_t attempt = 1;; ++attempt) {
      http_request r;
      r.method = method;
      r.url = options_.url + path;
      r.body = body;
      r.total_timeout = options_.timeout;
      r.connect_timeout = options_.timeout;
      r.response_bytes_max = 256U << 20;
      r.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
      if (!options_.token.empty())
        r.headers.emplace_back("X-Chroma-Token", options_.token);
      auto got = http_call_and_wait(*client_, std::move(r));
      const bool again = got ? got->status == 429 || got->status >= 500 : got.error().code == errc::unavailable;
      if (again && attempt < options_.attempts_max) {
        std::this_thread::sleep_for(std::chrono::milliseconds{50U << attempt}); // on the executor: may block
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
    for (std::size_t i = 0; i < ids.size(); ++i) {
      vector_item item;
      item.id = text(ids.at(i));
      item.document = text(documents.at(i));
      if (dom::element m; metadatas.at(i).get(m) == simdjson::SUCCESS)
        item.metadata = read_metadata(m);
      dom::array numbers;
      if (embeddings.at(i).get_array().get(numbers) != simdjson::SUCCESS)
        return crooked();
      for (auto n : numbers) {
        double x = 0;
        if (n.get_double().get(x) != simdjson::SUCCESS)
          return crooked();
        item.embedding.push_back(static_cast<float>(x));
      }
      out.push_back(std::move(item));
    }
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.id < b.id; });
    return out;
  }

  options options_;
  http_client_ptr client_;
  std::string base_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, known_collection> known_;
};
} // namespace

outcome<vector_store_ptr> open_vector_store(const options& o, http_client_ptr client) {
  auto store = std::make_shared<chroma_vector_store>(o, std::move(client));
  if (auto p = store->ping(); !p)
    return p.error();
  return vector_store_ptr{std::move(store)};
}

} // namespace fm::chroma
