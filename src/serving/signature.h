// MLflow's model signature as the shape of a model.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "serving/model.h"

namespace slipway::serving {

// `inputs` and `outputs` are lists of column specs or tensor specs, as MLmodel has them; no outputs
// mean one number a row, called "predict". Inputs without names are called "0", "1"... when they
// are columns and "input-0" when they are a tensor. Times and bytes travel as texts.
// kInvalidArgument: a type that can't be served, named; a list that makes no sense.
Result<ModelShape> read_signature(const JsonArray& inputs, const JsonArray& outputs);

}  // namespace slipway::serving
