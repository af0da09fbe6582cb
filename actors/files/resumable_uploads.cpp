// Numbers of parts follow from offsets, so that nothing but the parts themselves says how far an upload is.
#include "actors/files/resumable_uploads.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"

#include <algorithm>
#include <simdjson.h>

namespace fm {
namespace {
std::string uploads_of(const case_id& c) { return "uploads/" + c.value + "/"; }
std::string key_of(const case_id& c, const std::string& upload) { return uploads_of(c) + upload; }
std::string parts_of(const case_id& c, const std::string& upload) { return "parts/" + c.value + "/" + upload + "/"; }
failure no_upload() { return make_failure(errc::not_found, "There is no such upload in this case."); }
failure too_many(std::uint64_t length) { return make_failure(errc::too_large, "More bytes came than the " + std::to_string(length) + " that were announced."); }
bool sane(const std::string& id) {
  return id.size() <= 64 && !id.empty() && id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

std::string json_of(const open_upload& u) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).member("id", u.id).member("case", u.in_case.value).member("length", u.length).member("metadata", u.metadata);
  w.member("user", u.who.user.value).member("user_name", u.who.name).key("roles").begin_array();
  for (auto r : u.who.roles)
    w.value(static_cast<std::uint64_t>(r));
  w.end_array().member("name", u.details.name).member("content_type", u.details.content_type).member("description", u.details.description);
  w.member("data_type", u.details.data_type).member("session", u.details.session).member("source_metadata", u.details.source_metadata);
  w.member("created_at", to_iso8601(u.created_at)).member("expires_at", to_iso8601(u.expires_at)).end_object();
  return out;
}
outcome<open_upload> upload_of(std::string_view json) {
  const auto damaged = make_unavailable("What is kept of an upload is damaged or of a newer version.");
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::uint64_t version = 0;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || root["v"].get_uint64().get(version) != simdjson::SUCCESS || version != 1)
    return damaged;
  const auto text = [&](const char* name) {
    std::string_view v;
    return root[name].get_string().get(v) == simdjson::SUCCESS ? std::string{v} : std::string{};
  };
  open_upload u;
  u.id = text("id");
  u.in_case = case_id{text("case")};
  u.metadata = text("metadata");
  u.who.user = user_id{text("user")};
  u.who.name = text("user_name");
  simdjson::dom::array roles;
  if (root["roles"].get_array().get(roles) == simdjson::SUCCESS)
    for (auto r : roles)
      if (std::uint64_t n = 0; r.get_uint64().get(n) == simdjson::SUCCESS && n <= static_cast<std::uint64_t>(user_role::admin))
        u.who.roles.push_back(static_cast<user_role>(n));
  u.details = {text("name"), text("content_type"), text("description"), text("data_type"), text("session"), text("source_metadata")};
  const auto created = from_iso8601(text("created_at")), expires = from_iso8601(text("expires_at"));
  if (root["length"].get_uint64().get(u.length) != simdjson::SUCCESS || !created || !expires || u.id.empty())
    return damaged;
  u.created_at = *created;
  u.expires_at = *expires;
  return u;
}

/// Calls `each` with every blob under a prefix until it fails.
template <class Each> outcome<done_t> for_each_blob(const blob_store& blobs, const std::string& prefix, Each each) {
  std::string after;
  for (;;) {
    auto page = blobs.list(prefix, after, 1'000);
    if (!page)
      return page.error();
    for (auto& b : page->blobs) {
      after = b.key;
      if (outcome<done_t> r = each(b); !r)
        return r;
    }
    if (!page->more)
      return done;
  }
}
} // namespace

failure upload_busy() { return make_conflict("UPLOAD_BUSY", "Another request adds to this upload, or it is being finished."); }

std::string resumable_uploads::part_key(const open_upload& u, std::uint64_t offset) const {
  char number[24];
  std::snprintf(number, sizeof number, "%08llu", static_cast<unsigned long long>(offset / settings_.part_bytes));
  return parts_of(u.in_case, u.id) + number;
}

