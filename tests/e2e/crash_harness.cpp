// Kills the real server at random moments while people work, and shows that nothing acknowledged is ever lost,
// doubled or told in two ways. One data directory lives through all rounds; every choice comes from the seed.
//
//   fm_crash_harness --server PATH --openai PATH [--rounds 20] [--seed 1]
//   fm_crash_harness --server PATH --openai PATH --postgres DIR [--rounds 20] [--seed 1]
//
// With --postgres the cases live in the database that tests/support/services/postgres.sh started in DIR, and it is the
// database that is killed, cut off, silenced and filled, while one server lives through all rounds.
//
//   main ── starts and kills ──> server <── streams ── scripted model
//     └─ devices (a thread each a round; they remember what they saw and what they were promised)
#include "tests/support/client_view.hpp"
#include "tests/support/live_client.hpp"
#include "tests/support/program.hpp"
#include "tests/support/server_process.hpp"
#include "tests/support/troubled_database.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <mutex>
#include <poll.h>
#include <random>
#include <set>
#include <thread>
#include <unistd.h>

namespace {
using namespace fm;
using namespace fm::testing_support;
using namespace std::chrono_literals;

constexpr std::size_t users = 3;
constexpr std::size_t devices_per_user = 2;
constexpr std::size_t cases_open_per_user = 2;
constexpr std::uint64_t rounds_per_case = 12; ///< then a user opens another one beside it and forgets the oldest
constexpr std::size_t unfinished_per_case_max = 6;
constexpr auto finish_within = 120s;

/// Sentences about broken promises, from every thread.
class report {
public:
  void add(const std::string& sentence) {
    const std::lock_guard guard{mutex_};
    ++count_;
    if (sentences_.size() < 40)
      sentences_.push_back(sentence);
  }
  std::string text() const {
    const std::lock_guard guard{mutex_};
    std::string out = std::to_string(count_) + " of them";
    for (auto& s : sentences_)
      out += "\n       " + s;
    return out;
  }
  bool empty() const {
    const std::lock_guard guard{mutex_};
    return count_ == 0;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> sentences_;
  std::size_t count_ = 0;
};

/// What all devices of a user share.
struct person {
  std::string name;
  std::mutex mutex;
  std::vector<std::string> cases; ///< every case ever made, oldest first
  std::vector<std::string> open_cases(std::size_t newest) {
    const std::lock_guard guard{mutex};
    const auto n = std::min(newest, cases.size());
    return {cases.end() - static_cast<std::ptrdiff_t>(n), cases.end()};
  }
};

/// A turn this device wants, from the wish to the promise.
struct submission {
  std::string case_id, client_turn_id, content;
  std::string turn_id; ///< empty until it was acknowledged
  std::set<std::string> contents; ///< what its question may be by now
  bool edit_in_doubt = false, edit_pending = false, withdrawn = false;
  int times_sent = 0;
  bool acknowledged() const { return !turn_id.empty(); }
};

struct round_context {
  endpoint server;
  std::atomic<bool> stop{false};
  bool finishing = false; ///< no new wishes, no cuts: only what was begun
  std::size_t devices = 0;             ///< when finishing
  std::atomic<std::size_t> settled{0}; ///< of them
};

struct counters {
  std::atomic<std::uint64_t> acknowledged{0}, resent{0}, duplicates{0}, cuts{0}, stops{0}, edits{0}, withdrawals{0},
      reconnects{0}, replayed{0}, snapshots{0}, deltas{0}, compacted{0};
};

class device {
public:
  device(person& owner, std::size_t number, std::uint64_t seed, report& problems, counters& count)
      : owner_(owner), name_(owner.name + "/" + std::to_string(number)), rng_(seed), problems_(problems), count_(count) {}

  /// One round: until told to stop, or, when finishing, until there is nothing left to wait for.
  void run(round_context& round) {
    round_ = &round;
    while (!round.stop) {
      if (!connect()) {
        ::poll(nullptr, 0, 5);
        continue;
      }
      while (!round.stop && live_->is_open()) {
        if (!listen(10ms))
          break;
        if (round.finishing) {
          finish_step();
          if (may_leave_)
            break;
        } else {
          act();
        }
      }
      forget_pending();
      if (may_leave_)
        break;
    }
    if (live_)
      live_->close();
    live_.reset();
    forget_pending();
  }

  const std::string& name() const { return name_; }
  const std::map<std::string, client_view>& views() const { return views_; }
  const std::deque<submission>& submissions() const { return submissions_; }
  /// What is still missing after the last round; empty = nothing.
  std::string unsettled() const {
    std::string out;
    for (auto& s : submissions_)
      if (!s.acknowledged())
        out += name_ + " was never answered about " + s.client_turn_id + " (" + std::to_string(s.times_sent) + " times sent); ";
    for (auto& [id, view] : views_) {
      if (view.has_unfinished())
        out += name_ + " still sees work in " + id + "; ";
      if (const auto head = heads_.find(id); head != heads_.end() && view.seq() < head->second)
        out += name_ + " is at " + std::to_string(view.seq()) + " of " + std::to_string(head->second) + " in " + id + "; ";
    }
    return out;
  }

private:
  using handler = std::function<void(const json& answer, bool ok)>;

