#include "versions/hub.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "versions/tables.h"

namespace slipway::versions {
namespace {

class HubTest : public testing::Test {
 protected:
  HubTest() { MUST(db_->migrate({migrations()})); }

  // A version of one file after `parent`, in the hub's objects.
  Digest put(const std::string& content, std::vector<Digest> parents = {}) {
    const auto packs = MUST(hub_.ensure_packs("flights"));
    PackWriter writer(*packs);
    const Content file = MUST(writer.add_content(content));
    Commit commit = MUST(write_files(writer, {{"file", EntryKind::kFile, file}}));
    commit.parents = std::move(parents);
    commit.author = "Ada";
    commit.time = {time_ += 1'000'000};
    const Digest digest = MUST(write_commit(writer, commit));
    MUST(writer.finish());
    return digest;
  }
  Result<HubRef> move(std::optional<Digest> from, std::optional<Digest> to,
                      RefMove::Force force = RefMove::Force::kNo, RefKind kind = RefKind::kBranch) {
    return hub_.move("flights",
                     {.kind = kind, .name = "main", .from = from, .to = to, .force = force});
  }
  std::optional<Digest> main() {
    for (const HubRef& ref : MUST(hub_.get("flights")).refs)
      if (ref.name == "main") return ref.commit;
    return std::nullopt;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'795'000'000'000'000}};
  base::SystemRandom random_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "h.db"}, clock_, random_).value();
  Hub hub_{*db_, clock_, folder_.path() / "versions"};
  std::int64_t time_ = 1'795'000'000'000'000;
};

TEST_F(HubTest, ABranchGoesForwardAndIsThereAfterARestart) {
  const Digest first = put("1");
  MUST(move(std::nullopt, first));
  const Digest second = put("2", {first});
  MUST(move(first, second));
  EXPECT_EQ(main(), second);
  Hub again(*db_, clock_, folder_.path() / "versions");
  EXPECT_EQ(MUST(again.get("flights")).refs.at(0).commit, second);
  EXPECT_EQ(MUST(again.resolve("flights", "main")), second);
  EXPECT_TRUE(MUST(again.packs("flights"))->find(first));
}

TEST_F(HubTest, OfTwoWhoMoveABranchOneIsTooLate) {
  const Digest base = put("0");
  MUST(move(std::nullopt, base));
  const Digest a = put("a", {base}), b = put("b", {base});
  MUST(move(base, a));
  const auto late = move(base, b);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kConflict);
  EXPECT_EQ(main(), a);
}

TEST_F(HubTest, CommitsAreLostOnlyByForce) {
  const Digest base = put("0");
  const Digest a = put("a", {base});
  MUST(move(std::nullopt, a));
  EXPECT_EQ(move(a, base).error().code, Code::kConflict);
  MUST(move(a, base, RefMove::Force::kYes));
  EXPECT_EQ(main(), base);
  MUST(move(base, std::nullopt));
  EXPECT_EQ(main(), std::nullopt);
  EXPECT_EQ(move(std::nullopt, std::nullopt).error().code, Code::kNotFound);
}

TEST_F(HubTest, ATagStays) {
  const Digest a = put("a");
  const Digest b = put("b", {a});
  MUST(move(std::nullopt, a, RefMove::Force::kNo, RefKind::kTag));
  EXPECT_EQ(move(a, b, RefMove::Force::kNo, RefKind::kTag).error().code, Code::kConflict);
  MUST(move(a, a, RefMove::Force::kNo, RefKind::kTag));
  MUST(move(a, b, RefMove::Force::kYes, RefKind::kTag));
}

TEST_F(HubTest, ANameIsNotInTheWayOfAnother) {
  const Digest first = put("1");
  MUST(move(std::nullopt, first));
  const auto make = [&](std::string name, RefKind kind = RefKind::kBranch) {
    return hub_.move("flights", {.kind = kind, .name = std::move(name), .from = {}, .to = first});
  };
  EXPECT_EQ(make("main/b").error().code, Code::kConflict);
  MUST(make("a/b"));
  EXPECT_EQ(make("a").error().code, Code::kConflict);
  MUST(make("ab"));
  MUST(make("a", RefKind::kTag));
}

