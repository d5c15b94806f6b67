#include "cli/drill/recovery.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "cli/drill/changes.h"
#include "cli/table.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;

constexpr Duration kStep = Duration::hours(6), kDay = Duration::days(1);
constexpr double kSame = 1e-9;  // no answer differs by less of its size

struct Day {
  double rows = 0, unanswered = 0, with_outcome = 0, losses = 0;
  bool is_same = true;  // each request as without the fault

  double loss() const { return losses / with_outcome; }
  double unanswered_share() const { return unanswered / rows; }
};

bool is_alike(const std::optional<double>& a, const std::optional<double>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return std::abs(*a - *b) <= kSame * std::max(1.0, std::abs(*b));
}

// `without`: the same request where nothing is wrong, by id.
using ById = std::map<std::string, const Answered*>;

Day day_from(const std::vector<Answered>& all, Timestamp from, const ById& without) {
  Day day;
  const auto before = [](const Answered& one, Timestamp time) { return one.time < time; };
  for (auto one = std::lower_bound(all.begin(), all.end(), from, before);
       one != all.end() && one->time < from + kDay; ++one) {
    day.rows += 1;
    day.unanswered += one->answer ? 0 : 1;
    if (one->loss) {
      day.with_outcome += 1;
      day.losses += *one->loss;
    }
    const auto other = without.find(one->id);
    if (other != without.end()) {
      day.is_same = day.is_same && is_alike(one->answer, other->second->answer) &&
                    is_alike(one->loss, other->second->loss);
    }
  }
  return day;
}

}  // namespace

bool is_remedy(const Json& action) {
  const std::string does = cell(member_at(action, "does"));
  return (does == "rollback" || does == "fallback") && cell(member_at(action, "state")) == "done";
}

bool is_deed(const Json& action) {
  const std::string state = cell(member_at(action, "state"));
  return is_remedy(action) ||
         (cell(member_at(action, "does")) == "pipeline" && (state == "started" || state == "done"));
}

std::vector<Answered> answered(const Recording& recording, const AnswersById& answers,
                               Timestamp start, Timestamp until) {
  const bool is_yes_or_no = is_binary(recording);
  const types::Column& ids = *recording.requests.find(recording.id);
  std::vector<Answered> found;
  for (const std::size_t row : all_after(recording, start)) {
    if (recording.time(row) >= until) continue;
    Answered& one =
        found.emplace_back(Answered{.time = recording.time(row), .id = ids.strings[row]});
    const auto answer = answers.find(one.id);
    if (answer == answers.end()) continue;
    one.answer = answer->second;
    if (!recording.labels.empty() && recording.labels[row])
      one.loss = loss_of(answer->second, *recording.labels[row], is_yes_or_no);
  }
  std::sort(found.begin(), found.end(), [](const Answered& a, const Answered& b) {
    return std::tie(a.time, a.id) < std::tie(b.time, b.id);
  });
  return found;
}

std::optional<Timestamp> recovered_at(const std::vector<Answered>& faulted,
                                      const std::vector<Answered>& control, Timestamp start,
                                      Timestamp acted, Timestamp until) {
  ById without;
  for (const Answered& one : control) without[one.id] = &one;
  std::optional<double> worst_loss;
  double worst_unanswered = 0;
  for (Timestamp from = start; from < until; from = from + kStep) {
    const Day day = day_from(control, from, {});
    if (day.rows > 0) worst_unanswered = std::max(worst_unanswered, day.unanswered_share());
    if (day.with_outcome > 0) worst_loss = std::max(worst_loss.value_or(day.loss()), day.loss());
  }
  const auto is_well = [&](const Day& day) {
    if (day.is_same) return true;
    return worst_loss && day.with_outcome > 0 && day.loss() <= *worst_loss &&
           day.unanswered_share() <= worst_unanswered;
  };
  // Those that are well to the end, counted back from there.
  std::optional<Timestamp> since;
  const std::int64_t steps = ((until - start).micros + kStep.micros - 1) / kStep.micros;
  for (std::int64_t step = steps - 1; step >= 0; --step) {
    const Timestamp from = start + Duration{step * kStep.micros};
    const Day day = day_from(faulted, from, without);
    if (day.rows == 0) continue;
    if (!is_well(day)) break;
    since = from;
    if (step == 0) return start;
  }
  if (!since || acted >= until) return std::nullopt;
  return std::max(*since, acted);
}

}  // namespace slipway::cli
