// Which trials go on and which are stopped early, by what they report on the way. Pure.
//
// L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht, A. Talwalkar: A
// System for Massively Parallel Hyperparameter Tuning (MLSys 2020; arXiv 2018), algorithm 2, in the
// form that stops trials instead of pausing them, as Optuna's SuccessiveHalvingPruner does: rung k
// is at step min * reduction^k below max. A trial that comes to a rung leaves its value there, and
// goes on when it is among the best floor(n / reduction) of the n values that are there by then,
// its own among them; while that is none, when it is the best. Nobody waits for others, so what is
// decided depends on who came first. A trial that comes to `max` is done by itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

struct StopEarly {
  std::int64_t min = 1;        // step of the first rung
  std::int64_t max = 0;        // no rung from here on
  std::int64_t reduction = 3;  // one in so many goes on
  std::string metric;          // that trials report; empty: the search's own

  bool operator==(const StopEarly&) const = default;
};

// kInvalidArgument with line and column.
Result<StopEarly> read_stop_early(const types::YamlNode& node);

// The steps of the rungs, in order.
std::vector<std::int64_t> rungs(const StopEarly& stop);

struct Report {
  std::int64_t step = 0;
  double value = 0;
  bool operator==(const Report&) const = default;
};

// What the trial leaves at the rung at `step`: its first report at that step or behind it; null: it
// has not come there. `reports` are in the order of their steps.
const Report* report_at(std::span<const Report> reports, std::int64_t step);

// `values`: of all that came to the rung, `own` among them. Not finite: it doesn't go on.
bool goes_on(const StopEarly& stop, bool maximizes, std::span<const double> values, double own);

}  // namespace slipway::pipelines
