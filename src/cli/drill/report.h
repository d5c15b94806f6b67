// A drill's results for people.
#pragma once

#include <string>

#include "cli/drill/score.h"

namespace slipway::cli {

// A table of faults, worst first, what was not covered in words, and what would have helped.
std::string show_drill(const DrillReport& report);

// The same on one self-contained page, with a matrix of faults and alerts; dark and light.
std::string drill_page(const DrillReport& report);

}  // namespace slipway::cli
