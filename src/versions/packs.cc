#include "versions/packs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <new>

#include "versions/chunker.h"

namespace slipway::versions {
namespace {

constexpr std::string_view kMagic = "SLPINDX1";
constexpr const char* kAside = ".damaged";
constexpr std::uint64_t kPackBytesFull = std::uint64_t{1} << 30;
constexpr std::size_t kBufferBytes = 4 << 20;
constexpr std::size_t kBuffers = 3;
constexpr std::size_t kFilesOpenMax = 64;
constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::uint64_t kRunBytesMax = 1 << 30;  // that are read at once

// As it is in the file, little endian as all machines we run on.
struct IndexHead {
  char magic[8];
  std::uint64_t objects, bytes;
};
struct IndexEntry {
  Digest digest;
  std::uint64_t offset;
  std::uint64_t bytes;
};
static_assert(sizeof(IndexEntry) == 48);

template <typename T>
std::string_view as_bytes(const T* values, std::size_t count) {
  return {reinterpret_cast<const char*>(values), count * sizeof(T)};
}

std::string write_index(const std::vector<PackedObject>& objects, std::uint64_t bytes) {
  IndexHead head{.magic = {}, .objects = objects.size(), .bytes = bytes};
  std::memcpy(head.magic, kMagic.data(), kMagic.size());
  std::string out(as_bytes(&head, 1));
  out.reserve(out.size() + objects.size() * sizeof(IndexEntry) + sizeof(Digest));
  for (const PackedObject& object : objects) {
    const IndexEntry entry{object.digest, object.place.offset, object.place.bytes};
    out += as_bytes(&entry, 1);
  }
  const Digest digest = base::sha256(out);
  return out += as_bytes(digest.data(), digest.size());
}

struct Index {
  std::uint64_t bytes = 0;
  std::vector<PackedObject> objects;
};

Result<Index> read_index(const std::filesystem::path& file) {
  const std::string text = TRY(store::read_file(file));
  IndexHead head;
  if (text.size() < sizeof head + sizeof(Digest))
    return base::error(Code::kCorruption, "an index breaks off");
  std::memcpy(&head, text.data(), sizeof head);
  const std::string_view body = std::string_view(text).substr(0, text.size() - sizeof(Digest));
  const Digest digest = base::sha256(body);
  if (std::string_view(head.magic, sizeof head.magic) != kMagic ||
      (body.size() - sizeof head) / sizeof(IndexEntry) != head.objects ||
      as_bytes(digest.data(), digest.size()) != std::string_view(text).substr(body.size()))
    return base::error(Code::kCorruption, "an index is not what was written");
  Index index{.bytes = head.bytes, .objects = {}};
  index.objects.reserve(head.objects);
  for (std::size_t at = sizeof head; at < body.size(); at += sizeof(IndexEntry)) {
    IndexEntry entry;
    std::memcpy(&entry, body.data() + at, sizeof entry);
    index.objects.push_back(
        {entry.digest, {.bytes = static_cast<std::uint32_t>(entry.bytes), .offset = entry.offset}});
  }
  return index;
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EINVAL && (::fcntl(fd, F_GETFL) & O_DIRECT) != 0) {
      ::fcntl(fd, F_SETFL, 0);  // it wants other blocks, or has room for a part of one
    } else if (errno != EINTR) {
      return store::errno_error(errno, "write the pack", path);
    }
  }
  return {};
}

// That bytes were written; what is not valid waits for nothing.
using Written = std::shared_future<Result<void>>;
Result<void> wait_for(const Written& written) {
  return written.valid() ? written.get() : Result<void>();
}

// Bytes that go to the disk in one piece, from where O_DIRECT takes them.
struct Buffer {
  std::size_t room() const { return kBufferBytes - used; }
  std::string_view view() const { return {bytes.get(), used}; }

  struct Free {
    void operator()(char* bytes) const { ::operator delete(bytes, std::align_val_t{kBlockBytes}); }
  };
  const std::unique_ptr<char, Free> bytes{
      static_cast<char*>(::operator new(kBufferBytes, std::align_val_t{kBlockBytes}))};
  std::size_t used = 0;
  Written written;  // what was in it last
};

}  // namespace

bool extend(Place& run, const Place& next) {
  const std::uint64_t bytes = std::uint64_t{run.bytes} + next.bytes;
  if (next.pack != run.pack || next.offset != run.offset + run.bytes || bytes > kRunBytesMax)
    return false;
  run.bytes = static_cast<std::uint32_t>(bytes);
  return true;
}

Error Packs::damage(const std::filesystem::path& file, std::string_view what) const {
  return base::error(Code::kCorruption, "{}: file={}{}{}", what, file.string(),
                     remedy_.empty() ? "" : "; ", remedy_);
}

