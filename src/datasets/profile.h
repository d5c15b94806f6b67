// What a table looks like, column by column. Pure.
#pragma once

#include "base/json.h"
#include "types/frame.h"

namespace slipway::datasets {

// [{"name","type","rows","missing", numbers: "min","max","mean","stddev","p05","p50","p95"; texts
// and numbers: "distinct" (exact up to kDistinctMax, then null), texts: "top":[{"value","rows"}];
// times: "min","max"}]. Quantiles are nearest rank; the standard deviation is the sample's.
JsonArray profile(const types::Frame& frame);

inline constexpr std::size_t kDistinctMax = 100'000;
inline constexpr std::size_t kTopValues = 10;

}  // namespace slipway::datasets
