#include "objects/contents.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>

namespace slipway::objects {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kNameBytes = 16;
// Between reading a row and opening its files.
constexpr base::Duration kUnusedStays = base::Duration::seconds(60);
constexpr auto kLostAfter = std::chrono::hours(1);
constexpr int kUnusedAtOnce = 500;

}  // namespace

Arrival::Arrival(fs::path scratch, fs::path folder, std::string file)
    : scratch_(std::move(scratch)), folder_(std::move(folder)), file_(std::move(file)) {}

Arrival::~Arrival() {
  if (is_scratch_) ::unlink(scratch_.c_str());
}

Result<void> Arrival::write(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (!is_scratch_) {
    store::FileHandle made(::open(scratch_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (made.get() < 0) return store::errno_error(errno, "make the upload's file", scratch_);
    handle_.emplace(made.release());
    is_scratch_ = true;
  }
  sha256_.update(bytes);
  md5_.update(bytes);
  bytes_ += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t n = ::write(handle_->get(), bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return store::errno_error(errno, "write the upload", scratch_);
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

void Arrival::end() {
  if (!md5_hex_.empty()) return;
  sha256_hex_ = sha256_.finish_hex();
  md5_hex_ = md5_.finish_hex();
}

Result<void> Arrival::finish() {
  end();
  if (!is_scratch_) return {};
  if (::fdatasync(handle_->get()) != 0)
    return store::errno_error(errno, "make the upload durable", scratch_);
  handle_.reset();
  if (std::error_code ec; !fs::exists(folder_, ec)) {
    TRY(store::make_folders(folder_));
    for (const fs::path& above : {folder_.parent_path(), folder_.parent_path().parent_path()})
      TRY(store::sync_folder(above));
  }
  if (::rename(scratch_.c_str(), (folder_ / file_).c_str()) != 0)
    return store::errno_error(errno, "move the upload", folder_ / file_);
  is_scratch_ = false;
  return store::sync_folder(folder_);
}

Contents::Contents(store::Db& db, const base::Clock& clock, base::Random& random, fs::path folder,
                   fs::path scratch)
    : db_(db),
      clock_(clock),
      random_(random),
      folder_(std::move(folder)),
      scratch_(std::move(scratch)) {}

fs::path Contents::path_of(std::string_view file) const {
  return folder_ / file.substr(0, 2) / file;
}

std::unique_ptr<Arrival> Contents::receive() {
  std::string file = random_.hex(kNameBytes);
  fs::path folder = path_of(file).parent_path();
  return std::make_unique<Arrival>(scratch_ / ("object-" + file), std::move(folder),
                                   std::move(file));
}

Result<std::vector<Piece>> Contents::keep(store::Tx& tx, const Arrival& arrival) {
  if (arrival.bytes() == 0) return std::vector<Piece>();
  std::string file;
  std::optional<std::int64_t> content =
      TRY(tx.find("SELECT id, file FROM object_contents WHERE digest = ?", {arrival.sha256()},
                  [&](const store::Row& row) {
                    file = row.string(1);
                    return row.int64(0);
                  }));
  if (!content) {
    content =
        TRY(tx.insert("INSERT INTO object_contents(digest, bytes, file, uses) VALUES(?, ?, ?, 1)",
                      "id", {arrival.sha256(), arrival.bytes(), arrival.file()}));
    return std::vector<Piece>{{content.value_or(0), 0, arrival.bytes()}};
  }
  // Another server that led before this one may have kept it in a folder of its own.
  std::error_code ec;
  const auto bytes = fs::file_size(path_of(file), ec);
  if (ec || bytes != static_cast<std::uintmax_t>(arrival.bytes())) {
    TRY(tx.send("UPDATE object_contents SET file = ? WHERE id = ?", {arrival.file(), *content}));
  }
  std::vector<Piece> pieces{{*content, 0, arrival.bytes()}};
  TRY(use(tx, pieces));
  return pieces;
}

Result<void> Contents::use(store::Tx& tx, const std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) {
    TRY(tx.send("UPDATE object_contents SET uses = uses + 1, unused_since = NULL WHERE id = ?",
                {piece.content}));
  }
  return {};
}

Result<void> Contents::release(store::Tx& tx, const std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) {
    TRY(
        tx.send("UPDATE object_contents SET uses = uses - 1, "
                "unused_since = CASE WHEN uses = 1 THEN ? ELSE NULL END WHERE id = ?",
                {clock_.now(), piece.content}));
  }
  return {};
}

Result<std::vector<OpenPiece>> Contents::open(const std::vector<Piece>& pieces) {
  std::map<std::int64_t, fs::path> files;
  for (const Piece& piece : pieces) files[piece.content];
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    for (auto& [content, file] : files) {
      TRY(reader.ask("SELECT file FROM object_contents WHERE id = ?", {content},
                     [&, out = &file](const store::Row& row) { *out = path_of(row.text(0)); }));
    }
    return reader.settle();
  }));
  std::map<std::int64_t, std::shared_ptr<const void>> held;
  for (const auto& [content, file] : files) {
    if (file.empty()) {
      return base::error(Code::kUnavailable, "the object was replaced a moment ago: try again");
    }
    {
      const base::MutexLock lock(holds_->mutex);
      ++holds_->readers[content];
    }
    held[content] =
        std::shared_ptr<const void>(nullptr, [holds = holds_, content = content](const void*) {
          const base::MutexLock lock(holds->mutex);
          if (--holds->readers[content] == 0) holds->readers.erase(content);
        });
  }
  std::vector<OpenPiece> open;
  for (const Piece& piece : pieces)
    open.push_back({files[piece.content], piece.offset, piece.bytes, held[piece.content]});
  return open;
}

