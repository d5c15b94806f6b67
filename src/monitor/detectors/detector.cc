#include "monitor/detectors/detector.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/detectors/adwin.h"
#include "monitor/detectors/kswin.h"
#include "types/sequential.h"

namespace slipway::monitor {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRequired = std::numeric_limits<double>::quiet_NaN();

// Plain members of a detector, as bytes.
template <typename... Members>
void write_all(ByteWriter& out, const Members&... members) {
  (out.real(static_cast<double>(members)), ...);
}
template <typename... Members>
Result<void> read_all(ByteReader& in, Members&... members) {
  Result<void> outcome;
  const auto one = [&](auto& member) {
    if (!outcome) return;
    const auto value = in.real();
    if (value) {
      member = static_cast<std::remove_reference_t<decltype(member)>>(*value);
    } else {
      outcome = value.error();
    }
  };
  (one(members), ...);
  return outcome;
}

// Page (1954) and Hinkley (1971): the sum of what is above, or below, the mean so far.
class PageHinkley final : public Detector {
 public:
  struct Options {
    double min_instances, delta, threshold, alpha;
    bool up, down;
  };
  explicit PageHinkley(Options options) : options_(options) {}

  bool update(double value) override {
    if (state_.changed) state_ = State();
    State& s = state_;
    s.n += 1;
    s.mean += 1 / s.n * (value - s.mean);
    const double off = value - s.mean;
    s.rise = options_.alpha * s.rise + off - options_.delta;
    s.fall = options_.alpha * s.fall + off + options_.delta;
    s.rise_min = std::min(s.rise_min, s.rise);
    s.fall_max = std::max(s.fall_max, s.fall);
    if (s.n < options_.min_instances) return false;
    s.changed = (options_.up && s.rise - s.rise_min > options_.threshold) ||
                (options_.down && s.fall_max - s.fall > options_.threshold);
    return s.changed;
  }
  void write(ByteWriter& out) const override {
    const State& s = state_;
    write_all(out, s.n, s.mean, s.rise, s.fall, s.rise_min, s.fall_max, s.changed);
  }
  Result<void> read(ByteReader& in) override {
    State& s = state_;
    return read_all(in, s.n, s.mean, s.rise, s.fall, s.rise_min, s.fall_max, s.changed);
  }

 private:
  struct State {
    double n = 0, mean = 0, rise = 0, fall = 0, rise_min = kInfinity, fall_max = -1;
    bool changed = false;
  };
  const Options options_;
  State state_;
};

// Gama et al. 2004: the error rate is beyond its best by some standard deviations.
class Ddm final : public Detector {
 public:
  Ddm(double warm_start, double threshold) : warm_start_(warm_start), threshold_(threshold) {}

  bool update(double value) override {
    if (state_.changed) state_ = State();
    State& s = state_;
    s.n += 1;
    s.rate += 1 / s.n * (value - s.rate);
    if (s.n <= warm_start_) return false;
    const double deviation = std::sqrt(s.rate * (1 - s.rate) / s.n);
    if (s.rate + deviation <= s.best_rate + s.best_deviation) {
      s.best_rate = s.rate;
      s.best_deviation = deviation;
    }
    s.changed = s.rate + deviation > s.best_rate + threshold_ * s.best_deviation;
    return s.changed;
  }
  void write(ByteWriter& out) const override {
    const State& s = state_;
    write_all(out, s.n, s.rate, s.best_rate, s.best_deviation, s.changed);
  }
  Result<void> read(ByteReader& in) override {
    State& s = state_;
    return read_all(in, s.n, s.rate, s.best_rate, s.best_deviation, s.changed);
  }

 private:
  struct State {
    double n = 0, rate = 0, best_rate = kInfinity, best_deviation = 0;
    bool changed = false;
  };
  const double warm_start_, threshold_;
  State state_;
};

// Baena-García et al. 2006: errors come in shorter distances than they ever did.
class Eddm final : public Detector {
 public:
  Eddm(double warm_start, double beta) : warm_start_(warm_start), beta_(beta) {}

  bool update(double value) override {
    if (state_.changed) state_ = State();
    State& s = state_;
    s.n += 1;
    if (value != 1) return false;
    s.errors += 1;
    const double distance = s.n - s.last_error, off = distance - s.mean;
    s.mean += 1 / s.errors * off;
    s.squares += off * (distance - s.mean);
    s.last_error = s.n;
    if (s.n <= warm_start_) return false;
    const double variance = s.errors > 1 ? s.squares / (s.errors - 1) : 0;
    const double reach = s.mean + 2 * std::sqrt(variance);
    if (reach > s.reach_max) {
      s.reach_max = reach;
    } else if (s.errors > warm_start_) {
      s.changed = reach / s.reach_max < beta_;
    }
    return s.changed;
  }
  void write(ByteWriter& out) const override {
    const State& s = state_;
    write_all(out, s.n, s.errors, s.last_error, s.mean, s.squares, s.reach_max, s.changed);
  }
  Result<void> read(ByteReader& in) override {
    State& s = state_;
    return read_all(in, s.n, s.errors, s.last_error, s.mean, s.squares, s.reach_max, s.changed);
  }

