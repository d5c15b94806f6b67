// What the keys of metrics, parameters and tags may look like.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slipway::types {

// Why `key` is no good key, in MLflow's words; nothing: it is one. Letters, digits and `_-. :/`;
// and as a path it must be the path it looks like, because some stores make it one. Length is not
// looked at.
std::optional<std::string> fault_of_key(std::string_view key);

// Whether `name` as a path stands for something else: "..", "a//b", "/a".
bool is_deceptive_path(std::string_view name);

// Characters (code points) of a UTF-8 text.
std::size_t count_characters(std::string_view text);

}  // namespace slipway::types
