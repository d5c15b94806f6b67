// What traces can be searched and sorted by: MLflow's grammar for search_traces.
#pragma once

#include "types/search_filter.h"

namespace slipway::traces {

const types::SearchGrammar& trace_grammar();

// Keys of attributes as a clause calls them.
inline constexpr std::string_view kIdKey = "request_id";
inline constexpr std::string_view kStartKey = "timestamp_ms";
inline constexpr std::string_view kDurationKey = "execution_time_ms";
inline constexpr std::string_view kEndKey = "end_time_ms";
inline constexpr std::string_view kStateKey = "status";
inline constexpr std::string_view kClientIdKey = "client_request_id";
inline constexpr std::string_view kNameKey = "name";
inline constexpr std::string_view kRunKey = "run_id";
inline constexpr std::string_view kPromptKey = "prompt";
inline constexpr std::string_view kTextKey = "text";
inline constexpr std::string_view kExperimentKey = "experiment_id";
// Keys of spans.
inline constexpr std::string_view kSpanContentKey = "content";
inline constexpr std::string_view kSpanAttributePrefix = "attributes.";

}  // namespace slipway::traces
