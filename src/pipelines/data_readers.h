// Which runs have read a dataset, and which of their steps read what was made of it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/db.h"

namespace slipway::pipelines {

struct DataReader {
  std::string run, pipeline;
  // By step that reads the dataset, or outputs of a step that does: which digests it had. Empty: it
  // isn't known. "BEFORE..AFTER": it was changed while the step ran (mark_changed).
  std::map<std::string, std::set<std::string>> steps;
};

// Runs with steps whose key names the dataset as an input, also when they were answered from cache
// or have failed, and the runs of which such a run is a step. A step whose command alone names it
// (dataset:NAME), or has one of `words`, has read nobody knows what. Looks through all steps.
Result<std::vector<DataReader>> find_data_readers(store::Db& db, const std::string& dataset,
                                                  std::vector<std::string> words);

}  // namespace slipway::pipelines
