#include "cli/drill/score.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "cli/table.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;

// Of the spread over the controls, or of the value: how far a threshold keeps away from them.
constexpr double kSpreadMargin = 0.25, kValueMargin = 0.05;
constexpr double kShareMargin = 0.01;  // of metrics that are shares: one odd row is no alarm
// No answer to what is wrong: how much comes, and how fast this machine was.
bool may_suggest(std::string_view metric) {
  return metric != "requests" && metric != "quiet_hours_max" && !metric.starts_with("latency");
}

std::optional<Timestamp> time_in(const Json& object, std::string_view member) {
  const Json& text = member_at(object, member);
  if (!text.is_string()) return std::nullopt;
  const auto time = types::parse_rfc3339(std::string_view(text.get_string()));
  return time ? std::optional(*time) : std::nullopt;
}

std::string rule_of(const Json& alert) {
  return fmt::format("{} {}", cell(member_at(alert, "monitor")), cell(member_at(alert, "alert")));
}

// What fired at or after the start, and not without the fault: the nth alert of a rule counts when
// without the fault there are fewer of them, or it came later.
std::vector<const Json*> new_alerts(const JsonArray& alerts, const JsonArray& baseline,
                                    Timestamp start) {
  std::map<std::string, std::vector<Timestamp>> known;
  for (const Json& alert : baseline) {
    if (const auto time = time_in(alert, "time"); time && *time >= start)
      known[rule_of(alert)].push_back(*time);
  }
  for (auto& [rule, times] : known) std::sort(times.begin(), times.end());
  std::vector<const Json*> sorted, fresh;
  for (const Json& alert : alerts) {
    if (const auto time = time_in(alert, "time"); time && *time >= start) sorted.push_back(&alert);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Json* a, const Json* b) {
    return *time_in(*a, "time") < *time_in(*b, "time");
  });
  std::map<std::string, std::size_t> seen;
  for (const Json* alert : sorted) {
    const std::string rule = rule_of(*alert);
    const std::size_t number = seen[rule]++;
    const std::vector<Timestamp>& without = known[rule];
    if (number >= without.size() || *time_in(*alert, "time") < without[number])
      fresh.push_back(alert);
  }
  return fresh;
}

