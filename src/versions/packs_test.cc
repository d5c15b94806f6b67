#include "versions/packs.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "store/testing/temp_folder.h"
#include "versions/pack_stream.h"
#include "versions/upkeep.h"

namespace slipway::versions {
namespace {

class PacksTest : public testing::Test {
 protected:
  std::filesystem::path folder() const { return folder_.path() / "packs"; }
  std::unique_ptr<Packs> open() const { return MUST(Packs::open(folder())); }

  // Objects "PREFIX0", "PREFIX1", ... in a pack of their own.
  static std::vector<Digest> write(Packs& packs, const std::string& prefix, int count) {
    PackWriter writer(packs);
    std::vector<Digest> digests;
    for (int i = 0; i < count; ++i) {
      const std::string bytes = prefix + std::to_string(i);
      digests.push_back(base::sha256(bytes));
      MUST(writer.add(digests.back(), bytes));
    }
    MUST(writer.finish());
    return digests;
  }

  std::vector<std::filesystem::path> files(std::string_view extension) const {
    std::vector<std::filesystem::path> found;
    for (const auto& file : std::filesystem::directory_iterator(folder()))
      if (file.path().extension() == extension) found.push_back(file.path());
    return found;
  }

  store::testing::TempFolder folder_;
};

TEST_F(PacksTest, ObjectsAreThereAfterFinishAndAfterOpeningAnew) {
  auto packs = open();
  const auto digests = write(*packs, "object ", 5000);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5000; ++i)
      ASSERT_EQ(*packs->read(digests[static_cast<std::size_t>(i)]), "object " + std::to_string(i));
    EXPECT_EQ(packs->size(), 5000u);
    EXPECT_EQ(packs->read(base::sha256("another")).error().code, Code::kNotFound);
    packs = open();
  }
}

TEST_F(PacksTest, AnObjectIsKeptOnce) {
  auto packs = open();
  write(*packs, "x", 10);
  const std::uint64_t bytes = packs->bytes();
  write(*packs, "x", 10);
  EXPECT_EQ(packs->bytes(), bytes);
  PackWriter writer(*packs);
  EXPECT_TRUE(*writer.add(base::sha256("new"), "new"));
  EXPECT_FALSE(*writer.add(base::sha256("new"), "new"));
  EXPECT_FALSE(*writer.add(base::sha256("x3"), "x3"));
}