  bool chance(unsigned percent) { return rng_() % 100 < percent; }
  template <class C>
  auto& pick(C& items) { return items[rng_() % items.size()]; }

  std::string uuid() {
    char text[40];
    const auto a = rng_(), b = rng_();
    std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", static_cast<unsigned>(a >> 32U),
                  static_cast<unsigned>((a >> 16U) & 0xFFFFU), static_cast<unsigned>(a & 0xFFFU),
                  static_cast<unsigned>(0x8000U | (b >> 50U)), static_cast<unsigned long long>(b & 0xFFFFFFFFFFFFULL));
    return text;
  }

  std::string words() {
    static const std::vector<std::string> some{"disk", "voll", "nach", "Deploy", "タイムアウト", "error", "the", "pool",
                                               "\"quoted\"", "back\\slash", "naïve", "🔥", "line\nbreak", "tab\there"};
    std::string text;
    const auto n = chance(5) ? 2'000 + rng_() % 4'000 : 1 + rng_() % 30;
    for (std::uint64_t i = 0; i < n; ++i)
      text += pick(some) + " ";
    return text + std::to_string(rng_());
  }

  bool connect() {
    // A token outlives a crash; sometimes one signs in anew all the same.
    http_ = http_connection{round_->server, token_};
    if (token_.empty() || chance(30)) {
      auto r = http_.request("POST", "/api/v1/auth/dev-login", "{\"username\":" + json_quoted(owner_.name) + "}", {}, 3s);
      if (!r)
        return false;
      if (r->status == 503)
        return false;
      if (r->status != 200 && r->status != 201) {
        problem("signing in was answered with " + std::to_string(r->status) + " " + r->body);
        return false;
      }
      token_ = r->parsed()["access_token"].text();
      http_.set_token(token_);
    }
    auto opened = live_client::open(round_->server, token_, 3s);
    if (!opened) {
      const failure why = opened.error();
      if (const auto status = why.facts.find("status"); status != why.facts.end() && status->second != "503") {
        if (status->second == "401")
          token_.clear();
        problem("the live connection was refused with " + status->second);
      }
      return false;
    }
    live_ = std::move(*opened);
    ++count_.reconnects;
    opened_.clear();
    muted_.clear();
    open_cases();
    resend_waiting();
    return live_->is_open();
  }

  void open_cases() {
    // While finishing, every case this device has ever seen; it must catch up with all of them.
    std::vector<std::string> wanted = owner_.open_cases(round_->finishing ? 60 : cases_open_per_user);
    for (auto& id : wanted) {
      if (!opened_.emplace(id, std::nullopt).second)
        continue;
      const bool known = views_.contains(id);
      const bool fresh = known && !round_->finishing && chance(8);
      std::string object = "\"type\":\"case.open\",\"case_id\":" + json_quoted(id);
      if (!fresh)
        object += ",\"after_seq\":" + std::to_string(known ? views_[id].seq() : 0);
      views_[id];
      if (!fresh)
        ++count_.replayed;
      command(object, [this, id](const json& answer, bool ok) {
        if (ok)
          opened_[id] = heads_[id] = answer["seq"].whole();
        else
          opened_.erase(id); // asked again soon
        if (!ok && !answer.is_null() && answer["code"].text() != "unavailable" && answer["code"].text() != "rate_limited")
          problem("case.open was refused: " + answer["message"].text());
      });
    }
  }

  /// Opens a case once more on the same connection. What still comes for the earlier opening is not for us; from
  /// the "ok" on, the replay starts after what we hold.
  void open_again(const std::string& id) {
    muted_.insert(id);
    opened_[id].reset();
    command("\"type\":\"case.open\",\"case_id\":" + json_quoted(id) + ",\"after_seq\":" + std::to_string(views_[id].seq()),
            [this, id](const json& answer, bool ok) {
              muted_.erase(id);
              if (ok)
                opened_[id] = heads_[id] = answer["seq"].whole();
              else
                opened_.erase(id);
            });
  }

  /// Sends `{"id":…,members}` and remembers who wants the answer.
  void command(const std::string& members, handler on_answer) {
    const auto id = "c" + std::to_string(++commands_);
    pending_.emplace(id, std::move(on_answer));
    (void)live_->send("{\"id\":\"" + id + "\"," + members + "}");
  }

  void forget_pending() {
    auto lost = std::move(pending_);
    pending_.clear();
    for (auto& [id, on_answer] : lost)
      on_answer(json{}, false);
  }

  bool listen(milliseconds wait) {
    auto n = live_->poll(wait, [&](std::string_view text) {
      const auto object = json::parse(text);
      if (!object) {
        problem("not JSON: " + std::string{text.substr(0, 200)});
        return;
      }
      dispatch(*object);
    });
    return static_cast<bool>(n);
  }

