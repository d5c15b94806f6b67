// What a multi-class model answered: its class and the chance of each, whatever shape its outputs
// have. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/quality.h"
#include "types/class_performance.h"

namespace slipway::monitor {

// Of classes that nobody declared those with the most labels are kept, and one for all the rest: a
// matrix of them all would be as large as whoever sends labels likes.
constexpr std::string_view kOtherClasses = "(other)";

struct ClassAnswer {
  std::string said;                                     // the likeliest, where it says none
  std::vector<std::pair<std::string, double>> chances;  // by class; empty: it gave none
};
// `prediction` and `answer` as the log has them: a class's id; or as JSON a class's name, a list of
// chances by place, or an object of several outputs: chances by class's name, or one that says a
// class and one that is a list of chances. Nothing when it is none of these, or names a class that
// isn't declared.
std::optional<ClassAnswer> read_class_answer(const ProblemRules& rules, double prediction,
                                             std::string_view answer);

// Rows of classes by their places in `classes`: the declared ones, or those that occur, sorted (by
// number where all are). Answers that can't be read are left out; chances are kept when each row
// has them, labels when each answer has one (else none may have).
struct NamedClassRows {
  std::vector<std::string> classes;
  types::ClassRows rows;
};
NamedClassRows class_rows(const ProblemRules& rules, const std::vector<LabelledAnswer>& answers);

}  // namespace slipway::monitor
