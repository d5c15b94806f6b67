// What an input looked like over some time: counts, moments, quantiles, distinct and frequent
// values, in a few kilobytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/profile/frequent_items.h"
#include "monitor/profile/hll_sketch.h"
#include "monitor/profile/kll_sketch.h"
#include "monitor/profile/running_moments.h"
#include "types/frame.h"

namespace slipway::monitor {

// Mergeable in any order: hours make days, days a year. How far each answer may be off stands with
// the sketch that gives it, and in to_json(). A value.
class InputProfile {
 public:
  // These rows of a column. Whole numbers, truth values and times count as numbers.
  void add(const types::Column& column, const std::vector<std::size_t>& rows);
  void merge(const InputProfile& other);

  std::uint64_t rows() const { return rows_; }
  std::uint64_t missing() const { return missing_; }  // nothing there, or NaN
  std::uint64_t infinite() const { return infinite_; }
  const RunningMoments& moments() const { return moments_; }
  const KllSketch& quantiles() const { return quantiles_; }
  const HllSketch& distinct() const { return distinct_; }
  const FrequentItems& frequent() const { return frequent_; }

  // {"rows", "missing", "infinite", "distinct": {"estimate", "low", "high"},
  //  "numbers": {"count", "mean", "deviation", ..., "quantiles": {"0.01": x, ...}, "rank_error"},
  //  "texts": {"count", "count_error", "frequent": [{"text", "count_min", "count_max"}]}}
  JsonObject to_json() const;

  // docs/formats/profiles.md
  std::string to_bytes() const;
  // kCorruption.
  static Result<InputProfile> from_bytes(std::string_view bytes);

 private:
  std::uint64_t rows_ = 0, missing_ = 0, infinite_ = 0;
  RunningMoments moments_;
  KllSketch quantiles_;
  HllSketch distinct_;
  FrequentItems frequent_;
};

}  // namespace slipway::monitor
