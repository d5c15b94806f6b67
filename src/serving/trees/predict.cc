// From rows to answers: features become bins, bins become leaves, leaves become sums.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "serving/trees/ensemble.h"
#include "serving/trees/thread_buffer.h"

namespace slipway::serving::trees {
namespace {

// A block costs as much for one row as for 64; below this rows are walked one by one.
constexpr std::size_t kFewRows = 6;
// Bins of several blocks stay in the second-level cache while groups of trees pass by.
constexpr std::size_t kBinsBytes = 256 * 1024;
constexpr std::size_t kBlocksMax = 16;

template <typename Compared>
Compared seen_as(Missing missing, Compared value) {
  constexpr auto kZero = 1e-35f;
  switch (missing) {
    case Missing::kNan:
      return value;
    case Missing::kNanIsZero:
      return value != value ? Compared{0} : value;
    case Missing::kNanOrZero:
      return value >= -kZero && value <= kZero ? std::numeric_limits<Compared>::quiet_NaN() : value;
  }
  return value;
}

// ONNX's definition, in its precision.
float probit(float value) {
  const float x = 2 * value - 1, sign = x < 0 ? -1.0f : 1.0f;
  const float log = std::log((1 - x) * (1 + x));
  const float v = 2 / (3.14159f * 0.147f) + 0.5f * log, v2 = 1 / 0.147f * log;
  return 1.41421356f * sign * std::sqrt(-v + std::sqrt(v * v - v2));
}

template <typename Sum>
void softmax(Sum* sums, std::size_t count) {
  const Sum largest = *std::max_element(sums, sums + count);
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += sums[i] = std::exp(sums[i] - largest);
  for (std::size_t i = 0; i < count; ++i) sums[i] = static_cast<Sum>(sums[i] / total);
}

template <typename Sum>
void softmax_zero(Sum* sums, std::size_t count) {
  const Sum largest = *std::max_element(sums, sums + count), at_zero = std::exp(-largest);
  Sum total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (sums[i] > Sum(1e-7f) || sums[i] < Sum(-1e-7f)) {
      total += sums[i] = std::exp(sums[i] - largest);
    } else {
      sums[i] *= at_zero;
    }
  }
  for (std::size_t i = 0; i < count; ++i) sums[i] /= total;
}

template <typename Sum>
Sum logistic(Sum value) {
  return Sum{1} / (Sum{1} + std::exp(-value));
}

template <typename Sum>
void apply(Link link, Sum slope, Sum* sums, std::size_t count) {
  switch (link) {
    case Link::kIdentity:
    case Link::kLargest:
      return;
    case Link::kLogistic:
      for (std::size_t i = 0; i < count; ++i) sums[i] = logistic(slope * sums[i]);
      return;
    case Link::kExponential:
      for (std::size_t i = 0; i < count; ++i) sums[i] = std::exp(sums[i]);
      return;
    case Link::kSoftmax:
      return softmax(sums, count);
    case Link::kSoftmaxZero:
      return softmax_zero(sums, count);
    case Link::kProbit:
      for (std::size_t i = 0; i < count; ++i)
        sums[i] = static_cast<Sum>(probit(static_cast<float>(sums[i])));
      return;
    case Link::kSignedSquare:
      for (std::size_t i = 0; i < count; ++i) sums[i] *= std::fabs(sums[i]);
      return;
    case Link::kLogOnePlusExp:
      for (std::size_t i = 0; i < count; ++i) sums[i] = std::log1p(std::exp(sums[i]));
      return;
    case Link::kHinge:
      for (std::size_t i = 0; i < count; ++i) sums[i] = sums[i] > 0 ? Sum{1} : Sum{0};
      return;
  }
}

// Two scores out of one sum, as ONNX Runtime writes them.
template <typename Sum>
void split_score(Link link, bool above_half, Sum sum, Sum* scores) {
  if (link == Link::kProbit) {
    scores[0] = static_cast<Sum>(probit(static_cast<float>(sum)));
    scores[1] = 0;
    return;
  }
  scores[0] = above_half && link != Link::kLogistic ? 1 - sum : -sum;
  scores[1] = sum;
  if (link == Link::kLogistic) apply(link, Sum{1}, scores, 2);
}

}  // namespace

std::size_t Ensemble::member_row(const Axis& axis, double value) const {
  if (std::isnan(value)) return axis.count + 1;
  if (axis.key != Key::kExact) {
    const double limit = axis.key == Key::kCode ? 16777216.0 : 2147483648.0;
    const double least = axis.key == Key::kCode ? 0.0 : -1.0;  // -0.5 is zero to a signed code
    if (value >= limit || (axis.key == Key::kCode ? value < least : value <= least)) return 0;
    value = std::trunc(value);
  }
  const double* const keys = layout_.keys.data() + axis.first;
  const double* const found = std::lower_bound(keys, keys + axis.count, value);
  return found == keys + axis.count || *found != value ? 0
                                                       : static_cast<std::size_t>(found - keys) + 1;
}

