// Answers of /get-online-features: a column for each join key and feature.
#pragma once

#include <string>
#include <vector>

#include "api/feast/online_request.h"

namespace slipway::api::feast {

// What was read for one of the wanted views.
struct ViewAnswer {
  std::vector<features::Value> inputs;
  features::FeatureStore::ViewRows rows;
};

// `answers` belong to `wanted`, one each.
std::string write_online_answer(const OnlineRequest& request, const std::vector<WantedView>& wanted,
                                const std::vector<ViewAnswer>& answers);

}  // namespace slipway::api::feast
