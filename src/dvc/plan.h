// Which stage comes after which, and the pipeline of ours that runs them. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "dvc/stage.h"

namespace slipway::dvc {

struct Plan {
  std::vector<std::vector<std::size_t>> needs;  // of each stage: those that make what it reads
  std::vector<std::size_t> order;  // as `dvc repro` runs them, and lock files have them
};

// kInvalidArgument: two stages make the same file, one makes the folder of a dvc.yaml, or stages
// need each other in a circle.
Result<Plan> make_plan(const std::vector<Stage>& stages);

// `path` of a stage, below the project's folder, without "." and "..".
std::string place_of(const Stage& stage, const std::string& path);

// Positions of the stages that `names` mean (an address, or a group's for all of it) and of all
// that they need; all, when none are named. kNotFound.
Result<std::vector<std::size_t>> select_stages(const std::vector<Stage>& stages, const Plan& plan,
                                               const std::vector<std::string>& names);

// By the folder of a dvc.yaml: the parameter of their pipeline that says how many stages the
// dvc.lock there has when a run begins.
std::map<std::string, std::string> locked_params(const std::vector<Stage>& stages);

// The text of a whole slipway.yaml with one pipeline called `name` whose steps run these stages.
std::string pipeline_text(const std::string& name, const std::vector<Stage>& stages,
                          const Plan& plan, const std::vector<std::size_t>& selected);

}  // namespace slipway::dvc
