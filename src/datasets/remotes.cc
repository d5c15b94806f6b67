#include "datasets/remotes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "store/file_system.h"

namespace slipway::datasets {
namespace {

constexpr const char* kContentType = "application/octet-stream";

// A file of its own that is gone with the object, unless somebody has moved it away.
class ScratchFile {
 public:
  explicit ScratchFile(std::filesystem::path path)
      : path_(std::move(path)),
        file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)),
        open_error_(file_.get() < 0 ? errno : 0) {}
  ~ScratchFile() { ::unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  Result<void> write(std::string_view bytes) {
    if (file_.get() < 0) return store::errno_error(open_error_, "make the upload's file", path_);
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno != EINTR) return store::errno_error(errno, "write the upload", path_);
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
  const store::FileHandle file_;
  const int open_error_;
};

class CheckedUpload final : public RemoteUpload {
 public:
  CheckedUpload(store::ObjectStore& objects, RemoteFile file, std::optional<std::int64_t> bytes,
                std::filesystem::path scratch)
      : objects_(objects),
        file_(std::move(file)),
        bytes_(bytes),
        scratch_path_(std::move(scratch)) {}

  Result<void> write(std::string_view bytes) override {
    TRY(begin());
    md5_.update(bytes);
    if (file_.may_be_unix_text) unix_text_md5_.update(bytes);
    if (writer_ != nullptr) return writer_->write(bytes);
    if (scratch_) return scratch_->write(bytes);
    return {};  // it is there
  }

  Result<Outcome> finish() override {
    TRY(write({}));  // a file may be empty
    const std::string md5 = md5_.finish_hex();
    const bool is_named_so =
        md5 == file_.md5 || (file_.may_be_unix_text && unix_text_md5_.finish_hex() == file_.md5);
    if (!is_named_so) {
      return base::error(Code::kInvalidArgument,
                         "the content is not what its name says, nothing was kept: path={} md5={}",
                         file_.path, md5);
    }
    if (writer_ != nullptr) TRY(writer_->finish());
    if (scratch_) TRY(objects_.put_file(file_.path, scratch_->path(), kContentType));
    return was_there_ ? Outcome::kWasThere : Outcome::kAdded;
  }

 private:
  // With the first bytes, where it may block.
  Result<void> begin() {
    if (begun_) return {};
    begun_ = true;
    const auto size = objects_.size(file_.path);
    if (!size && size.error().code != Code::kNotFound) return size.error();
    was_there_ = size.has_value();
    if (was_there_) return {};
    writer_ = objects_.write(file_.path, kContentType, bytes_);
    if (writer_ == nullptr) scratch_.emplace(scratch_path_);
    return {};
  }

  store::ObjectStore& objects_;
  const RemoteFile file_;
  const std::optional<std::int64_t> bytes_;
  const std::filesystem::path scratch_path_;
  bool begun_ = false, was_there_ = false;
  std::unique_ptr<store::ObjectWriter> writer_;  // or
  std::optional<ScratchFile> scratch_;           // or neither, when it was there
  base::Md5 md5_;
  UnixTextMd5 unix_text_md5_;
};

}  // namespace

std::unique_ptr<RemoteUpload> Remotes::receive(RemoteFile file, std::optional<std::int64_t> bytes) {
  return std::make_unique<CheckedUpload>(objects_, std::move(file), bytes,
                                         scratch_ / ("remote-" + random_.hex(12)));
}

Result<store::Removed> Remotes::remove(const RemoteFile& file) {
  TRY(objects_.size(file.path));
  return objects_.remove(file.path);
}

}  // namespace slipway::datasets
