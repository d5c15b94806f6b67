// What is usual of a number that comes window after window: learned from what it was before, so
// that the chance of a value as far out as the next one can be told. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace slipway::monitor {

// How a metric is looked at, so that what is usual lies evenly around a middle.
enum class Scale {
  kPlain,     // as it is
  kPositive,  // its logarithm: times, losses
  kCount,     // as kPositive, and it is itself the number of rows
  kShare,     // a share of rows, by its arc sine: has the error of a share of so many rows at least
  kDistance,  // as kPositive; of few rows it is large by chance, as 1 / rows
};
Scale scale_of(std::string_view metric);

struct Observation {
  std::int64_t step = 0;  // windows since some first one; what is left out leaves a gap
  double value = 0;       // finite
  double rows = 0;        // behind it
};

// What the next value is expected to be, on the scale of its metric.
struct Expected {
  double middle = 0;
  double spread = 0;  // that errors of the past are multiples of
  double rows = 0;    // it is expected of
};

// A value; at least three observations are behind it.
//
// The middle is robust, with what each day of the week adds (shrunk to nothing unless weekdays
// differ by more than chance) and with what the window before still says (an autocorrelation of
// order one). The errors that such a middle made of the past have tails: a mixture of Student's
// distributions, weighted by how well each explains the errors, so that a short history, which
// can't say that tails are light, gives wide bounds.
class Usual {
 public:
  // `past` in the order of its steps. `season`: steps until it comes again, 0: none.
  static Usual learn(Scale scale, const std::vector<Observation>& past, std::int64_t season);

  // Goes on from a later observation, learning nothing but where it stood.
  void follow(const Observation& last);

  Expected expect(std::int64_t step, double rows) const;
  // How far out a value is, in errors of the past.
  double distance(const Expected& expected, double value) const;
  // The chance of a distance of `z` or more.
  double chance_above(double z) const;
  // The distance that is reached with this chance, below a half.
  double limit(double chance) const;
  // The value at that distance from what is expected.
  double value_at(const Expected& expected, double z) const;

  std::int64_t learned_from() const { return count_; }
  double usual_rows() const { return usual_rows_; }
  std::int64_t last_step() const { return last_step_; }
  double correlation() const { return correlation_; }

 private:
  struct Tail {
    double degrees = 0, spread = 1, weight = 1;
  };
  double to_scale(double value, double rows) const;
  double noise(double rows) const;  // variance, in multiples of that of a window with usual rows
  double season_at(std::int64_t step) const;

  Scale scale_ = Scale::kPlain;
  std::int64_t count_ = 0, last_step_ = 0;
  double usual_rows_ = 1;
  double offset_ = 0;  // added before a logarithm
  double middle_ = 0;
  std::vector<double> season_;  // by step modulo its size; empty: none
  double correlation_ = 0;
  double last_error_ = 0;  // of the last observation, from middle and season
  double floor_ = 0;       // of the spread
  std::vector<Tail> tails_;
};

}  // namespace slipway::monitor
