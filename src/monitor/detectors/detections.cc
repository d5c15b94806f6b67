#include "monitor/detectors/detections.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "monitor/alert_log.h"
#include "monitor/detectors/detector.h"
#include "monitor/judging.h"
#include "monitor/window_result.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr base::Duration kStepMax = base::Duration::days(1);
// Beyond it squares are no numbers any more, and a detector would never say a word again.
constexpr double kValueMax = 1e140;
constexpr std::string_view kErrors = "error", kPredictions = "prediction", kInputs = "inputs.";

JsonObject cause_of(const std::string& of, const std::string& request, base::Timestamp time,
                    std::int64_t index, double value) {
  return {{"how", "detected"},     {"feature", of},
          {"request_id", request}, {"event_time", types::to_rfc3339(time)},
          {"index", index},        {"value", value}};
}

}  // namespace

Result<void> Detections::advance(base::Timestamp until, Steps steps) {
  base::MutexLock lock(pass_mutex_);
  Result<void> outcome;
  for (const MonitorDefinition& definition : monitor_.definitions()) {
    for (const DetectorRule& rule : definition.detectors) {
      base::Timestamp from = until;
      if (const auto known = TRY(stored(definition.name, rule.name))) from = known->passed;
      const base::Duration hour = base::Duration::hours(1);
      Result<void> done;
      base::Timestamp at = until;
      if (steps == Steps::kHours) at = {from.micros - from.micros % hour.micros + hour.micros};
      const bool rehearses = steps == Steps::kHours;
      for (; done && at < until; at = at + hour) done = advance(definition, rule, at, rehearses);
      if (done) done = advance(definition, rule, until, rehearses);
      if (!done && outcome) {
        outcome =
            std::move(done).error().with_context("detector " + definition.name + "/" + rule.name);
      }
    }
  }
  return outcome;
}

Result<void> Detections::begin(base::Timestamp now) {
  base::MutexLock lock(pass_mutex_);
  for (const MonitorDefinition& definition : monitor_.definitions()) {
    for (const DetectorRule& rule : definition.detectors) {
      const auto known = TRY(stored(definition.name, rule.name));
      if (!known || known->declared != base::to_text(rule.to_json()))
        TRY(advance(definition, rule, now, true));
    }
  }
  return {};
}

Result<std::optional<Detections::Stored>> Detections::stored(const std::string& monitor,
                                                             const std::string& detector) {
  return db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT declared, detected_until, passed_until, newest_row, seen, state FROM "
        "monitor_detectors WHERE workspace = ? AND monitor = ? AND detector = ?",
        {workspace_, monitor, detector}, [](const store::Row& row) {
          return Stored{row.string(0), row.time(1),  row.time(2),
                        row.time(3),   row.int64(4), row.string(5)};
        });
  });
}

Result<void> Detections::advance(const MonitorDefinition& monitor, const DetectorRule& rule,
                                 base::Timestamp now, bool rehearses) {
  const std::string declared = base::to_text(rule.to_json());
  DetectorParameters parameters = rule.parameters;
  if (const auto chance = monitor_.allowed_chance(rule)) parameters["alpha"] = *chance;
  const auto detector = TRY(make_detector(rule.method, parameters));
  auto known = TRY(stored(monitor.name, rule.name));
  Stored reached{.declared = declared, .until = now};
  // A clock that began to rehearse stands before what it did; one that was set back comes there.
  if (known && known->declared == declared && known->until > now && !rehearses) return {};
  if (known && known->declared == declared && known->until <= now) {
    reached = std::move(*known);
    ByteReader state(reached.state);
    TRY(detector->read(state));
  }
  std::vector<Found> found;
  while (reached.until < now) {
    const base::Timestamp to = std::min(now, reached.until + kStepMax);
    const Rows next = TRY(rows(monitor, rule, reached.until, to, now));
    for (const Row& row : next.rows) {
      if (detector->update(row.value)) found.push_back({row, reached.seen});
      ++reached.seen;
      reached.newest_row = row.time;
    }
    reached.until = next.until;
    if (next.until < to) break;  // a label is still to come
  }
  reached.passed = now;
  ByteWriter state;
  detector->write(state);
  reached.state = state.take();
  return record(monitor, rule, reached, found, now);
}

