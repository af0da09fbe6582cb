// The few S3 calls that are needed, and nothing else.
#include "storage/s3/blob_store.hpp"

#include "protocol/base/http_call.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/random.hpp"
#include "protocol/base/sha256.hpp"
#include "storage/codec/blobs.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <mutex>
#include <openssl/evp.h>
#include <pugixml.hpp>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace fm::s3 {
namespace {
using headers = std::vector<std::pair<std::string, std::string>>;

std::string encoded(std::string_view text, bool keep_slash) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) || c == '-' || c == '_' || c == '.' || c == '~' || (keep_slash && c == '/'))
      out += c;
    else
      (out += '%') += digits[u >> 4U], out += digits[u & 15U];
  }
  return out;
}
std::string base64_md5(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &n, EVP_md5(), nullptr);
  std::string out(4 * ((n + 2) / 3) + 1, '\0');
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest, static_cast<int>(n))));
  return out;
}
std::uint64_t number(std::string_view t) {
  std::uint64_t n = 0;
  std::from_chars(t.data(), t.data() + t.size(), n);
  return n;
}
/// "Wed, 21 Oct 2015 07:28:00 GMT".
timestamp http_date(const std::string& t) {
  std::tm parts{};
  if (::strptime(t.c_str(), "%a, %d %b %Y %H:%M:%S", &parts) == nullptr)
    return {};
  return timestamp{std::chrono::seconds{::timegm(&parts)}};
}

/// What may be done again when it is not known whether the server has done it.
enum class repeat { always, unless_sent };
constexpr std::uint64_t answer_bytes_max = 1ULL << 30;
constexpr std::size_t parts_max = 9'000; ///< servers take 10,000
constexpr std::size_t looks_at_once = 16;

struct bucket {
  options o;
  http_client_ptr client;
  clock_ptr clock;
  random_ptr random = system_random();

  std::string url(std::string_view key, const std::string& query = {}) const {
    auto base = o.endpoint;
    while (base.ends_with('/'))
      base.pop_back();
    std::string path;
    if (o.path_style) {
      path = "/" + o.bucket;
    } else {
      const auto host = base.find("://") + 3;
      base.insert(host, o.bucket + ".");
    }
    if (!key.empty())
      path += "/" + encoded(key, true);
    else if (!o.path_style)
      path = "/";
    return base + path + (query.empty() ? "" : "?" + query);
  }
  std::string object(std::string_view key, const std::string& query = {}) const { return url(o.prefix + std::string{key}, query); }

  http_request signed_request(const std::string& method, const std::string& target, headers more, const std::string& digest_hex) const {
    http_request r;
    r.method = method;
    r.url = target;
    r.headers = std::move(more);
    r.headers.emplace_back("x-amz-content-sha256", digest_hex); // signed along: the body cannot be exchanged
    r.aws_sigv4 = "aws:amz:" + o.region + ":s3";
    r.aws_access_key = o.access_key;
    r.aws_secret_key = o.secret_key;
    r.total_timeout = o.timeout;
    r.response_bytes_max = answer_bytes_max + (64U << 10U);
    return r;
  }

