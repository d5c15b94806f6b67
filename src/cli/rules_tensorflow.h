// Schemas of TensorFlow Metadata as rules of rows:
// https://github.com/tensorflow/metadata/blob/master/tensorflow_metadata/proto/v0/schema.proto
#pragma once

#include <string_view>

#include "base/json.h"
#include "cli/rules_import.h"

namespace slipway::cli {

// Whether a text is a Schema in text format, by its first field.
bool is_tensorflow_text(std::string_view text);

// `schema`: the message, with names as the text format has them or as its JSON does
// ("minFraction"). kInvalidArgument: a feature or domain is no message, or has no name.
Result<ImportedRules> import_tensorflow(const JsonObject& schema);

}  // namespace slipway::cli
