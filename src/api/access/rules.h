// What a route needs of the user who asks, as a row of a table. MLflow's routes have a table of
// their own (api/mlflow/permits.h), because what they are about stands in bodies.
#pragma once

#include <span>
#include <string_view>

#include "access/access.h"
#include "api/http/router.h"

namespace slipway::api::access {

enum class About {
  kAnybody,        // answers without login: probes
  kUser,           // whoever has logged in
  kProject,        // needs a permission on the whole workspace: endpoints, pipelines, data
  kModel,          // on the registered model {name}
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

// Makes `route` need what `rule` says. Without a rule it is for administrators only.
void apply_rule(const Rule* rule, const slipway::access::Access& access, http::Route& route);

}  // namespace slipway::api::access
