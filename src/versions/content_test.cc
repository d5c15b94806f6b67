#include "versions/content.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "versions/chunker.h"

namespace slipway::versions {
namespace {

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::vector<std::string> cut(std::string_view bytes) {
  std::vector<std::string> chunks;
  while (!bytes.empty()) {
    const std::size_t size = next_chunk(bytes);
    chunks.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return chunks;
}

TEST(ChunkerTest, ChunksKeepTheirLengthsAndAreAboutAsLongAsUsual) {
  const std::string bytes = random_bytes(40 << 20, 1);
  const auto chunks = cut(bytes);
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_GE(chunks[i].size(), kChunkBytesMin);
    EXPECT_LE(chunks[i].size(), kChunkBytesMax);
  }
  const double mean = static_cast<double>(bytes.size()) / static_cast<double>(chunks.size());
  EXPECT_GT(mean, 0.6 * kChunkBytesUsual);
  EXPECT_LT(mean, 1.6 * kChunkBytesUsual);
}

TEST(ChunkerTest, CutsDependOnNothingThatComesLater) {
  const std::string bytes = random_bytes(8 << 20, 2);
  EXPECT_EQ(next_chunk(bytes), next_chunk(std::string_view(bytes).substr(0, kChunkBytesMax)));
}

TEST(ChunkerTest, ARowMoreInTheMiddleChangesAChunkOrTwo) {
  const std::string before = random_bytes(20 << 20, 3);
  for (const std::size_t at : {std::size_t{0}, std::size_t{1'234'567}, before.size() / 2}) {
    std::string after = before;
    after.insert(at, "one row more\n");
    const auto old = cut(before), now = cut(after);
    const std::set<std::string> known(old.begin(), old.end());
    std::size_t fresh = 0;
    for (const std::string& chunk : now) fresh += !known.contains(chunk);
    EXPECT_LE(fresh, 2u) << at;
  }
}

// The format says where cuts are, byte for byte; what goes side by side must find the same.
class Rolling {
 public:
  Rolling() {
    std::uint64_t state = 0;
    for (std::uint64_t& number : gear_) {
      std::uint64_t z = state += 0x9E3779B97F4A7C15;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
      number = z ^ (z >> 31);
    }
  }
  std::uint64_t next(std::uint64_t hash, char byte) const {
    return (hash << 1) + gear_[static_cast<unsigned char>(byte)];
  }
  std::size_t next_chunk(std::string_view bytes) const {
    std::uint64_t hash = 0;
    for (std::size_t at = kChunkBytesMin; at < std::min(bytes.size(), kChunkBytesMax); ++at) {
      hash = next(hash, bytes[at]);
      const bool may_end = hash >> (at < kChunkBytesUsual ? 44 : 48) == 0;
      if (may_end && at + 1 != kChunkBytesUsual) return at + 1;
    }
    return std::min(bytes.size(), kChunkBytesMax);
  }

