#include "versions/commits.h"

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <random>

#include "versions/examine.h"
#include "versions/testing/work_folder.h"

namespace slipway::versions {
namespace {

namespace fs = std::filesystem;

class CommitsTest : public WorkFolderTest {
 protected:
  Result<CheckedOut> check_out(const Digest& commit, bool force = false) {
    return switch_to(
        repository_, {.branch = {}, .commit = commit},
        {.changed = force ? CheckoutOptions::Changed::kReplace : CheckoutOptions::Changed::kKeep});
  }
  Result<Merge> merge_with(const Digest& theirs) {
    return merge(repository_, theirs, "origin/main", {"Ada", "both", {time_ += 1'000'000}}, {});
  }
  // What branches, HEAD and the index need and isn't there.
  DigestSet missing() {
    const Packs& packs = repository_.packs();
    return find_affected(packs, MUST(named_commits(repository_)),
                         MUST(WorkIndex::load(index_file(repository_))).content(),
                         [&](const Digest& digest) { return !packs.find(digest); })
        .objects;
  }
  // Path -> what is there, of everything but the repository.
  std::map<std::string, std::string> snapshot() const {
    std::map<std::string, std::string> all;
    for (auto at = fs::recursive_directory_iterator(top());
         at != fs::recursive_directory_iterator(); ++at) {
      if (at->path().filename() == ".slipway") {
        at.disable_recursion_pending();
        continue;
      }
      const std::string path = at->path().lexically_relative(top()).string();
      if (at->is_symlink()) {
        all[path] = "-> " + fs::read_symlink(at->path()).string();
      } else if (at->is_regular_file()) {
        const bool is_program =
            (at->status().permissions() & fs::perms::owner_exec) != fs::perms::none;
        all[path] = (is_program ? "x " : "f ") + read(path);
      }
    }
    return all;
  }
};

TEST_F(CommitsTest, AVersionComesBackAsItWas) {
  write("a.csv", "1\n");
  write("deep/er/b.bin", std::string(3'000'000, 'b'));
  write("deep/run.sh", "#!/bin/sh\n");
  fs::permissions(top() / "deep/run.sh", fs::perms::owner_all);
  fs::create_symlink("a.csv", top() / "link");
  write("empty", "");
  const Digest first = add_and_commit("first");
  const auto was = snapshot();
  fs::remove_all(top() / "deep");
  write("a.csv", "2\n");
  write("deep", "a file now");
  fs::remove(top() / "link");
  write("link/file", "a folder now");
  const Digest second = add_and_commit("second");
  const auto is = snapshot();
  MUST(check_out(first));
  EXPECT_EQ(snapshot(), was);
  MUST(check_out(second));
  EXPECT_EQ(snapshot(), is);
}

// Read in blocks by several threads, they are cut as if by one in one piece.
TEST_F(CommitsTest, LargeFilesAreCutAsOnePiece) {
  std::mt19937_64 random(7);
  for (const std::size_t bytes : {(4u << 20) + 1, 6u << 20, (15u << 20) + 12'345, 32u << 20}) {
    std::string content(bytes, '\0');
    for (char& byte : content) byte = static_cast<char>(random());
    write("large", content);
    add();
    store::testing::TempFolder other;
    const auto packs = MUST(Packs::open(other.path()));
    PackWriter writer(*packs);
    const WorkIndex index = MUST(WorkIndex::load(index_file(repository_)));
    EXPECT_EQ(index.find("large")->file.content, MUST(writer.add_content(content))) << bytes;
    EXPECT_TRUE(is_whole(repository_.packs(), index.find("large")->file.content)) << bytes;
  }
}

TEST_F(CommitsTest, AFileThatChangesWhileItIsReadIsNotAdded) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{41} << 20}) {
    write("large", std::string(40 << 20, 'x'));
    AddOptions options;
    options.progress = [&](std::uint64_t, std::uint64_t) {
      fs::resize_file(top() / "large", bytes);
    };
    const auto added = add_paths(repository_, {top()}, options);
    ASSERT_FALSE(added) << bytes;
    EXPECT_EQ(added.error().code, Code::kConflict);
    EXPECT_TRUE(MUST(WorkIndex::load(index_file(repository_))).files().empty());
  }
}

