#include "api/kubeflow/rules.h"

namespace slipway::api::kubeflow {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

// Whoever sends a spec decides which commands the server runs, as with `slipway apply`.
constexpr Rule kRules[] = {
    {kGet, "/apis/v2beta1/healthz", About::kAnybody},
    {kGet, "/apis/v2beta1/experiments", About::kProject, Permission::kRead},
    {kPost, "/apis/v2beta1/experiments", About::kProject, Permission::kEdit},
    {kGet, "/apis/v2beta1/experiments/{id}", About::kProject, Permission::kRead},
    {kDelete, "/apis/v2beta1/experiments/{id}", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/experiments/{id}:archive", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/experiments/{id}:unarchive", About::kProject, Permission::kEdit},
    {kGet, "/apis/v2beta1/pipelines", About::kProject, Permission::kRead},
    {kPost, "/apis/v2beta1/pipelines", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/pipelines/upload", About::kProject, Permission::kManage},
    {kPost, "/apis/v2beta1/pipelines/upload_version", About::kProject, Permission::kManage},
    {kGet, "/apis/v2beta1/pipelines/names/{name}", About::kProject, Permission::kRead},
    {kGet, "/apis/v2beta1/pipelines/{id}", About::kProject, Permission::kRead},
    {kDelete, "/apis/v2beta1/pipelines/{id}", About::kProject, Permission::kManage},
    {kGet, "/apis/v2beta1/pipelines/{id}/versions", About::kProject, Permission::kRead},
    {kGet, "/apis/v2beta1/pipelines/{id}/versions/{version}", About::kProject, Permission::kRead},
    {kDelete, "/apis/v2beta1/pipelines/{id}/versions/{version}", About::kProject,
     Permission::kManage},
    {kGet, "/apis/v2beta1/runs", About::kProject, Permission::kRead},
    {kPost, "/apis/v2beta1/runs", About::kProject, Permission::kManage},
    {kGet, "/apis/v2beta1/runs/{id}", About::kProject, Permission::kRead},
    {kDelete, "/apis/v2beta1/runs/{id}", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/runs/{id}:terminate", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/runs/{id}:retry", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/runs/{id}:archive", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/runs/{id}:unarchive", About::kProject, Permission::kEdit},
    {kGet, "/apis/v2beta1/recurringruns", About::kProject, Permission::kRead},
    {kPost, "/apis/v2beta1/recurringruns", About::kProject, Permission::kManage},
    {kGet, "/apis/v2beta1/recurringruns/{id}", About::kProject, Permission::kRead},
    {kDelete, "/apis/v2beta1/recurringruns/{id}", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/recurringruns/{id}:enable", About::kProject, Permission::kEdit},
    {kPost, "/apis/v2beta1/recurringruns/{id}:disable", About::kProject, Permission::kEdit},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::kubeflow
