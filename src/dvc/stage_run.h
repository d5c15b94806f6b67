// What `slipway run-stage` does in a step: nothing when dvc.lock says that nothing has changed,
// else the stage's command, and what came of it goes into DVC's cache and into dvc.lock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "dvc/stage.h"

namespace slipway::dvc {

struct StageCall {
  std::filesystem::path project;  // the folder of dvc.yaml, or of all of them
  std::string stage;              // its address there
  bool is_of_all = false;         // `project` is a repository with several dvc.yaml
  std::size_t locked = 0;         // stages that its dvc.lock had when the run began
  bool force = false;             // also when nothing has changed
};

// The exit code of the step. kNotFound: no such stage, or what it needs isn't there.
// kFailedPrecondition: the command has not made what it should.
Result<int> run_stage(const StageCall& call);

// Whether run_stage would run the command of `stage`, as files are now, and why. Reads alone.
struct StageForecast {
  bool runs = false;
  std::string why;
};
Result<StageForecast> forecast_stage(const StageCall& call, const Stage& stage);

}  // namespace slipway::dvc