TEST_F(CommitsTest, OnlyWhatHasChangedIsRead) {
  for (int i = 0; i < 200; ++i) write(fmt::format("f{}", i), std::to_string(i));
  add();
  ::usleep(80'000);  // marks settle
  add();
  EXPECT_EQ(add().read, 0u);
  write("f7", "seven");
  fs::remove(top() / "f8");
  const Added added = add();
  EXPECT_EQ(added.read, 1u);
  EXPECT_EQ(added.removed, 1u);
  EXPECT_EQ(added.files, 199u);
}

// The time of a file's change may be that of its reading, when the clock stands still meanwhile.
TEST_F(CommitsTest, AChangeRightAfterAddIsSeen) {
  for (int i = 0; i < 50; ++i) {
    write("file", fmt::format("{:02}", i));
    add();
    write("file", fmt::format("{:02}", 99 - i));
    add();
    EXPECT_EQ(MUST(WorkIndex::load(index_file(repository_))).find("file")->file.content.digest,
              base::sha256(fmt::format("{:02}", 99 - i)));
  }
}

TEST_F(CommitsTest, APathAddedAloneLeavesTheRestAsItWas) {
  write("a/1", "1");
  write("b/1", "1");
  add_and_commit("first");
  write("a/1", "2");
  write("b/1", "2");
  add("b");
  const auto changes = MUST(find_added(repository_));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].path, "b/1");
  fs::remove_all(top() / "b");
  EXPECT_EQ(add("b").removed, 1u);
  EXPECT_FALSE(add_paths(repository_, {top() / "never"}, {}));
  EXPECT_FALSE(add_paths(repository_, {"/etc/hostname"}, {}));
}

TEST_F(CommitsTest, AFileWhereAFolderWasAndBack) {
  write("x", "file");
  write("x.b", "between");
  add_and_commit("file");
  fs::remove(top() / "x");
  write("x/y", "in a folder");
  add("x/y");
  commit("folder");
  EXPECT_EQ(MUST(WorkIndex::load(index_file(repository_))).files().size(), 2u);
  fs::remove_all(top() / "x");
  write("x", "file again");
  add("x");
  commit("file again");
  EXPECT_EQ(snapshot(),
            (std::map<std::string, std::string>{{"x", "f file again"}, {"x.b", "f between"}}));
}

TEST_F(CommitsTest, NothingIsCommittedTwice) {
  EXPECT_EQ(versions::commit(repository_, {"Ada", "again", {}}).error().code,
            Code::kFailedPrecondition);
  write("a", "1");
  add_and_commit("first");
  const std::size_t objects = repository_.packs().size();
  EXPECT_EQ(versions::commit(repository_, {"Ada", "again", {}}).error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(repository_.packs().size(), objects);
}

TEST_F(CommitsTest, CheckoutLosesNothingThatNobodyHasCommitted) {
  write("a", "1");
  const Digest first = add_and_commit("first");
  write("a", "2");
  const Digest second = add_and_commit("second");
  const auto refused = [&](const std::string& name) {
    const auto done = check_out(first);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kFailedPrecondition);
    EXPECT_NE(done.error().message.find(name), std::string::npos) << done.error().message;
  };
  write("a", "changed");
  refused("a");
  EXPECT_EQ(read("a"), "changed");
  add();
  refused("not committed: count=1");
  MUST(check_out(second, true));
  EXPECT_EQ(read("a"), "2");
  fs::remove(top() / "a");
  MUST(check_out(first));  // what is gone can't be lost
  EXPECT_EQ(read("a"), "1");
  write("b", "mine");
  MUST(check_out(second));
  EXPECT_EQ(read("b"), "mine");  // never added: not ours to remove
}

