// From what a request brings to what the models read.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "serving/ports.h"
#include "serving/request.h"
#include "serving/request_log.h"
#include "serving/snapshot.h"

namespace slipway::serving {

// What a request needs on the way and the next one uses again. One per thread.
struct Scratch {
  static constexpr std::size_t kValuesKept = 100'000;

  std::vector<int> sent;        // by column: position in the batch, or -1
  std::vector<double> numbers;  // column after column, for those that are numbers
  std::vector<std::string_view> texts;
  std::deque<std::string> kept;  // texts that views point to: looked up features, errors
  std::vector<InputView> views, model_inputs;
  std::vector<double> kept_numbers;  // of the request's columns that are logged, one by one
  std::vector<std::string_view> kept_texts;
  std::vector<InputView> logged_views;  // by column of the log's schema
  std::vector<std::string> row_ids;
  std::vector<Output> shadow_outputs;
  std::vector<LogRow> logged;
  std::optional<Mistyped> mistyped;  // why gather() refused, if that is why
  std::vector<InputViolation> violations;
  std::vector<RowVerdict> verdicts;  // one a row, or none: nothing broke a rule

  void reset(std::size_t rows, const std::vector<InputSpec>& inputs, std::size_t columns) {
    if (numbers.size() + texts.size() > kValuesKept) *this = {};
    sent.assign(columns, -1);
    numbers.resize(rows * columns);
    const auto is_text = [](const InputSpec& input) {
      return input.is_column() && input.is_text();
    };
    if (std::any_of(inputs.begin(), inputs.end(), is_text)) texts.resize(rows * columns);
    views.assign(inputs.size(), {});
    for (std::size_t i = 0; i < columns; ++i) {
      if (inputs[i].is_text()) {
        views[i].texts = texts.data() + i * rows;
      } else {
        views[i].numbers = numbers.data() + i * rows;
      }
    }
    kept.clear();
    logged.clear();
    mistyped.reset();
    violations.clear();
    verdicts.clear();
  }
};

// Fills the scratch's views, one an input of `serving`. What was sent wins over what is looked up,
// as known at `as_of`, or at the row's own time. kInvalidArgument: missing, mistyped or (when they
// are refused) unknown inputs, named; else what the lookup says, and what it should have found is
// missing in the views.
Result<void> gather(const Serving& serving, const PredictRequest& request, base::Timestamp as_of,
                    FeatureLookup& features, Scratch& scratch);

// After gather(): fills the scratch's logged views. A cell that makes no sense is a missing one: a
// lookup would have refused it.
void gather_logged(const Serving& serving, const Batch& batch, Scratch& scratch);

}  // namespace slipway::serving
