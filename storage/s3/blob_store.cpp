// The few S3 calls that are needed, and nothing else.
#include "storage/s3/blob_store.hpp"

#include "protocol/base/http_call.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/random.hpp"
#include "protocol/base/sha256.hpp"
#include "storage/codec/blobs.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <map>
#include <openssl/evp.h>
#include <pugixml.hpp>
#include <sstream>
#include <thread>

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

  outcome<http_result> call(const std::string& method, const std::string& target, headers more, std::string body, bool repeatable,
                            std::string_view key) const {
    for (std::size_t attempt = 1;; ++attempt) {
      http_request r;
      r.method = method;
      r.url = target;
      r.headers = more;
      r.headers.emplace_back("x-amz-content-sha256", sha256_hex(body)); // signed along: the body cannot be exchanged
      r.body = body;
      r.aws_sigv4 = "aws:amz:" + o.region + ":s3";
      r.aws_access_key = o.access_key;
      r.aws_secret_key = o.secret_key;
      r.total_timeout = o.timeout;
      r.response_bytes_max = 1U << 30;
      auto got = http_call_and_wait(*client, std::move(r));
      const bool again = got ? got->status == 429 || got->status >= 500 : got.error().code == errc::unavailable;
      if (again && repeatable && attempt < o.attempts_max && !(got && got->status == 501)) {
        std::this_thread::sleep_for(std::chrono::milliseconds{100U << attempt}); // on the executor: may block
        continue;
      }
      if (!got)
        return make_unavailable("The object store does not answer: " + got.error().detail);
      if ((got->status >= 200 && got->status < 300) || got->status == 416)
        return got;
      std::string code, said;
      if (pugi::xml_document xml; xml.load_buffer(got->body.data(), got->body.size())) {
        code = xml.child("Error").child_value("Code");
        said = xml.child("Error").child_value("Message");
      }
      if (got->status == 404 && code != "NoSuchBucket")
        return stored::no_blob(key);
      if (got->status == 403)
        return make_unavailable("The object store refuses our keys (" + (code.empty() ? std::string{"403"} : code) + "); are access key, secret key, region and clock right?", std::chrono::seconds{30});
      if (got->status == 501 || code == "NotImplemented")
        return make_failure(errc::not_implemented, "This object store does not know this request" + (said.empty() ? "" : ": " + said) + ".");
      return make_unavailable("The object store answered with status " + std::to_string(got->status) + (code.empty() ? "" : " (" + code + ")") + (said.empty() ? "" : ": " + said) + ".");
    }
  }
  headers encryption() const {
    headers h;
    if (!o.server_side_encryption.empty())
      h.emplace_back("x-amz-server-side-encryption", o.server_side_encryption);
    return h;
  }
  std::string full(std::string_view key) const { return o.prefix + std::string{key}; }
};
using bucket_ptr = std::shared_ptr<const bucket>;

class s3_writer final : public blob_writer {
public:
  s3_writer(bucket_ptr b, std::string key, std::string type) : bucket_(std::move(b)) {
    info_.key = std::move(key);
    info_.content_type = std::move(type);
    EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
  }
  s3_writer(const s3_writer&) = delete;
  s3_writer& operator=(const s3_writer&) = delete;
  ~s3_writer() override {
    if (!upload_.empty())
      (void)bucket_->call("DELETE", bucket_->url(temporary_, "uploadId=" + encoded(upload_, false)), {}, {}, true, temporary_);
  }

