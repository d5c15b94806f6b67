#include "app/project.h"

#include "app/endpoint_inputs.h"
#include "app/project_diff.h"
#include "app/project_parts.h"
#include "base/log.h"
#include "features/written_times.h"
#include "pipelines/data_names.h"
#include "types/timestamp.h"
#include "types/yaml_reader.h"

namespace slipway::app {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE projects(
  workspace TEXT NOT NULL DEFAULT 'default',
  yaml TEXT NOT NULL,
  folder TEXT NOT NULL,
  rehearses INTEGER NOT NULL,
  now INTEGER NOT NULL,
  PRIMARY KEY(workspace));
)sql";

// Which project has declared last what no room keeps a project of: "endpoints/NAME".
constexpr std::string_view kParts = R"sql(
CREATE TABLE project_parts(
  workspace TEXT NOT NULL DEFAULT 'default',
  part TEXT NOT NULL,
  project TEXT NOT NULL,
  PRIMARY KEY(workspace, part));
)sql";

constexpr std::size_t kSparklineDays = 14;

template <typename Change>
void add_changes(JsonArray& list, const std::vector<Change>& changes) {
  for (const auto& change : changes) {
    list.push_back(
        JsonObject{{"kind", change.kind}, {"name", change.name}, {"change", change.change}});
  }
}

// Of features, with what each change means. Endpoints take theirs from a service by its name.
void add_changes(JsonArray& list, const std::vector<features::DefinitionChange>& changes,
                 const std::vector<releases::EndpointDefinition>& endpoints) {
  for (const auto& change : changes) {
    std::string means = change.means;
    if (change.kind == "feature service" && change.change != "unchanged") {
      for (const auto& endpoint : endpoints) {
        if (endpoint.features == change.name)
          means += fmt::format("{}read by endpoint {}", means.empty() ? "" : "; ", endpoint.name);
      }
    }
    list.push_back(JsonObject{{"kind", change.kind},
                              {"name", change.name},
                              {"change", change.change},
                              {"means", std::move(means)}});
  }
}

// `what` names what is told: "alert=late".
Result<void> check_routes(const std::string& what, const std::vector<std::string>& names,
                          const std::vector<webhooks::Route>& routes) {
  for (const std::string& name : names) {
    const bool is_known = std::any_of(routes.begin(), routes.end(),
                                      [&](const webhooks::Route& r) { return r.name == name; });
    if (!is_known) {
      return base::error(Code::kInvalidArgument,
                         "news go to a route that slipway.yaml doesn't declare under `routes:`: "
                         "{} route={}",
                         what, name);
    }
  }
  return {};
}

// Times written out in features that are none.
Result<void> check_times(const features::Definitions& definitions) {
  const auto check = [](const std::string& text, const features::View& view, const auto& of) {
    auto checked = features::check_written_times(text);
    if (checked) return checked;
    return Result<void>(std::move(checked).error().with_context(
        fmt::format("{}: view {}, {}", of.place, view.name, of.name)));
  };
  for (const features::View& view : definitions.views) {
    for (const auto& column : view.columns) TRY(check(column.expression, view, column));
    for (const auto& aggregate : view.aggregates) TRY(check(aggregate.expression, view, aggregate));
  }
  return {};
}

// Rules of rows that are conditions of no columns there could be.
Result<void> check_rules(const types::YamlNode& root) {
  types::YamlMap top = TRY(root.map("slipway.yaml"));
  const auto datasets = top.find("datasets");
  if (!datasets) return {};
  for (const auto& [name, node] : TRY(datasets->entries())) {
    types::YamlMap dataset = TRY(node.map("dataset " + name));
    const auto rules = dataset.find("rules");
    if (!rules) continue;
    for (const auto& [rule, condition] : TRY(rules->entries())) {
      const auto checked = features::Expression::check_condition(TRY(condition.text()));
      if (!checked)
        return condition.error("rule {} of dataset {}: {}", rule, name, checked.error().message);
    }
  }
  return {};
}

}  // namespace

store::RoomMigrations Project::migrations() { return {"projects", {{1, kFirst}, {2, kParts}}}; }

Project::~Project() { stop(); }