TEST_F(CommitsTest, APathIsNotMadeAnotherWhileItHasWhatNobodyCommitted) {
  write("d/a", "1");
  write("e", "1");
  const Digest first = add_and_commit("first");
  write("d/a", "2");
  write("d/new", "precious");
  add("d");
  const auto refused = restore(repository_, first, "d", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(read("d/new"), "precious");
  fs::remove(top() / "e");
  MUST(restore(repository_, first, "e", {}));  // what else was added doesn't matter
  EXPECT_EQ(read("e"), "1");
  MUST(restore(repository_, first, "d", {.changed = CheckoutOptions::Changed::kReplace}));
  EXPECT_EQ(snapshot(), (std::map<std::string, std::string>{{"d/a", "f 1"}, {"e", "f 1"}}));
  EXPECT_EQ(restore(repository_, first, "nowhere", {}).error().code, Code::kNotFound);
}

TEST_F(CommitsTest, ARefusedCheckoutHasDoneNothing) {
  write("n", "a file");
  const Digest file = add_and_commit("file");
  fs::remove(top() / "n");
  write("n/in", "1");
  write("z", "1");
  const Digest folder = add_and_commit("folder");
  write("n/mine", "mine");
  const auto before = snapshot();
  const auto refused = check_out(file);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("n/mine"), std::string::npos) << refused.error().message;
  EXPECT_EQ(snapshot(), before);
  MUST(check_out(file, true));
  EXPECT_EQ(snapshot(), (std::map<std::string, std::string>{{"n", "f a file"}}));
  MUST(check_out(folder));
}

TEST_F(CommitsTest, WhatCouldNotBeReadAgainIsNotWritten) {
  write("a", "1");
  add();
  for (const CommitDraft& draft :
       {CommitDraft{"Ada", "bad\xff", {}}, CommitDraft{"J\xf6rg", "m", {}},
        CommitDraft{"", "m", {}}, CommitDraft{"Ada", "", {}}})
    EXPECT_EQ(versions::commit(repository_, draft).error().code, Code::kInvalidArgument);
  for (const char* path : {".slipway", ".slipway/data", "sub/.git", ".git/config"})
    EXPECT_FALSE(add_paths(repository_, {top() / path}, {})) << path;
  EXPECT_FALSE(add_paths(repository_, {""}, {}));
}

