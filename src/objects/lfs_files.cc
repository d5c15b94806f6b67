#include "objects/lfs_files.h"

#include <algorithm>

#include "base/json_document.h"

namespace slipway::objects {
namespace {

constexpr std::size_t kRepositoryBytesMax = 100;
constexpr std::size_t kOidDigits = 64;
constexpr std::size_t kPathBytesMax = 4096;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string subject(const std::string& repository) { return "lfs/" + repository; }

LfsLock read_lock(const store::Row& row) {
  return {.id = row.string(0),
          .path = row.string(1),
          .ref = row.string(2),
          .owner = row.string(3),
          .locked_at = row.time(4)};
}

constexpr std::string_view kLockColumns = "SELECT id, path, ref, owner, locked_at FROM lfs_locks ";

}  // namespace

Result<void> check_lfs_repository(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kRepositoryBytesMax &&
                    is_letter_or_digit(name.front()) && std::ranges::all_of(name, [](char c) {
                      return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
                    });
  if (good) return {};
  return base::error(Code::kInvalidArgument,
                     "a repository's name has letters, digits, '.', '_' and '-', begins with a "
                     "letter or digit, and is no longer than {}: repository={}",
                     kRepositoryBytesMax, name.substr(0, kRepositoryBytesMax));
}

Result<void> check_oid(std::string_view oid) {
  if (oid.size() == kOidDigits &&
      oid.find_first_not_of("0123456789abcdef") == std::string_view::npos)
    return {};
  return base::error(Code::kInvalidArgument, "an oid is a SHA-256 of {} digits of 0-9 and a-f: {}",
                     kOidDigits, oid.substr(0, 2 * kOidDigits));
}

Result<std::vector<std::optional<LfsFile>>> LfsFiles::find(const std::string& repository,
                                                           const std::vector<std::string>& oids) {
  std::vector<std::optional<LfsFile>> files(oids.size());
  std::vector<std::string> pieces(oids.size());
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    for (std::size_t i = 0; i < oids.size(); ++i) {
      TRY(reader.ask("SELECT bytes, pieces FROM lfs_files WHERE repository = ? AND oid = ?",
                     {repository, oids[i]}, [&, i](const store::Row& row) {
                       files[i] = LfsFile{.oid = oids[i], .bytes = row.int64(0)};
                       pieces[i] = row.string(1);
                     }));
    }
    return reader.settle();
  }));
  for (std::size_t i = 0; i < oids.size(); ++i) {
    if (files[i]) files[i]->pieces = TRY(parse_pieces(pieces[i]));
  }
  return files;
}

Result<bool> LfsFiles::put(const std::string& repository, const Arrival& arrival) {
  TRY(check_lfs_repository(repository));
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    const auto there =
        TRY(tx.find("SELECT 1 FROM lfs_files WHERE repository = ? AND oid = ?",
                    {repository, arrival.sha256()}, [](const store::Row&) { return true; }));
    if (there) return false;
    const std::vector<Piece> pieces = TRY(contents_.keep(tx, arrival));
    TRY(tx.send(
        "INSERT INTO lfs_files(repository, oid, bytes, arrived_at, pieces) VALUES(?, ?, ?, ?, ?)",
        {repository, arrival.sha256(), arrival.bytes(), clock_.now(), to_text(pieces)}));
    return true;
  });
}

Result<LfsFiles::NewLock> LfsFiles::lock(const std::string& repository, const std::string& path,
                                         const std::string& ref, const std::string& owner) {
  TRY(check_lfs_repository(repository));
  if (path.empty() || path.size() > kPathBytesMax || !base::is_utf8(path))
    return base::error(Code::kInvalidArgument, "a path to lock has 1 to {} bytes of UTF-8",
                       kPathBytesMax);
  const LfsLock made{
      .id = random_.hex(16), .path = path, .ref = ref, .owner = owner, .locked_at = clock_.now()};
  return db_.write([&](store::Tx& tx) -> Result<NewLock> {
    const std::optional<LfsLock> before =
        TRY(tx.find(fmt::format("{}WHERE repository = ? AND path = ?", kLockColumns),
                    {repository, path}, read_lock));
    if (before) return NewLock{*before, false};
    TRY(
        tx.send("INSERT INTO lfs_locks(id, repository, path, ref, owner, locked_at) "
                "VALUES(?, ?, ?, ?, ?, ?)",
                {made.id, repository, path, ref, owner, made.locked_at}));
    TRY(tx.append_event(
        {.kind = "lfs.locked", .subject = subject(repository), .payload = {{"path", path}}}));
    return NewLock{made, true};
  });
}

Result<LockPage> LfsFiles::locks(const std::string& repository, const LockQuery& query) {
  LockPage page;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        fmt::format("{}WHERE repository = ? AND path > ? AND (? = '' OR path = ?) AND (? = '' OR "
                    "id = ?) ORDER BY path LIMIT ?",
                    kLockColumns),
        {repository, query.after_path, query.path, query.path, query.id, query.id, query.limit + 1},
        [&](const store::Row& row) { page.locks.push_back(read_lock(row)); });
  }));
  page.is_truncated = page.locks.size() > query.limit;
  if (page.is_truncated) page.locks.pop_back();
  return page;
}

Result<LfsLock> LfsFiles::unlock(const std::string& repository, const std::string& id,
                                 const std::string& user, Force force) {
  return db_.write([&](store::Tx& tx) -> Result<LfsLock> {
    const std::optional<LfsLock> lock =
        TRY(tx.find(fmt::format("{}WHERE repository = ? AND id = ?", kLockColumns),
                    {repository, id}, read_lock));
    if (!lock) return base::error(Code::kNotFound, "there is no such lock: id={}", id);
    if (lock->owner != user && force == Force::kNo) {
      return base::error(Code::kPermissionDenied,
                         "the lock is another's; `git lfs unlock --force` takes it, with MANAGE on "
                         "the workspace: path={} owner={}",
                         lock->path, lock->owner);
    }
    TRY(tx.send("DELETE FROM lfs_locks WHERE id = ?", {id}));
    TRY(tx.append_event({.kind = "lfs.unlocked",
                         .subject = subject(repository),
                         .payload = {{"path", lock->path}, {"owner", lock->owner}}}));
    return *lock;
  });
}

}  // namespace slipway::objects
