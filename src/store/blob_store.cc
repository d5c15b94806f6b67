#include "store/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/hash.h"
#include "store/file_system.h"

namespace slipway::store {
namespace {

class FolderBlobs final : public BlobStore {
 public:
  FolderBlobs(std::filesystem::path root, base::Random& random)
      : root_(std::move(root)), random_(random) {}

  Result<BlobInfo> put(std::string_view bytes) override {
    BlobInfo info{base::sha256_hex(bytes), static_cast<std::int64_t>(bytes.size())};
    if (TRY(contains(info.digest))) return info;
    TRY(make_folders(path_of(info.digest).parent_path()));
    TRY(write_file(path_of(info.digest), bytes));
    return info;
  }

  Result<BlobInfo> put_file(const std::filesystem::path& file, Source source) override {
    const BlobInfo info = TRY(digest_of(file));
    const std::filesystem::path target = path_of(info.digest);
    std::error_code ec;
    if (TRY(contains(info.digest))) {
      if (source == Source::kConsume) std::filesystem::remove(file, ec);
      return info;
    }
    TRY(make_folders(target.parent_path()));
    const std::filesystem::path temporary = target.parent_path() / ("tmp-" + random_.hex(8));
    if (source == Source::kConsume) std::filesystem::rename(file, temporary, ec);
    if (source == Source::kKeep || ec) {
      ec.clear();
      std::filesystem::copy_file(file, temporary, ec);
      if (ec) return errno_error(ec.value(), "copy the file into the blob store", file);
      if (source == Source::kConsume) std::filesystem::remove(file, ec);
    }
    // What was copied must be what was hashed: the source may have changed in between.
    if (TRY(digest_of(temporary)).digest != info.digest) {
      std::filesystem::remove(temporary, ec);
      return base::error(Code::kConflict, "the file changed while it was stored: file={}",
                         file.string());
    }
    TRY(sync_file(temporary));
    if (::rename(temporary.c_str(), target.c_str()) != 0)
      return errno_error(errno, "rename the blob", target);
    TRY(sync_folder(target.parent_path()));
    return info;
  }

  Result<std::string> get(const std::string& digest) override {
    TRY(check_name(digest));
    std::string bytes = TRY(read_file(path_of(digest)));
    if (base::sha256_hex(bytes) != digest) {
      return base::error(Code::kCorruption, "the blob's bytes have changed on disk: digest={}",
                         digest);
    }
    return bytes;
  }

  Result<bool> contains(const std::string& digest) override {
    TRY(check_name(digest));
    return ::access(path_of(digest).c_str(), F_OK) == 0;
  }

  Result<std::filesystem::path> local_file(const std::string& digest) override {
    if (!TRY(contains(digest)))
      return base::error(Code::kNotFound, "no such blob: digest={}", digest);
    return path_of(digest);
  }

  Result<std::vector<BlobInfo>> list() override {
    std::vector<BlobInfo> blobs;
    std::error_code ec;
    for (std::filesystem::recursive_directory_iterator it(root_, ec), end; !ec && it != end;
         it.increment(ec)) {
      std::string name = it->path().filename().string();
      std::error_code gone;  // between being listed and being looked at
      if (!check_name(name) || !it->is_regular_file(gone)) continue;
      const std::uintmax_t bytes = it->file_size(gone);
      if (!gone) blobs.push_back({std::move(name), static_cast<std::int64_t>(bytes)});
    }
    if (ec) return errno_error(ec.value(), "list the blobs", root_);
    return blobs;
  }

  Result<std::int64_t> remove(const std::string& digest) override {
    TRY(check_name(digest));
    std::error_code ec;
    const auto bytes = std::filesystem::file_size(path_of(digest), ec);
    if (ec) return base::error(Code::kNotFound, "no such blob: digest={}", digest);
    if (::unlink(path_of(digest).c_str()) != 0)
      return errno_error(errno, "remove the blob", path_of(digest));
    return static_cast<std::int64_t>(bytes);
  }

 private:
  static Result<void> check_name(const std::string& digest) {
    if (digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos)
      return {};
    return base::error(Code::kInvalidArgument, "not a SHA-256 digest in hex: digest={}",
                       digest.substr(0, 80));
  }

  static Result<BlobInfo> digest_of(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno_error(errno, "open the file", file);
    base::Sha256 hash;
    BlobInfo info;
    std::vector<char> buffer(1 << 20);
    ssize_t n;
    while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) {
      hash.update({buffer.data(), static_cast<std::size_t>(n)});
      info.bytes += n;
    }
    const int number = errno;
    ::close(fd);
    if (n < 0) return errno_error(number, "read the file", file);
    info.digest = hash.finish_hex();
    return info;
  }

  std::filesystem::path path_of(const std::string& digest) const {
    return root_ / digest.substr(0, 2) / digest;
  }

  const std::filesystem::path root_;
  base::Random& random_;
};

}  // namespace

Result<std::unique_ptr<BlobStore>> open_folder_blobs(const std::filesystem::path& root,
                                                     base::Random& random) {
  TRY(make_folders(root));
  return std::unique_ptr<BlobStore>(std::make_unique<FolderBlobs>(root, random));
}

}  // namespace slipway::store
