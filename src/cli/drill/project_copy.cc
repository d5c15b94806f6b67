#include "cli/drill/project_copy.h"

#include <yaml-cpp/yaml.h>

#include "types/timestamp.h"

namespace slipway::cli {
namespace {

std::string text_of(const YAML::Node& node) {
  YAML::Emitter out;
  out << node;
  return std::string(out.c_str()) + "\n";
}

// The first command of the pipeline that an action starts.
std::optional<Retraining> find_retraining(const YAML::Node& monitors, const YAML::Node& pipelines) {
  for (const auto& monitor : monitors) {
    for (const auto& action : monitor.second["actions"]) {
      const auto pipeline = action.second["pipeline"].as<std::string>("");
      if (pipeline.empty() || !pipelines[pipeline]) continue;
      for (const auto& step : pipelines[pipeline]["steps"]) {
        if (!step["run"]) continue;
        Retraining found{.pipeline = pipeline, .step = step["name"].as<std::string>("")};
        const auto timeout = types::parse_duration(step["timeout"].as<std::string>(""));
        if (timeout) found.timeout = *timeout;
        return found;
      }
    }
  }
  return std::nullopt;
}

// The whole project, with another command in place of the retraining's.
std::string with_command(const YAML::Node& project, const YAML::Node& declared,
                         const Retraining& retraining, const char* command, const char* timeout) {
  YAML::Node changed = YAML::Clone(project);
  YAML::Node step;
  step["name"] = retraining.step;
  step["run"] = command;
  step["cache"] = false;
  if (retraining.timeout) step["timeout"] = timeout;
  for (const auto& known : declared[retraining.pipeline]["steps"]) {
    if (known["name"].as<std::string>("") != retraining.step) continue;
    for (const char* key : {"pool", "slots"}) {
      if (known[key]) step[key] = known[key];
    }
  }
  YAML::Node steps;
  steps.push_back(step);
  changed["pipelines"][retraining.pipeline]["steps"] = steps;
  return text_of(changed);
}

void stop_pipelines(YAML::Node project) {
  for (auto pipeline : project["pipelines"]) {
    YAML::Node step;
    step["name"] = "drill";
    step["run"] = "true";
    step["cache"] = false;
    YAML::Node steps;
    steps.push_back(step);
    pipeline.second["steps"] = steps;
    pipeline.second.remove("schedule");
    pipeline.second.remove("notify");
  }
}

// Nothing: there is none that can be read; what is wrong with it the server
// will say.
base::Duration shortest_window(const YAML::Node& windows) {
  std::optional<base::Duration> shortest;
  for (const auto& window : windows) {
    const auto length = types::parse_duration(window.as<std::string>());
    if (length) shortest = shortest ? std::min(*shortest, *length) : *length;
  }
  return shortest.value_or(base::Duration{});
}

}  // namespace

Result<ProjectCopy> copy_project(std::string_view yaml, const std::string& endpoint,
                                 const std::string& model, base::Timestamp start,
                                 const FetchModel& fetch) {
  ProjectCopy copy;
  YAML::Node project;
  try {
    project = YAML::Load(std::string(yaml));
    const YAML::Node declared = project["endpoints"][endpoint];
    if (!declared || !declared.IsMap()) {
      return base::error(Code::kNotFound, "slipway.yaml declares no such endpoint: endpoint={}",
                         endpoint);
    }
    YAML::Node kept = YAML::Clone(declared);
    for (const char* key : {"shadow", "release", "async", "experiment"}) kept.remove(key);
    kept["model"] = model;
    if (kept["features"]) copy.service = kept["features"].as<std::string>();
    YAML::Node endpoints, monitors;
    endpoints[endpoint] = kept;
    for (const auto& monitor : project["monitors"]) {
      if (monitor.second["endpoint"].as<std::string>("") != endpoint) continue;
      YAML::Node quiet = YAML::Clone(monitor.second);
      for (const char* part : {"alerts", "detectors"}) {
        for (auto rule : quiet[part]) rule.second.remove("route");  // nobody is told
      }
      for (auto action : quiet["actions"]) {
        const auto does = action.second["do"].as<std::string>("");
        copy.has_remedy = copy.has_remedy || does == "rollback" || does == "fallback";
        if (does != "fallback") continue;
        const auto uri = action.second["model"].as<std::string>("");
        action.second["model"] = TRY(fetch(uri));
      }
      monitors[monitor.first] = quiet;
      copy.monitors.push_back(monitor.first.as<std::string>());
    }
    if (copy.monitors.empty()) {
      return base::error(Code::kNotFound,
                         "no monitor in slipway.yaml watches the endpoint, so nothing would know: "
                         "declare one under monitors: endpoint={}",
                         endpoint);
    }
    for (const auto& dataset : project["datasets"])
      copy.datasets.push_back(dataset.first.as<std::string>());
    for (const auto& view : project["features"]["views"]) {
      if (!view.second["source"]) continue;
      copy.views.push_back({.feature = view.first.as<std::string>() + "__",
                            .source = view.second["source"].as<std::string>(),
                            .window = shortest_window(view.second["windows"])});
    }
    project["clock"] = "rehearsal";
    project["start"] = types::to_rfc3339(start);
    for (const char* key : {"endpoints", "monitors", "streams", "routes"}) project.remove(key);
    if (project["alarm_budget"]) project["alarm_budget"].remove("route");
    YAML::Node pipelines;
    if (project["pipelines"]) {
      pipelines = YAML::Clone(project["pipelines"]);
      stop_pipelines(project);
    }
    copy.retraining = find_retraining(monitors, pipelines);
    copy.data_only = text_of(project);
    project["endpoints"] = endpoints;
    project["monitors"] = monitors;
    copy.whole = text_of(project);
    if (copy.retraining) {
      copy.stuck = with_command(project, pipelines, *copy.retraining, "sleep 3600", "1s");
      copy.slow = with_command(project, pipelines, *copy.retraining, "sleep 2", "1h");
    }
  } catch (const YAML::Exception& broken) {
    return base::error(Code::kInvalidArgument, "slipway.yaml: {}", broken.what());
  }
  return copy;
}

}  // namespace slipway::cli
