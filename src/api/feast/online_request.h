// What a body of /get-online-features asks for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "features/feature_store.h"

namespace slipway::api::feast {

struct OnlineRequest {
  std::vector<std::string> features;  // "view:feature"
  std::optional<std::string> feature_service;
  JsonObject entities;  // lists of one length: keys, request data, and what nobody asked for
  std::size_t rows = 0;
  bool full_feature_names = false;
  bool names_views = false;  // include_feature_view_version_metadata
};

// kInvalidArgument: the body is no request.
Result<OnlineRequest> read_online_request(std::string_view body);

struct WantedView {
  std::string name;
  features::FeatureStore::ViewShape shape;
  bool is_on_demand = false, is_windowed = false;
  std::vector<std::size_t> features;  // of the shape, as they were asked for
};

// The views behind what was asked for, in the order of the request. kNotFound: no such service or
// view; kInvalidArgument: a view has no such feature; kAlreadyExists: two would have one name.
Result<std::vector<WantedView>> find_wanted(const features::FeatureStore& store,
                                            const OnlineRequest& request);

// "view__feature", or without the view.
std::string_view feature_name(const WantedView& view, std::size_t feature, bool full);

// When each row is asked for: what the service's own request column says, or now.
Result<std::vector<types::Timestamp>> read_moments(const features::FeatureStore& store,
                                                   const OnlineRequest& request,
                                                   types::Timestamp now);

// The view's inputs, one row after the other. kNotFound: request data is missing;
// kInvalidArgument: a key is.
Result<std::vector<features::Value>> read_inputs(const WantedView& view,
                                                 const OnlineRequest& request,
                                                 const std::vector<types::Timestamp>& moments);

}  // namespace slipway::api::feast