  /// The answer when the server said yes (or 416), else a failure in a sentence. Ends within o.timeout, repetitions included.
  outcome<http_result> call(const std::string& method, const std::string& target, const headers& more, const std::string& body, repeat again_when,
                            std::string_view key) const {
    const auto deadline = std::chrono::steady_clock::now() + o.timeout;
    const auto body_digest = sha256_hex(body);
    for (std::size_t attempt = 1;; ++attempt) {
      auto r = signed_request(method, target, more, body_digest);
      r.body = body;
      r.total_timeout = std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()), std::chrono::milliseconds{1});
      r.connect_timeout = std::min(r.connect_timeout, r.total_timeout);
      auto got = http_call_and_wait(*client, std::move(r));
      bool again = false;
      if (got) // 429 and 503: the server says that it has not done it
        again = got->status == 429 || got->status == 503 || (again_when == repeat::always && (got->status == 500 || got->status == 502 || got->status == 504));
      else
        again = got.error().code == errc::unavailable && (again_when == repeat::always || got.error().facts.contains("stage"));
      const auto pause = pause_before(attempt);
      if (again && attempt < o.attempts_max && std::chrono::steady_clock::now() + pause < deadline) {
        std::this_thread::sleep_for(pause); // on the executor: may block
        continue;
      }
      if (!got)
        return got.error().code == errc::too_large ? got.error() : make_unavailable("The object store does not answer: " + got.error().detail);
      if ((got->status >= 200 && got->status < 300) || got->status == 416)
        return got;
      return refusal(*got, key);
    }
  }
  /// Twice as long each time, and never the same for all who were turned away at once.
  std::chrono::milliseconds pause_before(std::size_t attempt) const {
    const auto most = 100ULL << std::min<std::size_t>(attempt, 5);
    return std::chrono::milliseconds{most / 2 + random_u64(*random) % (most / 2)};
  }
  failure refusal(const http_result& got, std::string_view key) const {
    std::string code, said;
    if (pugi::xml_document xml; xml.load_buffer(got.body.data(), got.body.size())) {
      code = xml.child("Error").child_value("Code");
      said = xml.child("Error").child_value("Message");
    }
    const auto status = std::to_string(got.status);
    const auto with_facts = [&](failure f) { return f.with_fact("status", status).with_fact("s3_code", code); };
    if (code == "NoSuchBucket")
      return with_facts(make_unavailable("The object store has no bucket " + o.bucket + ".", std::chrono::seconds{30}));
    if (got.status == 404)
      return with_facts(stored::no_blob(key));
    if (got.status == 403)
      return with_facts(make_unavailable("The object store refuses our keys (" + (code.empty() ? status : code) + "); are access key, secret key, region and clock right?", std::chrono::seconds{30}));
    if (got.status == 501 || code == "NotImplemented")
      return with_facts(make_failure(errc::not_implemented, "This object store does not know this request" + (said.empty() ? "" : ": " + said) + "."));
    return with_facts(make_unavailable("The object store answered with status " + status + (code.empty() ? "" : " (" + code + ")") + (said.empty() ? "" : ": " + said) + "."));
  }

  static blob_info info_of(std::string_view key, const http_result& r) {
    blob_info i;
    i.key = std::string{key};
    i.size = number(r.header("content-length"));
    i.sha256 = r.header("x-amz-meta-sha256");
    i.content_type = r.header("content-type");
    const auto ms = number(r.header("x-amz-meta-stored-ms"));
    i.stored_at = ms != 0 ? timestamp{std::chrono::milliseconds{ms}} : http_date(r.header("last-modified"));
    return i;
  }
  outcome<blob_info> stat(std::string_view key) const {
    auto r = call("HEAD", object(key), {}, {}, repeat::always, key);
    if (!r)
      return r.error();
    return info_of(key, *r);
  }
};
using bucket_ptr = std::shared_ptr<const bucket>;

