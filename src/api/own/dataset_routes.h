// Routes for datasets: what is declared, versions with schema and profile, ingest, quarantine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/http/router.h"
#include "datasets/datasets.h"

namespace slipway::api::own {

// All must outlive the routes. `ingested` is called after every ingest. `manages`: whether who asks
// may have any file read.
std::vector<http::Route> dataset_routes(
    datasets::Datasets& datasets, std::function<Result<void>(const std::string& name)> ingested,
    std::function<bool(const http::Request& request)> manages);

}  // namespace slipway::api::own
