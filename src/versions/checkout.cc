#include "versions/checkout.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

#include "versions/add.h"
#include "versions/run_beside.h"

namespace slipway::versions {
namespace {

constexpr std::size_t kNamedMax = 10;
// From here on the kernel copies, or shares blocks, instead of us.
constexpr std::uint64_t kKernelCopyBytesMin = 1 << 20;
// From here on files begin in the packs where blocks can be shared.
constexpr std::uint64_t kShareBytesMin = (4 << 20) + 1;

Error lost_files(std::vector<std::string> paths) {
  const std::size_t count = paths.size();
  paths.resize(std::min(count, kNamedMax));
  return base::error(Code::kFailedPrecondition,
                     "changes would be lost of: {}{}; add and commit them, or say --force",
                     fmt::join(paths, ", "),
                     count > paths.size() ? fmt::format(" and {} more", count - paths.size()) : "");
}

Result<FileMark> look_at(const std::filesystem::path& file) {
  struct stat stat;
  if (::lstat(file.c_str(), &stat) != 0) return store::errno_error(errno, "look at the file", file);
  return mark_of(stat);
}

Result<store::FileHandle> make_file(const std::filesystem::path& file, EntryKind kind) {
  const mode_t mode = kind == EntryKind::kProgram ? 0777 : 0666;
  store::FileHandle fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0) return store::errno_error(errno, "make the file", file);
  return fd;
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return store::errno_error(errno, "write the file", file);
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// Whether files below `scratch` can share blocks.
bool can_share(const std::filesystem::path& scratch) {
  const store::FileHandle from(
      ::open((scratch / "from").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)),
      to(::open((scratch / "to").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string block(4096, 'x');
  return from.get() >= 0 && to.get() >= 0 && write_all(from.get(), block, scratch) &&
         ::ioctl(to.get(), FICLONE, from.get()) == 0;
}

class Checkout {
 public:
  Checkout(Repository& repository, const CheckoutOptions& options)
      : repository_(repository),
        options_(options),
        scratch_(repository.folder() / "checkout"),
        links_(repository.links()) {
    std::error_code ec;
    here_ = std::filesystem::current_path(ec);  // stays, so that the caller has one
  }

  Result<CheckedOut> run(const std::vector<File>& files, std::string_view path) {
    const WorkIndex index = TRY(WorkIndex::load(index_file(repository_)));
    TRY(plan(index, files, path));
    for (const File* file : to_write_) {  // before anything is removed
      if (is_whole(repository_.packs(), file->content)) continue;
      return base::error(Code::kNotFound,
                         "files of this version are missing here, and nothing was changed: {}; "
                         "`slipway data verify --repair` brings them from the server",
                         file->path);
    }
    std::error_code ec;
    std::filesystem::remove_all(scratch_, ec);  // of one that was killed
    TRY(store::make_folders(scratch_));
    for (const CacheType type : TRY(repository_.cache_types())) {
      if (type == CacheType::kCopy) break;
      if (type == CacheType::kHardlink || can_share(scratch_)) ways_.push_back(type);
    }
    for (const IndexedFile* file : to_remove_) TRY(remove(file->file.path));
    for (const File* file : to_write_) TRY(make_room(file->path));
    TRY(write_all());
    std::filesystem::remove_all(scratch_, ec);
    std::sort(kept_.begin(), kept_.end(),
              [](const IndexedFile& a, const IndexedFile& b) { return a.file.path < b.file.path; });
    TRY(WorkIndex(std::move(kept_)).save(index_file(repository_)));
    return done_;
  }

 private:
  std::filesystem::path full(const std::string& path) const { return repository_.top() / path; }

  // Of what lies in the working folder. Nothing: nothing is there; what a link on the way leads to
  // is somewhere else.
  std::optional<struct stat> look_inside(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string folder = path.substr(0, slash);
      auto known = is_folder_.find(folder);
      if (known == is_folder_.end()) {
        const auto stat = look(full(folder));
        known = is_folder_.emplace(folder, stat && S_ISDIR(stat->st_mode)).first;
      }
      if (!known->second) return std::nullopt;
    }
    return look(full(path));
  }
  // Nothing: nothing is there.
  static std::optional<struct stat> look(const std::filesystem::path& path) {
    struct stat stat;
    if (::lstat(path.c_str(), &stat) != 0) return std::nullopt;
    return stat;
  }

  // What is to be done, and whether it may be.
  Result<void> plan(const WorkIndex& index, const std::vector<File>& files, std::string_view path) {
    const auto [from, to] = range_below(index.files(), path);
    std::vector<std::string> lost;
    auto before = index.files().begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = index.files().begin() + static_cast<std::ptrdiff_t>(to);
    kept_.assign(index.files().begin(), before);
    kept_.insert(kept_.end(), end, index.files().end());
    const auto drop = [&](const IndexedFile& file) -> Result<void> {
      if (!look_inside(file.file.path)) return {};
      if (TRY(is_changed(file.file, &file))) lost.push_back(file.file.path);
      to_remove_.push_back(&file);
      return {};
    };
    const std::string prefix = std::string(path) + '/';
    for (const File& file : files) {
      const bool is_below = path.empty() || file.path == path || file.path.starts_with(prefix);
      if (!is_below) continue;
      while (before != end && before->file.path < file.path) TRY(drop(*before++));
      const IndexedFile* const known =
          before != end && before->file.path == file.path ? &*before++ : nullptr;
      const auto stat = look_inside(file.path);
      const bool is_as_known = known != nullptr && stat && is_untouched(*known, mark_of(*stat));
      if (is_as_known && known->file == file &&
          options_.kept == CheckoutOptions::Kept::kAsTheyAre) {
        kept_.push_back(*known);
        continue;
      }
      if (!is_as_known && stat && TRY(is_changed(file, known))) lost.push_back(file.path);
      to_write_.push_back(&file);
    }
    while (before != end) TRY(drop(*before++));
    std::unordered_set<std::string> going;
    for (const IndexedFile* file : to_remove_) going.insert(file->file.path);
    for (const File* file : to_write_) find_obstacles(file->path, going, lost);
    if (!lost.empty() && options_.changed == CheckoutOptions::Changed::kKeep)
      return lost_files(std::move(lost));
    return {};
  }

  // Whether something is there whose content is neither what the index knows nor `wanted`.
  Result<bool> is_changed(const File& wanted, const IndexedFile* known) {
    const auto stat = look_inside(wanted.path);
    if (!stat) return false;
    if (S_ISDIR(stat->st_mode)) return false;  // find_obstacles() looks into it
    if (known != nullptr && is_untouched(*known, mark_of(*stat))) return false;
    if (!kind_of(*stat)) return true;
    const auto has = [&](const File& file) -> Result<bool> {
      if (file.content.bytes != static_cast<std::uint64_t>(stat->st_size)) return false;
      return has_content(repository_, wanted.path, file.content);
    };
    if (known != nullptr && TRY(has(known->file))) return false;
    return !TRY(has(wanted));
  }

  Result<void> remove(const std::string& path) {
    if (::unlink(full(path).c_str()) == 0) {
      ++done_.removed;
    } else if (errno != ENOENT && errno != ENOTDIR && errno != EISDIR) {
      return store::errno_error(errno, "remove the file", full(path));
    }
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
         slash = path.rfind('/', slash - 1)) {
      const std::filesystem::path folder = full(path.substr(0, slash));
      const bool is_callers = here_ == folder || here_.string().starts_with(folder.string() + '/');
      if (is_callers || ::rmdir(folder.c_str()) != 0) break;  // something else is in it
    }
    return {};
  }

  // Folders down to the file. A link on the way could lead outside: it gives way. What plan() has
  // let through may go.
  Result<void> make_room(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string folder = path.substr(0, slash);
      if (!made_.insert(folder).second) continue;
      const std::filesystem::path at = full(folder);
      const auto stat = look(at);
      if (stat && S_ISDIR(stat->st_mode)) continue;
      if (stat && ::unlink(at.c_str()) != 0)
        return store::errno_error(errno, "remove the file", at);
      if (::mkdir(at.c_str(), 0777) != 0 && errno != EEXIST)
        return store::errno_error(errno, "make the folder", at);
    }
    const auto stat = look(full(path));
    if (!stat || !S_ISDIR(stat->st_mode)) return {};
    std::error_code ec;
    std::filesystem::remove_all(full(path), ec);
    if (ec) return store::errno_error(ec.value(), "remove the folder", full(path));
    return {};
  }