 private:
  struct State {
    double n = 0, errors = 0, last_error = 0, mean = 0, squares = 0, reach_max = -1;
    bool changed = false;
  };
  const double warm_start_, beta_;
  State state_;
};

// The evidence that the rate of ones is above a bound (types/sequential.h).
class RateAbove final : public Detector {
 public:
  RateAbove(double bound, double alpha) : bound_(bound), evidence_(-std::log(alpha)) {}

  bool update(double value) override {
    if (state_.changed) state_ = State();
    State& s = state_;
    s.total += 1;
    if (!(value > 0.5)) return false;
    // Evidence grows with ones alone.
    s.hits += 1;
    s.changed = types::log_evidence_above(s.hits, s.total, bound_) >= evidence_;
    return s.changed;
  }
  void write(ByteWriter& out) const override {
    write_all(out, state_.hits, state_.total, state_.changed);
  }
  Result<void> read(ByteReader& in) override {
    return read_all(in, state_.hits, state_.total, state_.changed);
  }

 private:
  struct State {
    std::int64_t hits = 0, total = 0;
    bool changed = false;
  };
  const double bound_, evidence_;
  State state_;
};

// The confidence sequence of the mean (types/sequential.h) has left a range. Values that follow
// each other have something in common: the mean's error is that of an autoregression of order one.
class MeanOutside final : public Detector {
 public:
  struct Options {
    double low, high, alpha, tightest_at;
  };
  explicit MeanOutside(Options options) : options_(options) {}

  bool update(double value) override {
    if (state_.changed) state_ = State();
    State& s = state_;
    s.n += 1;
    const double off = value - s.mean;
    s.mean += off / s.n;
    s.squares += off * (value - s.mean);
    if (s.n > 1) s.products += (value - s.mean) * (s.last - s.mean);
    s.last = value;
    // The interval holds in the limit: few values don't speak yet.
    if (s.n < kValuesMin) return false;
    const double common =
        s.squares > 0 ? std::clamp(s.products / s.squares, 0.0, kCorrelationMax) : 0;
    const double error = std::sqrt(s.squares / (s.n - 1) / s.n * (1 + common) / (1 - common));
    const types::Interval mean = types::anytime_interval(
        s.mean, error, static_cast<std::int64_t>(s.n), options_.alpha, options_.tightest_at);
    s.changed = mean.low > options_.high || mean.high < options_.low;
    return s.changed;
  }
  void write(ByteWriter& out) const override {
    write_all(out, state_.n, state_.mean, state_.squares, state_.changed, state_.last,
              state_.products);
  }
  Result<void> read(ByteReader& in) override {
    TRY(read_all(in, state_.n, state_.mean, state_.squares, state_.changed));
    // An older server kept no more: its values had nothing in common.
    if (in.left() == 0) return {};
    return read_all(in, state_.last, state_.products);
  }

 private:
  static constexpr double kValuesMin = 100;
  static constexpr double kCorrelationMax = 0.99;
  struct State {
    double n = 0, mean = 0, squares = 0, last = 0, products = 0;
    bool changed = false;
  };
  const Options options_;
  State state_;
};

}  // namespace