outcome<open_upload> resumable_uploads::create(const principal& who, const case_id& id, std::uint64_t length, file_details details, std::string metadata) {
  if (length > settings_.upload_bytes_max)
    return make_failure(errc::too_large, "A file may have " + std::to_string(settings_.upload_bytes_max) + " bytes; this one has " + std::to_string(length) + ".");
  auto account = rooms_.account(id);
  if (!account)
    return account.error();
  open_upload u;
  u.id = random_id(*random_, "file_");
  u.in_case = id;
  u.who = who;
  u.length = length;
  u.metadata = std::move(metadata);
  u.details = std::move(details);
  u.created_at = clock_->now();
  u.expires_at = u.created_at + settings_.expiry;
  std::lock_guard lock{(*account)->mutex};
  if ((*account)->open_uploads.size() >= rooms_.limits().open_uploads_max) {
    auto f = make_failure(errc::overloaded, "This case has " + std::to_string(rooms_.limits().open_uploads_max) + " unfinished uploads; finish or delete one of them.");
    f.retry_after = std::chrono::seconds{10};
    return f;
  }
  if (auto room = (*account)->room_for(length, rooms_.limits()); !room)
    return room.error();
  if (auto w = write_blob(*blobs_, key_of(id, u.id), "application/json", json_of(u)); !w)
    return w.error();
  (*account)->open_uploads.emplace(u.id, u.length);
  return u;
}

outcome<open_upload> resumable_uploads::read(const case_id& id, const std::string& upload) const {
  if (!sane(upload))
    return no_upload();
  auto json = blobs_->read(key_of(id, upload), 0, 1U << 20);
  if (!json)
    return json.error().code == errc::not_found ? no_upload() : json.error();
  return upload_of(*json);
}
outcome<std::uint64_t> resumable_uploads::durable_bytes(const case_id& id, const std::string& upload) const {
  std::uint64_t sum = 0;
  auto all = for_each_blob(*blobs_, parts_of(id, upload), [&](const blob_info& b) -> outcome<done_t> {
    sum += b.size;
    return done;
  });
  if (!all)
    return all.error();
  return sum;
}
outcome<open_upload> resumable_uploads::find(const case_id& id, const std::string& upload, const user_id& whose) const {
  auto u = read(id, upload);
  return u && u->who.user != whose ? no_upload() : stand_of(std::move(u));
}
outcome<open_upload> resumable_uploads::stand_of(outcome<open_upload> u) const {
  if (!u)
    return u;
  if (clock_->now() >= u->expires_at)
    return make_failure(errc::gone, "The time of this upload is over; begin a new one.");
  auto sum = durable_bytes(u->in_case, u->id);
  if (!sum)
    return sum.error();
  u->offset = *sum;
  return u;
}

outcome<done_t> resumable_uploads::remove(const case_id& id, const std::string& upload) {
  if (!sane(upload))
    return no_upload();
  // Its description first: parts without one are nobody's and go with the next sweep.
  auto gone = blobs_->remove(key_of(id, upload));
  if (!gone)
    return gone.error();
  if (auto a = rooms_.account_in_use(id)) {
    std::lock_guard lock{a->mutex};
    a->open_uploads.erase(upload);
  }
  if (!*gone)
    return no_upload();
  return for_each_blob(*blobs_, parts_of(id, upload), [&](const blob_info& b) -> outcome<done_t> {
    auto r = blobs_->remove(b.key);
    return r ? outcome<done_t>{done} : outcome<done_t>{r.error()};
  });
}

outcome<std::map<std::string, std::uint64_t>> resumable_uploads::lengths(const case_id& id) const {
  std::map<std::string, std::uint64_t> out;
  const auto prefix = uploads_of(id);
  auto all = for_each_blob(*blobs_, prefix, [&](const blob_info& b) -> outcome<done_t> {
    auto u = read(id, b.key.substr(prefix.size()));
    if (u)
      out.emplace(u->id, u->length);
    else if (u.error().code != errc::not_found)
      return u.error();
    return done;
  });
  if (!all)
    return all.error();
  return out;
}

std::shared_ptr<void> resumable_uploads::hold(const std::string& upload) {
  std::lock_guard lock{mutex_};
  if (!busy_.insert(upload).second)
    return nullptr;
  return std::shared_ptr<void>{this, [this, upload](void*) {
                                 std::lock_guard again{mutex_};
                                 busy_.erase(upload);
                               }};
}

outcome<std::unique_ptr<resumable_uploads::addition>> resumable_uploads::add(const case_id& id, const std::string& upload, const user_id& whose,
                                                                                        std::uint64_t offset, std::optional<std::uint64_t> bytes) {
  auto held = hold(upload);
  auto u = find(id, upload, whose);
  if (!u)
    return u.error();
  if (!held)
    return upload_busy();
  if (u->offset != offset) {
    auto f = make_conflict("UPLOAD_OFFSET", "This upload stands at " + std::to_string(u->offset) + ", not at " + std::to_string(offset) + ".");
    return f.with_fact("offset", std::to_string(u->offset));
  }
  if (bytes && *bytes > u->length - u->offset)
    return too_many(u->length);
  std::unique_ptr<addition> a{new addition{*this, std::move(*u)}};
  a->held_ = std::move(held);
  return a;
}