  void dispatch(const json& o) {
    const auto& type = o["type"].text();
    if (type == "event") {
      if (muted_.contains(o["case_id"].text()))
        return;
      auto& view = views_[o["case_id"].text()];
      const auto before = view.seq();
      view.apply_event(o);
      if (o["kind"].text() == "turn_delta")
        ++count_.deltas;
      if (view.seq() > before + 1)
        ++count_.compacted;
    } else if (type == "case.snapshot") {
      if (muted_.contains(o["case_id"].text()))
        return; // of the opening before: the replay that was asked for starts where the view stood
      ++count_.snapshots;
      views_[o["case_id"].text()].apply_snapshot(o);
    } else if (type == "ok" || type == "error") {
      const auto found = pending_.find(o["reply_to"].text());
      if (found == pending_.end()) {
        problem("an answer to nothing we asked: reply_to " + o["reply_to"].text() + " " + o["message"].text());
        return;
      }
      auto on_answer = std::move(found->second);
      pending_.erase(found);
      on_answer(o, type == "ok");
    } else if (type == "case.removed") {
      problem("case.removed of a case nobody deleted");
    }
  }

  void acknowledged(submission& s, const json& receipt) {
    const auto& turn = receipt["turn_id"].text();
    if (turn.empty())
      return problem("an acknowledgement without turn_id for " + s.client_turn_id);
    if (s.acknowledged() && s.turn_id != turn)
      problem("client_turn_id " + s.client_turn_id + " was promised as " + s.turn_id + " and as " + turn);
    if (!s.acknowledged())
      ++count_.acknowledged;
    s.turn_id = turn;
    if (receipt["duplicate"].truth())
      ++count_.duplicates;
  }

  void refused(const submission& s, const std::string& code, const std::string& message) {
    // Pressed for time, the server may say no, and the wish is repeated; anything else is a broken promise. A
    // client cannot quite know when its replay is over while the log grows: that refusal passes as well.
    static const std::set<std::string> passing{"", "rate_limited", "overloaded", "unavailable", "timed_out"};
    if (!passing.contains(code) && message.find("replay") == std::string::npos)
      problem("turn " + s.client_turn_id + " was refused: " + code + " " + message);
  }

  void send(submission& s, bool over_rest) {
    if (s.times_sent++ > 0)
      ++count_.resent;
    if (over_rest) {
      const std::string body =
          "{\"query\":" + json_quoted(s.content) + ",\"client_turn_id\":" + json_quoted(s.client_turn_id) + "}";
      auto r = http_.request("POST", "/api/v1/cases/" + s.case_id + "/queries", body, {{"Prefer", "respond-async"}}, 3s);
      if (!r)
        return;
      const auto answer = r->parsed();
      if (r->status == 200 || r->status == 201 || r->status == 202)
        acknowledged(s, answer);
      else
        refused(s, answer["error"]["code"].text(), answer["detail"].text());
      return;
    }
    auto* const wish = &s; // a deque does not move its elements
    wish_pending_.insert(wish);
    command("\"type\":\"turn.submit\",\"case_id\":" + json_quoted(s.case_id) + ",\"client_turn_id\":" +
                json_quoted(s.client_turn_id) + ",\"content\":" + json_quoted(s.content),
            [this, wish](const json& answer, bool ok) {
              wish_pending_.erase(wish);
              if (ok)
                acknowledged(*wish, answer);
              else
                refused(*wish, answer["code"].text(), answer["message"].text());
            });
  }

  void resend_waiting() {
    for (auto& s : submissions_)
      if (!s.acknowledged() && !wish_pending_.contains(&s) && live_->is_open() && replayed(s.case_id))
        send(s, chance(30));
  }

  /// The client may send nothing to a case before its replay is done.
  bool replayed(const std::string& id) {
    const auto found = opened_.find(id);
    return found != opened_.end() && found->second && views_[id].seq() >= *found->second;
  }

  /// Who is done early waits for the others, whose last wishes are news to everybody; then all look once more.
  void finish_step() {
    const bool done = settled();
    if (done != counted_)
      round_->settled += done ? 1 : std::size_t(-1);
    counted_ = done;
    if (!done) {
      open_cases();
      resend_waiting();
    } else if (last_look_) {
      may_leave_ = true;
    } else if (round_->settled == round_->devices) {
      last_look_ = true;
      live_->cut();
    }
  }

  bool settled() const {
    return pending_.empty() && unsettled().empty() && views_.size() == opened_.size();
  }

