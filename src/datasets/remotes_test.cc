#include "datasets/remotes.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/testing/temp_folder.h"

namespace slipway::datasets {
namespace {

TEST(RemoteFileTest, NamesAreFilesOrRefused) {
  const std::string rest = "0150983cd24fb0d6963f7d28e17f72";
  struct Case {
    std::string name, remote, path, md5;  // no md5: refused
    bool is_old = false;
  };
  const std::string md5 = "90" + rest;
  const std::vector<Case> cases = {
      {"a file", "data", "files/md5/90/" + rest, md5},
      {"a folder's list", "data", "files/md5/90/" + rest + ".dir", md5},
      {"of DVC 2", "data", "90/" + rest, md5, true},
      {"a list of DVC 2", "data", "90/" + rest + ".dir", md5, true},
      {"a name with all signs", "0a.b_C-d", "90/" + rest, md5, true},
      {"a name of 100", std::string(100, 'a'), "90/" + rest, md5, true},
      {"a name of 101", std::string(101, 'a'), "90/" + rest, ""},
      {"no name", "", "90/" + rest, ""},
      {"the folder above", "..", "90/" + rest, ""},
      {"hidden", ".git", "90/" + rest, ""},
      {"a slash", "a/b", "90/" + rest, ""},
      {"a zero", std::string("a\0b", 3), "90/" + rest, ""},
      {"no path", "data", "", ""},
      {"the folder of files", "data", "files/md5", ""},
      {"the folder of two digits", "data", "files/md5/90/", ""},
      {"one digit short", "data", "files/md5/90/" + rest.substr(1), ""},
      {"one digit more", "data", "files/md5/90/" + rest + "0", ""},
      {"upper case", "data", "files/md5/AB/" + rest, ""},
      {"no digit", "data", "files/md5/g0/" + rest, ""},
      {"dots", "data", "files/md5/../" + rest.substr(1), ""},
      {"another suffix", "data", "files/md5/90/" + rest + ".tmp", ""},
      {"two suffixes", "data", "files/md5/90/" + rest + ".dir.dir", ""},
      {"another digest", "data", "files/sha256/90/" + rest, ""},
      {"deeper", "data", "x/90/" + rest, ""},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const auto file = parse_remote_file(one.remote, one.path);
    ASSERT_EQ(file.has_value(), !one.md5.empty());
    if (!file) {
      EXPECT_EQ(file.error().code, Code::kInvalidArgument);
      continue;
    }
    EXPECT_EQ(file->path, one.remote + "/" + one.path);
    EXPECT_EQ(file->md5, one.md5);
    EXPECT_EQ(file->may_be_unix_text, one.is_old);
  }
}

TEST(UnixTextMd5Test, IsWhatDvc2NamedTextsBy) {
  constexpr std::size_t kBlock = 1 << 20;
  struct Case {
    std::string name, content, hashed;
  };
  const std::string binary = std::string("a\0b\r\n", 5);
  const std::vector<Case> cases = {
      {"nothing", "", ""},
      {"lines", "a\r\nb\r\n", "a\nb\n"},
      {"Unix", "a\nb\n", "a\nb\n"},
      {"an end alone", "a\rb\r", "a\rb\r"},
      {"two before the end", "a\r\r\n", "a\r\n"},
      {"binary", binary, binary},
      {"three of ten are strange", "aaaaa\r\n\x80\x80\x80", "aaaaa\n\x80\x80\x80"},
      {"four of ten are strange", "aaaa\r\n\x80\x80\x80\x80", "aaaa\r\n\x80\x80\x80\x80"},
      // DVC reads a mebibyte at a time and looks at nothing beyond it.
      {"an end across blocks", std::string(kBlock - 1, 'a') + "\r\n",
       std::string(kBlock - 1, 'a') + "\r\n"},
      {"an end in the second block", std::string(kBlock, 'a') + "\r\n",
       std::string(kBlock, 'a') + "\n"},
      {"a binary block between", std::string(kBlock, 'a') + binary,
       std::string(kBlock, 'a') + binary},
  };
  for (const Case& one : cases) {
    for (const std::size_t piece : {std::size_t{1} << 16, kBlock - 1, one.content.size() + 1}) {
      SCOPED_TRACE(one.name);
      UnixTextMd5 md5;
      for (std::size_t i = 0; i < one.content.size(); i += piece)
        md5.update(std::string_view(one.content).substr(i, piece));
      EXPECT_EQ(md5.finish_hex(), base::md5_hex(one.hashed));
    }
  }
}

// Keeps bytes without a folder, as S3 does: uploads go to a writer.
class WriterObjects final : public store::ObjectStore {
 public:
  explicit WriterObjects(store::ObjectStore& objects, std::filesystem::path scratch)
      : objects_(objects), scratch_(std::move(scratch)) {}
  Result<std::vector<store::ObjectEntry>> list(const std::string& folder) override {
    return objects_.list(folder);
  }
  Result<std::int64_t> size(const std::string& path) override { return objects_.size(path); }
  Result<std::unique_ptr<store::ObjectReader>> read(const std::string& path, std::int64_t offset,
                                                    std::int64_t bytes) override {
    return objects_.read(path, offset, bytes);
  }
  Result<void> put_file(const std::string&, const std::filesystem::path&,
                        const std::string&) override {
    return base::error(Code::kInternal, "it has a writer");
  }
  std::unique_ptr<store::ObjectWriter> write(const std::string& path, const std::string&,
                                             std::optional<std::int64_t>) override {
    return std::make_unique<Writer>(*this, path);
  }
  Result<store::Removed> remove(const std::string& path) override { return objects_.remove(path); }
  Result<std::optional<std::filesystem::path>> local_path(const std::string&) override {
    return std::optional<std::filesystem::path>();
  }

