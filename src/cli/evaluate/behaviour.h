// Tests of what a model must do, whatever its metrics say: minimum functionality, invariance and
// directional expectation, after Ribeiro et al., "Beyond Accuracy: Behavioral Testing of NLP Models
// with CheckList", ACL 2020.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/evaluate/judged_model.h"

namespace slipway::cli {

struct BehaviourTest {
  std::string name;
  bool is_given = false;  // one row that is written down; else every row of the file, changed
  std::map<std::string, std::string> values;  // by column: a value, or "+N", "-N", "*N" of numbers
  enum class Expect { kSame, kHigher, kLower, kNotHigher, kNotLower, kBetween, kClass };
  Expect expect = Expect::kSame;
  double tolerance = 0;
  std::optional<double> min, max;  // of kBetween
  std::string class_name;          // of kClass
};

// docs/evaluation.md says what a file looks like. kInvalidArgument with line and column.
Result<std::vector<BehaviourTest>> parse_behaviour(std::string_view yaml, monitor::Problem problem);

// {"rows": N, "failed": N, "failed_share": N, "first": [{"row", "before", "after"}, ...]}. Rows are
// only told where the test changes them. kInvalidArgument: a column that the model doesn't read, a
// value that isn't its type's.
Result<JsonObject> run_behaviour(JudgedModel& model, const BehaviourTest& test,
                                 const types::Frame& rows, const Answers& answers);

}  // namespace slipway::cli
