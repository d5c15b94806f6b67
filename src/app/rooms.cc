#include "app/rooms.h"

#include "api/mlflow/routes.h"
#include "registry/registry.h"
#include "tracking/artifacts.h"
#include "tracking/experiments.h"
#include "tracking/logged_models.h"
#include "tracking/runs.h"
#include "tracking/tables.h"

namespace slipway::app {

struct Application::Rooms::Impl {
  explicit Impl(const Foundation& f)
      : experiments(f.db, f.clock),
        runs(f.db, f.clock, f.random),
        logged_models(f.db, f.clock, f.random),
        artifacts(f.data / "artifacts"),
        registry(f.db, f.clock),
        mlflow{f.db, experiments, runs, logged_models, artifacts, registry} {}

  tracking::Experiments experiments;
  tracking::Runs runs;
  tracking::LoggedModels logged_models;
  tracking::Artifacts artifacts;
  registry::Registry registry;
  api::mlflow::Services mlflow;
};

Application::Rooms::Rooms(const Foundation& foundation)
    : impl_(std::make_unique<Impl>(foundation)) {}
Application::Rooms::~Rooms() = default;

std::vector<store::RoomMigrations> Application::Rooms::migrations() {
  return {tracking::migrations(), registry::migrations()};
}

Result<void> Application::Rooms::open() { return impl_->experiments.ensure_default(); }

void Application::Rooms::add_routes(http::Router& router) {
  router.add_all(api::mlflow::routes(impl_->mlflow));
  for (const char* prefix : {"/api/", "/ajax-api/", "/get-artifact"})
    router.set_fallback(prefix, api::mlflow::no_route);
}

void Application::Rooms::start(const std::string&, const OnStop&) {}

}  // namespace slipway::app
