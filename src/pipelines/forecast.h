// What a run would do, step by step, and why, without running anything.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "pipelines/cache_key.h"
#include "pipelines/plan.h"
#include "pipelines/run_table.h"
#include "pipelines/secrets.h"

namespace slipway::pipelines {

struct StepForecast {
  std::string step;
  // cached | runs | depends (on what a step before it writes) | waits (for a person or something) |
  // skipped | fails
  std::string verdict;
  std::string why;
  // Of a step with `each` or `pipeline`, as far as they are known; named so.
  std::vector<StepForecast> items;

  JsonObject to_json() const;
};

// What a run would find.
struct World {
  RunTable& table;  // with earlier runs
  InputDigests& inputs;
  const Secrets& secrets;
  // Of another pipeline with these parameters. kNotFound, kInvalidArgument as Pipelines::start_run.
  std::function<Result<Plan>(const std::string& pipeline,
                             const std::map<std::string, std::string>& params)>
      plan_of;
  bool no_cache = false;  // as of a run
};

// One for each step of the plan, in its order. Reads the project's files and earlier runs of
// `pipeline` as they are now.
Result<std::vector<StepForecast>> forecast(const std::string& pipeline, const Plan& plan,
                                           const std::filesystem::path& project, World world);

}  // namespace slipway::pipelines
