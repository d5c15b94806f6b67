// Db on SQLite in WAL mode: one writer thread with group commit, readers beside it.
#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"

namespace slipway::store {

struct SqliteOptions {
  std::filesystem::path file;
  std::size_t readers = 4;             // connections for run_read
  std::size_t group_writes_max = 512;  // bodies under one commit
  std::size_t queue_length_max =
      16'384;  // waiting writes; more are refused with kResourceExhausted
};

// Opens or creates the file. `clock` stamps arrival times, `random` salts digests; both must
// outlive the Db. kUnavailable: another process has it open for writing. kCorruption: not a
// database.
Result<std::unique_ptr<Db>> open_sqlite(SqliteOptions options, const base::Clock& clock,
                                        base::Random& random);

}  // namespace slipway::store
