#include "tracking/artifacts.h"

#include <gtest/gtest.h>

#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::tracking {
namespace {

TEST(SafePath, StaysBelowTheRoot) {
  struct Case {
    const char* path;
    const char* safe;  // nullptr: refused
  };
  for (const Case& c : std::vector<Case>{{"a/b.txt", "a/b.txt"},
                                         {"", ""},
                                         {"a//b/./c", "a/b/c"},
                                         {"a%20b", "a b"},
                                         {"..", nullptr},
                                         {"a/../b", nullptr},
                                         {"%2e%2e/x", nullptr},
                                         {"%252e%252e%252fx", nullptr},
                                         {"%25252e%25252e/x", nullptr},
                                         {"/etc/passwd", nullptr},
                                         {"%2fetc", nullptr},
                                         {"C:/x", nullptr},
                                         {"./C:/x", nullptr},
                                         {"a\\b", nullptr},
                                         {"a%5cb", nullptr},
                                         {"a#b", nullptr},
                                         {"a%00b", nullptr},
                                         {"%zz", nullptr},
                                         {"..a/b..", "..a/b.."}}) {
    const auto safe = safe_path(c.path);
    EXPECT_EQ(safe.has_value(), c.safe != nullptr) << c.path;
    if (safe && c.safe != nullptr) {
      EXPECT_EQ(*safe, c.safe) << c.path;
    }
  }
}

// A storage that is elsewhere: the tests' folder, which doesn't say where it is.
class RemoteFolder final : public store::ObjectStore {
 public:
  explicit RemoteFolder(const std::filesystem::path& root)
      : folder_(store::open_folder_objects(root)) {}
  Result<std::vector<store::ObjectEntry>> list(const std::string& folder) override {
    return folder_->list(folder);
  }
  Result<std::int64_t> size(const std::string& path) override { return folder_->size(path); }
  Result<std::unique_ptr<store::ObjectReader>> read(const std::string& path, std::int64_t offset,
                                                    std::int64_t bytes) override {
    ++reads;
    return folder_->read(path, offset, bytes);
  }
  Result<void> put_file(const std::string& path, const std::filesystem::path& file,
                        const std::string& content_type) override {
    return folder_->put_file(path, file, content_type);
  }
  Result<store::Removed> remove(const std::string& path) override { return folder_->remove(path); }
  Result<std::optional<std::filesystem::path>> local_path(const std::string&) override {
    return std::optional<std::filesystem::path>();
  }
  int reads = 0;

 private:
  std::unique_ptr<store::ObjectStore> folder_;
};

class ArtifactsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Artifacts> open(ArtifactsOptions options) {
    options.copies = folder_.path() / "copies";
    return std::make_unique<Artifacts>(
        *destination_, std::move(options),
        [this](const std::string& uri) -> Result<std::unique_ptr<store::ObjectStore>> {
          opened_.push_back(uri);
          auto remote = std::make_unique<RemoteFolder>(folder_.path() / "remote");
          remote_ = remote.get();
          return std::unique_ptr<store::ObjectStore>(std::move(remote));
        });
  }

  store::testing::TempFolder folder_;
  std::unique_ptr<store::ObjectStore> destination_ =
      store::open_folder_objects(folder_.path() / "root");
  std::vector<std::string> opened_;
  RemoteFolder* remote_ = nullptr;
};

TEST_F(ArtifactsTest, FindsTheStorageOfAUri) {
  ArtifactsOptions options;
  options.local_roots = {folder_.path() / "mlruns", folder_.path() / "mlruns" / "inner"};
  const auto artifacts = open(options);
  const std::string here = folder_.path().string();
  struct Case {
    std::string uri, path;
    const char* place;  // nullptr: see code
    Code code = Code::kInternal;
  };
  for (const Case& c :
       std::vector<Case>{{"mlflow-artifacts:/1/run/artifacts", "a/b", "1/run/artifacts/a/b"},
                         {"mlflow-artifacts:/", "", ""},
                         {"http://other:5000/api/2.0/mlflow-artifacts/artifacts/1", "a", "1/a"},
                         {here + "/mlruns/1/artifacts", "a", "1/artifacts/a"},
                         {"file://" + here + "/mlruns/a%20b", "", "a b"},
                         {"file:" + here + "/mlruns", "c", "c"},
                         {here + "/mlruns/inner/x", "y", "x/y"},
                         {"s3://bucket/p/q", "r", "p/q/r"},
                         {"s3://bucket", "r", "r"},
                         {here + "/mlruns/../secret", "a", nullptr, Code::kPermissionDenied},
                         {here + "/mlruns2", "a", nullptr, Code::kPermissionDenied},
                         {"/etc", "passwd", nullptr, Code::kPermissionDenied},
                         {"file:///etc", "passwd", nullptr, Code::kPermissionDenied},
                         {"mlflow-artifacts:/1/../..", "a", nullptr, Code::kInvalidArgument},
                         {"s3://bucket/../x", "a", nullptr, Code::kInvalidArgument},
                         {"mlflow-artifacts:/1", "../a", nullptr, Code::kInvalidArgument},
                         {"http://other/elsewhere", "a", nullptr, Code::kInvalidArgument},
                         {"ftp://host/x", "a", nullptr, Code::kInvalidArgument}}) {
    const auto place = artifacts->at(c.uri, c.path);
    ASSERT_EQ(place.has_value(), c.place != nullptr) << c.uri;
    if (place) {
      EXPECT_EQ(place->path, c.place) << c.uri;
    } else {
      EXPECT_EQ(place.error().code, c.code) << c.uri;
    }
  }
  EXPECT_EQ(opened_, (std::vector<std::string>{"s3://bucket"}));  // once
}