Result<std::unique_ptr<Packs>> Packs::open(std::filesystem::path folder, std::string remedy) {
  TRY(store::make_folders(folder));
  std::unique_ptr<Packs> packs(new Packs(std::move(folder), std::move(remedy)));
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& file : std::filesystem::directory_iterator(packs->folder_, ec)) {
    if (file.path().extension() == ".index") names.push_back(file.path().stem().string());
  }
  if (ec) return store::errno_error(ec.value(), "list the folder", packs->folder_);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (Result<void> loaded = packs->load(name); !loaded) {
      const Code code = loaded.error().code;
      if (code == Code::kResourceExhausted || code == Code::kPermissionDenied)
        return std::move(loaded).error();
      packs->damaged_.push_back(std::move(loaded).error());
      packs->damaged_names_.push_back(name);
    }
  }
  return packs;
}

Result<void> Packs::load(const std::string& name) {
  const std::filesystem::path file = folder_ / (name + ".pack");
  struct stat stat;
  if (::stat(file.c_str(), &stat) != 0) {
    if (errno == ENOENT) return damage(file, "a pack is missing");
    return store::errno_error(errno, "look at the pack", file);
  }
  const std::filesystem::path index_file = folder_ / (name + ".index");
  Result<Index> read = read_index(index_file);
  if (!read && read.error().code == Code::kCorruption)
    return damage(index_file, read.error().message);
  Index index = TRY(std::move(read));
  const auto length = static_cast<std::uint64_t>(stat.st_size);
  if (length == index.bytes) {
    add(name, index.bytes, index.objects);
    return {};
  }
  // What lies in the part that is there can be read, and is checked by its digest.
  damaged_.push_back(damage(file, "a pack has another length than was written"));
  std::erase_if(index.objects, [&](const PackedObject& object) {
    return object.place.offset + object.place.bytes > length;
  });
  cut_.push_back(add(name, length, index.objects));
  return {};
}

std::uint32_t Packs::add(const std::string& name, std::uint64_t bytes,
                         const std::vector<PackedObject>& objects) {
  const base::WriteLock lock(mutex_);
  const auto pack = static_cast<std::uint32_t>(names_.size());
  names_.push_back(name);
  bytes_ += bytes;
  const std::size_t needed = (objects_.size() + objects.size()) * 2;
  std::size_t first = objects_.size();
  objects_.reserve(objects_.size() + objects.size());
  for (PackedObject object : objects) {
    object.place.pack = pack;
    objects_.push_back(object);
  }
  if (slots_.size() < needed) {
    std::size_t size = std::max<std::size_t>(slots_.size(), 1024);
    while (size < needed) size *= 2;
    slots_.assign(size, 0);
    first = 0;
  }
  for (; first < objects_.size(); ++first) insert(static_cast<std::uint32_t>(first));
  return pack;
}

void Packs::insert(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = DigestHash()(objects_[number].digest) & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = number + 1;
}

std::optional<Place> Packs::find(const Digest& digest) const {
  const base::ReadLock lock(mutex_);
  return find_locked(digest);
}

std::optional<Place> Packs::find_locked(const Digest& digest) const {
  if (slots_.empty()) return std::nullopt;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = DigestHash()(digest) & mask; slots_[slot] != 0;
       slot = (slot + 1) & mask) {
    const PackedObject& object = objects_[slots_[slot] - 1];
    if (object.digest == digest) return object.place;
  }
  return std::nullopt;
}

std::filesystem::path Packs::pack_file(std::uint32_t pack) const {
  const base::ReadLock lock(mutex_);
  return folder_ / (names_.at(pack) + ".pack");
}

Result<std::shared_ptr<const store::FileHandle>> Packs::file(std::uint32_t pack) const {
  const base::MutexLock lock(files_mutex_);
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [&](const auto& open) { return open.first == pack; });
  if (found != files_.end()) {
    std::rotate(found, found + 1, files_.end());
    return files_.back().second;
  }
  const std::filesystem::path path = pack_file(pack);
  auto opened =
      std::make_shared<const store::FileHandle>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened->get() < 0) return store::errno_error(errno, "open the pack", path);
  if (files_.size() == kFilesOpenMax) files_.erase(files_.begin());
  files_.emplace_back(pack, opened);
  return opened;
}

