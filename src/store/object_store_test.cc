// One suite for every object store. A folder always; S3 when SLIPWAY_TEST_S3 names a prefix that
// may be filled and emptied ("s3://bucket/unit", with the variables that s3.h lists): the system
// tests start a server and run this binary against it.
#include "store/object_store.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/hash.h"
#include "base/http_client.h"
#include "base/random.h"
#include "store/file_system.h"
#include "store/s3.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

enum class Kind { kFolder, kS3 };

class ObjectStoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kFolder) {
      store_ = open_folder_objects(folder_.path() / "root");
      return;
    }
    const std::optional<std::string> uri = environment("SLIPWAY_TEST_S3");
    if (!uri) GTEST_SKIP() << "SLIPWAY_TEST_S3 is not set";
    S3Options options = s3_options(*uri, environment).value();
    options.part_bytes = 5 << 20;  // the least that S3 takes
    store_ = open_s3_objects(std::move(options), clock_);
    ASSERT_TRUE(store_->remove(""));
  }

  Result<void> put(const std::string& path, const std::string& content) {
    TRY(write_file(folder_.path() / "upload", content));
    return store_->put_file(path, folder_.path() / "upload", "text/plain");
  }
  std::string get(const std::string& path, std::int64_t offset, std::int64_t bytes) {
    const auto reader = store_->read(path, offset, bytes).value();
    std::string content, buffer(100'000, '\0');
    while (true) {
      const std::size_t n = reader->read(buffer).value();
      if (n == 0) return content;
      content.append(buffer, 0, n);
    }
  }
  std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> names;
    const std::vector<ObjectEntry> entries = store_->list(folder).value();
    for (const ObjectEntry& entry : entries)
      names.push_back(entry.name + (entry.is_folder ? "/" : ""));
    return names;
  }

  testing::TempFolder folder_;
  base::SystemClock clock_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(ObjectStoreTest, KeepsWhatIsPut) {
  ASSERT_TRUE(put("1/run/artifacts/model/MLmodel", "hello"));
  ASSERT_TRUE(put("1/run/artifacts/empty", ""));
  EXPECT_EQ(store_->size("1/run/artifacts/model/MLmodel").value(), 5);
  EXPECT_EQ(get("1/run/artifacts/model/MLmodel", 0, 5), "hello");
  EXPECT_EQ(get("1/run/artifacts/model/MLmodel", 1, 3), "ell");
  EXPECT_EQ(store_->size("1/run/artifacts/empty").value(), 0);
  EXPECT_EQ(get("1/run/artifacts/empty", 0, 0), "");
  ASSERT_TRUE(put("1/run/artifacts/model/MLmodel", "another"));
  EXPECT_EQ(get("1/run/artifacts/model/MLmodel", 0, 7), "another");
}

TEST_P(ObjectStoreTest, ListsOneLevelByName) {
  for (const char* path : {"r/b.txt", "r/a/x", "r/a/y/z", "r/c d+ü&<'.txt", "r2/other"})
    ASSERT_TRUE(put(path, "12"));
  EXPECT_EQ(names("r"), (std::vector<std::string>{"a/", "b.txt", "c d+ü&<'.txt"}));
  EXPECT_EQ(names("r/a"), (std::vector<std::string>{"x", "y/"}));
  EXPECT_EQ(names(""), (std::vector<std::string>{"r/", "r2/"}));
  EXPECT_EQ(names("nothing"), std::vector<std::string>());
  EXPECT_EQ(names("r/b.txt"), std::vector<std::string>());
  EXPECT_EQ(store_->list("r").value()[1].bytes, 2);
  EXPECT_EQ(get("r/c d+ü&<'.txt", 0, 2), "12");
}

TEST_P(ObjectStoreTest, WhatIsNotThere) {
  ASSERT_TRUE(put("folder/file", "x"));
  for (const char* path : {"nothing", "folder", "folder/nothing", "folder/file/below", ""})
    EXPECT_EQ(store_->size(path).error().code, Code::kNotFound) << path;
}

TEST_P(ObjectStoreTest, RemovesAFileOrAFolderAndTellsWhatThatFrees) {
  for (const char* path : {"r/model/a", "r/model/b/c", "r/model2/a", "r/model.txt"})
    ASSERT_TRUE(put(path, "123"));
  Removed removed = store_->remove("r/model").value();
  EXPECT_EQ(removed.files, 2);
  EXPECT_EQ(removed.bytes, 6);
  EXPECT_EQ(names("r"), (std::vector<std::string>{"model.txt", "model2/"}));
  removed = store_->remove("r/model.txt").value();
  EXPECT_EQ(removed.files, 1);
  removed = store_->remove("r/model").value();
  EXPECT_EQ(removed.files, 0);
}

