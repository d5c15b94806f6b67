// What traces need of other rooms; app connects them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/db.h"
#include "store/object_store.h"

namespace slipway::traces {

class ExperimentRecords {
 public:
  virtual ~ExperimentRecords() = default;
  // The number of an experiment id. kInvalidArgument: it is no number. kNotFound: it is larger than
  // any.
  virtual Result<std::int64_t> number(const std::string& id) = 0;
  // Of those that are looked for: one that is larger than any is left out. kInvalidArgument.
  virtual Result<std::vector<std::int64_t>> numbers(const std::vector<std::string>& ids) = 0;
  // Where the artifacts of its traces lie. kNotFound; kFailedPrecondition: it is deleted.
  virtual Result<std::string> trace_folder(store::Reader& reader, std::int64_t experiment) = 0;
  // The same of one that may be deleted. Nothing: there is no such experiment.
  virtual Result<std::optional<std::string>> find_trace_folder(store::Reader& reader,
                                                               std::int64_t experiment) = 0;
  // kNotFound.
  virtual Result<void> check_run(store::Reader& reader, const std::string& run) = 0;
};

// The files of a trace: attachments of its spans, or the spans themselves.
class TraceFiles {
 public:
  virtual ~TraceFiles() = default;
  // What the trace `id` has at `location`, and what was freed. A location that this server has no
  // hand on frees nothing.
  virtual Result<store::Removed> remove(const std::string& location, const std::string& id) = 0;
  virtual Result<store::Removed> measure(const std::string& location, const std::string& id) = 0;
};

// What else is kept about traces, by their ids.
class TraceFollowers {
 public:
  virtual ~TraceFollowers() = default;
  // The trace goes with this transaction.
  virtual Result<void> removed(store::Tx& tx, const std::string& id) = 0;
};

}  // namespace slipway::traces
