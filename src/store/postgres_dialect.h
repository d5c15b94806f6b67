// The common subset of SQL in PostgreSQL's spelling. Pure.
#pragma once

#include <string>
#include <string_view>

namespace slipway::store {

enum class StatementKind {
  kQuery,    // SELECT, WITH
  kChange,   // INSERT, UPDATE, DELETE
  kCommand,  // CREATE, BEGIN ...: not worth preparing
};
StatementKind statement_kind(std::string_view sql);

// `?` outside of quotes and comments becomes $1, $2 ...
//
// In CREATE TABLE and ALTER TABLE the types that rooms declare their tables with, in upper case,
// become: INTEGER -> BIGINT; REAL -> DOUBLE PRECISION; BLOB -> BYTEA; TEXT -> TEXT COLLATE "C", so
// that texts are ordered by their bytes as in SQLite, whatever the database's locale; INTEGER
// PRIMARY KEY [AUTOINCREMENT] -> a BIGINT that counts up when none is given; WITHOUT ROWID is left
// out.
std::string to_postgres(std::string_view sql);

}  // namespace slipway::store
