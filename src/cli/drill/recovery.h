// Whether what was done about a fault has helped: answers are as good again as without it. Pure
// functions over what was answered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "cli/drill/benign_drift.h"
#include "cli/recording.h"

namespace slipway::cli {

// A request that was played, and how wrong the answer was.
struct Answered {
  base::Timestamp time;
  std::string id;
  std::optional<double> answer;  // nothing: it got none
  std::optional<double> loss;    // as loss_of() has it; nothing: no answer, or no outcome
};

// Of an alert's actions: it has changed what answers; or that, or it has started a pipeline.
bool is_remedy(const Json& action);
bool is_deed(const Json& action);

// Those with start <= time < until, ascending by time and id.
std::vector<Answered> answered(const Recording& recording, const AnswersById& answers,
                               base::Timestamp start, base::Timestamp until);

// From when on answers are as without the fault, for good: `start` when they always were, else not
// before `acted`. Looked at every six hours is the day that follows. It is as without the fault
// when each request that both played has the same answer and loss as there; or when its mean loss
// is no greater than that of the worst day there, and no larger share goes without an answer than
// there. Nothing: they are not, or nothing tells. Both are of answered(), with the same times.
std::optional<base::Timestamp> recovered_at(const std::vector<Answered>& faulted,
                                            const std::vector<Answered>& control,
                                            base::Timestamp start, base::Timestamp acted,
                                            base::Timestamp until);

}  // namespace slipway::cli
