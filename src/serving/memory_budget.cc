#include "serving/memory_budget.h"

#include <algorithm>
#include <map>
#include <set>

namespace slipway::serving {

Evictions plan_evictions(const MemoryUse& use, std::size_t bytes_max, std::string_view spared) {
  Evictions plan;
  std::map<std::string, std::size_t> bytes;  // of what is left
  for (const MemoryUse::Model& model : use.models) {
    plan.bytes += model.bytes;
    bytes[model.key] = model.bytes;
  }
  std::map<std::string, int> users;
  for (const MemoryUse::Endpoint& endpoint : use.endpoints) {
    for (const std::string& key : std::set(endpoint.models.begin(), endpoint.models.end()))
      ++users[key];
  }
  const auto drop = [&](const std::string& key) {
    const auto found = bytes.find(key);
    if (found == bytes.end() || use.kept.contains(key)) return;
    plan.bytes -= found->second;
    plan.models.push_back(key);
    bytes.erase(found);
  };
  std::vector<MemoryUse::Model> unused;
  for (const MemoryUse::Model& model : use.models) {
    if (!users.contains(model.key)) unused.push_back(model);
  }
  std::sort(unused.begin(), unused.end(),
            [](const auto& a, const auto& b) { return a.used_us < b.used_us; });
  for (const MemoryUse::Model& model : unused) {
    if (plan.bytes <= bytes_max) return plan;
    drop(model.key);
  }
  std::vector<MemoryUse::Endpoint> endpoints = use.endpoints;
  std::sort(endpoints.begin(), endpoints.end(),
            [](const auto& a, const auto& b) { return a.asked_us < b.asked_us; });
  for (const MemoryUse::Endpoint& endpoint : endpoints) {
    if (plan.bytes <= bytes_max) return plan;
    if (endpoint.name == spared) continue;
    plan.endpoints.push_back(endpoint.name);
    for (const std::string& key : std::set(endpoint.models.begin(), endpoint.models.end())) {
      if (--users[key] == 0) drop(key);
    }
  }
  return plan;
}

}  // namespace slipway::serving
