// What evaluations need of other rooms; app connects them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/db.h"

namespace slipway::evaluations {

class ExperimentRecords {
 public:
  virtual ~ExperimentRecords() = default;
  // The number of an experiment id. kInvalidArgument: it is no number. kNotFound: it is larger than
  // any.
  virtual Result<std::int64_t> number(const std::string& id) = 0;
  // Of those that are looked for: one that is larger than any is left out. kInvalidArgument.
  virtual Result<std::vector<std::int64_t>> numbers(const std::vector<std::string>& ids) = 0;
  // kNotFound. One that is deleted still exists.
  virtual Result<void> check_exists(store::Reader& reader, std::int64_t experiment) = 0;
  // kNotFound; kFailedPrecondition: it is deleted.
  virtual Result<void> check_active(store::Reader& reader, std::int64_t experiment) = 0;
};

class TraceRecords {
 public:
  virtual ~TraceRecords() = default;
  // Nothing: no such trace.
  virtual Result<std::optional<std::string>> experiment_of(store::Reader& reader,
                                                           const std::string& trace) = 0;
};

class TraceFilters {
 public:
  virtual ~TraceFilters() = default;
  // kInvalidArgument: `text` is no filter of traces.
  virtual Result<void> check(const std::string& text) = 0;
};

}  // namespace slipway::evaluations