TEST_F(ArtifactsTest, WithoutTheProxyItsUrisMeanNothing) {
  const auto artifacts = open({.serves_proxied = false, .local_roots = {}, .copies = {}});
  EXPECT_EQ(artifacts->at("mlflow-artifacts:/1", "a").error().code, Code::kFailedPrecondition);
}

TEST_F(ArtifactsTest, RemoteModelsAreCopiedOnce) {
  const auto artifacts = open({});
  RemoteFolder remote(folder_.path() / "remote");
  for (const char* path : {"m/MLmodel", "m/data/weights"}) {
    ASSERT_TRUE(store::write_file(folder_.path() / "upload", path));
    ASSERT_TRUE(remote.put_file(path, folder_.path() / "upload", ""));
  }
  for (int i = 0; i < 2; ++i) {
    const std::filesystem::path copy = artifacts->local("s3://bucket/m").value();
    EXPECT_EQ(store::read_file(copy / "data" / "weights").value(), "m/data/weights");
  }
  EXPECT_EQ(remote_->reads, 2);
  EXPECT_EQ(artifacts->local("s3://bucket/nothing").error().code, Code::kNotFound);
  EXPECT_EQ(artifacts->local("mlflow-artifacts:/1/m").value(), folder_.path() / "root" / "1/m");
}

TEST(Locations, JoinedAndMadeAbsolute) {
  EXPECT_EQ(join_location("mlflow-artifacts:/", "5"), "mlflow-artifacts:/5");
  EXPECT_EQ(join_location("s3://bucket/a/", "b/c"), "s3://bucket/a/b/c");
  EXPECT_EQ(join_location("s3://bucket/a?x=y", "b"), "s3://bucket/a/b?x=y");
  EXPECT_EQ(join_location("/data/odd?name", "b"), "/data/odd?name/b");
  EXPECT_EQ(absolute_location("my_location", "/work"), "/work/my_location");
  EXPECT_EQ(absolute_location("./mlruns", "/work"), "/work/mlruns");
  EXPECT_EQ(absolute_location("file:mlruns", "/work"), "file:///work/mlruns");
  for (const char* same : {"", "/a/b", "file:///a", "s3://b/c", "mlflow-artifacts:/1"})
    EXPECT_EQ(absolute_location(same, "/work"), same);
}

TEST(MimeType, ByName) {
  for (const auto& [name, type] : std::vector<std::pair<const char*, const char*>>{
           {"a.txt", "text/plain"},
           {"b.pkl", "application/octet-stream"},
           {"dir.png/c.PNG", "application/octet-stream"},
           {"c.png", "image/png"},
           {"d.pdf", "application/pdf"},
           {"model/MLmodel", "text/plain"},
           {"mlproject", "text/plain"},
           {"png", "application/octet-stream"},
           {".gitignore", "application/octet-stream"},
           {"x.html", "text/html"}})
    EXPECT_EQ(mime_type(name), type) << name;
}

TEST(ProxiedPath, WithAndWithoutHost) {
  EXPECT_EQ(proxied_path("mlflow-artifacts:/1/a"), "1/a");
  EXPECT_EQ(proxied_path("mlflow-artifacts://host:5000/1/a"), "1/a");
  EXPECT_EQ(proxied_path("mlflow-artifacts://host/api/2.0/mlflow-artifacts/artifacts/1/a"), "1/a");
  EXPECT_EQ(proxied_path("https://h/prefix/api/2.0/mlflow-artifacts/artifacts/1/a"), "1/a");
  EXPECT_EQ(proxied_path("http://h/elsewhere/1/a"), std::nullopt);
  EXPECT_EQ(proxied_path("/mlflow-artifacts:/1"), std::nullopt);
  EXPECT_EQ(proxied_path("s3://bucket/a"), std::nullopt);
}

}  // namespace
}  // namespace slipway::tracking
