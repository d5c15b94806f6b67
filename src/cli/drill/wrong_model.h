// A model that loads, answers, and is wrong.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::cli {

// The file of a model with what each leaf of its trees adds turned around;
// XGBoost's UBJSON comes back as its JSON. kFailedPrecondition: no trees of
// XGBoost or LightGBM.
Result<std::string> turn_leaves(std::string_view bytes);

}  // namespace slipway::cli
