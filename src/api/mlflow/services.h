// The services that MLflow's routes call. All must outlive the routes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/http/router.h"
#include "evaluations/evaluation_datasets.h"
#include "evaluations/label_schemas.h"
#include "evaluations/review_queues.h"
#include "evaluations/scorers.h"
#include "registry/registry.h"
#include "store/db.h"
#include "traces/assessments.h"
#include "traces/issues.h"
#include "traces/trace_metrics.h"
#include "traces/trace_removal.h"
#include "traces/trace_search.h"
#include "traces/traces.h"
#include "tracking/artifacts.h"
#include "tracking/experiments.h"
#include "tracking/logged_models.h"
#include "tracking/run_index.h"
#include "tracking/runs.h"
#include "webhooks/webhooks.h"

namespace slipway::access {
class Access;
}

namespace slipway::api::mlflow {

struct Services {
  store::Db& db;
  tracking::Experiments& experiments;
  tracking::Runs& runs;
  tracking::RunIndex& run_index;
  tracking::LoggedModels& logged_models;
  tracking::Artifacts& artifacts;
  registry::Registry& registry;
  webhooks::Webhooks& webhooks;
  traces::Traces& traces;
  traces::TraceRemover& trace_remover;
  traces::TraceSearch& trace_search;
  traces::TraceMetrics& trace_metrics;
  traces::Assessments& assessments;
  traces::Issues& issues;
  evaluations::EvaluationDatasets& evaluation_datasets;
  evaluations::Scorers& scorers;
  evaluations::LabelSchemas& label_schemas;
  evaluations::ReviewQueues& review_queues;
  // With --artifacts-only every route but the artifact proxy's answers 503.
  bool artifacts_only = false;
  std::int64_t signed_url_seconds = 300;      // how long a signed download is good, if not said
  slipway::access::Access* access = nullptr;  // null: nobody has to log in
};

using Handle = std::function<Result<http::Response>(Services&, const http::Request&)>;

// One route of MLflow under both prefixes, /api/2.0 and /ajax-api/2.0, with errors in MLflow's
// envelope.
void add(std::vector<http::Route>& routes, Services& services, http::Method method,
         const std::string& path, Handle handle);
// The same at exactly this path.
void add_one(std::vector<http::Route>& routes, Services& services, http::Method method,
             const std::string& path, Handle handle);

// "Runs", "Experiments" and so on, one source each.
void add_experiment_routes(std::vector<http::Route>& routes, Services& services);
void add_run_routes(std::vector<http::Route>& routes, Services& services);
void add_logged_model_routes(std::vector<http::Route>& routes, Services& services);
void add_registry_routes(std::vector<http::Route>& routes, Services& services);
void add_review_routes(std::vector<http::Route>& routes, Services& services);
void add_evaluation_routes(std::vector<http::Route>& routes, Services& services);
void add_issue_routes(std::vector<http::Route>& routes, Services& services);
void add_trace_routes(std::vector<http::Route>& routes, Services& services);
void add_webhook_routes(std::vector<http::Route>& routes, Services& services);
void add_artifact_routes(std::vector<http::Route>& routes, Services& services);
void add_graphql_routes(std::vector<http::Route>& routes, Services& services);
void add_page_routes(std::vector<http::Route>& routes, Services& services);
// Only with `services.access`.
void add_auth_routes(std::vector<http::Route>& routes, Services& services);

}  // namespace slipway::api::mlflow
