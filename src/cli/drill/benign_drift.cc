#include "cli/drill/benign_drift.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "cli/drill/changes.h"

namespace slipway::cli {
namespace {

using types::Column;
using types::ColumnType;
using Side = std::vector<bool>;  // by request: it is on it

constexpr double kStayAway = 0.9;     // of the requests on the side
constexpr double kAlike = 0.1;        // change of the loss, as a share of it, that is none
constexpr std::size_t kRowsMin = 50;  // on each side
constexpr double kSure = 1e-6;        // no base rate is surer in a logarithm

struct Judged {
  std::size_t row = 0;
  double outcome = 0, loss = 0;
};

std::vector<Judged> judge_rows(const Recording& recording, const AnswersById& answers,
                               base::Timestamp start, bool is_yes_or_no) {
  std::vector<Judged> judged;
  if (recording.labels.empty()) return judged;
  const Column& ids = *recording.requests.find(recording.id);
  for (const std::size_t row : all_after(recording, {INT64_MIN})) {
    const auto answer = answers.find(ids.strings[row]);
    if (recording.time(row) >= start || !recording.labels[row] || answer == answers.end()) continue;
    const double outcome = *recording.labels[row];
    judged.push_back({row, outcome, loss_of(answer->second, outcome, is_yes_or_no)});
  }
  return judged;
}

struct Quality {
  double loss = 0, beside_base = 0;
};

// `weight` of a request.
template <class Weight>
Quality quality(const std::vector<Judged>& judged, bool is_yes_or_no, const Weight& weight) {
  double rows = 0, losses = 0, outcomes = 0, squares = 0;
  for (const Judged& one : judged) {
    const double counts = weight(one);
    rows += counts;
    losses += counts * one.loss;
    outcomes += counts * one.outcome;
    squares += counts * one.outcome * one.outcome;
  }
  const double loss = losses / rows, mean = outcomes / rows;
  const double rate = std::clamp(mean, kSure, 1 - kSure);
  const double base = is_yes_or_no ? -rate * std::log(rate) - (1 - rate) * std::log1p(-rate)
                                   : std::max(squares / rows - mean * mean, kSure);
  return {loss, loss / base};
}

// One side of an input, in words.
struct Candidate {
  std::string input, what;
  Side side;
};

std::vector<Candidate> candidates(const Recording& recording) {
  std::vector<Candidate> all;
  for (const std::string& input : recording.inputs) {
    const Column& column = *recording.requests.find(input);
    if (column.type == ColumnType::kTimestamp || column.type == ColumnType::kBool) continue;
    const auto add = [&](std::string what, const auto& is_on) {
      Candidate& made = all.emplace_back(Candidate{input, std::move(what), Side(column.size())});
      for (std::size_t row = 0; row < column.size(); ++row)
        made.side[row] = column.is_valid(row) && is_on(row);
    };
    if (column.type == ColumnType::kString) {
      const std::string most = most_frequent(column);
      add(fmt::format("whose {} is \"{}\"", input, most),
          [&](std::size_t row) { return column.strings[row] == most; });
    } else {
      const double middle = median(column);
      add("with small " + input, [&](std::size_t row) { return column.number(row) < middle; });
      add("with large " + input, [&](std::size_t row) { return column.number(row) > middle; });
    }
  }
  return all;
}

}  // namespace

Result<Fault> benign_drift(const Recording& recording, const AnswersById& answers,
                           base::Timestamp start) {
  const bool is_yes_or_no = is_binary(recording);
  const std::vector<Judged> judged = judge_rows(recording, answers, start, is_yes_or_no);
  const Quality whole = quality(judged, is_yes_or_no, [](const Judged&) { return 1.0; });
  std::optional<Candidate> best;
  double least = std::numeric_limits<double>::infinity();
  for (Candidate& one : candidates(recording)) {
    const auto on = static_cast<std::size_t>(std::count_if(
        judged.begin(), judged.end(), [&](const Judged& row) { return one.side[row.row]; }));
    if (on < kRowsMin || judged.size() - on < kRowsMin) continue;
    const Quality left = quality(judged, is_yes_or_no, [&](const Judged& row) {
      return one.side[row.row] ? 1 - kStayAway : 1.0;
    });
    const double change = std::max(std::abs(left.loss / whole.loss - 1),
                                   std::abs(left.beside_base / whole.beside_base - 1));
    if (!(change < least)) continue;
    least = change;
    best = std::move(one);
  }
  if (least > kAlike) {
    const std::string nearest =
        best ? fmt::format("; nearest is {}, {:.0f} % off", best->input, 100 * least) : "";
    return base::error(Code::kFailedPrecondition,
                       "of no input stays the model as good without the requests on one side of "
                       "it, as far as {} requests with an outcome before the start tell{}",
                       judged.size(), nearest);
  }
  const auto side = std::make_shared<const Side>(std::move(best->side));
  return control("benign:" + best->input,
                 fmt::format("most requests {} stay away, without which the model does as well: "
                             "inputs move, quality does not",
                             best->what),
                 [side](Recording& changed, const Dose& dose) {
                   Dose of_these = dose;
                   of_these.share *= kStayAway;
                   for (const std::size_t row : hit_requests(changed, of_these, "benign")) {
                     if ((*side)[row]) drop(changed, row);
                   }
                 });
}

}  // namespace slipway::cli
