#include "api/openlineage/rules.h"

namespace slipway::api::openlineage {
namespace {

using access::About;
using access::Rule;
using slipway::access::Permission;
using enum http::Method;

constexpr Rule kRules[] = {
    {kPost, "/api/v1/lineage", About::kProject, Permission::kEdit},
    {kPost, "/api/v1/lineage/batch", About::kProject, Permission::kEdit},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::openlineage
