// The monitor's look at a window that is over: what its performance will turn out to be, before
// labels come.
#include <algorithm>
#include <unordered_set>

#include "monitor/judging.h"
#include "monitor/monitor.h"

namespace slipway::monitor {
namespace {

bool judges_estimates(const MonitorDefinition& definition, WindowKind kind) {
  return std::any_of(definition.alerts.begin(), definition.alerts.end(),
                     [&](const AlertRule& r) { return r.window == kind && is_estimate(r.metric); });
}

// The kind of window that estimators learn from.
WindowKind shortest(const MonitorDefinition& definition) {
  return *std::min_element(definition.windows.begin(), definition.windows.end());
}

}  // namespace

// Finds out how many requests the window has, and which of them have a label.
Result<void> Monitor::look(Cursor& cursor, base::Timestamp now, AdvanceReport& report) {
  const MonitorDefinition& definition = *cursor.definition;
  // Alerts name the inputs that moved; without one on estimates nobody asks for inputs yet.
  const bool judges = judges_estimates(definition, cursor.kind);
  std::vector<std::string> columns;
  if (!judges) {
    columns = {"request_id", "variant",    "role",  "model_version",
               "latency_us", "prediction", "error", "traffic"};
  }
  const types::Frame frame = TRY(ports_.requests.requests(definition.endpoint, cursor.window.start,
                                                          cursor.window.end, columns));
  const WindowRows rows = TRY(WindowRows::of(frame));
  std::vector<std::string> ids = rows.live_request_ids();
  Cursor::Waiting waiting{.rows = std::ssize(ids)};
  std::unordered_set<std::string> labelled;
  for (auto& [id, time] : TRY(labels_.arrivals(definition.endpoint, ids))) {
    labelled.insert(std::move(id));
    waiting.arrivals.push_back(time);
  }
  for (std::string& id : ids) {
    if (!labelled.contains(id)) waiting.missing.push_back(std::move(id));
  }
  auto known = TRY(stored_estimates(cursor));
  if (known) {
    waiting.estimates = std::move(*known);
  } else if (waiting.rows > 0) {
    Planned planned;
    const Estimators estimators = TRY(this->estimators(definition.name));
    for (const auto& [variant, picked] : rows.by_variant()) {
      planned.estimates[variant] =
          estimate_performance(estimators, rows.chances(variant), definition.estimate);
    }
    if (judges) {
      std::string note;  // the judged window gives it
      const auto reference = TRY(profile(definition, note));
      VariantResult live = rows.judge("live", {}, reference.get(), nullptr, definition.quality());
      live.add_estimates(planned.estimates["live"]);
      TRY(plan_rules(cursor, Stage::kOver, live, now, planned));
    }
    TRY(record(cursor, Stage::kOver, now, planned, report));
    waiting.estimates = std::move(planned.estimates);
  }
  cursor.waiting = std::move(waiting);
  return {};
}

Result<std::optional<std::map<std::string, Estimates>>> Monitor::stored_estimates(
    const Cursor& cursor) {
  std::map<std::string, std::string> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT variant, estimates FROM monitor_estimates WHERE workspace = ? AND monitor = ? AND "
        "window_kind = ? AND window_start = ?",
        {workspace_, cursor.definition->name, window_name(cursor.kind), cursor.window.start},
        [&](const store::Row& row) { texts[row.string(0)] = row.string(1); });
  }));
  std::optional<std::map<std::string, Estimates>> known;
  if (texts.empty()) return known;
  known.emplace();
  for (const auto& [variant, text] : texts) {
    (*known)[variant] = TRY(Estimates::from_json(TRY(base::parse_json_object(text))));
  }
  return known;
}

Result<void> Monitor::store_estimates(store::Tx& tx, const Cursor& cursor,
                                      const std::map<std::string, Estimates>& estimates) {
  for (const auto& [variant, made] : estimates) {
    TRY(tx.execute(
        "INSERT INTO monitor_estimates(workspace, monitor, window_kind, window_start, variant, "
        "estimates) VALUES(?, ?, ?, ?, ?, ?)",
        {workspace_, cursor.definition->name, window_name(cursor.kind), cursor.window.start,
         variant, base::to_text(made.to_json())}));
  }
  return {};
}

Result<Estimators> Monitor::estimators(const std::string& monitor) {
  std::map<std::int64_t, std::string> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT model_version, estimator FROM monitor_estimators WHERE workspace = ? AND "
        "monitor = ?",
        {workspace_, monitor}, [&](const store::Row& row) { texts[row.int64(0)] = row.string(1); });
  }));
  Estimators known;
  for (const auto& [version, text] : texts) known[version] = TRY(Estimator::from_text(text));
  return known;
}

Result<Estimators> Monitor::learn(const Cursor& cursor, const WindowRows& rows,
                                  const Labels& labels) {
  const MonitorDefinition& definition = *cursor.definition;
  Estimators learned;
  if (definition.problem.kind != Problem::kBinary) return learned;
  if (cursor.kind != shortest(definition)) return learned;
  Estimators known = TRY(estimators(definition.name));
  for (auto& [version, chances] : rows.labelled_chances(labels)) {
    Estimator& estimator = known[version];
    if (estimator.is_ready()) continue;
    estimator.collect(std::move(chances), definition.estimate);
    learned[version] = estimator;
  }
  return learned;
}

}  // namespace slipway::monitor
