// Where the files of a model version may be said to be. A local path would let a client read any
// file of the server, so it must lie in the folder of the run or logged model that it names; any
// other place must be written plainly, without `..` however often it is percent-encoded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::registry {

// What the registry must know of runs and logged models; kNotFound when there is no such one.
class ArtifactPlaces {
 public:
  virtual ~ArtifactPlaces() = default;
  virtual Result<std::string> run_place(const std::string& run_id) = 0;
  struct LoggedModel {
    std::string place, run_id;
  };
  virtual Result<LoggedModel> logged_model(const std::string& model_id) = 0;
  // Tells the logged model that this version was made of it.
  virtual Result<void> version_made(const std::string& model_id, const std::string& model,
                                    std::int64_t version) = 0;
};

// What the operator allows sources to look like: an ECMAScript pattern, found anywhere in the
// source. MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX.
class SourcePattern {
 public:
  // kInvalidArgument: the pattern cannot be read.
  static Result<SourcePattern> compile(const std::string& pattern);
  bool allows(const std::string& source) const;

 private:
  struct Compiled;
  explicit SourcePattern(std::shared_ptr<const Compiled> compiled)
      : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// "models:/m-4711", "models:/name/3", "models:/name@alias", "models:/name/Production",
// "models:/name/latest".
struct ModelReference {
  std::string model_id;  // alone, or
  std::string model;     // with one of:
  std::optional<std::int64_t> version;
  std::string alias;
  std::string stage;  // neither of the three: the latest version
};
bool is_model_reference(std::string_view source);
// kInvalidArgument: none of these forms.
Result<ModelReference> parse_model_reference(const std::string& source);

// A path without scheme, or "file:". kInternal for a file on another machine (as MLflow has it).
Result<bool> is_local_source(const std::string& source);
// Whether the local `source` lies in the local `folder`, symbolic links followed.
bool lies_within(const std::string& source, const std::string& folder);
// kInvalidArgument: `..`, `.` or a NUL byte in the path, decoded again and again; or no path.
Result<void> check_plain_source(const std::string& source);

}  // namespace slipway::registry