TEST_F(HubTest, AVersionWithoutAllItsObjectsIsRefused) {
  const auto packs = MUST(hub_.ensure_packs("flights"));
  PackWriter writer(*packs);
  Commit commit =
      MUST(write_files(writer, {{"file", EntryKind::kFile, {base::sha256("gone"), false, 4}}}));
  const Digest digest = MUST(write_commit(writer, commit));
  MUST(writer.finish());
  const auto refused = move(std::nullopt, digest);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("file: an object is missing"), std::string::npos)
      << refused.error().message;
  EXPECT_FALSE(move(std::nullopt, base::sha256("no commit")));
}

// A file may have the bytes of a folder; what that folder needs is needed all the same.
TEST_F(HubTest, AFileThatLooksLikeAFolderHidesNothing) {
  const auto packs = MUST(hub_.ensure_packs("flights"));
  PackWriter writer(*packs);
  const std::string folder =
      write_folder({{"inside", EntryKind::kFile, {base::sha256("gone"), false, 4}}});
  const Content content = MUST(writer.add_content(folder));
  Commit commit;
  commit.folder = MUST(writer.add_content(write_folder(
      {{"a file", EntryKind::kFile, content}, {"the folder", EntryKind::kFolder, content}})));
  const Digest digest = MUST(write_commit(writer, commit));
  MUST(writer.finish());
  EXPECT_FALSE(move(std::nullopt, digest));
}

TEST_F(HubTest, FoldersThatLieTooDeepAreRefused) {
  const auto packs = MUST(hub_.ensure_packs("flights"));
  PackWriter writer(*packs);
  Commit commit;
  commit.folder = MUST(writer.add_content(""));
  for (int depth = 0; depth < 5000; ++depth) {
    commit.folder =
        MUST(writer.add_content(write_folder({{"d", EntryKind::kFolder, commit.folder}})));
  }
  const Digest digest = MUST(write_commit(writer, commit));
  MUST(writer.finish());
  EXPECT_EQ(move(std::nullopt, digest).error().code, Code::kFailedPrecondition);
}

