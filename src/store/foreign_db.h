// A database that belongs to somebody else: read, never written, not even its journal.
#pragma once

#include <filesystem>
#include <memory>

#include "store/db.h"

namespace slipway::store {

// One thread at a time. Each read sees one snapshot; what the owner commits in between is seen by
// the next.
class ForeignDb {
 public:
  virtual ~ForeignDb() = default;
  virtual Result<void> read(const std::function<Result<void>(Reader&)>& body) = 0;
};

// kNotFound: no such file. kCorruption: not a database. kFailedPrecondition: its owner crashed and
// has to open it once, because that repair would write.
Result<std::unique_ptr<ForeignDb>> open_foreign_sqlite(const std::filesystem::path& file);
// "postgresql://...", also with SQLAlchemy's driver in it. kUnavailable: the server can't be
// reached.
Result<std::unique_ptr<ForeignDb>> open_foreign_postgres(std::string_view url);

}  // namespace slipway::store
