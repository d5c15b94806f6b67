#include "monitor/slices/slice_finder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/check.h"
#include "monitor/drift/distributions.h"
#include "monitor/slices/encoded_inputs.h"
#include "monitor/window_result.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kScoreAlpha = 0.95;
// Below it a candidate is chance whatever else there is, and needs no exact p value; and a pair is
// no worse than one of its conditions alone.
constexpr double kStatisticMin = 2.5;
// Of the most certain candidates slices are picked.
constexpr std::size_t kCandidatesMax = 1000;

// Losses of some rows.
struct Sums {
  double count = 0, sum = 0, squares = 0;

  void add(double loss) {
    count += 1;
    sum += loss;
    squares += loss * loss;
  }
  Sums& operator+=(const Sums& other) {
    count += other.count;
    sum += other.sum;
    squares += other.squares;
    return *this;
  }
  Sums operator-(const Sums& other) const {
    return {count - other.count, sum - other.sum, squares - other.squares};
  }
  double mean() const { return sum / count; }
  double variance() const { return std::max(0.0, squares - sum * sum / count) / (count - 1); }
};

// Welch's test of rows against all others.
struct Comparison {
  double difference = 0, error = 0, statistic = 0, degrees = 0;

  static Comparison of(const Sums& inside, const Sums& outside) {
    Comparison test{.difference = inside.mean() - outside.mean()};
    const double a = inside.variance() / inside.count, b = outside.variance() / outside.count;
    test.error = std::sqrt(a + b);
    test.statistic = test.error > 0 ? test.difference / test.error : 0;
    test.degrees = (a + b) * (a + b) / (a * a / (inside.count - 1) + b * b / (outside.count - 1));
    return test;
  }
  double p_value() const {
    if (!(statistic > 0)) return 1;
    return student_two_sided(statistic, degrees) / 2;
  }
};

class Finder {
 public:
  Finder(const std::vector<double>& losses, const SliceRules& rules)
      : losses_(losses), rules_(rules) {
    for (const double loss : losses) all_.add(loss);
    rows_min_ = std::max(static_cast<double>(std::max<std::int64_t>(2, rules.rows_min)),
                         std::ceil(rules.share_min * all_.count));
  }

  double rows_min() const { return rows_min_; }
  const Sums& all() const { return all_; }

  void add(EncodedInput input) { inputs_.push_back(std::move(input)); }

  SliceReport find(const std::vector<double>& expected) {
    look_at_inputs();
    look_at_pairs();
    control();
    SliceReport report{.rows = static_cast<std::int64_t>(all_.count), .mean = all_.mean()};
    report.examined = examined_;
    std::vector<std::uint64_t> left(words(), ~std::uint64_t{0});
    Sums left_sums = all_;
    while (report.slices.size() < rules_.slices_max) {
      const double found = static_cast<double>(report.slices.size());
      const Candidate* const best = most_certain(
          left_sums, rules_.false_discovery * (found + 1) / static_cast<double>(examined_));
      if (best == nullptr) break;
      report.slices.push_back(describe(*best, expected));
      const std::vector<std::uint64_t> taken = best->rows;
      for (Candidate& candidate : candidates_)
        candidate.left = candidate.left - sums_of(candidate.rows, taken, left);
      left_sums = left_sums - sums_of(taken, taken, left);
      for (std::size_t w = 0; w < left.size(); ++w) left[w] &= ~taken[w];
    }
    return report;
  }

 private:
  using Condition = EncodedInput::Condition;
  struct Candidate {
    const Condition *first = nullptr, *second = nullptr;  // second: may be null
    std::size_t first_input = 0, second_input = 0;
    Sums inside, left;  // of all its rows, and of those that no slice has yet
    double statistic = 0, p_value = 1;
    std::vector<std::uint64_t> rows;  // a bit each
  };

  std::size_t words() const { return (losses_.size() + 63) / 64; }

  bool is_worse(const Sums& inside, const Sums& outside) const {
    return inside.count >= rows_min_ && outside.count >= rows_min_ &&
           inside.mean() > (1 + rules_.worse_by) * outside.mean();
  }

  // Rows that hold both conditions do worse than those that hold only one, whichever it is.
  bool is_worse_than_parents(const Candidate& candidate) const {
    for (const Condition* parent : {candidate.first, candidate.second}) {
      if (candidate.second == nullptr) return true;
      const Sums rest = sums_of_condition_.at(parent) - candidate.inside;
      // Nearly the same rows say nothing, and the pair is then one condition too many.
      if (rest.count < 2 || rest.count < 0.05 * candidate.inside.count) return false;
      if (Comparison::of(candidate.inside, rest).statistic < kStatisticMin) return false;
    }
    return true;
  }

