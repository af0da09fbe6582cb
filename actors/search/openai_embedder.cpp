// One request a batch; the answer is put in order by its indexes and normalized.
#include "actors/search/openai_embedder.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <list>
#include <mutex>
#include <simdjson.h>
#include <thread>
#include <unordered_map>

namespace fm {
namespace {
struct answer {
  int status = 0;
  std::string body;
  std::optional<std::chrono::milliseconds> retry_after;
  std::optional<failure> broken;
};

/// Waits for one call; the client's own timeouts end it.
answer call(http_client& client, http_request request) {
  struct waiting {
    std::mutex mutex;
    std::condition_variable changed;
    answer got;
    bool ended = false;
  };
  auto w = std::make_shared<waiting>();
  http_events events;
  events.on_head = [w](const http_response_head& head) {
    w->got.status = head.status;
    for (auto& [name, value] : head.headers)
      if (name == "retry-after")
        w->got.retry_after = std::chrono::seconds{std::clamp(std::atoi(value.c_str()), 0, 60)};
  };
  events.on_body = [w](std::string_view piece) { w->got.body.append(piece); };
  events.on_end = [w](outcome<void> r) {
    std::lock_guard lock{w->mutex};
    if (!r)
      w->got.broken = r.error();
    w->ended = true;
    w->changed.notify_all();
  };
  const auto running = client.start(std::move(request), std::move(events));
  std::unique_lock lock{w->mutex};
  w->changed.wait(lock, [&] { return w->ended; });
  return std::move(w->got);
}

class remote final : public embedder {
public:
  remote(openai_embedder_settings settings, http_client_ptr client) : settings_(std::move(settings)), client_(std::move(client)) {
    while (settings_.base_url.ends_with('/'))
      settings_.base_url.pop_back();
  }
  std::string name() const override { return settings_.model + "/" + std::to_string(settings_.dimension); }
  std::uint32_t dimension() const override { return settings_.dimension; }

  outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) override {
    if (texts.size() > batch_max)
      return make_failure(errc::too_large, "At most " + std::to_string(batch_max) + " texts are embedded at once.");
    std::vector<std::vector<float>> out(texts.size());
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (!cached(texts[i], out[i]))
        missing.push_back(i);
    for (std::size_t at = 0; at < missing.size(); at += settings_.batch) {
      const auto upto = std::min(missing.size(), at + settings_.batch);
      std::vector<std::string_view> part;
      for (auto i = at; i < upto; ++i)
        part.push_back(texts[missing[i]]);
      auto vectors = ask(part);
      if (!vectors)
        return vectors.error();
      for (auto i = at; i < upto; ++i) {
        keep(texts[missing[i]], (*vectors)[i - at]);
        out[missing[i]] = std::move((*vectors)[i - at]);
      }
    }
    return out;
  }

private:
  outcome<std::vector<std::vector<float>>> ask(const std::vector<std::string_view>& texts) {
    http_request r;
    r.method = "POST";
    r.url = settings_.base_url + "/embeddings";
    r.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    if (!settings_.api_key.empty())
      r.headers.emplace_back("Authorization", "Bearer " + settings_.api_key);
    r.total_timeout = settings_.timeout;
    json_writer w{r.body};
    w.begin_object().member("model", settings_.model).member("encoding_format", "float");
    w.key("input").begin_array();
    for (auto& t : texts)
      w.value(t.empty() ? std::string_view{" "} : t.substr(0, utf8_floor(t, std::min(t.size(), settings_.text_bytes_max))));
    w.end_array().end_object();
    for (std::size_t attempt = 1;; ++attempt) {
      auto got = call(*client_, r);
      const bool again = got.broken ? got.broken->code == errc::unavailable || got.broken->code == errc::timed_out : got.status == 429 || got.status >= 500;
      if (!got.broken && got.status == 200)
        return read(got.body, texts.size());
      if (!again || attempt >= settings_.attempts_max) {
        if (got.broken)
          return make_unavailable("The embedding endpoint does not answer: " + got.broken->detail, std::chrono::seconds{10});
        return make_unavailable("The embedding endpoint answered with status " + std::to_string(got.status) + ".", std::chrono::seconds{10});
      }
      std::this_thread::sleep_for(got.retry_after.value_or(std::chrono::milliseconds{200U << attempt})); // on the executor: may block
    }
  }

  outcome<std::vector<std::vector<float>>> read(const std::string& body, std::size_t count) const {
    simdjson::dom::parser parser;
    simdjson::dom::array data;
    if (parser.parse(body)["data"].get_array().get(data) != simdjson::SUCCESS)
      return make_unavailable("The embedding endpoint's answer is not what OpenAI's protocol says.");
    std::vector<std::vector<float>> out(count);
    std::size_t position = 0;
    for (auto item : data) {
      std::uint64_t index = position++;
      if (std::uint64_t given = 0; item["index"].get_uint64().get(given) == simdjson::SUCCESS)
        index = given;
      simdjson::dom::array numbers;
      if (index >= count || item["embedding"].get_array().get(numbers) != simdjson::SUCCESS)
        return make_unavailable("The embedding endpoint's answer is not what OpenAI's protocol says.");
      if (numbers.size() != settings_.dimension)
        return make_failure(errc::invalid, "The embedding model gives vectors of " + std::to_string(numbers.size()) +
                                               " numbers, but knowledge.embedding_dimension is " + std::to_string(settings_.dimension) + ".");
      auto& v = out[index];
      double norm = 0;
      for (auto n : numbers) {
        double x = 0;
        if (n.get_double().get(x) != simdjson::SUCCESS)
          return make_unavailable("The embedding endpoint's answer is not what OpenAI's protocol says.");
        v.push_back(static_cast<float>(x));
        norm += x * x;
      }
      if (norm <= 0 || !std::isfinite(norm))
        return make_unavailable("The embedding endpoint gave a vector without direction.");
      for (auto& x : v)
        x = static_cast<float>(static_cast<double>(x) / std::sqrt(norm));
    }
    if (std::any_of(out.begin(), out.end(), [](auto& v) { return v.empty(); }))
      return make_unavailable("The embedding endpoint gave fewer vectors than texts.");
    return out;
  }

  bool cached(const std::string& text, std::vector<float>& into) {
    const auto key = to_hex(sha256(text));
    std::lock_guard lock{mutex_};
    const auto found = by_key_.find(key);
    if (found == by_key_.end())
      return false;
    recent_.splice(recent_.begin(), recent_, found->second);
    into = found->second->second;
    return true;
  }
  void keep(const std::string& text, const std::vector<float>& vector) {
    const auto key = to_hex(sha256(text));
    std::lock_guard lock{mutex_};
    if (by_key_.contains(key))
      return;
    recent_.emplace_front(key, vector);
    by_key_[key] = recent_.begin();
    while (recent_.size() > settings_.cached_max) {
      by_key_.erase(recent_.back().first);
      recent_.pop_back();
    }
  }

  openai_embedder_settings settings_;
  http_client_ptr client_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::vector<float>>> recent_;
  std::unordered_map<std::string, std::list<std::pair<std::string, std::vector<float>>>::iterator> by_key_;
};
} // namespace

embedder_ptr make_openai_embedder(openai_embedder_settings settings, http_client_ptr client) {
  return std::make_shared<remote>(std::move(settings), std::move(client));
}

} // namespace fm
