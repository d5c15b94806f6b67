// Rows and columns of JSON bodies as batches: pandas' records and split, TensorFlow Serving's
// instances and inputs. All errors are kInvalidArgument; `what` is the member they stand in.
#pragma once

#include <string_view>
#include <vector>

#include "api/predict/json_elements.h"
#include "base/json_document.h"
#include "base/result.h"
#include "serving/batch.h"

namespace slipway::api::predict {

using InputSpecs = std::vector<serving::InputSpec>;

// [{"column": value, ...}, ...]. Where `inputs` has a tensor of that name, a value is one row of
// it.
Result<serving::Batch> from_records(base::JsonValues records, const InputSpecs& inputs,
                                    std::string_view what, Kept& kept);
// [[value, ...], ...] with the columns' names.
Result<serving::Batch> from_lists(base::JsonValues rows, std::vector<std::string_view> names,
                                  std::string_view what, Kept& kept);
// Any of TensorFlow Serving's ways: records; {"column": [value, ...], ...}; a list of rows or
// values for the model's columns in order, or for its only tensor.
Result<serving::Batch> from_instances(base::JsonValue given, const InputSpecs& inputs,
                                      std::string_view what, Kept& kept);
// {"columns": [...], "data": [[...]]}, as pandas' orient="split" writes it; an index is ignored.
Result<serving::Batch> from_split(base::JsonValue split, std::string_view what, Kept& kept);

}  // namespace slipway::api::predict