  // What would have to give way to a file that is written and nobody has committed.
  void find_obstacles(const std::string& path, const std::unordered_set<std::string>& going,
                      std::vector<std::string>& lost) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string folder = path.substr(0, slash);
      if (!looked_at_.insert(folder).second || going.contains(folder)) continue;
      const auto stat = look(full(folder));
      if (stat && !S_ISDIR(stat->st_mode)) lost.push_back(folder);
    }
    const auto stat = look_inside(path);
    if (!stat || !S_ISDIR(stat->st_mode)) return;
    std::error_code ec;
    for (std::filesystem::recursive_directory_iterator at(full(path), ec), end; !ec && at != end;
         at.increment(ec)) {
      if (at->is_directory(ec) && !at->is_symlink(ec)) continue;
      std::string inside = at->path().lexically_relative(repository_.top()).string();
      if (!going.contains(inside)) lost.push_back(std::move(inside));
    }
    if (ec) lost.push_back(path);
  }

  Result<void> write_all() {
    std::vector<IndexedFile> written(to_write_.size());
    std::atomic<std::size_t> next = 0;
    std::optional<Error> failed;
    base::Mutex mutex;
    const auto work = [&] {
      std::string buffer;
      for (std::size_t at; (at = next++) < to_write_.size();) {
        Result<FileMark> mark = write(*to_write_[at], at, buffer);
        const base::MutexLock lock(mutex);
        if (!mark) {
          failed = std::move(mark).error();
          next = to_write_.size();
          return;
        }
        written[at] = {*to_write_[at], *mark};
        ++done_.written;
        done_.linked += is_link(*mark, *to_write_[at]);
        done_.bytes += to_write_[at]->content.bytes;
        if (options_.progress) options_.progress(done_.written);
      }
    };
    run_beside(std::min(options_.threads, to_write_.size() / 64 + 1), work);
    if (failed) return std::move(*failed);
    for (IndexedFile& file : written) kept_.push_back(std::move(file));
    return {};
  }

  // `number` is no other file's that is written.
  Result<FileMark> write(const File& file, std::size_t number, std::string& buffer) {
    const std::filesystem::path scratch = scratch_ / std::to_string(number);
    const std::filesystem::path target = full(file.path);
    if (file.kind == EntryKind::kLink) {
      const std::string to = TRY(read_content(repository_.packs(), file.content));
      if (::symlink(to.c_str(), scratch.c_str()) != 0)
        return store::errno_error(errno, "make the link", target);
    } else {
      for (const CacheType way : ways_) {
        if (way == CacheType::kReflink && file.content.bytes >= kShareBytesMin) break;
        if (way != CacheType::kHardlink) continue;
        if (const auto mark = TRY(write_link(file, number, scratch, buffer))) return *mark;
      }
      const store::FileHandle fd = TRY(make_file(scratch, file.kind));
      TRY(write_content(file.content, fd.get(), target, buffer));
    }
    if (::rename(scratch.c_str(), target.c_str()) != 0)
      return store::errno_error(errno, "rename the file", target);
    return look_at(target);
  }

  // Nothing: it can't be a link.
  Result<std::optional<FileMark>> write_link(const File& file, std::size_t number,
                                             const std::filesystem::path& scratch,
                                             std::string& buffer) {
    if (file.content.bytes == 0 || !can_link_) return std::optional<FileMark>();
    if (const auto mark = TRY(link_cached(file, scratch))) return mark;
    if (!can_link_) return std::optional<FileMark>();
    const store::FileHandle cached = TRY(links_.begin(file, number));
    TRY(write_content(file.content, cached.get(), links_.path(file), buffer));
    if (!TRY(links_.finish(file, number, cached))) {
      can_link_ = false;
      return std::optional<FileMark>();
    }
    return link_cached(file, scratch);
  }

  // Nothing: the cache doesn't have it, or not as it was, or with no link more.
  Result<std::optional<FileMark>> link_cached(const File& file,
                                              const std::filesystem::path& scratch) {
    const std::filesystem::path target = full(file.path), cached = links_.path(file);
    struct stat stat;
    if (::lstat(cached.c_str(), &stat) != 0) return std::optional<FileMark>();
    const FileMark mark = mark_of(stat);
    if (!is_link(mark, file)) {
      const base::MutexLock lock(renewed_mutex_);
      done_.renewed.push_back(file.path);
      return std::optional<FileMark>();
    }
    if (::link(cached.c_str(), target.c_str()) == 0) return std::optional(mark);
    if (errno == EEXIST && ::link(cached.c_str(), scratch.c_str()) == 0) {
      if (::rename(scratch.c_str(), target.c_str()) != 0)
        return store::errno_error(errno, "rename the file", target);
      ::unlink(scratch.c_str());  // rename() leaves both of two links to one file
      return std::optional(mark);
    }
    // Else this file system has no hard links, or the file is another user's.
    if (errno != EMLINK) can_link_ = false;
    return std::optional<FileMark>();
  }

  Result<void> write_content(const Content& content, int fd, const std::filesystem::path& target,
                             std::string& buffer) {
    const Packs& packs = repository_.packs();
    const std::vector<Chunk> chunks = TRY(chunks_of(packs, content));
    std::vector<Place> runs;        // places that lie one after the other are one
    std::vector<std::size_t> ends;  // behind the last chunk of each
    for (const Chunk& chunk : chunks) {
      const auto place = packs.find(chunk.digest);
      if (!place) return packs.missing(chunk.digest);
      if (!runs.empty() && extend(runs.back(), *place)) {
        ++ends.back();
      } else {
        runs.push_back(*place);
        ends.push_back((ends.empty() ? 0 : ends.back()) + 1);
      }
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].bytes >= kKernelCopyBytesMin && TRY(copied_by_kernel(runs[i], fd))) continue;
      buffer.clear();
      TRY(packs.read(runs[i], buffer));
      std::string_view rest = buffer;
      for (std::size_t at = i == 0 ? 0 : ends[i - 1]; at < ends[i]; ++at) {
        const std::string_view bytes = rest.substr(0, packs.find(chunks[at].digest)->bytes);
        if (base::sha256(bytes) != chunks[at].digest) {
          TRY(packs.read(chunks[at].digest));  // says where
          return base::error(Code::kCorruption, "a pack changes while it is read: file={}",
                             packs.pack_file(runs[i].pack).string());
        }
        rest.remove_prefix(bytes.size());
      }
      TRY(versions::write_all(fd, buffer, target));
    }
    return {};
  }

  // False: this kernel or file system doesn't, and nothing was written.
  Result<bool> copied_by_kernel(const Place& run, int fd) {
    const auto from = TRY(repository_.packs().file(run.pack));
    auto offset = static_cast<off_t>(run.offset);
    for (std::size_t rest = run.bytes; rest > 0;) {
      const ssize_t n = ::copy_file_range(from->get(), &offset, fd, nullptr, rest, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 && rest == run.bytes) return false;
      if (n <= 0) return store::errno_error(n < 0 ? errno : EIO, "copy from the pack", scratch_);
      rest -= static_cast<std::size_t>(n);
    }
    return true;
  }

  Repository& repository_;
  const CheckoutOptions& options_;
  const std::filesystem::path scratch_;
  std::filesystem::path here_;
  std::vector<IndexedFile> kept_;  // the index as it will be
  std::vector<const IndexedFile*> to_remove_;
  std::vector<const File*> to_write_;
  std::unordered_map<std::string, bool> is_folder_;  // while it is planned
  std::unordered_set<std::string> looked_at_, made_;
  const LinkCache links_;
  std::vector<CacheType> ways_;  // those that may work here, but for copying
  std::atomic<bool> can_link_ = true;
  base::Mutex renewed_mutex_;
  CheckedOut done_;
};

