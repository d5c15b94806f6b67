#include "api/page/rules.h"

namespace slipway::api::page {
namespace {

using access::About;
using access::Rule;
using enum http::Method;

// Nothing in these files is secret, but the challenge here is what makes a browser ask for a login
// before the page begins to fetch.
constexpr Rule kRules[] = {
    {kGet, "/", About::kUser},           {kGet, "/static-files/{path*}", About::kUser},
    {kGet, "/ui", About::kUser},         {kGet, "/favicon.ico", About::kUser},
    {kGet, "/ui/{path*}", About::kUser},
};

}  // namespace

std::span<const access::Rule> rules() { return kRules; }

}  // namespace slipway::api::page
