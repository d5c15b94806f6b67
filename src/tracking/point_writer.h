// Writes the points that many callers log at the same time.
#pragma once

#include <string>
#include <vector>

#include "store/db.h"
#include "tracking/metric_keys.h"
#include "tracking/metric_series.h"
#include "tracking/values.h"

namespace slipway::tracking {

// What callers bring at the same time is one read and one write of the Db, however many runs it
// belongs to. Safe to use from several threads. Everything given to the constructor must outlive
// it.
class PointWriter final : public store::JointWrite {
 public:
  PointWriter(store::Db& db, MetricKeys& keys) : db_(db), keys_(keys) {}

  // All or nothing. kNotFound: no such run. kFailedPrecondition: it is deleted. kInvalidArgument: a
  // key that can't be one.
  Result<void> append(const std::string& run, const std::vector<Metric>& metrics);

  Result<void> run(store::Tx& tx, std::span<store::JointItem* const> items) override;

 private:
  struct Item;
  // Gives numbers to keys that were not seen before.
  static Result<void> number_keys(store::Tx& tx, std::span<Item* const> items);

  store::Db& db_;
  MetricKeys& keys_;
};

// Points with the numbers of their keys, as far as those were seen; the others are checked.
Result<std::vector<Point>> to_points(const MetricKeys& keys, const std::vector<Metric>& metrics);

}  // namespace slipway::tracking