  outcome<done_t> write(std::string_view bytes) override {
    if (broken_)
      return *broken_;
    EVP_DigestUpdate(hash_.get(), bytes.data(), bytes.size());
    info_.size += bytes.size();
    held_.append(bytes);
    while (held_.size() > bucket_->o.part_bytes)
      if (auto sent = send_part(bucket_->o.part_bytes); !sent) {
        broken_ = sent.error();
        return *broken_;
      }
    return done;
  }
  outcome<blob_info> finish() override {
    if (broken_)
      return *broken_;
    digest d{};
    unsigned int n = 0;
    EVP_DigestFinal_ex(hash_.get(), d.data(), &n);
    info_.sha256 = to_hex(d);
    info_.stored_at = bucket_->clock->now();
    auto put = upload_.empty() ? put_whole() : complete();
    if (!put)
      return put.error();
    return info_;
  }

private:
  headers described() const {
    auto h = bucket_->encryption();
    h.emplace_back("Content-Type", info_.content_type);
    h.emplace_back("x-amz-meta-sha256", info_.sha256);
    h.emplace_back("x-amz-meta-stored-ms", std::to_string(info_.stored_at.time_since_epoch().count()));
    return h;
  }
  outcome<done_t> put_whole() {
    const auto key = bucket_->full(info_.key);
    auto r = bucket_->call("PUT", bucket_->url(key), described(), held_, true, info_.key);
    if (!r)
      return r.error();
    return done;
  }
  outcome<done_t> send_part(std::size_t n) {
    if (upload_.empty()) {
      temporary_ = bucket_->o.prefix + ".parts/" + random_hex(*bucket_->random, 12);
      auto r = bucket_->call("POST", bucket_->url(temporary_, "uploads="), bucket_->encryption(), {}, false, temporary_);
      if (!r)
        return r.error();
      pugi::xml_document xml;
      if (!xml.load_buffer(r->body.data(), r->body.size()))
        return make_unavailable("The object store's answer cannot be read.");
      upload_ = xml.child("InitiateMultipartUploadResult").child_value("UploadId");
      if (upload_.empty())
        return make_unavailable("The object store gave no upload id.");
    }
    auto part = held_.substr(0, n);
    held_.erase(0, n);
    auto r = bucket_->call("PUT", bucket_->url(temporary_, "partNumber=" + std::to_string(tags_.size() + 1) + "&uploadId=" + encoded(upload_, false)), {}, std::move(part),
                           true, temporary_);
    if (!r)
      return r.error();
    tags_.push_back(r->header("etag"));
    return done;
  }
  outcome<done_t> complete() {
    if (!held_.empty())
      if (auto sent = send_part(held_.size()); !sent)
        return sent;
    std::string body = "<CompleteMultipartUpload>";
    for (std::size_t i = 0; i < tags_.size(); ++i)
      body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + tags_[i] + "</ETag></Part>";
    body += "</CompleteMultipartUpload>";
    auto r = bucket_->call("POST", bucket_->url(temporary_, "uploadId=" + encoded(upload_, false)), {{"Content-Type", "application/xml"}}, body, false, temporary_);
    if (!r)
      return r.error();
    if (r->body.find("<Error>") != std::string::npos)
      return make_unavailable("The object store could not put the parts together.");
    upload_.clear();
    auto h = described();
    h.emplace_back("x-amz-copy-source", "/" + bucket_->o.bucket + "/" + encoded(temporary_, true));
    h.emplace_back("x-amz-metadata-directive", "REPLACE");
    auto copied = bucket_->call("PUT", bucket_->url(bucket_->full(info_.key)), std::move(h), {}, true, info_.key);
    if (auto gone = bucket_->call("DELETE", bucket_->url(temporary_), {}, {}, true, temporary_); !gone)
      log::warn("s3", "a temporary object stays behind: " + temporary_);
    if (!copied)
      return copied.error();
    if (copied->body.find("<Error>") != std::string::npos)
      return make_unavailable("The object store could not copy the parts into place.");
    return done;
  }

