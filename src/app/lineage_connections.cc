#include "app/lineage_connections.h"

#include "api/openlineage/naming.h"

namespace slipway::app {

Result<std::map<lineage::Name, std::string>> KnownDatasets::ours() {
  std::map<lineage::Name, std::string> ours;
  for (const auto& definition : TRY(datasets_.definitions()))
    ours[{.space = own_namespace_, .name = definition.name}] = definition.name;
  for (const auto& place : TRY(datasets_.places())) {
    const auto name = place.table.empty() ? api::openlineage::name_of_address(place.address)
                                          : api::openlineage::name_of_table(place.url, place.table);
    if (name) ours[api::openlineage::canonical(*name)] = place.dataset;
  }
  return ours;
}

Result<std::map<lineage::Name, std::string>> KnownDatasets::find(
    const std::vector<lineage::Name>& names) {
  std::map<lineage::Name, std::string> found;
  if (names.empty()) return found;
  const auto known = TRY(ours());
  for (const lineage::Name& name : names) {
    const auto one = known.find(api::openlineage::canonical(name));
    if (one != known.end()) found[name] = one->second;
  }
  return found;
}

Result<std::vector<lineage::Name>> KnownDatasets::names_of(const std::string& own) {
  std::vector<lineage::Name> names;
  for (const auto& [name, dataset] : TRY(ours())) {
    if (dataset != own) continue;
    for (lineage::Name& spelling : api::openlineage::spellings(name))
      names.push_back(std::move(spelling));
  }
  return names;
}

}  // namespace slipway::app
