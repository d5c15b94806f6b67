// Files that belong to runs and models, in a plain folder tree below one root.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::tracking {

// A relative path that stays below its root: decoded again and again until nothing changes, then
// refused ("Invalid path") when it has `..`, is absolute, or holds a drive letter, a backslash, '#'
// or a control character. Pure; fuzzed.
Result<std::filesystem::path> safe_path(std::string_view path);

struct ArtifactFile {
  std::string path;  // relative to what was asked for
  bool is_folder = false;
  std::int64_t bytes = 0;
};

// Safe to use from several threads.
class Artifacts {
 public:
  explicit Artifacts(std::filesystem::path root) : root_(std::move(root)) {}

  // Below the root, sorted by path; empty when there is no such folder.
  Result<std::vector<ArtifactFile>> list(std::string_view path) const;
  // A file to read. kNotFound.
  Result<std::filesystem::path> file(std::string_view path) const;
  // Moves `upload` to `path`; durable on return. Replaces what was there.
  Result<void> put(std::string_view path, const std::filesystem::path& upload) const;
  // A file, or a folder with all in it. Nothing there is no error.
  Result<void> remove(std::string_view path) const;

  // The folder or file behind "mlflow-artifacts:/1/abc/artifacts". kInvalidArgument for another
  // scheme.
  Result<std::filesystem::path> local(std::string_view uri) const;

 private:
  Result<std::filesystem::path> below_root(std::string_view path) const;

  std::filesystem::path root_;
};

// The path below the artifact root that an "mlflow-artifacts:" URI names; nothing for another
// scheme.
std::optional<std::string> proxied_path(std::string_view uri);

// By the file's name: "text/plain" for what people read, else application/octet-stream or the
// well-known type.
std::string_view mime_type(const std::filesystem::path& file);

}  // namespace slipway::tracking
