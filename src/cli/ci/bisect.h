// Which commit, or version of a dataset, changed a metric of a pipeline.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"

namespace slipway::cli {

// Versions of a dataset of the server at --url.
struct DataRange {
  std::string dataset;
  std::int64_t good = 0, bad = 0;
};

struct BisectOptions {
  std::string metric;     // PIPELINE/STEP/FILE.json#a.b, PIPELINE/STEP/FILE, PIPELINE/STEP#METRIC
  std::string good, bad;  // names of commits
  std::vector<DataRange> data;
  std::map<std::string, std::string> params;
  std::optional<double> above, below;   // what is bad; neither: what is nearer to the bad end
  std::filesystem::path folder, cache;  // of slipway.yaml; of the server that runs the steps
};

// {"metric","tried":[{"commit","data","value","verdict","what"}],"first_bad":{...} or null,
// "suspects":[...]}: suspects are those of which one is the first bad, when some can't be run.
// kNotFound: no such commit, version or metric; kFailedPrecondition: the ends don't differ, or one
// of them can't be run.
Result<Json> bisect(Client& client, const BisectOptions& options);

std::string bisect_text(const Json& report);

}  // namespace slipway::cli
