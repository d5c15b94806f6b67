// What a step's result depends on, as one digest: equal keys mean that running again would compute
// the same bytes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "pipelines/plan.h"

namespace slipway::pipelines {

// Knows the content of inputs that aren't files of the project: "dataset:flights" and what else the
// app offers. Safe to use from several threads.
class InputDigests {
 public:
  virtual ~InputDigests() = default;

  struct Input {
    std::string digest;    // changes whenever the content does
    std::string revision;  // for people and lineage: the snapshot or version it is now
  };
  // kNotFound: no such thing. kInvalidArgument: a kind that can't be an input.
  virtual Result<Input> resolve(const std::string& kind, const std::string& name) = 0;
  // Of an s3:// URI: whether there is such an object or, when it ends in '/', one below it.
  // kUnavailable, kPermissionDenied: it can't be told.
  virtual Result<bool> has_object(const std::string& uri) = 0;
};

// A step's key and everything that went into it. A value.
//
// `document` is
// {"format":1,"salt":...,"command":...,"outputs":[...],"parts":{"code/train.py":"<digest>",
// "env/requirements.txt":..., "input/dataset:flights":..., "step/training-set":...}}; `digest` is
// its SHA-256.
struct StepKey {
  std::string digest;
  JsonObject document;
};

// Digests of what `step` declares, by "code/...", "env/...", "input/...". Folders count as all
// regular files below them but
// __pycache__. kNotFound: something declared is missing, and isn't marked.
enum class Missing { kIsError, kIsMarked };  // marked: its digest is "gone"
Result<std::map<std::string, std::string>> declared_digests(const StepDefinition& step,
                                                            const std::filesystem::path& project,
                                                            InputDigests& inputs,
                                                            Missing missing = Missing::kIsError);

// `outputs_of` has the manifest digest of each step that this one reads, `item` what `{item}` and
// the like stand for. Pure.
StepKey make_step_key(const Plan& plan, const PlannedStep& step,
                      const std::map<std::string, std::string>& declared,
                      const std::map<std::string, std::string>& outputs_of,
                      const std::map<std::string, std::string>& item = {});

// Of what the key's step declares, the names whose digest isn't the key's any more: it was changed
// while the step ran. Their parts are "BEFORE..AFTER" then, and the key is one that no other step
// has, so that the result, which may come from either, is nobody else's answer.
std::vector<std::string> mark_changed(StepKey& key,
                                      const std::map<std::string, std::string>& declared);

constexpr std::string_view kCommandChanged = "the command or a parameter in it changed";

// What differs between two documents: "code/train.py changed", kCommandChanged.
std::vector<std::string> differences(const JsonObject& before, const JsonObject& now);

// The first of them after each other, and how many more there are. Empty: there are none.
std::string explain_differences(const std::vector<std::string>& differences);

}  // namespace slipway::pipelines
