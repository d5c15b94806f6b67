#include "cli/drill/changes.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/hash.h"

namespace slipway::cli {
namespace {

constexpr double kSure = 1e-6;  // no answer is surer in a logarithm

}  // namespace

using base::Timestamp;
using types::Column;

double draw(const Dose& dose, std::string_view salt, std::size_t row) {
  const std::uint64_t hash = base::hash64(fmt::format("{}/{}/{}", dose.seed, salt, row));
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

double Dose::share_at(Timestamp time) const {
  if (time < start) return 0;
  if (time >= start + ramp) return share;
  return share * static_cast<double>((time - start).micros) / static_cast<double>(ramp.micros);
}

bool is_hit(const Dose& dose, std::string_view salt, std::size_t row, Timestamp time) {
  return draw(dose, salt, row) < dose.share_at(time);
}

namespace {

bool has_time(const Recording& recording, std::size_t row) {
  return recording.requests.find(recording.event_time)->is_valid(row);
}

}  // namespace

Rows hit_requests(const Recording& recording, const Dose& dose, std::string_view salt) {
  Rows rows;
  for (std::size_t row = 0; row < recording.requests.rows(); ++row) {
    if (has_time(recording, row) && is_hit(dose, salt, row, recording.time(row)))
      rows.push_back(row);
  }
  return rows;
}

Rows all_after(const Recording& recording, Timestamp start) {
  return hit_requests(recording, {.start = start, .until = start}, "");
}

void drop(Recording& recording, std::size_t row) {
  recording.requests.find(recording.event_time)->set_null(row);
  if (!recording.label_times.empty()) recording.label_times[row].reset();
}

bool counts_twice(std::string_view source, const std::vector<LookedUp>& looked_up) {
  return std::any_of(looked_up.begin(), looked_up.end(), [&](const LookedUp& one) {
    return one.source == source && one.window != base::Duration{} && !one.is_deduplicated;
  });
}

bool is_binary(const Recording& recording) {
  return !recording.labels.empty() &&
         std::all_of(recording.labels.begin(), recording.labels.end(),
                     [](const auto& label) { return !label || *label == 0 || *label == 1; });
}

double loss_of(double answer, double outcome, bool is_yes_or_no) {
  if (!is_yes_or_no) return (answer - outcome) * (answer - outcome);
  const double sure = std::clamp(answer, kSure, 1 - kSure);
  return -std::log(outcome == 1 ? sure : 1 - sure);
}

std::string most_frequent(const Column& column) {
  std::map<std::string, std::size_t> counts;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.is_valid(row)) ++counts[column.strings[row]];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::string() : most->first;
}

double median(const Column& column) {
  std::vector<double> values;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const double value = column.number(row);
    if (!std::isnan(value)) values.push_back(value);
  }
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace slipway::cli