outcome<done_t> resumable_uploads::addition::write(std::string_view bytes) {
  if (broken_)
    return make_unavailable("This part of the upload could not be kept.");
  const auto part_bytes = owner_.settings_.part_bytes;
  while (!bytes.empty()) {
    if (!part_) {
      if (upload_.complete())
        return too_many(upload_.length);
      const auto key = owner_.part_key(upload_, upload_.offset);
      in_part_ = upload_.offset % part_bytes;
      part_begins_ = upload_.offset - in_part_;
      auto w = owner_.blobs_->put(key, {});
      if (!w)
        return w.error();
      part_ = std::move(*w);
      if (in_part_ > 0) { // what is there already, written once more
        auto old = owner_.blobs_->read(key, 0, in_part_);
        auto r = old ? part_->write(*old) : outcome<done_t>{old.error()};
        if (!r) {
          broken_ = true;
          return r;
        }
      }
    }
    const auto left = upload_.length - (part_begins_ + in_part_);
    const auto n = static_cast<std::size_t>(std::min({static_cast<std::uint64_t>(bytes.size()), part_bytes - in_part_, left}));
    if (auto r = part_->write(bytes.substr(0, n)); !r) {
      broken_ = true;
      return r;
    }
    in_part_ += n;
    bytes.remove_prefix(n);
    if (in_part_ == part_bytes || n == left)
      if (auto r = end_part(); !r)
        return r;
  }
  return done;
}
outcome<done_t> resumable_uploads::addition::end_part() {
  if (!part_)
    return done;
  auto r = part_->finish();
  part_.reset();
  if (!r) {
    broken_ = true;
    return r.error();
  }
  upload_.offset = part_begins_ + in_part_;
  return done;
}
outcome<open_upload> resumable_uploads::addition::keep() {
  if (broken_)
    return make_unavailable("This part of the upload could not be kept.");
  if (auto r = end_part(); !r)
    return r.error();
  held_.reset(); // here and not with the object, which may live a moment longer: what comes next must find it free
  return upload_;
}
resumable_uploads::addition::~addition() {
  if (!broken_)
    if (auto r = end_part(); !r)
      log::warn("files", "the last bytes of an upload that was cut off are lost: " + r.error().detail);
}

outcome<done_t> resumable_uploads::bytes_of(const open_upload& u, const byte_sink& into) const {
  constexpr std::uint64_t piece = 1U << 20;
  for (std::uint64_t at = 0; at < u.length;) {
    const auto in_part = at % settings_.part_bytes;
    auto bytes = blobs_->read(part_key(u, at), in_part, std::min({piece, settings_.part_bytes - in_part, u.length - at}));
    if (!bytes)
      return bytes.error();
    if (bytes->empty())
      return make_unavailable("The bytes of an upload are cut short in their store.");
    if (auto r = into(*bytes); !r)
      return r;
    at += bytes->size();
  }
  return done;
}

outcome<std::vector<open_upload>> resumable_uploads::sweep() {
  std::vector<open_upload> complete;
  std::set<std::string> known;
  std::vector<std::pair<case_id, std::string>> over;
  auto all = for_each_blob(*blobs_, "uploads/", [&](const blob_info& b) -> outcome<done_t> {
    const auto slash = b.key.rfind('/');
    const case_id id{b.key.substr(8, slash - 8)};
    const auto upload = b.key.substr(slash + 1);
    auto u = stand_of(read(id, upload));
    if (!u && u.error().code == errc::gone)
      over.emplace_back(id, upload);
    else if (!u && u.error().code != errc::not_found)
      return u.error();
    else if (u && u->complete())
      complete.push_back(std::move(*u));
    known.insert(upload);
    return done;
  });
  if (!all)
    return all.error();
  for (auto& [id, upload] : over)
    if (auto held = hold(upload))
      if (auto r = remove(id, upload); !r && r.error().code != errc::not_found)
        return r.error();
  // Parts whose description is gone: a crash came between the two.
  std::vector<std::string> orphans;
  all = for_each_blob(*blobs_, "parts/", [&](const blob_info& b) -> outcome<done_t> {
    const auto last = b.key.rfind('/'), before = b.key.rfind('/', last - 1);
    const auto upload = b.key.substr(before + 1, last - before - 1);
    if (!known.contains(upload) && !read(case_id{b.key.substr(6, before - 6)}, upload))
      orphans.push_back(b.key);
    return done;
  });
  if (!all)
    return all.error();
  for (auto& key : orphans)
    if (auto r = blobs_->remove(key); !r)
      return r.error();
  return complete;
}

} // namespace fm