Result<Project::Head> Project::parse_head(const types::YamlNode& root) {
  Head head;
  types::YamlMap top = TRY(root.map("slipway.yaml"));
  head.name = TRY(TRY(top.get("project")).text());
  if (const auto owner = top.find("owner")) head.owner = TRY(owner->text());
  if (const auto clock = top.find("clock")) {
    const std::string word = TRY(clock->text());
    if (word != "wall" && word != "rehearsal")
      return clock->error("clock must be wall or rehearsal: got={}", word);
    head.rehearses = word == "rehearsal";
  }
  const auto start = top.find("start");
  if (start) head.start = TRY(start->time());
  if (head.rehearses && !start)
    return root.error("a rehearsal needs `start`: the time its event clock begins with");
  // The rooms read their own part; here only unknown ones are refused. `ci` is read by
  // `slipway ci` alone.
  for (const char* part :
       {"datasets", "features", "pools", "pipelines", "schedules", "endpoints", "monitors",
        "streams", "routes", "maintenance", "alarm_budget", "tags", "ci"})
    top.find(part);
  TRY(top.finish());
  return head;
}

Result<Project::Parsed> Project::parse(const types::YamlNode& root,
                                       const pipelines::Offers* offers) {
  Parsed parsed(TRY(parse_head(root)), root);
  parsed.datasets = TRY(datasets::parse_datasets(root));
  parsed.features = TRY(features::parse_definitions(root));
  parsed.pools = TRY(pipelines::parse_pools(root));
  parsed.pipelines = TRY(pipelines::parse_pipelines(root, offers));
  parsed.schedules = TRY(pipelines::parse_schedules(root, parsed.pipelines));
  parsed.endpoints = TRY(releases::parse_endpoints(root));
  parsed.monitors = TRY(monitor::parse_monitors(root));
  parsed.streams = TRY(streams::parse_streams(root));
  parsed.routes = TRY(webhooks::parse_routes(root));
  parsed.maintenance = TRY(monitor::parse_maintenance(root));
  parsed.alarm_budget = TRY(monitor::parse_alarm_budget(root));
  parsed.tags = TRY(governance::parse_tags(root));
  if (parsed.alarm_budget)
    TRY(check_routes("alarm_budget", parsed.alarm_budget->routes, parsed.routes));
  for (const monitor::MonitorDefinition& monitor : parsed.monitors) {
    for (const monitor::AlertRule& alert : monitor.alerts)
      TRY(check_routes("alert=" + alert.name, alert.routes, parsed.routes));
    for (const auto& detector : monitor.detectors)
      TRY(check_routes("detector=" + detector.name, detector.routes, parsed.routes));
  }
  for (const pipelines::ParsedPipeline& pipeline : parsed.pipelines) {
    for (const auto& [occasion, routes] : pipeline.definition.notify)
      TRY(check_routes("pipeline=" + pipeline.definition.name, routes, parsed.routes));
  }
  return parsed;
}

Result<Project::Parsed> Project::parse_new(const Declared& declared) const {
  const pipelines::Offers offers = rooms_.pipelines.offers(declared.folder);
  Parsed parsed = TRY(parse(TRY(types::YamlNode::parse(declared.yaml)), &offers));
  TRY(check_rules(parsed.root));
  TRY(check_times(parsed.features));
  return parsed;
}

Result<void> Project::restore_clock(store::Db& db, EventClock& clock) {
  const auto stored = TRY(db.read([](store::Reader& reader) {
    return reader.find("SELECT rehearses, now FROM projects", {}, [](const store::Row& row) {
      return std::pair(row.int64(0) != 0, row.time(1));
    });
  }));
  if (stored && stored->first) clock.rehearse_from(stored->second);
  return {};
}

Result<std::string> Project::stored_yaml() {
  return TRY(db_.read([](store::Reader& reader) {
           return reader.find("SELECT yaml FROM projects", {},
                              [](const store::Row& row) { return row.string(0); });
         }))
      .value_or("");
}

Result<std::string> Project::name() {
  const std::string yaml = TRY(stored_yaml());
  if (yaml.empty()) return std::string();
  return TRY(parse_head(TRY(types::YamlNode::parse(yaml)))).name;
}

