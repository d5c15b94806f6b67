#include "app/invocation_files.h"

#include <algorithm>
#include <climits>

#include "app/storage.h"
#include "store/file_system.h"
#include "tracking/artifacts.h"

namespace slipway::app {
namespace {

// Buckets that stay open; who names many makes the server open them again.
constexpr std::size_t kStoragesMax = 64;

// As object stores take paths.
bool is_plain(std::string_view path) {
  while (true) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
  }
}

}  // namespace

InvocationFiles::InvocationFiles(const base::Clock& clock, base::Random& random, Options options)
    : clock_(clock), random_(random), options_(std::move(options)) {}

Result<InvocationFiles::Place> InvocationFiles::place_of(const std::string& location) const {
  constexpr std::string_view kScheme = "s3://";
  if (location.starts_with(kScheme)) {
    const std::size_t slash = location.find('/', kScheme.size());
    if (slash == std::string::npos || !is_plain(std::string_view(location).substr(slash + 1))) {
      return base::error(Code::kInvalidArgument,
                         "expected s3://BUCKET/KEY, without empty parts, '.' and '..': got={}",
                         location);
    }
    return Place{.storage = location.substr(0, slash), .path = location.substr(slash + 1)};
  }
  const auto path = tracking::local_location(location);
  if (!path || !path->is_absolute()) {
    return base::error(Code::kInvalidArgument,
                       "a location is s3://BUCKET/KEY, or a path below the setting async-root: "
                       "got={}",
                       location);
  }
  const std::filesystem::path below = path->lexically_relative(options_.root.lexically_normal());
  const bool is_too_long = std::any_of(
      path->begin(), path->end(), [](const auto& part) { return part.native().size() > NAME_MAX; });
  if (options_.root.empty() || is_too_long ||
      !is_plain(std::string_view(path->native()).substr(1)) || !is_plain(below.generic_string())) {
    return base::error(Code::kInvalidArgument,
                       "expected a path below the setting async-root, without empty parts, '.' and "
                       "'..', and no part over {} bytes: got={}",
                       NAME_MAX, location);
  }
  return Place{.storage = options_.root.string(), .path = below.generic_string()};
}

Result<std::shared_ptr<store::ObjectStore>> InvocationFiles::open(const std::string& storage) {
  base::MutexLock lock(mutex_);
  if (const auto known = storages_.find(storage); known != storages_.end()) return known->second;
  std::shared_ptr<store::ObjectStore> opened = TRY(open_storage(storage, clock_));
  if (storages_.size() >= kStoragesMax) storages_.clear();
  storages_.emplace(storage, opened);
  return opened;
}

Result<void> InvocationFiles::check(const std::string& location) {
  const Place place = TRY(place_of(location));
  TRY(open(place.storage));
  return {};
}

Result<std::string> InvocationFiles::read(const std::string& location) {
  const Place place = TRY(place_of(location));
  const std::shared_ptr<store::ObjectStore> storage = TRY(open(place.storage));
  const Result<std::int64_t> size = storage->size(place.path);
  if (!size && size.error().code == Code::kNotFound)
    return base::error(Code::kNotFound, "no such object, or no such bucket: location={}", location);
  const std::int64_t bytes = TRY(size);
  if (static_cast<std::uint64_t>(bytes) > options_.input_bytes_max) {
    return base::error(Code::kInvalidArgument,
                       "larger than this server takes: bytes={} body-bytes-max={}", bytes,
                       options_.input_bytes_max);
  }
  std::string text(static_cast<std::size_t>(bytes), '\0');
  const auto reader = TRY(storage->read(place.path, 0, bytes));
  for (std::size_t done = 0; done < text.size();) {
    const std::size_t n = TRY(reader->read({text.data() + done, text.size() - done}));
    if (n == 0)
      return base::error(Code::kUnavailable, "the file became shorter: location={}", location);
    done += n;
  }
  return text;
}

Result<void> InvocationFiles::write(const std::string& location, std::string_view bytes,
                                    const std::string& content_type) {
  const Place place = TRY(place_of(location));
  const std::shared_ptr<store::ObjectStore> storage = TRY(open(place.storage));
  const std::filesystem::path file = options_.scratch / ("invocation-" + random_.hex(12));
  TRY(store::write_file(file, bytes));
  Result<void> put = storage->put_file(place.path, file, content_type);
  std::error_code moved;
  std::filesystem::remove(file, moved);
  return put;
}

}  // namespace slipway::app