/// Bytes on their way: in memory up to a part, then in a file without a name.
class spool {
public:
  explicit spool(std::size_t in_memory) : in_memory_(in_memory) {}
  spool(const spool&) = delete;
  spool& operator=(const spool&) = delete;
  ~spool() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  std::uint64_t size() const { return size_; }
  outcome<done_t> add(std::string_view bytes) {
    size_ += bytes.size();
    if (fd_ < 0 && held_.size() + bytes.size() <= in_memory_) {
      held_.append(bytes);
      return done;
    }
    if (fd_ < 0) {
      std::error_code ec;
      const auto folder = std::filesystem::temp_directory_path(ec).string();
      fd_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
      if (fd_ < 0) { // a file system that knows no unnamed files
        auto name = folder + "/fm-upload-XXXXXX";
        fd_ = ::mkostemp(name.data(), O_CLOEXEC);
        if (fd_ >= 0)
          ::unlink(name.c_str());
      }
      if (fd_ < 0)
        return trouble("make");
      if (auto r = write_out(std::exchange(held_, {})); !r)
        return r;
    }
    return write_out(bytes);
  }
  outcome<std::string> part(std::uint64_t from, std::size_t bytes) const {
    if (fd_ < 0)
      return held_.substr(from, bytes);
    std::string out(bytes, '\0');
    for (std::size_t got = 0; got < bytes;) {
      const auto n = ::pread(fd_, out.data() + got, bytes - got, static_cast<off_t>(from + got));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return trouble("read");
      got += static_cast<std::size_t>(n);
    }
    return out;
  }

private:
  static failure trouble(const std::string& what) {
    return make_unavailable("The object store's upload could not " + what + " its temporary file: " + std::strerror(errno) + ".");
  }
  outcome<done_t> write_out(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return trouble("write");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return done;
  }

  std::size_t in_memory_;
  std::uint64_t size_ = 0;
  std::string held_;
  int fd_ = -1;
};

class s3_writer final : public blob_writer {
public:
  /// Many may be open at once, each slowly filled: a little of each is in memory, the rest on the disk.
  static constexpr std::size_t in_memory_max = 1U << 20;

  s3_writer(bucket_ptr b, std::string key, std::string type) : bucket_(std::move(b)), bytes_(std::min(bucket_->o.part_bytes, in_memory_max)) {
    info_.key = std::move(key);
    info_.content_type = std::move(type);
    EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
  }

  outcome<done_t> write(std::string_view bytes) override {
    if (broken_)
      return *broken_;
    if (bytes_.size() + bytes.size() > bucket_->o.blob_bytes_max)
      return fail(make_failure(errc::too_large, "The file is larger than the object store takes."));
    EVP_DigestUpdate(hash_.get(), bytes.data(), bytes.size());
    if (auto kept = bytes_.add(bytes); !kept)
      return fail(kept.error());
    return done;
  }
  outcome<blob_info> finish() override {
    if (broken_)
      return *broken_;
    digest d{};
    unsigned int n = 0;
    EVP_DigestFinal_ex(hash_.get(), d.data(), &n);
    info_.sha256 = to_hex(d);
    info_.size = bytes_.size();
    info_.stored_at = bucket_->clock->now();
    auto put = info_.size <= bucket_->o.part_bytes ? put_whole() : put_in_parts();
    if (!put)
      return fail(put.error());
    broken_ = make_failure(errc::gone, "This blob is finished.");
    return info_;
  }

private:
  failure fail(failure f) {
    broken_ = f;
    return f;
  }
  headers described() const {
    headers h;
    if (!bucket_->o.server_side_encryption.empty())
      h.emplace_back("x-amz-server-side-encryption", bucket_->o.server_side_encryption);
    h.emplace_back("Content-Type", info_.content_type);
    h.emplace_back("x-amz-meta-sha256", info_.sha256);
    h.emplace_back("x-amz-meta-stored-ms", std::to_string(info_.stored_at.time_since_epoch().count()));
    return h;
  }
  outcome<done_t> put_whole() {
    auto all = bytes_.part(0, info_.size);
    if (!all)
      return all.error();
    auto r = bucket_->call("PUT", bucket_->object(info_.key), described(), *all, repeat::always, info_.key);
    if (!r)
      return r.error();
    return done;
  }
  outcome<done_t> put_in_parts() {
    auto begun = bucket_->call("POST", bucket_->object(info_.key, "uploads="), described(), {}, repeat::unless_sent, info_.key);
    if (!begun)
      return begun.error();
    pugi::xml_document xml;
    std::string upload;
    if (xml.load_buffer(begun->body.data(), begun->body.size()))
      upload = xml.child("InitiateMultipartUploadResult").child_value("UploadId");
    if (upload.empty())
      return make_unavailable("The object store gave no upload id.");
    auto ended = parts_of(upload);
    if (!ended) { // what cannot be taken back now, the lifecycle rule takes back in a day
      auto gone = bucket_->call("DELETE", bucket_->object(info_.key, "uploadId=" + encoded(upload, false)), {}, {}, repeat::always, info_.key);
      if (!gone && gone.error().code != errc::not_found)
        log::warn("s3", "the unfinished upload of " + info_.key + " stays behind: " + gone.error().detail);
    }
    return ended;
  }
  outcome<done_t> parts_of(const std::string& upload) {
    const auto part_bytes = std::max<std::uint64_t>(bucket_->o.part_bytes, (info_.size + parts_max - 1) / parts_max);
    std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    std::size_t n = 1;
    for (std::uint64_t at = 0; at < info_.size; at += part_bytes, ++n) {
      auto part = bytes_.part(at, std::min(part_bytes, info_.size - at));
      if (!part)
        return part.error();
      auto r = bucket_->call("PUT", bucket_->object(info_.key, "partNumber=" + std::to_string(n) + "&uploadId=" + encoded(upload, false)), {}, *part, repeat::always, info_.key);
      if (!r)
        return r.error().code == errc::not_found ? make_unavailable("The object store has forgotten the upload.") : r.error();
      if (r->header("etag").empty())
        return make_unavailable("The object store gave no tag for a part.");
      body += "<Part><PartNumber>" + std::to_string(n) + "</PartNumber><ETag>" + r->header("etag") + "</ETag></Part>";
    }
    body += "</CompleteMultipartUpload>";
    auto r = bucket_->call("POST", bucket_->object(info_.key, "uploadId=" + encoded(upload, false)), {{"Content-Type", "application/xml"}}, body, repeat::unless_sent, info_.key);
    if (r && r->body.find("<Error>") == std::string::npos) // the status comes before the work: an error may follow a 200
      return done;
    // The answer may be lost and the work done: looking tells.
    if (auto there = bucket_->stat(info_.key); there && there->sha256 == info_.sha256 && there->stored_at == info_.stored_at && there->size == info_.size)
      return done;
    return r ? make_unavailable("The object store could not put the parts together.") : r.error().code == errc::not_found ? make_unavailable("The object store has forgotten the upload.") : r.error();
  }