Result<Contents::Freed> Contents::sweep(Sweep what) {
  Freed freed;
  while (TRY(remove_unused(freed))) {
  }
  if (what == Sweep::kUnused) return freed;
  std::error_code ec;
  for (fs::directory_iterator it(folder_, ec), end; !ec && it != end; it.increment(ec))
    TRY(remove_lost(it->path(), freed));
  return freed;
}

// False: nothing was left to do.
Result<bool> Contents::remove_unused(Freed& freed) {
  std::set<std::int64_t> read;
  {
    const base::MutexLock lock(holds_->mutex);
    for (const auto& [content, readers] : holds_->readers) read.insert(content);
  }
  struct Unused {
    std::int64_t id = 0, bytes = 0;
    std::string file;
  };
  const base::Timestamp before = clock_.now() - kUnusedStays;
  std::vector<Unused> removed;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    removed.clear();
    TRY(
        tx.query("SELECT id, bytes, file FROM object_contents WHERE unused_since < ? AND uses = 0 "
                 "ORDER BY unused_since LIMIT ?",
                 {before, kUnusedAtOnce + read.size()}, [&](const store::Row& row) {
                   if (!read.contains(row.int64(0)))
                     removed.push_back({row.int64(0), row.int64(1), row.string(2)});
                 }));
    for (const Unused& one : removed)
      TRY(tx.send("DELETE FROM object_contents WHERE id = ?", {one.id}));
    return {};
  }));
  for (const Unused& one : removed) {
    if (::unlink(path_of(one.file).c_str()) != 0) continue;  // then it is one of the lost
    ++freed.files;
    freed.bytes += one.bytes;
  }
  return !removed.empty();
}

Result<void> Contents::remove_lost(const fs::path& folder, Freed& freed) {
  const auto before = fs::file_time_type::clock::now() - kLostAfter;
  std::set<std::string> lost;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code gone;
    if (it->last_write_time(gone) < before && !gone) lost.insert(it->path().filename().string());
  }
  const std::string first = folder.filename().string();
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT file FROM object_contents WHERE file >= ? AND file < ?",
                        {first, first + "g"},  // behind every digit
                        [&](const store::Row& row) { lost.erase(row.string(0)); });
  }));
  for (const std::string& file : lost) {
    const auto bytes = fs::file_size(folder / file, ec);
    if (ec || ::unlink((folder / file).c_str()) != 0) continue;
    ++freed.files;
    freed.bytes += static_cast<std::int64_t>(bytes);
  }
  return {};
}

}  // namespace slipway::objects
