// Records and who is in which.
#include "actors/teams/team_directory.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "storage/ports/blob_io.hpp"

#include <algorithm>
#include <simdjson.h>

namespace fm {
namespace {
constexpr std::uint64_t record_bytes_max = 4U << 20;

std::string key_of(const team_id& id) { return "teams/" + id.value + "/record.json"; }

std::string record_json(const team& t) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).member("id", t.id.value).member("name", t.name).member("description", t.description);
  w.key("members").begin_array();
  for (auto& m : t.members) {
    w.begin_object().member("user", m.user.value).member("name", m.name).member("role", name_of(m.role));
    w.member("added_by", m.added_by.value).member("added_at", to_iso8601(m.added_at)).end_object();
  }
  w.end_array().member("version", t.version).member("created_at", to_iso8601(t.created_at)).member("updated_at", to_iso8601(t.updated_at)).end_object();
  return out;
}

outcome<team> read_record(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array members;
  std::uint64_t v = 0, version = 0;
  const auto text = [](const simdjson::dom::element& of, const char* name) {
    std::string_view value;
    return of[name].get_string().get(value) == simdjson::SUCCESS ? std::string{value} : std::string{};
  };
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || root["v"].get_uint64().get(v) != simdjson::SUCCESS || v != 1 ||
      root["version"].get_uint64().get(version) != simdjson::SUCCESS || root["members"].get_array().get(members) != simdjson::SUCCESS)
    return make_unavailable("A team's record is damaged or of a newer version.");
  team t;
  t.id = team_id{text(root, "id")};
  t.name = text(root, "name");
  t.description = text(root, "description");
  t.version = static_cast<std::uint32_t>(version);
  t.created_at = from_iso8601(text(root, "created_at")).value_or(timestamp{});
  t.updated_at = from_iso8601(text(root, "updated_at")).value_or(timestamp{});
  for (const auto m : members) {
    const auto role = team_role_of(text(m, "role"));
    if (!role)
      return make_unavailable("A team's record is damaged: it names a role that does not exist.");
    t.members.push_back({user_id{text(m, "user")}, text(m, "name"), *role, user_id{text(m, "added_by")}, from_iso8601(text(m, "added_at")).value_or(timestamp{})});
  }
  return t;
}
} // namespace

outcome<std::uint64_t> team_directory::load() {
  std::lock_guard one{writing_};
  std::map<team_id, team> found;
  std::uint64_t damaged = 0;
  auto read = each_blob(*deps_.blobs, "teams/", [&](const blob_info& blob) -> outcome<done_t> {
    if (!blob.key.ends_with("/record.json"))
      return done;
    auto json = read_blob(*deps_.blobs, blob.key, record_bytes_max);
    if (!json)
      return json.error();
    auto t = read_record(*json);
    if (t && key_of(t->id) == blob.key) {
      auto id = t->id;
      found.emplace(std::move(id), std::move(*t));
    } else {
      ++damaged;
      log::error("teams", blob.key + " is left out: " + (t ? "it names another team" : t.error().detail));
    }
    return done;
  });
  if (!read)
    return read.error();
  std::unique_lock lock{mutex_};
  teams_ = std::move(found);
  damaged_ = damaged;
  loaded_ = true;
  return teams_.size();
}

outcome<done_t> team_directory::store(team t) {
  if (auto w = write_blob(*deps_.blobs, key_of(t.id), "application/json", record_json(t)); !w)
    return w.error();
  std::unique_lock lock{mutex_};
  auto id = t.id;
  teams_.insert_or_assign(std::move(id), std::move(t));
  return done;
}

std::size_t team_directory::memberships(const user_id& who) const {
  return static_cast<std::size_t>(std::count_if(teams_.begin(), teams_.end(), [&](auto& t) { return t.second.role_of(who).has_value(); }));
}

template <class F>
outcome<team> team_directory::changed(const team_id& id, F decide) {
  std::lock_guard one{writing_};
  team now;
  {
    std::shared_lock lock{mutex_};
    const auto found = teams_.find(id);
    if (found == teams_.end())
      return no_such_team();
    now = found->second;
  }
  outcome<team> next = decide(std::move(now));
  if (!next)
    return next;
  if (auto s = store(*next); !s)
    return s.error();
  return next;
}