  void consider(Candidate candidate) {
    if (candidate.inside.count < rows_min_ || all_.count - candidate.inside.count < rows_min_ ||
        candidate.inside.count > rules_.share_max * all_.count)
      return;
    ++examined_;
    const Sums outside = all_ - candidate.inside;
    if (!is_worse(candidate.inside, outside)) return;
    const Comparison test = Comparison::of(candidate.inside, outside);
    if (test.statistic < kStatisticMin || !is_worse_than_parents(candidate)) return;
    candidate.statistic = test.statistic;
    candidate.p_value = test.p_value();
    candidate.left = candidate.inside;
    candidates_.push_back(std::move(candidate));
  }

  // Each condition alone; then only the inputs that differ most have a part in pairs.
  void look_at_inputs() {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const EncodedInput& input = inputs_[i];
      std::vector<Sums> cells(input.cell_count);
      for (std::size_t r = 0; r < losses_.size(); ++r) cells[input.cells[r]].add(losses_[r]);
      double most = 0;
      for (const Condition& condition : input.conditions) {
        Sums inside;
        for (std::size_t c = condition.first; c <= condition.last; ++c) inside += cells[c];
        if (inside.count >= rows_min_ && all_.count - inside.count >= rows_min_)
          most = std::max(most, Comparison::of(inside, all_ - inside).statistic);
        sums_of_condition_[&condition] = inside;
        consider({.first = &condition, .first_input = i, .inside = inside});
      }
      order.emplace_back(-most, i);
    }
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < std::min(order.size(), rules_.inputs_max); ++i)
      paired_.push_back(order[i].second);
    std::sort(paired_.begin(), paired_.end());
  }

  // A pass over the rows for two inputs gives the sums of their cells; sums over rectangles of
  // cells are those of all pairs of conditions.
  void look_at_pairs() {
    std::vector<Sums> corner;  // sums of all cells above and left of one
    for (std::size_t x = 0; x < paired_.size(); ++x) {
      for (std::size_t y = x + 1; y < paired_.size(); ++y) {
        const EncodedInput &a = inputs_[paired_[x]], &b = inputs_[paired_[y]];
        const std::size_t width = b.cell_count + 1;
        corner.assign((a.cell_count + 1) * width, {});
        for (std::size_t r = 0; r < losses_.size(); ++r)
          corner[(a.cells[r] + std::size_t{1}) * width + b.cells[r] + 1].add(losses_[r]);
        for (std::size_t i = 1; i <= a.cell_count; ++i) {
          Sums row;
          for (std::size_t j = 1; j < width; ++j) {
            row += corner[i * width + j];
            corner[i * width + j] = row;
            corner[i * width + j] += corner[(i - 1) * width + j];
          }
        }
        for (const Condition& first : a.conditions) {
          const Sums* const top = corner.data() + first.first * width;
          const Sums* const bottom = corner.data() + (first.last + 1) * width;
          for (const Condition& second : b.conditions) {
            const Sums right = bottom[second.last + 1] - top[second.last + 1],
                       left = bottom[second.first] - top[second.first];
            consider({.first = &first,
                      .second = &second,
                      .first_input = paired_[x],
                      .second_input = paired_[y],
                      .inside = right - left});
          }
        }
      }
    }
  }

  // Keeps what may be a slice, the most certain first: slices are picked by Benjamini and
  // Hochberg's rule, the n-th with a p value of at most n shares.
  void control() {
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return a.p_value != b.p_value ? a.p_value < b.p_value : a.statistic > b.statistic;
    });
    const double most = rules_.false_discovery * static_cast<double>(rules_.slices_max) /
                        static_cast<double>(std::max<std::int64_t>(1, examined_));
    std::size_t kept = 0;
    while (kept < std::min(candidates_.size(), kCandidatesMax) && candidates_[kept].p_value <= most)
      ++kept;
    candidates_.resize(kept);
    for (Candidate& candidate : candidates_) {
      candidate.rows = rows_of(candidate.first_input, *candidate.first);
      if (candidate.second == nullptr) continue;
      const auto& others = rows_of(candidate.second_input, *candidate.second);
      for (std::size_t w = 0; w < words(); ++w) candidate.rows[w] &= others[w];
    }
  }

  // A bit each.
  const std::vector<std::uint64_t>& rows_of(std::size_t input, const Condition& condition) {
    std::vector<std::uint64_t>& rows = rows_of_condition_[&condition];
    if (!rows.empty()) return rows;
    rows.assign(words(), 0);
    const std::vector<std::uint8_t>& cells = inputs_[input].cells;
    for (std::size_t r = 0; r < cells.size(); ++r) {
      const bool is_in = cells[r] >= condition.first && cells[r] <= condition.last;
      rows[r / 64] |= static_cast<std::uint64_t>(is_in) << (r % 64);
    }
    return rows;
  }

  // Of the rows in all three.
  Sums sums_of(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
               const std::vector<std::uint64_t>& c) const {
    Sums sums;
    for (std::size_t w = 0; w < a.size(); ++w) {
      for (std::uint64_t bits = a[w] & b[w] & c[w]; bits != 0; bits &= bits - 1)
        sums.add(losses_[w * 64 + static_cast<std::size_t>(std::countr_zero(bits))]);
    }
    return sums;
  }

  // By the rows that are left; of two that are as certain the one with fewer conditions.
  const Candidate* most_certain(const Sums& left, double p_value_max) const {
    const Candidate* best = nullptr;
    double most = 0;
    for (const Candidate& candidate : candidates_) {
      const Sums outside = left - candidate.left;
      if (!is_worse(candidate.left, outside)) continue;
      const Comparison test = Comparison::of(candidate.left, outside);
      const bool is_simpler = best != nullptr && test.statistic == most &&
                              candidate.second == nullptr && best->second != nullptr;
      if (!(test.statistic > most) && !is_simpler) continue;
      if (test.p_value() > p_value_max) continue;
      most = test.statistic;
      best = &candidate;
    }
    return best;
  }

  Slice describe(const Candidate& candidate, const std::vector<double>& expected) const {
    Slice slice;
    slice.predicates.push_back(candidate.first->predicate);
    if (candidate.second != nullptr) slice.predicates.push_back(candidate.second->predicate);
    const Sums &inside = candidate.inside, outside = all_ - inside;
    const Comparison test = Comparison::of(inside, outside);
    slice.rows = static_cast<std::int64_t>(inside.count);
    slice.share = inside.count / all_.count;
    slice.inside = inside.mean();
    slice.outside = outside.mean();
    slice.low = test.difference - 1.959963984540054 * test.error;
    slice.high = test.difference + 1.959963984540054 * test.error;
    slice.p_value = candidate.p_value;
    slice.score = kScoreAlpha * (inside.mean() / all_.mean() - 1) -
                  (1 - kScoreAlpha) * (all_.count / inside.count - 1);
    slice.expected = kNone;
    if (!expected.empty()) {
      Sums own;
      for (std::size_t r = 0; r < expected.size(); ++r) {
        if ((candidate.rows[r / 64] >> (r % 64) & 1) != 0) own.add(expected[r]);
      }
      slice.expected = own.mean();
    }
    return slice;
  }

  const std::vector<double>& losses_;
  const SliceRules& rules_;
  std::vector<EncodedInput> inputs_;
  std::vector<std::size_t> paired_;
  std::unordered_map<const Condition*, Sums> sums_of_condition_;
  std::unordered_map<const Condition*, std::vector<std::uint64_t>> rows_of_condition_;
  std::vector<Candidate> candidates_;
  Sums all_;
  double rows_min_ = 0;
  std::int64_t examined_ = 0;
};

}  // namespace

