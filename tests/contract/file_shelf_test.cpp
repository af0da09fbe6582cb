// The shelf on every blob store: what comes in pieces, what a crash leaves, what is resumed after a restart.
#include "actors/files/blob_source.hpp"
#include "actors/files/file_shelf.hpp"
#include "protocol/base/sha256.hpp"
#include "tests/contract/blob_backends.hpp"

namespace fm::contract {
namespace {

class shelf_contract : public testing::TestWithParam<blob_backend> {
protected:
  void SetUp() override {
    if (GetParam().missing())
      GTEST_SKIP() << "no server for s3";
    settings.upload_part_bytes = 1'000;
    settings.case_bytes_max = 30'000;
    restart();
  }
  /// What a new process sees: nothing but the store. Memory keeps its store.
  void restart() {
    shelf.reset();
    if (!store || GetParam().keeps) {
      store.reset();
      auto s = GetParam().open(dir.path, clock);
      ASSERT_TRUE(s) << s.error().detail;
      store = *s;
    }
    shelf = std::make_unique<file_shelf>(settings, file_deps{store, [this](const file_request& r) { return analyse(r); }, clock, random});
  }
  file_analysis analyse(const file_request& r) {
    seen = r.context;
    file_analysis a;
    a.data_type = r.name.ends_with(".conf") ? "structured_config" : "logs_and_errors";
    auto bytes = r.bytes.read(0, r.bytes.size());
    a.error = bytes ? "" : bytes.error().detail;
    a.summary = bytes ? sha256_hex(*bytes) : "";
    if (r.name.ends_with(".trace"))
      a.stack_text = "at com.example." + r.name + "\n";
    return a;
  }
  outcome<stored_file> put(const std::string& name, const std::string& bytes, std::size_t piece = 700) {
    auto f = shelf->begin(in_case);
    if (!f)
      return f.error();
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      if (auto w = (*f)->write(std::string_view{bytes}.substr(at, piece)); !w)
        return w.error();
    if (auto sealed = (*f)->seal(); !sealed)
      return sealed.error();
    file_details d;
    d.name = name;
    clock->ms += 1'000;
    return shelf->keep(**f, ada, d);
  }
  std::size_t blobs(const std::string& prefix) {
    auto page = store->list(prefix, {}, 1'000);
    return page ? page->blobs.size() : 9'999;
  }
  static std::string text(std::size_t n, char c = 'a') {
    std::string t;
    for (std::size_t i = 0; t.size() < n; ++i)
      t += std::string(1, c) + std::to_string(i) + "\n";
    return t.substr(0, n);
  }

  scratch_directory dir;
  std::shared_ptr<turned_clock> clock = std::make_shared<turned_clock>();
  random_ptr random = seeded_random(5);
  blob_store_ptr store;
  file_settings settings;
  std::unique_ptr<file_shelf> shelf;
  const case_id in_case{"case_0123456789ab"};
  const principal ada{user_id{"ada"}, "Ada", {user_role::user}};
  file_context seen;
};

TEST_P(shelf_contract, PiecesBecomeTheFileAndNothingElseStays) {
  const auto bytes = text(5'000);
  const auto stored = put("a.log", bytes, 333);
  ASSERT_TRUE(stored) << stored.error().detail;
  EXPECT_EQ(stored->first.sha256, sha256_hex(bytes));
  EXPECT_EQ(stored->first.summary, sha256_hex(bytes)) << "the analysis read the same bytes";
  EXPECT_EQ(shelf->bytes(in_case, stored->first.id, 0, 9'999).value(), bytes);
  EXPECT_EQ(blobs("incoming/"), 0U);
  const auto again = put("b.log", bytes);
  EXPECT_EQ(again->first.duplicate_of, stored->first.id);
  EXPECT_EQ(blobs("cases/"), 4U);
  EXPECT_EQ(put("empty", "").error().code, errc::invalid);
  EXPECT_EQ(put("large", text(26'000)).error().code, errc::too_large) << "30,000 bytes a case";
  EXPECT_EQ(blobs("cases/"), 4U);
}

TEST_P(shelf_contract, WhatACrashLeavesIsTakenAwayAndNothingMore) {
  const auto kept = put("a.log", text(2'000));
  ASSERT_TRUE(kept);
  // As the process leaves it that dies between the last byte and the record, and between the record and the marker's end.
  ASSERT_TRUE(write_blob(*store, "incoming/file_aaaaaaaaaaaa", "text/plain", in_case.value));
  ASSERT_TRUE(write_blob(*store, "cases/" + in_case.value + "/file_aaaaaaaaaaaa/content", {}, "half"));
  ASSERT_TRUE(write_blob(*store, "incoming/" + kept->first.id, "text/plain", in_case.value));
  restart();
  EXPECT_EQ(shelf->sweep_orphans().value(), 1U);
  EXPECT_EQ(blobs("incoming/"), 0U);
  EXPECT_EQ(blobs("cases/"), 4U);
  EXPECT_EQ(shelf->list(in_case)->size(), 1U);
  EXPECT_EQ(shelf->sweep_orphans().value(), 0U);
}

TEST_P(shelf_contract, AnUploadGoesOnAfterARestartWhereItWas) {
  const auto bytes = text(4'321);
  file_details d;
  d.name = "a.log";
  auto u = shelf->uploads().create(ada, in_case, bytes.size(), d, "filename YQ==");
  ASSERT_TRUE(u) << u.error().detail;
  {
    auto a = shelf->uploads().add(in_case, u->id, ada.user, 0);
    ASSERT_TRUE(a);
    ASSERT_TRUE((*a)->write(std::string_view{bytes}.substr(0, 2'500)));
    ASSERT_TRUE((*a)->keep());
  }
  restart();
  EXPECT_EQ(shelf->uploads().find(in_case, u->id, user_id{"ben"}).error().code, errc::not_found);
  auto found = shelf->uploads().find(in_case, u->id, ada.user);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->offset, 2'500U);
  EXPECT_EQ(found->who, ada);
  EXPECT_EQ(found->metadata, "filename YQ==");
  EXPECT_EQ(put("b.log", text(26'000, 'b')).error().code, errc::too_large) << "what it announced is still taken";
  EXPECT_EQ(shelf->uploads().add(in_case, u->id, ada.user, 2'499).error().reason, "UPLOAD_OFFSET");
  {
    auto a = shelf->uploads().add(in_case, u->id, ada.user, 2'500);
    ASSERT_TRUE(a);
    EXPECT_EQ(shelf->uploads().add(in_case, u->id, ada.user, 2'500).error().reason, "UPLOAD_BUSY");
    ASSERT_TRUE((*a)->write(std::string_view{bytes}.substr(2'500)));
    EXPECT_EQ((*a)->write("more").error().code, errc::too_large);
  } // dropped, not kept: what came stays
  restart();
  auto complete = shelf->uploads().sweep();
  ASSERT_TRUE(complete) << complete.error().detail;
  ASSERT_EQ(complete->size(), 1U);
  auto file = shelf->begin(complete->front(), {});
  ASSERT_TRUE(file) << file.error().detail;
  auto stored = shelf->keep(**file, ada, complete->front().details);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->first.id, u->id);
  EXPECT_EQ(stored->first.sha256, sha256_hex(bytes));
  ASSERT_TRUE(shelf->uploads().remove(in_case, u->id));
  file->reset();
  EXPECT_EQ(blobs("uploads/") + blobs("parts/") + blobs("incoming/"), 0U);
}

TEST_P(shelf_contract, UploadsPastTheirTimeAndPartsOfNobodyGo) {
  auto u = shelf->uploads().create(ada, in_case, 5'000, {}, {});
  ASSERT_TRUE(u);
  {
    auto a = shelf->uploads().add(in_case, u->id, ada.user, 0);
    ASSERT_TRUE((*a)->write(text(1'500)));
  }
  ASSERT_TRUE(write_blob(*store, "parts/" + in_case.value + "/file_bbbbbbbbbbbb/00000000", {}, "nobody's"));
  EXPECT_TRUE(shelf->uploads().sweep()->empty());
  EXPECT_EQ(blobs("parts/"), 2U) << "the two of the upload";
  clock->ms += 24 * 3'600'000;
  EXPECT_EQ(shelf->uploads().find(in_case, u->id, ada.user).error().code, errc::gone);
  EXPECT_EQ(shelf->uploads().add(in_case, u->id, ada.user, 1'500).error().code, errc::gone);
  EXPECT_TRUE(shelf->uploads().sweep()->empty());
  EXPECT_EQ(blobs("uploads/") + blobs("parts/"), 0U);
  EXPECT_TRUE(put("b.log", text(29'000))) << "its room is free";
}

TEST_P(shelf_contract, TheAnalysisIsHandedWhatTheCaseKnowsAlready) {
  ASSERT_TRUE(put("app.conf", "port = 1\n"));
  ASSERT_TRUE(put("app.conf", "port = 2\n"));
  ASSERT_TRUE(put("other.conf", "port = 3\n"));
  ASSERT_TRUE(put("one.trace", "1"));
  ASSERT_TRUE(put("two.trace", "2"));
  EXPECT_EQ(seen.earlier_name, "");
  restart();
  ASSERT_TRUE(put("app.conf", "port = 4\n"));
  EXPECT_EQ(seen.earlier_name, "app.conf");
  EXPECT_EQ(seen.earlier, "port = 2\n") << "the newest earlier one";
  EXPECT_EQ(seen.stack_text, "at com.example.two.trace\nat com.example.one.trace\n");
}

TEST_P(shelf_contract, ABlobIsReadInPiecesOfAnyLengthAsItIs) {
  const auto bytes = text(3'000'000);
  ASSERT_TRUE(write_blob(*store, "x/y", {}, bytes));
  const blob_source source{*store, "x/y", bytes.size()};
  for (const std::uint64_t piece : {1'000'000ULL, 262'144ULL, 2'000'000ULL, 70'000ULL}) {
    std::string all;
    while (all.size() < bytes.size())
      all += source.read(all.size(), piece).value();
    EXPECT_TRUE(all == bytes) << piece;
  }
  EXPECT_EQ(source.read(2'999'990, 100).value(), bytes.substr(2'999'990));
  EXPECT_EQ(source.read(5, 3).value(), bytes.substr(5, 3)) << "backwards";
  EXPECT_EQ(source.read(3'000'000, 1).value(), "");
}

INSTANTIATE_TEST_SUITE_P(backends, shelf_contract, every_blob_backend(), blob_backend_name);

} // namespace
} // namespace fm::contract
