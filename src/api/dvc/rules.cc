#include "api/dvc/rules.h"

namespace slipway::api::dvc {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

constexpr Rule kRules[] = {
    {kGet, "/dvc/{remote}/{path*}", About::kProject, Permission::kRead},
    {kPost, "/dvc/{remote}/{path*}", About::kProject, Permission::kEdit},
    {kPut, "/dvc/{remote}/{path*}", About::kProject, Permission::kEdit},
    // What is deleted is missing in every commit that names it.
    {kDelete, "/dvc/{remote}/{path*}", About::kProject, Permission::kManage},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::dvc
