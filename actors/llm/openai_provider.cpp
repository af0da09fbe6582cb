// One call object per chat. Whatever reaches it (the HTTP client's thread, the timer's thread, a caller's
// cancel) takes its lock, so its callbacks never overlap; the lock is recursive because a callback may
// cancel.
//
//   start ──► attempt ──► head ──► text* ──► end
//               ▲            │ refused, or broken before the first text
//               └── back-off ┘
#include "actors/llm/openai_provider.hpp"

#include "actors/llm/openai_wire.hpp"
#include "actors/llm/sse_parser.hpp"
#include "actors/llm/timer_queue.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <mutex>

#include <arpa/inet.h>

namespace fm {
namespace {
using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
constexpr std::size_t error_body_max = 64U << 10;
constexpr std::size_t whole_answer_max = 4U << 20;
/// After the stream said it was done, the connection may end by itself for this long, to be used again.
constexpr milliseconds linger{1'000};

struct shared {
  openai_settings settings;
  std::string url;
  http_client_ptr client;
  random_ptr random;
  timer_queue timers;
};

class openai_call final : public chat_call, public std::enable_shared_from_this<openai_call> {
public:
  openai_call(std::shared_ptr<shared> with, chat_request request, chat_events events)
      : with_(std::move(with)), request_(std::move(request)),
        events_(std::make_shared<const chat_events>(std::move(events))),
        deadline_(steady::now() + with_->settings.total) {}

  void begin() {
    std::lock_guard lock{mutex_};
    if (with_->url.empty())
      return end(make_failure(
          errc::invalid, "The model service's address is not an http or https URL; check llm.base_url."));
    attempt();
  }

  void cancel() override {
    std::lock_guard lock{mutex_};
    if (over_)
      return;
    over_ = true;
    let_go(true);
  }

private:
  void attempt() {
    if (over_)
      return;
    ++attempts_;
    const auto mine = ++generation_;
    status_ = 0;
    headers_.clear();
    body_.clear();
    parser_ = sse_parser{};
    done_ = streaming_ = false;
    finish_reason_.clear();
    stream_fault_.reset();

    http_request r;
    r.method = "POST";
    r.url = with_->url;
    r.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
    if (!with_->settings.api_key.empty())
      r.headers.emplace_back("Authorization", "Bearer " + with_->settings.api_key);
    r.body = openai::request_body(request_, with_->settings.model, ask_usage_);
    r.connect_timeout = with_->settings.connect_timeout;
    r.total_timeout = std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(deadline_ - steady::now()));
    r.idle_timeout = with_->settings.idle;
    r.response_bytes_max = with_->settings.response_bytes_max;

    const auto self = shared_from_this();
    http_events e;
    e.on_head = [self, mine](const http_response_head& head) { self->on_head(mine, head); };
    e.on_body = [self, mine](std::string_view bytes) { self->on_body(mine, bytes); };
    e.on_end = [self, mine](outcome<void> how) { self->on_http_end(mine, std::move(how)); };
    first_word_ = with_->timers.after(with_->settings.first_token, [self, mine] { self->on_too_slow(mine); });
    auto call = with_->client->start(std::move(r), std::move(e));
    if (!over_ && generation_ == mine)
      http_ = std::move(call);
    else if (call)
      call->cancel();
  }

  bool current(std::uint64_t generation) const { return !over_ && generation == generation_; }

  void on_head(std::uint64_t generation, const http_response_head& head) {
    std::lock_guard lock{mutex_};
    if (!current(generation))
      return;
    status_ = head.status;
    headers_ = head.headers;
    streaming_ = true;
    for (auto& [name, value] : headers_)
      if (name == "content-type" && ascii_lower(value).find("application/json") != std::string::npos)
        streaming_ = false;
  }

  void on_body(std::uint64_t generation, std::string_view bytes) {
    std::lock_guard lock{mutex_};
    if (!current(generation))
      return;
    if (status_ != 200) {
      body_.append(bytes.substr(0, error_body_max - std::min(error_body_max, body_.size())));
      return;
    }
    if (!streaming_) {
      if (body_.size() + bytes.size() > whole_answer_max)
        return end(make_failure(errc::too_large, "The model's answer is larger than allowed."));
      body_ += bytes;
      return;
    }
    auto fed = parser_.feed(bytes, [this](const sse_event& event) { return on_event(event); });
    if (over_)
      return;
    if (!fed)
      return fail_attempt(
          make_failure(errc::too_large, "The model service sent a line that is longer than allowed."), false);
    if (stream_fault_)
      return fail_attempt(std::move(*stream_fault_), stream_retryable_);
    if (done_)
      finish();
  }

  /// False ends the feeding: the stream is over, or broken.
  bool on_event(const sse_event& event) {
    if (trimmed(event.data) == "[DONE]") {
      done_ = true;
      return false;
    }
    if (trimmed(event.data).empty())
      return true;
    auto chunk = openai::read_chunk(event.data);
    if (!chunk) {
      stream_fault_ = make_failure(errc::unavailable, "The model service sent something that is not JSON.");
      stream_retryable_ = true;
      return false;
    }
    take(*chunk);
    return !over_ && !stream_fault_;
  }

  void take(openai::chunk& chunk) {
    if (chunk.error) {
      stream_fault_ = std::move(*chunk.error);
      stream_retryable_ = chunk.retryable;
      return;
    }
    if (chunk.usage)
      usage_ = *chunk.usage;
    if (!chunk.finish_reason.empty())
      finish_reason_ = std::move(chunk.finish_reason);
    if (!chunk.text.empty() || chunk.thinking)
      disarm_first_word();
    if (!chunk.text.empty())
      say(assembler_.take(chunk.text));
  }

  void say(std::string text) {
    if (text.empty())
      return;
    spoke_ = true;
    // Kept for the length of the call: the listener may cancel, which lets go of it.
    if (const auto listener = events_; listener && listener->on_text)
      listener->on_text(std::move(text));
  }

  void on_http_end(std::uint64_t generation, outcome<void> how) {
    std::lock_guard lock{mutex_};
    if (!current(generation))
      return;
    http_.reset();
    if (status_ != 0 && status_ != 200) {
      // A refusal whose body was cut is still a refusal.
      const auto wait = openai::retry_after(headers_, system_clock_source()->now());
      auto refused = openai::read_refusal(status_, body_, wait, with_->settings.api_key);
      if (ask_usage_ && (status_ == 400 || status_ == 422) &&
          body_.find("stream_options") != std::string::npos) {
        ask_usage_ = false; // an older server: the same request without the option, at once
        --attempts_;
        disarm_first_word();
        return attempt();
      }
      return fail_attempt(std::move(refused.why), refused.retryable);
    }
    if (how && status_ == 200 && !streaming_) {
      auto whole = openai::read_completion(body_);
      if (!whole)
        return fail_attempt(
            make_failure(errc::unavailable, "The model service sent something that is not JSON."), true);
      take(*whole);
      if (over_)
        return;
      if (stream_fault_)
        return fail_attempt(std::move(*stream_fault_), stream_retryable_);
      return finish();
    }
    // Saying why it finished is enough; some servers leave out the closing mark.
    if (!finish_reason_.empty())
      return finish();
    if (!how)
      return fail_attempt(explained(how.error()), how.error().code == errc::unavailable ||
                                                      how.error().code == errc::overloaded ||
                                                      how.error().facts.contains("stage"));
    fail_attempt(
        make_failure(errc::unavailable, spoke_ ? "The model service stopped in the middle of its answer."
                                               : "The model service ended without an answer."),
        true);
  }

  failure explained(failure f) const {
    const auto why = f.detail;
    if (f.code == errc::timed_out)
      f.detail = spoke_ ? "The model stopped in the middle of its answer: " + why
                        : "The model service did not answer in time: " + why;
    else if (f.code == errc::unavailable)
      f.detail = (spoke_ ? "The connection to the model service broke in the middle of the answer: "
                         : "The model service cannot be reached: ") +
                 why;
    else if (f.code == errc::gone)
      f = make_unavailable("The server is shutting down.");
    return f;
  }

  void on_too_slow(std::uint64_t generation) {
    std::lock_guard lock{mutex_};
    if (!current(generation) || first_word_ == 0)
      return;
    first_word_ = 0;
    end(make_failure(errc::timed_out, "The model did not begin to answer within " +
                                          std::to_string(with_->settings.first_token.count() / 1'000) +
                                          " s."));
  }

  void finish() {
    say(assembler_.rest());
    if (over_)
      return;
    if (!spoke_) {
      const bool filtered = finish_reason_ == "content_filter";
      return end(make_failure(errc::unavailable,
                              filtered ? "The model service's content filter held the answer back."
                                       : "The model ended without saying anything."));
    }
    end(chat_end{finish_reason_.empty() ? "stop" : finish_reason_, usage_});
  }

  /// Again after a pause when that is allowed, else the end.
  void fail_attempt(failure why, bool retryable) {
    const auto& s = with_->settings;
    if (spoke_ || !retryable || attempts_ >= s.attempts_max) {
      if (spoke_) {
        say(assembler_.rest());
        why.with_fact("truncated", "true");
      }
      return over_ ? void() : end(std::move(why));
    }
    const auto doubled = s.backoff_first * (1LL << std::min<std::size_t>(attempts_ - 1, 20));
    const auto ceiling = std::min<milliseconds>(doubled, s.backoff_max);
    // Half fixed, half random: callers that failed together do not come back together.
    const auto half = ceiling.count() / 2;
    milliseconds pause{
        half + static_cast<std::int64_t>(random_u64(*with_->random) % static_cast<std::uint64_t>(half + 1))};
    if (why.retry_after) {
      if (*why.retry_after > s.retry_after_max)
        return end(std::move(why));
      pause = std::max(pause, *why.retry_after);
    }
    if (steady::now() + pause >= deadline_)
      return end(std::move(why));
    log::info("llm", "attempt " + std::to_string(attempts_) + " failed (" + std::string{to_string(why.code)} +
                         "); next in " + std::to_string(pause.count()) + " ms");
    disarm_first_word();
    ++generation_; // whatever the failed attempt still says is ignored
    if (auto http = std::move(http_))
      http->cancel();
    http_.reset();
    const auto mine = generation_;
    pause_ = with_->timers.after(pause, [self = shared_from_this(), mine] {
      std::lock_guard lock{self->mutex_};
      self->pause_ = 0;
      if (self->current(mine))
        self->attempt();
    });
  }

  void end(outcome<chat_end> how) {
    if (over_)
      return;
    over_ = true;
    const auto listener = events_;
    let_go(!how || !done_);
    if (listener && listener->on_end)
      listener->on_end(std::move(how));
  }

  void disarm_first_word() {
    if (first_word_ != 0)
      with_->timers.cancel(first_word_);
    first_word_ = 0;
  }

  /// Ends the upstream call, at once or after it had a moment to end by itself, and forgets everybody.
  void let_go(bool at_once) {
    disarm_first_word();
    if (pause_ != 0)
      with_->timers.cancel(pause_);
    pause_ = 0;
    events_.reset();
    if (auto http = std::move(http_)) {
      if (at_once || with_->timers.after(linger, [http] { http->cancel(); }) == 0)
        http->cancel();
    }
    http_.reset();
  }

  const std::shared_ptr<shared> with_;
  const chat_request request_;
  std::shared_ptr<const chat_events> events_;
  const steady::time_point deadline_;

  std::recursive_mutex mutex_;
  http_call_ptr http_;
  std::uint64_t generation_ = 0; ///< which attempt's events count
  std::size_t attempts_ = 0;
  bool over_ = false;
  bool spoke_ = false;
  bool ask_usage_ = true;
  timer_queue::ticket first_word_ = 0, pause_ = 0;

  // Of the running attempt.
  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string body_;
  bool streaming_ = false, done_ = false;
  sse_parser parser_;
  openai::utf8_assembler assembler_;
  std::string finish_reason_;
  chat_usage usage_;
  std::optional<failure> stream_fault_;
  bool stream_retryable_ = false;
};

class openai_provider final : public chat_provider {
public:
  openai_provider(openai_settings settings, http_client_ptr client, random_ptr random)
      : with_(std::make_shared<shared>()) {
    with_->url = chat_completions_url(settings.base_url);
    with_->settings = std::move(settings);
    with_->client = std::move(client);
    with_->random = std::move(random);
  }
  std::shared_ptr<chat_call> start(chat_request request, chat_events events) override {
    request.temperature = with_->settings.temperature.value_or(request.temperature);
    request.max_tokens = with_->settings.max_tokens.value_or(request.max_tokens);
    auto call = std::make_shared<openai_call>(with_, std::move(request), std::move(events));
    call->begin();
    return call;
  }
  std::string name() const override { return with_->settings.model; }
  bool local() const override { return with_->settings.local; }

private:
  std::shared_ptr<shared> with_;
};

/// The host of an http(s) URL, without port, user or brackets.
std::string_view host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos)
    return {};
  auto rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const auto at = rest.rfind('@'); at != std::string_view::npos)
    rest = rest.substr(at + 1);
  if (rest.starts_with('['))
    return rest.substr(1, rest.find(']') == std::string_view::npos ? rest.size() : rest.find(']') - 1);
  return rest.substr(0, rest.find(':'));
}
} // namespace