template <typename Compared, typename Number>
void Ensemble::quantize_row(const Rows<Number>& rows, std::size_t row, std::uint8_t* bins) const {
  const Compared* const thresholds = layout_.thresholds<Compared>();
  for (const Axis& axis : layout_.axes) {
    const auto raw = static_cast<Compared>(rows.at(row, axis.feature));
    std::uint8_t* const own = bins + axis.first_column;
    if (axis.is_members) {
      const std::uint64_t* const bits =
          layout_.member_bits.data() + axis.first_word + member_row(axis, raw) * axis.words;
      for (std::uint32_t c = 0; c < axis.columns; ++c) own[c] = bits[c / 64] >> (c % 64) & 1;
      continue;
    }
    const Compared value = seen_as(axis.missing, raw);
    const std::uint32_t rank = rank_of(thresholds + axis.first, axis.count, value);
    const Column* const columns = layout_.columns.data() + axis.first_column;
    const bool missing = value != value;
    for (std::uint32_t c = 0; c < axis.columns; ++c) {
      const std::uint32_t start = columns[c].start,
                          bin = std::min<std::uint32_t>(std::max(rank, start) - start, 255);
      own[c] = static_cast<std::uint8_t>(missing ? columns[c].missing_bin : bin);
    }
  }
}

template <typename Compared, typename Number>
void Ensemble::quantize_block(const Rows<Number>& rows, std::size_t row, std::size_t count,
                              std::uint8_t* bins) const {
  alignas(64) std::array<Compared, kBlockRows> values{};
  const Compared* const thresholds = layout_.thresholds<Compared>();
  for (const Axis& axis : layout_.axes) {
    if (rows.columns != nullptr) {
      const Number* const from = rows.columns[axis.feature] + row;
      for (std::size_t r = 0; r < count; ++r) values[r] = static_cast<Compared>(from[r]);
    } else {
      const Number* const from =
          rows.values + row * rows.row_step + axis.feature * rows.feature_step;
      for (std::size_t r = 0; r < count; ++r)
        values[r] = static_cast<Compared>(from[r * rows.row_step]);
    }
    std::uint8_t* const own = bins + std::size_t{axis.first_column} * kBlockRows;
    if (axis.is_members) {
      std::array<const std::uint64_t*, kBlockRows> bits;
      for (std::size_t r = 0; r < kBlockRows; ++r)
        bits[r] =
            layout_.member_bits.data() + axis.first_word + member_row(axis, values[r]) * axis.words;
      for (std::uint32_t c = 0; c < axis.columns; ++c) {
        for (std::size_t r = 0; r < kBlockRows; ++r)
          own[c * kBlockRows + r] = bits[r][c / 64] >> (c % 64) & 1;
      }
      continue;
    }
    if (axis.missing != Missing::kNan) {
      for (Compared& value : values) value = seen_as(axis.missing, value);
    }
    const Column* const columns = layout_.columns.data() + axis.first_column;
    if constexpr (std::is_same_v<Compared, float>) {
      kernel_->quantize_floats(thresholds + axis.first, axis.count, values.data(), columns,
                               axis.columns, own);
    } else {
      kernel_->quantize_doubles(thresholds + axis.first, axis.count, values.data(), columns,
                                axis.columns, own);
    }
  }
}

template void Ensemble::quantize_block<float>(const Rows<double>&, std::size_t, std::size_t,
                                              std::uint8_t*) const;
template void Ensemble::quantize_block<double>(const Rows<double>&, std::size_t, std::size_t,
                                               std::uint8_t*) const;

// Branches on data that nobody can foresee cost more than the arithmetic, and every step waits for
// the node before it: so there are none, and several trees are walked side by side.
void Ensemble::walk_trees(const std::uint8_t* bins, std::uint32_t* leaves) const {
  const WalkNode* const nodes = layout_.nodes.data();
  const std::size_t count = walk_order_.size();
  for (std::size_t first = 0; first < count; first += kTogether) {
    std::array<std::uint32_t, kTogether> at, tree;
    for (std::size_t k = 0; k < kTogether; ++k) {
      tree[k] = walk_order_[std::min(first + k, count - 1)];
      at[k] = layout_.trees[tree[k]].root;
    }
    const std::uint32_t depth = layout_.trees[tree[kTogether - 1]].depth;
    for (std::uint32_t level = 0; level < depth; ++level) {
      std::uint32_t words = 255;
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kTogether; ++k) {
        const WalkNode node = nodes[at[k]];
        const std::uint32_t bin = bins[node.column_and_last >> 8];
        at[k] = node.child + static_cast<std::uint32_t>(bin > (node.column_and_last & 255));
        words &= node.column_and_last;
      }
      if (words == 255) break;  // lopsided trees: all are there already
    }
    for (std::size_t k = 0; k < kTogether; ++k) leaves[tree[k]] = nodes[at[k]].column_and_last >> 8;
  }
}

