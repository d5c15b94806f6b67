// Reading models and versions from their tables; for the sources of this room.
#pragma once

#include <string>

#include "registry/values.h"
#include "store/db.h"

namespace slipway::registry {

// Columns of model_versions in the order that read_version wants them.
inline constexpr std::string_view kVersionColumns =
    "model, version, created, updated, description, stage, source, run_id, run_link, model_id, "
    "gate, storage";
ModelVersion read_version(const store::Row& row);
// Tags and aliases.
Result<void> read_version_details(store::Reader& reader, ModelVersion& version);

// kNotFound in MLflow's words.
Result<ModelVersion> find_version(store::Reader& reader, const std::string& model,
                                  std::int64_t version);
Result<RegisteredModel> find_model(store::Reader& reader, const std::string& name);

// Sets `updated` of the model. kNotFound.
Result<void> touch_model(store::Tx& tx, const std::string& model, base::Timestamp now);

// Whether the model is a prompt: written into its events, so that whoever reads them can tell.
Result<bool> find_prompt(store::Reader& reader, const std::string& model);

std::string model_subject(const std::string& model);
std::string version_subject(const std::string& model, std::int64_t version);

Error no_model(const std::string& name);

// Writes down the moves of aliases that a deletion takes away. kPermissionDenied: one of them is
// protected. `version` nothing: all of the model's. Gives the moves, for the observer.
Result<std::vector<AliasMove>> drop_aliases(store::Tx& tx, const std::string& model,
                                            std::optional<std::int64_t> version,
                                            base::Timestamp now, const Change& change);

}  // namespace slipway::registry
