// The tags of a dataset input as one column of the database: a JSON list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tracking/values.h"

namespace slipway::tracking {

std::string input_tags_text(const std::vector<KeyValue>& tags);
// Of what input_tags_text wrote.
std::vector<KeyValue> parse_input_tags(std::string_view text);

}  // namespace slipway::tracking
