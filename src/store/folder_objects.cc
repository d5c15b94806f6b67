#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "store/file_system.h"
#include "store/object_store.h"

namespace slipway::store {
namespace {

// A file that is being copied in, until it is whole; never listed.
constexpr std::string_view kUnfinished = ".slipway-unfinished-";
constexpr std::size_t kCopyBytes = 16 << 20;  // at a time

class FileReader final : public ObjectReader {
 public:
  FileReader(FileHandle file, std::filesystem::path path, std::int64_t left)
      : file_(std::move(file)), path_(std::move(path)), left_(left) {}

  Result<std::size_t> read(std::span<char> out) override {
    const auto want = std::min<std::uint64_t>(out.size(), static_cast<std::uint64_t>(left_));
    while (want > 0) {
      const ssize_t n = ::read(file_.get(), out.data(), want);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error(errno, "read the file", path_);
      if (n == 0)
        return base::error(Code::kUnavailable, "the file was cut short while it was read: path={}",
                           path_.string());
      left_ -= n;
      return static_cast<std::size_t>(n);
    }
    return 0;
  }

 private:
  FileHandle file_;
  const std::filesystem::path path_;
  std::int64_t left_;
};

class FolderObjects final : public ObjectStore {
 public:
  explicit FolderObjects(std::filesystem::path root) : root_(std::move(root)) {}

  Result<std::vector<ObjectEntry>> list(const std::string& folder) override {
    const std::filesystem::path path = TRY(inside(folder));
    std::vector<ObjectEntry> entries;
    std::error_code ec;
    if (!std::filesystem::is_directory(path, ec)) return entries;
    for (std::filesystem::directory_iterator it(path, ec), end; !ec && it != end;
         it.increment(ec)) {
      std::string name = it->path().filename().string();
      if (name.starts_with(kUnfinished)) continue;
      std::error_code gone;  // between being listed and being looked at
      const bool is_folder = it->is_directory(gone);
      const std::uintmax_t bytes = is_folder ? 0 : it->file_size(gone);
      if (gone) continue;
      entries.push_back({std::move(name), is_folder, static_cast<std::int64_t>(bytes)});
    }
    if (ec) return errno_error(ec.value(), "list the folder", path);
    std::sort(entries.begin(), entries.end(),
              [](const ObjectEntry& a, const ObjectEntry& b) { return a.name < b.name; });
    return entries;
  }