const std::vector<DetectorMethod>& detector_methods() {
  static const std::vector<DetectorMethod> methods = {
      {"adwin",
       "adaptive window: two parts of it differ in their means",
       false,
       false,
       {{"delta", 0.002, 1e-12, 1},
        {"clock", 32, 1, 1e6},
        {"max_buckets", 5, 2, 100},
        {"min_window_length", 5, 1, 1e6},
        {"grace_period", 10, 1, 1e6}}},
      {"page_hinkley",
       "sum of what lies beyond the mean so far; its threshold is in the stream's unit",
       false,
       false,
       {{"min_instances", 30, 1, 1e9},
        {"delta", 0.005, 0, 1e300},
        {"threshold", 50, 0, 1e300},
        {"alpha", 1 - 0.0001, 0, 1},
        {"mode", 0, 0, 2, {"both", "up", "down"}}}},
      {"kswin",
       "the newest values against a sample of those before",
       false,
       false,
       {{"alpha", 0.005, 0, 1},
        {"window_size", 100, 2, 10'000},
        {"stat_size", 30, 1, 5'000},
        {"seed", 0, 0, 4294967295}}},
      {"ddm",
       "the error rate beyond its best by some standard deviations",
       true,
       false,
       {{"warm_start", 30, 1, 1e9}, {"drift_threshold", 3, 0, 1e6}}},
      {"eddm",
       "errors come in shorter distances",
       true,
       false,
       {{"warm_start", 30, 1, 1e9}, {"beta", 0.9, 0, 1}}},
      {"rate_above",
       "evidence that the rate of errors is above a bound; a false alarm ever has a chance of "
       "alpha",
       true,
       true,
       {{"bound", kRequired, 1e-9, 1 - 1e-9}, {"alpha", 0.01, 1e-12, 0.5}}},
      {"mean_outside",
       "the mean, with its confidence sequence, left a range; a false alarm ever has a chance of "
       "alpha in the limit",
       false,
       true,
       {{"low", -1e300, -1e300, 1e300},
        {"high", 1e300, -1e300, 1e300},
        {"alpha", 0.01, 1e-12, 0.5},
        {"tightest_at", 1000, 1, 1e12}}},
  };
  return methods;
}

const DetectorMethod* find_detector_method(std::string_view name) {
  for (const DetectorMethod& method : detector_methods()) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

Result<double> parse_detector_word(std::string_view method, std::string_view parameter,
                                   std::string_view word) {
  if (const DetectorMethod* known = find_detector_method(method)) {
    for (const DetectorParameter& one : known->parameters) {
      if (one.name != parameter) continue;
      const auto at = std::find(one.words.begin(), one.words.end(), word);
      if (at != one.words.end()) return static_cast<double>(at - one.words.begin());
      return base::error(
          Code::kInvalidArgument, "{} of {} must be {}: {}", parameter, method,
          one.words.empty() ? "a number" : fmt::format("one of {}", fmt::join(one.words, ", ")),
          word);
    }
  }
  return base::error(Code::kInvalidArgument, "detector {} has no such parameter: {}", method,
                     parameter);
}

Result<std::unique_ptr<Detector>> make_detector(std::string_view method,
                                                const DetectorParameters& parameters) {
  const DetectorMethod* known = find_detector_method(method);
  if (known == nullptr) {
    std::vector<std::string_view> names;
    for (const DetectorMethod& one : detector_methods()) names.push_back(one.name);
    return base::error(Code::kInvalidArgument, "no such detector: method={} known={}", method,
                       fmt::join(names, ", "));
  }
  DetectorParameters all;
  for (const DetectorParameter& parameter : known->parameters) {
    const auto given = parameters.find(parameter.name);
    const double value = given == parameters.end() ? parameter.otherwise : given->second;
    if (std::isnan(value)) {
      return base::error(Code::kInvalidArgument, "detector {} needs a parameter: {}", method,
                         parameter.name);
    }
    if (value < parameter.min || value > parameter.max) {
      return base::error(Code::kInvalidArgument, "{} of {} must be between {} and {}: {}",
                         parameter.name, method, parameter.min, parameter.max, value);
    }
    all[std::string(parameter.name)] = value;
  }
  for (const auto& [name, value] : parameters) {
    if (all.contains(name)) continue;
    return base::error(Code::kInvalidArgument, "detector {} has no such parameter: {}", method,
                       name);
  }
  const auto of = [&](std::string_view name) { return all.find(name)->second; };
  const auto whole = [&](std::string_view name) { return static_cast<std::int64_t>(of(name)); };
  std::unique_ptr<Detector> made;
  if (method == "adwin") {
    made = std::make_unique<Adwin>(Adwin::Options{.delta = of("delta"),
                                                  .clock = whole("clock"),
                                                  .max_buckets = whole("max_buckets"),
                                                  .min_window_length = whole("min_window_length"),
                                                  .grace_period = whole("grace_period")});
  } else if (method == "page_hinkley") {
    made = std::make_unique<PageHinkley>(PageHinkley::Options{.min_instances = of("min_instances"),
                                                              .delta = of("delta"),
                                                              .threshold = of("threshold"),
                                                              .alpha = of("alpha"),
                                                              .up = of("mode") != 2,
                                                              .down = of("mode") != 1});
  } else if (method == "kswin") {
    if (2 * of("stat_size") > of("window_size")) {
      return base::error(Code::kInvalidArgument,
                         "kswin draws stat_size values from the rest of its window, which has only "
                         "{}: stat_size={} window_size={}",
                         whole("window_size") - whole("stat_size"), whole("stat_size"),
                         whole("window_size"));
    }
    made = std::make_unique<Kswin>(
        Kswin::Options{.alpha = of("alpha"),
                       .window_size = static_cast<std::size_t>(whole("window_size")),
                       .stat_size = static_cast<std::size_t>(whole("stat_size")),
                       .seed = static_cast<std::uint32_t>(whole("seed"))});
  } else if (method == "ddm") {
    made = std::make_unique<Ddm>(of("warm_start"), of("drift_threshold"));
  } else if (method == "eddm") {
    made = std::make_unique<Eddm>(of("warm_start"), of("beta"));
  } else if (method == "rate_above") {
    made = std::make_unique<RateAbove>(of("bound"), of("alpha"));
  } else {
    made = std::make_unique<MeanOutside>(MeanOutside::Options{.low = of("low"),
                                                              .high = of("high"),
                                                              .alpha = of("alpha"),
                                                              .tightest_at = of("tightest_at")});
  }
  return made;
}

}  // namespace slipway::monitor