TEST_F(CommitsTest, WhatThePacksHaveLostIsReadFromTheFolder) {
  write("big", std::string(3'000'000, 'x') + "end");
  write("gone", "not there any more");
  const Digest first = add_and_commit("first");
  fs::remove(top() / "gone");
  Verified verified;
  for (const PackedObject& object : repository_.packs().list()) {
    if (object.place.bytes > 100'000 || object.place.bytes == 18)
      verified.damages.push_back({object, ""});
  }
  MUST(drop_damaged(repository_.packs(), verified));
  MUST(repository_.reopen_packs());
  EXPECT_EQ(MUST(read_again(repository_, {})), 1u);
  fs::remove(top() / "big");
  EXPECT_FALSE(check_out(first, true));  // "gone" is nowhere
  MUST(restore(repository_, first, "big", {.changed = CheckoutOptions::Changed::kReplace}));
  EXPECT_EQ(read("big"), std::string(3'000'000, 'x') + "end");
}

TEST_F(CommitsTest, CheckoutGoesOnAfterAKill) {
  for (int i = 0; i < 20; ++i) write(fmt::format("f{}", i), "1");
  const Digest first = add_and_commit("first");
  for (int i = 0; i < 20; ++i) write(fmt::format("f{}", i), "2");
  const Digest second = add_and_commit("second");
  // Half of the files are new ones, and the index does not know.
  for (int i = 0; i < 10; ++i) write(fmt::format("f{}", i), "1");
  MUST(check_out(first));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(read(fmt::format("f{}", i)), "1");
  MUST(check_out(second));
}

TEST_F(CommitsTest, ALinkOnTheWayLeadsNowhere) {
  store::testing::TempFolder outside;
  write("d/f", "inside");
  const Digest first = add_and_commit("first");
  write("other", "x");
  fs::remove_all(top() / "d");
  add_and_commit("second");
  fs::create_symlink(outside.path(), top() / "d");
  EXPECT_FALSE(check_out(first));
  MUST(check_out(first, true));
  EXPECT_TRUE(fs::is_empty(outside.path()));
  EXPECT_EQ(read("d/f"), "inside");
}

TEST_F(CommitsTest, NothingIsRemovedThroughALink) {
  store::testing::TempFolder outside;
  write("a", "1");
  const Digest first = add_and_commit("first");
  write("d/f", "the same");
  add_and_commit("second");
  fs::remove_all(top() / "d");
  fs::create_directory_symlink(outside.path(), top() / "d");
  std::ofstream(outside.path() / "f") << "the same";
  MUST(check_out(first, true));
  EXPECT_TRUE(fs::exists(outside.path() / "f"));
  EXPECT_TRUE(fs::is_symlink(top() / "d"));
}

TEST_F(CommitsTest, DiffKnowsMoves) {
  write("a", "content");
  write("b", "1");
  write("c", "same");
  const Digest first = add_and_commit("first");
  fs::rename(top() / "a", top() / "moved");
  write("b", "22");
  fs::remove(top() / "c");
  write("d", "new");
  const Digest second = add_and_commit("second");
  const auto& packs = repository_.packs();
  const auto files = [&](const Digest& of) {
    return MUST(list_files(packs, MUST(read_commit(packs, of)).folder));
  };
  std::string all;
  for (const FileChange& change : diff_files(files(first), files(second)))
    all += fmt::format("{} {} {}\n", change_name(change), change.path, change.moved_from);
  EXPECT_EQ(all, "changed b \nremoved c \nadded d \nmoved moved a\n");
}

TEST_F(CommitsTest, MergesWhatBothSidesChanged) {
  write("a", "1");
  write("b", "1");
  write("c", "1");
  const Digest base = add_and_commit("base");
  write("a", "ours");
  fs::remove(top() / "c");
  const Digest ours = add_and_commit("ours");
  MUST(check_out(base));
  write("b", "theirs");
  write("new/d", "theirs");
  const Digest theirs = add_and_commit("theirs");
  MUST(check_out(ours));
  const Merge both = MUST(merge_with(theirs));
  EXPECT_EQ(both.how, Merged::kBoth);
  EXPECT_EQ(snapshot(), (std::map<std::string, std::string>{
                            {"a", "f ours"}, {"b", "f theirs"}, {"new/d", "f theirs"}}));
  EXPECT_EQ(MUST(merge_with(theirs)).how, Merged::kNothingNew);
  MUST(check_out(ours));
  EXPECT_EQ(MUST(merge_with(both.commit)).how, Merged::kForward);

  MUST(check_out(base));
  write("a", "another");
  add_and_commit("conflict");
  const auto before = snapshot();
  const auto refused = merge_with(ours);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("in different ways: a"), std::string::npos);
  EXPECT_EQ(snapshot(), before);
}

TEST_F(CommitsTest, AFileOnOneSideAndAFolderOnTheOtherIsAConflict) {
  write("a", "1");
  const Digest base = add_and_commit("base");
  write("x", "file");
  const Digest ours = add_and_commit("ours");
  MUST(check_out(base));
  write("x/y", "folder");
  const Digest theirs = add_and_commit("theirs");
  MUST(check_out(ours));
  EXPECT_EQ(merge_with(theirs).error().code, Code::kConflict);
}