Result<void> Project::open() {
  rooms_.governance.set_policies(TRY(governance::parse_tags(TRY(stored_yaml()))));
  return bind_features();
}

Result<std::set<std::string>> Project::without_data(const features::Definitions& definitions) {
  std::set<std::string> datasets;
  for (const auto& source : definitions.sources) {
    const auto snapshot = rooms_.datasets.snapshot(source.dataset);
    if (snapshot) continue;
    // One that is damaged keeps no other from its features.
    if (snapshot.error().code == Code::kCorruption) {
      base::log_warning("app", "{}", snapshot.error().message);
    } else if (snapshot.error().code != Code::kNotFound) {
      return snapshot.error();
    }
    datasets.insert(source.dataset);
  }
  return datasets;
}

Result<void> Project::bind_features() {
  const features::Definitions declared = TRY(features::parse_definitions(TRY(stored_yaml())));
  const std::set<std::string> empty = TRY(without_data(declared));
  for (const std::string& dataset : empty)
    base::log_info("app", "features wait for data: dataset={}", dataset);
  // As servers of before took them.
  if (const auto times = check_times(declared); !times) {
    const std::string& why = times.error().message;
    base::log_warning("app", "a time that is none is missing in every row: {}",
                      why.substr(0, why.find('\n')));
  }
  return rooms_.features.set_definitions(features::without(declared, empty));
}

Result<std::vector<std::string>> Project::check_features(const features::Definitions& declared) {
  const std::set<std::string> empty = TRY(without_data(declared));
  const features::Definitions definitions = features::without(declared, empty);
  const auto services = TRY(rooms_.features.try_definitions(definitions));
  for (const auto& status : TRY(rooms_.releases.statuses())) {
    if (!status.current) continue;
    const std::string& endpoint = status.endpoint.name();
    for (const auto& feature : rooms_.endpoints.looked_up(endpoint)) {
      const auto service = services.find(status.current->features);
      const bool given =
          service != services.end() &&
          std::any_of(service->second.begin(), service->second.end(), [&](const auto& output) {
            return output.name == feature.name &&
                   (output.type == features::ValueType::kText) == feature.is_text;
          });
      if (given) continue;
      return base::error(
          Code::kFailedPrecondition,
          "nothing was changed: the model that answers at an endpoint reads a "
          "feature that would be gone or of another type: endpoint={} feature={} "
          "service={} ({})",
          endpoint, feature.name, status.current->features,
          declared.find_service(status.current->features) != nullptr && service == services.end()
              ? "the service now gives views of a dataset without rows: ingest it "
                "first"
              : "keep it until a model without it is in charge");
    }
  }
  std::vector<std::string> warnings;
  for (const auto& source : declared.sources) {
    if (!empty.contains(source.dataset)) continue;
    warnings.push_back(
        fmt::format("the features of source {} wait for the first rows of its dataset, and so do "
                    "the services that give them: slipway data ingest {}",
                    source.name, source.dataset));
  }
  return warnings;
}

// A guard goes by a loss that whoever watches its endpoint can tell.
Result<void> Project::check_guards(const Parsed& parsed) {
  std::map<std::string, monitor::MonitorDefinition> monitors;
  for (const auto& monitor : rooms_.monitor.definitions()) monitors[monitor.name] = monitor;
  for (const auto& monitor : parsed.monitors) monitors[monitor.name] = monitor;
  std::map<std::string, releases::EndpointDefinition> endpoints;
  for (const auto& status : TRY(rooms_.releases.statuses()))
    endpoints[status.endpoint.name()] = status.endpoint.definition;
  for (const auto& endpoint : parsed.endpoints) endpoints[endpoint.name] = endpoint;
  for (const auto& [name, monitor] : monitors) {
    const auto endpoint = endpoints.find(monitor.endpoint);
    if (endpoint == endpoints.end() || !endpoint->second.release.guard.quality) continue;
    auto measure =
        monitor::measure_of(monitor.problem.kind, endpoint->second.release.guard.quality->metric);
    if (!measure)
      return std::move(measure).error().with_context(fmt::format(
          "endpoint {}, guarded by quality, is watched by monitor {}", monitor.endpoint, name));
  }
  return {};
}

