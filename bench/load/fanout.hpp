// One event to many: writers post notes to cases, everybody who has the case open gets them. Measured are the
// deliveries that reach clients in a second, end to end with durability; the same client drives the plain Beast
// broadcast of beast_broadcast.cpp, so that the ratio comes from one run.
#pragma once

#include "bench/load/fleet.hpp"
#include "bench/load/target.hpp"
#include "tests/support/latency_histogram.hpp"

#include <cinttypes>

namespace fm::load {

struct fanout_options {
  std::size_t cases = 1, people = 1'000;
  double events_per_second = 0; ///< 0 = saturate: `window` events of a case under way at any time
  std::size_t window = 128;
  std::size_t payload_bytes = 120;
  std::size_t seconds = 8;
};

struct fanout_result {
  double deliveries_per_second = 0, events_per_second = 0, events_per_message = 0, server_cpu = 0;
  std::size_t bytes_per_event = 0;
  bool complete = false;
  testing_support::latency_histogram latency; ///< from due (or sent) to a sampled subscriber, microseconds
};

class fanout {
public:
  /// `send_note(case, text)` as a frame for a writer; the rest is the same for both servers.
  struct protocol {
    std::function<std::string(std::size_t, const std::string& text)> note;
    std::function<std::string(std::size_t)> subscribe_target;
    std::string writer_target;
    std::function<std::string(std::size_t)> hello; ///< after the upgrade; empty = nothing
    std::string token;
  };

  fanout(const endpoint& to, protocol p, fanout_options o, std::function<testing_support::process_usage()> usage)
      : fleet_(to), protocol_(std::move(p)), options_(o), usage_(std::move(usage)) {}

  fanout_result run() {
    join();
    fleet_.on_message = [this](std::size_t index, std::string_view payload) { on_message(index, payload); };
    const auto warm_up = std::chrono::seconds{1};
    begin_ = steady::now();
    work_until(begin_ + warm_up);
    const auto cpu = usage_().cpu_seconds;
    const auto delivered = delivered_, sent = sent_all_;
    const auto messages = messages_;
    result_.latency = {};
    const auto from = steady::now();
    work_until(from + std::chrono::seconds{options_.seconds});
    const auto took = std::chrono::duration<double>(steady::now() - from).count();
    result_.deliveries_per_second = static_cast<double>(delivered_ - delivered) / took;
    result_.events_per_second = static_cast<double>(sent_all_ - sent) / took;
    result_.events_per_message = static_cast<double>(delivered_ - delivered) / static_cast<double>(std::max<std::uint64_t>(1, messages_ - messages));
    result_.server_cpu = (usage_().cpu_seconds - cpu) / took;
    result_.bytes_per_event = event_bytes_;
    // Everything that was accepted must arrive, at everybody.
    result_.complete = fleet_.run_until([this] { return everything_arrived(); }, std::chrono::seconds{20});
    if (!refusals_.empty())
      std::printf("  a writer was refused: %s\n", refusals_.c_str());
    if (!result_.complete)
      std::printf("  NOT complete: %zu of %zu connections closed (%s)\n", fleet_.closed(), fleet_.size(), fleet_.last_refusal().c_str());
    return result_;
  }

private:
  void join() {
    for (std::size_t c = 0; c < options_.cases; ++c)
      for (std::size_t p = 0; p < options_.people; ++p)
        fleet_[fleet_.add(protocol_.subscribe_target(c), protocol_.token)].group = static_cast<std::uint32_t>(c);
    const auto writers = std::min<std::size_t>(options_.cases, 32);
    for (std::size_t w = 0; w < writers; ++w) {
      writers_.push_back(fleet_.add(protocol_.writer_target, protocol_.token));
      fleet_[writers_.back()].writer = true;
    }
    sent_.assign(options_.cases, 0);
    received_.assign(options_.cases, 0);
    std::size_t ready = 0;
    fleet_.on_open = [&](std::size_t i) {
      if (protocol_.hello && !fleet_[i].writer)
        fleet_.send(i, protocol_.hello(fleet_[i].group));
      else
        ++ready;
    };
    fleet_.on_message = [&](std::size_t, std::string_view payload) {
      for_each_object(payload, [&](std::string_view o) {
        ready += starts_with(o, R"({"type":"ok")");
        if (starts_with(o, R"({"type":"error")"))
          give_up("a subscriber was refused: " + std::string{o});
      });
    };
    if (fleet_.connect_all(64, std::chrono::seconds{60}) != fleet_.size())
      give_up("only " + std::to_string(fleet_.open()) + " of " + std::to_string(fleet_.size()) + " connections opened: " + fleet_.last_refusal());
    if (!fleet_.run_until([&] { return ready == fleet_.size(); }, std::chrono::seconds{60}))
      give_up("only " + std::to_string(ready) + " of " + std::to_string(fleet_.size()) + " subscribers joined");
    fleet_.run_for(std::chrono::milliseconds{500}); // presence settles
  }