// A file of its own with what is at `target`, in its place.
Result<FileMark> make_own(const std::filesystem::path& target, EntryKind kind,
                          const std::filesystem::path& scratch) {
  {
    const store::FileHandle from(::open(target.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (from.get() < 0) return store::errno_error(errno, "open the file", target);
    const store::FileHandle to = TRY(make_file(scratch, kind));
    std::string buffer(kKernelCopyBytesMin, '\0');
    for (bool is_copied = true;;) {
      ssize_t n = is_copied ? ::copy_file_range(from.get(), nullptr, to.get(), nullptr, 1 << 30, 0)
                            : ::read(from.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && is_copied) {  // not between these two
        is_copied = false;
        continue;
      }
      if (n < 0) return store::errno_error(errno, "read the file", target);
      if (n == 0) break;
      if (!is_copied)
        TRY(write_all(to.get(), {buffer.data(), static_cast<std::size_t>(n)}, scratch));
    }
  }
  if (::rename(scratch.c_str(), target.c_str()) != 0)
    return store::errno_error(errno, "rename the file", target);
  return look_at(target);
}

}  // namespace

Result<CheckedOut> check_out(Repository& repository, const std::vector<File>& files,
                             std::string_view path, const CheckoutOptions& options) {
  return Checkout(repository, options).run(files, path);
}

Result<std::uint64_t> unprotect(Repository& repository, std::string_view path) {
  std::vector<IndexedFile> files = TRY(WorkIndex::load(index_file(repository))).files();
  const auto [from, to] = range_below(files, path);
  if (from == to)
    return base::error(Code::kNotFound, "nothing was added there: {}", path.empty() ? "." : path);
  const std::filesystem::path scratch = repository.folder() / "unprotected";
  std::error_code ec;
  std::filesystem::remove(scratch, ec);  // of one that was killed
  std::uint64_t count = 0;
  for (std::size_t i = from; i < to; ++i) {
    const std::filesystem::path full = repository.top() / files[i].file.path;
    struct stat stat;
    if (::lstat(full.c_str(), &stat) != 0) continue;
    const FileMark now = mark_of(stat);
    const bool is_whole = is_link(now, files[i].file);
    if (!is_whole && !is_overwritten(files[i], now)) continue;
    const FileMark own = TRY(make_own(full, files[i].file.kind, scratch));
    files[i].mark = is_whole ? own : FileMark{};
    ++count;
  }
  TRY(WorkIndex(std::move(files)).save(index_file(repository)));
  return count;
}

}  // namespace slipway::versions
