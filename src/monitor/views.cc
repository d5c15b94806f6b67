// What the monitor tells about what it found.
#include <algorithm>

#include "monitor/judging.h"
#include "monitor/logged_inputs.h"
#include "monitor/monitor.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

Result<StoredWindow> read_window(const store::Row& row) {
  StoredWindow window;
  window.window = {row.time(1), row.time(2)};
  window.kind = TRY(parse_window(row.text(0)));
  window.result = TRY(VariantResult::from_json(TRY(base::parse_json_object(row.text(3)))));
  return window;
}

int badness(std::string_view word) {
  if (word == "alert") return 3;
  if (word == "watch") return 2;
  return word == "healthy" ? 1 : 0;
}

}  // namespace

JsonObject StoredWindow::to_json() const {
  JsonObject object = result.to_json();
  object["window"] = window_name(kind);
  object["start"] = types::to_rfc3339(window.start);
  object["end"] = types::to_rfc3339(window.end);
  object["judged"] = judged_at.has_value();
  object["judged_at"] = judged_at ? Json(types::to_rfc3339(*judged_at)) : Json(nullptr);
  return object;
}

Result<std::vector<StoredWindow>> Monitor::judged_windows(const std::string& monitor,
                                                          const WindowFilter& filter) {
  TRY(definition(monitor));
  const std::string kind(filter.kind ? window_name(*filter.kind) : "");
  const base::Timestamp from = filter.from.value_or(base::Timestamp{INT64_MIN});
  const base::Timestamp to = filter.to.value_or(base::Timestamp{INT64_MAX});
  std::vector<StoredWindow> windows;
  Result<void> parsed;
  // The newest `limit`, then turned around.
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT window_kind, window_start, window_end, result, judged_at FROM monitor_windows "
        "WHERE workspace = ? AND monitor = ? AND (? = '' OR window_kind = ?) "
        "AND (? = '' OR variant = ?) AND window_start >= ? AND window_start < ? "
        "ORDER BY window_start DESC, window_kind DESC, variant DESC LIMIT ?",
        {workspace_, monitor, kind, kind, filter.variant, filter.variant, from, to, filter.limit},
        [&](const store::Row& row) {
          Result<StoredWindow> window = read_window(row);
          if (window) {
            window->judged_at = row.time(4);
            windows.push_back(std::move(*window));
          } else {
            parsed = std::move(window).error();
          }
        });
  }));
  TRY(std::move(parsed));
  std::reverse(windows.begin(), windows.end());
  return windows;
}

Result<std::vector<StoredWindow>> Monitor::windows(const std::string& monitor,
                                                   const WindowFilter& filter) {
  std::vector<StoredWindow> windows = TRY(judged_windows(monitor, filter));
  if (!filter.variant.empty() && filter.variant != "live") return windows;

  for (StoredWindow& window : TRY(waiting_windows(monitor, filter)))
    windows.push_back(std::move(window));
  return windows;
}

Result<std::vector<StoredWindow>> Monitor::first_looks(const std::string& monitor,
                                                       const WindowFilter& filter) {
  const std::string kind(filter.kind ? window_name(*filter.kind) : "");
  const base::Timestamp from = filter.from.value_or(base::Timestamp{INT64_MIN});
  const base::Timestamp to = filter.to.value_or(base::Timestamp{INT64_MAX});
  std::vector<StoredWindow> windows;
  Result<void> parsed;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT window_kind, window_start, window_end, result FROM monitor_estimates WHERE "
        "workspace = ? AND monitor = ? AND (? = '' OR window_kind = ?) AND window_start >= ? AND "
        "window_start < ? AND result IS NOT NULL ORDER BY window_start DESC LIMIT ?",
        {workspace_, monitor, kind, kind, from, to, filter.limit}, [&](const store::Row& row) {
          Result<StoredWindow> window = read_window(row);
          if (!window) {
            parsed = std::move(window).error();
          } else {
            windows.push_back(std::move(*window));
          }
        });
  }));
  TRY(std::move(parsed));
  std::reverse(windows.begin(), windows.end());
  return windows;
}

