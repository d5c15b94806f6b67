#include "api/lfs/rules.h"

namespace slipway::api::lfs {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

constexpr Rule kRules[] = {
    // Of uploads the route itself asks for EDIT: its body says which it is.
    {kPost, "/lfs/{repository}/objects/batch", About::kProject, Permission::kRead},
    {kGet, "/lfs/{repository}/objects/{oid}", About::kProject, Permission::kRead},
    {kPut, "/lfs/{repository}/objects/{oid}", About::kProject, Permission::kEdit},
    {kPost, "/lfs/{repository}/verify", About::kProject, Permission::kRead},
    {kGet, "/lfs/{repository}/locks", About::kProject, Permission::kRead},
    {kPost, "/lfs/{repository}/locks", About::kProject, Permission::kEdit},
    {kPost, "/lfs/{repository}/locks/verify", About::kProject, Permission::kRead},
    // Another's by force: MANAGE, as the route says.
    {kPost, "/lfs/{repository}/locks/{id}/unlock", About::kProject, Permission::kEdit},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::lfs
