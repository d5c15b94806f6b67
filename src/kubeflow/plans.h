// Specs that were compiled: pipelines of ours, named "NAME@DIGEST" after what they do, with the
// files that their steps read below a folder. Safe to use from several threads.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "kubeflow/compiler.h"
#include "kubeflow/ports.h"
#include "store/db.h"

namespace slipway::kubeflow {

struct Plan {
  std::string name;
  JsonObject spec;  // as it came
  CompiledPipeline compiled;

  std::string pipeline_name() const { return name.substr(0, name.rfind('@')); }
};

class Plans {
 public:
  // What is given must outlive it. `folder` gets a project for each plan; what is kept from now on
  // runs there.
  Plans(store::Db& db, PlanRunner& runner, std::filesystem::path folder, Where where)
      : db_(db), runner_(runner), folder_(std::move(folder)), where_(where) {}

  // Compiles and keeps it; the same again is the same plan. kInvalidArgument: what is wrong in it,
  // and where.
  Result<Plan> keep(const Json& spec, const std::string& actor);
  Result<Plan> find(const std::string& name);  // kNotFound
  Where where() const { return where_; }
  std::filesystem::path project_of(const std::string& plan) const { return folder_ / plan; }

 private:
  store::Db& db_;
  PlanRunner& runner_;
  const std::filesystem::path folder_;
  const Where where_;
};

// Parameters of a run as ours has them. kInvalidArgument: one that the pipeline doesn't have, one
// of another type, or one that is missing.
Result<std::map<std::string, std::string>> plan_parameters(const CompiledPipeline& pipeline,
                                                           const JsonObject& given);

}  // namespace slipway::kubeflow
