// A metric with its confidence interval: 95 %, of a single look (for many looks: sequential.h).
// Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>

#include "types/sequential.h"

namespace slipway::types {

// NaN: could not be computed.
struct Measured {
  double value = 0;
  Interval interval;
};
using Measures = std::map<std::string, Measured>;  // by the metric's name

Measured not_measured();

// Of an estimate that is about normal; the interval ends at `low` and `high`.
Measured with_error(double value, double standard_error,
                    double low = -std::numeric_limits<double>::infinity(),
                    double high = std::numeric_limits<double>::infinity());
// The mean of independent values.
Measured mean_of(std::span<const double> values,
                 double low = -std::numeric_limits<double>::infinity(),
                 double high = std::numeric_limits<double>::infinity());
// The share hits / total, by Wilson's score interval. `otherwise` is its value when there is none
// of `total`.
Measured share_of(double hits, double total, double otherwise);

// Standard errors of metrics without a formula for it: `measure` is asked 200 times for their
// values on `units` drawn with replacement, which come as indexes in rising order. More than 5000
// units are thinned evenly and the errors scaled to all. The same units give the same errors.
using Values = std::map<std::string, double>;
Values bootstrap_errors(std::size_t units,
                        const std::function<Values(std::span<const std::size_t>)>& measure);

}  // namespace slipway::types
