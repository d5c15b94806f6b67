// Files that belong to runs and models: which storage a URI means, and what is there. How each
// storage works is store/object_store.h.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/object_store.h"
#include "tracking/values.h"

namespace slipway::tracking {

// A relative path that stays below its root: decoded again and again until nothing changes, then
// refused ("Invalid path") when it has `..`, is absolute, or holds a drive letter, a backslash, '#'
// or a control character. Pure; fuzzed.
Result<std::string> safe_path(std::string_view path);

// The path below the artifact root that an "mlflow-artifacts:" URI, or the URL of an artifact
// proxy, names; nothing for another scheme.
std::optional<std::string> proxied_path(std::string_view uri);

// The path that a plain path or a "file:" URI names; nothing for another scheme.
std::optional<std::filesystem::path> local_location(std::string_view uri);

// An artifact location as it is kept: a local path, or a "file:" URI, becomes absolute, beginning
// at `working_folder`; everything else stays as it is.
std::string absolute_location(const std::string& location,
                              const std::filesystem::path& working_folder);

// "s3://bucket/a" and "b" are "s3://bucket/a/b"; a query stays at the end.
std::string join_location(std::string_view location, std::string_view path);

// By the file's name: "text/plain" for what people read, else the well-known type or
// application/octet-stream.
std::string_view mime_type(std::string_view name);

// Where something is. Good as long as the Artifacts it came from.
struct ArtifactPlace {
  store::ObjectStore* store = nullptr;
  std::string path;
};

struct ArtifactsOptions {
  // Whether "mlflow-artifacts:" URIs mean the destination (mlflow server --serve-artifacts).
  bool serves_proxied = true;
  // Whether clients get signed URLs, where the storage has them.
  bool lets_clients_transfer = true;
  // Local locations are read only below one of these: whoever may create an experiment may name any
  // folder as its place, /etc included.
  std::vector<std::filesystem::path> local_roots;
  // Where copies of remote models go, for readers that want files.
  std::filesystem::path copies;
  std::int64_t entries_max = 100'000;  // of a folder in one listing
};

// Safe to use from several threads.
class Artifacts {
 public:
  // Opens the whole storage that a URI like "s3://bucket" names.
  using OpenStore =
      std::function<Result<std::unique_ptr<store::ObjectStore>>(const std::string& uri)>;

  // `destination` is where proxied artifacts are; it must outlive this.
  Artifacts(store::ObjectStore& destination, ArtifactsOptions options, OpenStore open_store);
  ~Artifacts();

  // Below the proxy's root.
  Result<ArtifactPlace> proxied(std::string_view path) const;
  // `path` below a run's or a model's artifact URI. kInvalidArgument: a bad path, or a scheme that
  // this server does not read. kPermissionDenied: a local folder that is not below a root.
  Result<ArtifactPlace> at(const std::string& uri, std::string_view path);

  // What is directly in a folder, by name; empty when there is no such folder. A folder of more
  // than `entries_max` comes in pages. kInvalidArgument: a bad token.
  Result<Page<store::ObjectEntry>> list(const ArtifactPlace& folder,
                                        const std::string& page_token) const;

  // What clients may use of a place's signed URLs; nullptr for none.
  store::DirectTransfer* direct(const ArtifactPlace& place) const;
  const ArtifactsOptions& options() const { return options_; }

  // The folder or file behind a URI as files of this machine: itself, or a copy made once.
  Result<std::filesystem::path> local(const std::string& uri);

 private:
  Result<store::ObjectStore*> remote(const std::string& root);
  static Result<void> copy_tree(store::ObjectStore& from, const std::string& path,
                                const std::filesystem::path& to);

  store::ObjectStore& destination_;
  const ArtifactsOptions options_;
  const OpenStore open_store_;
  std::vector<std::pair<std::filesystem::path, std::unique_ptr<store::ObjectStore>>> locals_;

  base::Mutex mutex_;
  // By "s3://bucket"; never taken out, places point to them.
  std::map<std::string, std::unique_ptr<store::ObjectStore>> remotes_ GUARDED_BY(mutex_);
  base::Mutex copying_;  // held while a model is copied
};

}  // namespace slipway::tracking
