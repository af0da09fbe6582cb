// Streaming turns with and without uploads beside them, in turn, in one run: what uploads add to the way of a word from the
// model to the screen. And the memory of a server that is sent a very large file.
#pragma once

#include "bench/load/fleet.hpp"
#include "bench/load/target.hpp"
#include "tests/support/latency_histogram.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>

namespace fm::load {

struct uploads_options {
  std::size_t turns = 100, to_one_case = 20, to_others = 200;
  std::size_t rounds = 3;
  std::size_t file_bytes = 1U << 20;
  std::size_t large_bytes = 0; ///< of one log whose upload is watched for memory; 0 = none
};

/// A log, a configuration or a table of metrics; never twice the same.
inline std::string upload_file(std::size_t n, std::size_t log_bytes) {
  std::string text;
  const auto line = [&](const char* format, auto... values) {
    char buffer[240];
    std::snprintf(buffer, sizeof buffer, format, values...);
    text += buffer;
  };
  if (n % 4 < 2) {
    for (std::size_t i = 0; text.size() < log_bytes; ++i)
      i % 37 == 0 ? line("2026-03-04T10:%02zu:%02zu.%03zuZ ERROR worker-%zu connection to db-%zu:5432 timed out after %zu ms\n", i / 60 % 60, i % 60, i % 1'000, n, i % 7, 5'000 + i % 17)
                  : line("2026-03-04T10:%02zu:%02zu.%03zuZ INFO worker-%zu request %08zx served in %zu ms\n", i / 60 % 60, i % 60, i % 1'000, n, i * 2'654'435'761U & 0xFFFFFFFFU, i % 90);
  } else if (n % 4 == 2) {
    for (std::size_t i = 0; i < 200; ++i)
      line("service_%zu:\n  replicas: %zu\n  memory: %zuMi\n  host: node-%zu\n", i, i % 5, 128 * (i % 9 + 1), n);
  } else {
    text = "time,cpu,memory\n";
    for (std::size_t i = 0; i < 3'000; ++i)
      line("2026-03-04T10:%02zu:%02zuZ,%zu,%zu\n", i / 60 % 60, i % 60, (i * 7 + n) % 100, 1'000 + i % 300);
  }
  return text;
}
inline const char* upload_name(std::size_t n) { return n % 4 < 2 ? "service.log" : n % 4 == 2 ? "config.yaml" : "metrics.csv"; }

/// One form, written as it goes; the status, 0 when there was no answer.
inline int upload(const endpoint& to, const std::string& token, const std::string& case_id, const std::string& name, const std::function<std::string_view()>& next, std::size_t bytes,
                  std::chrono::seconds within) {
  const std::string head = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n", tail = "\r\n--XX--\r\n";
  http_connection http{to};
  const auto begun = http.send_raw("POST /api/v1/cases/" + case_id + "/data HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token +
                                       "\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: " + std::to_string(head.size() + bytes + tail.size()) + "\r\n\r\n" + head,
                                   std::chrono::seconds{30});
  if (!begun)
    return 0;
  for (auto piece = next(); !piece.empty(); piece = next())
    if (!http.send_raw(piece, within))
      break;
  (void)http.send_raw(tail, std::chrono::seconds{30});
  auto r = http.read_raw(within);
  return r ? r->status : 0;
}

inline void run_uploads(target& t, const uploads_options& o, const std::function<void(const char*, const testing_support::latency_histogram&)>& line) {
  using testing_support::latency_histogram;
  const auto ids = t.make_cases(o.turns);
  const auto others = t.make_cases(o.rounds * (o.to_others + 1));
  fleet f{t.at()};
  latency_histogram* into = nullptr;
  std::size_t joined = 0, ended = 0, failed = 0, deltas = 0;
  f.on_open = [&](std::size_t i) { f.send(i, "{\"id\":\"open\",\"type\":\"case.open\",\"case_id\":\"" + ids[i] + "\"}"); };
  f.on_message = [&](std::size_t, std::string_view payload) {
    const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    for_each_object(payload, [&](std::string_view o) {
      if (starts_with(o, R"({"type":"ok")"))
        ++joined;
      if (starts_with(o, R"({"type":"error")"))
        give_up("a turn was refused: " + std::string{o});
      if (!starts_with(o, R"({"type":"event")"))
        return;
      const auto kind = text_field(o, "kind");
      if (kind == "turn_completed" || kind == "turn_failed" || kind == "turn_cancelled") {
        ++ended;
        failed += kind != "turn_completed";
      }
      if (kind != "turn_delta")
        return;
      // Every word says when the model sent it.
      for (auto at = o.find('@'); at != std::string_view::npos; at = o.find('@', at + 1)) {
        const auto sent = std::strtoll(o.data() + at + 1, nullptr, 10);
        if (sent > 1'000'000'000'000'000 && into) {
          ++deltas;
          into->record(wall > sent ? static_cast<std::uint64_t>(wall - sent) : 0);
        }
      }
    });
  };
  for (std::size_t i = 0; i < o.turns; ++i)
    f.add("/api/v1/live", t.token());
  if (f.connect_all(64, std::chrono::seconds{60}) != o.turns || !f.run_until([&] { return joined >= o.turns; }, std::chrono::seconds{30}))
    give_up(std::to_string(joined) + " of " + std::to_string(o.turns) + " cases opened: " + f.last_refusal());

  // What was asked for before is over: replays, the likeness of new cases, the indexes of the last round's files.
  const auto settle = [&] {
    const auto until = steady::now() + std::chrono::seconds{60};
    for (auto before = t.usage().cpu_seconds; steady::now() < until;) {
      f.run_for(std::chrono::milliseconds{500});
      const auto now = t.usage().cpu_seconds;
      if (now - std::exchange(before, now) < 0.02)
        return;
    }
  };
  std::size_t turn = 0;
  const auto phase = [&](latency_histogram& into_this, const std::function<void()>& beside) {
    settle();
    ended = 0;
    into = &into_this;
    for (std::size_t i = 0; i < o.turns; ++i)
      f.send(i, "{\"id\":\"t\",\"type\":\"turn.submit\",\"case_id\":\"" + ids[i] + "\",\"client_turn_id\":\"load-" + std::to_string(turn++) + "\",\"content\":\"Why?\"}");
    f.run_until([&] { return deltas > 0; }, std::chrono::seconds{10});
    if (beside)
      beside();
    if (!f.run_until([&] { return ended == o.turns; }, std::chrono::seconds{120}))
      give_up("only " + std::to_string(ended) + " of " + std::to_string(o.turns) + " turns ended");
    into = nullptr;
  };
  std::vector<double> ratios, alone_p99, beside_p99, alone_p50, beside_p50;
  latency_histogram all_alone, all_beside;
  for (std::size_t round = 0; round < o.rounds; ++round) {
    latency_histogram alone, beside;
    std::atomic<std::size_t> good{0}, bad{0};
    std::vector<std::thread> crew;
    double took = 0;
    // Made beforehand, and sent by threads that stand behind: what is measured is the server, not its client.
    std::vector<std::string> files;
    for (std::size_t i = 0; i < o.to_one_case + o.to_others; ++i)
      files.push_back(upload_file(round * 1'000 + i, o.file_bytes));
    const auto left = std::make_shared<std::atomic<std::size_t>>(o.to_one_case + o.to_others);
    const auto stored = [&] { // the live connections answer pings meanwhile
      if (!f.run_until([&] { return *left == 0; }, std::chrono::seconds{300}) || f.closed() > 0)
        give_up(std::to_string(left->load()) + " uploads were not answered; " + std::to_string(f.closed()) + " connections lost: " + f.last_refusal());
      for (auto& c : crew)
        c.join();
      crew.clear();
    };
    auto begin = steady::now();
    std::atomic<bool> go{false};
    const auto recruit = [&] { // the threads stand ready before the turns begin: making them would keep the words waiting
      for (std::size_t i = 0; i < o.to_one_case + o.to_others; ++i)
        crew.emplace_back([&, i, left] {
          (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
          go.wait(false);
          const auto& id = others[round * (o.to_others + 1) + (i < o.to_one_case ? 0 : i - o.to_one_case + 1)];
          const auto n = round * 1'000 + i;
          const auto& text = files[i];
          bool given = false;
          const auto status = upload(t.at(), t.token(), id, upload_name(n), [&] { return std::exchange(given, true) ? std::string_view{} : std::string_view{text}; }, text.size(), std::chrono::seconds{180});
          ++(status == 201 ? good : bad);
          if (--*left == 0)
            took = std::chrono::duration<double>(steady::now() - begin).count();
        });
      f.run_for(std::chrono::milliseconds{200});
    };
    const auto uploads = [&] {
      begin = steady::now();
      go = true;
      go.notify_all();
    };
    // Which comes first changes, so that a machine that tires or warms up favours neither.
    if (round % 2 == 0) {
      phase(alone, {});
      recruit();
      phase(beside, uploads);
    } else {
      recruit();
      phase(beside, uploads);
      stored();
      phase(alone, {});
    }
    if (!crew.empty())
      stored();
    std::printf("round %zu                %zu uploads stored in %.1f s, %zu not; %zu words, %zu turns failed\n", round + 1, good.load(), took, bad.load(), deltas, failed);
    line("  turns alone", alone);
    line("  uploads beside", beside);
    const auto p = [](const latency_histogram& h, double q) { return static_cast<double>(h.percentile(q)); };
    all_alone.merge(alone);
    all_beside.merge(beside);
    alone_p50.push_back(p(alone, 50));
    beside_p50.push_back(p(beside, 50));
    alone_p99.push_back(p(alone, 99));
    beside_p99.push_back(p(beside, 99));
    ratios.push_back(beside_p99.back() / std::max(1.0, alone_p99.back()));
  }
  const auto median = [](std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
  };
  std::printf("medians                p50 %.1f ms alone, %.1f ms with uploads; p99 %.1f ms alone, %.1f ms with uploads; ratio of p99 %.2f\n", median(alone_p50) / 1'000,
              median(beside_p50) / 1'000, median(alone_p99) / 1'000, median(beside_p99) / 1'000, median(ratios));

  if (o.rounds > 1) {
    line("all rounds, alone", all_alone);
    line("all rounds, beside", all_beside);
    std::printf("                       ratio of p99 over all words %.2f\n", static_cast<double>(all_beside.percentile(99)) / std::max<double>(1, static_cast<double>(all_alone.percentile(99))));
  }

  if (o.large_bytes == 0)
    return;
  const auto before = t.usage().resident_bytes;
  std::atomic<bool> over{false};
  std::atomic<std::size_t> sent{0};
  std::uint64_t receiving = 0, analysing = 0;
  std::thread watcher{[&] {
    while (!over) {
      auto& most = sent < o.large_bytes ? receiving : analysing;
      most = std::max<std::uint64_t>(most, t.usage().resident_bytes);
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
  }};
  const auto block = upload_file(0, 1U << 20);
  std::size_t n = 0;
  const auto begin = steady::now();
  std::string piece;
  const auto status = upload(t.at(), t.token(), others.front(), "large.log", [&]() -> std::string_view {
    if (sent >= o.large_bytes)
      return {};
    piece = "block " + std::to_string(n++) + "\n" + block;
    piece.resize(std::min(piece.size(), o.large_bytes - sent));
    sent += piece.size();
    return piece;
  }, o.large_bytes, std::chrono::seconds{1'800});
  over = true;
  watcher.join();
  std::printf("a log of %zu MiB        answered %d in %.1f s; resident %.1f MiB before, at most %.1f MiB while it came, %.1f MiB while it was analysed\n", o.large_bytes >> 20U, status,
              std::chrono::duration<double>(steady::now() - begin).count(), static_cast<double>(before) / 1048576, static_cast<double>(receiving) / 1048576,
              static_cast<double>(analysing) / 1048576);
}

} // namespace fm::load
