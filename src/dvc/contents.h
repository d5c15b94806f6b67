// What files and folders contain, as DVC names it, and DVC's cache of it (`files/md5/ab/cdef`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace slipway::dvc {

struct Content {
  std::string md5;  // of a folder: of the list of its files, with ".dir" behind it
  std::uint64_t size = 0;
  std::optional<std::uint64_t> files;  // of a folder
  bool executable = false;
  std::string listing;  // of a folder: the list itself

  // As in dvc.lock: {"path", "hash", "md5", "size", ...}.
  JsonObject entry(const std::string& path) const;
};

// Nothing: there is no such file.
Result<std::optional<Content>> content_of(const std::filesystem::path& path);

// A folder. Safe to use from several processes: what is there once is never changed.
class Cache {
 public:
  explicit Cache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Puts what is at `path`, whose content is known, into it.
  Result<void> put(const std::filesystem::path& path, const Content& content) const;
  // Whether all of it is here: a folder's list and its files.
  bool has(const std::string& md5) const;
  // Puts it at `path`, instead of what is there.
  Result<void> take(const std::string& md5, bool executable,
                    const std::filesystem::path& path) const;

 private:
  std::filesystem::path file_of(std::string_view md5) const;
  Result<void> put_file(const std::filesystem::path& from, const std::string& md5) const;

  const std::filesystem::path folder_;
};

}  // namespace slipway::dvc