Result<void> Packs::read(const Place& place, std::string& out) const {
  const auto opened = TRY(file(place.pack));
  const std::size_t before = out.size();
  out.resize(before + place.bytes);
  for (std::size_t done = 0; done < place.bytes;) {
    const ssize_t n = ::pread(opened->get(), out.data() + before + done, place.bytes - done,
                              static_cast<off_t>(place.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EIO) return damage(pack_file(place.pack), "the disk can't read a pack");
    if (n < 0) return store::errno_error(errno, "read the pack", pack_file(place.pack));
    if (n == 0) return damage(pack_file(place.pack), "a pack breaks off");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::string> Packs::read(const Digest& digest) const {
  const auto place = find(digest);
  if (!place) return missing(digest);
  std::string bytes;
  TRY(read(*place, bytes));
  if (base::sha256(bytes) != digest) {
    return damage(pack_file(place->pack),
                  fmt::format("an object is not what was written: digest={} offset={}",
                              to_hex(digest), place->offset));
  }
  return bytes;
}

Error Packs::missing(const Digest& digest) const {
  if (!damaged_.empty()) return damaged_.front();
  return base::error(Code::kNotFound, "an object is missing: digest={}", to_hex(digest));
}

std::vector<PackedObject> Packs::list() const {
  const base::ReadLock lock(mutex_);
  return objects_;
}

std::uint64_t Packs::bytes() const {
  const base::ReadLock lock(mutex_);
  return bytes_;
}

std::size_t Packs::size() const {
  const base::ReadLock lock(mutex_);
  return objects_.size();
}

Result<void> Packs::remove(const std::vector<std::uint32_t>& packs) {
  std::vector<std::string> names;
  for (const std::uint32_t pack : packs) names.push_back(pack_file(pack).stem().string());
  return remove_named(names);
}

Result<void> Packs::put_aside_damaged() {
  for (const std::string& name : damaged_names_) {
    for (const char* part : {".pack", ".index"}) {
      const std::filesystem::path file = folder_ / (name + part);
      std::filesystem::path aside = file;
      aside += kAside;
      if (::rename(file.c_str(), aside.c_str()) != 0 && errno != ENOENT)
        return store::errno_error(errno, "rename the damaged pack", file);
    }
  }
  return store::sync_folder(folder_);
}

Result<void> Packs::remove_named(const std::vector<std::string>& names) {
  // What says where goes first: without it a pack is nobody's.
  for (const std::string& name : names) {
    const std::filesystem::path file = folder_ / (name + ".index");
    if (::unlink(file.c_str()) != 0) return store::errno_error(errno, "remove the index", file);
  }
  TRY(store::sync_folder(folder_));
  std::error_code ec;
  std::vector<std::filesystem::path> orphans;
  for (const auto& file : std::filesystem::directory_iterator(folder_, ec)) {
    std::filesystem::path index = file.path();
    if (index.extension() != ".index" && index.extension() != kAside &&
        !std::filesystem::exists(index.replace_extension(".index")))
      orphans.push_back(file.path());
  }
  if (ec) return store::errno_error(ec.value(), "list the folder", folder_);
  for (const std::filesystem::path& file : orphans) {
    if (::unlink(file.c_str()) != 0) return store::errno_error(errno, "remove the pack", file);
  }
  return {};
}

// What fills a buffer is written straight to the disk while the next ones fill: the sync at the end
// finds little to do, and what others have in memory stays there.
struct PackWriter::Pack {
  // Under a name that no pack has: were it named by what is in it, one that is written anew could
  // have the name of one that is about to be removed.
  explicit Pack(const std::filesystem::path& folder)
      : path((folder / "XXXXXX.pack").string()),
        file(::mkostemps(path.data(), kSuffixBytes, O_CLOEXEC)) {
    if (file.get() < 0) return;
    ::fchmod(file.get(), 0644);
    ::fcntl(file.get(), F_SETFL, O_DIRECT);  // where the file system can
  }
  ~Pack() {
    (void)wait_for(last);  // reads the buffers
    if (!is_published && file.get() >= 0) ::unlink(path.c_str());
  }

  Result<void> append(std::string_view more) {
    bytes += more.size();
    while (!more.empty()) {
      if (filling->room() == 0) TRY(write_behind());
      const std::size_t some = std::min(more.size(), filling->room());
      std::memcpy(filling->bytes.get() + filling->used, more.data(), some);
      filling->used += some;
      more.remove_prefix(some);
    }
    return {};
  }

  Result<void> finish() {
    TRY(wait_for(last));
    const std::size_t whole = filling->used / kBlockBytes * kBlockBytes;
    TRY(write_all(file.get(), filling->view().substr(0, whole), path));
    ::fcntl(file.get(), F_SETFL, 0);  // the rest is no whole block
    TRY(write_all(file.get(), filling->view().substr(whole), path));
    if (::fsync(file.get()) != 0) return store::errno_error(errno, "sync the pack", path);
    return {};
  }

  static constexpr int kSuffixBytes = 5;  // ".pack"
  std::string path;
  const store::FileHandle file;
  bool is_published = false;
  std::uint64_t bytes = 0;  // with those that aren't written yet
  std::vector<PackedObject> objects;

 private:
  // One after the other; after an error it is the answer to all that come behind.
  Result<void> write_behind() {
    auto write = [this, buffer = filling, before = last]() mutable -> Result<void> {
      const Written turn = std::move(before);  // is let go of with those before it
      TRY(wait_for(turn));
      return write_all(file.get(), buffer->view(), path);
    };
    // Where no thread can be had, who waits for it writes.
    last = filling->written =
        std::async(std::launch::async | std::launch::deferred, std::move(write)).share();
    if (++filling == buffers.end()) filling = buffers.begin();
    TRY(wait_for(filling->written));
    filling->used = 0;
    return {};
  }

  std::array<Buffer, kBuffers> buffers;
  std::array<Buffer, kBuffers>::iterator filling = buffers.begin();
  Written last;
};

PackWriter::PackWriter(Packs& packs, std::set<std::uint32_t> leaving)
    : packs_(packs), leaving_(std::move(leaving)) {}
PackWriter::~PackWriter() = default;

Result<void> PackWriter::keep(Result<void> done) {
  if (!done) failed_ = done.error();
  return done;
}

Result<void> PackWriter::append(std::string_view bytes) {
  if (pack_ == nullptr) {
    auto pack = std::make_unique<Pack>(packs_.folder_);
    if (pack->file.get() < 0) return keep(store::errno_error(errno, "make the pack", pack->path));
    pack_ = std::move(pack);
  }
  return keep(pack_->append(bytes));
}

Result<bool> PackWriter::add(const Digest& digest, std::string_view bytes) {
  const base::MutexLock lock(mutex_);
  return add_locked(digest, bytes);
}

Result<void> PackWriter::add(std::span<const Object> objects) {
  const base::MutexLock lock(mutex_);
  for (const Object& object : objects) TRY(add_locked(object.digest, object.bytes));
  return {};
}

Result<bool> PackWriter::add_locked(const Digest& digest, std::string_view bytes) {
  if (failed_) return *failed_;
  const auto place = packs_.find(digest);
  const bool is_there = place && !leaving_.contains(place->pack);
  if (is_there || !pending_.insert(digest).second) return false;
  TRY(append(bytes));
  pack_->objects.push_back(
      {digest,
       {.bytes = static_cast<std::uint32_t>(bytes.size()), .offset = pack_->bytes - bytes.size()}});
  bytes_added_ += bytes.size();
  if (pack_->bytes >= kPackBytesFull) TRY(close_pack());
  return true;
}

Result<Content> PackWriter::add_content(std::string_view bytes) {
  Content content{.bytes = bytes.size()};
  std::vector<Chunk> chunks;
  do {
    const std::string_view chunk = bytes.substr(0, next_chunk(bytes));
    bytes.remove_prefix(chunk.size());
    chunks.push_back({base::sha256(chunk), static_cast<std::uint32_t>(chunk.size())});
    TRY(add(chunks.back().digest, chunk));
  } while (!bytes.empty());
  content.digest = chunks.front().digest;
  if (chunks.size() > 1) {
    const std::string list = write_chunks(chunks);
    content.is_list = true;
    content.digest = base::sha256(list);
    TRY(add(content.digest, list));
  }
  return content;
}

Result<void> PackWriter::align() {
  static constexpr char kZeros[kBlockBytes] = {};
  const base::MutexLock lock(mutex_);
  if (failed_) return *failed_;
  if (pack_ == nullptr || pack_->bytes % kBlockBytes == 0) return {};
  return append({kZeros, kBlockBytes - pack_->bytes % kBlockBytes});
}

Result<void> PackWriter::close_pack() {
  if (failed_) return *failed_;
  if (pack_ == nullptr) return {};
  return keep(publish());
}

Result<void> PackWriter::publish() {
  Pack& pack = *pack_;
  TRY(pack.finish());
  const std::string name = std::filesystem::path(pack.path).stem().string();
  const std::filesystem::path index = packs_.folder_ / (name + ".index");
  // With it the pack is there; that its own name is durable comes with the index's.
  if (Result<void> written = store::write_file(index, write_index(pack.objects, pack.bytes));
      !written) {
    ::unlink(index.c_str());  // its name may be there, and not durable
    return written;
  }
  pack.is_published = true;
  packs_.add(name, pack.bytes, pack.objects);
  pack_.reset();
  pending_.clear();
  return {};
}

Result<void> PackWriter::finish() {
  const base::MutexLock lock(mutex_);
  return close_pack();
}

std::uint64_t PackWriter::bytes_added() const {
  const base::MutexLock lock(mutex_);
  return bytes_added_;
}

}  // namespace slipway::versions
