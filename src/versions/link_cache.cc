#include "versions/link_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/text.h"
#include "store/file_system.h"

namespace slipway::versions {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::string_view kListSuffix = ".list", kProgramSuffix = ".program";
constexpr CacheType kTypes[] = {CacheType::kReflink, CacheType::kHardlink, CacheType::kCopy};

std::int64_t stamp_ns(const Digest& digest) {
  std::uint32_t front;
  std::memcpy(&front, digest.data(), sizeof front);
  return front % kSecondNs;
}

// What path() has made. Nothing: something else.
std::optional<File> parse_name(std::string_view name) {
  File file;
  if (name.ends_with(kProgramSuffix)) {
    file.kind = EntryKind::kProgram;
    name.remove_suffix(kProgramSuffix.size());
  }
  if (name.ends_with(kListSuffix)) {
    file.content.is_list = true;
    name.remove_suffix(kListSuffix.size());
  }
  const auto digest = parse_digest(name);
  if (!digest) return std::nullopt;
  file.content.digest = *digest;
  return file;
}

}  // namespace

std::string_view cache_type_name(CacheType type) {
  switch (type) {
    case CacheType::kReflink:
      return "reflink";
    case CacheType::kHardlink:
      return "hardlink";
    case CacheType::kCopy:
      return "copy";
  }
  return "";
}

Result<std::vector<CacheType>> parse_cache_types(std::string_view text) {
  std::vector<CacheType> types;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view name = base::trimmed(text.substr(at, end - at));
    const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](CacheType one) { return cache_type_name(one) == name; });
    if (type == std::end(kTypes)) {
      return base::error(Code::kInvalidArgument,
                         "cache.type is a list of reflink, hardlink and copy: {}", text);
    }
    if (std::find(types.begin(), types.end(), *type) == types.end()) types.push_back(*type);
    at = end + 1;
  }
  return types;
}

bool is_link(const FileMark& mark, const File& file) {
  const bool is_program = (mark.mode & S_IXUSR) != 0;
  return S_ISREG(mark.mode) && (mark.mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0 &&
         is_program == (file.kind == EntryKind::kProgram) && file.kind != EntryKind::kLink &&
         mark.bytes == file.content.bytes &&
         mark.modified_ns % kSecondNs == stamp_ns(file.content.digest);
}

bool is_untouched(const IndexedFile& known, const FileMark& now) {
  // Another link of the same file changes when it was changed, and nothing else.
  return known.mark == now || is_link(now, known.file);
}

bool is_overwritten(const IndexedFile& known, const FileMark& now) {
  return known.mark.inode == now.inode && is_link(known.mark, known.file) &&
         !is_link(now, known.file);
}

std::filesystem::path LinkCache::path(const File& file) const {
  const std::string hex = to_hex(file.content.digest);
  return folder_ / hex.substr(0, 2) /
         fmt::format("{}{}{}", hex, file.content.is_list ? kListSuffix : "",
                     file.kind == EntryKind::kProgram ? kProgramSuffix : "");
}

// Beside what it becomes: threads that make files in one folder wait for each other.
std::filesystem::path LinkCache::unfinished(const File& file, std::size_t number) const {
  return path(file).parent_path() / fmt::format("{}.new", number);
}

Result<store::FileHandle> LinkCache::begin(const File& file, std::size_t number) const {
  const std::filesystem::path at = unfinished(file, number);
  const auto open = [&] {
    return ::open(at.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  };
  int fd = open();
  if (fd < 0 && errno == ENOENT) {
    TRY(store::make_folders(at.parent_path()));
    fd = open();
  }
  if (fd < 0 && errno == EEXIST && ::unlink(at.c_str()) == 0) fd = open();  // of a kill
  if (fd < 0) return store::errno_error(errno, "make the file", at);
  return store::FileHandle(fd);
}

Result<bool> LinkCache::finish(const File& file, std::size_t number,
                               const store::FileHandle& written) const {
  const std::filesystem::path at = unfinished(file, number), to = path(file);
  const mode_t mode = file.kind == EntryKind::kProgram ? 0555 : 0444;
  const timespec times[2] = {{0, UTIME_OMIT}, {std::time(nullptr), stamp_ns(file.content.digest)}};
  struct stat stat;
  if (::fchmod(written.get(), mode) != 0 || ::futimens(written.get(), times) != 0 ||
      ::fstat(written.get(), &stat) != 0)
    return store::errno_error(errno, "protect the file", at);
  if (!is_link(mark_of(stat), file)) {
    ::unlink(at.c_str());
    return false;
  }
  if (::rename(at.c_str(), to.c_str()) != 0)
    return store::errno_error(errno, "rename the file", to);
  return true;
}

Result<std::vector<LinkCache::Cached>> LinkCache::list() const {
  std::vector<Cached> found;
  std::error_code ec;
  for (std::filesystem::recursive_directory_iterator at(folder_, ec), end; !ec && at != end;
       at.increment(ec)) {
    struct stat stat;
    if (::lstat(at->path().c_str(), &stat) != 0 || !S_ISREG(stat.st_mode)) continue;
    const auto named = parse_name(at->path().filename().string());
    File file = named.value_or(File());
    file.content.bytes = static_cast<std::uint64_t>(stat.st_size);
    found.push_back(
        {at->path(), std::move(file), mark_of(stat), stat.st_nlink > 1, named.has_value()});
  }
  if (ec && ec != std::errc::no_such_file_or_directory)
    return store::errno_error(ec.value(), "list the folder", folder_);
  return found;
}

}  // namespace slipway::versions
