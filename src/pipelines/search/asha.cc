#include "pipelines/search/asha.h"

#include <algorithm>
#include <cmath>

namespace slipway::pipelines {
namespace {

constexpr std::int64_t kStepsMax = 1'000'000'000;
constexpr std::int64_t kReductionMax = 1000;

}  // namespace

Result<StopEarly> read_stop_early(const types::YamlNode& node) {
  StopEarly stop;
  types::YamlMap map = TRY(node.map("stop_early"));
  const types::YamlNode method = TRY(map.get("method"));
  if (const std::string name = TRY(method.text()); name != "asha")
    return method.error("stop_early has one method, asha: got={}", name);
  stop.min = TRY(map.find_integer("min", 1, kStepsMax)).value_or(stop.min);
  const types::YamlNode max = TRY(map.get("max"));
  stop.max = TRY(max.integer("max", 1, kStepsMax));
  if (stop.max <= stop.min)
    return max.error("max must be more than min, or nothing is ever stopped: min={} max={}",
                     stop.min, stop.max);
  stop.reduction = TRY(map.find_integer("reduction", 2, kReductionMax)).value_or(stop.reduction);
  if (const auto metric = map.find("metric")) {
    stop.metric = TRY(metric->text());
    if (stop.metric.empty()) return metric->error("metric is empty");
  }
  TRY(map.finish());
  return stop;
}

std::vector<std::int64_t> rungs(const StopEarly& stop) {
  std::vector<std::int64_t> steps;
  for (std::int64_t step = stop.min; step < stop.max; step *= stop.reduction) steps.push_back(step);
  return steps;
}

const Report* report_at(std::span<const Report> reports, std::int64_t step) {
  const auto found = std::find_if(reports.begin(), reports.end(),
                                  [&](const Report& report) { return report.step >= step; });
  return found == reports.end() ? nullptr : &*found;
}

bool goes_on(const StopEarly& stop, bool maximizes, std::span<const double> values, double own) {
  if (!std::isfinite(own)) return false;
  const auto better = std::count_if(values.begin(), values.end(), [&](double value) {
    return maximizes ? value > own : value < own;
  });
  const auto places = static_cast<std::int64_t>(values.size()) / stop.reduction;
  return better < std::max<std::int64_t>(places, 1);
}

}  // namespace slipway::pipelines
