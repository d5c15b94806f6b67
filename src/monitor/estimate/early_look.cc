// The monitor's look at a window that is over, before its labels come: what its performance will
// turn out to be, and alerts on what is known by now.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "monitor/judging.h"
#include "monitor/metrics.h"
#include "monitor/monitor.h"

namespace slipway::monitor {
namespace {

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
constexpr std::size_t kBaselinePredictionsMin = 200;
constexpr const char* kFeatureAge = "feature_age_hours_max";

double hours(base::Duration duration) {
  return static_cast<double>(duration.micros) / kMicrosPerHour;
}

}  // namespace

Result<void> Monitor::look(Cursor& cursor, base::Timestamp now, AdvanceReport& report) {
  const MonitorDefinition& definition = *cursor.definition;
  const Window window = cursor.at_hand;
  const WindowRead read = TRY(read_rows(definition, window));
  const WindowRows rows = TRY(WindowRows::of(read.frame));
  Planned planned;
  const auto asked = TRY(last_asked(definition.name, cursor.kind, window.start));
  const auto known = TRY(baselines(cursor, cursor.at_hand));
  for (const auto& [variant, picked] : rows.by_variant()) {
    const auto has = known.find(variant);
    const bool is_needed =
        has == known.end() || (definition.drift.prediction && !has->second.has_answers());
    if (!is_needed) continue;
    std::vector<double> predictions = rows.predictions(variant);
    const types::Column answers = rows.answers(definition.problem, variant);
    const std::size_t said = answers.size() - answers.null_count();
    // One that there is already is replaced for the sake of answers alone.
    if (std::max(has == known.end() ? predictions.size() : 0, said) < kBaselinePredictionsMin)
      continue;
    planned.new_baselines[variant] = PredictionBaseline::of(std::move(predictions), answers);
  }
  if (rows.by_variant().contains("live")) {
    planned.estimates = TRY(estimate(definition, window, rows));
    planned.first_look = TRY(first_look(cursor, read, rows, planned.estimates["live"]));
    rows.look_at_times(asked, window.end, *planned.first_look);
    TRY(look_for_duplicates(definition, window, *planned.first_look));
    rows.look_at_inputs(*planned.first_look);
    TRY(look_at_labels(definition, window, *planned.first_look));
    TRY(look_at_features(definition, window, *planned.first_look));
    TRY(look_at_datasets(cursor, window, *planned.first_look));
  } else {
    VariantResult silent = VariantResult::of_silence(asked, window.end);
    rows.look_at_inputs(silent);
    const bool is_known = asked || silent.violations.rows > 0;
    if (!is_known) silent.metrics.clear();  // it isn't known to have had none
    TRY(look_at_datasets(cursor, window, silent));
    if (is_known || silent.metrics.contains(kDatasetAge)) {
      planned.estimates["live"] = {};
      planned.first_look = std::move(silent);
    }
  }
  // A server that kept no first looks may have judged its rules already.
  const bool is_judged =
      TRY(stored_estimates(definition.name, cursor.kind, window.start)).has_value();
  if (planned.first_look && !is_judged)
    TRY(plan_rules(cursor, Stage::kOver, *planned.first_look, now, planned));
  if (planned.first_look || !planned.new_baselines.empty())
    TRY(record(cursor, Stage::kOver, now, planned, report));
  cursor.at_hand = TRY(cursor_at(cursor.definition, cursor.kind, window.end, window.end)).at_hand;
  return {};
}

// What can be said of a window without labels.
Result<VariantResult> Monitor::first_look(const Cursor& cursor, const WindowRead& read,
                                          const WindowRows& rows, const Estimates& estimates) {
  const MonitorDefinition& definition = *cursor.definition;
  const auto known = TRY(baselines(cursor, cursor.at_hand));
  const auto baseline = known.find("live");
  VariantResult live =
      rows.judge("live", {}, read.reference.get(),
                 baseline == known.end() ? nullptr : &baseline->second, definition.quality());
  if (baseline != known.end() && definition.drift.prediction)
    rows.compare_predictions(baseline->second, *definition.drift.prediction, definition.problem,
                             live);
  std::erase_if(live.metrics, [](const auto& metric) { return needs_labels(metric.first); });
  live.add_note(read.note);
  if (read.reference != nullptr && judges_together(definition, cursor.kind))
    rows.compare_together(*read.reference, live);
  live.add_estimates(estimates);
  return live;
}

Result<void> Monitor::look_at_labels(const MonitorDefinition& definition, const Window& window,
                                     VariantResult& live) {
  const auto newest = TRY(labels_.newest_arrival(definition.endpoint, window.end));
  live.metrics["labels_quiet_hours"] =
      newest ? hours(window.end - *newest) : std::numeric_limits<double>::quiet_NaN();
  return {};
}

Result<void> Monitor::look_at_features(const MonitorDefinition& definition, const Window& window,
                                       VariantResult& live) {
  const auto newest = TRY(ports_.features.oldest_view(definition.endpoint));
  // What was loaded since says nothing of the window: it is looked at late.
  if (!newest || *newest > window.end) return {};
  live.metrics[kFeatureAge] = hours(window.end - *newest);
  return {};
}

Result<std::optional<Monitor::LiveWindow>> Monitor::live_window(const std::string& monitor,
                                                                WindowKind kind, Edge edge,
                                                                base::Timestamp since,
                                                                base::Timestamp before) {
  std::optional<LiveWindow> found;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    for (const char* table : {"monitor_windows", "monitor_estimates"}) {
      const auto one = TRY(reader.find(
          fmt::format(
              "SELECT window_start, window_end, result FROM {} WHERE workspace = ? AND "
              "monitor = ? AND window_kind = ? AND variant = 'live' AND window_start >= ? "
              "AND window_start < ? AND result IS NOT NULL ORDER BY window_start {} LIMIT 1",
              table, edge == Edge::kOldest ? "ASC" : "DESC"),
          {workspace_, monitor, window_name(kind), since, before}, [](const store::Row& row) {
            return LiveWindow{{row.time(0), row.time(1)}, row.string(2)};
          }));
      if (!one) continue;
      if (!found || (edge == Edge::kOldest ? one->window.start < found->window.start
                                           : found->window.start < one->window.start))
        found = one;
    }
    return {};
  }));
  return found;
}