  void act() {
    const auto cases = owner_.open_cases(cases_open_per_user);
    for (auto& id : cases)
      if (!opened_.contains(id))
        return open_cases();
    if (chance(2)) {
      ++count_.cuts;
      live_->cut();
      return;
    }
    if (chance(5))
      resend_waiting();
    if (cases.empty())
      return;
    const auto& id = pick(cases);
    if (!replayed(id))
      return;
    auto& view = views_[id];
    if (chance(2)) {
      open_again(id);
    } else if (chance(15)) {
      std::size_t waiting = 0;
      for (auto& [number, t] : view.turns())
        waiting += t.is_unfinished();
      if (waiting < unfinished_per_case_max) {
        submission s;
        s.case_id = id;
        s.client_turn_id = uuid();
        s.content = words();
        s.contents.insert(s.content);
        submissions_.push_back(std::move(s));
        auto& wish = submissions_.back();
        send(wish, chance(30));
        if (chance(20) && live_->is_open())
          send(wish, chance(50));
      }
    } else if (chance(3)) {
      for (auto& [number, t] : view.turns())
        if (t.is_running()) {
          ++count_.stops;
          command("\"type\":\"turn.stop\",\"case_id\":" + json_quoted(id) + ",\"turn_id\":" + json_quoted(t.turn_id),
                  [](const json&, bool) {});
          break;
        }
    } else if (chance(10)) {
      for (auto& s : submissions_) {
        if (s.case_id != id || !s.acknowledged() || s.withdrawn || s.edit_pending)
          continue;
        const auto* t = view.find(s.turn_id);
        if (t == nullptr || t->status != "queued")
          continue;
        change(s);
        break;
      }
    }
  }

  void change(submission& s) {
    auto* const wish = &s;
    const auto about = ",\"case_id\":" + json_quoted(s.case_id) + ",\"turn_id\":" + json_quoted(s.turn_id);
    s.edit_pending = true;
    if (chance(40)) {
      ++count_.withdrawals;
      command("\"type\":\"turn.withdraw\"" + about, [wish](const json&, bool ok) {
        wish->edit_pending = false;
        wish->withdrawn = wish->withdrawn || ok;
      });
      return;
    }
    ++count_.edits;
    const auto content = words();
    s.contents.insert(content);
    command("\"type\":\"turn.edit\",\"content\":" + json_quoted(content) + about,
            [wish, content](const json& answer, bool ok) {
              wish->edit_pending = false;
              if (ok && !wish->edit_in_doubt)
                wish->contents = {content};
              else if (!ok && (answer.is_null() || answer["code"].text() == "unavailable" || answer["code"].text() == "timed_out"))
                wish->edit_in_doubt = true; // cut: it may or may not have happened, even after a later one
              else if (!ok)
                wish->contents.erase(content);
            });
  }

  void problem(const std::string& sentence) { problems_.add(name_ + ": " + sentence); }

  person& owner_;
  std::string name_, token_;
  std::mt19937_64 rng_;
  report& problems_;
  counters& count_;
  round_context* round_ = nullptr;
  std::unique_ptr<live_client> live_;
  http_connection http_{endpoint{}};
  std::map<std::string, client_view> views_;
  std::map<std::string, std::uint64_t> heads_;
  std::map<std::string, std::optional<std::uint64_t>> opened_; ///< on this connection, with the head it was told
  std::set<std::string> muted_;
  std::deque<submission> submissions_;
  std::set<const submission*> wish_pending_;
  std::map<std::string, handler> pending_;
  std::uint64_t commands_ = 0;
  bool counted_ = false, last_look_ = false, may_leave_ = false;
};

struct settings {
  std::string server, openai;
  std::filesystem::path directory;
  std::map<std::string, std::string> storage; ///< environment that says where cases live; empty = the data directory
};

child_process::options server_options(const settings& s, const std::string& model_url, std::uint64_t round) {
  child_process::options o;
  o.command = {s.server, "serve", "--host", "127.0.0.1", "--port", "0", "--data", (s.directory / "data").string()};
  o.environment = {{"FAULTMAVEN_LLM_BASE_URL", model_url},
                   {"FAULTMAVEN_LLM_API_KEY", "scripted"},
                   {"FAULTMAVEN_LLM_MODEL", "scripted"},
                   {"FAULTMAVEN_HTTP_REQUESTS_PER_SECOND", "100000"},
                   {"FAULTMAVEN_HTTP_REQUESTS_BURST", "100000"},
                   {"FAULTMAVEN_HTTP_SIGN_INS_PER_MINUTE", "100000"},
                   // Early, so that many a resume goes over compacted deltas.
                   {"FAULTMAVEN_CASES_COMPACT_AFTER_SECONDS", "1"}};
  for (auto& [name, value] : s.storage)
    o.environment.emplace(name, value);
  o.output = s.directory / ("server-" + std::to_string(round) + ".log");
  return o;
}

/// Everything of a paged REST list, by offset.
std::vector<json> all_of(http_connection& http, const std::string& target, const std::string& member, report& problems) {
  std::vector<json> out;
  for (std::size_t page = 0; page < 1'000; ++page) {
    auto r = http.get(target + "?limit=100&offset=" + std::to_string(out.size()));
    if (!r || r->status != 200) {
      problems.add("GET " + target + " failed: " + (r ? std::to_string(r->status) + r->body : r.error().detail));
      return out;
    }
    const auto body = r->parsed();
    for (auto& item : body[member].items())
      out.push_back(item);
    if (!body["has_more"].truth() || body[member].size() == 0)
      return out;
  }
  return out;
}

/// The log up to an event. What is after it may only be what comes behind all others when nobody asks any more (notes of
/// earlier cases that are like this one): of turns there is nothing left to tell.
client_view view_from_log(http_connection& http, const std::string& id, report& problems, std::uint64_t upto = UINT64_MAX) {
  client_view view;
  std::uint64_t after = 0;
  for (std::size_t page = 0; page < 100'000; ++page) {
    auto r = http.get("/api/v1/cases/" + id + "/events?limit=100&after_seq=" + std::to_string(after));
    if (!r || r->status != 200) {
      problems.add("GET events of " + id + " failed: " + (r ? std::to_string(r->status) + r->body : r.error().detail));
      break;
    }
    const auto body = r->parsed();
    for (auto& e : body["events"].items())
      if (e["seq"].whole() <= upto)
        view.apply_event(e);
      else if (e["kind"].text().starts_with("turn_"))
        problems.add("event " + std::to_string(e["seq"].whole()) + " of " + id + " (" + e["kind"].text() + ") is in the log and came to nobody");
    // Compacted events are passed over: the page says how far it reaches.
    after = body["next_after_seq"].whole();
    if (!body["has_more"].truth())
      break;
  }
  for (auto& v : view.violations())
    problems.add("the log of " + id + ": " + v);
  return view;
}

std::string first_difference(const std::string& a, const std::string& b) {
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at])
    ++at;
  const auto from = at < 60 ? 0 : at - 60;
  return "at byte " + std::to_string(at) + ": \"" + a.substr(from, 120) + "\" against \"" + b.substr(from, 120) + "\"";
}