// Shares of what is wrong: less of it is no alarm.
bool is_share_of_wrong(std::string_view metric) {
  return metric.starts_with("missing_rate") || metric.starts_with("unseen_rate") ||
         metric == "violation_rate" || metric == "skew_rate" || metric == "error_rate";
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

template <class Each>
void each_metric(const JsonArray& windows, Timestamp start, const Each& each) {
  for (const Json& window : windows) {
    const auto end = time_in(window, "end"), judged = time_in(window, "judged_at");
    const Json& rows = member_at(window, "rows");
    if (!end || !judged || *end <= start || !rows.is_number()) continue;
    // Rows that were refused or put aside for their inputs are behind violation_rate alone.
    const Json& checked = member_at(window, "violations.rows");
    const Json& metrics = member_at(window, "metrics");
    if (!metrics.is_object()) continue;
    for (const auto& [name, value] : metrics.get_object()) {
      const Json& behind = name == "violation_rate" ? checked : rows;
      const bool is_enough =
          behind.is_number() && behind.to_number<double>() >= static_cast<double>(kWindowRowsMin);
      if (value.is_number() && is_enough)
        each(std::pair(cell(member_at(window, "window")), std::string(name)),
             value.template to_number<double>(), *judged);
    }
  }
}

std::optional<Suggestion> suggest(const Played& played,
                                  const std::vector<const Observed*>& controls) {
  std::map<std::pair<std::string, std::string>, Range> quiet;
  for (const Observed* control : controls) {
    each_metric(control->windows, Timestamp{}, [&](const auto& key, double value, Timestamp) {
      Range& range = quiet[key];
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    });
  }
  std::optional<Suggestion> best;
  double best_distance = 0;  // in margins
  each_metric(
      played.observed.windows, played.dose.start,
      [&](const auto& key, double value, Timestamp judged) {
        const auto range = quiet.find(key);
        if (range == quiet.end() || !may_suggest(key.second)) return;
        const auto [low, high] = range->second;
        const double margin = std::max({kSpreadMargin * (high - low),
                                        kValueMargin * std::max(std::abs(low), std::abs(high)),
                                        is_share_of_wrong(key.second) ? kShareMargin : 1e-6});
        const bool is_over = value > high;
        if (!is_over && is_share_of_wrong(key.second)) return;
        const double distance = (is_over ? value - high : low - value) / margin;
        if (distance <= 1) return;
        const Duration delay = judged - played.dose.start;
        if (best && (best->delay < delay || (best->delay == delay && best_distance >= distance)))
          return;
        best_distance = distance;
        best = Suggestion{.metric = key.second,
                          .window = key.first,
                          .is_over = is_over,
                          .threshold = is_over ? high + margin : low - margin,
                          .value = value,
                          .delay = delay};
      });
  return best;
}

// Answers that are late by a known time: half of it is a threshold on any machine that answers
// faster without the fault. Nothing: no window shows it.
std::optional<Suggestion> suggest_latency(const Played& played,
                                          const std::vector<const Observed*>& controls) {
  const std::string_view metric = "latency_ms_p99";
  const double late_ms = static_cast<double>(kAnswerDelay.micros) / 1e3;
  bool is_slow_anyway = false;
  for (const Observed* control : controls) {
    each_metric(control->windows, Timestamp{}, [&](const auto& key, double value, Timestamp) {
      is_slow_anyway = is_slow_anyway || (key.second == metric && value > late_ms / 2);
    });
  }
  std::optional<Suggestion> first;
  if (is_slow_anyway) return first;
  each_metric(played.observed.windows, played.dose.start,
              [&](const auto& key, double value, Timestamp judged) {
                const Duration delay = judged - played.dose.start;
                if (key.second != metric || value < late_ms || (first && first->delay <= delay))
                  return;
                first = Suggestion{.metric = key.second,
                                   .window = key.first,
                                   .threshold = late_ms / 2,
                                   .value = late_ms,
                                   .delay = delay};
              });
  return first;
}

// `alerts` are sorted by time.
std::vector<NoticedBy> first_of_each(const std::vector<const Json*>& alerts, Timestamp start) {
  std::vector<NoticedBy> found;
  std::set<std::string> known;
  for (const Json* alert : alerts) {
    if (!known.insert(rule_of(*alert)).second) continue;
    found.push_back({.monitor = cell(member_at(*alert, "monitor")),
                     .alert = cell(member_at(*alert, "alert")),
                     .delay = *time_in(*alert, "time") - start});
  }
  return found;
}

void take_first_alert(Verdict& verdict, const Json& alert, const Played& played) {
  verdict.by = "alert " + cell(member_at(alert, "alert"));
  verdict.delay = *time_in(alert, "time") - played.dose.start;
  for (const Json& cause : member_at(alert, "causes").as_array())
    verdict.named.push_back(cell(member_at(cause, "feature")));
  const std::vector<std::string>& causes = played.fault->causes;
  if (!causes.empty()) {
    verdict.is_cause_right =
        std::any_of(verdict.named.begin(), verdict.named.end(), [&](const std::string& name) {
          return std::find(causes.begin(), causes.end(), name) != causes.end();
        });
  }
}

void take_action(Verdict& verdict, const std::vector<const Json*>& alerts, const Fault& fault) {
  bool has_started = false;
  for (const Json* alert : alerts) {
    for (const Json& action : member_at(*alert, "actions").as_array()) {
      const bool is_skipped = cell(member_at(action, "state")) == "skipped";
      if (is_skipped && !verdict.action.empty()) continue;
      if (has_started) continue;
      has_started = !is_skipped;
      verdict.action = fmt::format(
          "{} {}", cell(member_at(action, "kind")),
          is_skipped ? "held back: " + cell(member_at(action, "reason")) : std::string("started"));
    }
  }
  if (fault.action == "none")
    verdict.is_action_right = !has_started;
  else if (!fault.action.empty())
    verdict.is_action_right = has_started;
}

std::int64_t count_in(const std::vector<Timestamp>& sorted, Timestamp from, Timestamp to) {
  return std::lower_bound(sorted.begin(), sorted.end(), to) -
         std::lower_bound(sorted.begin(), sorted.end(), from);
}

// When an action against the fault was started, and whether it has helped. What breaks for a while
// is mended by the drill, and ends by itself.
void take_recovery(Verdict& verdict, const std::vector<const Json*>& alerts, const Played& played,
                   const Observed& baseline) {
  const Timestamp start = played.dose.start, until = played.dose.until;
  std::optional<Timestamp> deed, remedy;
  for (const Json* alert : alerts) {
    for (const Json& action : member_at(*alert, "actions").as_array()) {
      const auto time = time_in(action, "time");
      if (!time) continue;
      if (is_deed(action)) deed = std::min(deed.value_or(*time), *time);
      if (is_remedy(action)) remedy = std::min(remedy.value_or(*time), *time);
    }
  }
  if (deed) verdict.acted = *deed - start;
  if (played.fault->group == FaultGroup::kControl) return;
  if (played.fault->breakage) {
    if (verdict.recovery)
      verdict.harmed_until_recovered =
          count_in(played.harmed, start, start + *verdict.recovery + Duration{1});
    return;
  }
  if (!played.observed.refused.empty()) {
    verdict.recovery = Duration{};  // it never answered
  } else if (remedy) {
    if (const auto well =
            recovered_at(played.observed.answered, baseline.answered, start, *remedy, until))
      verdict.recovery = *well - start;
    else
      verdict.not_recovered = "what was done has not helped";
  } else {
    verdict.not_recovered =
        deed ? "a retraining does nothing in the copy" : "nothing was done about it";
  }
  if (verdict.recovery) {
    verdict.harmed_until_recovered = count_in(played.harmed, start, start + *verdict.recovery);
  }
}

// What noticed a broken machine before any alert. Empty: nothing did.
std::string noticed_outage(const Played& played, std::int64_t refused) {
  if (played.observed.outage.health_fails) return "/health";
  if (refused > 0) return "failed requests";
  if (played.observed.replay.waited > 0) return "refused pushes and outcomes";
  return {};
}

// Nothing of a dead server can tell: what the drill saw is that nobody answered whoever asked.
std::string who_knows_it_is_dead(const std::vector<NoticedBy>& noticed) {
  return "noticed by definition, as a dead server tells nobody: known to who asks /health from "
         "outside (a liveness probe, `up == 0`), as soon as that asks; " +
         (noticed.empty() ? "no monitor here tells of it, also not when it is back"
                          : fmt::format("of the monitors {} tells first, after {}",
                                        noticed.front().alert, delay_text(noticed.front().delay)));
}

// From the start until the last request that fails because of it, or the last that had to wait.
std::optional<Duration> recovery_of(const Played& played, const Observed& baseline) {
  const ReplayReport& replay = played.observed.replay;
  std::vector<Timestamp> failed;
  std::set_difference(replay.failed_at.begin(), replay.failed_at.end(),
                      baseline.replay.failed_at.begin(), baseline.replay.failed_at.end(),
                      std::back_inserter(failed));
  const Timestamp start = played.dose.start;
  return std::max(failed.empty() ? start : failed.back(), replay.waited_until.value_or(start)) -
         start;
}

// Requests that were answered, and that the windows of one monitor don't know of.
std::int64_t lost_requests(const Observed& observed, const Observed& baseline) {
  std::map<std::tuple<std::string, std::string, std::string>, std::int64_t> rows;
  const auto key_of = [](const Json& window) {
    return std::tuple(cell(member_at(window, "monitor")), cell(member_at(window, "window")),
                      cell(member_at(window, "start")));
  };
  const auto answered = [](const Json& window, const ReplayReport& replay) {
    const auto from = time_in(window, "start"), to = time_in(window, "end");
    const Json& counted = member_at(window, "rows");
    if (!from || !to || !counted.is_number()) return std::int64_t{0};
    return counted.to_number<std::int64_t>() + count_in(replay.failed_at, *from, *to);
  };
  for (const Json& window : baseline.windows)
    rows[key_of(window)] = answered(window, baseline.replay);
  std::int64_t most = 0;
  for (const Json& window : observed.windows) {
    if (const auto was = rows.find(key_of(window)); was != rows.end())
      most = std::max(most, was->second - answered(window, observed.replay));
  }
  return most;
}

JsonArray texts(const std::vector<std::string>& list) {
  JsonArray array;
  for (const std::string& text : list) array.push_back(Json(text));
  return array;
}

Json json_of(const std::optional<bool>& value) { return value ? Json(*value) : Json(nullptr); }

double seconds_of(Duration duration) { return static_cast<double>(duration.micros) / 1e6; }

}  // namespace