Result<void> Monitor::look_at_datasets(const Cursor& cursor, const Window& window,
                                       VariantResult& live) {
  for (const std::string& dataset : cursor.definition->datasets) {
    const auto newest = ports_.datasets.newest_row(dataset, window.end);
    if (!newest && newest.error().code != Code::kNotFound) return newest.error();
    base::Timestamp since = window.end;
    if (!newest) {  // nothing ever came
      const std::string& monitor = cursor.definition->name;
      const auto watched =
          TRY(watching_since(monitor, cursor.kind, {kRequestsPart, kDatasetsPart}));
      const auto first =
          TRY(live_window(monitor, cursor.kind, Edge::kOldest, watched, window.start));
      since = first ? first->window.start : window.start;
    } else if (*newest) {
      since = **newest;
    } else {
      continue;
    }
    const double age = hours(window.end - since);
    const auto [known, is_first] = live.metrics.try_emplace(kDatasetAge, age);
    if (!is_first) known->second = std::max(known->second, age);
  }
  return {};
}

Result<void> Monitor::remember_first_look(const Cursor& cursor, VariantResult& live) {
  const auto text = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT result FROM monitor_estimates WHERE workspace = ? AND monitor = ? AND window_kind "
        "= ? AND window_start = ? AND variant = 'live' AND result IS NOT NULL",
        {workspace_, cursor.definition->name, window_name(cursor.kind), cursor.window.start},
        [](const store::Row& row) { return row.string(0); });
  }));
  if (!text) return {};
  const auto seen = TRY(VariantResult::from_json(TRY(base::parse_json_object(*text))));
  if (const auto age = seen.metrics.find(kFeatureAge); age != seen.metrics.end())
    live.metrics[kFeatureAge] = age->second;
  return {};
}

