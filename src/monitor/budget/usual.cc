#include "monitor/budget/usual.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "monitor/drift/distributions.h"

namespace slipway::monitor {
namespace {

constexpr std::array<double, 4> kDegrees = {2.5, 4, 8, 30};
constexpr int kRounds = 6;
constexpr double kWeightDegrees = 4;  // what is far out counts for less
constexpr double kCorrelationMax = 0.95;
constexpr double kErrorMax = 2.5;        // as far as one value speaks for a correlation
constexpr double kRelativeFloor = 1e-3;  // changes by less are none, however still it was before

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// How far values are from 0, as a standard deviation that outliers don't move.
double robust_spread(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return 1.4826 * median(std::move(values));
}

double student_log_density(double z, double degrees, double spread) {
  const double t = z / spread;
  return std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2) - 0.5 * std::log(degrees) -
         std::log(spread) - (degrees + 1) / 2 * std::log1p(t * t / degrees);
}

// The spread that makes errors most likely, by iterated weights.
double student_spread(const std::vector<double>& errors, double degrees) {
  double square = std::pow(std::max(robust_spread(errors), 1e-3), 2);
  for (int round = 0; round < 20; ++round) {
    double sum = 0;
    for (const double error : errors)
      sum += (degrees + 1) * error * error / (degrees + error * error / square);
    square = std::max(sum / static_cast<double>(errors.size()), 1e-6);
  }
  return std::sqrt(square);
}

}  // namespace

Scale scale_of(std::string_view metric) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), metric) != names.end();
  };
  if (metric == "requests") return Scale::kCount;
  if (is_one_of({"error_rate", "completeness", "late_rate", "accuracy", "missing_rate",
                 "unseen_rate", "missing_rate_max", "unseen_rate_max", "skew_rate", "drifted_share",
                 "violation_rate"})) {
    return Scale::kShare;
  }
  if (is_one_of({"latency_ms_p50", "latency_ms_p99", "log_loss", "log_loss_ratio"}))
    return Scale::kPositive;
  if (is_one_of({"prediction_psi", "feature_psi_max", "psi"})) return Scale::kDistance;
  return Scale::kPlain;
}

double Usual::to_scale(double value, double rows) const {
  switch (scale_) {
    case Scale::kPlain:
      return value;
    case Scale::kShare:
      return std::asin(std::sqrt(std::clamp((value * rows + 0.375) / (rows + 0.75), 0.0, 1.0)));
    case Scale::kPositive:
    case Scale::kCount:
      return std::log(std::max(value, 0.0) + offset_);
    case Scale::kDistance:
      return std::log(std::max(value, 0.0) * std::min(1.0, rows / usual_rows_) + offset_);
  }
  return value;
}

double Usual::value_at(const Expected& expected, double z) const {
  const double x = expected.middle + z * expected.spread;
  const double rows = expected.rows;
  switch (scale_) {
    case Scale::kPlain:
      return x;
    case Scale::kShare: {
      const double share = std::pow(std::sin(std::clamp(x, 0.0, std::asin(1.0))), 2);
      return std::clamp((share * (rows + 0.75) - 0.375) / rows, 0.0, 1.0);
    }
    case Scale::kPositive:
    case Scale::kCount:
      return std::max(0.0, std::exp(x) - offset_);
    case Scale::kDistance:
      return std::max(0.0, std::exp(x) - offset_) / std::min(1.0, rows / usual_rows_);
  }
  return x;
}

// Whatever part of the variance is sampling error is taken to be all of it: fewer rows than usual
// widen the bounds, more don't narrow them.
double Usual::noise(double rows) const {
  return scale_ == Scale::kCount ? 1 : std::max(1.0, usual_rows_ / std::max(rows, 1.0));
}

double Usual::season_at(std::int64_t step) const {
  if (season_.empty()) return 0;
  const auto size = static_cast<std::int64_t>(season_.size());
  return season_[static_cast<std::size_t>((step % size + size) % size)];
}

