#include "store/object_copy.h"

#include <cerrno>
#include <fstream>
#include <vector>

#include "store/file_system.h"

namespace slipway::store {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;

// Keys may be anything; files may not lie elsewhere.
bool is_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

// Takes the bytes of an object off what is left of the limit.
Result<void> take_from(std::int64_t& bytes_left, std::int64_t bytes, const std::string& path) {
  if (bytes > bytes_left) {
    return base::error(Code::kResourceExhausted,
                       "the objects are larger than what may be read at once: path={}", path);
  }
  bytes_left -= bytes;
  return {};
}

Result<void> copy_folder(ObjectStore& from, const std::string& folder,
                         const std::vector<ObjectEntry>& entries, std::int64_t& bytes_left,
                         const std::filesystem::path& to) {
  TRY(make_folders(to));
  for (const ObjectEntry& entry : entries) {
    if (!is_name(entry.name)) {
      return base::error(Code::kInvalidArgument, "an object's key is no path: folder={} part={}",
                         folder, entry.name);
    }
    const std::string path = folder.empty() ? entry.name : folder + "/" + entry.name;
    if (entry.is_folder) {
      TRY(copy_folder(from, path, TRY(from.list(path)), bytes_left, to / entry.name));
    } else {
      TRY(take_from(bytes_left, entry.bytes, path));
      TRY(copy_object(from, path, entry.bytes, to / entry.name));
    }
  }
  return {};
}

}  // namespace

Result<void> copy_object(ObjectStore& from, const std::string& path, std::int64_t bytes,
                         const std::filesystem::path& to) {
  const auto reader = TRY(from.read(path, 0, bytes));
  std::ofstream out(to, std::ios::binary);
  std::vector<char> buffer(kPieceBytes);
  while (const std::size_t n = TRY(reader->read(buffer)))
    out.write(buffer.data(), static_cast<std::streamsize>(n));
  if (const auto now = reader->object_bytes(); now && *now != bytes)
    return base::error(Code::kUnavailable, "the object changed while it was read: path={}", path);
  out.close();
  if (!out) return errno_error(errno, "write", to);
  return {};
}

Result<std::filesystem::path> copy_objects(const std::string& uri, const std::filesystem::path& to,
                                           std::int64_t bytes_max, const OpenObjects& open) {
  std::string address = uri;
  while (address.ends_with('/')) address.pop_back();
  const auto folder = TRY(open(address));
  if (const std::vector<ObjectEntry> entries = TRY(folder->list("")); !entries.empty()) {
    TRY(copy_folder(*folder, "", entries, bytes_max, to));
    return to;
  }
  const std::size_t slash = address.rfind('/');
  const std::string name = address.substr(slash + 1);
  const auto parent = TRY(open(address.substr(0, slash)));
  const Result<std::int64_t> bytes = parent->size(name);
  if (!bytes && bytes.error().code == Code::kNotFound)
    return base::error(Code::kNotFound, "nothing is there: uri={}", uri);
  TRY(take_from(bytes_max, TRY(bytes), name));
  TRY(copy_object(*parent, name, TRY(bytes), to / name));
  return to / name;
}

}  // namespace slipway::store
