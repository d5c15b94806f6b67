#include "api/feast/rules.h"

namespace slipway::api::feast {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

// The same as the routes of our own that do the same.
constexpr Rule kRules[] = {
    {kPost, "/get-online-features", About::kProject, Permission::kUse},
    {kPost, "/push", About::kProject, Permission::kUse},
    {kPost, "/write-to-online-store", About::kProject, Permission::kUse},
    {kPost, "/materialize", About::kProject, Permission::kEdit},
    {kPost, "/materialize-incremental", About::kProject, Permission::kEdit},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::feast