TEST_F(HubTest, AFewObjectsThatStandForManyFilesAreNotListed) {
  const auto packs = MUST(hub_.ensure_packs("flights"));
  PackWriter writer(*packs);
  Commit commit;
  commit.folder = MUST(writer.add_content(""));
  for (int depth = 0; depth < 40; ++depth) {  // twice as many folders at each
    commit.folder = MUST(writer.add_content(write_folder(
        {{"a", EntryKind::kFolder, commit.folder}, {"b", EntryKind::kFolder, commit.folder}})));
  }
  const Digest digest = MUST(write_commit(writer, commit));
  MUST(writer.finish());
  MUST(move(std::nullopt, digest));  // each object is looked at once
  const auto files = list_files(*packs, commit.folder, 100'000);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Code::kResourceExhausted);
  PackWriter more(*packs);
  MUST(more.add(tombstone_of(digest), write_tombstone(digest)));
  MUST(more.finish());
  EXPECT_FALSE(is_expired(*packs, digest));  // likewise
}

TEST_F(HubTest, NamesAreFoldersAndNothingElse) {
  for (const char* name : {"", "..", ".x", "a/b", "-x", "a b", "HEAD"})
    EXPECT_EQ(hub_.ensure_packs(name).error().code, Code::kInvalidArgument) << name;
  EXPECT_EQ(hub_.packs("unknown").error().code, Code::kNotFound);
  MUST(hub_.ensure_packs("a.b_C-9"));
  EXPECT_EQ(MUST(hub_.list()).size(), 1u);
}

TEST_F(HubTest, AFileIsReadPieceByPiece) {
  std::string bytes(3'000'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 9);
  const Digest commit = put(bytes);
  const auto packs = MUST(hub_.packs("flights"));
  const Entry entry = MUST(find_entry(*packs, MUST(read_commit(*packs, commit)).folder, "file"));
  auto source = MUST(ContentSource::open(packs, entry.content));
  std::string read;
  for (std::string piece; !(piece = MUST(source.next())).empty();) read += piece;
  EXPECT_EQ(read, bytes);
}

TEST_F(HubTest, OldVersionsLoseTheirFilesAndKeepTheirPlace) {
  std::vector<Digest> commits;
  for (int i = 0; i < 5; ++i) {
    commits.push_back(put(std::string(100'000, static_cast<char>('a' + i)),
                          commits.empty() ? std::vector<Digest>() : std::vector{commits.back()}));
  }
  MUST(move(std::nullopt, commits[4]));
  MUST(hub_.move("flights", {.kind = RefKind::kTag, .name = "v1", .to = commits[0]}));
  put("what nobody names");
  Hub::Collection policy{.keep_last = 2}, dry{.keep_last = 2, .mode = GcMode::kDryRun};
  const std::uint64_t coming = MUST(hub_.collect("flights", dry)).objects_removed;
  policy.grace = dry.grace = {};  // nobody is about to push
  clock_.set({base::SystemClock().now().micros});
  const Compacted would = MUST(hub_.collect("flights", dry));
  EXPECT_GE(would.objects_removed, coming + 2);
  EXPECT_EQ(would.versions_expired, 2u);
  EXPECT_GT(would.bytes_freed, 200'000u);
  const Compacted done = MUST(hub_.collect("flights", policy));
  EXPECT_EQ(done.versions_expired, 2u);
  EXPECT_EQ(done.objects_removed, would.objects_removed);
  EXPECT_EQ(MUST(hub_.collect("flights", policy)).objects_removed, 0u);
  const auto packs = MUST(hub_.packs("flights"));
  for (int i = 0; i < 5; ++i) {
    const bool stays = i == 0 || i >= 3;  // the tag's, and the last two
    EXPECT_EQ(has_files(*packs, commits[static_cast<std::size_t>(i)]), stays) << i;
  }
  EXPECT_EQ(folder_of(*packs, commits[1]).error().code, Code::kNotFound);
  // Who clones gets what there is, and that the rest was removed.
  const auto needed = MUST(find_needed(*packs, {commits[4]}, {}));
  const auto other = MUST(Packs::open(folder_.path() / "other"));
  PackWriter writer(*other);
  for (const Digest& digest : needed) MUST(writer.add(digest, MUST(packs->read(digest))));
  MUST(writer.finish());
  EXPECT_EQ(MUST(find_needed(*other, {commits[4]}, {})).size(), needed.size());
  EXPECT_TRUE(is_expired(*other, commits[1]));
  // A name can't be given to what is gone; history goes on.
  EXPECT_EQ(
      hub_.move("flights", {.kind = RefKind::kTag, .name = "v2", .to = commits[1]}).error().code,
      Code::kNotFound);
  MUST(move(commits[4], put("more", {commits[4]})));
}

TEST_F(HubTest, NothingIsRemovedUnderThoseWhoMoveObjects) {
  MUST(move(std::nullopt, put("1")));
  {
    const auto packs = MUST(hub_.packs("flights"));
    EXPECT_EQ(hub_.collect("flights", {.wait_ms = 0}).error().code, Code::kUnavailable);
  }
  MUST(hub_.collect("flights", {.wait_ms = 0}));
  EXPECT_EQ(hub_.collect("nobody's", {}).error().code, Code::kNotFound);
}

TEST_F(HubTest, ARepositoryIsReadForOneAtATime) {
  const Digest commit = put(std::string(20'000'000, 'x'));
  MUST(move(std::nullopt, commit));
  std::atomic<bool> is_refused = false, is_done = false;
  const auto ask = [&] {
    for (int i = 0; i < 500 && !is_refused; ++i) {
      const auto verified = hub_.verify("flights", std::nullopt);
      if (!verified && verified.error().code == Code::kUnavailable) is_refused = true;
      if (verified && verified->is_whole()) is_done = true;
    }
  };
  std::thread other(ask);
  ask();
  other.join();
  EXPECT_TRUE(is_refused);
  EXPECT_TRUE(is_done);
  EXPECT_TRUE(hub_.verify("flights", DigestSet{commit}));
  EXPECT_TRUE(MUST(hub_.verify("flights", std::nullopt)).is_whole());
}

}  // namespace
}  // namespace slipway::versions
