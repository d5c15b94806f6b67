#include "versions/link_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "store/testing/temp_folder.h"
#include "versions/add.h"
#include "versions/commits.h"

namespace slipway::versions {
namespace {

namespace fs = std::filesystem;

class LinkCacheTest : public testing::Test {
 protected:
  LinkCacheTest() : repository_(MUST(Repository::create(fs::canonical(folder_.path())))) {
    MUST(repository_.set_cache_types({CacheType::kHardlink}));
  }

  fs::path at(const std::string& path) const { return repository_.top() / path; }
  void write(const std::string& path, std::string_view bytes) const {
    fs::create_directories(at(path).parent_path());
    std::ofstream(at(path), std::ios::binary) << bytes;
  }
  // Into what is there, as a program of root or of the owner after chmod could.
  void overwrite(const std::string& path, std::string_view bytes) const {
    fs::permissions(at(path), fs::perms::owner_write, fs::perm_options::add);
    std::fstream(at(path), std::ios::in | std::ios::out | std::ios::binary) << bytes;
    fs::permissions(at(path), fs::perms::owner_write, fs::perm_options::remove);
  }
  std::string read(const std::string& path) const {
    std::ifstream file(at(path), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  struct stat look(const std::string& path) const {
    struct stat stat {};
    ::lstat(at(path).c_str(), &stat);
    return stat;
  }
  Digest add_and_commit() {
    MUST(add_paths(repository_, {repository_.top()}, {}));
    return MUST(commit(repository_, {"Ada", "a version", {time_ += 1'000'000}})).digest;
  }
  CheckedOut relink() {
    return MUST(
        switch_to(repository_, MUST(repository_.head()), {.kept = CheckoutOptions::Kept::kAnew}));
  }
  // "overwritten a\n" ...
  std::string status() const {
    std::string text;
    constexpr std::string_view kWords[] = {"new", "modified", "deleted", "overwritten"};
    for (const WorkChange& change :
         MUST(find_changes(repository_, MUST(WorkIndex::load(index_file(repository_)))))) {
      text += fmt::format("{} {}\n", kWords[static_cast<std::size_t>(change.kind)], change.path);
    }
    return text;
  }

  store::testing::TempFolder folder_;
  Repository repository_;
  std::int64_t time_ = 1'795'000'000'000'000;
};

TEST_F(LinkCacheTest, FilesAreReadOnlyLinksOfOneFile) {
  write("a", "same");
  write("d/b", "same");
  write("program", "same");
  fs::permissions(at("program"), fs::perms::owner_all);
  write("empty", "");
  write("large", std::string(3'000'000, 'x'));
  const Digest first = add_and_commit();
  EXPECT_EQ(relink().linked, 4u);
  EXPECT_EQ(look("a").st_ino, look("d/b").st_ino);
  EXPECT_NE(look("a").st_ino, look("program").st_ino);
  EXPECT_EQ(look("a").st_mode & 0777, 0444u);
  EXPECT_EQ(look("program").st_mode & 0777, 0555u);
  EXPECT_EQ(look("empty").st_nlink, 1u);
  EXPECT_EQ(look("large").st_nlink, 2u);
  EXPECT_EQ(read("large"), std::string(3'000'000, 'x'));
  EXPECT_EQ(status(), "");
  write("e", "one more");
  add_and_commit();
  MUST(switch_to(repository_, {.branch = {}, .commit = first}, {}));
  EXPECT_FALSE(fs::exists(at("e")));
  EXPECT_EQ(read("a"), "same");
}

TEST_F(LinkCacheTest, NothingIsReadThatNobodyWroteInto) {
  write("a", "same");
  write("b", "same");
  add_and_commit();
  relink();
  fs::create_hard_link(at("a"), at(".slipway/another"));  // changes when the file was changed
  fs::remove(index_file(repository_));
  EXPECT_EQ(MUST(add_paths(repository_, {repository_.top()}, {})).read, 2u);
  const auto index = MUST(WorkIndex::load(index_file(repository_)));
  EXPECT_TRUE(is_untouched(*index.find("a"), mark_of(look("a"))));
  EXPECT_EQ(MUST(add_paths(repository_, {repository_.top()}, {})).read, 0u);
}

TEST_F(LinkCacheTest, WhatWasWrittenIntoIsNamedAndNeverCommitted) {
  write("a", "same");
  write("d/b", "same");
  write("c", "another");
  add_and_commit();
  relink();
  overwrite("a", "SAME");
  EXPECT_EQ(status(), "overwritten a\noverwritten d/b\n");
  for (const char* path : {"", "a", "d"}) {
    const auto refused = add_paths(repository_, {repository_.top() / path}, {});
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    EXPECT_NE(refused.error().message.find(path), std::string::npos);
  }
  EXPECT_EQ(MUST(verify_links(repository_)).size(), 1u);
  // What is there may be kept, as a file of its own.
  EXPECT_EQ(MUST(unprotect(repository_, "a")), 1u);
  EXPECT_EQ(status(), "modified a\noverwritten d/b\n");
  overwrite("a", "mine");
  EXPECT_EQ(read("d/b"), "SAME");
  MUST(add_paths(repository_, {at("a")}, {}));
  // Or what was there comes back, from the packs.
  const CheckedOut done = MUST(restore(repository_, "d", {}));
  EXPECT_EQ(done.renewed, (std::vector<std::string>{"d/b"}));
  EXPECT_EQ(read("d/b"), "same");
  EXPECT_EQ(read("a"), "mine");
  EXPECT_EQ(status(), "");
  EXPECT_TRUE(MUST(verify_links(repository_)).empty());
}

TEST_F(LinkCacheTest, BitsThatFlippedWithoutATraceAreFoundByReading) {
  write("a", "content");
  write("b", "other");
  add_and_commit();
  relink();
  const struct stat before = look("a");
  overwrite("a", "C");
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, at("a").c_str(), times, 0);
  EXPECT_EQ(status(), "");
  const auto damaged = MUST(verify_links(repository_));
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_EQ(damaged[0].links, (std::vector<std::string>{"a"}));
  MUST(replace_links(
      repository_, damaged,
      {.changed = CheckoutOptions::Changed::kReplace, .kept = CheckoutOptions::Kept::kAnew}));
  EXPECT_EQ(read("a"), "content");
  EXPECT_TRUE(MUST(verify_links(repository_)).empty());
}

TEST_F(LinkCacheTest, ACheckoutDoesNotLoseWhatWasWrittenInto) {
  write("a", "1");
  const Digest first = add_and_commit();
  fs::remove(at("a"));
  write("a", "2");
  add_and_commit();
  relink();
  overwrite("a", "3");
  const auto refused = switch_to(repository_, {.branch = {}, .commit = first}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(read("a"), "3");
  // Out of reach of whoever still has the broken file.
  MUST(restore(repository_, "a", {}));
  EXPECT_EQ(read("a"), "2");
}

TEST_F(LinkCacheTest, AFileWithAllLinksThatItCanHaveIsMadeAnew) {
  write("a", "same");
  add_and_commit();
  relink();
  fs::create_directory(at(".slipway/links"));
  int links = 0;
  std::error_code ec;
  while (!ec && links < 70'000)
    fs::create_hard_link(at("a"), at(fmt::format(".slipway/links/{}", links++)), ec);
  fs::remove(at("a"));
  fs::create_hard_link(at(".slipway/links/1"), at(".slipway/links/last"), ec);
  EXPECT_EQ(relink().linked, 1u);
  EXPECT_EQ(read("a"), "same");
}

TEST_F(LinkCacheTest, GarbageOfTheCacheGoes) {
  write("a", std::string(500'000, 'a'));
  write("b", "b");
  add_and_commit();
  relink();
  EXPECT_EQ(MUST(repository_.links().list()).size(), 2u);
  fs::remove(at("a"));
  MUST(add_paths(repository_, {repository_.top()}, {}));
  MUST(collect_garbage(repository_));
  EXPECT_EQ(MUST(repository_.links().list()).size(), 2u);  // HEAD has it
  MUST(repository_.set_cache_types({CacheType::kCopy}));
  MUST(restore(repository_, "a", {.index = true}));
  fs::remove(at("a"));
  add_and_commit();
  relink();
  EXPECT_EQ(look("b").st_nlink, 1u);
  EXPECT_EQ(MUST(collect_garbage(repository_)).bytes_freed, 500'001u);
  EXPECT_TRUE(MUST(repository_.links().list()).empty());
}

TEST_F(LinkCacheTest, WhatWasAddedIsTakenBack) {
  write("a", "1");
  write("d/b", "1");
  const Digest first = add_and_commit();
  fs::remove(at("a"));
  write("a", "2");
  write("d/new", "new");
  fs::remove(at("d/b"));
  MUST(add_paths(repository_, {repository_.top()}, {}));
  EXPECT_EQ(MUST(find_added(repository_)).size(), 3u);
  const RestoreOptions staged{.work = false, .index = true, .from = {}};
  MUST(restore(repository_, "d", staged));
  EXPECT_EQ(MUST(find_added(repository_)).size(), 1u);
  EXPECT_EQ(status(), "deleted d/b\nnew d/new\n");
  MUST(restore(repository_, "", staged));
  EXPECT_TRUE(MUST(find_added(repository_)).empty());
  EXPECT_EQ(status(), "modified a\ndeleted d/b\nnew d/new\n");
  EXPECT_EQ(read("a"), "2");
  MUST(restore(repository_, "", {}));
  EXPECT_EQ(status(), "new d/new\n");
  EXPECT_EQ(restore(repository_, "nowhere", {}).error().code, Code::kNotFound);
  // A version's files, and what is to be committed stays.
  fs::remove(at("a"));
  write("a", "3");
  add_and_commit();
  MUST(restore(repository_, "a", {.from = first}));
  EXPECT_EQ(read("a"), "1");
  EXPECT_TRUE(MUST(find_added(repository_)).empty());
  EXPECT_EQ(status(), "modified a\n");
}

TEST(CacheTypes, AreAListOfThree) {
  EXPECT_EQ(MUST(parse_cache_types("hardlink, copy,hardlink")),
            (std::vector<CacheType>{CacheType::kHardlink, CacheType::kCopy}));
  for (const char* text : {"", "symlink", "copy,", "hardlink copy", ",copy"})
    EXPECT_EQ(parse_cache_types(text).error().code, Code::kInvalidArgument) << text;
}

}  // namespace
}  // namespace slipway::versions
