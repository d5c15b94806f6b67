// Files of Git repositories that Git LFS keeps elsewhere, by the SHA-256 of their content; and
// locks on paths, so that two people don't change what can't be merged.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "objects/contents.h"

namespace slipway::objects {

struct LfsFile {
  std::string oid;  // SHA-256 in lower-case hex
  std::int64_t bytes = 0;
  std::vector<Piece> pieces;
};

struct LfsLock {
  std::string id, path, ref, owner;
  base::Timestamp locked_at;
};

struct LockQuery {
  std::string path, id;    // exactly this one; empty: any
  std::string after_path;  // those behind it, in the order of paths
  std::size_t limit = 100;
};

struct LockPage {
  std::vector<LfsLock> locks;
  bool is_truncated = false;
};

// Letters, digits, '.', '_' and '-', the first one a letter or digit, at most 100.
// kInvalidArgument.
Result<void> check_lfs_repository(std::string_view name);
// 64 digits of 0-9 and a-f. kInvalidArgument.
Result<void> check_oid(std::string_view oid);

// Safe to use from several threads; what is given must outlive it. A repository is there with its
// first file or lock.
class LfsFiles {
 public:
  LfsFiles(store::Db& db, const base::Clock& clock, base::Random& random, Contents& contents)
      : db_(db), clock_(clock), random_(random), contents_(contents) {}

  // In the order asked for; nothing where the repository has none of that name.
  Result<std::vector<std::optional<LfsFile>>> find(const std::string& repository,
                                                   const std::vector<std::string>& oids);
  // What has arrived is the repository's; its name is that of its content. False: it was already.
  Result<bool> put(const std::string& repository, const Arrival& arrival);

  struct NewLock {
    LfsLock lock;
    bool is_new = false;  // false: somebody has locked the path already, so
  };
  Result<NewLock> lock(const std::string& repository, const std::string& path,
                       const std::string& ref, const std::string& owner);
  Result<LockPage> locks(const std::string& repository, const LockQuery& query);
  // kNotFound. kPermissionDenied: another's, and not by force.
  enum class Force { kNo, kYes };
  Result<LfsLock> unlock(const std::string& repository, const std::string& id,
                         const std::string& user, Force force);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  Contents& contents_;
};

}  // namespace slipway::objects
