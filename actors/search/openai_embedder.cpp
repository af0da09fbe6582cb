// One request a batch; the answer is put in order by its indexes and normalized.
#include "actors/search/openai_embedder.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <simdjson.h>
#include <thread>

namespace fm {
namespace {
struct answer {
  int status = 0;
  std::string body;
  bool too_long = false;
  std::optional<std::chrono::milliseconds> retry_after;
  std::optional<failure> broken;
};

/// Waits for one call; the client's own timeouts end it.
answer call(http_client& client, http_request request, std::size_t answer_bytes_max) {
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
  events.on_body = [w, answer_bytes_max](std::string_view piece) {
    if (w->got.body.size() + piece.size() > answer_bytes_max)
      w->got.too_long = true; // the rest is let go by
    else
      w->got.body.append(piece);
  };
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
    std::vector<std::vector<float>> out;
    for (std::size_t at = 0; at < texts.size(); at += settings_.batch) {
      auto vectors = ask(texts.subspan(at, std::min(settings_.batch, texts.size() - at)), settings_.attempts_max, settings_.timeout);
      if (!vectors)
        return vectors.error();
      std::move(vectors->begin(), vectors->end(), std::back_inserter(out));
    }
    return out;
  }

  outcome<std::vector<float>> embed_query(const std::string& text) override {
    auto one = ask(std::span{&text, 1}, 1, settings_.query_timeout);
    if (!one)
      return one.error();
    return std::move(one->front());
  }

private:
  outcome<std::vector<std::vector<float>>> ask(std::span<const std::string> texts, std::size_t attempts_max, std::chrono::milliseconds timeout) {
    http_request r;
    r.method = "POST";
    r.url = settings_.base_url + "/embeddings";
    r.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    if (!settings_.api_key.empty())
      r.headers.emplace_back("Authorization", "Bearer " + settings_.api_key);
    r.total_timeout = timeout;
    json_writer w{r.body};
    w.begin_object().member("model", settings_.model).member("encoding_format", "float");
    w.key("input").begin_array();
    for (const std::string_view t : texts)
      w.value(t.empty() ? std::string_view{" "} : t.substr(0, utf8_floor(t, std::min(t.size(), settings_.text_bytes_max))));
    w.end_array().end_object();
    for (std::size_t attempt = 1;; ++attempt) {
      auto got = call(*client_, r, settings_.answer_bytes_max);
      const bool again = got.broken ? got.broken->code == errc::unavailable || got.broken->code == errc::timed_out : got.status == 429 || got.status >= 500;
      if (!got.broken && got.status == 200 && got.too_long)
        return make_unavailable("The embedding endpoint's answer is longer than any can be.");
      if (!got.broken && got.status == 200)
        return read(got.body, texts.size());
      if (!again || attempt >= attempts_max) {
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
      if (!v.empty())
        return make_unavailable("The embedding endpoint gave two vectors for one text.");
      std::vector<double> exact;
      double norm = 0;
      for (auto n : numbers) {
        double x = 0;
        if (n.get_double().get(x) != simdjson::SUCCESS)
          return make_unavailable("The embedding endpoint's answer is not what OpenAI's protocol says.");
        exact.push_back(x);
        norm += x * x;
      }
      if (norm <= 0 || !std::isfinite(norm))
        return make_unavailable("The embedding endpoint gave a vector without direction.");
      for (const auto x : exact)
        v.push_back(static_cast<float>(x / std::sqrt(norm)));
    }
    if (std::any_of(out.begin(), out.end(), [](auto& v) { return v.empty(); }))
      return make_unavailable("The embedding endpoint gave fewer vectors than texts.");
    return out;
  }

  openai_embedder_settings settings_;
  http_client_ptr client_;
};
} // namespace

embedder_ptr make_openai_embedder(openai_embedder_settings settings, http_client_ptr client) {
  return std::make_shared<remote>(std::move(settings), std::move(client));
}

} // namespace fm
