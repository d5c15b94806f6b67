#include "tracking/metric_upgrade.h"

#include <cstring>
#include <map>

#include "base/log.h"
#include "tracking/metric_keys.h"
#include "tracking/metric_series.h"
#include "tracking/run_changes.h"

namespace slipway::tracking {
namespace {

constexpr std::int64_t kRunsPerStep = 100;
constexpr std::size_t kOldPointBytes = 24;  // timestamp in ms, step, value; little-endian

// Appends the points of an old block.
Result<void> read_old_block(std::string_view block, std::uint32_t key, std::vector<Point>& points) {
  if (block.size() % kOldPointBytes != 0) {
    return base::error(Code::kCorruption, "a metric block has a wrong length: bytes={}",
                       block.size());
  }
  for (const char* at = block.data(); at != block.data() + block.size(); at += kOldPointBytes) {
    Point point{.key = key};
    std::memcpy(&point.timestamp_ms, at, 8);
    std::memcpy(&point.step, at + 8, 8);
    std::memcpy(&point.value, at + 16, 8);
    points.push_back(point);
  }
  return {};
}

Result<void> upgrade_run(store::Tx& tx, std::int64_t run) {
  std::map<std::string, std::vector<std::string>> blocks;  // by key
  TRY(tx.query("SELECT key, points FROM metric_blocks WHERE run = ? ORDER BY key, block", {run},
               [&](const store::Row& row) { blocks[row.string(0)].push_back(row.string(1)); }));
  std::vector<Point> points;
  for (const auto& [key, packed] : blocks) {
    const std::uint32_t number = TRY(MetricKeys::ensure(tx, key));
    for (const std::string& block : packed) TRY(read_old_block(block, number, points));
  }
  TRY(append_points(tx, run, points));
  TRY(tx.send("DELETE FROM metric_blocks WHERE run = ?", {run}));
  TRY(tx.send("DELETE FROM run_metrics WHERE run = ?", {run}));
  return {};
}

// The number of runs that were upgraded.
Result<std::int64_t> upgrade_some(store::Tx& tx) {
  std::vector<std::int64_t> runs;
  TRY(tx.query("SELECT DISTINCT run FROM run_metrics ORDER BY run LIMIT ?", {kRunsPerStep},
               [&](const store::Row& row) { runs.push_back(row.int64(0)); }));
  if (runs.empty()) return 0;
  std::int64_t change = 0;  // taken, as by every write of runs
  TRY(next_change(tx, change));
  for (const std::int64_t run : runs) TRY(upgrade_run(tx, run));
  return std::ssize(runs);
}

}  // namespace

Result<void> upgrade_metrics(store::Db& db) {
  std::int64_t done = 0;
  while (const std::int64_t some = TRY(db.write(upgrade_some))) {
    done += some;
    if (done % 10'000 == 0) base::log_info("tracking", "metrics are being repacked: runs={}", done);
  }
  if (done > 0) base::log_info("tracking", "metrics were repacked: runs={}", done);
  return {};
}

}  // namespace slipway::tracking