Result<std::vector<StoredWindow>> Monitor::waiting_windows(const std::string& monitor,
                                                           const WindowFilter& filter) {
  std::vector<StoredWindow> windows = TRY(first_looks(monitor, filter));
  // Of the first of each kind the labels are counted as they come.
  base::MutexLock turn(advance_mutex_);
  for (const Cursor& cursor : cursors_) {
    if (cursor.definition->name != monitor || !cursor.waiting || cursor.waiting->rows == 0)
      continue;
    for (StoredWindow& window : windows) {
      if (window.kind != cursor.kind || window.window != cursor.window) continue;
      window.result.labels = std::ssize(cursor.waiting->arrivals);
      window.result.completeness =
          static_cast<double>(window.result.labels) / static_cast<double>(cursor.waiting->rows);
    }
  }
  return windows;
}

Result<std::vector<AlertRecord>> Monitor::alerts(const AlertFilter& filter) {
  auto found =
      TRY(db_.read([&](store::Reader& reader) { return list_alerts(reader, workspace_, filter); }));
  const base::Timestamp now = clock_.now();
  const std::vector<Silence> active = TRY(silences(now));
  const std::vector<MaintenanceWindow> declared = maintenance();
  for (AlertRecord& alert : found) {
    if (alert.is_open()) alert.quiet = find_quiet(active, declared, alert.labels(), now);
  }
  return found;
}

Result<std::vector<AlertRecord>> Monitor::told_alerts() {
  auto open = TRY(alerts({.open_only = true}));
  std::erase_if(open, [](const AlertRecord& alert) { return !alert.told_at || alert.quiet; });
  return open;
}

Result<Health> Monitor::health(const std::string& endpoint) {
  std::vector<std::shared_ptr<const MonitorDefinition>> watching;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [name, definition] : definitions_) {
      if (definition->endpoint == endpoint) watching.push_back(definition);
    }
  }
  Health worst{.reason = "no monitor watches this endpoint"};
  bool first = true;
  for (const auto& definition : watching) {
    HealthFacts facts{.definition = definition.get()};
    for (const AlertRecord& alert : TRY(alerts({.monitor = definition->name, .open_only = true}))) {
      if (alert.is_detection()) {
        facts.open_alerts.push_back(fmt::format("{}: {} found a change at {}", alert.alert,
                                                alert.metric,
                                                types::to_rfc3339(alert.last_window_end)));
        continue;
      }
      facts.open_alerts.push_back(
          fmt::format("{}: {} is {:.3g} (threshold {:.3g}) in the {} up to {}", alert.alert,
                      alert.metric, alert.last_value, alert.threshold, window_name(alert.kind),
                      types::to_rfc3339(alert.last_window_end)));
    }
    for (const WindowKind kind : definition->windows) {
      const std::string kind_name(window_name(kind));
      std::optional<std::string> text;
      base::Timestamp start;
      const auto since = TRY(watching_since(definition->name, kind, {kRequestsPart}));
      TRY(db_.read([&](store::Reader& reader) {
        return reader.query(
            "SELECT result, window_start FROM monitor_windows WHERE workspace = ? AND monitor = ? "
            "AND window_kind = ? AND variant = 'live' AND window_start >= ? ORDER BY window_start "
            "DESC LIMIT 1",
            {workspace_, definition->name, kind_name, since}, [&](const store::Row& row) {
              text = row.string(0);
              start = row.time(1);
            });
      }));
      if (!text) continue;
      JudgedWindow& judged = facts.newest[kind];
      judged.live = TRY(VariantResult::from_json(TRY(base::parse_json_object(*text))));
      judged.text = fmt::format("{} from {}", kind_name, types::to_rfc3339(start));
      // That nobody asks is known before labels come.
      const auto newer = TRY(first_looks(
          definition->name, {.kind = kind, .from = start + base::Duration{1}, .limit = 1}));
      if (!newer.empty() && newer.front().result.rows == 0) {
        judged = {.live = newer.front().result,
                  .text = fmt::format("{} from {}", kind_name,
                                      types::to_rfc3339(newer.front().window.start))};
      }
    }
    Health health = judge_health(facts);
    if (first || badness(health.word) > badness(worst.word)) worst = std::move(health);
    first = false;
  }
  return worst;
}

