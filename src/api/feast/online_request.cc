#include "api/feast/online_request.h"

#include <algorithm>

#include "api/feast/cells.h"

namespace slipway::api::feast {
namespace {

using features::FeatureStore;
using Output = features::FeatureStore::Output;
using features::Value;
using features::ValueType;

Result<std::vector<std::string>> texts(const JsonObject& body, std::string_view key) {
  std::vector<std::string> out;
  const Json* list = body.if_contains(key);
  if (list == nullptr || list->is_null()) return out;
  if (!list->is_array())
    return base::error(Code::kInvalidArgument, "{} must be a list of texts", key);
  for (const Json& item : list->get_array()) {
    if (!item.is_string())
      return base::error(Code::kInvalidArgument, "{} must be a list of texts", key);
    out.emplace_back(std::string_view(item.get_string()));
  }
  return out;
}

// "view:feature" in its parts.
Result<std::pair<std::string, std::string>> split(const std::string& reference) {
  const std::size_t colon = reference.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == reference.size()) {
    return base::error(Code::kInvalidArgument,
                       "Invalid feature reference '{}'. Expected format: "
                       "'<feature_view>:<feature>'",
                       reference);
  }
  if (reference.find('@') < colon) {
    return base::error(Code::kInvalidArgument,
                       "Invalid feature reference '{}': views have no versions here", reference);
  }
  return std::pair(reference.substr(0, colon), reference.substr(colon + 1));
}

// A service's features as "view:feature"; what it takes from the request is no feature of a view.
Result<std::vector<std::string>> references_of(const FeatureStore& store,
                                               const features::Definitions& definitions,
                                               const std::string& name) {
  const features::Service* service = definitions.find_service(name);
  if (service == nullptr)
    return base::error(Code::kNotFound, "Feature service {} does not exist", name);
  std::vector<std::string> references;
  for (const std::string& text : service->features) {
    const std::size_t dot = text.find('.');
    const std::string head = text.substr(0, dot);
    if (head == "request") continue;
    if (dot != std::string::npos) {
      references.push_back(head + ":" + text.substr(dot + 1));
      continue;
    }
    const FeatureStore::ViewShape shape = TRY(store.view_shape(head));
    for (const auto& feature : shape.features)
      references.push_back(head + ":" + feature.name.substr(head.size() + 2));
  }
  return references;
}

}  // namespace

Result<OnlineRequest> read_online_request(std::string_view text) {
  const JsonObject body = TRY(base::parse_json_object(text));
  OnlineRequest request;
  request.features = TRY(texts(body, "features"));
  request.feature_service = TRY(base::find_string(body, "feature_service"));
  request.full_feature_names = TRY(base::find_bool(body, "full_feature_names")).value_or(false);
  request.names_views =
      TRY(base::find_bool(body, "include_feature_view_version_metadata")).value_or(false);
  const Json* entities = body.if_contains("entities");
  if (entities == nullptr || !entities->is_object()) {
    return base::error(Code::kInvalidArgument,
                       "entities must be an object: a list of values for each key");
  }
  request.entities = entities->get_object();
  bool is_first = true;
  for (const auto& [name, values] : request.entities) {
    if (!values.is_array()) {
      return base::error(Code::kInvalidArgument, "entities: {} must be a list of values",
                         std::string_view(name));
    }
    const std::size_t rows = values.get_array().size();
    if (!is_first && rows != request.rows) {
      return base::error(Code::kInvalidArgument,
                         "All entity rows must have the same columns: {} has {} values, others {}",
                         std::string_view(name), rows, request.rows);
    }
    request.rows = rows;
    is_first = false;
  }
  return request;
}

std::string_view feature_name(const WantedView& view, std::size_t feature, bool full) {
  const std::string_view name = view.shape.features[feature].name;
  return full ? name : name.substr(view.name.size() + 2);
}

