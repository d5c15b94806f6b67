// Rows of somebody else's PostgreSQL as CSV text: read in one read-only transaction, never written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

struct PostgresExport {
  std::vector<std::pair<std::string, types::ColumnType>> columns;
  std::vector<std::pair<std::string, std::string>> left_out;  // name and type that no Frame has
  // RFC 4180 without a header; a missing value is an empty cell, an empty text is quoted. Times are
  // in UTC.
  std::string csv;
};

// What `query`, a SELECT, gives, in its order as long as nothing is left out. `url`:
// postgresql://... kUnavailable: the server can't be reached, or answers no more.
// kDeadlineExceeded, kResourceExhausted: beyond the limits. kPermissionDenied, kInvalidArgument: in
// the server's words. Messages never have the URL.
struct PostgresExportLimits {
  int seconds = 600;
  std::int64_t bytes = 32ll << 30;  // of CSV
};
Result<PostgresExport> export_postgres(std::string_view url, std::string_view query,
                                       const PostgresExportLimits& limits);

// A table's name, "rides" or "public.rides", as SQL: quoted part by part.
std::string postgres_table_name(std::string_view table);

}  // namespace slipway::store
