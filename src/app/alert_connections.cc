#include "app/alert_connections.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "types/timestamp.h"

namespace slipway::app {
namespace {

releases::AutomaticChange change_of(monitor::ActionKind kind) {
  switch (kind) {
    case monitor::ActionKind::kHold:
      return releases::AutomaticChange::kHold;
    case monitor::ActionKind::kRollback:
      return releases::AutomaticChange::kRollback;
    case monitor::ActionKind::kFallback:
      return releases::AutomaticChange::kFallback;
    case monitor::ActionKind::kPipeline:
    case monitor::ActionKind::kIncident:
      break;
  }
  CHECK(false);
  return {};
}

monitor::ActionReceipt done(std::string words) {
  monitor::ActionReceipt receipt;
  receipt.outcome = monitor::ActionOutcome{.reason = std::move(words)};
  return receipt;
}

}  // namespace

Result<std::vector<webhooks::RouteNews>> MonitoredAlerts::open_alerts() {
  std::vector<webhooks::RouteNews> open;
  for (const monitor::AlertRecord& alert : TRY(monitor_->told_alerts()))
    open.push_back(webhooks::open_alert(alert.opened_at, alert.news(alert.last_value)));
  for (JsonObject& notice : TRY(pipelines::failing(db_)))
    open.push_back(webhooks::open_failure(std::move(notice)));
  return open;
}

Result<monitor::Standing> AlertActions::look(const std::string& endpoint,
                                             const monitor::ActionRule& action) {
  const releases::EndpointStatus status = TRY(releases_.status(endpoint));
  monitor::Standing standing;
  if (const auto incident = TRY(incidents_.find_open(endpoint))) {
    standing.incident = incident->id;
    standing.incident_has_owner = !incident->owner.empty();
  }
  standing.obstacle = TRY(find_obstacle(status, action));
  if (status.current) {
    standing.revision = status.current->number;
    if (const releases::Variant* live = status.current->find_variant("live"))
      standing.version = live->version;
  }
  return standing;
}

Result<std::optional<std::string>> AlertActions::find_obstacle(
    const releases::EndpointStatus& status, const monitor::ActionRule& action) {
  if (action.kind == monitor::ActionKind::kIncident) return std::optional<std::string>();
  if (action.kind != monitor::ActionKind::kPipeline) {
    return releases_.find_precedence(status.endpoint.name(), change_of(action.kind), action.model);
  }
  for (const std::string& id : TRY(pipelines_.active_runs())) {
    if (TRY(pipelines_.find_run(id)).pipeline == action.pipeline)
      return std::optional(fmt::format("run {} of {} is active", id, action.pipeline));
  }
  if (status.phase() == "canary" || status.phase() == "proposed")
    return std::optional(std::string("a release is under way"));
  return std::optional<std::string>();
}

Result<monitor::ActionReceipt> AlertActions::start(const monitor::ActionRequest& request) {
  const std::string actor = "monitor:" + request.monitor;
  if (request.kind == monitor::ActionKind::kPipeline) {
    monitor::ActionReceipt receipt;
    receipt.run_id =
        TRY(pipelines_.start_run(request.pipeline, request.params,
                                 {.id = request.id, .actor = actor, .reason = request.reason}))
            .id;
    return receipt;
  }
  if (request.kind == monitor::ActionKind::kIncident) {
    const incidents::Opened opened = TRY(
        incidents_.open_for_alert({.cause = request.id,
                                   .endpoint = request.endpoint,
                                   .title = fmt::format("{}: {}", request.endpoint, request.alert),
                                   .severity = request.severity,
                                   .monitor = request.monitor,
                                   .reason = request.reason,
                                   .bad_since = request.bad_since}));
    monitor::ActionReceipt receipt = done(fmt::format(
        "incident {} {}", opened.id, opened.is_new ? "was opened" : "was open already"));
    receipt.incident = opened.id;
    return receipt;
  }
  const releases::Revision revision = TRY(releases_.act(
      request.endpoint, {.change = change_of(request.kind),
                         .model = request.model,
                         .cause = fmt::format("alerts/{}/actions/{}", request.alert_id, request.id),
                         .about = request.about_revision,
                         .reason = request.reason,
                         .actor = actor}));
  const releases::Variant* live = revision.find_variant("live");
  monitor::ActionReceipt receipt = done(fmt::format(
      "revision {} ({}): {} {} answers", revision.number, releases::kind_name(revision.kind),
      live == nullptr ? "" : live->model, live == nullptr ? 0 : live->version));
  receipt.revision = revision.number;
  return receipt;
}

Result<std::optional<monitor::ActionOutcome>> AlertActions::find_outcome(
    const std::string& run_id) {
  const auto run = TRY(pipelines_.find_run(run_id));
  if (!run.is_over()) return std::optional<monitor::ActionOutcome>();
  using State = monitor::ActionOutcome::State;
  return std::optional(monitor::ActionOutcome{.state = run.state == "succeeded" ? State::kDone
                                                       : run.state == "refused" ? State::kRefused
                                                                                : State::kFailed,
                                              .reason = run.reason});
}

Result<incidents::Surroundings> EndpointNeighbourhood::around(const std::string& endpoint) {
  incidents::Surroundings around;
  const releases::EndpointStatus status = TRY(releases_.status(endpoint));
  if (const auto alias = releases::parse_alias(status.endpoint.definition.model)) {
    around.model = alias->model;
  } else if (status.current) {
    if (const releases::Variant* live = status.current->find_variant("live"))
      around.model = live->model;
  }
  for (const monitor::MonitorDefinition& definition : monitor_->definitions()) {
    if (definition.endpoint == endpoint) around.monitors.push_back(definition.name);
  }
  const auto definitions = features_.definitions();
  const features::Service* service = definitions->find_service(status.endpoint.definition.features);
  if (service == nullptr) return around;
  std::set<std::string> datasets;
  for (const std::string& feature : service->features) {
    const features::View* view = definitions->find_view(feature.substr(0, feature.find('.')));
    if (view == nullptr) continue;
    if (const features::Source* source = definitions->find_source(view->source))
      datasets.insert(source->dataset);
  }
  around.datasets.assign(datasets.begin(), datasets.end());
  return around;
}

Result<std::vector<incidents::MovedInput>> EndpointNeighbourhood::moved_inputs(
    const std::string& endpoint, base::Timestamp from, base::Timestamp to) {
  std::vector<incidents::MovedInput> moved;
  for (const monitor::MonitorDefinition& definition : monitor_->definitions()) {
    if (definition.endpoint != endpoint) continue;
    // By kind of window and input: whether it had moved in the window before.
    std::set<std::pair<monitor::WindowKind, std::string>> before;
    for (const monitor::StoredWindow& window : TRY(monitor_->windows(
             definition.name, {.variant = "live", .from = from, .to = to, .limit = 1000}))) {
      std::vector<monitor::FeatureDrift> measured = window.result.drift;
      if (window.result.prediction_drift) measured.push_back(window.result.prediction_drift->found);
      for (const monitor::FeatureDrift& drift : measured) {
        const std::pair key(window.kind, drift.feature);
        if (!drift.drifted) {
          before.erase(key);
          continue;
        }
        if (!before.insert(key).second) continue;
        moved.push_back(
            {.input = drift.feature,
             .how = fmt::format("{} {:.3g} (from {:.3g} on) in the {} from {}", drift.method,
                                drift.score, drift.threshold, monitor::window_name(window.kind),
                                types::to_rfc3339(window.window.start)) +
                    (drift.unit.empty() ? "" : "; " + drift.unit),
             .since = window.window.start});
      }
    }
  }
  return moved;
}

Result<bool> EndpointNeighbourhood::has_open_alert(const std::string& endpoint) {
  return !TRY(monitor_->alerts({.endpoint = endpoint, .open_only = true, .limit = 1})).empty();
}

Result<std::optional<incidents::FirstBadWindow>> EndpointNeighbourhood::first_bad_window(
    const std::string& endpoint, base::Timestamp since) {
  std::optional<incidents::FirstBadWindow> first;
  for (const monitor::AlertRecord& alert : TRY(monitor_->alerts({.endpoint = endpoint}))) {
    if (alert.window.start < since) continue;
    if (!first || alert.window.start < first->start)
      first = incidents::FirstBadWindow{alert.window.start, alert.window.end};
  }
  return first;
}

}  // namespace slipway::app
