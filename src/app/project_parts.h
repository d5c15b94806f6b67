// What a slipway.yaml says, and what the server has beside it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/project.h"

namespace slipway::app {

struct Project::Head {
  std::string name, owner;
  bool rehearses = false;
  base::Timestamp start;
};

struct Project::Parsed {
  Parsed(Head of, types::YamlNode node) : head(std::move(of)), root(std::move(node)) {}

  Head head;
  types::YamlNode root;
  std::vector<datasets::DatasetDefinition> datasets;
  features::Definitions features;
  pipelines::Pools pools;
  std::vector<pipelines::ParsedPipeline> pipelines;
  std::vector<pipelines::ScheduleDefinition> schedules;
  std::vector<releases::EndpointDefinition> endpoints;
  std::vector<monitor::MonitorDefinition> monitors;
  std::vector<streams::StreamDefinition> streams;
  std::vector<webhooks::Route> routes;
  std::vector<monitor::MaintenanceWindow> maintenance;
  std::optional<monitor::AlarmBudget> alarm_budget;
  std::vector<governance::TagPolicy> tags;

  // "endpoints/NAME", of all that stays when a file no longer has it.
  std::set<std::string> parts() const;
  // "schedules/NAME", of all that ends then.
  std::set<std::string> bound_parts() const;
};

// What each surplus part is held against.
struct Project::Standing {
  std::set<std::string> declared;                        // by the file: "endpoints/NAME"
  std::vector<pipelines::PipelineDefinition> pipelines;  // of the server
};

struct Project::Surplus {
  std::string kind, name;
  bool is_ours = false;  // this project has declared it last
  std::string why_kept;  // empty: it can be removed

  std::string place() const { return kind + "s/" + name; }
};

}  // namespace slipway::app