Result<std::vector<std::int64_t>> Monitor::requests_per_day(const std::string& endpoint,
                                                            std::size_t days) {
  std::string monitor;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [name, definition] : definitions_) {
      const auto& kinds = definition->windows;
      const bool daily = std::find(kinds.begin(), kinds.end(), WindowKind::kDay) != kinds.end();
      if (definition->endpoint == endpoint && daily) monitor = name;
    }
  }
  std::vector<std::int64_t> counts;
  if (monitor.empty()) return counts;
  const auto since = TRY(watching_since(monitor, WindowKind::kDay, {kRequestsPart}));
  for (const StoredWindow& window : TRY(judged_windows(
           monitor, {.kind = WindowKind::kDay, .variant = "live", .from = since, .limit = days})))
    counts.push_back(window.result.rows);
  return counts;
}

Result<VariantSummary> Monitor::summarize(const std::string& endpoint, const std::string& variant,
                                          base::Timestamp since, base::Timestamp until,
                                          double slow_over_ms) {
  const types::Frame frame = TRY(ports_.requests.requests(endpoint, since, until, kScoreColumns));
  const WindowRows rows = TRY(WindowRows::of(frame));
  std::vector<std::string> ids;
  for (const std::size_t row : rows.answered_by(variant)) ids.push_back(rows.request_id(row));
  return rows.summarize(variant, TRY(labels_.find(endpoint, ids, until)), slow_over_ms);
}

Result<std::unique_ptr<ColumnSource>> Monitor::inputs(const std::string& monitor,
                                                      base::Timestamp from, base::Timestamp to,
                                                      std::int64_t rows_max) {
  const MonitorDefinition found = TRY(definition(monitor));
  return open_inputs(ports_.requests, found.endpoint, from, to, rows_max,
                     found.drift.prediction ? found.problem : ProblemRules());
}

Result<std::unique_ptr<ColumnSource>> Monitor::newest_inputs(const std::string& monitor,
                                                             std::int64_t rows_max) {
  std::optional<Window> newest;
  for (const StoredWindow& window :
       TRY(judged_windows(monitor, {.variant = "live", .limit = 100}))) {
    if (window.result.rows == 0) continue;
    if (!newest || window.window.end > newest->end) newest = window.window;
  }
  if (!newest) {
    return base::error(
        Code::kFailedPrecondition,
        "no window of the monitor was judged yet; ask for a time, FROM..TO: monitor={}", monitor);
  }
  return inputs(monitor, newest->start, newest->end, rows_max);
}

Result<std::unique_ptr<ColumnSource>> Monitor::reference_inputs(const std::string& monitor) {
  const MonitorDefinition found = TRY(definition(monitor));
  if (!found.reference_from || !found.reference_to) {
    return base::error(Code::kFailedPrecondition,
                       "the monitor declares no reference; ask for a time, FROM..TO: monitor={}",
                       monitor);
  }
  return columns_of(
      TRY(ports_.reference.reference(found.endpoint, *found.reference_from, *found.reference_to)));
}

Result<Measure> Monitor::measure(const std::string& endpoint,
                                 const std::optional<std::string>& name) {
  const auto watched = watching(endpoint);
  const Problem problem = watched == nullptr ? Problem::kBinary : watched->problem.kind;
  return name ? measure_of(problem, *name) : Result<Measure>(default_measure(problem));
}

Result<Comparison> Monitor::compare(const std::string& endpoint, const std::string& a,
                                    const std::string& b, Measure measure, double alpha,
                                    base::Timestamp since, base::Timestamp until) {
  const auto watched = watching(endpoint);
  const QualityRules rules = watched == nullptr ? QualityRules() : watched->quality();
  std::vector<std::string> columns = kScoreColumns;
  if (rules.problem.kind == Problem::kMulticlass) columns.push_back("prediction_values");
  const types::Frame frame = TRY(ports_.requests.requests(endpoint, since, until, columns));
  const WindowRows rows = TRY(WindowRows::of(frame));
  Labels labels;
  if (needs_labels(measure)) labels = TRY(labels_.find(endpoint, rows.live_request_ids(), until));
  return monitor::compare(rows, a, b, labels, rules, measure, alpha);
}

}  // namespace slipway::monitor
