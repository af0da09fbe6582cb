// Files on their way into the real process: refused early, cut off, resumed over kill -9, many at once.
#pragma once

#include "tests/e2e/service.hpp"

#include <atomic>
#include <fstream>
#include <thread>

namespace fm::testing_support {

inline std::string numbered_lines(std::size_t bytes, const std::string& of) {
  std::string text;
  text.reserve(bytes + 100);
  for (std::size_t i = 0; text.size() < bytes; ++i)
    text += "2026-03-04T10:00:00Z INFO " + of + " request " + std::to_string(i) + " served\n";
  text.resize(bytes);
  return text;
}
inline std::string form_of(const std::string& name, const std::string& bytes) {
  return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" + bytes + "\r\n--XX--\r\n";
}
/// Blobs of a data directory whose keys begin with `prefix` and not with `except`, by the names of their key files' contents.
inline std::size_t blobs_under(const service& s, const std::string& prefix, const std::string& except = {}) {
  std::size_t n = 0;
  std::error_code ec;
  for (auto& entry : std::filesystem::recursive_directory_iterator{s.data() / "blobs" / "keys", ec}) {
    if (!entry.is_regular_file())
      continue;
    std::ifstream in{entry.path()};
    std::string version, key;
    std::getline(in, version);
    std::getline(in, key);
    n += key.starts_with(prefix) && (except.empty() || !key.starts_with(except));
  }
  return n;
}

inline void check_uploads(const std::string& program, checklist& checks) {
  const auto check = [&](bool good, std::string_view name, const std::string& detail = {}) { return checks.check(good, name, detail); };
  const auto up = [&](service& s, const char* part) {
    auto r = s.start();
    return r ? true : check(false, std::string{"the server starts ("} + part + ")", r.error().detail);
  };
  temporary_directory dir{"fm-service-"};
  service s{program, dir.path()};
  s.environment["FAULTMAVEN_FILES_UPLOAD_BYTES_MAX"] = std::to_string(64U << 20);
  if (!up(s, "uploads"))
    return;
  auto http = s.as("ada");
  const auto token = s.token("ada");
  const auto id = s.new_case(http);
  const header_list as_form{{"Content-Type", "multipart/form-data; boundary=XX"}};
  const auto data = "/api/v1/cases/" + id + "/data";
  {
    http_connection c{s.at};
    (void)c.send_raw("POST " + data + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 1073741824\r\n\r\n", 5s);
    const auto from = steady::now();
    auto r = c.read_raw(5s);
    const auto took = std::chrono::duration_cast<milliseconds>(steady::now() - from);
    check(r && r->status == 413 && r->body.find("A file may have 67108864 bytes") != std::string::npos, "an upload announced too large is refused before its body", r ? std::to_string(r->status) + " after " + std::to_string(took.count()) + " ms" : r.error().detail);
  }
  std::string first; // what is made of it comes behind, and is none of the cut upload's
  {
    const auto text = numbered_lines(200'000, "first");
    auto one = http.request("POST", data, form_of("a.log", text), as_form);
    auto two = http.request("POST", data, form_of("b.log", text), as_form);
    check(one && two && one->status == 201 && two->status == 201 && two->parsed()["duplicate_of"].text() == one->parsed()["file_id"].text(), "the same bytes twice are one file",
          two ? two->body.substr(0, 200) : two.error().detail);
    if (one)
      first = one->parsed()["file_id"].text();
  }
  {
    http_connection c{s.at};
    const auto body = form_of("cut.log", numbered_lines(8U << 20, "cut"));
    (void)c.send_raw("POST " + data + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, body.size() / 2),
                     10s);
    c.cut();
    std::string status;
    for (const auto until = steady::now() + 10s; status != "failed" && steady::now() < until; std::this_thread::sleep_for(5ms))
      if (auto jobs = http.get("/api/v1/jobs?limit=1"))
        status = jobs->parsed()["jobs"].at(0)["status"].text();
    const auto left = blobs_under(s, "cases/" + id + "/file_", "cases/" + id + "/" + first + "/") + blobs_under(s, "incoming/");
    check(status == "failed" && !first.empty() && left == 0, "a client that goes away in the middle leaves nothing", status + ", " + std::to_string(left) + " blobs are left");
  }
  // In several requests, over a kill -9.
  const auto text = numbered_lines(40U << 20, "resumed");
  const header_list tus{{"Tus-Resumable", "1.0.0"}};
  auto created = http.request("POST", "/api/v1/cases/" + id + "/uploads", {}, {tus[0], {"Upload-Length", std::to_string(text.size())}, {"Upload-Metadata", "filename cmVzdW1lZC5sb2c="}});
  if (!check(created && created->status == 201, "a resumable upload is begun", created ? created->body : created.error().detail))
    return;
  const auto path = created->header("location");
  const auto offset_of = [&]() -> std::size_t {
    auto r = http.request("HEAD", path, {}, tus);
    return r && r->status == 200 ? static_cast<std::size_t>(std::stoull(r->header("upload-offset"))) : SIZE_MAX;
  };
  const auto patch_head = [&](std::size_t from) {
    return "PATCH " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: " +
           std::to_string(from) + "\r\nContent-Length: " + std::to_string(text.size() - from) + "\r\n\r\n";
  };
  {
    http_connection c{s.at};
    (void)c.send_raw(patch_head(0) + text.substr(0, 19U << 20), 20s);
    std::size_t at = 0;
    for (const auto until = steady::now() + 20s; at < (16U << 20) && steady::now() < until; std::this_thread::sleep_for(5ms))
      at = offset_of();
    s.process.kill();
    check(at == (16U << 20), "what was sent of it is durable in parts while it comes", std::to_string(at) + " bytes");
  }
  if (!up(s, "uploads, killed"))
    return;
  http = s.as("ada");
  const auto stands = offset_of();
  check(stands == (16U << 20), "after kill -9 it stands where it was durable", std::to_string(stands) + " bytes");
  {
    http_connection c{s.at};
    (void)c.send_raw(patch_head(stands) + text.substr(stands), 30s);
    auto r = c.read_raw(60s);
    auto file = r ? r->header("x-file-id") : std::string{};
    check(r && r->status == 204 && !file.empty(), "it goes on there and becomes a file", r ? std::to_string(r->status) + " " + r->body : r.error().detail);
    auto content = http.get("/api/v1/cases/" + id + "/data/" + file + "/content");
    check(content && content->body == text && content->header("content-length") == std::to_string(text.size()), "whose 40 MiB come back in one answer of known length",
          content ? std::to_string(content->body.size()) : content.error().detail);
    const auto left = blobs_under(s, "uploads/") + blobs_under(s, "parts/") + blobs_under(s, "incoming/");
    check(left == 0, "and nothing of the upload stays beside it", std::to_string(left) + " blobs");
  }
  // Many at once, several people, then a kill in their middle.
  {
    std::vector<std::string> tokens, cases;
    for (int u = 0; u < 4; ++u) {
      tokens.push_back(s.token("user" + std::to_string(u)));
      http_connection h{s.at, tokens.back()};
      cases.push_back(s.new_case(h));
    }
    for (const bool killed : {false, true}) {
      std::atomic<int> good{0};
      std::vector<std::thread> crew;
      for (std::size_t i = 0; i < 64; ++i)
        crew.emplace_back([&, i] {
          http_connection h{s.at, tokens[i % 4]};
          auto r = h.request("POST", "/api/v1/cases/" + cases[i % 4] + "/data", form_of("many.log", numbered_lines(100'000, (killed ? "again" : "many") + std::to_string(i))), as_form, 120s);
          good += r && r->status == 201;
        });
      if (killed) {
        for (const auto until = steady::now() + 20s; good < 10 && steady::now() < until; std::this_thread::sleep_for(1ms)) {
        }
        s.process.kill();
      }
      for (auto& t : crew)
        t.join();
      if (!killed) {
        check(good == 64, "64 uploads at once all become files", std::to_string(good));
        continue;
      }
      if (!up(s, "uploads, killed again"))
        return;
      std::size_t shown = 0;
      bool whole = true;
      for (std::size_t u = 0; u < 4; ++u) {
        http_connection h{s.at, s.token("user" + std::to_string(u))};
        auto r = h.get("/api/v1/cases/" + cases[u] + "/data?limit=100");
        if (!r)
          continue;
        const auto list = r->parsed();
        shown += list["total_count"].whole();
        for (std::size_t i = 0; i < list["data"].size(); ++i) {
          auto bytes = h.get("/api/v1/cases/" + cases[u] + "/data/" + list["data"].at(i)["file_id"].text() + "/content");
          whole &= bytes && bytes->body.size() == 100'000;
        }
      }
      const auto left = blobs_under(s, "incoming/");
      check(whole && shown >= 64U + static_cast<std::size_t>(good) && left == 0, "a kill -9 in their middle keeps what was answered and leaves nothing half",
            std::to_string(shown) + " files, " + std::to_string(good) + " of the second 64 answered, " + std::to_string(left) + " markers left");
    }
  }
  const auto verified = (s.stop(), s.run({"verify", "--data", s.data().string()}));
  check(verified && verified->exit_code == 0, "verify finds the logs whole", verified ? verified->output : verified.error().detail);
}

} // namespace fm::testing_support
