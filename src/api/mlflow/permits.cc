#include "api/mlflow/permits.h"

#include <algorithm>
#include <array>

#include "access/access.h"
#include "api/access/guard.h"
#include "api/mlflow/errors.h"
#include "api/mlflow/json_members.h"
#include "api/mlflow/readable_search.h"
#include "api/mlflow/wire.h"
#include "evaluations/evaluation_datasets.h"
#include "evaluations/review_queues.h"
#include "evaluations/scorers.h"
#include "tracking/ownership.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using slipway::access::Access;
using slipway::access::kExperiment;
using slipway::access::kRegisteredModel;
using slipway::access::kWorkspace;
using slipway::access::Permission;

// What a request is about, and where that stands in it.
enum class About {
  kAnybody,             // answers without login
  kUser,                // whoever has logged in
  kAdministrator,       // nobody else
  kExperiment,          // experiment_id; the default experiment when there is none
  kExperiments,         // every one of experiment_ids
  kExperimentName,      // experiment_name
  kRun,                 // the experiment of run_id (run_uuid)
  kRuns,                // those of every run_id or run_ids
  kLoggedModel,         // the experiment of the logged model in the path
  kModel,               // name
  kNewVersion,          // name, and to read where the version comes from
  kTrace,               // the experiment of every trace that is named, and of run_id
  kTraceStart,          // where the trace goes, and where it is already
  kTraceSearch,         // every one of locations and experiment_ids
  kIssue,               // the experiment of the issue in the path
  kNewDataset,          // every one of experiment_ids, and there must be one
  kDataset,             // every experiment that the dataset in the path belongs to
  kDatasetTo,           // the same, and those that are added
  kLabelSchema,         // the experiment of schema_id
  kQueue,               // the experiment of queue_id, or of the queue of that name
  kQueueView,           // the same, and to be one of its users or its owner, or to manage
  kQueueOwn,            // the same, and to be its owner, or to manage
  kQueuePrune,          // the same of a custom queue; to manage, of a user's
  kQueueReview,         // the same, and to be one of its users
  kQueueList,           // experiment_id; who may only read sees the queues that they are in
  kExperimentOrAdmin,   // experiment_id; without one, of all experiments: administrators
  kExperimentHeader,    // x-mlflow-experiment-id, and the experiment of x-mlflow-run-id
  kArtifactPath,        // the experiment whose folder the path begins with
  kOnlineScoring,       // the experiments of scorer_ids
  kSelf,                // the user named by username
  kUserView,            // the same, or whoever manages a workspace that they have a role in
  kResource,            // resource_type and resource_id
  kRoleManager,         // the workspace of the role
  kRoleViewer,          // the same, or a role of one's own in it
  kSearchExperiments,   // the reply is filtered
  kSearchModels,        //
  kSearchVersions,      //
  kSearchScorers,       //
  kSearchByExperiment,  // the request's experiment_ids are filtered
};

// What else a route does for permissions, after it has succeeded.
enum class Then { kNothing, kOwnExperiment, kOwnModel, kRenameModel, kForgetModel };

struct Row {
  Method method;
  std::string_view path;  // without /api/2.0 and the like
  About about;
  Permission need = Permission::kRead;
  Then then = Then::kNothing;
};

constexpr Method kGet = Method::kGet, kPost = Method::kPost, kPatch = Method::kPatch,
                 kPut = Method::kPut, kDelete = Method::kDelete;
constexpr Permission kRead = Permission::kRead, kEdit = Permission::kEdit,
                     kManage = Permission::kManage;