outcome<team> team_directory::create(const principal& who, const team_patch& draft) {
  auto made = founded(team_id{random_id(*deps_.random, "team_")}, who, draft, deps_.clock->now());
  if (!made)
    return made;
  std::lock_guard one{writing_};
  {
    std::shared_lock lock{mutex_};
    if (teams_.size() >= limits_.teams_max)
      return make_failure(errc::too_large, "There is no room for more than " + std::to_string(limits_.teams_max) + " teams.");
    if (memberships(who.user) >= limits_.teams_per_user_max)
      return make_failure(errc::too_large, "You may be in " + std::to_string(limits_.teams_per_user_max) + " teams.");
  }
  if (auto s = store(*made); !s)
    return s.error();
  return made;
}

outcome<team_list> team_directory::list(const principal& who, bool all, std::size_t limit, std::size_t offset) const {
  if (all && !who.has(user_role::admin))
    return make_failure(errc::forbidden, "Only an administrator may list every team.");
  std::vector<const team*> mine;
  team_list out;
  std::shared_lock lock{mutex_};
  for (auto& [id, t] : teams_)
    if (all || t.role_of(who.user))
      mine.push_back(&t);
  std::sort(mine.begin(), mine.end(), [](auto* a, auto* b) { return std::tie(a->name, a->id) < std::tie(b->name, b->id); });
  out.total = mine.size();
  for (auto i = offset; i < mine.size() && out.teams.size() < limit; ++i)
    out.teams.push_back(*mine[i]);
  return out;
}

outcome<team> team_directory::read(const principal& who, const team_id& id) const {
  std::shared_lock lock{mutex_};
  const auto found = teams_.find(id);
  if (found == teams_.end() || !may_see(found->second, who))
    return no_such_team();
  return found->second;
}

outcome<team> team_directory::change(const principal& who, const team_id& id, const team_patch& patch, std::optional<std::uint32_t> expected_version) {
  return changed(id, [&](team t) { return patched(std::move(t), who, patch, expected_version, deps_.clock->now()); });
}

outcome<done_t> team_directory::remove(const principal& who, const team_id& id) {
  std::lock_guard one{writing_};
  {
    std::shared_lock lock{mutex_};
    const auto found = teams_.find(id);
    if (found == teams_.end())
      return no_such_team();
    if (auto may = removable(found->second, who); !may)
      return may.error();
  }
  if (auto gone = deps_.blobs->remove(key_of(id)); !gone)
    return gone.error();
  std::unique_lock lock{mutex_};
  teams_.erase(id);
  return done;
}

outcome<team> team_directory::add_member(const principal& who, const team_id& id, const std::string& person, team_role role) {
  if (auto t = read(who, id); !t) // who may not know the team learns nothing of other people here
    return t.error();
  auto known = deps_.users->get(user_id{person});
  if (!known && known.error().code == errc::not_found)
    known = deps_.users->find(person);
  if (!known)
    return known.error();
  if (!known->person.active || known->person.deleted_at)
    return make_failure(errc::not_found, "There is no such user.");
  return changed(id, [&](team t) -> outcome<team> {
    auto next = joined(std::move(t), who, known->person, role, limits_, deps_.clock->now());
    std::shared_lock lock{mutex_};
    if (next && memberships(known->person.id) >= limits_.teams_per_user_max)
      return make_failure(errc::too_large, "This person is in as many teams as one may be.");
    return next;
  });
}

outcome<team> team_directory::change_member(const principal& who, const team_id& id, const user_id& person, team_role role) {
  return changed(id, [&](team t) { return promoted(std::move(t), who, person, role, deps_.clock->now()); });
}

outcome<done_t> team_directory::remove_member(const principal& who, const team_id& id, const user_id& person) {
  auto next = changed(id, [&](team t) { return left(std::move(t), who, person, deps_.clock->now()); });
  return next ? outcome<done_t>{done} : next.error();
}

std::vector<team_id> team_directory::teams_of(const user_id& who) const {
  std::vector<team_id> out;
  std::shared_lock lock{mutex_};
  for (auto& [id, t] : teams_)
    if (t.role_of(who))
      out.push_back(id);
  return out;
}

bool team_directory::exists(const team_id& id) const {
  std::shared_lock lock{mutex_};
  return teams_.contains(id);
}

} // namespace fm
