// What a route needs of the user who asks, as a row of a table. MLflow's routes have a table of
// their own (api/mlflow/permits.h), because what they are about stands in bodies.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "access/access.h"
#include "api/http/router.h"

namespace slipway::api::access {

enum class About {
  kAnybody,        // answers without login: probes
  kUser,           // whoever has logged in
  kProject,        // needs a permission on the whole workspace: endpoints, pipelines, data
  kModel,          // on the registered model {name}
  kExperiment,     // on the experiment {id}
  kRun,            // on the experiment of the run {id}
  kAdministrator,  // nobody else
};

struct Rule {
  http::Method method;
  std::string_view pattern;
  About about;
  slipway::access::Permission need = slipway::access::Permission::kRead;
};

// The row for a route; null: there is none.
const Rule* find_rule(std::span<const Rule> rules, const http::Route& route);

// Nothing when there is no such run.
using ExperimentOfRun = std::function<Result<std::optional<std::string>>(const std::string& run)>;

// Makes `route` need what `rule` says. Without a rule it is for administrators only. A run that
// doesn't exist is for the handler to say; one that can't be looked up is refused.
void apply_rule(const Rule* rule, const slipway::access::Access& access,
                const ExperimentOfRun& experiment_of_run, http::Route& route);

}  // namespace slipway::api::access
