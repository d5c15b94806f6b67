#include "api/access/rules.h"

#include <algorithm>

#include "api/access/guard.h"

namespace slipway::api::access {

namespace sa = slipway::access;

const Rule* find_rule(std::span<const Rule> rules, const http::Route& route) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) {
    return rule.method == route.method && rule.pattern == route.pattern;
  });
  return found == rules.end() ? nullptr : &*found;
}

void apply_rule(const Rule* rule, const sa::Access& access,
                const ExperimentOfRun& experiment_of_run, http::Route& route) {
  const About about = rule == nullptr ? About::kAdministrator : rule->about;
  const sa::Permission need = rule == nullptr ? sa::Permission::kManage : rule->need;
  route.is_open = about == About::kAnybody;
  if (about == About::kAnybody || about == About::kUser) return;
  route.permit = [about, need, &access, experiment_of_run, refusal = forbidden(route.tag)](
                     const http::Request& request) -> std::optional<http::Response> {
    bool may = false;
    switch (about) {
      case About::kAnybody:
      case About::kUser:
        may = true;
        break;
      case About::kProject:
        may = access.may(request.user, sa::kWorkspace, "*", need);
        break;
      case About::kModel:
        may = access.may(request.user, sa::kRegisteredModel, request.param("name"), need);
        break;
      case About::kExperiment:
        may = access.may(request.user, sa::kExperiment, request.param("id"), need);
        break;
      case About::kRun: {
        const auto experiment = experiment_of_run(std::string(request.param("id")));
        may = experiment &&
              (!*experiment || access.may(request.user, sa::kExperiment, **experiment, need));
        break;
      }
      case About::kAdministrator:
        may = access.is_admin(request.user);
        break;
    }
    if (may) return std::nullopt;
    return refusal;
  };
}

}  // namespace slipway::api::access
