#include "versions/work_index.h"

#include <algorithm>
#include <cstring>

#include "store/file_system.h"

namespace slipway::versions {
namespace {

constexpr std::string_view kMagic = "SLPWORK1";
// Clocks of file systems tick every 4 to 10 ms.
constexpr std::int64_t kSettleNs = 50'000'000;

// Before each path in the file.
struct Line {
  Digest digest;
  std::uint64_t content_bytes;
  FileMark mark;
  std::uint8_t kind, is_list;
  std::uint16_t path_bytes;
  std::uint32_t unused;
};
static_assert(std::has_unique_object_representations_v<Line>);

}  // namespace

FileMark mark_of(const struct stat& stat) {
  const auto ns = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {.bytes = static_cast<std::uint64_t>(stat.st_size),
          .inode = stat.st_ino,
          .modified_ns = ns(stat.st_mtim),
          .changed_ns = ns(stat.st_ctim),
          .mode = stat.st_mode};
}

std::optional<EntryKind> kind_of(const struct stat& stat) {
  if (S_ISLNK(stat.st_mode)) return EntryKind::kLink;
  if (!S_ISREG(stat.st_mode)) return std::nullopt;
  return (stat.st_mode & S_IXUSR) != 0 ? EntryKind::kProgram : EntryKind::kFile;
}

FileMark WorkIndex::settled(const FileMark& mark, std::int64_t read_ns) {
  return std::max(mark.modified_ns, mark.changed_ns) + kSettleNs > read_ns ? FileMark{} : mark;
}

Result<WorkIndex> WorkIndex::load(const std::filesystem::path& file) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec)) return WorkIndex();
  const std::string text = TRY(store::read_file(file));
  const auto damaged = [&] {
    return base::error(Code::kCorruption,
                       "{} is damaged; remove it and `slipway data add` the files again",
                       file.string());
  };
  if (text.size() < kMagic.size() + sizeof(Digest) || !text.starts_with(kMagic)) return damaged();
  std::string_view body = std::string_view(text).substr(0, text.size() - sizeof(Digest));
  const Digest digest = base::sha256(body);
  if (std::memcmp(digest.data(), text.data() + body.size(), digest.size()) != 0) return damaged();
  body.remove_prefix(kMagic.size());
  std::vector<IndexedFile> files;
  while (!body.empty()) {
    Line line;
    if (body.size() < sizeof line) return damaged();
    std::memcpy(&line, body.data(), sizeof line);
    body.remove_prefix(sizeof line);
    if (body.size() < line.path_bytes) return damaged();
    files.push_back({{std::string(body.substr(0, line.path_bytes)),
                      static_cast<EntryKind>(line.kind),
                      {line.digest, line.is_list != 0, line.content_bytes}},
                     line.mark});
    body.remove_prefix(line.path_bytes);
  }
  return WorkIndex(std::move(files));
}

Result<void> WorkIndex::save(const std::filesystem::path& file) const {
  std::string out(kMagic);
  out.reserve(files_.size() * (sizeof(Line) + 40));
  for (const auto& [of, mark] : files_) {
    Line line{};
    line.digest = of.content.digest;
    line.content_bytes = of.content.bytes;
    line.mark = mark;
    line.kind = static_cast<std::uint8_t>(of.kind);
    line.is_list = of.content.is_list;
    line.path_bytes = static_cast<std::uint16_t>(of.path.size());
    out.append(reinterpret_cast<const char*>(&line), sizeof line);
    out += of.path;
  }
  const Digest digest = base::sha256(out);
  out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return store::write_file(file, out);
}

const IndexedFile* WorkIndex::find(std::string_view path) const {
  const auto at = std::lower_bound(
      files_.begin(), files_.end(), path,
      [](const IndexedFile& file, std::string_view key) { return file.file.path < key; });
  return at != files_.end() && at->file.path == path ? &*at : nullptr;
}

std::vector<File> WorkIndex::content() const {
  std::vector<File> files;
  files.reserve(files_.size());
  for (const IndexedFile& file : files_) files.push_back(file.file);
  return files;
}

std::pair<std::size_t, std::size_t> range_below(const std::vector<IndexedFile>& files,
                                                std::string_view path) {
  if (path.empty()) return {0, files.size()};
  const auto before = [](const IndexedFile& file, std::string_view key) {
    return file.file.path < key;
  };
  const auto exact = std::lower_bound(files.begin(), files.end(), path, before);
  if (exact != files.end() && exact->file.path == path) {
    const auto at = static_cast<std::size_t>(exact - files.begin());
    return {at, at + 1};
  }
  const std::string first = std::string(path) + '/', last = std::string(path) + '0';  // after '/'
  const auto from = std::lower_bound(files.begin(), files.end(), first, before);
  const auto to = std::lower_bound(from, files.end(), last, before);
  return {static_cast<std::size_t>(from - files.begin()),
          static_cast<std::size_t>(to - files.begin())};
}

}  // namespace slipway::versions
