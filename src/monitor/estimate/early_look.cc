// The monitor's look at a window that is over, before its labels come: what its performance will
// turn out to be, and alerts on what is known by now.
#include <algorithm>
#include <unordered_set>

#include "monitor/judging.h"
#include "monitor/monitor.h"

namespace slipway::monitor {
namespace {

bool judges_when_over(const MonitorDefinition& definition, WindowKind kind) {
  return std::any_of(definition.alerts.begin(), definition.alerts.end(),
                     [&](const AlertRule& r) { return r.window == kind && is_known_when_over(r); });
}

bool judges_together(const MonitorDefinition& definition, WindowKind kind) {
  return std::any_of(definition.alerts.begin(), definition.alerts.end(), [&](const AlertRule& r) {
    return r.window == kind &&
           (r.metric.starts_with("multivariate_") || r.metric == "embeddings_drifted" ||
            r.metric == "associations_changed");
  });
}

// The kind of window that estimators learn from.
WindowKind shortest(const MonitorDefinition& definition) {
  return *std::min_element(definition.windows.begin(), definition.windows.end());
}

constexpr std::size_t kLossEstimatorsKept = 64;

}  // namespace

// Finds out how many requests the window has, and which of them have a label.
Result<void> Monitor::look(Cursor& cursor, base::Timestamp now, AdvanceReport& report) {
  const MonitorDefinition& definition = *cursor.definition;
  // Alerts name the inputs that moved, and errors are told from inputs; else nobody asks for them
  // yet.
  const bool judges = judges_when_over(definition, cursor.kind);
  std::vector<std::string> columns;
  if (!judges && definition.problem.kind != Problem::kRegression) {
    columns = {"request_id", "variant", "role",    "model_version",    "latency_us",
               "prediction", "error",   "traffic", "prediction_values"};
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
    planned.estimates = TRY(estimate(definition, rows));
    if (judges) {
      std::string note;  // the judged window gives it
      const auto reference = TRY(profile(definition, note));
      const auto baselines = TRY(this->baselines(cursor));
      const auto baseline = baselines.find("live");
      VariantResult live = rows.judge("live", {}, reference.get(),
                                      baseline == baselines.end() ? nullptr : &baseline->second,
                                      definition.quality());
      rows.look_at_data(cursor.window.start, cursor.window.end, live);
      if (reference != nullptr && judges_together(definition, cursor.kind))
        rows.compare_together(*reference, live);
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

Result<std::map<std::int64_t, std::string>> Monitor::stored_estimators(const std::string& monitor) {
  std::map<std::int64_t, std::string> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT model_version, estimator FROM monitor_estimators WHERE workspace = ? AND "
        "monitor = ?",
        {workspace_, monitor}, [&](const store::Row& row) { texts[row.int64(0)] = row.string(1); });
  }));
  return texts;
}

Result<Estimators> Monitor::estimators(const std::string& monitor) {
  Estimators known;
  for (const auto& [version, text] : TRY(stored_estimators(monitor)))
    known[version] = TRY(Estimator::from_text(text));
  return known;
}

Result<ClassEstimators> Monitor::class_estimators(const std::string& monitor) {
  ClassEstimators known;
  for (const auto& [version, text] : TRY(stored_estimators(monitor)))
    known[version] = TRY(ClassEstimator::from_text(text));
  return known;
}

Result<LossEstimators> Monitor::loss_estimators(const std::string& monitor,
                                                const RowsByVersion& rows) {
  LossEstimators known;
  for (const auto& [version, of] : rows) {
    const std::pair key(monitor, version);
    if (const auto found = loss_estimators_.find(key); found != loss_estimators_.end()) {
      known[version] = found->second;
      continue;
    }
    const std::optional<std::string> text = TRY(db_.read([&, v = version](store::Reader& reader) {
      return reader.find(
          "SELECT estimator FROM monitor_estimators WHERE workspace = ? AND monitor = ? AND "
          "model_version = ?",
          {workspace_, monitor, v}, [](const store::Row& row) { return row.string(0); });
    }));
    if (!text) continue;
    known[version] = std::make_shared<const LossEstimator>(TRY(LossEstimator::from_text(*text)));
    if (known[version]->is_ready()) loss_estimators_[key] = known[version];
  }
  while (loss_estimators_.size() > kLossEstimatorsKept)
    loss_estimators_.erase(loss_estimators_.begin());
  return known;
}

Result<std::map<std::string, Estimates>> Monitor::estimate(const MonitorDefinition& definition,
                                                           const WindowRows& rows) {
  std::map<std::string, Estimates> estimates;
  const Problem kind = definition.problem.kind;
  Estimators estimators;
  ClassEstimators class_estimators;
  if (kind == Problem::kBinary) estimators = TRY(this->estimators(definition.name));
  if (kind == Problem::kMulticlass) class_estimators = TRY(this->class_estimators(definition.name));
  for (const auto& [variant, picked] : rows.by_variant()) {
    Estimates& of = estimates[variant];  // none, where nobody knows how to
    switch (kind) {
      case Problem::kBinary:
        of = estimate_performance(estimators, rows.chances(variant), definition.estimate);
        break;
      case Problem::kRegression: {
        const RowsByVersion predicted = rows.predicted(variant);
        of = estimate_losses(TRY(loss_estimators(definition.name, predicted)), predicted);
        break;
      }
      case Problem::kMulticlass:
        of = estimate_classes(class_estimators, rows.classes(definition.problem, variant));
        break;
      case Problem::kRanking:
        break;
    }
  }
  return estimates;
}

Result<std::map<std::int64_t, std::string>> Monitor::learn(const Cursor& cursor,
                                                           const WindowRows& rows,
                                                           const Labels& labels) {
  const MonitorDefinition& definition = *cursor.definition;
  std::map<std::int64_t, std::string> learned;
  if (cursor.kind != shortest(definition)) return learned;
  const auto is_ready = [](const auto& known, std::int64_t version) {
    const auto found = known.find(version);
    return found != known.end() && found->second.is_ready();
  };
  switch (definition.problem.kind) {
    case Problem::kBinary: {
      Estimators known = TRY(estimators(definition.name));
      for (auto& [version, chances] : rows.labelled_chances(labels)) {
        if (is_ready(known, version)) continue;
        known[version].collect(std::move(chances), definition.estimate);
        learned[version] = known[version].to_text();
      }
      break;
    }
    case Problem::kRegression: {
      const RowsByVersion labelled = rows.labelled_predictions(labels);
      const LossEstimators known = TRY(loss_estimators(definition.name, labelled));
      for (const auto& [version, of] : labelled) {
        const auto found = known.find(version);
        if (found != known.end() && found->second->is_ready()) continue;
        LossEstimator estimator = found == known.end() ? LossEstimator() : *found->second;
        estimator.collect(of, definition.estimate);
        learned[version] = estimator.to_text();
      }
      break;
    }
    case Problem::kMulticlass: {
      ClassEstimators known = TRY(class_estimators(definition.name));
      for (const auto& [version, of] : rows.labelled_classes(definition.problem, labels)) {
        if (is_ready(known, version) || of.rows.chances.empty()) continue;
        known[version].collect(of, definition.estimate);
        learned[version] = known[version].to_text();
      }
      break;
    }
    case Problem::kRanking:
      break;
  }
  return learned;
}

}  // namespace slipway::monitor
