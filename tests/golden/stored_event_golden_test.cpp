// The bytes on disk, version 1: tests/golden/stored holds one file a kind and the hashes of a small chain. A
// difference means that logs written yesterday verify or read differently today: make a new version instead.
// FM_UPDATE_GOLDENS=1 rewrites the files.
#include "storage/codec/codec.hpp"
#include "tests/storage/sample_events.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace fm {
namespace {

std::string path_of(const std::string& name) { return std::string{FM_SOURCE_DIR} + "/tests/golden/stored/" + name; }

/// The file's content without the line end that editors like; written first when asked for.
std::string golden(const std::string& name, const std::string& now) {
  if (std::getenv("FM_UPDATE_GOLDENS"))
    std::ofstream{path_of(name)} << now << "\n";
  std::ifstream in{path_of(name)};
  std::ostringstream text;
  text << in.rdbuf();
  auto all = text.str();
  if (!all.empty() && all.back() == '\n')
    all.pop_back();
  return all;
}

TEST(StoredEventGolden, EveryKindIsWrittenAsItAlwaysWas) {
  for (auto& data : samples::events()) {
    const auto name = std::string{kind_of(data)};
    EXPECT_EQ(stored::encode(data), golden(name + ".json", stored::encode(data))) << name;
  }
}

TEST(StoredEventGolden, EveryKindIsReadAsItAlwaysWas) {
  for (auto& data : samples::events()) {
    const auto name = std::string{kind_of(data)};
    const auto read = stored::decode_event(name, golden(name + ".json", stored::encode(data)));
    ASSERT_TRUE(read) << name << ": " << read.error().detail;
    EXPECT_EQ(*read, data) << name;
  }
}

TEST(StoredEventGolden, UsersAndSessionsAreWrittenAsTheyAlwaysWere) {
  EXPECT_EQ(stored::encode(samples::person()), golden("user.json", stored::encode(samples::person())));
  EXPECT_EQ(stored::encode(samples::signed_in()), golden("session.json", stored::encode(samples::signed_in())));
}

TEST(StoredEventGolden, TheChainHashesAsItAlwaysDid) {
  std::string chain;
  digest previous{};
  sequence seq = 0;
  for (auto& data : samples::events()) {
    const case_event e{case_id{"case_0123456789ab"}, ++seq, samples::moment(static_cast<std::int64_t>(seq)),
                       {user_id{"user_ada"}, "Ada"}, data};
    const auto seal = stored::seal_event(previous, e, stored::encode(data));
    chain += (chain.empty() ? "" : "\n") + std::to_string(seq) + " " + std::string{kind_of(data)} + " " +
             to_hex(seal.data_hash) + " " + to_hex(seal.link);
    previous = seal.link;
  }
  EXPECT_EQ(chain, golden("chain.txt", chain));
}

} // namespace
} // namespace fm
