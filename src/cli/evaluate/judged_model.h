// A model's answers to rows of a file, and how good they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/quality.h"
#include "serving/frame_views.h"
#include "serving/model.h"
#include "types/frame.h"

namespace slipway::cli {

// By row, as the request log has them.
struct Answers {
  std::vector<double> numbers;       // binary: the chance of a 1; regression: the number; else NaN
  std::vector<std::string> texts;    // of several classes: as JSON; empty: `numbers` say it all
  std::vector<std::string> classes;  // that were said, of several
};

// One thread at a time. The model must outlive it.
class JudgedModel {
 public:
  JudgedModel(const serving::Model& model, monitor::QualityRules rules)
      : model_(model), rules_(std::move(rules)) {}

  const serving::ModelShape& shape() const { return model_.shape(); }
  const monitor::QualityRules& rules() const { return rules_; }
  monitor::Problem problem() const { return rules_.problem.kind; }

  // kInvalidArgument: a value that the model can't take, or answers that aren't the problem's.
  Result<Answers> answer(const types::Frame& rows);
  // How long single rows take, in milliseconds, rising.
  Result<std::vector<double>> latencies(const types::Frame& rows, std::size_t count);

 private:
  const serving::Model& model_;
  const monitor::QualityRules rules_;
  serving::FrameViews views_;
  std::vector<serving::Output> outputs_;
};

// Labels of these rows. kInvalidArgument: one that isn't the problem's, with its row. Rows without
// a label have none.
Result<std::vector<monitor::KnownLabel>> read_labels(const types::Column& column,
                                                     const monitor::ProblemRules& problem);

// Of some rows; those without a label are left out. {"rows": N, METRIC: number or null, ...}
JsonObject measure(const monitor::QualityRules& rules, const Answers& answers,
                   const std::vector<monitor::KnownLabel>& labels,
                   const std::vector<std::size_t>& rows);

// Rows by what stands in a column, the largest groups first; those below `rows_min` are left out,
// and all beyond 100.
struct Group {
  std::string name;
  std::vector<std::size_t> rows;
};
std::vector<Group> groups_of(const types::Column& column, std::size_t rows_min);

// Why these answers can't be held against these labels, and what to do; nothing: they can.
std::optional<std::string> find_mismatch(const monitor::QualityRules& rules, const Answers& answers,
                                         const std::vector<monitor::KnownLabel>& labels);

}  // namespace slipway::cli