Result<void> Monitor::count_labels(Cursor& cursor) {
  const std::string& endpoint = cursor.definition->endpoint;
  const types::Frame frame = TRY(
      ports_.requests.requests(endpoint, cursor.window.start, cursor.window.end, kScoreColumns));
  std::vector<std::string> ids = TRY(WindowRows::of(frame)).live_request_ids();
  Cursor::Waiting waiting{.rows = std::ssize(ids), .missing = {}, .arrivals = {}};
  std::unordered_set<std::string> labelled;
  for (auto& [id, time] : TRY(labels_.arrivals(endpoint, ids))) {
    labelled.insert(std::move(id));
    waiting.arrivals.push_back(time);
  }
  for (std::string& id : ids) {
    if (!labelled.contains(id)) waiting.missing.push_back(std::move(id));
  }
  cursor.waiting = std::move(waiting);
  return {};
}

Result<std::optional<base::Timestamp>> Monitor::last_asked(const std::string& monitor,
                                                           WindowKind kind, base::Timestamp start) {
  const base::Timestamp since = TRY(watching_since(monitor, kind, {kRequestsPart}));
  const auto newest = TRY(live_window(monitor, kind, Edge::kNewest, since, start));
  if (!newest) return std::optional<base::Timestamp>();
  const auto live = TRY(VariantResult::from_json(TRY(base::parse_json_object(newest->result))));
  const auto quiet = live.metrics.find("quiet_hours");
  if (quiet == live.metrics.end()) {
    // Nobody had asked: the window is kept for the age of datasets alone.
    if (!live.metrics.contains("requests") && live.metrics.contains(kDatasetAge))
      return std::optional<base::Timestamp>();
    return std::optional(newest->window.end);  // of an older server
  }
  return std::optional(newest->window.end -
                       base::Duration{std::llround(quiet->second * kMicrosPerHour)});
}

