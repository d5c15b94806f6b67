#include "cli/ci/project_part.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "datasets/definition.h"
#include "features/definition.h"
#include "pipelines/plan.h"

namespace slipway::cli {
namespace {

// In front of what is wrong with it.
std::string place_of(const CiPipeline& pipeline) {
  return pipeline.place.empty() ? "" : pipeline.place + ": ci: ";
}

// Names of the steps that `until` of `wanted` needs, itself among them.
Result<std::set<std::string>> needed(const pipelines::PipelineDefinition& definition,
                                     const CiPipeline& wanted, Missing missing) {
  const std::vector<std::string>& until = wanted.until;
  const pipelines::Plan plan = TRY(pipelines::make_plan(definition, {}, ""));
  std::set<std::string> names(until.begin(), until.end());
  for (const std::string& name : until) {
    if (definition.find_step(name) != nullptr || missing == Missing::kLeftOut) continue;
    return base::error(Code::kNotFound, "{}the pipeline has no such step: pipeline={} step={}",
                       place_of(wanted), definition.name, name);
  }
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    if (!names.contains(step->definition.name)) continue;
    for (const std::size_t position : step->needs)
      names.insert(plan.steps[position].definition.name);
  }
  return names;
}

}  // namespace

Result<CiProject> ci_project(std::string_view yaml, const CiPolicy& policy,
                             const std::vector<std::string>& only, Missing missing,
                             VersionChecks checks) {
  const auto document = TRY(types::YamlNode::parse(yaml));
  if (checks == VersionChecks::kKept) {
    // The server would refuse them, too, with the lines of what it is given.
    TRY(datasets::parse_datasets(document));
    TRY(features::parse_definitions(document));
  }
  const std::vector<pipelines::ParsedPipeline> parsed = TRY(pipelines::parse_pipelines(document));
  std::vector<CiPipeline> wanted = policy.pipelines;
  if (wanted.empty()) {
    for (const auto& one : parsed)
      wanted.push_back({.name = one.definition.name, .until = {}, .params = {}});
  }
  for (const std::string& name : only) {
    if (std::none_of(wanted.begin(), wanted.end(),
                     [&](const auto& one) { return one.name == name; }))
      wanted.push_back({.name = name, .until = {}, .params = {}});
  }
  CiProject project;
  try {
    YAML::Node root = YAML::Load(std::string(yaml));
    for (const char* part : {"schedules", "endpoints", "monitors", "streams", "routes",
                             "maintenance", "alarm_budget", "ci"})
      root.remove(part);
    for (auto pipeline : root["pipelines"]) pipeline.second.remove("notify");  // nobody is told
    for (auto dataset : root["datasets"]) {
      project.datasets.push_back(dataset.first.as<std::string>());
      if (checks == VersionChecks::kLeftOut) dataset.second.remove("checks");
    }
    for (CiPipeline& pipeline : wanted) {
      if (!only.empty() && std::find(only.begin(), only.end(), pipeline.name) == only.end())
        continue;
      const auto found = std::find_if(parsed.begin(), parsed.end(), [&](const auto& one) {
        return one.definition.name == pipeline.name;
      });
      if (found == parsed.end()) {
        if (missing == Missing::kLeftOut) continue;
        return base::error(Code::kNotFound, "{}slipway.yaml has no such pipeline: pipeline={}",
                           place_of(pipeline), pipeline.name);
      }
      if (missing == Missing::kLeftOut)
        std::erase_if(pipeline.params, [&](const auto& param) {
          return !found->definition.params.contains(param.first);
        });
      if (!pipeline.until.empty()) {
        const std::set<std::string> names = TRY(needed(found->definition, pipeline, missing));
        YAML::Node steps(YAML::NodeType::Sequence);
        for (const auto& step : root["pipelines"][pipeline.name]["steps"]) {
          if (names.contains(step["name"].as<std::string>())) steps.push_back(step);
        }
        if (steps.size() == 0) continue;
        root["pipelines"][pipeline.name]["steps"] = steps;
      }
      project.pipelines.push_back(pipeline);
    }
    YAML::Emitter out;
    out << root;
    project.yaml = std::string(out.c_str()) + "\n";
  } catch (const YAML::Exception& broken) {
    return base::error(Code::kInvalidArgument, "slipway.yaml: {}", broken.what());
  }
  return project;
}

}  // namespace slipway::cli