constexpr Row kRows[] = {
    {kGet, "/version", About::kAnybody},
    {kGet, "/mlflow/server-info", About::kUser},
    {kPost, "/graphql", About::kUser},  // what is looked up is checked there
    {kGet, "/mlflow/gateway-proxy", About::kUser},
    {kGet, "/mlflow/assistant/config", About::kUser},
    {kGet, "/mlflow/assistant/providers", About::kUser},
    {kGet, "/mlflow/ui-telemetry", About::kUser},
    {kPost, "/mlflow/ui-telemetry", About::kUser},

    {kPost, "/mlflow/experiments/create", About::kUser, kRead, Then::kOwnExperiment},
    {kGet, "/mlflow/experiments/get", About::kExperiment, kRead},
    {kGet, "/mlflow/experiments/get-by-name", About::kExperimentName, kRead},
    {kGet, "/mlflow/experiments/search", About::kSearchExperiments},
    {kPost, "/mlflow/experiments/search", About::kSearchExperiments},
    {kPost, "/mlflow/experiments/search-datasets", About::kExperiments, kRead},
    {kPost, "mlflow/experiments/search-datasets", About::kExperiments, kRead},
    {kPost, "/mlflow/experiments/update", About::kExperiment, kEdit},
    {kPost, "/mlflow/experiments/delete", About::kExperiment, kManage},
    {kPost, "/mlflow/experiments/restore", About::kExperiment, kManage},
    {kPost, "/mlflow/experiments/set-experiment-tag", About::kExperiment, kEdit},
    {kPost, "/mlflow/experiments/delete-experiment-tag", About::kExperiment, kEdit},

    {kPost, "/mlflow/runs/create", About::kExperiment, kEdit},
    {kGet, "/mlflow/runs/get", About::kRun, kRead},
    {kPost, "/mlflow/runs/update", About::kRun, kEdit},
    {kPost, "/mlflow/runs/delete", About::kRun, kManage},
    {kPost, "/mlflow/runs/restore", About::kRun, kManage},
    {kPost, "/mlflow/runs/search", About::kSearchByExperiment},
    {kPost, "/mlflow/runs/log-metric", About::kRun, kEdit},
    {kPost, "/mlflow/runs/log-parameter", About::kRun, kEdit},
    {kPost, "/mlflow/runs/log-batch", About::kRun, kEdit},
    {kPost, "/mlflow/runs/log-model", About::kRun, kEdit},
    {kPost, "/mlflow/runs/log-inputs", About::kRun, kEdit},
    {kPost, "/mlflow/runs/outputs", About::kRun, kEdit},
    {kPost, "/mlflow/runs/set-tag", About::kRun, kEdit},
    {kPost, "/mlflow/runs/delete-tag", About::kRun, kEdit},
    {kGet, "/mlflow/metrics/get-history", About::kRun, kRead},
    {kGet, "/mlflow/metrics/get-history-bulk", About::kRuns, kRead},
    {kGet, "/mlflow/metrics/get-history-bulk-interval", About::kRuns, kRead},

    {kGet, "/mlflow/artifacts/list", About::kRun, kRead},
    {kPost, "/mlflow/artifacts/presigned-download-url", About::kRun, kRead},
    {kPost, "/mlflow/artifacts/presigned-upload-url", About::kRun, kEdit},
    {kGet, "/get-artifact", About::kRun, kRead},
    {kPost, "/mlflow/upload-artifact", About::kRun, kEdit},
    {kGet, "/model-versions/get-artifact", About::kModel, kRead},
    {kGet, "/mlflow-artifacts/artifacts", About::kArtifactPath, kRead},
    {kGet, "/mlflow-artifacts/artifacts/{path*}", About::kArtifactPath, kRead},
    {kPut, "/mlflow-artifacts/artifacts/{path*}", About::kArtifactPath, kEdit},
    {kDelete, "/mlflow-artifacts/artifacts/{path*}", About::kArtifactPath, kManage},
    {kPost, "/mlflow-artifacts/mpu/create/{path*}", About::kArtifactPath, kEdit},
    {kPost, "/mlflow-artifacts/mpu/complete/{path*}", About::kArtifactPath, kEdit},
    {kPost, "/mlflow-artifacts/mpu/abort/{path*}", About::kArtifactPath, kEdit},
    {kGet, "/mlflow-artifacts/presigned/{path*}", About::kArtifactPath, kRead},

    {kPost, "/mlflow/logged-models", About::kExperiment, kEdit},
    {kPost, "/mlflow/logged-models/search", About::kSearchByExperiment},
    {kGet, "/mlflow/logged-models/{id}", About::kLoggedModel, kRead},
    {kPatch, "/mlflow/logged-models/{id}", About::kLoggedModel, kEdit},
    {kDelete, "/mlflow/logged-models/{id}", About::kLoggedModel, kManage},
    {kPatch, "/mlflow/logged-models/{id}/tags", About::kLoggedModel, kEdit},
    {kDelete, "/mlflow/logged-models/{id}/tags/{key}", About::kLoggedModel, kManage},
    {kPost, "/mlflow/logged-models/{id}/params", About::kLoggedModel, kEdit},
    {kGet, "/mlflow/logged-models/{id}/artifacts/directories", About::kLoggedModel, kRead},
    {kGet, "/mlflow/logged-models/{id}/artifacts/files", About::kLoggedModel, kRead},

    {kPost, "/v1/traces", About::kExperimentHeader, kEdit},
    {kPost, "/mlflow/traces", About::kTraceStart, kEdit},
    {kGet, "/mlflow/traces", About::kTraceSearch, kRead},
    {kPost, "/mlflow/traces/search", About::kTraceSearch, kRead},
    {kPost, "/mlflow/traces/calculate-filter-correlation", About::kTraceSearch, kRead},
    {kPost, "/mlflow/traces/metrics", About::kTraceSearch, kRead},
    {kGet, "/mlflow/traces/{id}", About::kTrace, kRead},
    {kGet, "/mlflow/traces/{id}/info", About::kTrace, kRead},
    {kGet, "/mlflow/traces/get", About::kTrace, kRead},
    {kGet, "/mlflow/traces/batchGet", About::kTrace, kRead},
    {kPost, "/mlflow/traces/batchGetInfos", About::kTrace, kRead},
    {kGet, "/mlflow/get-trace-artifact", About::kTrace, kRead},
    {kPatch, "/mlflow/traces/{id}", About::kTrace, kEdit},
    {kPatch, "/mlflow/traces/{id}/tags", About::kTrace, kEdit},
    {kDelete, "/mlflow/traces/{id}/tags", About::kTrace, kEdit},
    {kPost, "/mlflow/traces/link-to-run", About::kTrace, kEdit},
    {kPost, "/mlflow/traces/link-prompts", About::kTrace, kEdit},
    {kPost, "/mlflow/traces/delete-traces", About::kExperiment, kManage},
    {kPost, "/mlflow/issues", About::kExperiment, kEdit},
    {kPost, "/mlflow/issues/search", About::kExperimentOrAdmin, kRead},
    {kGet, "/mlflow/issues/{issue_id}", About::kIssue, kRead},
    {kPatch, "/mlflow/issues/{issue_id}", About::kIssue, kEdit},
    {kPost, "/mlflow/datasets/create", About::kNewDataset, kEdit},
    {kPost, "/mlflow/datasets/search", About::kNewDataset, kRead},
    {kGet, "/mlflow/datasets/search", About::kNewDataset, kRead},
    {kGet, "/mlflow/datasets/{dataset_id}", About::kDataset, kRead},
    {kDelete, "/mlflow/datasets/{dataset_id}", About::kDataset, kManage},
    {kPatch, "/mlflow/datasets/{dataset_id}/tags", About::kDataset, kEdit},
    {kDelete, "/mlflow/datasets/{dataset_id}/tags/{key}", About::kDataset, kEdit},
    {kGet, "/mlflow/datasets/{dataset_id}/experiment-ids", About::kDataset, kRead},
    {kPost, "/mlflow/datasets/{dataset_id}/add-experiments", About::kDatasetTo, kEdit},
    {kPost, "/mlflow/datasets/{dataset_id}/remove-experiments", About::kDataset, kEdit},
    {kPost, "/mlflow/datasets/{dataset_id}/records", About::kDataset, kEdit},
    {kGet, "/mlflow/datasets/{dataset_id}/records", About::kDataset, kRead},
    {kDelete, "/mlflow/datasets/{dataset_id}/records", About::kDataset, kEdit},
    {kPost, "/mlflow/label-schemas/create", About::kExperiment, kManage},
    {kGet, "/mlflow/label-schemas/get", About::kLabelSchema, kRead},
    {kGet, "/mlflow/label-schemas/get-by-name", About::kExperiment, kRead},
    {kGet, "/mlflow/label-schemas/list", About::kExperiment, kRead},
    {kPatch, "/mlflow/label-schemas/update", About::kLabelSchema, kManage},
    {kDelete, "/mlflow/label-schemas/delete", About::kLabelSchema, kManage},
    {kPost, "/mlflow/review-queues/create", About::kExperiment, kEdit},
    {kPost, "/mlflow/review-queues/get-or-create-user", About::kExperiment, kEdit},
    {kGet, "/mlflow/review-queues/get", About::kQueueView, kRead},
    {kGet, "/mlflow/review-queues/get-by-name", About::kQueueView, kRead},
    {kGet, "/mlflow/review-queues/list", About::kQueueList, kRead},
    {kPost, "/mlflow/review-queues/update", About::kQueueOwn, kEdit},
    {kPost, "/mlflow/review-queues/delete", About::kQueuePrune, kEdit},
    {kPost, "/mlflow/review-queues/items/add", About::kQueue, kEdit},
    {kPost, "/mlflow/review-queues/items/remove", About::kQueuePrune, kEdit},
    {kGet, "/mlflow/review-queues/items/list", About::kQueueView, kRead},
    {kPost, "/mlflow/review-queues/items/set-status", About::kQueueReview, kEdit},
    {kPost, "/mlflow/scorers/register", About::kExperiment, kEdit},
    {kGet, "/mlflow/scorers/list", About::kSearchScorers},
    {kGet, "/mlflow/scorers/versions", About::kExperiment, kRead},
    {kGet, "/mlflow/scorers/get", About::kExperiment, kRead},
    {kDelete, "/mlflow/scorers/delete", About::kExperiment, kManage},
    {kPut, "/mlflow/scorers/online-config", About::kExperiment, kEdit},
    {kGet, "/mlflow/scorers/online-configs", About::kOnlineScoring, kRead},
    {kPost, "/mlflow/traces/{id}/assessments", About::kTrace, kEdit},
    {kGet, "/mlflow/traces/{id}/assessments/{assessment_id}", About::kTrace, kRead},
    {kPatch, "/mlflow/traces/{id}/assessments/{assessment_id}", About::kTrace, kEdit},
    {kDelete, "/mlflow/traces/{id}/assessments/{assessment_id}", About::kTrace, kEdit},

    {kPost, "/mlflow/registered-models/create", About::kUser, kRead, Then::kOwnModel},
    {kGet, "/mlflow/registered-models/get", About::kModel, kRead},
    {kPatch, "/mlflow/registered-models/update", About::kModel, kEdit},
    {kPost, "/mlflow/registered-models/rename", About::kModel, kEdit, Then::kRenameModel},
    {kDelete, "/mlflow/registered-models/delete", About::kModel, kManage, Then::kForgetModel},
    {kGet, "/mlflow/registered-models/search", About::kSearchModels},
    {kGet, "/mlflow/registered-models/get-latest-versions", About::kModel, kRead},
    {kPost, "/mlflow/registered-models/get-latest-versions", About::kModel, kRead},
    {kPost, "/mlflow/registered-models/set-tag", About::kModel, kEdit},
    {kDelete, "/mlflow/registered-models/delete-tag", About::kModel, kEdit},
    {kPost, "/mlflow/registered-models/alias", About::kModel, kEdit},
    {kGet, "/mlflow/registered-models/alias", About::kModel, kRead},
    {kDelete, "/mlflow/registered-models/alias", About::kModel, kManage},
    {kPost, "/mlflow/model-versions/create", About::kNewVersion, kEdit},
    {kGet, "/mlflow/model-versions/get", About::kModel, kRead},
    {kPatch, "/mlflow/model-versions/update", About::kModel, kEdit},
    {kDelete, "/mlflow/model-versions/delete", About::kModel, kManage},
    {kGet, "/mlflow/model-versions/search", About::kSearchVersions},
    {kPost, "/mlflow/model-versions/set-tag", About::kModel, kEdit},
    {kDelete, "/mlflow/model-versions/delete-tag", About::kModel, kManage},
    {kPost, "/mlflow/model-versions/transition-stage", About::kModel, kEdit},
    {kGet, "/mlflow/model-versions/get-download-uri", About::kModel, kRead},

    {kPost, "/mlflow/users/create", About::kAdministrator},
    {kGet, "/mlflow/users/list", About::kAdministrator},
    {kGet, "/mlflow/users/get", About::kSelf},
    {kGet, "/mlflow/users/current", About::kUser},
    {kPatch, "/mlflow/users/update-password", About::kSelf},
    {kPatch, "/mlflow/users/update-admin", About::kAdministrator},
    {kDelete, "/mlflow/users/delete", About::kAdministrator},
    {kGet, "/mlflow/users/current/permissions", About::kUser},
    {kGet, "/mlflow/users/permissions/list", About::kUserView},
    {kGet, "/mlflow/users/permissions/get", About::kUserView},
    {kPost, "/mlflow/users/permissions/grant", About::kResource, kManage},
    {kPost, "/mlflow/users/permissions/revoke", About::kResource, kManage},
    {kDelete, "/mlflow/users/permissions/revoke", About::kResource, kManage},
    {kPost, "/mlflow/experiments/permissions/create", About::kExperiment, kManage},
    {kGet, "/mlflow/experiments/permissions/get", About::kExperiment, kManage},
    {kPatch, "/mlflow/experiments/permissions/update", About::kExperiment, kManage},
    {kDelete, "/mlflow/experiments/permissions/delete", About::kExperiment, kManage},
    {kPost, "/mlflow/registered-models/permissions/create", About::kModel, kManage},
    {kGet, "/mlflow/registered-models/permissions/get", About::kModel, kManage},
    {kPatch, "/mlflow/registered-models/permissions/update", About::kModel, kManage},
    {kDelete, "/mlflow/registered-models/permissions/delete", About::kModel, kManage},
    {kPost, "/mlflow/roles/create", About::kRoleManager},
    {kGet, "/mlflow/roles/get", About::kRoleViewer},
    {kGet, "/mlflow/roles/list", About::kRoleViewer},
    {kPatch, "/mlflow/roles/update", About::kRoleManager},
    {kDelete, "/mlflow/roles/delete", About::kRoleManager},
    {kPost, "/mlflow/roles/permissions/add", About::kRoleManager},
    {kDelete, "/mlflow/roles/permissions/remove", About::kRoleManager},
    {kGet, "/mlflow/roles/permissions/list", About::kRoleViewer},
    {kPatch, "/mlflow/roles/permissions/update", About::kRoleManager},
    {kPost, "/mlflow/roles/assign", About::kRoleManager},
    {kDelete, "/mlflow/roles/unassign", About::kRoleManager},
    {kGet, "/mlflow/roles/users/list", About::kRoleManager},
    {kGet, "/mlflow/users/roles/list", About::kUserView},

    {kPost, "/mlflow/webhooks", About::kAdministrator},
    {kGet, "/mlflow/webhooks", About::kAdministrator},
    {kGet, "/mlflow/webhooks/{id}", About::kAdministrator},
    {kPatch, "/mlflow/webhooks/{id}", About::kAdministrator},
    {kDelete, "/mlflow/webhooks/{id}", About::kAdministrator},
    {kPost, "/mlflow/webhooks/{id}/test", About::kAdministrator},
};

