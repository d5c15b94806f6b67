// What names, aliases, tags and stages may be. kInvalidArgument with MLflow's first phrase.
#pragma once

#include <string>

#include "base/result.h"
#include "registry/values.h"

namespace slipway::registry {

inline constexpr std::size_t kTagKeyLengthMax = 250;
inline constexpr std::size_t kTagValueLengthMax = 100'000;
inline constexpr std::size_t kAliasLengthMax = 255;

// `parameter` is what the message calls it: "name", "new_name".
Result<void> check_model_name(const std::string& name, std::string_view parameter = "name");
Result<void> check_tag(const KeyValue& tag);
Result<void> check_alias(const std::string& alias);
// Also "latest" and "v1" are taken: they mean something else.
Result<void> check_new_alias(const std::string& alias);
// "production" is "Production".
Result<std::string> canonical_stage(const std::string& stage);

}  // namespace slipway::registry
