// Routes for the rules of what endpoints are asked: how they stand, what broke them, and rules made
// from training rows.
#pragma once

#include <string>
#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "releases/releases.h"
#include "serving/endpoints.h"
#include "types/frame.h"

namespace slipway::api::own {

// Rows that models were trained on. Safe to use from several threads.
class TrainedInputs {
 public:
  virtual ~TrainedInputs() = default;

  struct Rows {
    types::Frame frame;
    std::string from;  // in words: "dataset visits version 3"
  };
  // Those of `columns` that the rows have. `dataset` empty: the endpoint's feature service says,
  // or the dataset that has all of them. kNotFound: none has.
  virtual Result<Rows> rows(const std::string& endpoint, const std::string& dataset,
                            const std::vector<std::string>& columns) = 0;
};

// All must outlive the routes.
std::vector<http::Route> input_routes(releases::Releases& releases, serving::Endpoints& endpoints,
                                      TrainedInputs& trained, Masking& masking);

}  // namespace slipway::api::own