Result<std::vector<std::string>> Project::unknown_data(const Parsed& parsed,
                                                       const std::set<std::string>& datasets) {
  std::vector<std::string> warnings;
  std::set<std::string> models;
  for (const auto& endpoint : parsed.endpoints) {
    if (auto alias = releases::parse_alias(endpoint.model)) models.insert(std::move(alias->model));
  }
  for (const pipelines::DataName& data : TRY(pipelines::data_names(parsed.root))) {
    if (data.kind == "dataset" ? datasets.contains(data.name) : models.contains(data.name))
      continue;
    if (data.kind == "model") {
      const auto model = rooms_.registry.get_model(data.name);
      if (model) continue;
      const Code code = model.error().code;
      if (code != Code::kNotFound && code != Code::kInvalidArgument) return model.error();
    }
    warnings.push_back(fmt::format("{}: {}: no {} is called {}, here or on the server", data.place,
                                   data.by, data.kind, data.name));
  }
  return warnings;
}

// Before anything is changed. Gives what is worth a warning.
Result<std::vector<std::string>> Project::check(const Parsed& parsed) {
  TRY(check_guards(parsed));
  std::vector<std::string> warnings = TRY(check_features(parsed.features));
  for (std::string& warning : TRY(rooms_.datasets.unknown_columns(parsed.datasets)))
    warnings.push_back(std::move(warning));
  for (std::string& warning :
       TRY(check_inputs(rooms_.endpoints, parsed.endpoints, parsed.features)))
    warnings.push_back(std::move(warning));
  std::set<std::string> datasets;
  for (const auto& dataset : TRY(rooms_.datasets.definitions())) datasets.insert(dataset.name);
  for (const auto& dataset : parsed.datasets) datasets.insert(dataset.name);
  for (const auto& monitor : parsed.monitors) {
    for (const std::string& dataset : monitor.datasets) {
      if (!datasets.contains(dataset))
        warnings.push_back(
            fmt::format("monitor {}: no dataset is called {}, so it counts as one that never comes",
                        monitor.name, dataset));
    }
  }
  for (std::string& warning : TRY(unknown_data(parsed, datasets)))
    warnings.push_back(std::move(warning));
  return warnings;
}

// Monitors of several classes whose model answers with more than the request log keeps.
std::vector<std::string> Project::unmeasured(const Parsed& parsed) const {
  std::vector<std::string> warnings;
  const std::size_t kept = rooms_.endpoints.logged_values_max();
  for (const monitor::MonitorDefinition& definition : parsed.monitors) {
    if (definition.problem.kind != monitor::Problem::kMulticlass) continue;
    const auto shape = rooms_.endpoints.shape(definition.endpoint);
    if (!shape) continue;  // no model answers yet
    std::size_t values = 0;
    for (const serving::OutputSpec& output : shape->outputs) {
      std::size_t size = 1;
      for (const std::int64_t side : output.row_shape)
        size *= static_cast<std::size_t>(std::max<std::int64_t>(1, side));
      values += size;
    }
    if (values <= kept) continue;
    warnings.push_back(fmt::format(
        "monitor {}: the model of endpoint {} answers a request with {} values, and the request "
        "log keeps up to {}: {} (start the server with --request-log-values-max {})",
        definition.name, definition.endpoint, values, kept,
        shape->outputs.size() > kept
            ? "the quality of its answers will not be measured"
            : "log_loss, roc_auc_ovr and estimates will not be measured, the rest goes by the "
              "likeliest class",
        values));
  }
  return warnings;
}

std::vector<std::string> Project::replaced(const Parsed& parsed) {
  const auto last = name();
  if (!last || last->empty() || *last == parsed.head.name) return {};
  return {fmt::format(
      "this takes the place of project {}: its schedules, features, routes, maintenance windows, "
      "tags and alarm budget end unless they stand here too",
      *last)};
}

