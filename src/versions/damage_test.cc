// What is damaged in a working folder, or costs files of versions: found, and mended without loss.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "versions/examine.h"
#include "versions/testing/work_folder.h"

namespace slipway::versions {
namespace {

namespace fs = std::filesystem;

class DamageTest : public WorkFolderTest {
 protected:
  // As a disk does it: nothing but the content shows it.
  void damage(const std::string& path, std::string_view bytes) {
    write(path, bytes);
    std::vector<IndexedFile> files = MUST(WorkIndex::load(index_file(repository_))).files();
    for (IndexedFile& file : files) {
      struct stat stat;
      if (::lstat((top() / file.file.path).c_str(), &stat) == 0) file.mark = mark_of(stat);
    }
    MUST(WorkIndex(std::move(files)).save(index_file(repository_)));
  }
};

// Between the look at them and the repair, which may wait for a server.
TEST_F(DamageTest, AFileThatSomebodyChangesIsNotWrittenAnew) {
  for (const char* path : {"a", "b", "c"}) write(path, "content");
  add_and_commit("first");
  for (const char* path : {"a", "b", "c"}) damage(path, "CONTENT");
  const auto damaged = MUST(verify_files(repository_, 2));
  EXPECT_EQ(damaged, (std::vector<std::string>{"a", "b", "c"}));
  write("b", "mine now");
  fs::remove(top() / "c");
  write("c/inside", "mine, too");
  const CheckoutOptions options{.changed = CheckoutOptions::Changed::kReplace};
  EXPECT_EQ(MUST(replace_files(repository_, damaged, options)),
            (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(read("a"), "content");
  EXPECT_EQ(read("b"), "mine now");
  EXPECT_EQ(read("c/inside"), "mine, too");
  EXPECT_TRUE(MUST(verify_files(repository_, 2)).empty());
}

TEST_F(DamageTest, AFileThatCanNotBeReadIsNotTakenForWhole) {
  write("long", std::string(3'000'000, 'x'));
  add_and_commit("first");
  damage("long", std::string(3'000'000, 'y'));
  MUST(repository_.reopen_packs());
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  // One file at a time: not the pack with the list of its chunks beside it.
  const struct rlimit limited {
    .rlim_cur = static_cast<rlim_t>(next) + 1, .rlim_max = before.rlim_max
  };
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limited), 0);
  const auto found = verify_files(repository_, 1);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(MUST(found), (std::vector<std::string>{"long"}));
}

// A pack that many versions need: all objects are told, files only as many as people read.
TEST_F(DamageTest, WhatAreAffectedAreCountedAndNotAllListed) {
  for (int i = 0; i < 300; ++i) write(fmt::format("set/{:03}", i), std::to_string(i));
  Digest newest{};
  for (int i = 0; i < 20; ++i) {
    write("changes", fmt::format("version {}", i));
    newest = add_and_commit(std::to_string(i));
  }
  const auto is_in_set = [](const Digest& digest) {
    static const DigestSet all = [] {
      DigestSet set;
      for (int i = 0; i < 300; ++i) set.insert(base::sha256(std::to_string(i)));
      return set;
    }();
    return all.contains(digest);
  };
  const auto named = MUST(named_commits(repository_));
  const AffectedParts found = find_affected(repository_.packs(), named, {}, is_in_set);
  EXPECT_EQ(found.objects.size(), 300u);
  EXPECT_TRUE(found.is_cut);
  ASSERT_EQ(found.parts.size(), AffectedParts::kFolderPartsMax);
  for (const Affected& part : found.parts) {
    EXPECT_EQ(part.newest, newest);
    EXPECT_EQ(part.versions, 20u);
  }
  const AffectedParts one = find_affected(repository_.packs(), named, {}, [](const Digest& digest) {
    return digest == base::sha256("version 3");
  });
  EXPECT_FALSE(one.is_cut);
  ASSERT_EQ(one.parts.size(), 1u);
  EXPECT_EQ(one.parts[0].path, "changes");
  EXPECT_EQ(one.parts[0].versions, 1u);
}

}  // namespace
}  // namespace slipway::versions