std::string_view without_version(std::string_view pattern) {
  for (const std::string_view prefix : {"/api/", "/ajax-api/"}) {
    if (pattern.starts_with(prefix) && pattern.size() >= prefix.size() + 3)
      return pattern.substr(prefix.size() + 3);
  }
  return pattern;
}

// Every value that the request gives to one of `names`: in its query, and in its body.
std::vector<std::string> values_of(const Request& request,
                                   std::initializer_list<std::string_view> names) {
  std::vector<std::string> values =
      member_values(request.body, std::span(names.begin(), names.size()));
  for (const std::string_view name : names) {
    for (std::string& value : request.query_all(name)) values.push_back(std::move(value));
  }
  return values;
}

// The items of a list by that name, which MLflow's clients send as JSON or repeat in the query.
std::vector<std::string> items_of(const Request& request, std::string_view name) {
  std::vector<std::string> items = Fields(request).texts(name);
  for (std::string& value : request.query_all(name)) items.push_back(std::move(value));
  return items;
}

// "01" is experiment 1, and so must be what is looked up.
std::string canonical_experiment(const std::string& id) {
  const Result<std::int64_t> number = tracking::experiment_number(id);
  return number ? std::to_string(*number) : id;
}

// The experiment in whose folder a proxied artifact lies; nothing when it is outside of all.
std::optional<std::string> experiment_of_path(const std::string& path) {
  const Result<std::string> safe = tracking::safe_path(path);
  if (!safe || safe->empty()) return std::nullopt;
  const std::string folder = safe->substr(0, safe->find('/'));
  const bool is_number = std::all_of(folder.begin(), folder.end(),
                                     [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!is_number) return std::nullopt;
  return folder;
}

class Permit {
 public:
  Permit(Services& services, const Row& row, Response refusal)
      : services_(services), access_(*services.access), row_(row), refusal_(std::move(refusal)) {}

  std::optional<Response> operator()(const Request& request) const {
    if (access_.is_admin(request.user)) return std::nullopt;
    const Result<bool> may = ask(request);
    if (!may) return error_response(may.error());
    if (*may) return std::nullopt;
    return refusal_;
  }

 private:
  Result<bool> ask(const Request& request) const {
    const std::string& user = request.user;
    switch (row_.about) {
      case About::kAnybody:
      case About::kUser:
      case About::kSearchExperiments:
      case About::kSearchModels:
      case About::kSearchVersions:
      case About::kSearchByExperiment:
        return true;
      case About::kSearchScorers:  // of one experiment; else the reply is filtered
        return all_experiments(user, values_of(request, {"experiment_id"}));
      case About::kAdministrator:
        return false;
      case About::kExperiment: {
        std::vector<std::string> ids = values_of(request, {"experiment_id"});
        if (ids.empty()) ids.emplace_back("0");
        return all_experiments(user, ids);
      }
      case About::kExperiments:
        return all_experiments(user, items_of(request, "experiment_ids"));
      case About::kExperimentName: {
        for (const std::string& name : values_of(request, {"experiment_name"})) {
          const auto found = TRY(services_.experiments.get_by_name(name));
          if (!may_experiment(user, found.id)) return false;
        }
        return true;
      }
      case About::kRun:
        if (access_.may_all(user, kExperiment, row_.need)) return true;
        return all_runs(user, values_of(request, {"run_id", "run_uuid"}));
      case About::kRuns: {
        std::vector<std::string> runs = items_of(request, "run_id");
        for (std::string& run : items_of(request, "run_ids")) runs.push_back(std::move(run));
        return all_runs(user, runs);
      }
      case About::kLoggedModel:
        return may_logged_model(user, request.path_params.begin()->second, row_.need);
      case About::kTrace: {
        std::vector<std::string> traces = values_of(request, {"trace_id", "request_id"});
        for (std::string& trace : items_of(request, "trace_ids"))
          traces.push_back(std::move(trace));
        if (const auto* in_path = request.path_params.find("id");
            in_path != request.path_params.end())
          traces.push_back(in_path->second);
        if (!TRY(all_traces(user, traces))) return false;
        return all_runs(user, values_of(request, {"run_id"}));
      }
      case About::kTraceStart:
        return may_start_trace(user, request);
      case About::kTraceSearch: {
        std::vector<std::string> ids = items_of(request, "experiment_ids");
        for (const JsonObject& location : Fields(request).objects("locations")) {
          const Fields experiment(object_in(location, "mlflow_experiment"));
          if (experiment.has("experiment_id")) ids.push_back(experiment.text("experiment_id"));
        }
        return all_experiments(user, ids);
      }
      case About::kIssue: {
        const auto experiment =
            TRY(traces::experiment_of_issue(services_.db, request.path_params.begin()->second));
        return !experiment || may_experiment(user, *experiment);
      }
      case About::kNewDataset: {
        const std::vector<std::string> ids = items_of(request, "experiment_ids");
        return !ids.empty() && all_experiments(user, ids);
      }
      case About::kDataset:
        return may_dataset(user, request);
      case About::kLabelSchema:
        for (const std::string& id : values_of(request, {"schema_id"})) {
          const auto schema = TRY(services_.label_schemas.get(id));
          if (!may_experiment(user, schema.experiment_id)) return false;
        }
        return true;
      case About::kQueue:
      case About::kQueueView:
      case About::kQueueOwn:
      case About::kQueuePrune:
      case About::kQueueReview:
        return may_queues(user, request);
      case About::kQueueList:
        return all_experiments(user, values_of(request, {"experiment_id"}));
      case About::kDatasetTo: {
        const std::vector<std::string> ids = items_of(request, "experiment_ids");
        return !ids.empty() && all_experiments(user, ids) && TRY(may_dataset(user, request));
      }
      case About::kOnlineScoring: {
        for (const auto& online : TRY(services_.scorers.online(items_of(request, "scorer_ids")))) {
          if (!may_experiment(user, online.experiment_id)) return false;
        }
        return true;
      }
      case About::kExperimentOrAdmin: {
        const std::vector<std::string> ids = values_of(request, {"experiment_id"});
        return !ids.empty() && all_experiments(user, ids);
      }
      case About::kExperimentHeader: {
        if (const std::string_view run = request.header("x-mlflow-run-id");
            !run.empty() && !TRY(all_runs(user, {std::string(run)})))
          return false;
        return may_experiment(user, std::string(request.header("x-mlflow-experiment-id")));
      }
      case About::kModel:
        return all_models(user, values_of(request, {"name"}));
      case About::kNewVersion:
        if (!all_models(user, values_of(request, {"name"}))) return false;
        return may_read_sources(user, request);
      case About::kArtifactPath: {
        const auto in_path = request.path_params.find("path");
        const std::string path = in_path != request.path_params.end()
                                     ? in_path->second
                                     : request.query("path").value_or("");
        const std::optional<std::string> experiment = experiment_of_path(path);
        if (experiment) return may_experiment(user, *experiment);
        return access_.may(user, kWorkspace, "*", row_.need);
      }
      case About::kSelf:
        return is_all(values_of(request, {"username"}), user);
      case About::kUserView:
        return may_view_user(user, values_of(request, {"username"}));
      case About::kResource:
        return may_manage_resource(user, request);
      case About::kRoleManager:
        return all_role_workspaces(request, [&](const std::string& workspace) {
          return access_.manages_workspace(user, workspace);
        });
      case About::kRoleViewer:
        return all_role_workspaces(request, [&](const std::string& workspace) {
          const auto roles = access_.roles_of(user);
          return std::any_of(roles.begin(), roles.end(),
                             [&](const auto& role) { return role.workspace == workspace; });
        });
    }
    return false;
  }

  bool may_experiment(const std::string& user, const std::string& id) const {
    return access_.may(user, kExperiment, canonical_experiment(id), row_.need);
  }

  bool all_experiments(const std::string& user, const std::vector<std::string>& ids) const {
    return std::all_of(ids.begin(), ids.end(),
                       [&](const std::string& id) { return may_experiment(user, id); });
  }

  bool all_models(const std::string& user, const std::vector<std::string>& names) const {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      return access_.may(user, kRegisteredModel, name, row_.need);
    });
  }

  // A run that doesn't exist is for the handler to say.
  Result<bool> all_runs(const std::string& user, const std::vector<std::string>& runs) const {
    for (const std::string& run : runs) {
      const auto experiment = TRY(tracking::experiment_of_run(services_.db, run));
      if (experiment && !may_experiment(user, *experiment)) return false;
    }
    return true;
  }

  // A trace that doesn't exist is for the handler to say.
  Result<bool> all_traces(const std::string& user, const std::vector<std::string>& traces) const {
    for (const std::string& trace : traces) {
      const auto experiment = TRY(traces::experiment_of_trace(services_.db, trace));
      if (experiment && !may_experiment(user, *experiment)) return false;
    }
    return true;
  }

  // One that belongs to no experiment, or is not there, is for administrators.
  Result<bool> may_dataset(const std::string& user, const Request& request) const {
    const std::vector<std::string> ids =
        TRY(evaluations::experiments_of_dataset(services_.db, request.path_params.begin()->second));
    return !ids.empty() && all_experiments(user, ids);
  }

  Result<bool> may_queues(const std::string& user, const Request& request) const {
    std::vector<evaluations::ReviewQueue> queues;
    for (const std::string& id : values_of(request, {"queue_id"}))
      queues.push_back(TRY(services_.review_queues.get(id)));
    for (const std::string& experiment : values_of(request, {"experiment_id"})) {
      if (!may_experiment(user, experiment)) return false;
      for (const std::string& name : values_of(request, {"name"}))
        queues.push_back(TRY(services_.review_queues.get_by_name(experiment, name)));
    }
    // Only who manages the experiment gives a queue to somebody else.
    const bool gives_away = !values_of(request, {"new_owner"}).empty();
    for (const evaluations::ReviewQueue& queue : queues) {
      if (!may_queue(user, queue, gives_away)) return false;
    }
    return true;
  }

  bool may_queue(const std::string& user, const evaluations::ReviewQueue& queue,
                 bool gives_away) const {
    if (!may_experiment(user, queue.experiment_id)) return false;
    const std::string name = evaluations::folded_user(user);
    const bool is_user =
        std::find(queue.users.begin(), queue.users.end(), name) != queue.users.end();
    if (row_.about == About::kQueueReview) return is_user;
    const auto may = [&](Permission need) {
      return access_.may(user, kExperiment, queue.experiment_id, need);
    };
    if (row_.about == About::kQueue || may(Permission::kManage)) return true;
    const bool owns = evaluations::folded_user(queue.owner) == name && may(Permission::kEdit);
    switch (row_.about) {
      case About::kQueueView:
        return is_user || owns;
      case About::kQueueOwn:
        return owns && !gives_away;
      case About::kQueuePrune:
        return owns && queue.kind == evaluations::QueueKind::kCustom;
      default:  // asked above
        return false;
    }
  }

  static JsonObject object_in(const JsonObject& object, std::string_view name) {
    const Json* member = object.if_contains(name);
    return member != nullptr && member->is_object() ? member->get_object() : JsonObject();
  }

  // Version 2 says the experiment at the top, version 3 with the trace, which may be there already.
  Result<bool> may_start_trace(const std::string& user, const Request& request) const {
    const JsonObject body = Fields(request).body();
    const JsonObject info = object_in(object_in(body, "trace"), "trace_info");
    const Fields location(object_in(object_in(info, "trace_location"), "mlflow_experiment"));
    for (const std::string& id :
         {Fields(body).text("experiment_id"), location.text("experiment_id")}) {
      if (!id.empty() && !may_experiment(user, id)) return false;
    }
    return all_traces(user, {Fields(info).text("trace_id")});
  }

  Result<bool> may_logged_model(const std::string& user, const std::string& id,
                                Permission need) const {
    const auto experiment = TRY(tracking::experiment_of_logged_model(services_.db, id));
    return !experiment || access_.may(user, kExperiment, *experiment, need);
  }

  // Whoever reads a version reads the files it was made from: nobody makes one of what they may not
  // read.
  Result<bool> may_read_sources(const std::string& user, const Request& request) const {
    std::vector<std::string> runs = values_of(request, {"run_id"});
    std::vector<std::string> models = values_of(request, {"model_id"});
    for (const std::string& source : values_of(request, {"source"})) {
      if (source.starts_with("runs:/")) {
        runs.push_back(source.substr(6, source.find('/', 6) - 6));
      } else if (source.starts_with("models:/")) {
        const std::string name = source.substr(8, source.find_first_of("/@", 8) - 8);
        if (source.find_first_of("/@", 8) == std::string::npos) {
          models.push_back(name);
        } else if (!access_.may(user, kRegisteredModel, name, Permission::kRead)) {
          return false;
        }
      } else if (const auto path = tracking::proxied_path(source)) {
        const std::optional<std::string> experiment = experiment_of_path(*path);
        if (experiment && !access_.may(user, kExperiment, *experiment, Permission::kRead))
          return false;
      }
    }
    for (const std::string& run : runs) {
      const auto experiment = TRY(tracking::experiment_of_run(services_.db, run));
      if (experiment && !access_.may(user, kExperiment, *experiment, Permission::kRead))
        return false;
    }
    for (const std::string& model : models) {
      if (!TRY(may_logged_model(user, model, Permission::kRead))) return false;
    }
    return true;
  }

  // A name that is missing is for the handler to say.
  static bool is_all(const std::vector<std::string>& names, const std::string& user) {
    return std::all_of(names.begin(), names.end(),
                       [&](const std::string& name) { return name == user; });
  }

  bool may_view_user(const std::string& user, const std::vector<std::string>& names) const {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      if (name == user) return true;
      const auto roles = access_.roles_of(name);
      return std::any_of(roles.begin(), roles.end(), [&](const auto& role) {
        return access_.manages_workspace(user, role.workspace);
      });
    });
  }

  bool may_manage_resource(const std::string& user, const Request& request) const {
    const std::vector<std::string> types = values_of(request, {"resource_type"});
    const std::vector<std::string> ids = values_of(request, {"resource_id"});
    for (const std::string& type : types) {
      for (const std::string& id : ids) {
        const bool may = id == "*" ? access_.manages_workspace(
                                         user, std::string(slipway::access::kDefaultWorkspace))
                                   : access_.may(user, type, id, Permission::kManage);
        if (!may) return false;
      }
    }
    return types.size() == 1 && ids.size() == 1;
  }

  // The workspaces of the roles that a request names by id, by one of their permissions, or says
  // itself. One that doesn't exist is refused: who may not see roles learns nothing of them.
  Result<bool> all_role_workspaces(const Request& request,
                                   const std::function<bool(const std::string&)>& may) const {
    std::vector<std::string> workspaces = values_of(request, {"workspace"});
    for (const std::string& id : values_of(request, {"role_id"})) {
      const auto role = access_.get_role(TRY(tracking::experiment_number(id)));
      if (!role) return false;
      workspaces.push_back(role->workspace);
    }
    for (const std::string& id : values_of(request, {"role_permission_id"})) {
      const auto permission = access_.get_role_permission(TRY(tracking::experiment_number(id)));
      if (!permission) return false;
      workspaces.push_back(TRY(access_.get_role(permission->role)).workspace);
    }
    return !workspaces.empty() && std::all_of(workspaces.begin(), workspaces.end(), may);
  }

  Services& services_;
  Access& access_;
  const Row& row_;
  const Response refusal_;
};