  struct closer {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  bucket_ptr bucket_;
  blob_info info_;
  std::unique_ptr<EVP_MD_CTX, closer> hash_{EVP_MD_CTX_new()};
  std::string held_, temporary_, upload_;
  std::vector<std::string> tags_;
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
    if (length == 0) {
      auto i = stat(key);
      if (!i)
        return i.error();
      return offset > i->size ? outcome<std::string>{stored::beyond_the_end(key, i->size)} : outcome<std::string>{std::string{}};
    }
    const auto last = offset + std::min<std::uint64_t>(length, 1ULL << 40) - 1;
    auto r = bucket_->call("GET", bucket_->url(bucket_->full(key)), {{"Range", "bytes=" + std::to_string(offset) + "-" + std::to_string(last)}}, {}, true, key);
    if (!r)
      return r.error();
    if (r->status == 416) {
      auto i = stat(key);
      if (!i)
        return i.error();
      return offset > i->size ? outcome<std::string>{stored::beyond_the_end(key, i->size)} : outcome<std::string>{std::string{}};
    }
    const auto range = r->header("content-range");
    const auto total = range.empty() ? r->body.size() : number(std::string_view{range}.substr(range.rfind('/') + 1));
    const auto sha = r->header("x-amz-meta-sha256");
    if (offset == 0 && r->body.size() == total && !sha.empty() && sha256_hex(r->body) != sha)
      return make_unavailable("The bytes of " + std::string{key} + " are damaged in the object store: their SHA-256 is another one.");
    return std::move(r->body);
  }
  outcome<blob_info> stat(std::string_view key) const override {
    if (auto f = stored::refusal_of_blob_key(key))
      return stored::no_blob(key);
    auto r = bucket_->call("HEAD", bucket_->url(bucket_->full(key)), {}, {}, true, key);
    if (!r)
      return r.error();
    blob_info i;
    i.key = std::string{key};
    i.size = number(r->header("content-length"));
    i.sha256 = r->header("x-amz-meta-sha256");
    i.content_type = r->header("content-type");
    const auto ms = number(r->header("x-amz-meta-stored-ms"));
    i.stored_at = ms != 0 ? timestamp{std::chrono::milliseconds{ms}} : http_date(r->header("last-modified"));
    return i;
  }
  outcome<bool> remove(std::string_view key) override {
    auto there = stat(key);
    if (!there)
      return there.error().code == errc::not_found ? outcome<bool>{false} : outcome<bool>{there.error()};
    auto r = bucket_->call("DELETE", bucket_->url(bucket_->full(key)), {}, {}, true, key);
    if (!r && r.error().code != errc::not_found)
      return r.error();
    return true;
  }
  /// One list request, and one more for each blob: what a list shows says neither type nor SHA-256.
  outcome<blob_page> list(std::string_view prefix, std::string_view after, std::size_t limit) const override {
    const auto n = std::clamp<std::size_t>(limit, 1, 1'000);
    auto query = "list-type=2&max-keys=" + std::to_string(n) + "&prefix=" + encoded(bucket_->full(prefix), false);
    if (!after.empty())
      query += "&start-after=" + encoded(bucket_->full(after), false);
    auto r = bucket_->call("GET", bucket_->url({}, query), {}, {}, true, prefix);
    if (!r)
      return r.error();
    pugi::xml_document xml;
    if (!xml.load_buffer(r->body.data(), r->body.size()))
      return make_unavailable("The object store's list cannot be read.");
    const auto root = xml.child("ListBucketResult");
    blob_page page;
    page.more = std::strcmp(root.child_value("IsTruncated"), "true") == 0;
    for (auto c : root.children("Contents")) {
      const std::string key = c.child_value("Key");
      if (!key.starts_with(bucket_->o.prefix) || key.starts_with(bucket_->o.prefix + ".parts/"))
        continue;
      auto i = stat(std::string_view{key}.substr(bucket_->o.prefix.size()));
      if (i)
        page.blobs.push_back(std::move(*i));
      else if (i.error().code != errc::not_found)
        return i.error();
    }
    return page;
  }
  outcome<done_t> set_lifecycle(std::string_view prefix, std::optional<std::chrono::days> age) override {
    // The whole configuration is replaced at once: read, change our rule, write.
    const auto id = "fm-" + sha256_hex(prefix).substr(0, 16);
    std::map<std::string, std::string> rules;
    auto now = bucket_->call("GET", bucket_->url({}, "lifecycle="), {}, {}, true, prefix);
    if (now) {
      pugi::xml_document xml;
      if (xml.load_buffer(now->body.data(), now->body.size()))
        for (auto rule : xml.child("LifecycleConfiguration").children("Rule")) {
          std::ostringstream text;
          rule.print(text, "", pugi::format_raw);
          rules[rule.child_value("ID")] = text.str();
        }
    } else if (now.error().code != errc::not_found) {
      return now.error();
    }
    rules.erase(id);
    if (age)
      rules[id] = "<Rule><ID>" + id + "</ID><Filter><Prefix>" + bucket_->full(prefix) + "</Prefix></Filter><Status>Enabled</Status><Expiration><Days>" +
                  std::to_string(age->count()) + "</Days></Expiration></Rule>";
    if (rules.empty()) {
      auto r = bucket_->call("DELETE", bucket_->url({}, "lifecycle="), {}, {}, true, prefix);
      if (!r && r.error().code != errc::not_found)
        return r.error();
      return done;
    }
    std::string body = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (auto& [name, rule] : rules)
      body += rule;
    body += "</LifecycleConfiguration>";
    auto r = bucket_->call("PUT", bucket_->url({}, "lifecycle="), {{"Content-Type", "application/xml"}, {"Content-MD5", base64_md5(body)}}, body, true, prefix);
    if (!r)
      return r.error();
    return done;
  }
  outcome<std::uint64_t> sweep() override { return std::uint64_t{0}; } // the server's own rules do it
  outcome<done_t> ping() const override {
    auto r = bucket_->call("GET", bucket_->url({}, "list-type=2&max-keys=1"), {}, {}, true, bucket_->o.bucket);
    if (!r)
      return r.error().code == errc::not_found ? make_unavailable("There is no bucket " + bucket_->o.bucket + ".") : r.error();
    return done;
  }

private:
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
