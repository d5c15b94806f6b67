// How imported things travel from `slipway import` to the server; docs/formats/import.md.
#pragma once

#include "base/json.h"
#include "registry/import.h"
#include "tracking/import.h"

namespace slipway::api::own {

// Points go as packed series in base64, 24 bytes a point: a million of them is no more than 32 MB.
JsonObject to_json(const tracking::ImportedRun& imported);
Result<tracking::ImportedRun> imported_run(const JsonObject& object);

JsonObject to_json(const tracking::Experiment& experiment);
Result<tracking::Experiment> imported_experiment(const JsonObject& object);

JsonObject to_json(const tracking::LoggedModel& model);
Result<tracking::LoggedModel> imported_logged_model(const JsonObject& object);

JsonObject to_json(const registry::ImportedModel& imported);
Result<registry::ImportedModel> imported_model(const JsonObject& object);

JsonObject to_json(const tracking::RunContent& content);
Result<tracking::RunContent> run_content(const JsonObject& object);

}  // namespace slipway::api::own
