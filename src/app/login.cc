#include "app/login.h"

#include <sys/stat.h>

#include "api/access/audience.h"
#include "api/dvc/rules.h"
#include "api/feast/rules.h"
#include "api/kubeflow/rules.h"
#include "api/lfs/rules.h"
#include "api/mlflow/permits.h"
#include "api/openlineage/rules.h"
#include "api/own/rules.h"
#include "api/page/rules.h"
#include "api/predict/rules.h"
#include "base/log.h"
#include "store/file_system.h"
#include "tracking/ownership.h"

namespace slipway::app {
namespace {

// In the basic_auth.ini of MLflow before 3.13.
constexpr const char* kWellKnownPassword = "password1234";

api::access::ExperimentOfRun experiments_of(store::Db& db) {
  return [&db](const std::string& run) { return tracking::experiment_of_run(db, run); };
}

Error well_known() {
  return base::error(Code::kFailedPrecondition,
                     "the administrator has MLflow's default password, which everybody knows: set "
                     "another one (MLFLOW_AUTH_ADMIN_PASSWORD, or admin_password in the file that "
                     "--auth-config names) or listen on loopback");
}

Result<void> write_secret(const std::filesystem::path& file, const std::string& text) {
  const ::mode_t before = ::umask(0077);
  Result<void> written = store::write_file(file, text + "\n");
  ::umask(before);
  return written;
}

bool is_mlflows(const std::string& pattern) {
  if (pattern.starts_with("/api/v1/")) return false;  // OpenLineage's
  for (const std::string_view prefix : {"/api/", "/ajax-api/", "/get-artifact", "/model-versions/",
                                        "/version", "/graphql", "/v1/traces"}) {
    if (pattern.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

access::Options access_options(const Settings& settings) {
  return {.default_permission =
              MUST(access::parse_permission(settings.default_permission))};  // checked when loaded
}

Result<void> ensure_administrator(access::Access& access, const Settings& settings,
                                  const std::filesystem::path& data, base::Random& random) {
  const bool is_reachable = !is_loopback(settings.host);
  if (access.has_admin()) {
    if (access.check_password_of(settings.admin_username, kWellKnownPassword)) {
      if (is_reachable) return well_known();
      base::log_warning("access", "an administrator has MLflow's default password: user={}",
                        settings.admin_username);
    }
    return {};
  }
  std::string password = settings.admin_password;
  if (password == kWellKnownPassword) {
    if (is_reachable) return well_known();
    base::log_warning("access", "the administrator gets MLflow's default password: user={}",
                      settings.admin_username);
  }
  if (password.empty()) {
    password = random.hex(12);
    const std::filesystem::path file = data / "admin-password";
    TRY(write_secret(file, password));
    base::log_warning("access",
                      "made the first administrator; change the password: user={} file={}",
                      settings.admin_username, file.string());
  }
  TRY(access.create_user(settings.admin_username, password, true));
  return {};
}

api::own::MayHear audience(access::Access& access, store::Db& db) {
  return [audience = std::make_shared<api::access::Audience>(access, experiments_of(db))](
             const std::string& user, const store::Event& event) {
    return audience->may_hear(user, event);
  };
}

void protect_routes(http::Router& router, api::mlflow::Services& mlflow) {
  router.each_route([&](http::Route& route) {
    bool is_known = false;
    if (is_mlflows(route.pattern)) {
      is_known = api::mlflow::apply_permit(mlflow, route);
    } else {
      const api::access::Rule* rule = nullptr;
      for (const auto rules : {api::own::rules(), api::predict::rules(), api::page::rules(),
                               api::feast::rules(), api::dvc::rules(), api::lfs::rules(),
                               api::openlineage::rules(), api::kubeflow::rules()}) {
        if (rule == nullptr) rule = api::access::find_rule(rules, route);
      }
      api::access::apply_rule(rule, *mlflow.access, experiments_of(mlflow.db), route);
      is_known = rule != nullptr;
    }
    if (!is_known) {
      base::log_warning("access", "no table says who may ask: administrators only: route={} {}",
                        http::method_name(route.method), route.pattern);
    }
  });
}

}  // namespace slipway::app