Result<std::vector<WantedView>> find_wanted(const FeatureStore& store,
                                            const OnlineRequest& request) {
  const auto definitions = store.definitions();
  std::vector<std::string> references = request.features;
  if (request.feature_service)
    references = TRY(references_of(store, *definitions, *request.feature_service));
  if (references.empty())
    return base::error(Code::kInvalidArgument, "No features specified for retrieval");
  std::vector<WantedView> wanted;
  std::vector<std::string_view> names;
  for (const std::string& reference : references) {
    const auto [view, feature] = TRY(split(reference));
    auto found = std::ranges::find_if(wanted, [&](const WantedView& w) { return w.name == view; });
    if (found == wanted.end()) {
      const features::View* definition = definitions->find_view(view);
      if (definition == nullptr)
        return base::error(Code::kNotFound, "Feature view {} does not exist", view);
      WantedView fresh;
      fresh.name = view;
      fresh.shape = TRY(store.view_shape(view));
      fresh.is_on_demand = definition->is_on_demand();
      fresh.is_windowed = definition->is_windowed();
      found = wanted.insert(wanted.end(), std::move(fresh));
    }
    const auto& features = found->shape.features;
    const std::string full = view + "__" + feature;
    // Most ask in the view's order: the next one is tried first.
    std::size_t at = found->features.empty() ? 0 : found->features.back() + 1;
    if (at >= features.size() || features[at].name != full) {
      at = static_cast<std::size_t>(std::ranges::find(features, full, &Output::name) -
                                    features.begin());
    }
    if (at == features.size())
      return base::error(Code::kInvalidArgument, "Feature {} not found in view {}", feature, view);
    found->features.push_back(at);
  }
  for (const WantedView& view : wanted) {
    for (const std::size_t feature : view.features)
      names.push_back(feature_name(view, feature, request.full_feature_names));
  }
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return base::error(Code::kAlreadyExists,
                       "two features of the request would be called {}: set full_feature_names to "
                       "true, or ask for one of them",
                       *twice);
  }
  return wanted;
}

Result<std::vector<types::Timestamp>> read_moments(const FeatureStore& store,
                                                   const OnlineRequest& request,
                                                   types::Timestamp now) {
  std::vector<types::Timestamp> moments(request.rows, now);
  if (!request.feature_service) return moments;
  const auto definitions = store.definitions();
  const features::Service* service = definitions->find_service(*request.feature_service);
  const Json* said =
      service == nullptr ? nullptr : request.entities.if_contains(service->event_time);
  if (said == nullptr) return moments;
  for (std::size_t row = 0; row < request.rows; ++row) {
    const Value value =
        TRY(read_cell(said->get_array()[row], ValueType::kTime, service->event_time));
    if (const auto* time = std::get_if<types::Timestamp>(&value)) moments[row] = *time;
  }
  return moments;
}

Result<std::vector<Value>> read_inputs(const WantedView& view, const OnlineRequest& request,
                                       const std::vector<types::Timestamp>& moments) {
  const std::size_t width = view.shape.inputs.size();
  std::vector<Value> inputs(width * request.rows);
  for (std::size_t i = 0; i < width; ++i) {
    const auto& input = view.shape.inputs[i];
    const Json* column = request.entities.if_contains(input.name);
    const bool is_moment = view.is_on_demand && input.name == view.shape.event_time;
    if (column == nullptr && !is_moment) {
      if (!input.is_key) {
        return base::error(Code::kNotFound,
                           "Required request data source features ['{}'] not found in the entity "
                           "rows, but required by feature views",
                           input.name);
      }
      return base::error(Code::kInvalidArgument,
                         "Missing join key values for keys: ['{}'], needed by feature view {}",
                         input.name, view.name);
    }
    for (std::size_t row = 0; row < request.rows; ++row) {
      Value& cell = inputs[row * width + i];
      if (column == nullptr) {
        cell = moments[row];
        continue;
      }
      cell = TRY(read_cell(column->get_array()[row], input.type, input.name));
      if (features::is_null(cell) && input.is_key)
        return base::error(Code::kInvalidArgument, "{} is null in row {}", input.name, row);
    }
  }
  return inputs;
}

}  // namespace slipway::api::feast
