// Routes for datasets: what is declared, versions with schema and profile, ingest, quarantine.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "datasets/datasets.h"
#include "features/feature_store.h"

namespace slipway::api::own {

// What datasets' routes need of others.
struct DatasetRouteHooks {
  std::function<Result<void>(const std::string& name)> ingested;  // after every ingest
  // Whether who asks may have any file read.
  std::function<bool(const http::Request& request)> manages;
  // Rows of a dataset that were pushed to its features' sources.
  std::function<Result<features::FeatureStore::PushedRows>(const std::string& name)> pushed;
  std::filesystem::path scratch;  // for files that are made for one reply
};

// All must outlive the routes. `diff_bytes_max`: memory of a comparison, of which one is made at a
// time.
std::vector<http::Route> dataset_routes(datasets::Datasets& datasets, Masking& masking,
                                        DatasetRouteHooks hooks, std::int64_t diff_bytes_max);

}  // namespace slipway::api::own
