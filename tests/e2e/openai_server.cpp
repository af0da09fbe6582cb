// A stand-in for an OpenAI-compatible service: streams words at a steady pace, on request with the time each
// was sent, and logs who closed early. For end-to-end tests and latency measurements; it answers any key and
// model.
//
//   fm_openai_server [--port N] [--tokens N] [--tokens-per-second N] [--first-token-ms N] [--stamp] [--out-of-step] [--log
//   FILE]
// Prints "listening on http://127.0.0.1:PORT/v1" and serves until it is killed.
#include "protocol/base/json_writer.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {
using namespace fm::testing_support;

struct options {
  std::uint16_t port = 0;
  std::size_t tokens = 200;
  double tokens_per_second = 50;
  long first_token_ms = 0;
  bool stamp = false;
  bool out_of_step = false; ///< answers that begin together do not send their words at the same moments
  std::string log;
};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string chunk_of(const std::string& content, const char* finish) {
  std::string json = "data: ";
  fm::json_writer w{json};
  w.begin_object()
      .member("id", "chatcmpl-stub")
      .member("object", "chat.completion.chunk")
      .key("choices")
      .begin_array();
  w.begin_object()
      .member("index", 0)
      .key("delta")
      .begin_object()
      .member("content", content)
      .end_object()
      .key("finish_reason");
  if (finish)
    w.value(finish);
  else
    w.value(nullptr);
  w.end_object().end_array().end_object();
  return json + "\n\n";
}

class model_server final : public stub_handler {
public:
  explicit model_server(options o) : options_(std::move(o)) {
    if (!options_.log.empty())
      log_ = std::fopen(options_.log.c_str(), "a");
  }
  ~model_server() override {
    if (log_)
      std::fclose(log_);
  }

  stub_reply on_request(const stub_request& request) override {
    stub_reply r;
    r.headers = {{"Content-Type", "application/json"}};
    if (request.method == "GET" && request.target == "/v1/models") {
      r.body = R"({"object":"list","data":[{"id":"stub","object":"model"}]})";
      return r;
    }
    if (request.method != "POST" || request.target != "/v1/chat/completions") {
      r.status = 404;
      r.body = R"({"error":{"message":"no such route"}})";
      return r;
    }
    note("request", request.number, 0);
    r.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}};
    r.next = [this, number = request.number, at = std::size_t{0}]() mutable { return step(number, at++); };
    return r;
  }
  void on_client_closed_early(std::size_t number) override {
    note("closed_early", number, sent_[number]);
    sent_.erase(number);
  }
  void on_violation(std::string what) override { std::fprintf(stderr, "violation: %s\n", what.c_str()); }

private:
  std::optional<stub_step> step(std::size_t number, std::size_t at) {
    stub_step s;
    if (at > options_.tokens) {
      note("finished", number, sent_[number]);
      sent_.erase(number);
      return std::nullopt;
    }
    if (at == options_.tokens) {
      s.bytes = [] { return chunk_of("", "stop") + "data: [DONE]\n\n"; };
      return s;
    }
    // Whole milliseconds that add up to the exact pace.
    const auto due = [&](std::size_t n) {
      return static_cast<long>(static_cast<double>(n) * 1'000.0 / options_.tokens_per_second);
    };
    constexpr double golden = 0.618033988749895; // its multiples lie evenly between whole numbers
    double whole = 0;
    const auto shift = options_.out_of_step ? static_cast<long>(std::modf(static_cast<double>(number) * golden, &whole) * 1'000.0 / options_.tokens_per_second) : 0;
    s.delay = std::chrono::milliseconds{at == 0 ? options_.first_token_ms + shift : due(at) - due(at - 1)};
    s.bytes = [this, number, at] {
      ++sent_[number];
      std::string word = "word" + std::to_string(at);
      if (options_.stamp)
        word += "@" + std::to_string(now_us());
      return chunk_of(word + " ", nullptr);
    };
    return s;
  }
  void note(const char* what, std::size_t number, std::size_t tokens) {
    if (!log_)
      return;
    std::fprintf(log_, "%lld %s request=%zu tokens=%zu\n", static_cast<long long>(now_us()), what, number,
                 tokens);
    std::fflush(log_);
  }

  options options_;
  std::map<std::size_t, std::size_t> sent_;
  std::FILE* log_ = nullptr;
};
} // namespace

int main(int argc, char** argv) {
  options o;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--stamp") {
      o.stamp = true;
      continue;
    }
    if (flag == "--out-of-step") {
      o.out_of_step = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : nullptr;
    if (!value) {
      std::fprintf(stderr, "%s needs a value\n", flag.c_str());
      return 2;
    }
    if (flag == "--port")
      o.port = static_cast<std::uint16_t>(std::atoi(value));
    else if (flag == "--tokens")
      o.tokens = static_cast<std::size_t>(std::atol(value));
    else if (flag == "--tokens-per-second")
      o.tokens_per_second = std::max(0.1, std::atof(value));
    else if (flag == "--first-token-ms")
      o.first_token_ms = std::atol(value);
    else if (flag == "--log")
      o.log = value;
    else {
      std::fprintf(stderr, "unknown flag %s\n", flag.c_str());
      return 2;
    }
  }
  model_server server{o};
  http_stub stub{o.port, server};
  std::printf("listening on http://127.0.0.1:%u/v1\n", static_cast<unsigned>(stub.port()));
  std::fflush(stdout);
  stub.wait();
  return 0;
}