std::string delay_text(const std::optional<base::Duration>& delay) {
  if (!delay) return "-";
  // Two units are enough.
  const std::int64_t minutes = delay->micros / 60'000'000;
  if (minutes == 0) return "at once";
  const std::int64_t days = minutes / 1440, hours = minutes / 60 % 24;
  if (days > 0) return hours > 0 ? fmt::format("{}d {}h", days, hours) : fmt::format("{}d", days);
  return hours > 0 ? fmt::format("{}h", hours) : fmt::format("{}min", minutes);
}

JsonObject Suggestion::to_json() const {
  return {{"metric", metric},           {"window", window}, {is_over ? "over" : "under", threshold},
          {"min_rows", kWindowRowsMin}, {"value", value},   {"delay_seconds", seconds_of(delay)}};
}

JsonObject Verdict::to_json() const {
  JsonObject object{
      {"fault", fault},
      {"group", group_name(group)},
      {"what", what},
      {"start", types::to_rfc3339(start)},
      {"share", share},
      {"shape", ramp == Duration{} ? "abrupt" : "gradual"},
      {"ramp_seconds", seconds_of(ramp)},
      {"share_when_caught", share_when_caught ? Json(*share_when_caught) : Json(nullptr)},
      {"caught", caught},
      {"by", by.empty() ? Json(nullptr) : Json(by)},
      {"harmed", harmed},
      {"alerts", texts(alerts)},
      {"causes_named", texts(named)},
      {"cause_right", json_of(is_cause_right)},
      {"action", action.empty() ? Json(nullptr) : Json(action)},
      {"action_right", json_of(is_action_right)}};
  JsonArray by_alert;
  for (const NoticedBy& one : noticed) {
    by_alert.push_back(JsonObject{
        {"monitor", one.monitor}, {"alert", one.alert}, {"delay_seconds", seconds_of(one.delay)}});
  }
  object["noticed"] = std::move(by_alert);
  object["failed_requests"] = failed;
  object["act_seconds"] = acted ? Json(seconds_of(*acted)) : Json(nullptr);
  object["recovery_seconds"] = recovery ? Json(seconds_of(*recovery)) : Json(nullptr);
  object["not_recovered"] = not_recovered.empty() ? Json(nullptr) : Json(not_recovered);
  object["harmed_until_recovered"] =
      harmed_until_recovered ? Json(*harmed_until_recovered) : Json(nullptr);
  object["lost"] = texts(lost);
  object["delay_seconds"] = delay ? Json(seconds_of(*delay)) : Json(nullptr);
  object["smallest_share"] = smallest_share ? Json(*smallest_share) : Json(nullptr);
  object["advice"] = advice.empty() ? Json(nullptr) : Json(advice);
  object["suggestion"] = suggestion ? Json(suggestion->to_json()) : Json(nullptr);
  return object;
}