  struct closer {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  bucket_ptr bucket_;
  blob_info info_;
  std::unique_ptr<EVP_MD_CTX, closer> hash_{EVP_MD_CTX_new()};
  spool bytes_;
  std::optional<failure> broken_;
};

class s3_blob_store final : public blob_store {
public:
  explicit s3_blob_store(bucket_ptr b) : bucket_(std::move(b)) {}

  outcome<std::unique_ptr<blob_writer>> put(std::string_view key, std::string_view type) override {
    if (auto f = stored::refusal_of_blob_key(key))
      return *f;
    return std::unique_ptr<blob_writer>{
        std::make_unique<s3_writer>(bucket_, std::string{key}, type.empty() ? "application/octet-stream" : std::string{type})};
  }
  outcome<std::string> read(std::string_view key, std::uint64_t offset, std::uint64_t length) const override {
    if (stored::refusal_of_blob_key(key))
      return stored::no_blob(key);
    if (length == 0)
      return nothing_at(key, offset);
    const auto last = offset > UINT64_MAX - length ? UINT64_MAX - 1 : offset + length - 1;
    auto r = bucket_->call("GET", bucket_->object(key), {{"Range", "bytes=" + std::to_string(offset) + "-" + std::to_string(last)}}, {}, repeat::always, key);
    if (!r)
      return r.error();
    if (r->status == 416)
      return nothing_at(key, offset);
    const auto range = r->header("content-range");
    const auto total = range.empty() ? r->body.size() : number(std::string_view{range}.substr(range.rfind('/') + 1));
    if (r->status == 200) { // a server that gave the whole
      if (offset > r->body.size())
        return stored::beyond_the_end(key, r->body.size());
    } else if (r->body.size() != std::min<std::uint64_t>(last - offset + 1, total - std::min(total, offset))) {
      return make_unavailable("The object store's answer for " + std::string{key} + " has another length than it says.");
    }
    const auto sha = r->header("x-amz-meta-sha256");
    if ((r->status == 200 || offset == 0) && r->body.size() == total && !sha.empty() && sha256_hex(r->body) != sha)
      return make_unavailable("The bytes of " + std::string{key} + " are damaged in the object store: their SHA-256 is another one.");
    if (r->status == 200)
      return r->body.substr(offset, length);
    return std::move(r->body);
  }
  outcome<blob_info> stat(std::string_view key) const override {
    if (stored::refusal_of_blob_key(key))
      return stored::no_blob(key);
    return bucket_->stat(key);
  }
  outcome<bool> remove(std::string_view key) override {
    auto there = stat(key);
    if (!there)
      return there.error().code == errc::not_found ? outcome<bool>{false} : outcome<bool>{there.error()};
    auto r = bucket_->call("DELETE", bucket_->object(key), {}, {}, repeat::always, key);
    if (!r && r.error().code != errc::not_found)
      return r.error();
    return true;
  }
  /// One list request a thousand, and one more for each blob, some at a time: a list tells neither type nor SHA-256.
  outcome<blob_page> list(std::string_view prefix, std::string_view after, std::size_t limit) const override {
    blob_page page;
    std::string last{after};
    for (page.more = true; page.more && page.blobs.size() < limit;) {
      const auto n = std::min<std::size_t>(limit - page.blobs.size(), 1'000);
      auto query = "list-type=2&max-keys=" + std::to_string(n) + "&prefix=" + encoded(bucket_->o.prefix + std::string{prefix}, false);
      if (!last.empty())
        query += "&start-after=" + encoded(bucket_->o.prefix + last, false);
      auto r = bucket_->call("GET", bucket_->url({}, query), {}, {}, repeat::always, prefix);
      if (!r)
        return r.error();
      pugi::xml_document xml;
      if (!xml.load_buffer(r->body.data(), r->body.size()) || !xml.child("ListBucketResult"))
        return make_unavailable("The object store's list cannot be read.");
      const auto root = xml.child("ListBucketResult");
      page.more = std::strcmp(root.child_value("IsTruncated"), "true") == 0;
      std::vector<std::string> keys;
      for (auto c : root.children("Contents")) {
        const std::string key = c.child_value("Key");
        if (key.starts_with(bucket_->o.prefix))
          keys.push_back(key.substr(bucket_->o.prefix.size()));
      }
      if (keys.empty() || (page.more && keys.back() == last)) {
        page.more = false;
        break;
      }
      last = keys.back();
      if (auto told = look_at(keys, page.blobs); !told)
        return told.error();
    }
    return page;
  }
  outcome<done_t> set_lifecycle(std::string_view prefix, std::optional<std::chrono::days> age) override {
    // The whole configuration is replaced at once: read, change our rule, write. Rules of others stay.
    const auto full = bucket_->o.prefix + std::string{prefix};
    const auto id = "fm-" + sha256_hex(full).substr(0, 16);
    pugi::xml_document xml;
    auto now = bucket_->call("GET", bucket_->url({}, "lifecycle="), {}, {}, repeat::always, prefix);
    if (!now && now.error().code != errc::not_found)
      return now.error();
    if (now && !xml.load_buffer(now->body.data(), now->body.size()))
      return make_unavailable("The object store's lifecycle rules cannot be read.");
    auto root = xml.child("LifecycleConfiguration");
    if (!root) {
      root = xml.append_child("LifecycleConfiguration");
      root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
    }
    for (auto rule = root.child("Rule"); rule;) {
      const auto next = rule.next_sibling("Rule");
      if (rule.child_value("ID") == id)
        root.remove_child(rule);
      rule = next;
    }
    if (age) {
      auto rule = root.append_child("Rule");
      rule.append_child("ID").text() = id.c_str();
      rule.append_child("Filter").append_child("Prefix").text() = full.c_str();
      rule.append_child("Status").text() = "Enabled";
      rule.append_child("Expiration").append_child("Days").text() = static_cast<long long>(age->count());
      rule.append_child("AbortIncompleteMultipartUpload").append_child("DaysAfterInitiation").text() = 1;
    }
    if (!root.child("Rule")) {
      auto r = bucket_->call("DELETE", bucket_->url({}, "lifecycle="), {}, {}, repeat::always, prefix);
      if (!r && r.error().code != errc::not_found)
        return r.error();
      return done;
    }
    std::ostringstream text;
    xml.save(text, "", pugi::format_raw);
    const auto body = text.str();
    auto r = bucket_->call("PUT", bucket_->url({}, "lifecycle="), {{"Content-Type", "application/xml"}, {"Content-MD5", base64_md5(body)}}, body, repeat::always, prefix);
    if (!r)
      return r.error();
    return done;
  }
  outcome<std::uint64_t> sweep() override { return std::uint64_t{0}; } // the server's own rules do it
  outcome<done_t> ping() const override {
    auto r = bucket_->call("GET", bucket_->url({}, "list-type=2&max-keys=1"), {}, {}, repeat::always, bucket_->o.bucket);
    if (!r)
      return r.error().code == errc::not_found ? make_unavailable("The object store has no bucket " + bucket_->o.bucket + ".") : r.error();
    return done;
  }

private:
  /// An empty range is one only where the blob reaches.
  outcome<std::string> nothing_at(std::string_view key, std::uint64_t offset) const {
    auto i = bucket_->stat(key);
    if (!i)
      return i.error();
    if (offset > i->size)
      return stored::beyond_the_end(key, i->size);
    return std::string{};
  }
  /// What these keys hold, in their order, without those that are gone.
  outcome<done_t> look_at(const std::vector<std::string>& keys, std::vector<blob_info>& into) const {
    struct looks {
      std::mutex mutex;
      std::condition_variable changed;
      std::vector<http_result> got;
      std::size_t running = 0;
    };
    auto all = std::make_shared<looks>();
    all->got.resize(keys.size());
    const auto nothing = sha256_hex("");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      {
        std::unique_lock lock{all->mutex};
        all->changed.wait(lock, [&] { return all->running < looks_at_once; });
        ++all->running;
      }
      http_events events;
      events.on_head = [all, i](const http_response_head& head) {
        all->got[i].status = head.status;
        all->got[i].headers = head.headers;
      };
      events.on_end = [all, i](outcome<void> how) {
        std::lock_guard lock{all->mutex};
        if (!how)
          all->got[i].status = 0;
        --all->running;
        all->changed.notify_all();
      };
      bucket_->client->start(bucket_->signed_request("HEAD", bucket_->object(keys[i]), {}, nothing), std::move(events));
    }
    std::unique_lock lock{all->mutex};
    all->changed.wait(lock, [&] { return all->running == 0; });
    for (std::size_t i = 0; i < keys.size(); ++i) {
      // Whatever went wrong is asked once more, with patience.
      auto info = all->got[i].status == 200 ? outcome<blob_info>{bucket::info_of(keys[i], all->got[i])} : bucket_->stat(keys[i]);
      if (info)
        into.push_back(std::move(*info));
      else if (info.error().code != errc::not_found)
        return info.error();
    }
    return done;
  }

  bucket_ptr bucket_;
};
} // namespace

outcome<blob_store_ptr> open_blob_store(const options& o, http_client_ptr client, clock_ptr clock) {
  auto b = std::make_shared<bucket>();
  b->o = o;
  b->client = std::move(client);
  b->clock = std::move(clock);
  auto store = std::make_shared<s3_blob_store>(std::move(b));
  if (auto p = store->ping(); !p)
    return p.error();
  return blob_store_ptr{std::move(store)};
}

} // namespace fm::s3