TEST_P(ObjectStoreTest, ManyFilesComeInPages) {
  if (GetParam() == Kind::kFolder) GTEST_SKIP() << "a folder has no pages";
  for (int i = 0; i < 1050; ++i) ASSERT_TRUE(put(fmt::format("many/{:04}", i), "x"));
  EXPECT_EQ(names("many").size(), 1050u);
  EXPECT_EQ(store_->remove("many").value().files, 1050);
  EXPECT_EQ(names("many").size(), 0u);
}

TEST_P(ObjectStoreTest, LargeFilesArriveWhole) {
  std::string content;
  base::SeededRandom random(7);
  while (content.size() < (22u << 20)) content += random.hex(4096);
  const std::string digest = base::sha256_hex(content);
  ASSERT_TRUE(put("large.bin", content));
  const auto bytes = static_cast<std::int64_t>(content.size());
  EXPECT_EQ(store_->size("large.bin").value(), bytes);
  EXPECT_EQ(base::sha256_hex(get("large.bin", 0, bytes)), digest);
  EXPECT_EQ(get("large.bin", (8 << 20) - 3, 7), content.substr((8 << 20) - 3, 7));
}

TEST_P(ObjectStoreTest, WhatArrivesInPiecesIsThereWhenItIsFinished) {
  if (GetParam() == Kind::kFolder) {
    EXPECT_EQ(store_->write("w/a", "", std::nullopt), nullptr);  // it wants a file
    return;
  }
  const std::string piece(700'001, 'p');
  for (const int pieces : {0, 1, 15, 30}) {  // nothing, one request, two parts and an end, five
    const auto writer = store_->write("w/a", "text/plain", std::nullopt);
    for (int i = 0; i < pieces; ++i) ASSERT_TRUE(writer->write(piece));
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(store_->size("w/a").value(), pieces * std::ssize(piece));
    ASSERT_TRUE(store_->remove("w"));
  }
  {
    const auto given_up = store_->write("w/b", "text/plain", std::nullopt);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(given_up->write(piece));
  }
  EXPECT_EQ(names(""), std::vector<std::string>());
  // A part as large as the whole is no reason for two.
  const auto exact = store_->write("w/c", "text/plain", 5 << 20);
  ASSERT_TRUE(exact->write(std::string(5 << 20, 'e')));
  ASSERT_TRUE(exact->finish());
  EXPECT_EQ(store_->size("w/c").value(), 5 << 20);
}

TEST_P(ObjectStoreTest, ClientsTransferDirectly) {
  DirectTransfer* direct = store_->direct();
  if (direct == nullptr) {
    EXPECT_EQ(GetParam(), Kind::kFolder);
    return;
  }
  base::HttpClient client({.base_url = "", .bearer_token = {}});
  const SignedRequest put = direct->sign_upload("direct/a b.txt", "text/x-odd", 60);
  EXPECT_EQ(client.send("PUT", put.url, "hello", put.headers).value().status, 200);
  const SignedRequest get = direct->sign_download("direct/a b.txt", "attachment; filename=x", 60);
  base::HttpReply reply = client.send("GET", get.url, {}, {}).value();
  EXPECT_EQ(reply.body, "hello");
  EXPECT_EQ(reply.header("content-type"), "text/x-odd");
  // Nobody may make another request out of it.
  std::string changed = get.url;
  changed.replace(changed.find("a%20b"), 5, "other");
  EXPECT_EQ(client.send("GET", changed, {}, {}).value().status, 403);

  const std::string upload = direct->begin_parts("direct/parts", "text/plain").value();
  std::vector<UploadedPart> parts;
  for (int i = 1; i <= 2; ++i) {
    const SignedRequest part = direct->sign_part("direct/parts", upload, i, 60);
    reply = client.send("PUT", part.url, std::string(5 << 20, i == 1 ? 'a' : 'b'), {}).value();
    ASSERT_EQ(reply.status, 200) << reply.body;
    parts.push_back({i, std::string(reply.header("etag"))});
  }
  EXPECT_EQ(store_->size("direct/parts").error().code, Code::kNotFound);
  std::vector<UploadedPart> wrong = parts;
  wrong[1].tag = "\"0123456789abcdef0123456789abcdef\"";
  EXPECT_EQ(direct->finish_parts("direct/parts", upload, wrong).error().code,
            Code::kInvalidArgument);
  ASSERT_TRUE(direct->finish_parts("direct/parts", upload, parts));
  EXPECT_EQ(store_->size("direct/parts").value(), 10 << 20);

  const std::string given_up = direct->begin_parts("direct/none", "text/plain").value();
  EXPECT_TRUE(direct->abort_parts("direct/none", given_up));
  EXPECT_TRUE(direct->abort_parts("direct/none", given_up));
  EXPECT_EQ(direct->finish_parts("direct/none", given_up, parts).error().code,
            Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreTest, ::testing::Values(Kind::kFolder, Kind::kS3),
                         [](const auto& info) {
                           return info.param == Kind::kFolder ? "Folder" : "S3";
                         });

TEST(FolderObjects, LinksDoNotLeadOut) {
  testing::TempFolder folder;
  std::filesystem::create_directories(folder.path() / "root" / "inner");
  ASSERT_TRUE(write_file(folder.path() / "secret", "x"));
  std::filesystem::create_symlink(folder.path() / "secret", folder.path() / "root" / "link");
  std::filesystem::create_directory_symlink(folder.path(), folder.path() / "root" / "out");
  std::filesystem::create_symlink(folder.path() / "root" / "inner", folder.path() / "root" / "in");
  const auto store = open_folder_objects(folder.path() / "root");
  EXPECT_EQ(store->size("link").error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->list("out").error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->remove("out/secret").error().code, Code::kInvalidArgument);
  ASSERT_TRUE(write_file(folder.path() / "upload", "y"));
  EXPECT_EQ(store->put_file("out/secret", folder.path() / "upload", "").error().code,
            Code::kInvalidArgument);
  EXPECT_TRUE(store->put_file("in/file", folder.path() / "upload", ""));
  EXPECT_EQ(store->size("inner/file").value(), 1);
  EXPECT_EQ(store->size(std::string(300, 'n')).error().code, Code::kInvalidArgument);
}

// What a folder holds is what a removal counts, not what its links point to.
TEST(FolderObjects, RemovingALinkKeepsWhatItPointsTo) {
  testing::TempFolder folder;
  std::filesystem::create_directories(folder.path() / "root" / "run");
  std::filesystem::create_directories(folder.path() / "outside");
  ASSERT_TRUE(write_file(folder.path() / "outside" / "kept", "12345"));
  std::filesystem::create_directory_symlink(folder.path() / "outside",
                                            folder.path() / "root" / "run" / "link");
  const auto store = open_folder_objects(folder.path() / "root");
  EXPECT_EQ(store->remove("run").value().bytes, 0);
  EXPECT_EQ(read_file(folder.path() / "outside" / "kept").value(), "12345");
}

TEST(S3Options, FromUriAndVariables) {
  std::map<std::string, std::string> variables = {
      {"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "key"}, {"AWS_REGION", "eu-west-1"}};
  const auto from = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  S3Options options = s3_options("s3://bucket/a/b/", from).value();
  EXPECT_EQ(options.bucket, "bucket");
  EXPECT_EQ(options.prefix, "a/b");
  EXPECT_EQ(options.identity.region, "eu-west-1");
  EXPECT_FALSE(options.path_style);
  variables["MLFLOW_S3_ENDPOINT_URL"] = "http://127.0.0.1:9000";
  EXPECT_TRUE(s3_options("s3://bucket", from).value().path_style);
  EXPECT_EQ(s3_options("s3://bucket", from).value().prefix, "");
  variables["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"] = "virtual";
  EXPECT_FALSE(s3_options("s3://bucket", from).value().path_style);
  for (const char* uri :
       {"", "s3:", "s3://", "s3:///a", "http://x", "s3://b@ucket/a", "s3://bucket/a?b=c"})
    EXPECT_EQ(s3_options(uri, from).error().code, Code::kInvalidArgument) << uri;
  variables["MLFLOW_S3_ENDPOINT_URL"] = "127.0.0.1:9000";
  EXPECT_EQ(s3_options("s3://bucket", from).error().code, Code::kInvalidArgument);

  testing::TempFolder folder;
  ASSERT_TRUE(write_file(folder.path() / "credentials",
                         "[other]\naws_access_key_id = no\n[ team ]\n# comment\n"
                         "aws_access_key_id = file-id\r\naws_secret_access_key=file=key\n"));
  variables = {{"AWS_SHARED_CREDENTIALS_FILE", (folder.path() / "credentials").string()},
               {"AWS_PROFILE", "team"}};
  options = s3_options("s3://bucket", from).value();
  EXPECT_EQ(options.identity.access_key, "file-id");
  EXPECT_EQ(options.identity.secret_key, "file=key");
  variables["AWS_PROFILE"] = "nobody";
  EXPECT_EQ(s3_options("s3://bucket", from).error().code, Code::kInvalidArgument);
}

TEST(S3Objects, AStorageThatIsDownIsUnavailable) {
  base::SystemClock clock;
  S3Options options{.bucket = "b",
                    .prefix = {},
                    .endpoint = "http://127.0.0.1:1",
                    .path_style = true,
                    .identity = {.access_key = "a", .secret_key = "b", .session_token = {}}};
  options.tries = 2;
  options.first_pause_ms = 1;
  const auto store = open_s3_objects(std::move(options), clock);
  EXPECT_EQ(store->list("").error().code, Code::kUnavailable);
  EXPECT_EQ(store->size("a").error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace slipway::store