JsonObject Project::told(const Parsed& parsed, JsonArray changes,
                         const std::vector<std::string>& of_checks) const {
  JsonArray warnings;
  for (const std::string& warning : of_checks) warnings.push_back(Json(warning));
  for (const std::string& warning : rooms_.pipelines.warnings(parsed.pipelines))
    warnings.push_back(Json(warning));
  for (const std::string& warning : unmeasured(parsed)) warnings.push_back(Json(warning));
  if (!parsed.routes.empty()) {
    for (const std::string& warning : monitor::untold_alerts(parsed.monitors))
      warnings.push_back(Json(warning));
  }
  return {{"project", parsed.head.name},
          {"changes", std::move(changes)},
          {"warnings", std::move(warnings)}};
}

Result<JsonObject> Project::plan(const Declared& declared) {
  const Parsed parsed = TRY(parse_new(declared));
  JsonArray changes;
  add_changes(changes, governance::plan(rooms_.governance.policies(), parsed.tags));
  add_changes(changes, TRY(rooms_.datasets.plan(parsed.datasets)));
  const std::string before = TRY(stored_yaml());
  add_changes(changes, features::plan(TRY(features::parse_definitions(before)), parsed.features),
              parsed.endpoints);
  add_changes(changes, TRY(rooms_.pipelines.plan_pools(parsed.pools)));
  add_changes(changes, TRY(rooms_.pipelines.plan(parsed.pipelines)));
  add_changes(changes, TRY(rooms_.schedules.plan(parsed.schedules)));
  add_changes(changes, TRY(rooms_.releases.plan(parsed.endpoints)));
  add_changes(changes, TRY(rooms_.monitor.plan(parsed.monitors)));
  add_changes(changes, TRY(rooms_.monitor.plan_maintenance(parsed.maintenance)));
  add_changes(changes, rooms_.monitor.plan_alarm_budget(parsed.alarm_budget));
  add_changes(changes, TRY(rooms_.streams.plan(parsed.streams)));
  add_changes(changes, TRY(rooms_.webhooks.plan_routes(parsed.routes)));
  for (Json& left : TRY(left_over(parsed))) changes.push_back(std::move(left));
  add_differences(before, declared.yaml, changes);
  auto warnings = replaced(parsed);
  if (const auto fits = check_place(parsed, declared.folder); !fits)
    warnings.push_back("apply refuses this: " + fits.error().message);
  for (std::string& warning : TRY(check(parsed))) warnings.push_back(std::move(warning));
  return told(parsed, std::move(changes), warnings);
}