std::shared_ptr<chat_provider> make_openai_provider(openai_settings settings, http_client_ptr client,
                                                    random_ptr random) {
  return std::make_shared<openai_provider>(std::move(settings), std::move(client), std::move(random));
}

std::string chat_completions_url(std::string_view base_url) {
  auto base = trimmed(base_url);
  const auto lower = ascii_lower(base.substr(0, 8));
  if (!lower.starts_with("http://") && !lower.starts_with("https://"))
    return {};
  const auto authority = base.find("://") + 3;
  while (base.size() > authority && base.ends_with('/'))
    base.remove_suffix(1);
  if (authority >= base.size())
    return {};
  if (base.ends_with("/chat/completions"))
    return std::string{base};
  const bool bare = base.find('/', authority) == std::string_view::npos;
  return std::string{base} + (bare ? "/v1" : "") + "/chat/completions";
}

bool is_local_url(std::string_view url) {
  const std::string host = ascii_lower(host_of(url));
  if (host.empty())
    return false;
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) {
    const auto n = ntohl(four.s_addr);
    return (n >> 24) == 127 || (n >> 24) == 10 || (n >> 20) == 0xAC1 || (n >> 16) == 0xC0A8 ||
           (n >> 16) == 0xA9FE;
  }
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1)
    return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_LINKLOCAL(&six) || (six.s6_addr[0] & 0xFEU) == 0xFC;
  return host.find('.') == std::string::npos || host.ends_with(".local") || host.ends_with(".internal");
}

} // namespace fm
