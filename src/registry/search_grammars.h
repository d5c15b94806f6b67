// What registered models and their versions can be searched by.
#pragma once

#include "types/search_filter.h"

namespace slipway::registry {

// Attribute: name. Sorted by name, creation_timestamp, last_updated_timestamp ("timestamp").
const types::SearchGrammar& model_grammar();
// Attributes: name, version_number, run_id, source_path. Sorted by name, version_number,
// creation_timestamp, last_updated_timestamp.
const types::SearchGrammar& version_grammar();

}  // namespace slipway::registry
