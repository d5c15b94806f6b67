// What traces need of other rooms; app connects them.
#pragma once

#include <string>

#include "store/db.h"

namespace slipway::traces {

class ExperimentRecords {
 public:
  virtual ~ExperimentRecords() = default;
  // The number of an experiment id. kNotFound when it can't be one.
  virtual Result<std::int64_t> number(const std::string& id) = 0;
  // Where the artifacts of its traces lie. kNotFound; kFailedPrecondition: it is deleted.
  virtual Result<std::string> trace_folder(store::Reader& reader, std::int64_t experiment) = 0;
  // kNotFound.
  virtual Result<void> check_run(store::Reader& reader, const std::string& run) = 0;
};

}  // namespace slipway::traces