 private:
  std::array<std::uint64_t, 256> gear_;
};

TEST(ChunkerTest, CutsAreWhereAHashByteForByteHasThem) {
  const Rolling rolling;
  const std::string bytes = random_bytes(64 << 20, 4);
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t size = rolling.next_chunk(rest);
    ASSERT_EQ(next_chunk(rest), size) << bytes.size() - rest.size();
    rest.remove_prefix(size);
  }
  for (std::size_t size = kChunkBytesMin - 2; size < kChunkBytesMin + 20'000; size += 331)
    ASSERT_EQ(next_chunk(std::string_view(bytes).substr(0, size)), size);
}

// Where masks change a chunk goes on, with what was seen before.
TEST(ChunkerTest, NoCutIsAtTheUsualLength) {
  const Rolling rolling;
  std::mt19937_64 random(5);
  std::string bytes(kChunkBytesMax, 'a');
  char* const seen = bytes.data() + kChunkBytesUsual - 64;
  for (std::uint64_t hash = ~std::uint64_t{0}; hash >> 44 != 0;) {
    for (std::size_t i = 0; i < 8; ++i) seen[i * 8 + 7] = static_cast<char>(random());
    hash = 0;
    for (std::size_t i = 0; i < 64; ++i) hash = rolling.next(hash, seen[i]);
  }
  for (std::uint64_t hash = ~std::uint64_t{0}; hash >> 48 != 0;) {
    for (std::size_t i = 64; i < 72; ++i) seen[i] = static_cast<char>(random());
    hash = 0;
    for (std::size_t i = 8; i < 72; ++i) hash = rolling.next(hash, seen[i]);
  }
  ASSERT_EQ(rolling.next_chunk(bytes), kChunkBytesUsual + 8);
  EXPECT_EQ(next_chunk(bytes), rolling.next_chunk(bytes));
}

// Other cuts would share nothing with what people have stored.
TEST(ChunkerTest, TheCutsAreThoseOfTheFormat) {
  std::string bytes;
  for (std::uint64_t i = 0; bytes.size() < (4 << 20); ++i) bytes += std::to_string(i * i) + "\n";
  std::vector<std::size_t> sizes;
  for (const std::string& chunk : cut(bytes)) sizes.push_back(chunk.size());
  EXPECT_EQ(sizes.front(), 416'474u);
  EXPECT_EQ(base::sha256_hex(fmt::format("{}", fmt::join(sizes, " "))).substr(0, 16),
            "493c46753a626bcc");
}

TEST(ContentTest, FoldersAreReadAsTheyWereWritten) {
  const std::vector<Entry> entries = {
      {"a", EntryKind::kFile, {base::sha256("a"), false, 1}},
      {"b.csv", EntryKind::kProgram, {base::sha256("b"), true, 1ull << 40}},
      {"c", EntryKind::kFolder, {base::sha256("c"), false, 77}},
      {"\xc3\xa4 name", EntryKind::kLink, {base::sha256("d"), false, 3}}};
  const auto read = read_folder(write_folder(entries));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, entries);
  EXPECT_TRUE(read_folder("")->empty());
}

TEST(ContentTest, FoldersThatLeadElsewhereAreRefused) {
  const Content content{base::sha256("x"), false, 1};
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/etc"),
        std::string("../x"), std::string(".slipway"), std::string(".git"), std::string(".GIT"),
        std::string("a\0b", 3)}) {
    SCOPED_TRACE(name);
    const auto read = read_folder(write_folder({{name, EntryKind::kFile, content}}));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kCorruption);
  }
  EXPECT_FALSE(read_folder(
      write_folder({{"b", EntryKind::kFile, content}, {"a", EntryKind::kFile, content}})));
  EXPECT_FALSE(read_folder(
      write_folder({{"a", EntryKind::kFile, content}, {"a", EntryKind::kFolder, content}})));
}

TEST(ContentTest, WhatBreaksOffIsRefused) {
  const std::string folder =
      write_folder({{"name", EntryKind::kFile, {base::sha256("x"), false, 1}}});
  for (std::size_t size = 1; size < folder.size(); ++size)
    EXPECT_FALSE(read_folder(folder.substr(0, size))) << size;
  const std::string chunks = write_chunks({{base::sha256("x"), 1}});
  for (std::size_t size = 1; size < chunks.size(); ++size)
    EXPECT_FALSE(read_chunks(chunks.substr(0, size))) << size;
}

TEST(ContentTest, CommitsAreReadAsTheyWereWritten) {
  const Commit commit{.folder = {base::sha256("f"), true, 12},
                      .parents = {base::sha256("p"), base::sha256("q")},
                      .author = "Ada",
                      .message = "rows of \"May\"\nand June",
                      .time = {1'795'000'000'000'000},
                      .files = 3,
                      .bytes = 1ull << 41};
  const auto read = read_commit(write_commit(commit));
  ASSERT_TRUE(read);
  EXPECT_EQ(write_commit(*read), write_commit(commit));
  EXPECT_EQ(read->parents, commit.parents);
  for (const char* text : {"", "{}", "[]", R"({"folder":"ab"})"}) {
    const auto refused = read_commit(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kCorruption);
  }
}

}  // namespace
}  // namespace slipway::versions
