// Versions of feature services: each definition that a service has had, in the order in which they
// were put in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "features/definition.h"
#include "store/db.h"

namespace slipway::features {

// All that a service's row is made of: the service, the views that it gives and what those read,
// as slipway.yaml has them; without what people say of them. Nothing: there is no such service.
std::optional<JsonObject> service_definition(const Definitions& definitions,
                                             std::string_view service);

struct ServiceVersion {
  std::int64_t version = 0;
  types::Timestamp since;  // when it was put in force
  JsonObject definition;
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class ServiceVersions {
 public:
  ServiceVersions(store::Db& db, const base::Clock& clock) : db_(db), clock_(clock) {}

  // Gives each service its version: the last one where that has the same definition, or else the
  // next. They are kept when keep() is called.
  Result<void> number(Definitions& definitions) const;
  Result<void> keep(const Definitions& definitions);

  // The newest first. kNotFound: there never was such a service.
  Result<std::vector<ServiceVersion>> all(const std::string& service) const;

 private:
  store::Db& db_;
  const base::Clock& clock_;
};

}  // namespace slipway::features
