// Parts of a declaration of features, and what another one would mean. Pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "features/definition.h"

namespace slipway::features {

struct DefinitionChange {
  std::string kind;  // "source", "view", "feature service"
  std::string name;
  std::string change;  // "created", "updated", "unchanged", "removed"
  std::string means;   // which features come, go or get other values, and who reads them
};
// Sources, views, services, in the order of `after`; then what is no longer declared.
std::vector<DefinitionChange> plan(const Definitions& before, const Definitions& after);

// Gives something of the view, or of one on demand that reads it.
bool needs(const Definitions& definitions, const Service& service, const View& view);

// Without what can't be read because these datasets have no rows yet: views of their sources,
// views on demand that read one, services that give such a view, and views on demand that no other
// service gives.
Definitions without(const Definitions& definitions, const std::set<std::string>& datasets);

// The service alone with the views that it gives, those that these read, and their sources;
// nothing: there is no such one.
Definitions only(const Definitions& definitions, std::string_view service);

}  // namespace slipway::features