// Longer than what is written at once, and of lengths that no disk has blocks of.
TEST_F(PacksTest, ManyMegabytesArriveWhole) {
  auto packs = open();
  std::vector<std::string> contents;
  for (std::size_t i = 0; i < 40; ++i) {
    contents.emplace_back(i * 65'537, 'a');
    for (std::size_t at = 0; at < contents[i].size(); ++at)
      contents[i][at] = static_cast<char>(at * (i + 3) >> 5);
  }
  PackWriter writer(*packs);
  std::vector<PackWriter::Object> objects;
  for (const std::string& content : contents) objects.push_back({base::sha256(content), content});
  MUST(writer.add(objects));
  MUST(writer.finish());
  packs = open();
  EXPECT_TRUE(packs->damaged().empty());
  for (const PackWriter::Object& object : objects)
    EXPECT_EQ(*packs->read(object.digest), object.bytes);
}

// A limit of this process, for as long as this lives.
class Limited {
 public:
  Limited(__rlimit_resource of, rlim_t to) : of_(of) {
    CHECK(::getrlimit(of_, &before_) == 0);
    const struct rlimit limited {
      .rlim_cur = to, .rlim_max = before_.rlim_max
    };
    CHECK(::setrlimit(of_, &limited) == 0);
  }
  ~Limited() { ::setrlimit(of_, &before_); }

 private:
  const __rlimit_resource of_;
  struct rlimit before_;
};

// Of 20 MB the error comes while others are added, of 3 MB at the end. It stays, also when there is
// room again: what a disk has lost it tells of only once.
TEST_F(PacksTest, WhatCouldNotBeWrittenIsNotThere) {
  auto packs = open();
  ::signal(SIGXFSZ, SIG_IGN);
  const auto has_room = [](const auto& done) {
    return done || done.error().code != Code::kStorageFull;
  };
  for (const int megabytes : {20, 3}) {
    PackWriter writer(*packs);
    std::string content(1 << 20, 'x');
    bool is_added = true;
    {
      const Limited limited(RLIMIT_FSIZE, 2 << 20);
      for (int i = 0; i < megabytes; ++i) {
        content.back() = static_cast<char>(i);
        is_added = is_added && writer.add(base::sha256(content), content);
      }
      EXPECT_EQ(is_added, megabytes == 3);
      EXPECT_FALSE(has_room(writer.finish()));
    }
    EXPECT_FALSE(has_room(writer.finish()));
    EXPECT_FALSE(has_room(writer.add(base::sha256("more"), "more")));
    EXPECT_FALSE(has_room(writer.align()));
    EXPECT_EQ(packs->size(), 0u);
  }
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_TRUE(std::filesystem::is_empty(folder()));
}

TEST_F(PacksTest, WhatWasNotFinishedLeavesNothing) {
  auto packs = open();
  {
    PackWriter writer(*packs);
    MUST(writer.add(base::sha256("lost"), "lost"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder()));
  EXPECT_EQ(open()->size(), 0u);
}

// A kill between any two steps leaves a prefix of these files; packs without what says where, and
// temporary files, are nobody's.
TEST_F(PacksTest, WhatAKillLeavesIsPassedOverAndRemoved) {
  auto packs = open();
  const auto kept = write(*packs, "kept", 3);
  std::ofstream(folder() / "new-1-1.pack") << "half";
  std::ofstream(folder() / "0123.pack") << "without an index";
  std::ofstream(folder() / "0124.index.tmp-1-1") << "half an index";
  packs = open();
  EXPECT_EQ(packs->size(), 3u);
  EXPECT_TRUE(packs->damaged().empty());
  MUST(compact(*packs, {kept.begin(), kept.end()}));
  EXPECT_EQ(files(".pack").size(), 1u);
  EXPECT_EQ(files(".index").size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(folder() / "0124.index.tmp-1-1"));
}

TEST_F(PacksTest, EveryFlippedBitIsFoundAndNamed) {
  auto packs = open();
  const auto digests = write(*packs, "object number ", 20);
  const std::filesystem::path pack = files(".pack").front(), index = files(".index").front();
  for (const std::filesystem::path& file : {pack, index}) {
    const auto size = std::filesystem::file_size(file);
    for (std::size_t at = 0; at < size; at += 7) {
      std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekg(static_cast<std::streamoff>(at));
      const int was = stream.get();
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(static_cast<char>(was ^ 1));
      stream.flush();
      const auto damaged = open();
      if (file == index) {
        ASSERT_EQ(damaged->damaged().size(), 1u) << at;
        EXPECT_EQ(damaged->read(digests[0]).error().code, Code::kCorruption);
      } else {
        const Verified verified = verify(*damaged, 2, nullptr);
        ASSERT_EQ(verified.damages.size(), 1u) << at;
        EXPECT_EQ(verified.damages[0].file, pack.string());
        const auto read = damaged->read(verified.damages[0].object.digest);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, Code::kCorruption);
        EXPECT_NE(read.error().message.find(pack.filename().string()), std::string::npos);
      }
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(static_cast<char>(was));
    }
  }
  EXPECT_TRUE(verify(*open(), 2, nullptr).damages.empty());
}

TEST_F(PacksTest, ATruncatedPackIsDamageAndTheRestIsRead) {
  auto packs = open();
  const auto first = write(*packs, "first", 5);
  const std::filesystem::path pack = files(".pack").front();
  const auto second = write(*packs, "second", 5);
  std::filesystem::resize_file(pack, 2 * 6 + 3);
  packs = open();
  EXPECT_EQ(packs->damaged().size(), 1u);
  EXPECT_EQ(*packs->read(second[4]), "second4");
  EXPECT_EQ(*packs->read(first[1]), "first1");
  EXPECT_EQ(packs->read(first[2]).error().code, Code::kCorruption);
  MUST(drop_damaged(*packs, {}));
  packs = open();
  EXPECT_TRUE(packs->damaged().empty());
  EXPECT_EQ(*packs->read(first[1]), "first1");
  EXPECT_EQ(packs->read(first[2]).error().code, Code::kNotFound);
  EXPECT_EQ(*packs->read(second[4]), "second4");
}

TEST_F(PacksTest, APackWhoseIndexIsLostIsPutAside) {
  auto packs = open();
  const auto first = write(*packs, "first", 5);
  const std::filesystem::path pack = files(".pack").front();
  std::filesystem::resize_file(std::filesystem::path(pack).replace_extension(".index"), 9);
  packs = open();
  MUST(drop_damaged(*packs, {}));
  packs = open();
  EXPECT_TRUE(packs->damaged().empty());
  EXPECT_EQ(packs->read(first[1]).error().code, Code::kNotFound);
  write(*packs, "second", 5);
  MUST(packs->remove({0}));  // with what nobody needs
  EXPECT_TRUE(std::filesystem::exists(pack.string() + ".damaged"));
}

TEST_F(PacksTest, DamagedObjectsGoAndTheirNeighboursStay) {
  auto packs = open();
  const auto digests = write(*packs, "object ", 9);
  std::fstream stream(files(".pack").front(), std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(packs->find(digests[4])->offset));
  stream.put('O');
  stream.close();
  MUST(drop_damaged(*packs, verify(*packs, 1, nullptr)));
  packs = open();
  EXPECT_FALSE(packs->find(digests[4]));
  EXPECT_EQ(packs->size(), 8u);
  for (std::size_t i : {0u, 3u, 5u, 8u}) EXPECT_TRUE(packs->read(digests[i]));
}

TEST_F(PacksTest, WhatCanNotBeReadNowIsNoDamage) {
  const auto digests = write(*open(), "object ", 9);
  auto packs = open();
  {
    const Limited limited(RLIMIT_NOFILE, 0);
    const Verified verified = verify(*packs, 1, nullptr);
    EXPECT_TRUE(verified.damages.empty());
    ASSERT_TRUE(verified.unread);
    EXPECT_EQ(verified.unread->code, Code::kResourceExhausted);
    EXPECT_EQ(drop_damaged(*packs, verified).error().code, Code::kResourceExhausted);
  }
  EXPECT_FALSE(verify(*packs, 2, nullptr).unread);
  EXPECT_EQ(open()->size(), 9u);
}

TEST_F(PacksTest, OnlyPlacesThatFollowEachOtherAreOneRun) {
  Place run{.pack = 1, .bytes = 10, .offset = 5};
  EXPECT_FALSE(extend(run, {.pack = 1, .bytes = 1, .offset = 16}));
  EXPECT_FALSE(extend(run, {.pack = 2, .bytes = 1, .offset = 15}));
  EXPECT_FALSE(extend(run, {.pack = 1, .bytes = 0xffff'ffff, .offset = 15}));
  EXPECT_TRUE(extend(run, {.pack = 1, .bytes = 7, .offset = 15}));
  EXPECT_EQ(run.bytes, 17u);
}

TEST_F(PacksTest, CompactKeepsWhatIsNeededAndFreesTheRest) {
  auto packs = open();
  const auto a = write(*packs, "a", 100), b = write(*packs, "b", 100), c = write(*packs, "c", 100);
  DigestSet needed(a.begin(), a.end());
  needed.insert(b.begin(), b.begin() + 50);
  const Compacted compacted = MUST(compact(*packs, needed));
  EXPECT_EQ(compacted.objects_removed, 150u);
  EXPECT_GT(compacted.bytes_freed, 0u);
  EXPECT_EQ(compacted.packs_rewritten, 2u);  // a's pack stays as it is
  packs = open();
  EXPECT_EQ(packs->size(), 150u);
  for (const Digest& digest : needed) EXPECT_TRUE(packs->read(digest));
}

// As a kill between writing packs anew and removing the old ones leaves them.
TEST_F(PacksTest, CompactAfterAKilledOneLosesNothing) {
  auto packs = open();
  const auto kept = write(*packs, "kept", 3);
  store::testing::TempFolder aside;
  std::filesystem::copy(folder(), aside.path(), std::filesystem::copy_options::recursive);
  const auto dead = write(*packs, "dead", 1);
  {
    std::vector<Digest> all = kept;
    all.push_back(dead[0]);
    const std::string stream = MUST(write_stream(*packs, all, 1 << 20)).bytes;
    std::filesystem::remove_all(folder());
    packs = open();
    PackWriter writer(*packs);
    StreamReader reader(writer, 4);
    MUST(reader.read(stream));
    MUST(writer.finish());
  }
  // The old pack has the dead object, the new one is what is written anew.
  std::filesystem::copy(aside.path(), folder(), std::filesystem::copy_options::recursive);
  for (int round = 0; round < 3; ++round) {
    packs = open();
    MUST(compact(*packs, {kept.begin(), kept.end()}));
    packs = open();
    for (const Digest& digest : kept) ASSERT_TRUE(packs->read(digest)) << round;
  }
  EXPECT_EQ(packs->size(), 3u);
}

TEST_F(PacksTest, OfTwoCopiesTheDamagedOneGoes) {
  auto packs = open();
  const auto digests = write(*packs, "object ", 3);
  store::testing::TempFolder aside;
  std::filesystem::copy(folder(), aside.path(), std::filesystem::copy_options::recursive);
  for (const auto& file : std::filesystem::directory_iterator(aside.path())) {
    std::filesystem::copy(file.path(), folder() / ("copy" + file.path().extension().string()));
  }
  std::fstream stream(folder() / "copy.pack", std::ios::in | std::ios::out | std::ios::binary);
  stream.put('O');
  stream.close();
  packs = open();
  EXPECT_EQ(packs->size(), 6u);
  const Verified verified = verify(*packs, 1, nullptr);
  ASSERT_EQ(verified.damages.size(), 1u);
  MUST(drop_damaged(*packs, verified));
  packs = open();
  for (const Digest& digest : digests) EXPECT_TRUE(packs->read(digest));
}

TEST_F(PacksTest, ContentOfAnyLengthIsReadInOrder) {
  auto packs = open();
  for (const std::size_t size : {0u, 1u, 65'536u, 65'537u, 5'000'000u}) {
    std::string bytes(size, 'a');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * i >> 7);
    PackWriter writer(*packs);
    const Content content = MUST(writer.add_content(bytes));
    MUST(writer.finish());
    EXPECT_EQ(content.bytes, size);
    EXPECT_EQ(content.is_list, size > 1'000'000);
    EXPECT_EQ(content.is_list, content.digest != base::sha256(bytes));
  }
}

class StreamTest : public PacksTest {};

TEST_F(StreamTest, ObjectsArriveInPiecesOfAnyLength) {
  auto packs = open();
  const auto digests = write(*packs, "object ", 300);
  const Stream stream = MUST(write_stream(*packs, digests, 1 << 20));
  EXPECT_EQ(stream.objects, 300u);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, std::size_t{100'000}}) {
    store::testing::TempFolder other;
    auto there = MUST(Packs::open(other.path()));
    PackWriter writer(*there);
    StreamReader reader(writer, 300);
    for (std::size_t at = 0; at < stream.bytes.size(); at += piece)
      MUST(reader.read(std::string_view(stream.bytes).substr(at, piece)));
    EXPECT_EQ(MUST(reader.finish()), digests);
    MUST(writer.finish());
    EXPECT_EQ(*there->read(digests[299]), "object 299");
  }
}

TEST_F(StreamTest, AReplyHasAsManyAsFit) {
  auto packs = open();
  const auto digests = write(*packs, "123456789", 10);
  EXPECT_EQ(MUST(write_stream(*packs, digests, 35)).objects, 3u);
  EXPECT_EQ(MUST(write_stream(*packs, digests, 1)).objects, 1u);
}

TEST_F(StreamTest, WhatIsNoStreamIsRefused) {
  auto packs = open();
  const auto digests = write(*packs, "object ", 4);
  const std::string good = MUST(write_stream(*packs, digests, 1 << 20)).bytes;
  const auto refused = [&](const std::string& bytes, std::uint64_t objects_max) -> std::string {
    store::testing::TempFolder other;
    auto there = MUST(Packs::open(other.path()));
    PackWriter writer(*there);
    StreamReader reader(writer, objects_max);
    Result<void> read = reader.read(bytes);
    if (!read) return read.error().message;
    const auto finished = reader.finish();
    return finished ? "" : finished.error().message;
  };
  EXPECT_EQ(refused(good, 4), "");
  EXPECT_NE(refused(good, 3).find("more objects"), std::string::npos);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(refused(good.substr(0, size), 4).find("break off"), std::string::npos) << size;
  EXPECT_NE(refused(good + "x", 4).find("follow"), std::string::npos);
  std::string other = good;
  other.back() ^= 1;
  EXPECT_NE(refused(other, 4).find("not what it is called"), std::string::npos);
  std::string huge = good;
  huge[8 + 32 + 7] = 1;  // the first one's length
  EXPECT_NE(refused(huge, 4).find("more than"), std::string::npos);
}

}  // namespace
}  // namespace slipway::versions