 private:
  class Writer final : public store::ObjectWriter {
   public:
    Writer(WriterObjects& store, std::string path) : store_(store), path_(std::move(path)) {}
    Result<void> write(std::string_view bytes) override {
      content_ += bytes;
      return {};
    }
    Result<void> finish() override {
      std::ofstream(store_.scratch_) << content_;
      return store_.objects_.put_file(path_, store_.scratch_, "");
    }

   private:
    WriterObjects& store_;
    const std::string path_;
    std::string content_;
  };

  store::ObjectStore& objects_;
  const std::filesystem::path scratch_;
};

enum class Kind { kFolder, kWriter };

class RemotesTest : public ::testing::TestWithParam<Kind> {
 protected:
  RemotesTest() { std::filesystem::create_directory(folder_.path() / "scratch"); }

  static RemoteFile file_of(std::string_view md5_of, bool is_old = false) {
    const std::string md5 = base::md5_hex(md5_of);
    return MUST(parse_remote_file("data", fmt::format("{}{}/{}", is_old ? "" : "files/md5/",
                                                      md5.substr(0, 2), md5.substr(2))));
  }
  Result<RemoteUpload::Outcome> upload(const RemoteFile& file, std::string_view content) {
    const auto upload = remotes_.receive(file, std::nullopt);
    for (std::size_t i = 0; i < content.size(); i += 3) TRY(upload->write(content.substr(i, 3)));
    return upload->finish();
  }
  std::string content(const RemoteFile& file) {
    const std::int64_t bytes = objects_->size(file.path).value_or(-1);
    if (bytes < 0) return "nothing";
    const auto reader = objects_->read(file.path, 0, bytes).value();
    std::string read(static_cast<std::size_t>(bytes) + 1, '\0');
    read.resize(reader->read(read).value());
    return read;
  }
  std::size_t files_in(const std::string& folder) const {
    std::size_t files = 0;
    std::error_code ec;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() / folder, ec))
      files += entry.is_regular_file() ? 1 : 0;
    return files;
  }

  store::testing::TempFolder folder_;
  std::unique_ptr<store::ObjectStore> local_ = store::open_folder_objects(folder_.path() / "root");
  WriterObjects written_{*local_, folder_.path() / "written"};
  store::ObjectStore* const objects_ =
      GetParam() == Kind::kFolder ? local_.get() : static_cast<store::ObjectStore*>(&written_);
  base::SeededRandom random_{1};
  Remotes remotes_{*objects_, random_, folder_.path() / "scratch"};
};

