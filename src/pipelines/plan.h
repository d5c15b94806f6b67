// From a definition and parameters to what will be run, in which order. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipelines/definition.h"

namespace slipway::pipelines {

struct PlannedStep {
  StepDefinition definition;
  std::vector<std::string> reads;  // steps whose output folders the command mentions
  std::vector<std::size_t> needs;  // positions of `reads`, `after` and what `when` reads. A step
                                   // with `always` that says nothing of it comes behind all without
  std::vector<std::size_t> may_be_skipped;  // of `needs`
  std::vector<std::string> params;          // names the command mentions
};

struct Plan {
  std::map<std::string, std::string> params;  // every parameter of the pipeline with its value
  std::vector<PlannedStep> steps;  // each after all it needs; otherwise in the order written
};

// Indexes of `steps` in running order. kInvalidArgument naming the steps when they need each other
// in a circle.
Result<std::vector<std::size_t>> running_order(const std::vector<StepDefinition>& steps);

// `given` overrides defaults. A parameter whose value is "{now}" becomes `now`. kInvalidArgument: a
// parameter that the pipeline does not have, naming those it has.
Result<Plan> make_plan(const PipelineDefinition& definition,
                       const std::map<std::string, std::string>& given, const std::string& now);

// The command of `step` with `{out}`, the folders of other steps and what stands for an item as
// `text_of` says ("out" for its own folder).
std::string command_of(const Plan& plan, const PlannedStep& step,
                       const std::function<std::string(const std::string& name)>& text_of);

}  // namespace slipway::pipelines
