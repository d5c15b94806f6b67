// What steps have written: the files of a run's folder, and those that a later run can use again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "pipelines/condition.h"
#include "pipelines/definition.h"
#include "pipelines/run_table.h"

namespace slipway::pipelines {

// File -> SHA-256, of the declared outputs, or of all there is; each is synced first.
// kFailedPrecondition: a declared output is missing. kInvalidArgument: a name isn't UTF-8.
Result<JsonObject> make_manifest(const std::filesystem::path& folder, const StepDefinition& step);

struct KeptOutputs {
  std::string run;  // that made them
  std::string folder;
  JsonObject manifest;
  std::string manifest_digest;
  std::string tracked_run;  // of a trial
};

// The newest outputs under this key whose files still have the bytes they had; nothing: there are
// none.
Result<std::optional<KeptOutputs>> find_kept(RunTable& table, const std::string& cache_key);

// What is in the file of an output. kNotFound: there is none. kResourceExhausted: more than 1 MiB.
// kInvalidArgument: it is no UTF-8 text.
Result<std::string> output_text(const ConditionOperand& operand,
                                const std::filesystem::path& folder);

// The text that a condition's `{step/file#member}` means, `folder` being the step's. kNotFound: no
// such file or member. kInvalidArgument: the member is no single value. kResourceExhausted: a file
// of more than 1 MiB.
Result<std::string> output_value(const ConditionOperand& operand,
                                 const std::filesystem::path& folder);

}  // namespace slipway::pipelines