// What follows a request that has succeeded.
Result<void> follow_up(Services& services, Then then, const Request& request,
                       const Response& response) {
  Access& access = *services.access;
  // A service of the server is no user and owns nothing.
  const bool is_user = !request.user.starts_with(slipway::access::kServicePrefix);
  switch (then) {
    case Then::kNothing:
      return {};
    case Then::kOwnExperiment: {
      const JsonObject made = TRY(base::parse_json_object(response.body));
      const std::string id = TRY(base::get_string(made, "experiment_id"));
      if (!is_user) return {};
      return access.set_grant(request.user, kExperiment, id, kManage);
    }
    case Then::kOwnModel: {
      const std::string name = Fields(request).text("name");
      TRY(access.forget_resource(kRegisteredModel, name));  // of an earlier model of that name
      if (!is_user) return {};
      return access.set_grant(request.user, kRegisteredModel, name, kManage);
    }
    case Then::kRenameModel:
      return access.rename_resource(kRegisteredModel, Fields(request).text("name"),
                                    Fields(request).text("new_name"));
    case Then::kForgetModel:
      return access.forget_resource(kRegisteredModel, Fields(request).text("name"));
  }
  return {};
}

http::Handler followed_up(Services& services, Then then, http::Handler handler) {
  return [&services, then, handler = std::move(handler)](const Request& request) {
    Response response = handler(request);
    if (response.status >= 400) return response;
    const Result<void> done = follow_up(services, then, request, response);
    return done ? std::move(response) : error_response(done.error());
  };
}