TEST_P(RemotesTest, KeepsWhatIsNamedByItsContent) {
  for (const std::string text : {"", "a", "some text of more than one piece"}) {
    const RemoteFile file = file_of(text);
    EXPECT_EQ(content(file), "nothing");
    EXPECT_EQ(upload(file, text).value(), RemoteUpload::Outcome::kAdded);
    EXPECT_EQ(content(file), text);
    EXPECT_EQ(upload(file, text).value(), RemoteUpload::Outcome::kWasThere);
    EXPECT_EQ(content(file), text);
  }
  EXPECT_EQ(files_in("scratch"), 0u);
  EXPECT_EQ(files_in("root"), 3u);
}

TEST_P(RemotesTest, OtherBytesLeaveNothing) {
  const RemoteFile file = file_of("right");
  for (const std::string wrong : {"wrong", "", "righ", "right!", "righT"}) {
    const auto refused = upload(file, wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_NE(refused.error().message.find(base::md5_hex(wrong)), std::string::npos);
  }
  EXPECT_EQ(files_in("scratch") + files_in("root"), 0u);
  ASSERT_TRUE(upload(file, "right"));
  EXPECT_FALSE(upload(file, "wrong"));  // also where the right ones are
  EXPECT_EQ(content(file), "right");
}

TEST_P(RemotesTest, TextOfDvc2KeepsItsLineEnds) {
  const RemoteFile file = file_of("a\nb\n", true);
  ASSERT_TRUE(upload(file, "a\r\nb\r\n"));
  EXPECT_EQ(content(file), "a\r\nb\r\n");
  EXPECT_FALSE(upload(file_of("a\nc\n", false), "a\r\nc\r\n"));  // of DVC 3: every byte counts
}

TEST_P(RemotesTest, WhatIsBrokenOffLeavesNothing) {
  {
    const auto upload = remotes_.receive(file_of("right"), 5);
    ASSERT_TRUE(upload->write("rig"));
    EXPECT_EQ(content(file_of("right")), "nothing");
  }
  EXPECT_EQ(files_in("scratch") + files_in("root"), 0u);
}

TEST_P(RemotesTest, TwoUploadTheSameAndBothSucceed) {
  const RemoteFile file = file_of("right");
  const auto one = remotes_.receive(file, std::nullopt), other = remotes_.receive(file, 5);
  ASSERT_TRUE(one->write("rig"));
  ASSERT_TRUE(other->write("right"));
  ASSERT_TRUE(one->write("ht"));
  EXPECT_TRUE(other->finish());
  EXPECT_TRUE(one->finish());
  EXPECT_EQ(content(file), "right");
  EXPECT_EQ(files_in("scratch"), 0u);
}

TEST_P(RemotesTest, RemovesOne) {
  ASSERT_TRUE(upload(file_of("one"), "one"));
  ASSERT_TRUE(upload(file_of("two"), "two"));
  const auto removed = remotes_.remove(file_of("one"));
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->bytes, 3);
  EXPECT_EQ(content(file_of("one")), "nothing");
  EXPECT_EQ(content(file_of("two")), "two");
  EXPECT_EQ(remotes_.remove(file_of("one")).error().code, Code::kNotFound);
}

TEST(RemotesWithoutScratchTest, AnUploadThatCannotBeKeptFails) {
  store::testing::TempFolder folder;
  const auto objects = store::open_folder_objects(folder.path() / "root");
  base::SeededRandom random{1};
  Remotes remotes(*objects, random, folder.path() / "missing");
  const std::string md5 = base::md5_hex("x");
  const RemoteFile file = MUST(
      parse_remote_file("data", fmt::format("files/md5/{}/{}", md5.substr(0, 2), md5.substr(2))));
  EXPECT_FALSE(remotes.receive(file, 1)->write("x"));
  EXPECT_EQ(objects->size(file.path).error().code, Code::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Storages, RemotesTest, ::testing::Values(Kind::kFolder, Kind::kWriter),
                         [](const auto& kind) {
                           return kind.param == Kind::kFolder ? "Folder" : "Writer";
                         });

}  // namespace
}  // namespace slipway::datasets