template <typename Sum>
void Ensemble::start_sums(Sum* sums, std::size_t step) const {
  for (std::size_t s = 0; s < sums_; ++s) {
    const auto start = layout_.aggregate != Aggregate::kSum ? std::numeric_limits<Sum>::quiet_NaN()
                       : base_first_                        ? static_cast<Sum>(base_[s])
                                                            : Sum{0};
    std::fill(sums + s * step, sums + (s + 1) * step, start);
  }
}

template <typename Sum, typename Out>
void Ensemble::answer(Sum* sums, Out* out, std::int64_t* chosen) const {
  if (!base_first_) {
    for (std::size_t s = 0; s < sums_; ++s) {
      if (std::isnan(sums[s]) && layout_.aggregate != Aggregate::kSum) {
        sums[s] = 0;  // no leaf had anything to say: as ONNX Runtime, which then has no base value
        continue;
      }
      if (divisor_ != 1) sums[s] /= static_cast<Sum>(divisor_);
      sums[s] += static_cast<Sum>(base_[s]);
    }
  } else if (divisor_ != 1) {
    for (std::size_t s = 0; s < sums_; ++s) sums[s] /= static_cast<Sum>(divisor_);
  }
  if (chosen != nullptr || link_ == Link::kLargest) {
    const std::ptrdiff_t position =
        decisive_sum_ != kLargestSum
            ? (sums[decisive_sum_] > static_cast<Sum>(class_above_) ? 1 : 0)
            : std::max_element(sums, sums + sums_) - sums;
    if (chosen != nullptr) *chosen = position;
    if (link_ == Link::kLargest) {
      *out = static_cast<Out>(position);
      return;
    }
  }
  if (one_score_) {
    std::array<Sum, 2> scores;
    split_score(link_, class_above_ > 0, sums[0], scores.data());
    for (std::size_t i = 0; i < 2; ++i) out[i] = static_cast<Out>(scores[i]);
    return;
  }
  apply(link_, static_cast<Sum>(slope_), sums, sums_);
  for (std::size_t s = 0; s < sums_; ++s) out[s] = static_cast<Out>(sums[s]);
}

namespace {

template <typename Sum>
void fold(Aggregate aggregate, Sum& sum, Sum value) {
  switch (aggregate) {
    case Aggregate::kSum:
      sum += value;
      return;
    case Aggregate::kMin:
      sum = std::fmin(sum, value);
      return;
    case Aggregate::kMax:
      sum = std::fmax(sum, value);
      return;
  }
}

}  // namespace

template <typename Compared, typename Sum, typename Number, typename Out>
void Ensemble::predict_few(const Rows<Number>& rows, Out* out, std::int64_t* classes) const {
  thread_local Buffer<std::uint8_t> bin_buffer;
  thread_local Buffer<std::uint32_t> leaf_buffer;
  thread_local Buffer<Sum> sum_buffer;
  // A leaf's number stands where a column does, and is looked up like one.
  std::uint8_t* const bins =
      bin_buffer.ensure(std::max(layout_.columns.size(), layout_.leaves_max));
  std::uint32_t* const leaves = leaf_buffer.ensure(layout_.trees.size());
  Sum* const sums = sum_buffer.ensure(sums_);
  const Sum* const values = layout_.values<Sum>();
  for (std::size_t r = 0; r < rows.count; ++r) {
    quantize_row<Compared>(rows, r, bins);
    walk_trees(bins, leaves);
    start_sums(sums, 1);
    for (std::size_t t = 0; t < layout_.trees.size(); ++t) {
      const TreeLayout& tree = layout_.trees[t];
      for (std::uint32_t i = 0; i < tree.targets; ++i) {
        const Target& target = layout_.targets[tree.first_target + i];
        fold(layout_.aggregate, sums[target.sum], values[target.first_value + leaves[t]]);
      }
    }
    answer(sums, out + r * outputs_, classes == nullptr ? nullptr : classes + r);
  }
}

