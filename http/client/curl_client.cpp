// One thread, one multi handle, one epoll: a wake costs what its sockets have to say, not what all calls would. Other threads
// only leave notes (start this, cancel that) and ring; everything about a transfer is touched by the engine's thread alone.
#include "http/client/curl_client.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace fm {
namespace {
using steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds wait_longest{10'000};
constexpr int events_at_once = 64;

struct engine;

/// What the environment exempts from the proxy, and this machine: a model beside us is never behind a proxy.
std::string proxy_exceptions() {
  std::string all = "localhost,127.0.0.1,::1";
  for (const char* name : {"no_proxy", "NO_PROXY"})
    if (const char* value = std::getenv(name); value && *value)
      return std::string_view{value} == "*" ? "*" : all + "," + value;
  return all;
}

/// One call. The flag is what cancel() sets; the rest belongs to the engine's thread.
struct transfer {
  http_request request;
  http_events events;
  std::atomic<bool> cancelled{false};

  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text{};
  http_response_head head;
  std::size_t head_bytes = 0, head_bytes_max = 0, body_bytes = 0;
  bool head_given = false;
  std::optional<failure> fault; ///< found in a callback: what the library only knows as "aborted"
  steady::time_point last_heard{};

  ~transfer() {
    if (easy)
      curl_easy_cleanup(easy);
    curl_slist_free_all(header_list);
  }
  /// The callbacks are let go with it: they often hold what holds the call.
  void end(outcome<void> how) {
    auto on_end = std::move(events.on_end);
    events = {};
    if (on_end)
      on_end(std::move(how));
  }
};
using transfer_ptr = std::shared_ptr<transfer>;

failure cancelled_failure() { return make_failure(errc::gone, "The request was cancelled."); }
failure stopped_failure() { return make_failure(errc::gone, "The HTTP client has stopped."); }

std::size_t on_header_line(char* data, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<transfer*>(user);
  const std::size_t bytes = size * count;
  const std::string_view raw{data, bytes};
  t.last_heard = steady::now();
  if (t.cancelled)
    return 0;
  if (t.head_given) // trailers
    return bytes;
  try {
    t.head_bytes += bytes;
    if (t.head_bytes > t.head_bytes_max) {
      t.fault = make_failure(errc::too_large, "The answer's head is larger than allowed.");
      return 0;
    }
    const auto line = trimmed(raw);
    if (raw.starts_with("HTTP/")) {
      t.head = {};
      long status = 0;
      curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &status);
      if (const auto space = line.find(' '); status == 0 && space != std::string_view::npos)
        status = std::atol(std::string{line.substr(space + 1, 3)}.c_str());
      t.head.status = static_cast<int>(status);
    } else if (line.empty()) {
      if (t.head.status >= 200) {
        t.head_given = true;
        if (t.events.on_head)
          t.events.on_head(t.head);
      }
    } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      t.head.headers.emplace_back(ascii_lower(trimmed(line.substr(0, colon))),
                                  trimmed(line.substr(colon + 1)));
    }
  } catch (const std::exception& e) {
    t.fault = make_failure(errc::internal, std::string{"The answer could not be handled: "} + e.what());
    return 0;
  }
  return bytes;
}

std::size_t on_body_bytes(char* data, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<transfer*>(user);
  const std::size_t bytes = size * count;
  t.last_heard = steady::now();
  if (t.cancelled)
    return 0;
  try {
    t.body_bytes += bytes;
    if (t.body_bytes > t.request.response_bytes_max) {
      t.fault = make_failure(errc::too_large, "The answer is larger than allowed.");
      return 0;
    }
    if (t.events.on_body)
      t.events.on_body({data, bytes});
  } catch (const std::exception& e) {
    t.fault = make_failure(errc::internal, std::string{"The answer could not be handled: "} + e.what());
    return 0;
  }
  return bytes;
}

bool plain_header(const std::string& name, const std::string& value) {
  const auto bad = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  return !name.empty() && name.find(':') == std::string::npos &&
         std::none_of(name.begin(), name.end(), bad) && std::none_of(value.begin(), value.end(), bad);
}

