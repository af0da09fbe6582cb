// What clients see, byte for byte: tests/golden/wire holds one file a thing. A difference means that clients
// written yesterday read something else today. FM_UPDATE_GOLDENS=1 rewrites the files.
#include "protocol/wire/encode.hpp"
#include "tests/storage/sample_events.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace fm {
namespace {

std::string golden_wire(const std::string& name, const std::string& now) {
  const auto path = std::string{FM_SOURCE_DIR} + "/tests/golden/wire/" + name + ".json";
  if (std::getenv("FM_UPDATE_GOLDENS"))
    std::ofstream{path} << now << "\n";
  std::ifstream in{path};
  std::ostringstream text;
  text << in.rdbuf();
  auto all = text.str();
  if (!all.empty() && all.back() == '\n')
    all.pop_back();
  return all;
}
template <class Fill> void expect_golden(const std::string& name, Fill fill) {
  std::string now;
  json_writer w{now};
  fill(w);
  EXPECT_EQ(now, golden_wire(name, now)) << name;
}

case_record wire_case() {
  case_record r;
  r.id = case_id{"case_0123456789ab"};
  r.title = "Disk \"full\" \xE2\x9C\x93";
  r.title_is_placeholder = false;
  r.description = "db-1 refuses writes";
  r.owner = user_id{"user_ada"};
  r.priority = case_priority::high;
  r.category = "infra";
  r.tags = {"db", "disk"};
  r.participants = {{user_id{"user_ben"}, participant_role::viewer, samples::moment(3)}};
  r.version = 4;
  r.message_count = 2;
  r.turn_count = 1;
  r.created_at = samples::moment(1);
  r.updated_at = r.last_activity_at = samples::moment(9);
  return r;
}
message wire_message() {
  message m;
  m.id = message_id{"msg_1"};
  m.in_case = case_id{"case_0123456789ab"};
  m.turn_number = 1;
  m.type = message_type::agent_response;
  m.role = message_role::assistant;
  m.content = "line one\nline \"two\"\t\x01";
  m.metadata = {{"agent", "builtin"}};
  m.created_at = samples::moment(5);
  return m;
}
turn wire_turn() {
  turn t;
  t.id = turn_id{"turn_1"};
  t.client_id = client_turn_id{"c-1"};
  t.in_case = case_id{"case_0123456789ab"};
  t.number = 1;
  t.status = turn_status::running;
  t.attempt = 2;
  t.author = user_id{"user_ada"};
  t.author_name = "Ada";
  t.content = "Why?";
  t.body_digest = "never shown";
  t.question = message_id{"msg_0"};
  t.partial = "Because";
  t.created_at = samples::moment(4);
  t.started_at = samples::moment(5);
  return t;
}

TEST(WireGolden, EveryEventIsShownAsItAlwaysWas) {
  sequence seq = 0;
  for (auto& data : samples::events()) {
    const case_event e{case_id{"case_0123456789ab"},
                       ++seq,
                       samples::moment(static_cast<std::int64_t>(seq)),
                       {user_id{"user_ada"}, "Ada"},
                       data};
    const auto name = std::string{kind_of(data)};
    const auto now = wire::event_frame(e);
    EXPECT_EQ(now, golden_wire("event_" + name, now)) << name;
    EXPECT_EQ(now.find("body_digest"), std::string::npos) << name;
    EXPECT_EQ(now.find('\n'), std::string::npos) << name;
  }
}

TEST(WireGolden, SystemIsTheActorOfEventsWithoutAPerson) {
  const case_event e{
      case_id{"case_0123456789ab"}, 1, samples::moment(1), {}, turn_started{turn_id{"turn_1"}, 1}};
  EXPECT_EQ(wire::event_frame(e), golden_wire("event_by_system", wire::event_frame(e)));
}

TEST(WireGolden, CasesMessagesTurnsPeopleAndSessions) {
  expect_golden("case_summary", [](json_writer& w) { wire::write(w, summarize(wire_case())); });
  expect_golden("case", [](json_writer& w) { wire::write(w, wire_case(), 17); });
  expect_golden("message", [](json_writer& w) { wire::write(w, wire_message()); });
  expect_golden("turn", [](json_writer& w) { wire::write(w, wire_turn()); });
  expect_golden("user", [](json_writer& w) { wire::write(w, samples::person().person); });
  expect_golden("session", [](json_writer& w) { wire::write(w, samples::signed_in()); });
}

TEST(WireGolden, Snapshot) {
  struct person_in_case {
    user_id user;
    std::string name;
    bool typing = false;
    std::string focus;
    timestamp since{};
  };
  struct {
    case_record record = wire_case();
    sequence seq = 17;
    std::vector<message> messages{wire_message()};
    std::optional<turn> running = wire_turn();
    std::vector<turn> queue;
    std::vector<person_in_case> presence{{user_id{"user_ada"}, "Ada", true, "msg_1", samples::moment(8)},
                                         {user_id{"user_ben"}, "Ben", false, "", samples::moment(8)}};
  } snapshot;
  expect_golden("snapshot", [&](json_writer& w) {
    w.begin_object();
    wire::write_snapshot_members(w, snapshot);
    w.end_object();
  });
}

TEST(WireGolden, ErrorsHaveOneShape) {
  auto conflict = make_conflict("CASE_VERSION_CONFLICT", "The case was changed in the meantime.");
  conflict.with_fact("expected_version", "3").with_fact("actual_version", "4");
  auto invalid = make_failure(errc::invalid, "'title' must be text.");
  invalid.with_fact("field", "title");
  for (auto& [name, f] : {std::pair{"error_conflict", conflict},
                          {"error_invalid", invalid},
                          {"error_unavailable", make_unavailable("The store is down.")}}) {
    EXPECT_EQ(wire::error_body(f, "req-1"), golden_wire(name, wire::error_body(f, "req-1")));
    EXPECT_EQ(wire::error_frame(f, "7"),
              golden_wire(std::string{name} + "_frame", wire::error_frame(f, "7")));
  }
}

} // namespace
} // namespace fm