Result<Detections::Rows> Detections::rows(const MonitorDefinition& monitor,
                                          const DetectorRule& rule, base::Timestamp from,
                                          base::Timestamp to, base::Timestamp now) {
  std::vector<std::string> columns = {"request_id", "variant",          "role",  "model_version",
                                      "latency_us", "prediction",       "error", "traffic",
                                      "event_time", "prediction_values"};
  std::string input;
  if (rule.of.starts_with(kInputs)) columns.push_back(input = rule.of.substr(kInputs.size()));
  const types::Frame frame = TRY(requests_.requests(monitor.endpoint, from, to, columns));
  Rows result{.until = to};
  const WindowRows window = TRY(WindowRows::of(frame));
  const auto live = window.by_variant().find("live");
  if (live == window.by_variant().end()) return result;
  const types::Column* times = TRY(frame.column("event_time"));
  const types::Column* values = nullptr;
  if (!input.empty()) {
    values = frame.find(input);
    const bool is_number = values != nullptr && values->type != types::ColumnType::kString;
    auto& is_told = told_[{monitor.name, rule.name}];
    if (!is_number && !is_told) {
      base::log_warning("monitor",
                        "a detector watches an input that is no number, or that nobody sends: "
                        "monitor={} detector={} input={}",
                        monitor.name, rule.name, input);
    }
    is_told = !is_number;
    if (!is_number) return result;  // others will be
  }
  Labels labels;
  const bool of_errors = rule.of == kErrors;
  if (of_errors)
    labels = TRY(monitor_.labels().find(monitor.endpoint, window.live_request_ids(), now));
  std::vector<std::size_t> order = live->second;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (times->ints[a] != times->ints[b]) return times->ints[a] < times->ints[b];
    return window.request_id(a) < window.request_id(b);
  });
  for (const std::size_t at : order) {
    const base::Timestamp time{times->ints[at]};
    const WindowRows::Scored answer = window.scored(at);
    double value = values != nullptr ? values->number(at) : answer.prediction;
    const bool says_class = of_errors && monitor.problem.kind == Problem::kMulticlass;
    if (answer.failed || !(says_class || std::abs(value) <= kValueMax)) continue;
    if (of_errors) {
      const auto label = labels.find(window.request_id(at));
      if (label == labels.end()) {
        if (time + monitor.complete_after <= now) continue;  // it had its time
        // Those of the same moment are asked for again.
        result.until = time;
        std::erase_if(result.rows, [&](const Row& row) { return row.time == time; });
        return result;
      }
      const auto error = window.error_of(monitor.quality(), at, label->second);
      if (!error || !(*error <= kValueMax)) continue;
      value = *error;
    }
    result.rows.push_back({time, window.request_id(at), value, answer.model_version});
  }
  return result;
}

Result<std::vector<std::vector<Monitor::Decided>>> Detections::decide(
    const MonitorDefinition& monitor, const DetectorRule& rule, const std::vector<Found>& found,
    base::Timestamp now) {
  std::vector<std::vector<Monitor::Decided>> decisions(found.size());
  if (rule.actions.empty() || found.empty()) return decisions;
  std::optional<AlertRecord> open = TRY(monitor_.open_alert(monitor.name, rule.name));
  const AlertLabels labels{monitor.endpoint, monitor.name, rule.name, rule.severity};
  const auto quiet = find_quiet(TRY(monitor_.silences(now)), monitor_.maintenance(), labels, now);
  VariantResult live;
  const WindowKind shortest = *std::min_element(monitor.windows.begin(), monitor.windows.end());
  PastWindows past = monitor_.past_windows(monitor.name, shortest, now);
  if (auto newest = TRY(past.newest())) live = std::move(*newest);
  const auto acts = [](const AlertRecord& alert) {
    return std::any_of(alert.actions.begin(), alert.actions.end(),
                       [](const ActionRecord& action) { return action.state != "skipped"; });
  };
  bool has_started = open && acts(*open), is_first = true;
  std::int64_t fired = open ? open->windows : 0;
  base::Timestamp last = open ? open->last_window_end : base::Timestamp();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const base::Timestamp time = found[i].row.time;
    if (fired > 0 && last + kQuiet < time) {
      open.reset();
      has_started = false, is_first = true, fired = 0;
    }
    last = time;
    ++fired;
    bool starts = false;
    live.model_version = found[i].row.model_version;
    for (const std::string& name : rule.actions) {
      const ActionRule& action = *monitor.find_action(name);
      if (has_started || (!is_first && fired > action.confirmed)) continue;
      decisions[i].push_back(TRY(monitor_.decide(monitor, action,
                                                 {.live = live,
                                                  .now = now,
                                                  .quiet = quiet,
                                                  .open = open ? &*open : nullptr,
                                                  .fired = fired,
                                                  .already_starting = starts})));
      starts = starts || decisions[i].back().decision.start;
    }
    has_started = has_started || starts;
    is_first = false;
  }
  return decisions;
}