http::Handler filtered(Services& services, About about, http::Handler handler) {
  Access& access = *services.access;
  switch (about) {
    case About::kSearchExperiments:
      return readable_search(access, kExperiment, {"experiments", "experiment_id"},
                             std::move(handler));
    case About::kSearchModels:
      return readable_search(access, kRegisteredModel, {"registered_models", "name"},
                             std::move(handler));
    case About::kSearchVersions:
      return readable_search(access, kRegisteredModel, {"model_versions", "name"},
                             std::move(handler));
    case About::kSearchScorers:
      return readable_search(access, kExperiment, {"scorers", "experiment_id"}, std::move(handler));
    case About::kQueueList:
      return own_queues(access, std::move(handler));
    case About::kSearchByExperiment:
      return search_readable_experiments(access, std::move(handler));
    default:  // all others ask before the handler runs
      return handler;
  }
}

}  // namespace

bool apply_permit(Services& services, http::Route& route) {
  const std::string_view path = without_version(route.pattern);
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& candidate) {
    return candidate.method == route.method && candidate.path == path;
  });
  static constexpr Row kNoRow{Method::kGet, "", About::kAdministrator};
  const bool is_known = row != std::end(kRows);
  const Row& applied = is_known ? *row : kNoRow;
  route.is_open = applied.about == About::kAnybody;
  if (applied.about != About::kAnybody && applied.about != About::kUser)
    route.permit = Permit(services, applied, api::access::forbidden(route.tag));
  if (applied.then != Then::kNothing)
    route.handler = followed_up(services, applied.then, std::move(route.handler));
  route.handler = filtered(services, applied.about, std::move(route.handler));
  return is_known;
}

}  // namespace slipway::api::mlflow
