// DVC remotes over HTTP, as dvc's client of `dvc remote add NAME http://HOST/dvc/REMOTE` asks for
// them: GET (for existence too), HEAD, and POST or PUT of a body without a length.
#pragma once

#include <cstdint>
#include <vector>

#include "api/http/router.h"
#include "datasets/remotes.h"

namespace slipway::api::dvc {

struct Limits {
  std::uint64_t file_bytes_max = 1ull << 40;
};

// `remotes` must outlive the routes.
std::vector<http::Route> dvc_routes(datasets::Remotes& remotes, Limits limits);

}  // namespace slipway::api::dvc
