// A control: inputs move, and the model does as well as before.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/timestamp.h"
#include "cli/drill/faults.h"

namespace slipway::cli {

// What a model answered, by request.
using AnswersById = std::map<std::string, double>;

// Most requests on one side of one input stay away, chosen so that what the model answered before
// `start` is as good without them: its loss (log loss of outcomes of 0 and 1, else the square of
// the error), and the loss beside that of who knows only how outcomes are spread.
// kFailedPrecondition: there is no such input, or nothing to tell by.
Result<Fault> benign_drift(const Recording& recording, const AnswersById& answers,
                           base::Timestamp start);

}  // namespace slipway::cli
