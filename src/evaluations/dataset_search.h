// What evaluation datasets can be searched and sorted by: MLflow's grammar for search_datasets.
#pragma once

#include "types/search_filter.h"

namespace slipway::evaluations {

const types::SearchGrammar& dataset_grammar();

inline constexpr std::string_view kNameKey = "name";
inline constexpr std::string_view kCreatedKey = "created_time";
inline constexpr std::string_view kUpdatedKey = "last_update_time";
inline constexpr std::string_view kCreatedByKey = "created_by";
inline constexpr std::string_view kUpdatedByKey = "last_updated_by";

}  // namespace slipway::evaluations