TEST_F(CommitsTest, GarbageGoesAndVersionsStay) {
  write("big", std::string(2'000'000, 'x') + "1");
  add();
  write("big", std::string(2'000'000, 'y') + "2");  // what was added before is nobody's
  const Digest first = add_and_commit("first");
  write("added", "and not committed");
  add();
  const Compacted compacted = MUST(collect_garbage(repository_));
  EXPECT_GT(compacted.bytes_freed, 0u);
  EXPECT_EQ(MUST(collect_garbage(repository_)).objects_removed, 0u);
  const Digest second = commit("second");
  MUST(check_out(first));
  MUST(check_out(second));
  EXPECT_EQ(read("added"), "and not committed");
}

TEST_F(CommitsTest, OldVersionsGoByNumberAndAge) {
  std::vector<Digest> commits;
  for (int i = 0; i < 6; ++i) {
    write("a", std::string(100'000, static_cast<char>('a' + i)));
    commits.push_back(add_and_commit(std::to_string(i)));
  }
  MUST(repository_.set_ref({RefKind::kTag, "v0", commits[0]}));
  GcOptions options{.keep = {.last = 1, .since = base::Timestamp{time_ - 2'000'000}}};
  const auto refused = collect_garbage(repository_, options);
  ASSERT_FALSE(refused);  // no server has them
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  MUST(repository_.set_ref({RefKind::kRemote, "main", commits[5]}));
  options.mode = GcMode::kDryRun;
  const Compacted would = MUST(collect_garbage(repository_, options));
  EXPECT_EQ(would.versions_expired, 2u);
  EXPECT_TRUE(has_files(repository_.packs(), commits[1]));
  options.mode = GcMode::kDo;
  EXPECT_EQ(MUST(collect_garbage(repository_, options)).objects_removed, would.objects_removed);
  EXPECT_TRUE(missing().empty());
  const auto gone = check_out(commits[2]);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message.find("removed by gc"), std::string::npos);
  for (const int i : {0, 3, 4, 5}) {
    MUST(check_out(commits[static_cast<std::size_t>(i)]));
    EXPECT_EQ(read("a").front(), static_cast<char>('a' + i));
  }
  EXPECT_EQ(MUST(collect_garbage(repository_, options)).versions_expired, 0u);
}

// A kill leaves the packs before and the new ones, and of the old ones those not removed yet.
TEST_F(CommitsTest, GcMayDieBetweenAnyTwoSteps) {
  std::vector<Digest> commits;
  for (int i = 0; i < 6; ++i) {
    write("a", std::string(70'000, static_cast<char>('a' + i)));
    write(fmt::format("d/{}", i % 2), std::to_string(i));
    commits.push_back(add_and_commit(std::to_string(i)));
  }
  const fs::path packs = repository_.folder() / "packs";
  store::testing::TempFolder kept;
  fs::copy(packs, kept.path() / "before");
  const GcOptions options{.keep = {.last = 2, .since = {}}, .loses_unpushed = true};
  EXPECT_EQ(MUST(collect_garbage(repository_, options)).versions_expired, 4u);
  fs::copy(packs, kept.path() / "after");
  std::vector<fs::path> old;
  for (const auto& file : fs::directory_iterator(kept.path() / "before"))
    if (file.path().extension() == ".index" &&
        !fs::exists(kept.path() / "after" / file.path().filename()))
      old.push_back(file.path().filename());
  ASSERT_GE(old.size(), 6u);
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    std::shuffle(old.begin(), old.end(), random);
    const std::size_t removed = static_cast<std::size_t>(round) % (old.size() + 1);
    fs::remove_all(packs);
    fs::copy(kept.path() / "before", packs);
    fs::copy(kept.path() / "after", packs,
             fs::copy_options::skip_existing | fs::copy_options::recursive);
    for (std::size_t i = 0; i < removed; ++i) fs::remove(packs / old[i]);
    MUST(repository_.reopen_packs());
    ASSERT_TRUE(missing().empty()) << round;
    for (const std::size_t i : {std::size_t{4}, std::size_t{5}}) {
      MUST(check_out(commits[i]));
      ASSERT_EQ(read("a").front(), static_cast<char>('a' + i));
    }
    MUST(collect_garbage(repository_, options));
    ASSERT_TRUE(missing().empty()) << round;
    ASSERT_FALSE(has_files(repository_.packs(), commits[0])) << round;
  }
}

TEST_F(CommitsTest, NamesOfVersions) {
  write("a", "1");
  const Digest first = add_and_commit("first");
  write("a", "2");
  const Digest second = add_and_commit("second");
  MUST(repository_.set_ref({RefKind::kTag, "v1.0", first}));
  MUST(repository_.set_ref({RefKind::kBranch, "team/x", second}));
  EXPECT_EQ(*repository_.resolve("HEAD"), second);
  EXPECT_EQ(*repository_.resolve("HEAD~"), first);
  EXPECT_EQ(*repository_.resolve("main~1"), first);
  EXPECT_EQ(*repository_.resolve("v1.0"), first);
  EXPECT_EQ(*repository_.resolve("team/x"), second);
  EXPECT_EQ(*repository_.resolve(to_hex(first).substr(0, 8)), first);
  EXPECT_EQ(*repository_.resolve(to_hex(first)), first);
  for (const char* text : {"HEAD~2", "HEAD~x", "nobody", "", "../HEAD", "origin/main", "abcdef"})
    EXPECT_FALSE(repository_.resolve(text)) << text;
  for (const char* name :
       {"", "-x", ".x", "a//b", "a/", "/a", "a b", "HEAD", "origin/x", "a/../b", "model.tmp-2"})
    EXPECT_FALSE(check_ref_name(name)) << name;
  EXPECT_FALSE(repository_.set_ref({RefKind::kBranch, "team", second}));
  MUST(repository_.remove_ref(RefKind::kBranch, "team/x"));
  MUST(repository_.set_ref({RefKind::kBranch, "team", second}));
}

// Random histories: every version that was ever committed comes back to the byte.
TEST_F(CommitsTest, RandomHistoriesComeBack) {
  std::mt19937 random(7);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  std::vector<std::pair<Digest, std::map<std::string, std::string>>> history;
  for (int round = 0; round < 60; ++round) {
    for (int change = pick(6); change >= 0; --change) {
      std::string path = fmt::format("{}", static_cast<char>('a' + pick(3)));
      for (int depth = pick(3); depth > 0; --depth)
        path += fmt::format("/{}", static_cast<char>('a' + pick(3)));
      fs::path at;
      bool is_blocked = false;
      for (const fs::path& part : fs::path(path).parent_path()) {
        at /= part;
        is_blocked = is_blocked || fs::is_symlink(top() / at) || fs::is_regular_file(top() / at);
      }
      if (is_blocked) continue;
      fs::remove_all(top() / path);
      fs::create_directories((top() / path).parent_path());
      switch (pick(4)) {
        case 0:
          break;  // it is gone
        case 1:
          fs::create_symlink(fmt::format("to-{}", pick(3)), top() / path);
          break;
        default:
          write(path, std::string(static_cast<std::size_t>(pick(3) * pick(200'000)), 'x') +
                          std::to_string(random()));
      }
    }
    add();
    const auto made = versions::commit(repository_, {"Ada", "round", {time_ += 1'000'000}});
    if (made) history.emplace_back(made->digest, snapshot());
    if (!history.empty() && pick(3) == 0) {
      const auto& [digest, files] = history[random() % history.size()];
      MUST(check_out(digest));
      ASSERT_EQ(snapshot(), files) << round;
    }
    if (pick(10) == 0) {
      // Commits on no branch are nobody's, so each has a tag.
      for (const auto& [digest, files] : history)
        MUST(repository_.set_ref({RefKind::kTag, to_hex(digest), digest}));
      MUST(collect_garbage(repository_));
    }
  }
  ASSERT_GT(history.size(), 20u);
  for (const auto& [digest, files] : history) {
    MUST(check_out(digest));
    ASSERT_EQ(snapshot(), files);
  }
}

}  // namespace
}  // namespace slipway::versions