Result<std::optional<std::map<std::string, Estimates>>> Monitor::stored_estimates(
    const std::string& monitor, WindowKind kind, base::Timestamp start) {
  std::map<std::string, std::string> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT variant, estimates FROM monitor_estimates WHERE workspace = ? AND monitor = ? AND "
        "window_kind = ? AND window_start = ?",
        {workspace_, monitor, window_name(kind), start},
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

Result<void> Monitor::store_first_look(store::Tx& tx, const Cursor& cursor,
                                       const Planned& planned) {
  const std::string& monitor = cursor.definition->name;
  for (const auto& [variant, made] : planned.estimates) {
    std::optional<std::string> result;
    if (variant == "live" && planned.first_look)
      result = base::to_text(planned.first_look->to_json());
    TRY(
        tx.execute("INSERT INTO monitor_estimates(workspace, monitor, window_kind, window_start, "
                   "variant, estimates, window_end, result) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON "
                   "CONFLICT(workspace, monitor, window_kind, window_start, variant) DO UPDATE SET "
                   "window_end = excluded.window_end, result = excluded.result",
                   {workspace_, monitor, window_name(cursor.kind), cursor.at_hand.start, variant,
                    base::to_text(made.to_json()), cursor.at_hand.end, result}));
  }
  TRY(tx.execute(
      "UPDATE monitor_cursors SET at_hand = ? WHERE workspace = ? AND monitor = ? AND window_kind "
      "= ?",
      {cursor.at_hand.end, workspace_, monitor, window_name(cursor.kind)}));
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
                                                const std::set<std::int64_t>& versions) {
  LossEstimators known;
  for (const std::int64_t version : versions) {
    const std::pair key(monitor, version);
    if (const auto found = loss_estimators_.find(key); found != loss_estimators_.end()) {
      known[version] = found->second;
      continue;
    }
    const std::optional<std::string> text = TRY(db_.read([&](store::Reader& reader) {
      return reader.find(
          "SELECT estimator FROM monitor_estimators WHERE workspace = ? AND monitor = ? AND "
          "model_version = ?",
          {workspace_, monitor, version}, [](const store::Row& row) { return row.string(0); });
    }));
    if (!text) continue;
    known[version] = std::make_shared<const LossEstimator>(TRY(LossEstimator::from_text(*text)));
    if (known[version]->is_ready()) loss_estimators_[key] = known[version];
  }
  while (loss_estimators_.size() > kLossEstimatorsKept)
    loss_estimators_.erase(loss_estimators_.begin());
  return known;
}

Result<std::map<std::string, Estimates>> Monitor::estimate_from_inputs(
    const MonitorDefinition& definition, const Window& window, const WindowRows& rows) {
  std::map<std::string, Estimates> estimates;
  const LossEstimators known = TRY(loss_estimators(definition.name, rows.model_versions()));
  std::set<std::string> columns;
  for (const auto& [version, estimator] : known) {
    if (!estimator->is_ready()) continue;
    for (const InputColumn& input : estimator->inputs()) columns.insert(input.name);
  }
  if (columns.empty()) {
    for (const auto& [variant, picked] : rows.by_variant()) estimates[variant] = {};
    return estimates;
  }
  columns.insert(kScoreColumns.begin(), kScoreColumns.end());
  const types::Frame frame = TRY(ports_.requests.requests(
      definition.endpoint, window.start, window.end, {columns.begin(), columns.end()}));
  const WindowRows with_inputs = TRY(WindowRows::of(frame));
  for (const auto& [variant, picked] : rows.by_variant())
    estimates[variant] = estimate_losses(known, with_inputs.predicted(variant));
  return estimates;
}

Result<std::map<std::int64_t, std::string>> Monitor::learn_losses(const Cursor& cursor,
                                                                  const WindowRows& rows,
                                                                  const Labels& labels) {
  const MonitorDefinition& definition = *cursor.definition;
  const LossEstimators known = TRY(loss_estimators(definition.name, rows.model_versions()));
  const auto is_ready = [&](std::int64_t version) {
    const auto found = known.find(version);
    return found != known.end() && found->second->is_ready();
  };
  std::unordered_set<std::string> ids;
  for (const auto& [version, labelled] : rows.labelled_rows(labels)) {
    if (is_ready(version)) continue;
    const std::size_t step = LossEstimator::step(labelled.size(), definition.estimate);
    for (std::size_t i = 0; i < labelled.size(); i += step)
      ids.insert(rows.request_id(labelled[i]));
  }
  std::map<std::int64_t, std::string> learned;
  if (ids.empty()) return learned;
  const types::Frame frame =
      TRY(whole_rows(ports_.requests, definition.endpoint, cursor.window, ids));
  for (const auto& [version, of] : TRY(WindowRows::of(frame)).labelled_predictions(labels)) {
    if (is_ready(version)) continue;
    const auto found = known.find(version);
    LossEstimator estimator = found == known.end() ? LossEstimator() : *found->second;
    estimator.collect(of, definition.estimate);
    learned[version] = estimator.to_text();
  }
  return learned;
}

Result<std::map<std::string, Estimates>> Monitor::estimate(const MonitorDefinition& definition,
                                                           const Window& window,
                                                           const WindowRows& rows) {
  std::map<std::string, Estimates> estimates;
  const Problem kind = definition.problem.kind;
  if (kind == Problem::kRegression) return estimate_from_inputs(definition, window, rows);
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
      case Problem::kMulticlass:
        of = estimate_classes(class_estimators, rows.classes(definition.problem, variant));
        break;
      case Problem::kRegression:
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
    case Problem::kRegression:
      return learn_losses(cursor, rows, labels);
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
