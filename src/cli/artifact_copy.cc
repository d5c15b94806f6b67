#include "cli/artifact_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/stored_artifacts.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

// A file's bytes without copying them into memory.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return store::errno_error(errno, "read the artifact", file);
    struct stat about {};
    void* data = nullptr;
    int failed = ::fstat(fd, &about) == 0 ? 0 : errno;
    if (failed == 0 && about.st_size > 0) {
      data =
          ::mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
      if (data == MAP_FAILED) failed = errno;
    }
    ::close(fd);
    if (failed != 0) return store::errno_error(failed, "read the artifact", file);
    return MappedFile(data, static_cast<std::size_t>(about.st_size));
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }

  std::string_view view() const { return {static_cast<const char*>(data_), bytes_}; }

 private:
  MappedFile(void* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  void* data_;
  std::size_t bytes_;
};

}  // namespace

Result<CopiedArtifacts> ArtifactCopy::copy(api::mlflow_source::ArtifactFolder& from,
                                           const std::string& root) {
  CopiedArtifacts copied;
  for (const api::mlflow_source::ArtifactFile& file : TRY(from.files())) {
    const std::filesystem::path local = TRY(from.fetch(file, scratch_ / "artifact"));
    const MappedFile bytes = TRY(MappedFile::open(local));
    const std::string digest = base::sha256_hex(bytes.view());
    const std::string path = root + "/" + file.path;
    ++copied.files;
    copied.bytes += static_cast<std::int64_t>(bytes.view().size());
    const Result<std::string> before = stored_digest(client_, path);
    if (before && *before == digest) continue;
    if (!before && before.error().code != Code::kNotFound) return before.error();
    TRY(client_.put(artifact_route(path), bytes.view()));
    ++copied.copied;
    if (TRY(stored_digest(client_, path)) != digest) copied.different.push_back(path);
  }
  return copied;
}

}  // namespace slipway::cli