template <typename Compared, typename Sum, typename Number, typename Out>
void Ensemble::predict_blocks(const Rows<Number>& rows, Out* out, std::int64_t* classes) const {
  thread_local Buffer<std::uint8_t> bin_buffer;
  thread_local Buffer<Sum> sum_buffer, row_buffer;
  bool walks = false;
  for (const TreeLayout& tree : layout_.trees) walks = walks || !tree.is_flat;
  const std::size_t block_bytes =
      kBlockRows * std::max(layout_.columns.size(), walks ? layout_.leaves_max : 1);
  const std::size_t blocks_max = std::clamp<std::size_t>(kBinsBytes / block_bytes, 1, kBlocksMax);
  std::uint8_t* const bins = bin_buffer.ensure(block_bytes * blocks_max);
  Sum* const sums = sum_buffer.ensure(sums_ * kBlockRows * blocks_max);
  Sum* const row = row_buffer.ensure(sums_);
  for (std::size_t first = 0; first < rows.count; first += blocks_max * kBlockRows) {
    const std::size_t count = std::min(rows.count - first, blocks_max * kBlockRows),
                      blocks = (count + kBlockRows - 1) / kBlockRows;
    for (std::size_t b = 0; b < blocks; ++b)
      quantize_block<Compared>(rows, first + b * kBlockRows,
                               std::min(kBlockRows, count - b * kBlockRows),
                               bins + b * block_bytes);
    for (std::size_t b = 0; b < blocks; ++b) start_sums(sums + b * sums_ * kBlockRows, kBlockRows);
    for (std::size_t g = 0; g + 1 < tree_groups_.size(); ++g) {
      for (std::size_t b = 0; b < blocks; ++b) {
        Sum* const own = sums + b * sums_ * kBlockRows;
        if constexpr (std::is_same_v<Sum, float>) {
          kernel_->add_floats(layout_, tree_groups_[g], tree_groups_[g + 1], bins + b * block_bytes,
                              own);
        } else {
          kernel_->add_doubles(layout_, tree_groups_[g], tree_groups_[g + 1],
                               bins + b * block_bytes, own);
        }
      }
    }
    for (std::size_t r = 0; r < count; ++r) {
      const Sum* const own = sums + r / kBlockRows * sums_ * kBlockRows + r % kBlockRows;
      for (std::size_t s = 0; s < sums_; ++s) row[s] = own[s * kBlockRows];
      answer(row, out + (first + r) * outputs_, classes == nullptr ? nullptr : classes + first + r);
    }
  }
}

template <typename Number, typename Out>
void Ensemble::predict_rows(const Rows<Number>& rows, std::span<Out> out,
                            std::span<std::int64_t> classes) const {
  CHECK(out.size() >= rows.count * outputs_);
  CHECK(classes.empty() || classes.size() >= rows.count);
  std::int64_t* const chosen = classes.empty() ? nullptr : classes.data();
  const bool few = rows.count < kFewRows || layout_.aggregate != Aggregate::kSum;
  const auto run = [&]<typename Compared, typename Sum>(Compared, Sum) {
    if (few) {
      predict_few<Compared, Sum>(rows, out.data(), chosen);
    } else {
      predict_blocks<Compared, Sum>(rows, out.data(), chosen);
    }
  };
  if (doubles_compared_) {
    doubles_summed_ ? run(double{}, double{}) : run(double{}, float{});
  } else {
    doubles_summed_ ? run(float{}, double{}) : run(float{}, float{});
  }
}

void Ensemble::predict(std::span<const float> features, std::span<float> out) const {
  predict_rows(Rows<float>{.count = 1, .values = features.data()}, out, {});
}
void Ensemble::predict(std::span<const double> features, std::span<double> out) const {
  predict_rows(Rows<double>{.count = 1, .values = features.data()}, out, {});
}
void Ensemble::predict(const Rows<float>& rows, std::span<float> out,
                       std::span<std::int64_t> classes) const {
  predict_rows(rows, out, classes);
}
void Ensemble::predict(const Rows<float>& rows, std::span<double> out,
                       std::span<std::int64_t> classes) const {
  predict_rows(rows, out, classes);
}
void Ensemble::predict(const Rows<double>& rows, std::span<float> out,
                       std::span<std::int64_t> classes) const {
  predict_rows(rows, out, classes);
}
void Ensemble::predict(const Rows<double>& rows, std::span<double> out,
                       std::span<std::int64_t> classes) const {
  predict_rows(rows, out, classes);
}

std::size_t Ensemble::memory_bytes() const {
  const auto bytes_of = [](const auto& values) { return values.size() * sizeof(values[0]); };
  std::size_t bytes =
      bytes_of(layout_.axes) + bytes_of(layout_.columns) + bytes_of(layout_.float_thresholds) +
      bytes_of(layout_.double_thresholds) + bytes_of(layout_.keys) + bytes_of(layout_.member_bits) +
      bytes_of(layout_.splits) + bytes_of(layout_.nodes) + bytes_of(layout_.shares) +
      bytes_of(layout_.column_features) + bytes_of(layout_.trees) + bytes_of(layout_.targets) +
      bytes_of(layout_.float_values) + bytes_of(layout_.double_values);
  for (const Categories& categories : categories_) bytes += categories.size() * 40;
  return bytes;
}

}  // namespace slipway::serving::trees
