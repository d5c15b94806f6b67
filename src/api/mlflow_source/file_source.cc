#include "api/mlflow_source/file_source.h"

#include <algorithm>
#include <map>

#include "api/mlflow_source/local_folder.h"
#include "api/mlflow_source/metric_file.h"
#include "store/file_system.h"
#include "types/yaml_reader.h"

namespace slipway::api::mlflow_source {
namespace fs = std::filesystem;
namespace {

using tracking::ImportedRun;
using tracking::KeyValue;
using types::YamlMap;

constexpr std::string_view kMeta = "meta.yaml";
constexpr std::string_view kTrash = ".trash";
constexpr std::string_view kDeletedVersion = "Deleted_Internal";
// Folders of an experiment that are no runs.
constexpr std::string_view kNoRuns[] = {"tags", "datasets", "traces", "models"};
constexpr std::string_view kModelStatus[] = {"LOGGED_MODEL_STATUS_UNSPECIFIED",
                                             "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY",
                                             "LOGGED_MODEL_UPLOAD_FAILED"};

// Folders right below `folder`, by name; none when it isn't there.
std::vector<fs::path> folders(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ec;
  for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
    if (at->is_directory(ec)) found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Files anywhere below, as (name, path): a key with slashes is a file in folders.
std::vector<std::pair<std::string, fs::path>> files(const fs::path& folder) {
  std::vector<std::pair<std::string, fs::path>> found;
  std::error_code ec;
  for (fs::recursive_directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
    if (at->is_regular_file(ec))
      found.emplace_back(at->path().lexically_relative(folder).generic_string(), at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

template <typename Pair>
Result<std::vector<Pair>> read_pairs(const fs::path& folder) {
  std::vector<Pair> pairs;
  for (const auto& [name, file] : files(folder)) {
    std::string value = TRY(store::read_file(file));
    pairs.push_back(Pair{name, std::move(value)});
  }
  return pairs;
}

// meta.yaml, with the file's name in front of every error.
template <typename Read>
auto read_meta(const fs::path& folder, Read read) -> std::invoke_result_t<Read, YamlMap&> {
  const fs::path file = folder / kMeta;
  const std::string text = TRY(store::read_file(file));
  const auto parse = [&]() -> std::invoke_result_t<Read, YamlMap&> {
    YamlMap map = TRY(TRY(types::YamlNode::parse(text)).map("meta.yaml"));
    return read(map);
  };
  auto outcome = parse();
  if (!outcome) return std::move(outcome).error().with_context(file.string());
  return outcome;
}

Result<std::string> text(YamlMap& map, std::string_view key) {
  const auto node = map.find(key);
  if (!node) return std::string();
  return node->text();
}

Result<std::int64_t> integer(YamlMap& map, std::string_view key, std::int64_t otherwise = 0) {
  const auto node = map.find(key);
  if (!node) return otherwise;
  return node->integer();
}

Result<base::Timestamp> time_ms(YamlMap& map, std::string_view key) {
  return base::Timestamp::from_millis(TRY(integer(map, key)));
}

tracking::Stage stage(const std::string& name) {
  return name == "deleted" ? tracking::Stage::kDeleted : tracking::Stage::kActive;
}

// 1 RUNNING, 2 SCHEDULED, 3 FINISHED, 4 FAILED, 5 KILLED; some versions wrote the word.
Result<tracking::RunStatus> run_status(YamlMap& map) {
  static constexpr std::string_view kWords[] = {"RUNNING", "SCHEDULED", "FINISHED", "FAILED",
                                                "KILLED"};
  std::string word = TRY(text(map, "status"));
  if (word.size() == 1 && word[0] >= '1' && word[0] <= '5')
    word = kWords[static_cast<std::size_t>(word[0] - '1')];
  const auto status = tracking::parse_status(word);
  if (!status) return map.node().error("no such run status: status={}", word);
  return *status;
}

class FileSource final : public Source {
 public:
  FileSource(fs::path root, SourceOptions options)
      : root_(std::move(root)), options_(std::move(options)) {}

  Result<void> open() {
    std::error_code ec;
    if (!fs::is_directory(root_, ec))
      return base::error(Code::kNotFound, "no such folder: folder={}", root_.string());
    for (const fs::path& parent : {root_, root_ / kTrash}) {
      for (const fs::path& folder : folders(parent)) {
        if (fs::exists(folder / kMeta, ec) && folder.filename() != "models")
          experiments_.emplace(folder.filename().string(), folder);
      }
    }
    if (experiments_.empty())
      return base::error(Code::kInvalidArgument, "the folder holds no MLflow experiment: folder={}",
                         root_.string());
    return {};
  }

  std::string name() const override { return "file://" + root_.string(); }

  Result<std::vector<tracking::Experiment>> experiments() override {
    std::vector<tracking::Experiment> found;
    for (const auto& [id, folder] : experiments_) {
      found.push_back(TRY(read_meta(folder, [&](YamlMap& meta) -> Result<tracking::Experiment> {
        tracking::Experiment experiment;
        experiment.id = id;
        experiment.name = TRY(text(meta, "name"));
        experiment.artifact_location = TRY(text(meta, "artifact_location"));
        experiment.stage = stage(TRY(text(meta, "lifecycle_stage")));
        experiment.created = TRY(time_ms(meta, "creation_time"));
        experiment.updated = TRY(time_ms(meta, "last_update_time"));
        experiment.tags = TRY(read_pairs<KeyValue>(folder / "tags"));
        return experiment;
      })));
    }
    return found;
  }

  Result<std::optional<std::int64_t>> run_count(const std::string& experiment) override {
    return std::optional(static_cast<std::int64_t>(run_folders(experiment).size()));
  }

  Result<void> runs(const std::string& experiment,
                    const std::function<Result<void>(ImportedRun)>& each) override {
    for (const fs::path& folder : run_folders(experiment))
      TRY(each(TRY(read_run(experiment, folder))));
    return {};
  }

  Result<std::vector<tracking::LoggedModel>> logged_models(const std::string& experiment) override {
    std::vector<tracking::LoggedModel> found;
    for (const fs::path& folder : folders(experiments_.at(experiment) / "models")) {
      bool deleted = false;
      auto model = TRY(read_meta(folder, [&](YamlMap& meta) -> Result<tracking::LoggedModel> {
        tracking::LoggedModel model;
        model.id = TRY(text(meta, "model_id"));
        model.experiment_id = experiment;
        model.name = TRY(text(meta, "name"));
        model.model_type = TRY(text(meta, "model_type"));
        model.source_run_id = TRY(text(meta, "source_run_id"));
        model.artifact_uri = TRY(text(meta, "artifact_location"));
        const std::int64_t status = TRY(integer(meta, "status"));
        if (status < 0 || status >= static_cast<std::int64_t>(std::size(kModelStatus)))
          return meta.node().error("no such model status: status={}", status);
        model.status = kModelStatus[status];
        model.status_message = TRY(text(meta, "status_message"));
        model.created = TRY(time_ms(meta, "creation_timestamp"));
        model.updated = TRY(time_ms(meta, "last_updated_timestamp"));
        deleted = stage(TRY(text(meta, "lifecycle_stage"))) == tracking::Stage::kDeleted;
        return model;
      }));
      if (deleted) continue;
      model.params = TRY(read_pairs<KeyValue>(folder / "params"));
      model.tags = TRY(read_pairs<KeyValue>(folder / "tags"));
      for (const auto& [key, file] : files(folder / "metrics")) {
        for (tracking::ModelMetric& metric :
             TRY(parse_model_metric_file(TRY(store::read_file(file)), key))) {
          metric.metric.model_id = model.id;
          model.metrics.push_back(std::move(metric));
        }
      }
      remember(model.artifact_uri, folder / "artifacts");
      found.push_back(std::move(model));
    }
    return found;
  }

  Result<std::vector<registry::ImportedModel>> models() override {
    std::vector<registry::ImportedModel> found;
    std::error_code ec;
    for (const fs::path& folder : folders(root_ / "models")) {
      if (fs::exists(folder / kMeta, ec)) found.push_back(TRY(read_model(folder)));
    }
    return found;
  }

  Result<std::unique_ptr<ArtifactFolder>> artifacts(const std::string& uri) override {
    // A folder that was moved or copied here has its artifacts with it, whatever its URIs say.
    if (const auto beside = beside_.find(uri); beside != beside_.end()) {
      if (auto found = open_local(beside->second)) return found;
    }
    return open_stored(uri, options_.artifacts_root);
  }

  Result<std::vector<std::pair<std::string, std::int64_t>>> left_out() override {
    std::int64_t traces = 0;
    for (const auto& [id, folder] : experiments_)
      traces += static_cast<std::int64_t>(folders(folder / "traces").size());
    std::vector<std::pair<std::string, std::int64_t>> found;
    if (traces > 0) found.emplace_back("traces", traces);
    return found;
  }

 private:
  std::vector<fs::path> run_folders(const std::string& experiment) {
    std::vector<fs::path> found;
    std::error_code ec;
    for (const fs::path& folder : folders(experiments_.at(experiment))) {
      const std::string name = folder.filename().string();
      const bool reserved =
          std::find(std::begin(kNoRuns), std::end(kNoRuns), name) != std::end(kNoRuns);
      if (!reserved && fs::exists(folder / kMeta, ec)) found.push_back(folder);
    }
    return found;
  }

  // Only where the two differ: a map over all runs would be large for nothing.
  void remember(const std::string& uri, const fs::path& beside) {
    const auto path = local_path(uri);
    if (path && *path != beside) beside_.emplace(uri, beside);
  }

  Result<ImportedRun> read_run(const std::string& experiment, const fs::path& folder) {
    ImportedRun imported;
    tracking::Run& run = imported.run;
    run.tags = TRY(read_pairs<KeyValue>(folder / "tags"));
    TRY(read_meta(folder, [&](YamlMap& meta) -> Result<void> {
      run.id = TRY(text(meta, "run_id"));
      if (run.id.empty()) run.id = TRY(text(meta, "run_uuid"));
      run.experiment_id = experiment;
      run.name = TRY(text(meta, "run_name"));
      if (run.name.empty()) run.name = TRY(text(meta, "name"));
      run.user = TRY(text(meta, "user_id"));
      run.status = TRY(run_status(meta));
      run.start_ms = TRY(integer(meta, "start_time"));
      if (meta.find("end_time")) run.end_ms = TRY(integer(meta, "end_time"));
      run.stage = stage(TRY(text(meta, "lifecycle_stage")));
      run.artifact_uri = TRY(text(meta, "artifact_uri"));
      return {};
    }));
    for (const KeyValue& tag : run.tags) {
      if (run.name.empty() && tag.key == "mlflow.runName") run.name = tag.value;
    }
    run.params = TRY(read_pairs<KeyValue>(folder / "params"));
    for (const auto& [key, file] : files(folder / "metrics")) {
      std::vector<tracking::Metric> points =
          TRY(parse_metric_file(TRY(store::read_file(file)), key));
      imported.points.insert(imported.points.end(), std::make_move_iterator(points.begin()),
                             std::make_move_iterator(points.end()));
    }
    TRY(read_inputs(experiments_.at(experiment), folder, run));
    remember(run.artifact_uri, folder / "artifacts");
    return imported;
  }

  static Result<void> read_inputs(const fs::path& experiment, const fs::path& folder,
                                  tracking::Run& run) {
    for (const fs::path& input : folders(folder / "inputs")) {
      std::string kind, id;
      std::vector<KeyValue> tags;
      TRY(read_meta(input, [&](YamlMap& meta) -> Result<void> {
        kind = TRY(text(meta, "source_type"));
        id = TRY(text(meta, "source_id"));
        const auto node = meta.find("tags");
        if (!node) return {};
        for (const auto& [key, value] : TRY(node->entries()))
          tags.push_back({key, TRY(value.text())});
        return {};
      }));
      if (kind == "MODEL") {
        run.model_inputs.push_back(id);
      } else if (kind == "DATASET") {
        run.datasets.push_back(TRY(read_dataset(experiment / "datasets" / id)));
        run.datasets.back().tags = std::move(tags);
      }
    }
    for (const fs::path& output : folders(folder / "outputs")) {
      TRY(read_meta(output, [&](YamlMap& meta) -> Result<void> {
        tracking::ModelOutput one;
        one.model_id = TRY(text(meta, "destination_id"));
        one.step = TRY(integer(meta, "step"));
        run.model_outputs.push_back(std::move(one));
        return {};
      }));
    }
    return {};
  }

  static Result<tracking::DatasetInput> read_dataset(const fs::path& folder) {
    return read_meta(folder, [](YamlMap& meta) -> Result<tracking::DatasetInput> {
      tracking::DatasetInput dataset;
      dataset.name = TRY(text(meta, "name"));
      dataset.digest = TRY(text(meta, "digest"));
      dataset.source_type = TRY(text(meta, "source_type"));
      dataset.source = TRY(text(meta, "source"));
      dataset.schema = TRY(text(meta, "schema"));
      dataset.profile = TRY(text(meta, "profile"));
      return dataset;
    });
  }

  static Result<registry::ImportedModel> read_model(const fs::path& folder) {
    registry::ImportedModel imported;
    registry::RegisteredModel& model = imported.model;
    TRY(read_meta(folder, [&](YamlMap& meta) -> Result<void> {
      model.name = TRY(text(meta, "name"));
      model.description = TRY(text(meta, "description"));
      model.created = TRY(time_ms(meta, "creation_timestamp"));
      model.updated = TRY(time_ms(meta, "last_updated_timestamp"));
      return {};
    }));
    model.tags = TRY(read_pairs<registry::KeyValue>(folder / "tags"));
    for (const fs::path& version : folders(folder)) {
      if (!version.filename().string().starts_with("version-")) continue;
      registry::ModelVersion one = TRY(read_version(version));
      imported.last_version = std::max(imported.last_version, one.version);
      if (one.stage == kDeletedVersion) continue;
      one.model = model.name;
      imported.versions.push_back(std::move(one));
    }
    std::sort(imported.versions.begin(), imported.versions.end(),
              [](const auto& a, const auto& b) { return a.version < b.version; });
    for (const auto& [alias, file] : files(folder / "aliases")) {
      std::string version = TRY(store::read_file(file));
      auto number = tracking::experiment_number(version);  // a whole number
      if (!number)
        return base::error(Code::kInvalidArgument, "an alias must point to a number: file={}",
                           file.string());
      model.aliases.push_back({alias, *number});
    }
    return imported;
  }

  static Result<registry::ModelVersion> read_version(const fs::path& folder) {
    auto version = TRY(read_meta(folder, [](YamlMap& meta) -> Result<registry::ModelVersion> {
      registry::ModelVersion version;
      version.version = TRY(integer(meta, "version"));
      version.created = TRY(time_ms(meta, "creation_timestamp"));
      version.updated = TRY(time_ms(meta, "last_updated_timestamp"));
      version.description = TRY(text(meta, "description"));
      version.stage = TRY(text(meta, "current_stage"));
      version.source = TRY(text(meta, "source"));
      version.run_id = TRY(text(meta, "run_id"));
      version.run_link = TRY(text(meta, "run_link"));
      version.model_id = TRY(text(meta, "model_id"));
      version.storage = TRY(text(meta, "storage_location"));
      if (version.storage == version.source) version.storage.clear();
      return version;
    }));
    version.tags = TRY(read_pairs<registry::KeyValue>(folder / "tags"));
    return version;
  }

  const fs::path root_;
  const SourceOptions options_;
  std::map<std::string, fs::path> experiments_;  // id -> folder
  std::map<std::string, fs::path> beside_;       // artifact URI -> the folder beside its meta.yaml
};

}  // namespace

Result<std::unique_ptr<Source>> open_folder(const fs::path& root, SourceOptions options) {
  std::error_code ec;
  const fs::path whole = fs::weakly_canonical(fs::absolute(root), ec);
  auto source = std::make_unique<FileSource>(ec ? root : whole, std::move(options));
  TRY(source->open());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace slipway::api::mlflow_source