namespace {

// Who was harmed before it was caught, and what the dose was by then.
void count_until_caught(const Played& played, Verdict& verdict) {
  const Timestamp caught_at =
      verdict.delay ? played.dose.start + *verdict.delay : played.dose.until;
  verdict.harmed = std::lower_bound(played.harmed.begin(), played.harmed.end(), caught_at) -
                   played.harmed.begin();
  if (verdict.caught) verdict.share_when_caught = played.dose.share_at(caught_at);
}

// That the world has changed is what the alert says that starts the run, and no news of the run.
Verdict judge_pipeline(const Played& played, const std::vector<const Json*>& fresh,
                       const Observed& baseline, Verdict verdict) {
  const PipelineSeen& seen = played.observed.pipeline;
  const bool is_stuck = played.fault->pipeline == PipelineFault::kStuck;
  verdict.by = seen.by;
  verdict.caught = !seen.by.empty();
  if (verdict.caught) {
    const Duration alert =
        fresh.empty() ? Duration{} : *time_in(*fresh.front(), "time") - played.dose.start;
    verdict.delay = Duration{alert.micros + seen.after.micros};
  } else if (!seen.has_started) {
    verdict.advice =
        "no alert has started it: one that notices the change, and whose action may "
        "start it, comes first";
  } else if (is_stuck) {
    verdict.advice =
        "a timeout of the step would end the run: it fails then, and so does the "
        "alert's action, which is told";
  } else {
    verdict.advice = "a pool with one slot for the step would let its runs take turns";
  }
  count_until_caught(played, verdict);
  take_recovery(verdict, fresh, played, baseline);
  return verdict;
}

}  // namespace