Result<JsonObject> Project::apply(const Declared& declared) {
  const Parsed parsed = TRY(parse_new(declared));
  base::MutexLock lock(advance_mutex_);
  if (!declared.take_over) TRY(check_place(parsed, declared.folder));
  TRY(datasets::Datasets::check(parsed.datasets));
  const std::string before = TRY(stored_yaml());
  auto warnings = replaced(parsed);
  for (std::string& warning : TRY(check(parsed))) warnings.push_back(std::move(warning));
  TRY(rooms_.webhooks.check_routes(parsed.routes));
  const auto pruned = TRY(check_prune(parsed, declared.prune));
  const auto owned = TRY(owners());
  // A rehearsal that has begun goes on where it stands.
  const bool begins = parsed.head.rehearses && !clock_.rehearses();
  const base::Timestamp now = begins ? parsed.head.start : clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO projects(yaml, folder, rehearses, now) VALUES(?, ?, ?, ?) ON "
                   "CONFLICT(workspace) DO UPDATE SET yaml = excluded.yaml, folder = "
                   "excluded.folder, rehearses = excluded.rehearses, now = excluded.now",
                   {declared.yaml, declared.folder, parsed.head.rehearses, now}));
    const auto own = [&](const std::string& part, const std::string& project) {
      return tx.execute(
          "INSERT INTO project_parts(part, project) VALUES(?, ?) ON "
          "CONFLICT(workspace, part) DO UPDATE SET project = excluded.project",
          {part, project});
    };
    for (const auto& [part, project] : owned) TRY(own(part, project));
    for (const std::string& part : parsed.parts()) TRY(own(part, parsed.head.name));
    if (before == declared.yaml) return {};
    return tx.append_event({.kind = "project.applied",
                            .subject = "projects/" + parsed.head.name,
                            .actor = declared.actor,
                            .payload = {{"yaml", declared.yaml}},
                            .event_time = now});
  }));
  parsed.head.rehearses ? clock_.rehearse_from(now) : clock_.follow_wall();
  JsonArray changes;
  // Before the data that they are about.
  add_changes(changes, governance::plan(rooms_.governance.policies(), parsed.tags));
  rooms_.governance.set_policies(parsed.tags);
  add_changes(changes,
              TRY(rooms_.datasets.apply(parsed.datasets, declared.folder, declared.actor)));
  TRY(bind_features());
  add_changes(changes, features::plan(TRY(features::parse_definitions(before)), parsed.features),
              parsed.endpoints);
  add_changes(changes, TRY(rooms_.pipelines.apply_pools(parsed.pools, declared.actor)));
  add_changes(changes,
              TRY(rooms_.pipelines.apply(parsed.pipelines, declared.folder, declared.actor)));
  TRY(rooms_.pipelines.quieten_others(parsed.pipelines));
  add_changes(changes, TRY(rooms_.schedules.apply(parsed.schedules, declared.actor)));
  for (const auto& endpoint : parsed.endpoints) {
    // Production follows this alias: from now on only the gate's verdict moves it.
    if (const auto alias = releases::parse_alias(endpoint.model))
      TRY(rooms_.registry.protect_alias(alias->model, alias->alias));
  }
  add_changes(changes, TRY(rooms_.releases.apply(parsed.endpoints, declared.actor)));
  // Before the alerts that go there.
  add_changes(changes, TRY(rooms_.webhooks.apply_routes(parsed.routes)));
  add_changes(changes, TRY(rooms_.monitor.apply(parsed.monitors, declared.actor)));
  add_changes(changes, TRY(rooms_.monitor.apply_maintenance(parsed.maintenance, declared.actor)));
  add_changes(changes, TRY(rooms_.monitor.apply_alarm_budget(parsed.alarm_budget, declared.actor)));
  // New detectors begin now.
  TRY(rooms_.detections.begin(now));
  add_changes(changes, TRY(rooms_.streams.apply(parsed.streams, declared.actor)));
  for (const Surplus& part : pruned) {
    TRY(remove(part, declared.actor));
    changes.push_back(JsonObject{{"kind", part.kind}, {"name", part.name}, {"change", "removed"}});
  }
  for (Json& left : TRY(left_over(parsed))) changes.push_back(std::move(left));
  add_differences(before, declared.yaml, changes);
  return told(parsed, std::move(changes), warnings);
}

Result<JsonObject> Project::overview() {
  JsonArray models;
  std::string owner;
  if (const std::string yaml = TRY(stored_yaml()); !yaml.empty())
    owner = TRY(parse_head(TRY(types::YamlNode::parse(yaml)))).owner;
  for (const auto& status : TRY(rooms_.releases.statuses())) {
    const std::string& endpoint = status.endpoint.name();
    const auto health = TRY(rooms_.monitor.health(endpoint));
    JsonArray traffic;
    for (const std::int64_t requests :
         TRY(rooms_.monitor.requests_per_day(endpoint, kSparklineDays))) {
      traffic.push_back(requests);
    }
    JsonObject model{
        {"name", endpoint},
        {"endpoint", endpoint},
        {"owner", owner},
        {"phase", status.phase()},
        {"health", health.word},
        {"health_reason", health.reason},
        {"traffic_per_day", std::move(traffic)},
        {"open_alerts",
         TRY(rooms_.monitor.alerts({.endpoint = endpoint, .open_only = true})).size()}};
    model["version"] = nullptr;
    model["last_release"] = nullptr;
    if (status.current && !status.current->live().empty()) {
      model["name"] = status.current->live().front()->model;
      model["version"] = status.current->live().front()->version;
      model["last_release"] = types::to_rfc3339(status.current->event_time);
    }
    models.push_back(std::move(model));
  }
  return JsonObject{{"now", types::to_rfc3339(clock_.now())},
                    {"clock", clock_.rehearses() ? "rehearsal" : "wall"},
                    {"models", std::move(models)}};
}

}  // namespace slipway::app
