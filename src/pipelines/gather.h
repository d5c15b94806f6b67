// A step with `each`: the items it becomes, and what comes of them together.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pipelines/plan.h"
#include "pipelines/run_record.h"

namespace slipway::pipelines {

// The items as they are now; `folder_of` has what the step wrote that they come from. kNotFound,
// kInvalidArgument, kResourceExhausted: what it wrote is no such list.
Result<std::vector<std::string>> find_items(
    const Each& each, const Plan& plan,
    const std::function<std::filesystem::path(const ConditionOperand&)>& folder_of);

struct ItemsEnd {
  std::string state;   // succeeded | cached (each was) | failed | refused | cancelled
  std::string reason;  // how many of how many, and the first of them
};
// How a step ends whose items are over: as the worst of them.
ItemsEnd end_of_items(const RunRecord& run, std::size_t step);

struct GatheredItem {
  std::string value;  // JSON
  JsonObject manifest;
};

inline constexpr std::string_view kItemsFile = "items.json";

// What items.json says: [{"item": 0, "value": ..., "folder": "0000"}, ...]
std::string list_of_items(const std::vector<GatheredItem>& items);
// Of a folder with items.json and a folder for each item.
JsonObject gathered_manifest(const std::vector<GatheredItem>& items);

}  // namespace slipway::pipelines