// One transaction: the state, and what was found with it.
Result<void> Detections::record(const MonitorDefinition& monitor, const DetectorRule& rule,
                                const Stored& reached, const std::vector<Found>& found,
                                base::Timestamp now) {
  const std::string subject = fmt::format("monitors/{}/alerts/{}", monitor.name, rule.name);
  const std::vector<MaintenanceWindow> maintenance = monitor_.maintenance();
  base::MutexLock turn(monitor_.advance_mutex_);
  // Declared otherwise meanwhile, it may have been of another endpoint: the next pass knows.
  const auto declared = monitor_.definition(monitor.name);
  if (!declared || *declared != monitor) return {};
  const auto decisions = TRY(decide(monitor, rule, found, now));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO monitor_detectors(workspace, monitor, detector, declared, detected_until, "
        "passed_until, newest_row, seen, state) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
        "CONFLICT(workspace, monitor, detector) DO UPDATE SET declared = excluded.declared, "
        "detected_until = excluded.detected_until, passed_until = excluded.passed_until, "
        "newest_row = excluded.newest_row, seen = excluded.seen, state = excluded.state",
        {workspace_, monitor.name, rule.name, reached.declared, reached.until, reached.passed,
         reached.newest_row, reached.seen, store::Bytes{reached.state}}));
    auto open = TRY(list_alerts(tx, workspace_,
                                {.monitor = monitor.name, .alert = rule.name, .open_only = true}));
    // Event time at which the newest alert is over.
    const auto resolve = [&](const AlertRecord& alert) -> Result<void> {
      TRY(tx.execute("UPDATE monitor_alerts SET resolved_at = ? WHERE workspace = ? AND id = ?",
                     {now, workspace_, alert.id}));
      return tx.append_event({.kind = "alert.resolved",
                              .subject = subject,
                              .payload = alert.news(alert.last_value),
                              .event_time = now,
                              .workspace = workspace_});
    };
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Found& one = found[i];
      const base::Timestamp time = one.row.time;
      if (!open.empty() && open.front().last_window_end + kQuiet < time) {
        TRY(resolve(open.front()));
        open.clear();
      }
      if (!open.empty()) {
        AlertRecord& alert = open.front();
        alert.last_value = one.row.value;
        alert.last_window_end = time;
        TRY(tx.execute(
            "UPDATE monitor_alerts SET windows = windows + 1, last_value = ?, last_window_end = ? "
            "WHERE workspace = ? AND id = ?",
            {one.row.value, time, workspace_, alert.id}));
        TRY(monitor_.record_decisions(tx, monitor, rule.name, alert.id, decisions[i], now));
        continue;
      }
      AlertRecord alert{.monitor = monitor.name,
                        .endpoint = monitor.endpoint,
                        .alert = rule.name,
                        .metric = fmt::format("{} of {}", rule.method, rule.of),
                        .severity = rule.severity,
                        .routes = rule.routes,
                        .value = one.row.value,
                        .kind = WindowKind::kDay,
                        .window = {time, time},
                        .opened_at = now,
                        .last_value = one.row.value,
                        .last_window_end = time};
      alert.causes.push_back(cause_of(rule.of, one.row.id, time, one.index, one.row.value));
      alert.quiet =
          find_quiet(TRY(list_silences(tx, workspace_, now)), maintenance, alert.labels(), now);
      if (!alert.quiet) alert.told_at = now;
      alert.id = TRY(insert_alert(tx, workspace_, alert));
      TRY(tx.append_event({.kind = "alert.opened",
                           .subject = subject,
                           .payload = Monitor::opened_news(alert, decisions[i]),
                           .event_time = now,
                           .workspace = workspace_}));
      TRY(monitor_.record_decisions(tx, monitor, rule.name, alert.id, decisions[i], now));
      open = {std::move(alert)};
    }
    if (!open.empty() && open.front().last_window_end + kQuiet < reached.newest_row)
      TRY(resolve(open.front()));
    return {};
  });
}

}  // namespace slipway::monitor