class harness {
public:
  harness(settings s, std::uint64_t rounds, std::uint64_t seed, std::unique_ptr<database> troubled)
      : settings_(std::move(s)), rounds_(rounds), seed_(seed), rng_(seed), database_(std::move(troubled)) {
    for (std::size_t u = 0; u < users; ++u) {
      auto& p = people_.emplace_back();
      p.name = "person" + std::to_string(u + 1);
      for (std::size_t d = 0; d < devices_per_user; ++d)
        devices_.emplace_back(p, d + 1, seed * 1'000 + u * 10 + d, problems_, count_);
    }
  }

  int run() {
    auto model = child_process::start({{settings_.openai, "--port", "0", "--tokens-per-second", "250", "--tokens", "40"},
                                       {},
                                       settings_.directory / "model.log"});
    auto model_url = model ? model->wait_for_url(10s) : outcome<std::string>{model.error()};
    if (!checks_.check(model_url.has_value(), "the scripted model is there", model_url ? *model_url : model_url.error().detail))
      return checks_.finish();
    if (database_)
      trouble_the_database(*model_url);
    else
      for (std::uint64_t round = 1; round <= rounds_; ++round)
        if (!play(round, *model_url))
          break;
    checks_.check(came_up_ == rounds_, database_ ? "the service came back after every fault" : "the server came up after every kill",
                  std::to_string(came_up_) + " of " + std::to_string(rounds_) + ", slowest " +
                      std::to_string(slowest_start_.count()) + " ms");
    if (came_up_ == rounds_)
      finish(*model_url);
    if (checks_.failed() > 0)
      std::printf("kept for a look: %s (seed %llu)\n", settings_.directory.c_str(), static_cast<unsigned long long>(seed_));
    return checks_.finish();
  }
  bool failed() const { return checks_.failed() > 0; }

private:
  /// Starts the server; says why when it does not come up.
  std::optional<endpoint> start(child_process& server, const std::string& model_url, std::uint64_t round) {
    const auto begin = steady::now();
    auto started = child_process::start(server_options(settings_, model_url, round));
    auto url = started ? started->wait_for_url(20s) : outcome<std::string>{started.error()};
    auto where = url ? endpoint_of(*url) : outcome<endpoint>{url.error()};
    if (!where) {
      problems_.add("round " + std::to_string(round) + ": " + where.error().detail);
      std::printf("round %llu: the server does not start: %s\n", static_cast<unsigned long long>(round), where.error().detail.c_str());
      return std::nullopt;
    }
    slowest_start_ = std::max(slowest_start_, std::chrono::duration_cast<milliseconds>(steady::now() - begin));
    server = std::move(*started);
    return *where;
  }

  void make_cases(const endpoint& at, std::uint64_t round) {
    for (auto& p : people_) {
      const auto wanted = cases_open_per_user + round / rounds_per_case;
      http_connection http{at};
      auto login = http.post("/api/v1/auth/dev-login", "{\"username\":" + json_quoted(p.name) + "}");
      if (!login)
        return problems_.add("signing in failed: " + login.error().detail);
      http.set_token(login->parsed()["access_token"].text());
      while (p.open_cases(1'000).size() < wanted) {
        auto r = http.post("/api/v1/cases", "{\"title\":\"crash harness\"}");
        const auto id = r ? r->parsed()["case_id"].text() : std::string{};
        if (id.empty())
          return problems_.add("no case could be made: " + (r ? r->body : r.error().detail));
        const std::lock_guard guard{p.mutex};
        p.cases.push_back(id);
      }
    }
  }

  /// One server; everybody works all the time while the database has one fault after the other.
  void trouble_the_database(const std::string& model_url) {
    child_process server;
    const auto at = start(server, model_url, 1);
    if (!at)
      return;
    slowest_start_ = milliseconds{0};
    make_cases(*at, 1);
    std::atomic<std::uint64_t> stored{0}, told{0};
    std::atomic<bool> enough{false};
    std::mutex mutex;
    steady::time_point healed = steady::now();
    std::optional<milliseconds> back;
    // Asks all the time whether something can be written, and holds every refusal to the form it must have.
    std::thread prober{[&] {
      http_connection http{*at};
      for (std::uint64_t n = 0; !enough; ++n) {
        steady::time_point since;
        {
          const std::lock_guard guard{mutex};
          since = healed;
        }
        auto login = n == 0 ? http.post("/api/v1/auth/dev-login", "{\"username\":\"prober\"}") : outcome<http_answer>{http_answer{}};
        if (n == 0 && login)
          http.set_token(login->parsed()["access_token"].text());
        auto r = probe_.empty() ? http.request("POST", "/api/v1/cases", "{\"title\":\"is it there\"}", {}, 30s)
                                : http.request("PUT", "/api/v1/cases/" + probe_, "{\"title\":\"probe " + std::to_string(n) + "\"}", {}, 30s);
        if (!r) {
          problems_.add("a request got no answer: " + r.error().detail);
          http = http_connection{*at};
          continue;
        }
        if (probe_.empty() && r->status == 201)
          probe_ = r->parsed()["case_id"].text();
        if (r->status == 200 || r->status == 201) {
          ++stored;
          const std::lock_guard guard{mutex};
          if (!back && since == healed && steady::now() >= healed)
            back = std::chrono::duration_cast<milliseconds>(steady::now() - healed);
        } else if (r->status == 503 && !r->header("retry-after").empty()) {
          ++told;
        } else if (r->status != 409) { // a version that moved on under a lost answer
          problems_.add("a request was answered with " + std::to_string(r->status) + " " + r->body);
        }
        ::poll(nullptr, 0, 20);
      }
    }};
    for (std::uint64_t round = 1; round <= rounds_; ++round) {
      round_context context;
      context.server = *at;
      const auto before = count_.acknowledged.load();
      std::vector<std::thread> threads;
      for (auto& d : devices_)
        threads.emplace_back([&] { d.run(context); });
      ::poll(nullptr, 0, static_cast<int>(200 + rng_() % 600));
      std::string what;
      {
        const std::lock_guard guard{mutex};
        healed = steady::time_point::max();
        back.reset();
      }
      try {
        what = database_->trouble(rng_, round);
      } catch (const std::exception& e) {
        problems_.add(e.what());
      }
      const auto since = steady::now();
      {
        const std::lock_guard guard{mutex};
        healed = since;
        back.reset();
      }
      std::optional<milliseconds> took;
      while (!took && steady::now() - since < 60s) {
        ::poll(nullptr, 0, 5);
        const std::lock_guard guard{mutex};
        took = back;
      }
      if (took) {
        ++came_up_;
        slowest_start_ = std::max(slowest_start_, *took);
      }
      ::poll(nullptr, 0, static_cast<int>(200 + rng_() % 300));
      context.stop = true;
      for (auto& t : threads)
        t.join();
      std::printf("round %llu seed %llu: %s; back after %s, %llu turns acknowledged\n", static_cast<unsigned long long>(round),
                  static_cast<unsigned long long>(seed_), what.c_str(), took ? (std::to_string(took->count()) + " ms").c_str() : "never",
                  static_cast<unsigned long long>(count_.acknowledged - before));
      std::fflush(stdout);
      if (!took || !server.running())
        break;
    }
    enough = true;
    prober.join();
    checks_.check(told > 0 && stored > 0, "who asked meanwhile was told 503 with Retry-After",
                  std::to_string(stored.load()) + " writes stored, " + std::to_string(told.load()) + " told to come back");
    checks_.check(server.running(), "the server lived through all of it");
    server.signal(SIGTERM);
    if (!server.wait(20s))
      server.kill();
  }

  bool play(std::uint64_t round, const std::string& model_url) {
    child_process server;
    const auto at = start(server, model_url, round);
    if (!at)
      return false;
    ++came_up_;
    make_cases(*at, round);
    const auto before = count_.acknowledged.load();
    // One round in eight the kill comes while the server is still waking up, one in eight it gets to compact.
    const auto kind = rng_() % 8;
    const auto life = milliseconds{kind == 0 ? rng_() % 80 : kind == 1 ? 2'000 + rng_() % 1'000 : 250 + rng_() % 1'250};
    round_context context;
    context.server = *at;
    std::vector<std::thread> threads;
    // Some are away for a round and come back to a log that was compacted meanwhile.
    for (auto& d : devices_)
      if (rng_() % 4 != 0)
        threads.emplace_back([&] { d.run(context); });
    ::poll(nullptr, 0, static_cast<int>(life.count()));
    const bool alive = server.running();
    server.kill();
    context.stop = true;
    for (auto& t : threads)
      t.join();
    if (!alive)
      problems_.add("round " + std::to_string(round) + ": the server had died by itself; see " +
                    (settings_.directory / ("server-" + std::to_string(round) + ".log")).string());
    std::printf("round %llu seed %llu: killed after %lld ms, %llu turns acknowledged\n",
                static_cast<unsigned long long>(round), static_cast<unsigned long long>(seed_),
                static_cast<long long>(life.count()), static_cast<unsigned long long>(count_.acknowledged - before));
    std::fflush(stdout);
    if (alive)
      std::filesystem::remove(settings_.directory / ("server-" + std::to_string(round) + ".log"));
    return alive;
  }

  void finish(const std::string& model_url) {
    child_process server;
    const auto at = start(server, model_url, rounds_ + 1);
    if (!checks_.check(at.has_value(), "the server comes up a last time"))
      return;
    round_context context;
    context.server = *at;
    context.finishing = true;
    context.devices = devices_.size();
    std::atomic<std::size_t> at_work{devices_.size()};
    std::vector<std::thread> threads;
    for (auto& d : devices_)
      threads.emplace_back([&] {
        d.run(context);
        --at_work;
      });
    const auto until = steady::now() + finish_within;
    while (at_work > 0 && steady::now() < until)
      ::poll(nullptr, 0, 10);
    context.stop = true;
    for (auto& t : threads)
      t.join();
    std::string unsettled;
    for (auto& d : devices_)
      unsettled += d.unsettled();
    checks_.check(unsettled.empty(), "every wish was acknowledged and every turn ended", unsettled);
    compare(*at);
    server.signal(SIGTERM);
    const auto code = server.wait(15s);
    checks_.check(code == 0, "the server drains when asked to", code ? "exit code " + std::to_string(*code) : "still running");
    server.kill();
    auto verified = run_process({{settings_.server, "verify", "--data", (settings_.directory / "data").string()},
                                 server_options(settings_, model_url, 0).environment,
                                 settings_.directory / "verify.log"},
                                120s);
    checks_.check(verified && verified->exit_code == 0, "faultmaven verify finds nothing",
                  verified ? verified->output : verified.error().detail);
  }

  void compare(const endpoint& at) {
    report lost, doubled, gaps, views, snapshots, contents;
    std::size_t turns = 0, compared = 0, whole_cases = 0;
    for (auto& p : people_) {
      http_connection http{at};
      auto login = http.post("/api/v1/auth/dev-login", "{\"username\":" + json_quoted(p.name) + "}");
      const auto token = login ? login->parsed()["access_token"].text() : std::string{};
      http.set_token(token);
      auto live = live_client::open(at, token);
      for (auto& id : p.open_cases(1'000)) {
        ++whole_cases;
        const auto log = view_from_log(http, id, problems_);
        const auto stored = all_of(http, "/api/v1/cases/" + id + "/queries", "queries", problems_);
        turns += stored.size();
        check_turns(p, id, log, stored, lost, doubled, gaps, contents);
        for (auto& d : devices_) {
          const auto seen = d.views().find(id);
          if (seen == d.views().end() || &owner_of(d) != &p)
            continue;
          for (auto& v : seen->second.violations())
            problems_.add(d.name() + " in " + id + ": " + v);
          ++compared;
          // A view that began with a snapshot knows only how the latest turns went.
          const bool coarse = seen->second.from_snapshot();
          const auto from = seen->second.first_whole_turn();
          const auto told = view_from_log(http, id, problems_, seen->second.seq());
          const auto a = seen->second.canonical(from, coarse || from > 1), b = told.canonical(from, coarse || from > 1);
          if (a != b)
            views.add(d.name() + " in " + id + " " + first_difference(a, b));
        }
        if (live)
          check_snapshot(**live, http, id, snapshots);
      }
    }
    const auto show = [&](const report& r, const char* name, const std::string& good) {
      checks_.check(r.empty(), name, r.empty() ? good : r.text());
    };
    show(lost, "no acknowledged turn was lost", std::to_string(count_.acknowledged) + " acknowledged");
    show(doubled, "no turn exists twice", std::to_string(turns) + " turns stored, " + std::to_string(count_.resent) +
                                              " resent, " + std::to_string(count_.duplicates) + " recognised");
    show(gaps, "turns are numbered without a gap", std::to_string(whole_cases) + " cases");
    show(contents, "every question is what its author last had confirmed", std::to_string(count_.edits) + " edits, " +
                                                                               std::to_string(count_.withdrawals) + " withdrawals");
    show(views, "every client's view equals the log, byte for byte", std::to_string(compared) + " views");
    show(snapshots, "every snapshot equals the log", std::to_string(whole_cases) + " snapshots");
    show(problems_, "no promise of the protocol was broken on the way",
         std::to_string(count_.deltas) + " deltas, " + std::to_string(count_.reconnects) + " connections, " +
             std::to_string(count_.replayed) + " resumes (" + std::to_string(count_.compacted) + " over compacted text), " +
             std::to_string(count_.snapshots) + " snapshots, " + std::to_string(count_.cuts) + " cuts, " +
             std::to_string(count_.stops) + " stops");
    // A harness in which nothing happens proves nothing.
    checks_.check(count_.acknowledged >= rounds_ && count_.deltas >= rounds_ && count_.reconnects > rounds_,
                  "there was something to lose");
  }

  person& owner_of(const device& d) {
    return people_[static_cast<std::size_t>(d.name()[6] - '1')];
  }

  void check_turns(person& p, const std::string& id, const client_view& log, const std::vector<json>& stored, report& lost,
                   report& doubled, report& gaps, report& contents) {
    std::map<std::string, std::vector<const json*>> by_client;
    std::uint64_t expected = 0;
    for (auto& t : stored) {
      by_client[t["client_turn_id"].text()].push_back(&t);
      if (t["turn_number"].whole() != ++expected)
        gaps.add(id + ": number " + std::to_string(t["turn_number"].whole()) + " where " + std::to_string(expected) + " belongs");
      const auto* seen = log.find(t["turn_id"].text());
      if (seen == nullptr || seen->status != t["status"].text())
        gaps.add(id + ": turn " + t["turn_id"].text() + " is " + t["status"].text() + " by REST and " +
                 (seen ? seen->status : "absent") + " in the log");
    }
    if (stored.size() != log.turns().size())
      gaps.add(id + ": " + std::to_string(stored.size()) + " turns by REST, " + std::to_string(log.turns().size()) + " in the log");
    for (auto& [client, list] : by_client)
      if (list.size() > 1)
        doubled.add(id + ": client_turn_id " + client + " exists " + std::to_string(list.size()) + " times");
    for (auto& d : devices_) {
      if (&owner_of(d) != &p)
        continue;
      for (auto& s : d.submissions()) {
        if (s.case_id != id || !s.acknowledged())
          continue;
        const auto found = by_client.find(s.client_turn_id);
        if (found == by_client.end() || (*found->second[0])["turn_id"].text() != s.turn_id) {
          lost.add(id + ": " + s.client_turn_id + " was acknowledged as " + s.turn_id +
                   (found == by_client.end() ? " and is not there" : " and is there under another id"));
          continue;
        }
        const auto* t = log.find(s.turn_id);
        if (t == nullptr)
          continue; // reported above
        if (s.withdrawn != (t->status == "withdrawn") && s.withdrawn)
          contents.add(id + ": the withdrawal of " + s.turn_id + " was confirmed, yet it is " + t->status);
        if (!s.contents.contains(t->question))
          contents.add(id + ": the question of " + s.turn_id + " is none of what its author wrote");
      }
    }
  }

  void check_snapshot(live_client& live, http_connection& http, const std::string& id, report& out) {
    client_view view;
    bool came = false;
    (void)live.send("{\"id\":\"s\",\"type\":\"case.open\",\"case_id\":" + json_quoted(id) + "}");
    live.poll_until(
        5s,
        [&](const json& o) {
          if (o["type"].text() == "case.snapshot" && o["case_id"].text() == id) {
            view.apply_snapshot(o);
            came = true;
          }
        },
        [&] { return came; });
    (void)live.ask("{\"id\":\"x\",\"type\":\"case.close\",\"case_id\":" + json_quoted(id) + "}", "x", 5s);
    if (!came)
      return out.add(id + ": no snapshot came");
    const auto from = view.first_whole_turn();
    const auto log = view_from_log(http, id, problems_, view.seq());
    if (view.seq() != log.seq())
      out.add(id + ": the snapshot is of " + std::to_string(view.seq()) + ", the log ends at " + std::to_string(log.seq()));
    if (const auto a = view.canonical(from, true), b = log.canonical(from, true); a != b)
      out.add(id + " " + first_difference(a, b));
  }

  settings settings_;
  std::uint64_t rounds_, seed_;
  std::mt19937_64 rng_;
  std::unique_ptr<database> database_;
  std::deque<person> people_;
  std::deque<device> devices_;
  report problems_;
  counters count_;
  checklist checks_;
  std::string probe_;
  std::uint64_t came_up_ = 0;
  milliseconds slowest_start_{0};
};

} // namespace

int main(int argc, char** argv) {
  const arguments given{argc, argv, "usage: fm_crash_harness --server PATH --openai PATH [--postgres DIR] [--rounds N] [--seed S]",
                        {"server", "openai", "postgres", "rounds", "seed"}};
  temporary_directory directory{"fm-crash-"};
  std::unique_ptr<database> troubled;
  if (const auto where = given.text_or("postgres", ""); !where.empty())
    troubled = std::make_unique<database>(where);
  const auto storage = troubled ? troubled->environment() : std::map<std::string, std::string>{};
  harness h{{given.text("server"), given.text("openai"), directory.path(), storage}, given.whole_or("rounds", 20), given.whole_or("seed", 1), std::move(troubled)};
  const int code = h.run();
  if (code != 0)
    directory.keep();
  return code;
}