  Result<std::int64_t> size(const std::string& path) override {
    struct stat status {};
    if (::stat(TRY(inside(path)).c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      return no_file(path);
    return status.st_size;
  }

  Result<std::unique_ptr<ObjectReader>> read(const std::string& path, std::int64_t offset,
                                             std::int64_t bytes) override {
    std::filesystem::path file = TRY(inside(path));
    FileHandle handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (handle.get() < 0) return no_file(path);
    if (::lseek(handle.get(), offset, SEEK_SET) < 0)
      return errno_error(errno, "seek in the file", file);
    return std::unique_ptr<ObjectReader>(
        std::make_unique<FileReader>(std::move(handle), std::move(file), bytes));
  }

  Result<void> put_file(const std::string& path, const std::filesystem::path& file,
                        const std::string&) override {
    const std::filesystem::path target = TRY(inside(path));
    std::error_code ec;
    if (path.empty() || std::filesystem::is_directory(target, ec))
      return base::error(Code::kInvalidArgument, "Invalid path: a folder has that name: {}", path);
    TRY(make_durable_folders(target.parent_path()));
    TRY(sync_file(file));
    if (::rename(file.c_str(), target.c_str()) != 0) {
      if (errno != EXDEV) return errno_error(errno, "move the upload into place", target);
      TRY(copy_in(file, target));
    }
    return sync_folder(target.parent_path());
  }

  Result<Removed> remove(const std::string& path) override {
    const std::filesystem::path target = TRY(inside(path));
    Removed removed;
    std::error_code ec;
    const auto status = std::filesystem::symlink_status(target, ec);
    if (status.type() == std::filesystem::file_type::not_found) return removed;
    if (std::filesystem::is_directory(status)) {
      for (std::filesystem::recursive_directory_iterator it(target, ec), end; !ec && it != end;
           it.increment(ec)) {
        std::error_code gone;
        if (it->is_directory(gone) && !it->is_symlink(gone)) continue;
        count(it->path(), removed);
      }
    } else {
      count(target, removed);
    }
    ec.clear();
    std::filesystem::remove_all(target, ec);
    if (ec) return errno_error(ec.value(), "remove the files", target);
    return removed;
  }

  Result<std::optional<std::filesystem::path>> local_path(const std::string& path) override {
    return std::optional(TRY(inside(path)));
  }

 private:
  static Error no_file(const std::string& path) {
    return base::error(Code::kNotFound, "No such artifact: '{}'", path);
  }

  static void count(const std::filesystem::path& file, Removed& removed) {
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) return;
    ++removed.files;
    if (S_ISREG(status.st_mode)) removed.bytes += status.st_size;
  }

  // Makes what is missing of them, so that their names survive a crash.
  static Result<void> make_durable_folders(const std::filesystem::path& folder) {
    std::error_code ec;
    std::filesystem::path known = folder;
    while (!std::filesystem::exists(known, ec) && known.has_relative_path())
      known = known.parent_path();
    if (known == folder) return {};
    TRY(make_folders(folder));
    for (std::filesystem::path made = folder; made != known;) {
      made = made.parent_path();
      TRY(sync_folder(made));
    }
    return {};
  }

  // From another file system: beside the target under a name of its own, then renamed.
  static Result<void> copy_in(const std::filesystem::path& file,
                              const std::filesystem::path& target) {
    static std::atomic<unsigned> counter{0};
    const std::filesystem::path unfinished =
        target.parent_path() / fmt::format("{}{}-{}", kUnfinished, ::getpid(), ++counter);
    Result<void> done = copy(file, unfinished);
    if (done) done = sync_file(unfinished);
    if (done && ::rename(unfinished.c_str(), target.c_str()) != 0)
      done = errno_error(errno, "move the upload into place", target);
    std::error_code ec;
    if (!done) std::filesystem::remove(unfinished, ec);
    return done;
  }

  // std::filesystem::copy_file() calls a full disk an input/output error.
  static Result<void> copy(const std::filesystem::path& from, const std::filesystem::path& to) {
    const FileHandle source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (source.get() < 0) return errno_error(errno, "open the upload", from);
    const FileHandle target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (target.get() < 0) return errno_error(errno, "make the file", to);
    while (true) {
      const ssize_t n = ::sendfile(target.get(), source.get(), nullptr, kCopyBytes);
      if (n == 0) return {};
      if (n < 0 && errno != EINTR) return errno_error(errno, "copy the upload", to);
    }
  }

  Result<std::filesystem::path> inside(const std::string& path) const {
    const std::filesystem::path full = path.empty() ? root_ : root_ / path;
    std::error_code ec;
    const auto real = std::filesystem::weakly_canonical(full, ec).string();
    if (ec == std::errc::permission_denied) return errno_error(ec.value(), "look into", full);
    // Too long a name and links in a circle, too.
    if (ec) return base::error(Code::kInvalidArgument, "Invalid path");
    const auto root = std::filesystem::weakly_canonical(root_, ec).string();
    if (ec || (real != root && root != "/" && !real.starts_with(root + "/")))
      return base::error(Code::kInvalidArgument, "Invalid path");
    return full;
  }

  const std::filesystem::path root_;
};

}  // namespace

std::unique_ptr<ObjectStore> open_folder_objects(std::filesystem::path root) {
  return std::make_unique<FolderObjects>(std::move(root));
}

}  // namespace slipway::store