failure failure_of(CURLcode code, const transfer& t) {
  std::string said = t.error_text[0] ? t.error_text.data() : curl_easy_strerror(code);
  while (!said.empty() && (said.back() == '\n' || said.back() == '.'))
    said.pop_back();
  double until_sent = 0;
  curl_easy_getinfo(t.easy, CURLINFO_PRETRANSFER_TIME, &until_sent);
  failure f;
  f.detail = said + ".";
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
    f.code = errc::timed_out;
    break;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
    f.code = errc::invalid;
    break;
  case CURLE_OUT_OF_MEMORY:
    f.code = errc::overloaded;
    break;
  default:
    f.code = errc::unavailable;
  }
  // Nothing of the request was sent: it may be made again whatever it does.
  if (until_sent <= 0)
    f.with_fact("stage", "connect");
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    f.with_fact("stage", "certificate");
  return f;
}

struct engine : std::enable_shared_from_this<engine> {
  explicit engine(curl_settings s) : settings(std::move(s)), multi(curl_multi_init()) {
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(settings.connections_kept_max));
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.fd = bell;
    if (sockets < 0 || bell < 0 || ::epoll_ctl(sockets, EPOLL_CTL_ADD, bell, &e) != 0)
      throw std::runtime_error(std::string{"the HTTP client has no descriptors: "} + std::strerror(errno));
  }
  ~engine() {
    curl_multi_cleanup(multi); // tells of the sockets it closes
    ::close(bell);
    ::close(sockets);
  }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  void leave(transfer_ptr started, transfer_ptr cancel) {
    {
      std::lock_guard lock{mutex};
      if (started)
        to_start.push_back(std::move(started));
      if (cancel)
        to_cancel.push_back(std::move(cancel));
    }
    ring();
  }

  void stop() {
    {
      std::lock_guard lock{mutex};
      stopping = true;
    }
    ring();
  }

  void ring() const {
    const std::uint64_t one = 1;
    (void)!::write(bell, &one, sizeof one); // fails only when the bell is ringing already
  }

  // ---- what libcurl tells: which sockets it waits for, and until when ----
  static int watch(CURL*, curl_socket_t socket, int what, void* user, void* watched) {
    auto& self = *static_cast<engine*>(user);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(self.sockets, EPOLL_CTL_DEL, socket, nullptr);
      return 0;
    }
    epoll_event e{};
    e.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    e.data.fd = socket;
    if (!watched)
      curl_multi_assign(self.multi, socket, user); // known from now on
    if (::epoll_ctl(self.sockets, watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &e) != 0 &&
        ::epoll_ctl(self.sockets, watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &e) != 0)
      log::error("http_client", std::string{"a connection cannot be waited for: "} + std::strerror(errno));
    return 0;
  }
  static int set_timer(CURLM*, long ms, void* user) {
    auto& at = static_cast<engine*>(user)->timer_at;
    at = ms < 0 ? std::nullopt : std::optional{steady::now() + std::chrono::milliseconds{ms}};
    return 0;
  }

  // ---- the engine's own thread from here on ----

  void run() {
    for (bool go_on = true; go_on;) {
      go_on = take_notes();
      wait_and_move(go_on ? longest_wait() : std::chrono::milliseconds{0});
      finish_done();
      end_silent();
    }
    while (!running.empty())
      remove(running.begin()->first, stopped_failure());
    std::deque<transfer_ptr> late;
    {
      std::lock_guard lock{mutex};
      late.swap(to_start);
      to_cancel.clear();
    }
    for (auto& t : late)
      t->end(stopped_failure());
  }

  void wait_and_move(std::chrono::milliseconds longest) {
    epoll_event events[events_at_once];
    const auto n = ::epoll_wait(sockets, events, events_at_once, static_cast<int>(longest.count()));
    int running_now = 0;
    for (int i = 0; i < n; ++i) {
      const auto& e = events[i];
      if (e.data.fd == bell) {
        std::uint64_t rung = 0;
        (void)!::read(bell, &rung, sizeof rung);
        continue;
      }
      const int what = (e.events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0) | (e.events & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (e.events & EPOLLERR ? CURL_CSELECT_ERR : 0);
      curl_multi_socket_action(multi, e.data.fd, what, &running_now);
    }
    if (timer_at && steady::now() >= *timer_at) {
      timer_at.reset(); // libcurl sets the next one
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running_now);
    }
  }

  bool take_notes() {
    std::deque<transfer_ptr> starts, cancels;
    {
      std::lock_guard lock{mutex};
      starts.swap(to_start);
      cancels.swap(to_cancel);
      if (stopping) {
        to_start.swap(starts);
        return false;
      }
    }
    for (auto& t : starts)
      begin(t);
    for (auto& t : cancels)
      if (t->easy && running.contains(t->easy))
        remove(t->easy, cancelled_failure());
    return true;
  }

  void begin(const transfer_ptr& t) {
    if (t->cancelled)
      return t->end(cancelled_failure());
    if (running.size() >= settings.calls_max) {
      auto f = make_failure(errc::overloaded, "Too many outgoing requests are running.");
      f.retry_after = std::chrono::seconds{1};
      return t->end(std::move(f));
    }
    if (auto ready = prepare(*t); !ready)
      return t->end(ready.error());
    if (curl_multi_add_handle(multi, t->easy) != CURLM_OK)
      return t->end(make_failure(errc::overloaded, "The request could not be started."));
    running.emplace(t->easy, t);
    if (t->request.idle_timeout.count() > 0)
      look_at = std::min(look_at, t->last_heard + t->request.idle_timeout);
  }

  outcome<void> prepare(transfer& t) const {
    const auto& r = t.request;
    const auto scheme = ascii_lower(std::string_view{r.url}.substr(0, 8));
    if (!scheme.starts_with("http://") && !scheme.starts_with("https://"))
      return make_failure(errc::invalid, "Only http and https addresses can be called.");
    t.easy = curl_easy_init();
    if (!t.easy)
      return make_failure(errc::overloaded, "There is no memory for another request.");
    const auto add_header = [&](const std::string& line) {
      if (auto* longer = curl_slist_append(t.header_list, line.c_str()))
        t.header_list = longer;
    };
    bool typed = false;
    for (auto& [name, value] : r.headers) {
      if (!plain_header(name, value))
        return make_failure(errc::invalid, "A header of the request holds a line break.");
      typed = typed || ascii_lower(name) == "content-type";
      add_header(value.empty() ? name + ";" : name + ": " + value);
    }
    // A header that is taken out would be signed as an empty one (libcurl 7.88) and the signature refused.
    if (r.aws_sigv4.empty()) {
      add_header("Expect:"); // a round trip before the body buys nothing here
      if (!typed)
        add_header("Content-Type:");
    }

    CURL* e = t.easy;
    curl_easy_setopt(e, CURLOPT_URL, r.url.c_str());
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_NOPROXY, no_proxy.c_str());
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!settings.ca_file.empty())
      curl_easy_setopt(e, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); // do not wait for a name lookup when a call is cancelled
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(std::max<std::int64_t>(1, r.connect_timeout.count())));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(std::max<std::int64_t>(1, r.total_timeout.count())));
    curl_easy_setopt(e, CURLOPT_USERAGENT, settings.user_agent.c_str());
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t.header_list);
    if (!r.aws_sigv4.empty()) {
      curl_easy_setopt(e, CURLOPT_AWS_SIGV4, r.aws_sigv4.c_str());
      curl_easy_setopt(e, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L); // the header cannot be left out; waiting for its answer can
      curl_easy_setopt(e, CURLOPT_USERNAME, r.aws_access_key.c_str());
      curl_easy_setopt(e, CURLOPT_PASSWORD, r.aws_secret_key.c_str());
    }
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t.error_text.data());
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body_bytes);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &t);
    if (r.method == "HEAD") {
      curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (r.method != "GET" || !r.body.empty()) {
      const bool carries = !r.body.empty() || r.method == "POST" || r.method == "PUT" || r.method == "PATCH";
      if (carries) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r.body.data());
      }
      curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r.method.c_str());
    }
    t.head_bytes_max = settings.head_bytes_max;
    t.last_heard = steady::now();
    return {};
  }

  /// Taken out before its end, a transfer's connection is closed, not kept.
  void remove(CURL* easy, failure why) {
    const auto found = running.find(easy);
    auto t = std::move(found->second);
    running.erase(found);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    t->easy = nullptr;
    t->end(std::move(why));
  }

  void finish_done() {
    int left = 0;
    while (auto* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      auto* easy = message->easy_handle;
      const auto code = message->data.result;
      const auto found = running.find(easy);
      if (found == running.end())
        continue;
      auto t = std::move(found->second);
      running.erase(found);
      outcome<void> how{boost::system::in_place_value};
      if (t->cancelled)
        how = cancelled_failure();
      else if (t->fault)
        how = *t->fault;
      else if (code != CURLE_OK)
        how = failure_of(code, *t);
      curl_multi_remove_handle(multi, easy);
      curl_easy_cleanup(easy);
      t->easy = nullptr;
      t->end(std::move(how));
    }
  }

  /// Looks at all calls only when one of them may have been silent for too long: what is heard meanwhile moves that away.
  void end_silent() {
    const auto now = steady::now();
    if (now < look_at)
      return;
    look_at = steady::time_point::max();
    std::vector<CURL*> silent;
    for (auto& [easy, t] : running) {
      if (t->request.idle_timeout.count() == 0)
        continue;
      const auto until = (t->head_given ? t->last_heard : now) + t->request.idle_timeout; // the head has a deadline of its own
      if (until <= now)
        silent.push_back(easy);
      else
        look_at = std::min(look_at, until);
    }
    for (auto* easy : silent)
      remove(easy,
             make_failure(errc::timed_out, "The other side stopped sending in the middle of its answer."));
  }

  std::chrono::milliseconds longest_wait() const {
    const auto now = steady::now();
    const auto until = std::min({now + wait_longest, look_at, timer_at.value_or(steady::time_point::max())});
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(until - now), std::chrono::milliseconds{0});
  }

  const curl_settings settings;
  const std::string no_proxy = proxy_exceptions();
  CURLM* const multi;
  const int sockets = ::epoll_create1(EPOLL_CLOEXEC), bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::optional<steady::time_point> timer_at;                  ///< when libcurl wants to be called at the latest
  steady::time_point look_at = steady::time_point::max();      ///< no call was silent for too long before
  std::unordered_map<CURL*, transfer_ptr> running;

  std::mutex mutex;
  std::deque<transfer_ptr> to_start, to_cancel;
  bool stopping = false;
};

