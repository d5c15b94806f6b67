// What runs, experiments and logged models can be searched by.
#pragma once

#include "types/search_filter.h"

namespace slipway::tracking {

// Attributes: run_id, run_name, status, user_id, artifact_uri, start_time, end_time.
const types::SearchGrammar& run_grammar();
// Attributes: name, experiment_id, creation_time, last_update_time.
const types::SearchGrammar& experiment_grammar();
// Attributes: name, model_id, model_type, status, source_run_id, creation_timestamp,
// last_updated_timestamp.
const types::SearchGrammar& logged_model_grammar();

}  // namespace slipway::tracking
