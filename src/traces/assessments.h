// Keeps what is said about traces: feedback, expectations, issues.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "traces/values.h"

namespace slipway::traces {

struct FeedbackValue {
  std::string value, error;  // JSON; empty: none
};

// What changes; the rest stays.
struct AssessmentPatch {
  std::optional<std::string> name;
  std::optional<FeedbackValue> feedback;
  std::optional<std::string> expectation;  // JSON
  std::optional<std::string> rationale;
  Labels metadata;  // added to what is there
};

// One that overrides another makes it invalid, as long as it is there itself.
//
// Safe to use from several threads. Everything given to the constructor must outlive it.
class Assessments {
 public:
  Assessments(store::Db& db, const base::Clock& clock, base::Random& random)
      : db_(db), clock_(clock), random_(random) {}

  // Gives it back with its id. kNotFound: the trace, or what it overrides.
  Result<Assessment> create(Assessment assessment);
  Result<Assessment> get(const std::string& trace_id, const std::string& id);  // kNotFound
  // kNotFound; kInvalidArgument: a value of another kind.
  Result<Assessment> update(const std::string& trace_id, const std::string& id,
                            const AssessmentPatch& patch);
  // Idempotent. kNotFound: the trace.
  Result<void> remove(const std::string& trace_id, const std::string& id);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::traces
