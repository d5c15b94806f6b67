// Db on PostgreSQL 13 or newer: one writing connection with group commit, a pool of readers.
//
// Whoever writes holds one advisory lock of the database until the commit is durable. So writes of
// all servers happen one after the other, as in SQLite: bodies never see each other's half-done
// work, nothing has to be tried again because of a neighbour, and events commit in the order of
// their numbers, which the sealer relies on. docs/decisions/0010-postgresql.md says what that
// costs.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"

namespace slipway::store {

struct PostgresOptions {
  std::string url;                 // as parse_postgres_url returns it
  std::string schema = "slipway";  // created when missing; holds every table
  std::size_t readers = 4;         // most connections for run_read, opened when needed
  std::size_t group_writes_max = 256;
  std::size_t queue_length_max =
      16'384;  // waiting writes; more are refused with kResourceExhausted
};

// `clock` stamps arrival times, `random` salts digests; both must outlive the Db. kUnavailable: the
// server can't be reached, now or later: the Db connects again by itself when it is back.
// kFailedPrecondition: the server or the database is not one we can use. kPermissionDenied: the
// schema is missing and may not be created.
Result<std::unique_ptr<Db>> open_postgres(PostgresOptions options, const base::Clock& clock,
                                          base::Random& random);

}  // namespace slipway::store
