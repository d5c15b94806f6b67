// What the request log keeps of a model's answer to one row.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "serving/tensor.h"

namespace slipway::serving {

// The prediction: the first output, when it is one number a row; else NaN.
double logged_number(const std::vector<Output>& outputs, std::size_t row);

// Nothing but that is logged then.
bool is_one_number(const std::vector<Output>& outputs);

// An answer that is not one number: its values as JSON, by name when there are several outputs. Of
// more than `values_max` of them only what is one value, and of each list of numbers where its
// largest is; nothing of more outputs than that.
std::string logged_values(const std::vector<Output>& outputs, std::size_t row,
                          std::size_t values_max);

}  // namespace slipway::serving