Verdict judge(const Played& played, const Observed& baseline,
              const std::vector<const Observed*>& controls) {
  const Fault& fault = *played.fault;
  Verdict verdict{.fault = fault.name,
                  .what = fault.what,
                  .group = fault.group,
                  .start = played.dose.start,
                  .share = played.dose.share,
                  .ramp = played.dose.ramp};
  const auto fresh = new_alerts(played.observed.alerts, baseline.alerts, played.dose.start);
  if (fault.pipeline) return judge_pipeline(played, fresh, baseline, std::move(verdict));
  for (const Json* alert : fresh) verdict.alerts.push_back(cell(member_at(*alert, "alert")));
  verdict.noticed = first_of_each(fresh, played.dose.start);
  const auto refused = played.observed.replay.failed - baseline.replay.failed;
  verdict.failed = std::max<std::int64_t>(refused, 0);
  if (fault.group == FaultGroup::kMachine) {
    verdict.by = noticed_outage(played, refused);
    if (!verdict.by.empty()) verdict.delay = Duration{};
    if (played.observed.outage.health_fails) verdict.advice = who_knows_it_is_dead(verdict.noticed);
  }
  if (fault.breakage) {
    if (fault.breakage != Breakage::kAnswersLate) verdict.recovery = recovery_of(played, baseline);
    verdict.lost = played.observed.outage.lost;
    if (const auto lost = lost_requests(played.observed, baseline); lost > 0)
      verdict.lost.push_back(fmt::format("{} answered requests", lost));
  }
  if (!verdict.by.empty()) {
  } else if (!played.observed.refused.empty()) {
    verdict.by = "the release";
    verdict.delay = Duration{};
  } else if (fault.group != FaultGroup::kControl && !fault.breakage && !played.harmed.empty() &&
             2 * refused >= std::ssize(played.harmed)) {
    verdict.by = "the request check";
    verdict.delay = Duration{};
  } else if (!fresh.empty()) {
    take_first_alert(verdict, *fresh.front(), played);
  }
  verdict.caught = !verdict.by.empty();
  if (verdict.by.starts_with("alert") || !verdict.caught) take_action(verdict, fresh, fault);
  take_recovery(verdict, fresh, played, baseline);
  count_until_caught(played, verdict);
  if (!verdict.caught) {
    verdict.is_action_right.reset();
    if (fault.breakage == Breakage::kAnswersLate)
      verdict.suggestion = suggest_latency(played, controls);
    else if (fault.group != FaultGroup::kControl)
      verdict.suggestion = suggest(played, controls);
  }
  return verdict;
}

std::int64_t DrillReport::caught() const {
  return std::count_if(faults.begin(), faults.end(), [](const Verdict& v) { return v.caught; });
}

std::int64_t DrillReport::false_pages() const {
  std::int64_t pages = 0;
  for (const Verdict& verdict : controls) pages += std::ssize(verdict.alerts);
  return pages;
}

double DrillReport::share() const {
  return faults.empty() ? 1 : static_cast<double>(caught()) / static_cast<double>(faults.size());
}

std::string DrillReport::grade() const {
  char grade = 'E';
  for (const auto& [least, letter] : {std::pair(0.9, 'A'), {0.75, 'B'}, {0.5, 'C'}, {0.25, 'D'}}) {
    if (share() < least) continue;
    grade = letter;
    break;
  }
  if (false_pages() > 0 && grade < 'E') ++grade;
  return std::string(1, grade);
}

JsonObject DrillReport::to_json() const {
  JsonArray of_faults, of_controls;
  for (const Verdict& verdict : faults) of_faults.push_back(verdict.to_json());
  for (const Verdict& verdict : controls) of_controls.push_back(verdict.to_json());
  return {{"endpoint", endpoint},
          {"from", types::to_rfc3339(from)},
          {"start", types::to_rfc3339(start)},
          {"until", types::to_rfc3339(until)},
          {"seed", static_cast<std::int64_t>(seed)},
          {"grade", grade()},
          {"caught", caught()},
          {"faults_played", std::ssize(faults)},
          {"false_pages", false_pages()},
          {"alerts_without_fault", baseline_alerts},
          {"sources_not_pushed", texts(not_pushed)},
          {"not_made", texts(not_made)},
          {"generated", generated ? Json(generated->to_json()) : Json(nullptr)},
          {"faults", std::move(of_faults)},
          {"controls", std::move(of_controls)}};
}

}  // namespace slipway::cli
