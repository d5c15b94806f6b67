// A tree ensemble ready to evaluate: our own engine for gradient-boosted and random forests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/trees/explained.h"
#include "serving/trees/forest.h"
#include "serving/trees/kernel.h"
#include "serving/trees/layout.h"

namespace slipway::serving::trees {

// Rows of features in somebody's memory, NaN for missing: one array with steps between values, or
// one array per feature.
template <typename Number>
struct Rows {
  std::size_t count = 0;
  const Number* values = nullptr;
  std::size_t row_step = 0;                // row-major: the number of features
  std::size_t feature_step = 1;            // row-major: 1
  const Number* const* columns = nullptr;  // when set: by feature, and values has no meaning

  Number at(std::size_t row, std::size_t feature) const {
    return columns != nullptr ? columns[feature][row]
                              : values[row * row_step + feature * feature_step];
  }
};

// Immutable once loaded; safe to use from several threads. Answers are those of the library that
// wrote the file: sums in its order and precision, features compared in its precision.
class Ensemble {
 public:
  // XGBoost's own formats, JSON and UBJSON, as versions 1.6 to 3.2 write them: boosters gbtree and
  // dart, all objectives, numeric and categorical splits, missing values, one output per class or
  // vector leaves. kCorruption: cut short, not a model, or a tree that isn't one. kInvalidArgument:
  // an objective or booster this engine does not know, named.
  static Result<Ensemble> from_xgboost(std::string_view bytes);
  // LightGBM's text format, as versions 3 and 4 write it: all boosters and objectives, numeric and
  // categorical splits; sums and comparisons in double. Errors as above; linear trees are named.
  static Result<Ensemble> from_lightgbm(std::string_view text);
  // Any forest. kCorruption: something in it is no tree. kInvalidArgument: too large.
  static Result<Ensemble> compile(Forest forest);

  std::size_t feature_count() const { return feature_names_.size(); }
  std::size_t output_count() const { return outputs_; }
  const std::vector<std::string>& feature_names() const { return feature_names_; }
  // By feature. Values of a categorical feature are codes: the position in this list.
  const std::vector<Categories>& categories() const { return categories_; }
  std::size_t tree_count() const { return layout_.trees.size(); }
  std::size_t memory_bytes() const;
  // True: features are compared as doubles, and answers are doubles by nature.
  bool is_double() const { return doubles_compared_; }

  // One row: `features` has feature_count() numbers, NaN for missing; writes output_count()
  // answers.
  void predict(std::span<const float> features, std::span<float> out) const;
  void predict(std::span<const double> features, std::span<double> out) const;

  // Many rows, row-major answers. With `classes`, of a classifier read from ONNX, also the position
  // of the class of each row.
  void predict(const Rows<float>& rows, std::span<float> out,
               std::span<std::int64_t> classes = {}) const;
  void predict(const Rows<float>& rows, std::span<double> out,
               std::span<std::int64_t> classes = {}) const;
  void predict(const Rows<double>& rows, std::span<float> out,
               std::span<std::int64_t> classes = {}) const;
  void predict(const Rows<double>& rows, std::span<double> out,
               std::span<std::int64_t> classes = {}) const;

  // What the features have to do with an answer: SHAP values, of the trees as they were trained
  // (Lundberg 2018, path-dependent), exact; in the sums that the answers are made of (of a logistic
  // model log odds), of which there are sum_count() a row.
  std::size_t sum_count() const { return sums_; }
  // kFailedPrecondition: the file doesn't say how much of the training came to each node, the trees
  // are not added up, or are too deep.
  Result<void> can_explain() const;
  // After can_explain(). By row, then by sum: a number a feature, then what is expected of any row;
  // together they are the row's sum.
  void explain(const Rows<double>& rows, std::span<double> out) const;

  // For tests and benchmarks, before the ensemble is shared: as if the processor had no more.
  void restrict_to(InstructionSet set) { kernel_ = &kernel_of(set); }

 private:
  struct Scratch;
  // Trees that are walked side by side, of like depth: the processor waits for all their nodes at
  // once.
  static constexpr std::size_t kTogether = 8;

  Ensemble() = default;

  template <typename Number, typename Out>
  void predict_rows(const Rows<Number>& rows, std::span<Out> out,
                    std::span<std::int64_t> classes) const;
  template <typename Compared, typename Sum, typename Number, typename Out>
  void predict_few(const Rows<Number>& rows, Out* out, std::int64_t* classes) const;
  template <typename Compared, typename Sum, typename Number, typename Out>
  void predict_blocks(const Rows<Number>& rows, Out* out, std::int64_t* classes) const;
  template <typename Compared, typename Number>
  void quantize_row(const Rows<Number>& rows, std::size_t row, std::uint8_t* bins) const;
  template <typename Compared, typename Number>
  void quantize_block(const Rows<Number>& rows, std::size_t row, std::size_t count,
                      std::uint8_t* bins) const;
  void walk_trees(const std::uint8_t* bins, std::uint32_t* leaves) const;
  template <typename Sum>
  void start_sums(Sum* sums, std::size_t step) const;
  // Turns the sums of one row into its answers.
  template <typename Sum, typename Out>
  void answer(Sum* sums, Out* out, std::int64_t* chosen) const;
  std::size_t member_row(const Axis& axis, double value) const;
  void prepare_to_explain();
  template <typename Compared>
  void explain_rows(const Rows<double>& rows, double* out) const;

  Layout layout_;
  std::vector<std::uint32_t> walk_order_;  // trees by depth
  std::vector<std::size_t>
      tree_groups_;  // first tree of each group that fits the cache, and the end
  const Kernel* kernel_ = nullptr;
  std::vector<std::string> feature_names_;
  std::vector<Categories> categories_;
  std::vector<double> base_;
  bool base_first_ = true;
  bool doubles_compared_ = false, doubles_summed_ = false;
  double divisor_ = 1, slope_ = 1;
  Link link_ = Link::kIdentity;
  bool one_score_ = false;
  std::uint32_t decisive_sum_ = kLargestSum;
  double class_above_ = 0;
  std::size_t sums_ = 1, outputs_ = 1;
  bool has_covers_ = false;
  std::vector<double> expected_;         // by sum, of any row
  std::vector<Quadrature> quadratures_;  // by number of points, where a tree needs it
};

}  // namespace slipway::serving::trees
