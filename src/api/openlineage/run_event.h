// OpenLineage's run events, written: what our own runs tell others. Pure functions.
// https://openlineage.io/spec/2-0-2/OpenLineage.json
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "lineage/values.h"

namespace slipway::api::openlineage {

struct DatasetSaid {
  lineage::Name name;
  std::string version;                                      // empty: not known
  std::optional<lineage::Name> place;                       // where it is kept, under another name
  std::vector<std::pair<std::string, std::string>> schema;  // columns and their types
  std::optional<std::int64_t> files;                        // of what was written
};

struct RunSaid {
  base::Timestamp time;
  lineage::RunState state = lineage::RunState::kStarted;
  std::string id;  // a UUID
  lineage::Name job;
  std::string job_type;  // "PIPELINE", "STEP"
  struct Parent {
    std::string id;
    lineage::Name job;
  };
  std::optional<Parent> parent;
  std::optional<base::Timestamp> nominal_time;  // of a schedule
  std::string error;                            // empty: none
  std::string version;                          // of this server
  std::vector<DatasetSaid> inputs, outputs;
};

JsonObject to_event(const RunSaid& run);

// The UUID that stands for `name`: always the same, of version 8 (RFC 9562).
std::string uuid_of(std::string_view name);

}  // namespace slipway::api::openlineage