SliceReport find_slices(const types::Frame& frame, const std::vector<std::size_t>& rows,
                        const std::vector<double>& losses, const std::vector<double>& expected,
                        const SliceRules& rules) {
  CHECK(rows.size() == losses.size());
  CHECK(expected.empty() || expected.size() == rows.size());
  if (rows.empty()) return {};
  Finder finder(losses, rules);
  for (const types::Column& column : frame.columns()) {
    if (is_log_column(column.name)) continue;
    if (auto input = encode_input(column, rows, static_cast<std::int64_t>(finder.rows_min())))
      finder.add(std::move(*input));
  }
  return finder.find(expected);
}

std::vector<std::optional<Slice::Before>> measure_slices(const std::vector<Slice>& slices,
                                                         const types::Frame& frame,
                                                         const std::vector<std::size_t>& rows,
                                                         const std::vector<double>& losses) {
  std::vector<std::optional<Slice::Before>> measured;
  for (const Slice& slice : slices) {
    Sums inside, outside;
    std::vector<const types::Column*> columns;
    for (const Predicate& predicate : slice.predicates)
      columns.push_back(frame.find(predicate.input));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      bool is_in = true;
      for (std::size_t p = 0; p < columns.size(); ++p)
        is_in = is_in && holds(slice.predicates[p], columns[p], rows[r]);
      (is_in ? inside : outside).add(losses[r]);
    }
    auto& before = measured.emplace_back();
    if (inside.count == 0 || outside.count == 0) continue;
    before = Slice::Before{.rows = static_cast<std::int64_t>(inside.count),
                           .inside = inside.mean(),
                           .outside = outside.mean()};
  }
  return measured;
}

}  // namespace slipway::monitor
