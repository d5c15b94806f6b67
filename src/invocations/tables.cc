#include "invocations/tables.h"

namespace slipway::invocations {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE invocations(
  number INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  inference_id TEXT NOT NULL,
  input TEXT NOT NULL,
  body BLOB NOT NULL,
  content_type TEXT NOT NULL,
  output TEXT NOT NULL,
  failure TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  call_limit_us INTEGER NOT NULL)
)sql";

}  // namespace

store::RoomMigrations migrations() { return {"invocations", {{1, kFirst}}}; }

}  // namespace slipway::invocations
