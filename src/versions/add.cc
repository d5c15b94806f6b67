#include "versions/add.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <future>
#include <utility>

#include "versions/chunker.h"
#include "versions/ignore.h"
#include "versions/run_beside.h"

namespace slipway::versions {
namespace {

// Files that are read as a whole, several at the same time; longer ones come one after the other,
// so that each lies in one piece.
constexpr std::uint64_t kWholeBytesMax = 4 << 20;
constexpr std::size_t kFilesPerTurn = 64;  // of a thread
constexpr std::size_t kBlockBytes = 2 << 20;
constexpr std::size_t kBlocksAhead = 4;
constexpr int kDepthMax = 400;
constexpr std::size_t kPathBytesMax = 4096;
constexpr std::size_t kNamedMax = 10;

struct FoundFile {
  std::string path;
  EntryKind kind;
  FileMark mark;
};

std::int64_t now_ns() {
  timespec time;
  ::clock_gettime(CLOCK_REALTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class Scan {
 public:
  explicit Scan(const std::filesystem::path& top) : top_(top), ignores_(top) {}

  // Whether something is there.
  Result<bool> add(const std::string& path) {
    struct stat stat;
    const std::filesystem::path full = path.empty() ? top_ : top_ / path;
    if (::lstat(full.c_str(), &stat) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return false;
      return store::errno_error(errno, "look at the file", full);
    }
    if (!path.empty()) {
      if (const auto ignored = TRY(Ignores::find_for(top_, path, S_ISDIR(stat.st_mode)))) {
        return base::error(Code::kFailedPrecondition, "{} is ignored by {}:{}: {}", path,
                           ignored->file, ignored->rule.line, ignored->rule.text);
      }
    }
    std::vector<std::string> entered;  // the folders above
    if (!path.empty()) entered.emplace_back();
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1))
      entered.push_back(path.substr(0, slash + 1));
    for (const std::string& folder : entered) TRY(ignores_.enter(folder));
    if (S_ISDIR(stat.st_mode)) {
      TRY(add_folder(AT_FDCWD, full.c_str(), path.empty() ? "" : path + '/', 0));
    } else {
      TRY(add_file(path, stat));
    }
    while (!entered.empty()) {
      ignores_.leave(entered.back());
      entered.pop_back();
    }
    return true;
  }

  std::vector<FoundFile> files;
  std::vector<std::string> passed_over;

 private:
  Result<void> add_file(std::string path, const struct stat& stat) {
    if (path.size() > kPathBytesMax)
      return base::error(Code::kInvalidArgument, "a path is too long: {}", path.substr(0, 200));
    if (const auto kind = kind_of(stat)) {
      files.push_back({std::move(path), *kind, mark_of(stat)});
    } else {
      passed_over.push_back(std::move(path));
    }
    return {};
  }

  Result<void> add_folder(int parent, const char* name, const std::string& prefix, int depth) {
    if (depth > kDepthMax)
      return base::error(Code::kInvalidArgument, "folders lie too deep: {}", prefix.substr(0, 200));
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(fd < 0 ? nullptr : ::fdopendir(fd),
                                                     ::closedir);
    if (folder == nullptr) return store::errno_error(errno, "open the folder", top_ / prefix);
    std::vector<std::pair<std::string, struct stat>> entries;
    while (const dirent* entry = ::readdir(folder.get())) {
      const std::string_view of = entry->d_name;
      if (!is_entry_name(of) || of == ".git") continue;
      struct stat stat;
      if (::fstatat(fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // it is just gone
        return store::errno_error(errno, "look at the file", top_ / (prefix + entry->d_name));
      }
      entries.emplace_back(of, stat);
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    TRY(ignores_.enter(prefix));
    for (const auto& [of, stat] : entries) {
      if (ignores_.find(prefix + of, S_ISDIR(stat.st_mode)) != nullptr) continue;
      if (S_ISDIR(stat.st_mode)) {
        TRY(add_folder(fd, of.c_str(), prefix + of + '/', depth + 1));
      } else {
        TRY(add_file(prefix + of, stat));
      }
    }
    ignores_.leave(prefix);
    return {};
  }

  const std::filesystem::path& top_;
  Ignores ignores_;
};

// Up to `out.size()` bytes from `offset` on; fewer at the end.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<char> out,
                            std::string_view file) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return store::errno_error(errno, "read the file", file);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

// Reads the contents of files into packs.
class ContentReader {
 public:
  ContentReader(const std::filesystem::path& top, PackWriter& writer, const AddOptions& options)
      : top_(top),
        folder_(::open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        writer_(writer),
        options_(options) {}

  // Of `files`, which need not be in order; each with its content.
  Result<std::vector<IndexedFile>> read(const std::vector<const FoundFile*>& files) {
    std::vector<IndexedFile> out(files.size());
    std::vector<std::size_t> small, large;
    for (std::size_t i = 0; i < files.size(); ++i)
      (files[i]->mark.bytes <= kWholeBytesMax ? small : large).push_back(i);
    TRY(read_small(files, small, out));
    for (const std::size_t i : large) {
      const std::int64_t read_ns = now_ns();
      const Content content = TRY(read_large(*files[i]));
      out[i] = {{files[i]->path, files[i]->kind, content},
                WorkIndex::settled(files[i]->mark, read_ns)};
    }
    return out;
  }

 private:
  // What a thread reads before it has its turn at the writer.
  struct Turn {
    std::string bytes;  // of all its files of one chunk
    std::size_t used = 0;
    std::vector<PackWriter::Object> objects;  // in `bytes`
    std::string longer;                       // a file of several chunks
  };

  Result<void> read_small(const std::vector<const FoundFile*>& files,
                          const std::vector<std::size_t>& small, std::vector<IndexedFile>& out) {
    std::atomic<std::size_t> next = 0;
    std::optional<Error> failed;
    base::Mutex failed_mutex;
    const auto work = [&] {
      Turn turn;
      for (std::size_t at; (at = next.fetch_add(kFilesPerTurn)) < small.size();) {
        const auto some = std::span(small).subspan(at, std::min(kFilesPerTurn, small.size() - at));
        if (Result<void> done = read_turn(files, some, turn, out); !done) {
          const base::MutexLock lock(failed_mutex);
          failed = std::move(done).error();
          next = small.size();
          return;
        }
      }
    };
    run_beside(std::min(options_.threads, small.size() / kFilesPerTurn + 1), work);
    if (failed) return std::move(*failed);
    return {};
  }

  Result<void> read_turn(const std::vector<const FoundFile*>& files,
                         std::span<const std::size_t> some, Turn& turn,
                         std::vector<IndexedFile>& out) {
    std::uint64_t room = 0, bytes = 0;
    for (const std::size_t at : some) {
      if (is_chunk(*files[at])) room += files[at]->mark.bytes;
    }
    turn.bytes.resize(room);
    turn.used = 0;
    turn.objects.clear();
    for (const std::size_t at : some) {
      const FoundFile& file = *files[at];
      const std::int64_t read_ns = now_ns();
      const Content content =
          TRY(file.kind == EntryKind::kLink ? read_link(file) : read_whole(file, turn));
      out[at] = {{file.path, file.kind, content}, WorkIndex::settled(file.mark, read_ns)};
      bytes += content.bytes;
    }
    TRY(writer_.add(turn.objects));
    tell(some.size(), bytes);
    return {};
  }

  // Whether its content is one however it is cut.
  static bool is_chunk(const FoundFile& file) { return file.mark.bytes <= kChunkBytesMin; }

  Result<Content> read_link(const FoundFile& file) {
    std::string target(kPathBytesMax, '\0');
    const ssize_t n = ::readlinkat(folder_.get(), file.path.c_str(), target.data(), target.size());
    if (n < 0) return store::errno_error(errno, "read the link", top_ / file.path);
    target.resize(static_cast<std::size_t>(n));
    return writer_.add_content(target);
  }

  Result<store::FileHandle> open(const FoundFile& file) const {
    store::FileHandle fd(
        ::openat(folder_.get(), file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.get() < 0) return store::errno_error(errno, "open the file", top_ / file.path);
    return fd;
  }

  static Error changed_meanwhile(const FoundFile& file) {
    return base::error(Code::kConflict, "a file changed while it was read: {}; add it again",
                       file.path);
  }

  static Result<void> require_unchanged(int fd, const FoundFile& file) {
    struct stat stat;
    if (::fstat(fd, &stat) == 0 && mark_of(stat) == file.mark) return {};
    return changed_meanwhile(file);
  }

  Result<Content> read_whole(const FoundFile& file, Turn& turn) {
    const store::FileHandle fd = TRY(open(file));
    if (!is_chunk(file)) turn.longer.resize(file.mark.bytes);
    const std::span<char> room = is_chunk(file)
                                     ? std::span(turn.bytes).subspan(turn.used, file.mark.bytes)
                                     : std::span(turn.longer);
    if (TRY(read_at(fd.get(), 0, room, file.path)) != room.size()) return changed_meanwhile(file);
    TRY(require_unchanged(fd.get(), file));
    const std::string_view bytes(room.data(), room.size());
    if (!is_chunk(file)) return writer_.add_content(bytes);
    turn.used += bytes.size();
    turn.objects.push_back({base::sha256(bytes), bytes});
    return Content{.digest = turn.objects.back().digest, .is_list = false, .bytes = bytes.size()};
  }

  // Of a file, with room in front for what the block before has left uncut.
  struct Block {
    const std::unique_ptr<char[]> bytes =
        std::make_unique_for_overwrite<char[]>(kChunkBytesMax + kBlockBytes);
    const char* front = nullptr;
    std::vector<Chunk> chunks;  // from the front on
  };
  using Uncut = std::string;

  // Several threads read, cut, one block after the other, and take digests; this one gathers.
  Result<Content> read_large(const FoundFile& file) {
    const store::FileHandle fd = TRY(open(file));
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    TRY(writer_.align());
    std::deque<std::future<Result<std::unique_ptr<Block>>>> ahead;
    std::vector<std::unique_ptr<Block>> spare;
    std::vector<Chunk> chunks;
    const auto add_first = [&]() -> Result<void> {
      std::unique_ptr<Block> block = TRY(ahead.front().get());
      ahead.pop_front();
      const char* bytes = block->front;
      for (const Chunk& chunk : block->chunks) {
        TRY(writer_.add(chunk.digest, {bytes, chunk.bytes}));
        bytes += chunk.bytes;
      }
      chunks.insert(chunks.end(), block->chunks.begin(), block->chunks.end());
      spare.push_back(std::move(block));
      return {};
    };
    std::promise<Uncut> nothing;
    nothing.set_value({});
    std::future<Uncut> uncut = nothing.get_future();
    for (std::uint64_t offset = 0; offset < file.mark.bytes; offset += kBlockBytes) {
      if (ahead.size() == kBlocksAhead) TRY(add_first());
      if (spare.empty()) spare.push_back(std::make_unique<Block>());
      std::promise<Uncut> left;
      std::future<Uncut> before = std::exchange(uncut, left.get_future());
      // Where no thread can be had, this one reads when it is the block's turn.
      ahead.push_back(std::async(
          std::launch::async | std::launch::deferred, &ContentReader::read_block, this, fd.get(),
          std::cref(file), offset, std::move(spare.back()), std::move(before), std::move(left)));
      spare.pop_back();
    }
    while (!ahead.empty()) TRY(add_first());
    TRY(require_unchanged(fd.get(), file));
    tell(1, 0);
    const std::string list = write_chunks(chunks);
    const Content content{base::sha256(list), true, file.mark.bytes};
    TRY(writer_.add(content.digest, list));
    return content;
  }

  Result<std::unique_ptr<Block>> read_block(int fd, const FoundFile& file, std::uint64_t offset,
                                            std::unique_ptr<Block> block, std::future<Uncut> before,
                                            std::promise<Uncut> left) {
    const std::span<char> room(block->bytes.get() + kChunkBytesMax,
                               std::min<std::uint64_t>(kBlockBytes, file.mark.bytes - offset));
    const Result<std::size_t> read = read_at(fd, offset, room, file.path);
    const Uncut rest = before.get();
    if (!read || *read != room.size()) {
      left.set_value({});
      return read ? changed_meanwhile(file) : read.error();
    }
    std::copy(rest.begin(), rest.end(), room.data() - rest.size());
    std::string_view open(room.data() - rest.size(), rest.size() + room.size());
    block->front = open.data();
    block->chunks.clear();
    const bool is_end = offset + room.size() == file.mark.bytes;
    while (open.size() >= kChunkBytesMax || (is_end && !open.empty())) {
      const std::size_t cut = next_chunk(open);
      block->chunks.push_back({{}, static_cast<std::uint32_t>(cut)});
      open.remove_prefix(cut);
    }
    left.set_value(Uncut(open));
    const char* bytes = block->front;
    for (Chunk& chunk : block->chunks) {
      chunk.digest = base::sha256({bytes, chunk.bytes});
      bytes += chunk.bytes;
    }
    tell(0, room.size());
    return block;
  }

  void tell(std::uint64_t files, std::uint64_t bytes) {
    const base::MutexLock lock(told_mutex_);
    files_ += files;
    bytes_ += bytes;
    if (options_.progress) options_.progress(files_, bytes_);
  }

  const std::filesystem::path& top_;
  const store::FileHandle folder_;  // the same
  PackWriter& writer_;
  const AddOptions& options_;
  base::Mutex told_mutex_;
  std::uint64_t files_ GUARDED_BY(told_mutex_) = 0, bytes_ GUARDED_BY(told_mutex_) = 0;
};

void sort_by_path(std::vector<IndexedFile>& files) {
  std::stable_sort(files.begin(), files.end(), [](const IndexedFile& a, const IndexedFile& b) {
    return a.file.path < b.file.path;
  });
}

Result<bool> is_same(const Repository& repository, const IndexedFile& known,
                     const FoundFile& file) {
  if (known.file.kind != file.kind || known.file.content.bytes != file.mark.bytes) return false;
  return has_content(repository, file.path, known.file.content);
}

Error overwritten_files(std::vector<std::string> paths) {
  const std::size_t count = paths.size();
  paths.resize(std::min(count, kNamedMax));
  return base::error(Code::kFailedPrecondition,
                     "links of the cache were written into, so all files of that content have "
                     "changed: {}{}; `slipway data unprotect PATH` makes what is there a file of "
                     "its own, `slipway data restore PATH` brings back what was there",
                     fmt::join(paths, ", "),
                     count > paths.size() ? fmt::format(" and {} more", count - paths.size()) : "");
}

}  // namespace

std::filesystem::path index_file(const Repository& repository) {
  return repository.folder() / "index";
}

Result<std::string> path_in(const Repository& repository, const std::filesystem::path& path) {
  // Links in the path's last part are kept as links.
  std::error_code ec;
  const std::filesystem::path full = std::filesystem::absolute(path, ec).lexically_normal();
  if (ec || path.empty())
    return base::error(Code::kInvalidArgument, "there is no such path: '{}'", path.string());
  const std::filesystem::path folder =
      std::filesystem::weakly_canonical(full.has_filename() ? full.parent_path() : full, ec);
  const std::filesystem::path real = full.has_filename() ? folder / full.filename() : folder;
  std::string relative = real.lexically_relative(repository.top()).string();
  if (relative == ".") relative.clear();
  if (relative == ".." || relative.starts_with("../")) {
    return base::error(Code::kInvalidArgument, "outside the repository {}: {}",
                       repository.top().string(), path.string());
  }
  return relative;
}

Result<Added> add_paths(Repository& repository, const std::vector<std::filesystem::path>& paths,
                        const AddOptions& options) {
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  Scan scan(repository.top());
  std::vector<bool> stays(index.files().size(), true);
  Added added;
  for (const std::filesystem::path& path : paths) {
    const std::string relative = TRY(path_in(repository, path));
    for (const std::filesystem::path& part : std::filesystem::path(relative)) {
      if (part == ".slipway" || part == ".git")
        return base::error(Code::kInvalidArgument, "{} is never kept: {}", part.string(),
                           path.string());
    }
    const bool is_there = TRY(scan.add(relative));
    auto [from, to] = range_below(index.files(), relative);
    if (!is_there && from == to)
      return base::error(Code::kNotFound, "no such file or folder: {}", path.string());
    for (; from < to; ++from) stays[from] = false;
    // What was a file and is a folder now.
    for (std::size_t slash = relative.find('/'); slash != std::string::npos;
         slash = relative.find('/', slash + 1)) {
      const IndexedFile* const above = index.find(relative.substr(0, slash));
      if (above != nullptr) stays[static_cast<std::size_t>(above - index.files().data())] = false;
    }
  }
  std::sort(scan.files.begin(), scan.files.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
  scan.files.erase(std::unique(scan.files.begin(), scan.files.end(),
                               [](const auto& a, const auto& b) { return a.path == b.path; }),
                   scan.files.end());

  std::vector<IndexedFile> files;
  std::vector<const FoundFile*> to_read;
  std::size_t indexed_before = 0;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    if (stays[i]) {
      files.push_back(index.files()[i]);
    } else {
      ++indexed_before;
    }
  }
  std::size_t known = 0;
  std::vector<std::string> overwritten;
  for (const FoundFile& file : scan.files) {
    const IndexedFile* const before = index.find(file.path);
    known += before != nullptr;
    added.bytes += file.mark.bytes;
    if (before != nullptr && is_untouched(*before, file.mark)) {
      files.push_back(*before);
      continue;
    }
    if (before != nullptr && is_overwritten(*before, file.mark) &&
        !TRY(is_same(repository, *before, file)))
      overwritten.push_back(file.path);
    to_read.push_back(&file);
  }
  if (!overwritten.empty()) return overwritten_files(std::move(overwritten));
  PackWriter writer(repository.packs());
  ContentReader reader(repository.top(), writer, options);
  for (IndexedFile& file : TRY(reader.read(to_read))) files.push_back(std::move(file));
  TRY(writer.finish());
  sort_by_path(files);
  TRY(WorkIndex(std::move(files)).save(index_file(repository)));
  added.files = scan.files.size();
  added.read = to_read.size();
  added.removed = indexed_before - known;
  added.bytes_added = writer.bytes_added();
  added.passed_over = std::move(scan.passed_over);
  return added;
}

Result<std::uint64_t> read_again(Repository& repository, const AddOptions& options) {
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  std::vector<FoundFile> files;
  for (const IndexedFile& indexed : index.files()) {
    const File& file = indexed.file;
    struct stat stat;
    const bool may_be_it = ::lstat((repository.top() / file.path).c_str(), &stat) == 0 &&
                           kind_of(stat) == file.kind && mark_of(stat).bytes == file.content.bytes;
    if (may_be_it && !is_whole(repository.packs(), file.content))
      files.push_back({file.path, file.kind, mark_of(stat)});
  }
  std::vector<const FoundFile*> to_read;
  for (const FoundFile& file : files) to_read.push_back(&file);
  PackWriter writer(repository.packs());
  ContentReader reader(repository.top(), writer, options);
  TRY(reader.read(to_read));
  TRY(writer.finish());
  return files.size();
}

Result<bool> has_content(const Repository& repository, const std::string& path,
                         const Content& content) {
  const std::filesystem::path full = repository.top() / path;
  std::string bytes;
  if (std::error_code ec; std::filesystem::is_symlink(full, ec)) {
    bytes = std::filesystem::read_symlink(full, ec).string();
    return !content.is_list && base::sha256(bytes) == content.digest;
  }
  const store::FileHandle fd(::open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) return store::errno_error(errno, "open the file", full);
  std::uint64_t offset = 0;
  for (const Chunk& chunk : TRY(chunks_of(repository.packs(), content))) {
    bytes.resize(chunk.bytes);
    if (TRY(read_at(fd.get(), offset, bytes, full.native())) != chunk.bytes) return false;
    if (base::sha256(bytes) != chunk.digest) return false;
    offset += chunk.bytes;
  }
  char more;
  return TRY(read_at(fd.get(), offset, {&more, 1}, full.native())) == 0;
}

Result<std::vector<WorkChange>> find_changes(const Repository& repository, const WorkIndex& index) {
  Scan scan(repository.top());
  TRY(scan.add(""));
  std::sort(scan.files.begin(), scan.files.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
  std::vector<WorkChange> changes;
  auto before = index.files().begin();
  const auto gone = [&]() -> Result<void> {
    const std::string& path = (before++)->file.path;
    struct stat stat;
    const bool is_ignored = ::lstat((repository.top() / path).c_str(), &stat) == 0 &&
                            TRY(Ignores::find_for(repository.top(), path, false));
    changes.push_back({is_ignored ? ChangeKind::kIgnored : ChangeKind::kDeleted, path});
    return {};
  };
  for (const FoundFile& file : scan.files) {
    while (before != index.files().end() && before->file.path < file.path) TRY(gone());
    if (before == index.files().end() || before->file.path != file.path) {
      changes.push_back({ChangeKind::kNew, file.path});
      continue;
    }
    const IndexedFile& known = *before++;
    if (is_untouched(known, file.mark) || TRY(is_same(repository, known, file))) continue;
    changes.push_back(
        {is_overwritten(known, file.mark) ? ChangeKind::kOverwritten : ChangeKind::kModified,
         file.path});
  }
  while (before != index.files().end()) TRY(gone());
  return changes;
}

}  // namespace slipway::versions
