// A drill's results for people.
#pragma once

#include <string>

#include "cli/drill/score.h"
#include "cli/drill/trend.h"

namespace slipway::cli {

// A table of faults, worst first, what was not covered in words, and what would have helped.
std::string show_drill(const DrillReport& report, const std::optional<Trend>& trend);

// The same on one self-contained page, with a matrix of faults and alerts; dark and light.
std::string drill_page(const DrillReport& report, const std::optional<Trend>& trend);

}  // namespace slipway::cli
