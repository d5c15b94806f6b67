// Reads what an MLflow has kept: a folder of files (`mlruns`), its database, or its server. Never
// writes to it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "registry/import.h"
#include "tracking/import.h"

namespace slipway::api::mlflow_source {

// One artifact of a run or a logged model.
struct ArtifactFile {
  std::string path;  // below the artifact root, with '/'
  std::int64_t bytes = 0;
};

// Where a run's artifacts are, to be read file by file.
class ArtifactFolder {
 public:
  virtual ~ArtifactFolder() = default;
  virtual Result<std::vector<ArtifactFile>> files() = 0;  // with all folders below
  // A local file with the content: the artifact itself, or `scratch` after it was written there.
  virtual Result<std::filesystem::path> fetch(const ArtifactFile& file,
                                              const std::filesystem::path& scratch) = 0;
};

// One thread at a time. Ids, URIs and the sources of versions are as the source has them.
class Source {
 public:
  virtual ~Source() = default;

  virtual std::string name() const = 0;  // the source without a password, the same every time
  virtual Result<std::vector<tracking::Experiment>> experiments() = 0;  // deleted ones too
  // Nothing when counting would mean reading them all.
  virtual Result<std::optional<std::int64_t>> run_count(const std::string& experiment) = 0;
  // Calls `each` for every run, deleted ones too; an error of `each` ends it.
  virtual Result<void> runs(const std::string& experiment,
                            const std::function<Result<void>(tracking::ImportedRun)>& each) = 0;
  virtual Result<std::vector<tracking::LoggedModel>> logged_models(
      const std::string& experiment) = 0;
  virtual Result<std::vector<registry::ImportedModel>> models() = 0;
  // Nothing when the URI leads to a place that this program doesn't read (s3://...) or that isn't
  // there.
  virtual Result<std::unique_ptr<ArtifactFolder>> artifacts(const std::string& uri) = 0;
  // What is there and stays there: ("traces", 12).
  virtual Result<std::vector<std::pair<std::string, std::int64_t>>> left_out() = 0;
};

struct SourceOptions {
  // Where "mlflow-artifacts:" leads, for a folder or database: the server's
  // --artifacts-destination.
  std::filesystem::path artifacts_root = "mlartifacts";
  std::string token;  // of a server; a name and password go into the URL
};

// A URL without the name and password in it.
std::string without_user(const std::string& url);

// True for a store that is reached over the network without MLflow ("s3://bucket/..."): such
// artifacts can stay where they are.
bool is_remote(const std::string& uri);

// "./mlruns", "sqlite:///file.db", "postgresql://...", "http://...". kNotFound: nothing is there.
// kInvalidArgument: it is none of these, or no MLflow.
Result<std::unique_ptr<Source>> open_source(const std::string& source, SourceOptions options);

}  // namespace slipway::api::mlflow_source