  void on_message(std::size_t index, std::string_view payload) {
    auto& c = fleet_[index];
    if (c.writer) {
      if (refusals_.empty() && payload.find(R"("type":"error")") != std::string_view::npos)
        refusals_ = payload.substr(0, 300);
      return;
    }
    const bool sampled = index % 16 == 0;
    const auto before = c.events;
    for_each_object(payload, [&](std::string_view o) {
      if (!starts_with(o, R"({"type":"event")"))
        return;
      ++c.events;
      event_bytes_ = o.size();
      if (sampled) {
        const auto at = o.find("@t=");
        if (at != std::string_view::npos) {
          const auto due = std::strtoull(o.data() + at + 3, nullptr, 10);
          const auto now = now_us();
          result_.latency.record(now > due ? now - due : 0);
        }
      }
    });
    messages_ += c.events > before;
    delivered_ += c.events - before;
    received_[c.group] += c.events - before;
    if (options_.events_per_second <= 0)
      pump(c.group);
  }

  static std::uint64_t now_us() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(steady::now().time_since_epoch()).count());
  }

  void note(std::size_t c, std::uint64_t due) {
    auto text = "@t=" + std::to_string(due) + " ";
    text.resize(std::max(text.size(), options_.payload_bytes), 'x');
    fleet_.send(writers_[c % writers_.size()], protocol_.note(c, text));
    ++sent_[c];
    ++sent_all_;
  }
  void pump(std::size_t c) {
    if (!pumping_)
      return;
    while (sent_[c] * options_.people < received_[c] + options_.window * options_.people)
      note(c, now_us());
  }
  void work_until(steady::time_point until) {
    if (options_.events_per_second <= 0) {
      pumping_ = true;
      for (std::size_t c = 0; c < options_.cases; ++c)
        pump(c);
      while (steady::now() < until)
        fleet_.turn(std::chrono::milliseconds{20});
      pumping_ = false;
      return;
    }
    // Open loop: events are due by the clock, whatever became of the earlier ones.
    while (steady::now() < until) {
      for (;;) {
        const auto due = begin_ + std::chrono::microseconds{static_cast<std::int64_t>(static_cast<double>(sent_all_) * 1e6 / options_.events_per_second)};
        if (due > steady::now())
          break;
        note(sent_all_ % options_.cases,
             static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(due.time_since_epoch()).count()));
      }
      fleet_.turn(std::chrono::milliseconds{1});
    }
  }
  bool everything_arrived() {
    for (std::size_t i = 0; i < fleet_.size(); ++i)
      if (!fleet_[i].writer && fleet_[i].events != sent_[fleet_[i].group])
        return false;
    return true;
  }

  fleet fleet_;
  protocol protocol_;
  fanout_options options_;
  std::function<testing_support::process_usage()> usage_;
  fanout_result result_;
  std::vector<std::size_t> writers_;
  std::vector<std::uint64_t> sent_, received_;
  std::uint64_t sent_all_ = 0, delivered_ = 0, messages_ = 0;
  std::size_t event_bytes_ = 0;
  bool pumping_ = false;
  steady::time_point begin_{};
  std::string refusals_;
};

inline void print(const char* name, const fanout_result& r) {
  std::printf("%-10s %9.0f deliveries/s  %8.0f events/s  %6.1f events/message  %4zu bytes/event  server CPU %3.0f %%  %s\n"
              "           latency %s\n",
              name, r.deliveries_per_second, r.events_per_second, r.events_per_message, r.bytes_per_event, r.server_cpu * 100,
              r.complete ? "complete" : "INCOMPLETE", r.latency.summary().c_str());
  std::fflush(stdout);
}

inline fanout_result fanout_ours(target& t, const fanout_options& o) {
  const auto ids = t.make_cases(o.cases);
  std::uint64_t command = 0;
  fanout::protocol p;
  p.token = t.token();
  p.writer_target = "/api/v1/live";
  p.subscribe_target = [](std::size_t) { return std::string{"/api/v1/live"}; };
  p.hello = [&ids](std::size_t c) { return "{\"id\":1,\"type\":\"case.open\",\"case_id\":\"" + ids[c] + "\",\"after_seq\":0}"; };
  p.note = [&ids, &command](std::size_t c, const std::string& text) {
    return "{\"id\":" + std::to_string(++command) + ",\"type\":\"note.add\",\"case_id\":\"" + ids[c] + "\",\"content\":\"" + text + "\"}";
  };
  return fanout{t.at(), std::move(p), o, [&t] { return t.usage(); }}.run();
}

/// `bytes` = the size of our events, so that both move the same.
inline fanout_result fanout_baseline(const std::string& program, const std::string& threads, fanout_options o, std::size_t bytes) {
  temporary_directory directory{"fm-baseline-"};
  auto started = child_process::start({{program, "--port", "0", "--threads", threads}, {}, directory.path() / "log", true});
  if (!started)
    give_up(started.error().detail);
  auto url = started->wait_for_url(std::chrono::seconds{10});
  if (!url)
    give_up(url.error().detail);
  fanout::protocol p;
  p.writer_target = "/publish";
  p.subscribe_target = [](std::size_t c) { return "/room/" + std::to_string(c); };
  p.note = [bytes](std::size_t c, const std::string& text) {
    auto event = R"({"type":"event","content":")" + text;
    event.resize(std::max(event.size(), bytes > 2 ? bytes - 2 : 0), 'x');
    return std::to_string(c) + " " + event + "\"}";
  };
  const auto pid = started->pid();
  return fanout{*testing_support::endpoint_of(*url), std::move(p), o, [pid] {
                  auto u = testing_support::usage_of(pid);
                  return u ? *u : testing_support::process_usage{};
                }}.run();
}

} // namespace fm::load