struct running_call final : http_call {
  running_call(std::weak_ptr<engine> e, transfer_ptr t) : engine_(std::move(e)), transfer_(std::move(t)) {}
  void cancel() override {
    auto t = transfer_.lock();
    if (!t || t->cancelled.exchange(true))
      return;
    if (auto e = engine_.lock())
      e->leave({}, std::move(t));
  }

private:
  std::weak_ptr<engine> engine_;
  std::weak_ptr<transfer> transfer_;
};

class curl_client final : public http_client {
public:
  explicit curl_client(curl_settings settings) : engine_(std::make_shared<engine>(std::move(settings))) {
    thread_ = std::thread{[e = engine_] { e->run(); }};
  }
  ~curl_client() override {
    engine_->stop();
    if (thread_.get_id() == std::this_thread::get_id())
      thread_.detach(); // the last owner was one of our own callbacks
    else
      thread_.join();
  }
  http_call_ptr start(http_request request, http_events events) override {
    auto t = std::make_shared<transfer>();
    t->request = std::move(request);
    t->events = std::move(events);
    auto call = std::make_shared<running_call>(engine_, t);
    engine_->leave(std::move(t), {});
    return call;
  }

private:
  std::shared_ptr<engine> engine_;
  std::thread thread_;
};
} // namespace

http_client_ptr make_curl_client(curl_settings settings) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!ready)
    log::error("http_client", "the HTTP library could not be initialised");
  return std::make_shared<curl_client>(std::move(settings));
}

} // namespace fm
