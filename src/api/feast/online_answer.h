// Answers about online features: a column for each join key and feature.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/feast/online_request.h"

namespace slipway::api::feast {

// What was read for one of the wanted views.
struct ViewAnswer {
  std::vector<features::Value> inputs;
  features::FeatureStore::ViewRows rows;
};

// One each of `wanted`, all as of one moment. kResourceExhausted: features times rows are more than
// `values_max`; others as read_inputs() and FeatureStore::read_rows().
Result<std::vector<ViewAnswer>> read_views(const features::FeatureStore& store,
                                           const OnlineRequest& request,
                                           const std::vector<WantedView>& wanted,
                                           std::size_t values_max);

// Names what it was made of.
struct AnswerColumn {
  std::string_view name;
  const features::FeatureStore::Output& shape;
  const WantedView* view;  // none: a join key
  const ViewAnswer& answer;
  std::size_t position, width;  // among the inputs, or the features, of a row

  const features::Value& value(std::size_t row) const {
    return (view == nullptr ? answer.inputs : answer.rows.values)[row * width + position];
  }
  std::string_view status(std::size_t row) const;  // "PRESENT", "NOT_FOUND", ...
  // What it is where the value is no null: the same for all columns of a view.
  std::string_view status_of_row(std::size_t row) const;
  std::optional<types::Timestamp> event_time(std::size_t row) const;
};
std::vector<AnswerColumn> answer_columns(const OnlineRequest& request,
                                         const std::vector<WantedView>& wanted,
                                         const std::vector<ViewAnswer>& answers);

// As /get-online-features answers. `answers` belong to `wanted`, one each.
std::string write_online_answer(const OnlineRequest& request, const std::vector<WantedView>& wanted,
                                const std::vector<ViewAnswer>& answers);

}  // namespace slipway::api::feast