Usual Usual::learn(Scale scale, const std::vector<Observation>& past, std::int64_t season) {
  Usual usual;
  usual.scale_ = scale;
  usual.count_ = std::ssize(past);
  usual.last_step_ = past.back().step;
  const std::size_t n = past.size();
  const auto count = static_cast<double>(n);
  std::vector<double> rows(n), values(n);
  for (std::size_t i = 0; i < n; ++i) rows[i] = past[i].rows, values[i] = past[i].value;
  usual.usual_rows_ = std::max(1.0, median(rows));
  const double typical = std::abs(median(values));
  if (scale != Scale::kPlain && scale != Scale::kShare)
    usual.offset_ = scale == Scale::kCount ? 1 : std::max(0.01 * typical, 1e-12);
  // Below it nothing is a change, and so many rows have at least that error.
  if (scale == Scale::kPlain) usual.floor_ = std::max(kRelativeFloor * typical, 1e-12);
  if (scale == Scale::kShare) usual.floor_ = std::sqrt(1 / (4 * usual.usual_rows_ + 2));
  if (scale == Scale::kPositive || scale == Scale::kDistance) usual.floor_ = 0.01;
  if (scale == Scale::kCount) usual.floor_ = std::sqrt(1e-4 + 1 / (typical + 1));

  std::vector<double> x(n), widths(n), weights(n, 1.0), errors(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = usual.to_scale(past[i].value, past[i].rows);
    widths[i] = std::sqrt(usual.noise(past[i].rows));
  }
  usual.middle_ = median(x);
  std::vector<double> effects(static_cast<std::size_t>(std::max<std::int64_t>(season, 0)), 0.0);
  double shrunk = 0;  // 0: no season, 1: as it was seen
  for (int round = 0; round < kRounds; ++round) {
    usual.season_ = effects;
    for (std::size_t i = 0; i < n; ++i)
      errors[i] = (x[i] - usual.middle_ - usual.season_at(past[i].step)) / widths[i];
    const double spread = std::max(robust_spread(errors), usual.floor_);
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double z = errors[i] / spread;
      weights[i] = (kWeightDegrees + 1) / (kWeightDegrees + z * z) / (widths[i] * widths[i]);
      sum += weights[i] * (x[i] - usual.season_at(past[i].step));
      total += weights[i];
    }
    usual.middle_ = sum / total;
    if (effects.empty()) continue;
    std::vector<double> sums(effects.size(), 0.0), totals(effects.size(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>((past[i].step % season + season) % season);
      sums[at] += weights[i] * (x[i] - usual.middle_);
      totals[at] += weights[i];
    }
    double mean = 0, squares = 0, by_chance = 0, known = 0;
    std::vector<double> seen(effects.size(), 0.0);
    for (std::size_t at = 0; at < effects.size(); ++at) {
      if (totals[at] <= 0) continue;
      seen[at] = sums[at] / totals[at];
      mean += seen[at];
      by_chance += spread * spread / totals[at];
      known += 1;
    }
    mean /= std::max(known, 1.0);
    for (std::size_t at = 0; at < effects.size(); ++at) {
      if (totals[at] > 0) squares += (seen[at] - mean) * (seen[at] - mean);
    }
    const double between = squares / std::max(known - 1, 1.0);
    by_chance /= std::max(known, 1.0);
    shrunk = between > 0 ? std::max(0.0, 1 - by_chance / between) : 0;
    for (std::size_t at = 0; at < effects.size(); ++at)
      effects[at] = totals[at] > 0 ? shrunk * (seen[at] - mean) : 0;
  }
  for (std::size_t i = 0; i < n; ++i)
    errors[i] = x[i] - usual.middle_ - usual.season_at(past[i].step);

  // What neighbours have in common; corrected for what a short history hides of it.
  const double spread = std::max(robust_spread(errors), usual.floor_);
  double products = 0, squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double z = std::clamp(errors[i] / spread / widths[i], -kErrorMax, kErrorMax);
    squares += z * z;
    if (i == 0 || past[i].step != past[i - 1].step + 1) continue;
    const double before = std::clamp(errors[i - 1] / spread / widths[i - 1], -kErrorMax, kErrorMax);
    products += z * before;
  }
  double correlation = squares > 0 ? products / squares : 0;
  correlation += (1 + 3 * correlation) * (1 + shrunk) / count;
  usual.correlation_ = std::clamp(correlation, 0.0, kCorrelationMax);
  usual.last_error_ = errors.back();

  // Errors of what would have been expected, as of a value that wasn't learned from.
  const double phi = usual.correlation_;
  const double parameters =
      1 + shrunk * std::max(0.0, static_cast<double>(effects.size()) - 1) + (phi > 0 ? 1 : 0);
  const double leverage = std::min(parameters / count, 0.5);
  std::vector<double> surprises(n);
  for (std::size_t i = 0; i < n; ++i) {
    double error = errors[i], growth = 1 / std::sqrt(1 - phi * phi);
    if (i > 0) {
      const double kept = std::pow(phi, static_cast<double>(past[i].step - past[i - 1].step));
      error -= kept * errors[i - 1];
      growth = std::sqrt((1 - kept * kept) / (1 - phi * phi));
    }
    surprises[i] = error / growth / widths[i] / (1 - leverage);
  }
  const double unit = std::max(robust_spread(surprises), usual.floor_);
  for (double& surprise : surprises) surprise /= unit;
  double best = -1e300;
  for (const double degrees : kDegrees) {
    Tail tail{.degrees = 1 / (1 / degrees + 1 / std::max(count - parameters, 2.0)),
              .spread = student_spread(surprises, degrees)};
    for (const double surprise : surprises)
      tail.weight += student_log_density(surprise, degrees, tail.spread);
    best = std::max(best, tail.weight);
    usual.tails_.push_back(tail);
  }
  double total = 0;
  for (Tail& tail : usual.tails_) total += tail.weight = std::exp(tail.weight - best);
  for (Tail& tail : usual.tails_) {
    tail.weight /= total;
    tail.spread = std::max(tail.spread * unit, usual.floor_);
  }
  return usual;
}

void Usual::follow(const Observation& last) {
  last_step_ = last.step;
  last_error_ = to_scale(last.value, last.rows) - middle_ - season_at(last.step);
}

Expected Usual::expect(std::int64_t step, double rows) const {
  const double kept = std::pow(correlation_, static_cast<double>(step - last_step_));
  return {.middle = middle_ + season_at(step) + kept * last_error_,
          .spread = std::sqrt((1 - kept * kept) / (1 - correlation_ * correlation_) * noise(rows)),
          .rows = rows};
}

double Usual::distance(const Expected& expected, double value) const {
  return (to_scale(value, expected.rows) - expected.middle) / expected.spread;
}

double Usual::chance_above(double z) const {
  double chance = 0;
  for (const Tail& tail : tails_) {
    const double half = student_two_sided(z / tail.spread, tail.degrees) / 2;
    chance += tail.weight * (z > 0 ? half : 1 - half);
  }
  return chance;
}

double Usual::limit(double chance) const {
  double low = 0, high = tails_.front().spread;
  while (chance_above(high) > chance && high < 1e12 * tails_.front().spread) low = high, high *= 2;
  for (int round = 0; round < 30; ++round) {
    const double middle = (low + high) / 2;
    (chance_above(middle) > chance ? low : high) = middle;
  }
  return high;
}

}  // namespace slipway::monitor
