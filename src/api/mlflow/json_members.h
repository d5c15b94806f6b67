// Reads a few members out of a large JSON body without building it: what a permission is about.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::api::mlflow {

// Every value that the outermost object of `json` gives to one of `names`, duplicates included, in
// order: texts decoded, all else as written. Stops at the first byte that is no JSON. Whatever
// value a parser takes for such a member, it is among these, so that a body can't show one id to
// the permission and another to the handler. Fuzzed against the DOM.
std::vector<std::string> member_values(std::string_view json,
                                       std::span<const std::string_view> names);

}  // namespace slipway::api::mlflow
