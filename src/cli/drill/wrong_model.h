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

// The same with the first tree's leaves lower by kBarMoved: of a model whose trees are summed up to
// log-odds, what was a yes from 0.5 on is one from 0.73 on.
constexpr double kBarMoved = 1;
Result<std::string> move_bar(std::string_view bytes);

}  // namespace slipway::cli
