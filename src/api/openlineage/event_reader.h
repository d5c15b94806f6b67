// OpenLineage's events, read into the room's values: the only place that knows the names of their
// members. Pure; fuzzed. https://openlineage.io/spec/2-0-2/OpenLineage.json
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "lineage/values.h"

namespace slipway::api::openlineage {

// Of one event; more than they allow is kResourceExhausted.
struct EventLimits {
  std::size_t datasets_max = 5000;  // that it reads, and as many that it writes
  std::size_t facets_max = 50'000;  // of everything in it, other names of datasets among them
};

// Of namespaces, names and versions: they are keys of tables.
inline constexpr std::size_t kNameBytesMax = 1000;
inline constexpr std::size_t kFacetNameBytesMax = 200;

// A run event has a run and a job, a job event a job alone, a dataset event a dataset. Facets that
// nobody here knows are kept as they are. kInvalidArgument: what is wrong and where
// ("inputs[2].facets.version: ...").
Result<lineage::Event> read_event(const Json& event, const EventLimits& limits);

// A UUID as 8-4-4-4-12 digits, in lower case; nothing: it is none.
std::optional<std::string> parse_uuid(std::string_view text);

}  // namespace slipway::api::openlineage
