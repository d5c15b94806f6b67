#include "api/own/rules.h"

namespace slipway::api::own {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

// Whoever may apply a project decides which commands the server runs.
constexpr Rule kRules[] = {
    {kGet, "/health", About::kAnybody},
    {kGet, "/metrics", About::kUser},
    {kGet, "/slipway/v1/version", About::kUser},
    {kGet, "/slipway/v1/openapi.json", About::kUser},
    {kGet, "/slipway/v1/me", About::kUser},
    {kGet, "/slipway/v1/tokens", About::kUser},
    {kPost, "/slipway/v1/tokens", About::kUser},
    {kDelete, "/slipway/v1/tokens/{id}", About::kUser},
    // Events name experiments and models that not everybody may read.
    {kGet, "/slipway/v1/events", About::kAdministrator},
    {kGet, "/slipway/v1/events/verify", About::kAdministrator},
    // So does what gc lists, and what it takes is gone.
    {kPost, "/slipway/v1/gc", About::kAdministrator},
    {kPost, "/slipway/v1/gc/datasets", About::kAdministrator},
    {kPost, "/slipway/v1/gc/python-environments", About::kAdministrator},

    {kPost, "/slipway/v1/plan", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/apply", About::kProject, Permission::kManage},
    {kGet, "/slipway/v1/clock", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/clock", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/overview", About::kProject, Permission::kRead},

    // An import writes into every experiment and model.
    {kGet, "/slipway/v1/imports", About::kAdministrator},
    {kPost, "/slipway/v1/imports", About::kAdministrator},
    {kPost, "/slipway/v1/imports/{id}/experiments", About::kAdministrator},
    {kPost, "/slipway/v1/imports/{id}/runs", About::kAdministrator},
    {kPost, "/slipway/v1/imports/{id}/logged-models", About::kAdministrator},
    {kPost, "/slipway/v1/imports/{id}/models", About::kAdministrator},
    {kPost, "/slipway/v1/imports/{id}/finish", About::kAdministrator},
    {kPost, "/slipway/v1/runs/contents", About::kAdministrator},

    {kGet, "/slipway/v1/runs/{id}/metrics/curves", About::kRun, Permission::kRead},
    {kGet, "/slipway/v1/runs/{id}/metrics/stream", About::kRun, Permission::kRead},

    {kGet, "/slipway/v1/experiments/{id}/table", About::kExperiment, Permission::kRead},
    {kGet, "/slipway/v1/experiments/{id}/columns", About::kExperiment, Permission::kRead},
    {kGet, "/slipway/v1/experiments/{id}/groups", About::kExperiment, Permission::kRead},

    {kGet, "/slipway/v1/datasets", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/datasets/{name}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/datasets/{name}/quarantine", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/datasets/{name}/diff", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/datasets/{name}/ingest", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/datasets/{name}/rows", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/datasets/{name}/rows", About::kProject, Permission::kEdit},

    {kGet, "/slipway/v1/lineage/jobs", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/lineage/job", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/lineage/datasets", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/lineage/dataset", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/lineage/runs/{id}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/lineage/runs/{id}/events", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/lineage/graph", About::kProject, Permission::kRead},

    {kGet, "/slipway/v1/data", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/data/{name}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/data/{name}/log", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/data/{name}/files", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/data/{name}/file", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/data/{name}/diff", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/data/{name}/needed", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/data/{name}/objects/read", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/data/{name}/missing", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/data/{name}/objects", About::kProject, Permission::kEdit},
    {kPut, "/slipway/v1/data/{name}/refs", About::kProject, Permission::kEdit},

    {kGet, "/slipway/v1/features", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/features/materialize", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/features/offsets", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/features/skew", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/features/explain", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/features/history", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/features/history", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/features/history/rows", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/features/online", About::kProject, Permission::kUse},
    {kPost, "/slipway/v1/features/materialize", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/features/push", About::kProject, Permission::kUse},

    {kGet, "/slipway/v1/pipelines", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/pipelines/{name}/runs", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/pipelines/{name}/runs", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/pools", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/searches", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/pipeline-runs/{id}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/pipeline-runs/{id}/steps/{step}/log", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/pipeline-runs/{id}/steps/{step}/why", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/pipeline-runs/{id}/cancel", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/pipeline-runs/{id}/retry", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/pipeline-runs/{id}/steps/{step}/answer", About::kProject,
     Permission::kEdit},

    {kGet, "/slipway/v1/schedules", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/schedules/{name}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/schedules/{name}/turns", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/schedules/{name}/pause", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/schedules/{name}/resume", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/pipelines/{name}/explain", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/pipelines/{name}/backfills", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/backfills/{id}/cancel", About::kProject, Permission::kEdit},

    {kGet, "/slipway/v1/endpoints", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}/cost", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/costs", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}/advice", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}/revisions", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}/requests/{id}", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/endpoints/{name}/labels", About::kProject, Permission::kUse},
    {kGet, "/slipway/v1/faults", About::kProject, Permission::kRead},
    {kPut, "/slipway/v1/faults", About::kProject, Permission::kManage},
    {kGet, "/slipway/v1/endpoints/{name}/drills", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/endpoints/{name}/drills", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/endpoints/{name}/drills/{id}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}/comparison", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/endpoints/{name}/experiment", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/endpoints/{name}/experiment", About::kProject, Permission::kEdit},
    {kDelete, "/slipway/v1/endpoints/{name}/experiment", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/endpoints/{name}/deploy", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/endpoints/{name}/rollback", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/endpoints/{name}/hold", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/endpoints/{name}/follow", About::kProject, Permission::kEdit},

    {kGet, "/slipway/v1/streams", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/streams/{name}", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/streams/{name}/pause", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/streams/{name}/resume", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/topics", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/topics/{name}/messages", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/topics/{name}/messages", About::kProject, Permission::kUse},

    {kGet, "/slipway/v1/endpoints/{name}/profile", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/monitors", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/monitors/{name}", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/monitors/{name}/windows", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/monitors/{name}/slices", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/monitors/{name}/rehearse", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/monitors/{name}/alerts/{alert}/bands", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/alarm-budget", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/alerts", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/alerts/{id}", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/alerts/{id}/acknowledge", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/silences", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/silences", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/silences/{id}/expire", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/incidents", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/incidents", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/incidents/{id}", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/incidents/{id}/notes", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/incidents/{id}/assign", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/incidents/{id}/state", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/incidents/{id}/date", About::kProject, Permission::kEdit},
    {kGet, "/slipway/v1/incidents/{id}/post-mortem", About::kProject, Permission::kRead},
    {kGet, "/slipway/v1/routes", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/routes/{name}/test", About::kProject, Permission::kEdit},
    {kPost, "/slipway/v1/drift", About::kProject, Permission::kRead},

    {kGet, "/slipway/v1/models/{name}/gates", About::kModel, Permission::kRead},
    {kGet, "/slipway/v1/gates/{id}", About::kProject, Permission::kRead},
    {kPost, "/slipway/v1/models/{name}/gate", About::kModel, Permission::kEdit},
    {kPost, "/slipway/v1/models/{name}/promote", About::kModel, Permission::kEdit},
    {kGet, "/slipway/v1/models/{name}/aliases", About::kModel, Permission::kRead},
    {kGet, "/slipway/v1/models/{name}/alias-moves", About::kModel, Permission::kRead},
    {kPost, "/slipway/v1/models/{name}/aliases/{alias}/move", About::kModel, Permission::kEdit},
    {kPost, "/slipway/v1/models/{name}/aliases/{alias}/protect", About::kModel,
     Permission::kManage},
    {kPost, "/slipway/v1/models/{name}/aliases/{alias}/unprotect", About::kModel,
     Permission::kManage},
    // Being named as approver is the permission; the registry asks for it.
    {kPost, "/slipway/v1/models/{name}/aliases/{alias}/approve", About::kModel, Permission::kRead},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::own
