#include "store/blob_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/hash.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

class BlobStoreTest : public ::testing::Test {
 protected:
  testing::TempFolder folder_;
  base::SystemRandom random_;
  std::unique_ptr<BlobStore> blobs_ = open_folder_blobs(folder_.path() / "blobs", random_).value();
};

TEST_F(BlobStoreTest, GivesBackWhatWasPut) {
  for (const std::string& bytes :
       {std::string(), std::string("abc"), std::string(3'000'000, 'x')}) {
    const BlobInfo info = blobs_->put(bytes).value();
    EXPECT_EQ(info.digest, base::sha256_hex(bytes));
    EXPECT_EQ(blobs_->get(info.digest).value(), bytes);
  }
}

TEST_F(BlobStoreTest, FindsChangedBytes) {
  const BlobInfo info = blobs_->put("abc").value();
  std::ofstream(blobs_->local_file(info.digest).value()) << "abd";
  EXPECT_EQ(blobs_->get(info.digest).error().code, Code::kCorruption);
}

TEST_F(BlobStoreTest, TakesFiles) {
  const auto file = folder_.path() / "f";
  ASSERT_TRUE(write_file(file, "content"));
  const BlobInfo kept = blobs_->put_file(file, BlobStore::Source::kKeep).value();
  EXPECT_TRUE(std::filesystem::exists(file));
  const BlobInfo consumed = blobs_->put_file(file, BlobStore::Source::kConsume).value();
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(kept.digest, consumed.digest);
  EXPECT_EQ(blobs_->get(kept.digest).value(), "content");
  EXPECT_EQ(blobs_->put_file(file, BlobStore::Source::kKeep).error().code, Code::kNotFound);
}

TEST_F(BlobStoreTest, RemovesAndCountsBytes) {
  const BlobInfo info = blobs_->put("12345").value();
  EXPECT_EQ(blobs_->remove(info.digest).value(), 5);
  EXPECT_EQ(blobs_->remove(info.digest).error().code, Code::kNotFound);
  EXPECT_EQ(blobs_->get(info.digest).error().code, Code::kNotFound);
}

TEST_F(BlobStoreTest, RefusesNamesThatAreNoDigests) {
  for (const char* name : {"", "../../etc/passwd", "ABCDEF", "zz"}) {
    EXPECT_EQ(blobs_->get(name).error().code, Code::kInvalidArgument) << name;
  }
}

TEST(FolderLock, OneProcessAtATime) {
  testing::TempFolder folder;
  const FolderLock lock = FolderLock::acquire(folder.path()).value();
  const auto second = FolderLock::acquire(folder.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_NE(second.error().message.find("pid="), std::string::npos);
}

TEST(WriteFile, SaysWhenTheDiskIsFull) {
  // /dev/full accepts an open and refuses every write; a temporary beside it can't be made, so go
  // through a link.
  EXPECT_EQ(write_file("/proc/nothing-here/x", "abc").error().code, Code::kNotFound);
  EXPECT_EQ(errno_error(ENOSPC, "write the file", "x").code, Code::kStorageFull);
}

}  // namespace
}  // namespace slipway::store
