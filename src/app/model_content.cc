#include "app/model_content.h"

#include "base/hash.h"
#include "base/mutex.h"
#include "store/file_digest.h"
#include "store/file_system.h"
#include "store/object_copy.h"
#include "store/object_tags.h"

namespace slipway::app {
namespace {

constexpr std::size_t kDigits = 16;

Result<void> copy_tree(store::ObjectStore& from, const std::string& path,
                       const std::filesystem::path& to) {
  TRY(store::make_folders(to));
  for (const store::ObjectEntry& entry : TRY(from.list(path))) {
    const std::string name = path.empty() ? entry.name : path + "/" + entry.name;
    if (entry.is_folder) {
      TRY(copy_tree(from, name, to / entry.name));
    } else {
      TRY(store::copy_object(from, name, entry.bytes, to / entry.name));
    }
  }
  return {};
}

Result<void> require(const Result<std::string>& found, const std::string& content,
                     const std::string& where) {
  if (!found) return found.error();
  if (*found == content) return {};
  return base::error(Code::kFailedPrecondition,
                     "the model's files are not those that were deployed; deploy it again: "
                     "place={} sha256={} deployed={}",
                     where, *found, content);
}

}  // namespace

Result<std::string> content_of(const std::filesystem::path& files) {
  return TRY(store::tree_digest(files)).substr(0, kDigits);
}

Result<std::string> content_of(const tracking::ArtifactPlace& place) {
  if (const auto here = TRY(place.store->local_path(place.path))) return content_of(*here);
  auto* const tagged = dynamic_cast<store::ObjectTags*>(place.store);
  if (tagged == nullptr) return base::error(Code::kInternal, "a storage without tags");
  const std::string tags = TRY(tagged->tags(place.path));
  if (tags.empty()) return base::error(Code::kNotFound, "No such artifact: '{}'", place.path);
  return base::sha256_hex(tags).substr(0, kDigits);
}

Result<void> require_content(const std::filesystem::path& files, const std::string& content) {
  return require(content_of(files), content, files.string());
}

Result<std::filesystem::path> files_of(const tracking::ArtifactPlace& place,
                                       const std::string& content,
                                       const std::filesystem::path& copies) {
  if (auto here = TRY(place.store->local_path(place.path))) {
    TRY(require_content(*here, content));
    return std::move(*here);
  }
  const std::filesystem::path copy = copies / ("content-" + content);
  static base::Mutex copying;
  base::MutexLock lock(copying);
  std::error_code ec;
  if (std::filesystem::exists(copy, ec)) return copy;
  TRY(require(content_of(place), content, place.path));
  const std::filesystem::path unfinished = copy.string() + ".unfinished";
  std::filesystem::remove_all(unfinished, ec);
  TRY(copy_tree(*place.store, place.path, unfinished));
  TRY(require(content_of(place), content, place.path));  // and it was while it was copied
  std::filesystem::rename(unfinished, copy, ec);
  if (ec) return store::errno_error(ec.value(), "keep the copy of the model", copy);
  return copy;
}

}  // namespace slipway::app
