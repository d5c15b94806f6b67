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
  // How many it gave, where the log kept only which is the largest; 0: it kept them all.
  std::size_t chances_left_out = 0;
};
// `prediction` and `answer` as the log has them: a class's id; or as JSON a class's name, a list of
// chances by place, or an object of several outputs: chances by class's name, or one that says a
// class and one that is a list of chances. Of a list may be left where its largest number is
// (docs/formats/request_log.md). Nothing when it is none of these, or names a class that isn't
// declared.
std::optional<ClassAnswer> read_class_answer(const ProblemRules& rules, double prediction,
                                             std::string_view answer);

// Rows of classes by their places in `classes`: the declared ones, or those that occur, sorted (by
// number where all are). Answers that can't be read are left out; chances are kept when each row
// has them, labels when each answer has one (else none may have).
struct NamedClassRows {
  std::vector<std::string> classes;
  types::ClassRows rows;
  // The same without chances, where kOtherClasses stands for classes: each is itself here.
  std::optional<types::ClassRows> each_class;
  std::vector<double> label_chances;  // of its rows, if they have chances

  std::int64_t answers = 0;          // there were
  std::int64_t not_logged = 0;       // left out: the log has nothing of them
  std::int64_t not_read = 0;         // left out: they say no class
  std::int64_t largest_only = 0;     // of their chances the log has which is the largest
  std::size_t chances_left_out = 0;  // most that one of those has
  // What of an answer's quality can't be measured, and what to do about it; empty: all can.
  std::string note() const;
};
NamedClassRows class_rows(const ProblemRules& rules, const std::vector<LabelledAnswer>& answers);

}  // namespace slipway::monitor
