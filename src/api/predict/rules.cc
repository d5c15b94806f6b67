#include "api/predict/rules.h"

namespace slipway::api::predict {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

constexpr Rule kRules[] = {
    {kGet, "/v2/health/live", About::kAnybody},
    {kGet, "/v2/health/ready", About::kAnybody},
    {kGet, "/v2", About::kUser},
    {kGet, "/v2/", About::kUser},
    {kGet, "/v2/models/stats", About::kProject, Permission::kRead},
    {kPost, "/v2/repository/index", About::kProject, Permission::kRead},
    {kPost, "/v2/repository/models/{name}/load", About::kProject, Permission::kEdit},
    {kPost, "/v2/repository/models/{name}/unload", About::kProject, Permission::kEdit},
    {kGet, "/v2/models/{name}", About::kProject, Permission::kRead},
    {kGet, "/v2/models/{name}/ready", About::kProject, Permission::kRead},
    {kGet, "/v2/models/{name}/stats", About::kProject, Permission::kRead},
    {kPost, "/v2/models/{name}/infer", About::kProject, Permission::kUse},
    {kGet, "/v2/models/{name}/versions/{version}", About::kProject, Permission::kRead},
    {kGet, "/v2/models/{name}/versions/{version}/ready", About::kProject, Permission::kRead},
    {kGet, "/v2/models/{name}/versions/{version}/stats", About::kProject, Permission::kRead},
    {kPost, "/v2/models/{name}/versions/{version}/infer", About::kProject, Permission::kUse},
    {kGet, "/v1/models", About::kProject, Permission::kRead},
    {kGet, "/v1/models/{name}", About::kProject, Permission::kRead},
    {kPost, "/v1/models/{name}:predict", About::kProject, Permission::kUse},
    {kPost, "/v1/models/{name}:explain", About::kProject, Permission::kUse},
    {kGet, "/v1/projects/{project}/locations/{location}/endpoints/{name}", About::kProject,
     Permission::kRead},
    {kPost, "/v1/projects/{project}/locations/{location}/endpoints/{name}:predict", About::kProject,
     Permission::kUse},
    {kPost, "/v1/projects/{project}/locations/{location}/endpoints/{name}:rawPredict",
     About::kProject, Permission::kUse},
    {kPost, "/score", About::kProject, Permission::kUse},
    {kPost, "/endpoints/{name}/invocations", About::kProject, Permission::kUse},
    {kPost, "/endpoints/{name}/async-invocations", About::kProject, Permission::kUse},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::predict
