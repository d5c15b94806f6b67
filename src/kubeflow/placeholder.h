// What stands in the words of a container's command for what is known when it runs:
// {{$.inputs.parameters['x']}}, {{$.outputs.artifacts['model'].path}}, {{$}}. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::kubeflow {

struct Placeholder {
  enum class Kind {
    kExecutorInput,    // {{$}}
    kInputParameter,   // {{$.inputs.parameters['name']}}
    kInputArtifact,    // {{$.inputs.artifacts['name'].field}}, .metadata['key'], too
    kOutputParameter,  // {{$.outputs.parameters['name'].output_file}}
    kOutputArtifact,   // {{$.outputs.artifacts['name'].field}}
    kOutputFile,       // {{$.outputs.output_file}}
    kOfRun,            // {{$.pipeline_job_name}} and the like: `name`
  };
  Kind kind = Kind::kExecutorInput;
  std::string name, field, key;

  bool operator==(const Placeholder&) const = default;
};

// `text` with what each placeholder stands for; what stands for it is not looked into.
// kInvalidArgument: a placeholder that nobody knows, or what `text_of` says.
Result<std::string> replace_placeholders(
    std::string_view text, const std::function<Result<std::string>(const Placeholder&)>& text_of);

// Words that are {"IfPresent": {"InputName", "Then", "Else"}} or {"Concat": [...]} become what they
// come to; `is_given` says whether an input has a value. kInvalidArgument: they are broken.
Result<std::vector<std::string>> expand_words(
    const std::vector<std::string>& words,
    const std::function<bool(const std::string& input)>& is_given);

}  // namespace slipway::kubeflow
