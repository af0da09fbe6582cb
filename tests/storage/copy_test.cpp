// Everything from some stores to others: whole, once, and to be gone on with.
#include "storage/factory/copy.hpp"
#include "storage/factory/schemas.hpp"
#include "tests/contract/backends.hpp"

namespace fm {
namespace {
using contract::case_script;

struct side {
  contract::scratch_directory dir;
  opened_storage stores;
  explicit side(bool embedded) { open(embedded); }
  void open(bool embedded) {
    storage_settings s = embedded ? storage_settings{} : all_in_memory();
    s.data_directory = dir.path + "/data";
    auto opened = open_storage(s);
    if (!opened)
      throw std::runtime_error(opened.error().detail);
    stores = std::move(*opened);
  }
};

void fill(opened_storage& s, int cases) {
  for (int i = 0; i < cases; ++i) {
    case_script c{"copied" + std::to_string(i)};
    contract::store(*s.cases, c.creation());
    contract::store(*s.cases, c.of({c.question(1, "question " + std::to_string(i)), turn_started{c.turn(1), 1}}));
    contract::store(*s.cases, c.of({c.text(1, 0, "answer"), c.answer(1, "answer")}));
  }
  user_record u;
  u.person.id = user_id{"user_ada"};
  u.person.username = "ada";
  u.password_hash = "$argon2id$";
  ASSERT_TRUE(s.users->create(u));
  ASSERT_TRUE(s.sessions->set("session:1", std::string("v\0w", 3), std::chrono::hours{1}));
  ASSERT_TRUE(s.sessions->set("session:2", "for ever", std::nullopt));
  ASSERT_TRUE(s.vectors->create_collection("kb-one", 3, {{"embedder", std::string{"lexical"}}}));
  const std::vector<vector_item> items{{"a", {1, 0, 0}, "text a", {{"n", std::int64_t{1}}}}, {"b", {0.1F, 0.2F, 0.3F}, "text b", {}}};
  ASSERT_TRUE(s.vectors->upsert("kb-one", items));
  auto w = s.blobs->put("cases/x/file", "text/plain");
  ASSERT_TRUE(w);
  ASSERT_TRUE((*w)->write(std::string(3'000'000, 'x')));
  ASSERT_TRUE((*w)->finish());
}

std::uint64_t written(const std::vector<copied_type>& all) {
  std::uint64_t n = 0;
  for (auto& t : all)
    n += t.written;
  return n;
}

TEST(Copy, GoesThereAndBackWithTheSameSums) {
  side memory{false}, embedded{true}, back{false};
  fill(memory.stores, 30);
  const auto there = copy_storage(memory.stores, embedded.stores, {}, {});
  ASSERT_TRUE(there) << there.error().detail;
  const auto home = copy_storage(embedded.stores, back.stores, {}, {});
  ASSERT_TRUE(home) << home.error().detail;
  ASSERT_EQ(there->size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_TRUE((*there)[i].same()) << (*there)[i].name << ": " << (*there)[i].first_difference;
    EXPECT_EQ((*there)[i].source_sum, (*home)[i].target_sum) << (*there)[i].name;
    EXPECT_GT((*there)[i].written, 0U) << (*there)[i].name;
    EXPECT_EQ((*there)[i].found, (*there)[i].written) << (*there)[i].name;
  }
  EXPECT_EQ(back.stores.cases->messages(case_id{"case_copied7"}, 0, 10, false)->total, 2U);
  EXPECT_EQ(back.stores.sessions->time_left("session:2").value().value(), std::nullopt);
  EXPECT_LE(back.stores.sessions->time_left("session:1").value().value(), std::chrono::hours{1});
  EXPECT_EQ(written(*copy_storage(memory.stores, embedded.stores, {}, {})), 0U) << "a second copy finds everything there";
}

TEST(Copy, ThatWasStoppedGoesOnWhereItStopped) {
  side from{false}, to{true};
  fill(from.stores, 300);
  int calls = 0;
  const auto first = copy_storage(from.stores, to.stores, {}, [&](const std::string& type, std::uint64_t done, std::uint64_t) {
    return !(type == "cases" && done == 200 && ++calls == 1);
  });
  ASSERT_FALSE(first);
  EXPECT_NE(first.error().detail.find("goes on from here"), std::string::npos);
  const auto second = copy_storage(from.stores, to.stores, {}, {});
  ASSERT_TRUE(second);
  for (auto& t : *second)
    EXPECT_TRUE(t.same()) << t.name;
  EXPECT_LT((*second)[1].written, 300U);
  EXPECT_GT((*second)[1].written, 0U);
}

TEST(Copy, ACaseThatGrewIsContinuedAndOneWithAnotherHistoryIsLeftAlone) {
  side from{false}, to{true};
  case_script same{"same"}, other{"other"}, foreign{"other"};
  contract::store(*from.stores.cases, same.creation());
  contract::store(*from.stores.cases, other.creation());
  foreign.time = 99; // the same name, another story
  contract::store(*to.stores.cases, foreign.creation());
  copy_choice cases_only{false, true, false, false, false};
  auto r = copy_storage(from.stores, to.stores, cases_only, {});
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ((*r)[0].differ, 1U);
  EXPECT_NE((*r)[0].first_difference.find("case_other"), std::string::npos);
  EXPECT_FALSE((*r)[0].same());
  contract::store(*from.stores.cases, same.of({same.question(1, "more")}));
  r = copy_storage(from.stores, to.stores, cases_only, {});
  ASSERT_TRUE(r);
  EXPECT_EQ((*r)[0].written, 1U);
  EXPECT_EQ(to.stores.cases->load(same.id())->seq, 2U);
  EXPECT_FALSE(contract::check_of(*to.stores.cases, same.id()).broken);
}

TEST(Schemas, OfTheEmbeddedStoresGoUpAndDownAndKeepWhatIsOlder) {
  contract::scratch_directory dir;
  storage_settings s;
  s.data_directory = dir.path + "/data";
  const auto state = [&] { return schema_states(s).value(); };
  EXPECT_EQ(state().size(), 2U) << "cases with users, sessions";
  EXPECT_EQ(state()[0].applied, 0);
  EXPECT_FALSE(std::filesystem::exists(s.data_directory + "/faultmaven.db")) << "looking makes nothing";
  ASSERT_TRUE(schemas_up(s));
  const auto newest = state()[0].steps.back().number;
  EXPECT_EQ(state()[0].applied, newest);
  case_script c{"one"};
  {
    auto opened = open_storage(s);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(schema_down(s, "cases", 1)) << "not while a server holds the directory";
    contract::store(*opened->cases, c.creation());
  }
  for (int target = newest - 1; target >= 1; --target) {
    ASSERT_TRUE(schema_down(s, "cases", target));
    EXPECT_EQ(state()[0].applied, target);
    auto opened = open_storage(s); // and up again
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_FALSE(contract::check_of(*opened->cases, c.id()).broken);
  }
  ASSERT_TRUE(schema_down(s, "cases", 0));
  {
    auto opened = open_storage(s);
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(opened->cases->get(c.id()).error().code, errc::not_found);
  }
  EXPECT_EQ(schema_down(s, "vectors", 0).error().code, errc::invalid);
}

} // namespace
} // namespace fm
