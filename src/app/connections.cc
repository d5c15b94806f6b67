#include "app/connections.h"

#include <charconv>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "app/kubeflow_jobs.h"
#include "app/model_content.h"
#include "app/storage.h"
#include "base/log.h"
#include "features/expression.h"
#include "features/plan.h"
#include "features/row_messages.h"
#include "types/timestamp.h"

namespace slipway::app {

Result<std::vector<features::NamedColumn>> DatasetTables::columns(const std::string& dataset) {
  std::vector<features::NamedColumn> columns;
  for (const auto& [name, type] : TRY(datasets_.snapshot(dataset)).schema.columns)
    columns.push_back({name, features::value_type(type), type == types::ColumnType::kInt64});
  return columns;
}

Result<std::vector<std::string>> DatasetTables::key(const std::string& dataset) {
  return TRY(datasets_.definition(dataset)).key;
}

Result<std::string> DatasetTables::arrival_time(const std::string& dataset) {
  std::string column = TRY(datasets_.definition(dataset)).arrival_time;
  if (column.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "the dataset declares no arrival_time, so nobody can say when an outcome "
                       "was known: dataset={}",
                       dataset);
  }
  return column;
}

namespace {

class SnapshotTable final : public features::Table {
 public:
  SnapshotTable(datasets::Datasets& datasets, datasets::Snapshot snapshot)
      : datasets_(datasets), snapshot_(std::move(snapshot)) {}
  Result<types::Frame> rows(const std::vector<std::string>& columns) override {
    return datasets_.rows(snapshot_, columns);
  }
  std::int64_t row_count() const override { return snapshot_.rows; }
  Result<void> scan(const std::vector<std::string>& columns, const std::optional<TimeRange>& range,
                    const Visit& visit) override {
    std::optional<store::ParquetRange> of_file;
    if (range) of_file = {.column = range->column, .first = range->first, .last = range->last};
    return datasets_.scan(snapshot_, columns, of_file,
                          [&](const types::Frame& piece, std::int64_t first_row) {
                            return visit(piece, static_cast<std::size_t>(first_row));
                          });
  }
  std::string version() const override { return std::to_string(snapshot_.version); }

 private:
  datasets::Datasets& datasets_;
  const datasets::Snapshot snapshot_;
};

}  // namespace

Result<std::unique_ptr<features::Table>> DatasetTables::open(const std::string& dataset) {
  return std::unique_ptr<features::Table>(
      new SnapshotTable(datasets_, TRY(datasets_.snapshot(dataset))));
}

Result<serving::FeatureLookup::Shape> OnlineFeatures::shape(const std::string& service) {
  const auto definitions = features_.definitions();
  const features::Service* found = definitions->find_service(service);
  if (found == nullptr)
    return base::error(Code::kNotFound, "no such feature service: service={}", service);
  Shape shape;
  for (const auto& column : found->request) {
    using enum RequestType;
    shape.request.push_back(column.name);
    shape.request_types.push_back(column.type == types::ColumnType::kString      ? kText
                                  : column.type == types::ColumnType::kTimestamp ? kTime
                                  : column.type == types::ColumnType::kInt64     ? kWhole
                                                                                 : kNumber);
  }
  for (const auto& output : TRY(features_.outputs(service))) {
    shape.outputs.push_back(output.name);
    shape.is_text.push_back(output.type == features::ValueType::kText);
  }
  return shape;
}

namespace {

Result<features::Value> to_value(const serving::Cell& cell, const features::RequestColumn& column) {
  if (const auto* number = std::get_if<double>(&cell)) {
    if (column.type == types::ColumnType::kString) {
      return base::error(Code::kInvalidArgument, "input {} must be a text: got={}", column.name,
                         *number);
    }
    if (column.type == types::ColumnType::kTimestamp) {
      auto time = features::time_of_micros(*number);
      if (!time) return std::move(time).error().with_context("input " + column.name);
      return time;
    }
    if (column.type == types::ColumnType::kInt64 && std::abs(*number) > 0x1p53) {
      return base::error(Code::kInvalidArgument,
                         "input {} is beyond 2^53, where numbers are no longer exact: send its "
                         "digits as a text",
                         column.name);
    }
    return features::Value(*number);
  }
  if (const auto* text = std::get_if<std::string_view>(&cell)) {
    if (column.type == types::ColumnType::kString) return features::Value(std::string(*text));
    if (column.type == types::ColumnType::kTimestamp) {
      auto time = types::parse_rfc3339(*text);
      if (!time) return std::move(time).error().with_context("input " + column.name);
      return features::Value(*time);
    }
    if (column.type == types::ColumnType::kInt64) {
      std::int64_t whole = 0;
      const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), whole);
      if (code == std::errc() && end == text->data() + text->size())
        return features::whole_number(whole);
    }
    return base::error(Code::kInvalidArgument, "input {} must be a number: got=\"{}\"", column.name,
                       *text);
  }
  return features::Value();
}

}  // namespace

Result<std::vector<serving::FeatureValue>> OnlineFeatures::look_up(
    const std::string& service, std::span<const std::string> wanted,
    std::span<const std::string_view> names, std::span<const serving::Cell> cells,
    std::span<const base::Timestamp> as_of) {
  const auto definitions = features_.definitions();
  const features::Service* found = definitions->find_service(service);
  if (found == nullptr)
    return base::error(Code::kNotFound, "no such feature service: service={}", service);
  std::vector<std::vector<std::pair<std::string, features::Value>>> requests(as_of.size());
  std::vector<features::FeatureStore::LookupRow> rows;
  rows.reserve(as_of.size());
  for (std::size_t row = 0; row < as_of.size(); ++row) {
    const std::span<const serving::Cell> sent = cells.subspan(row * names.size(), names.size());
    for (const auto& column : found->request) {
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] != column.name) continue;
        auto value = to_value(sent[i], column);
        if (!value && as_of.size() > 1)
          return std::move(value).error().with_context(fmt::format("row {}", row));
        requests[row].emplace_back(column.name, TRY(std::move(value)));
      }
    }
    rows.push_back({requests[row], as_of[row]});
  }
  std::vector<serving::FeatureValue> values;
  values.reserve(rows.size() * wanted.size());
  for (std::vector<features::Value>& row : TRY(features_.lookup_rows(service, rows, wanted))) {
    for (features::Value& value : row) {
      if (const auto* number = std::get_if<double>(&value)) {
        values.emplace_back(*number);
      } else if (auto* text = std::get_if<std::string>(&value)) {
        values.emplace_back(std::move(*text));
      } else if (const auto* time = std::get_if<types::Timestamp>(&value)) {
        values.emplace_back(static_cast<double>(time->micros));
      } else {
        values.emplace_back();
      }
    }
  }
  return values;
}

namespace {

struct ModelUri {
  std::string model, alias;
  std::int64_t version = 0;  // 0: by alias
};

Result<ModelUri> parse_uri(const std::string& uri) {
  constexpr std::string_view prefix = "models:/";
  const auto bad = [&] {
    return base::error(
        Code::kInvalidArgument,
        "not a registered model's URI (models:/name/3 or models:/name@alias): uri={}", uri);
  };
  if (!uri.starts_with(prefix)) return bad();
  const std::string rest = uri.substr(prefix.size());
  if (const std::size_t at = rest.find('@'); at != std::string::npos)
    return ModelUri{.model = rest.substr(0, at), .alias = rest.substr(at + 1)};
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos) return bad();
  ModelUri parsed{.model = rest.substr(0, slash)};
  const char* end = rest.data() + rest.size();
  const auto [stop, ec] = std::from_chars(rest.data() + slash + 1, end, parsed.version);
  if (ec != std::errc() || stop != end || parsed.version < 1) return bad();
  return parsed;
}

Result<registry::ModelVersion> find_version(registry::Registry& registry, const std::string& uri) {
  const ModelUri parsed = TRY(parse_uri(uri));
  if (parsed.alias.empty()) return registry.get_version(parsed.model, parsed.version);
  auto found = registry.version_by_alias(parsed.model, parsed.alias);
  // MLflow calls a missing alias an invalid argument; here it is simply not there yet.
  if (!found && found.error().code == Code::kInvalidArgument)
    return base::error(Code::kNotFound, "{}", found.error().message);
  return found;
}

constexpr std::string_view kS3 = "s3://";

}  // namespace

std::map<std::string, std::string> StepExecutor::lend(const std::string& pipeline) {
  const std::string token = access_->lend_token(pipeline);
  return {{"SLIPWAY_TOKEN", token}, {"MLFLOW_TRACKING_TOKEN", token}};
}

void StepExecutor::lend_again(const std::string& pipeline,
                              const std::map<std::string, std::string>& variables) {
  access_->lend_token_again(pipeline, variables.at("SLIPWAY_TOKEN"));
}

void StepExecutor::take_back(const std::map<std::string, std::string>& variables) {
  access_->take_back_token(variables.at("SLIPWAY_TOKEN"));
}

Result<pipelines::Exit> StepExecutor::run(const pipelines::Command& command,
                                          const std::function<pipelines::Wish()>& wish) {
  if (command.kubernetes) {
    if (jobs_) {
      return is_kubeflow_task(command) ? run_kubeflow_task(command, processes_, *jobs_, wish)
                                       : jobs_->run(command, wish);
    }
    return base::error(Code::kFailedPrecondition, "it can't run as a Job: {}",
                       lack_of_kubernetes(command.folder));
  }
  // Other commands (git) talk to no server.
  if (command.names.step.empty()) return processes_.run(command, wish);
  const bool is_elsewhere =
      servers_ && !command.names.server.empty() && command.names.server != servers_->lease.own().id;
  pipelines::Command with_token = command;
  std::map<std::string, std::string> tokens;
  if (access_ != nullptr) {
    tokens = TRY(lend_step(command, is_elsewhere));
    for (const auto& [name, value] : tokens) with_token.environment[name] = value;
    // What the server inherited would win over the token.
    with_token.environment["MLFLOW_TRACKING_USERNAME"] = "";
    with_token.environment["MLFLOW_TRACKING_PASSWORD"] = "";
  }
  Result<pipelines::Exit> exit =
      is_elsewhere ? servers_->given.run(with_token, servers_->lease.own().id, wish)
                   : run_here(std::move(with_token), wish);
  if (access_ != nullptr) take_back(tokens);
  return exit;
}

Result<std::map<std::string, std::string>> StepExecutor::lend_step(
    const pipelines::Command& command, bool is_elsewhere) {
  if (!command.is_followed) return lend(command.names.pipeline);
  std::map<std::string, std::string> tokens;
  if (is_elsewhere) {
    if (const auto before = TRY(servers_->given.given(command.names.job)))
      tokens = tokens_of(*before);
  } else if (const auto before = taken_up_.find(command.log); before != taken_up_.end()) {
    tokens = before->second;
  }
  if (tokens.empty()) return lend(command.names.pipeline);
  lend_again(command.names.pipeline, tokens);
  return tokens;
}

void StepExecutor::take_up(const std::string& pipeline, const std::string& job,
                           const std::filesystem::path& log) {
  if (!job.empty()) {
    if (jobs_) jobs_->take_up(pipeline, job, log);
  } else if (const auto begun = pipelines::KeptProcesses::kept(log)) {
    const auto tokens = tokens_of(*begun);
    if (tokens.empty()) return;
    lend_again(pipeline, tokens);
    taken_up_[log] = tokens;
  }
}

std::map<std::string, std::string> StepExecutor::tokens_of(const pipelines::Command& given) const {
  std::map<std::string, std::string> tokens;
  if (access_ == nullptr || !given.environment.contains("SLIPWAY_TOKEN")) return tokens;
  for (const std::string& name : names()) tokens[name] = given.environment.at(name);
  return tokens;
}

Result<void> StepExecutor::take_up_tokens() {
  if (access_ == nullptr) return {};
  for (const pipelines::Command& given : TRY(servers_->given.open())) {
    if (const auto tokens = tokens_of(given); !tokens.empty())
      lend_again(given.names.pipeline, tokens);
  }
  return {};
}

Result<pipelines::Exit> StepExecutor::run_given(pipelines::Command command,
                                                const pipelines::Secrets& secrets,
                                                const std::function<pipelines::Wish()>& wish) {
  if (!std::filesystem::is_directory(command.folder)) {
    return base::error(Code::kFailedPrecondition,
                       "server {} has no folder {}: servers that share steps have projects at the "
                       "same paths",
                       servers_->lease.own().name, command.folder.string());
  }
  TRY(secrets.fill(command.secrets, command.masked));
  const std::string pipeline = command.names.pipeline;
  const std::map<std::string, std::string> tokens = tokens_of(command);
  if (!tokens.empty()) lend_again(pipeline, tokens);
  Result<pipelines::Exit> exit = run_here(std::move(command), wish);
  if (!tokens.empty()) take_back(tokens);
  return exit;
}

Result<pipelines::Exit> StepExecutor::run_here(pipelines::Command command,
                                               const std::function<pipelines::Wish()>& wish) {
  for (const auto& [name, value] : tokens_of(command)) command.masked["lent " + name] = value;
  if (command.names.server.empty()) return kept_.run(command, wish);
  for (const auto& [name, value] : servers_->environment) command.environment[name] = value;
  const ServerLease& lease = servers_->lease;
  command.environment.erase(std::string(pipelines::kProcessMark));
  command.environment[std::string(pipelines::kServerName)] = lease.own().name;
  command.environment[std::string(pipelines::kServerMark)] = lease.own().id;
  Result<pipelines::Exit> exit = processes_.run(command, wish);
  // The guard may have ended it, and others may run it already.
  if (exit && !lease.is_fresh()) exit->kind = pipelines::Exit::Kind::kLost;
  return exit;
}

Result<pipelines::InputDigests::Input> StepInputs::resolve(const std::string& kind,
                                                           const std::string& name) {
  if (kind == "dataset") {
    const auto snapshot = TRY(datasets_.snapshot(name));
    return Input{.digest = snapshot.digest, .revision = std::to_string(snapshot.version)};
  }
  if (kind == "model") {
    const auto version = find_version(registry_, "models:/" + name);
    // A first training has no champion yet: that is a state of the world like any other.
    if (!version && version.error().code == Code::kNotFound)
      return Input{.digest = "none", .revision = "none"};
    if (!version) return version.error();
    const std::string text = fmt::format("models:/{}/{}", version->model, version->version);
    return Input{.digest = text, .revision = std::to_string(version->version)};
  }
  return base::error(Code::kInvalidArgument,
                     "an input is a file, dataset:NAME, model:NAME/VERSION or model:NAME@ALIAS: "
                     "kind={} name={}",
                     kind, name);
}

Result<bool> StepInputs::has_object(const std::string& uri) {
  const std::size_t key = uri.find('/', kS3.size());
  if (key == std::string::npos || key + 1 == uri.size() || key == kS3.size())
    return base::error(Code::kInvalidArgument, "an object is s3://BUCKET/KEY: got={}", uri);
  const auto bucket = TRY(open_storage(uri.substr(0, key), clock_));
  std::string path = uri.substr(key + 1);
  if (path.ends_with('/')) {
    path.pop_back();
    return !TRY(bucket->list(path)).empty();
  }
  const auto size = bucket->size(path);
  if (size) return true;
  if (size.error().code == Code::kNotFound) return false;
  return size.error();
}

namespace {

constexpr std::string_view kModels = "models:/", kRuns = "runs:/";

// "models:/m-0123...": a logged model.
std::optional<std::string> logged_model_id(std::string_view uri) {
  if (!uri.starts_with("models:/m-") || uri.find_first_of("@/", kModels.size()) != uri.npos)
    return std::nullopt;
  return std::string(uri.substr(kModels.size()));
}

// "x.ubj#sha256=0123456789abcdef": what was there when it was deployed.
constexpr std::string_view kContent = "#sha256=";
struct Pinned {
  std::string uri;
  std::string content;  // empty: whatever is there
};
Pinned read_pinned(const std::string& uri) {
  const std::size_t at = uri.rfind(kContent);
  if (at == std::string::npos) return {uri, ""};
  return {uri.substr(0, at), uri.substr(at + kContent.size())};
}

bool is_registered(std::string_view uri) {
  return uri.starts_with(kModels) && !logged_model_id(uri);
}

}  // namespace

Result<std::string> RegisteredModels::place_of(const std::string& uri) {
  if (const auto id = logged_model_id(uri)) return TRY(logged_models_.get(*id)).artifact_uri;
  if (!uri.starts_with(kRuns)) return uri;
  const std::string rest = uri.substr(kRuns.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos || slash + 1 == rest.size())
    return base::error(Code::kInvalidArgument, "a run's model is runs:/ID/PATH: got={}", uri);
  const std::string path = rest.substr(slash + 1);
  const tracking::Run run = TRY(runs_.get(rest.substr(0, slash)));
  // As MLflow 3 has it: a logged model of that name, else files among the run's artifacts.
  for (const tracking::ModelOutput& output : run.model_outputs) {
    const auto model = logged_models_.get(output.model_id);
    if (model && model->name == path) return model->artifact_uri;
  }
  return tracking::join_location(run.artifact_uri, path);
}

Result<std::filesystem::path> RegisteredModels::below_root(const std::string& path) const {
  if (models_root_.empty()) {
    return base::error(Code::kInvalidArgument,
                       "a model is models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID, "
                       "runs:/ID/PATH, s3://BUCKET/FOLDER or, below the setting models-root, a "
                       "path: got={}",
                       path);
  }
  std::error_code missing;
  const std::filesystem::path root = std::filesystem::canonical(models_root_, missing);
  const std::filesystem::path file = std::filesystem::canonical(root / path, missing);
  if (missing) return base::error(Code::kNotFound, "no such model file or folder: path={}", path);
  const std::filesystem::path below = file.lexically_relative(root);
  if (below.empty() || *below.begin() == "..") {
    return base::error(Code::kPermissionDenied,
                       "the model is not below models-root: path={} models-root={}", path,
                       models_root_.string());
  }
  return file;
}

Result<std::filesystem::path> RegisteredModels::locate(const std::string& uri) {
  if (is_registered(uri)) return artifacts_.local(TRY(find_version(registry_, uri)).place());
  const Pinned pinned = read_pinned(uri);
  const auto path = tracking::local_location(pinned.uri);
  if (path) {
    std::filesystem::path file = TRY(below_root(path->string()));
    if (!pinned.content.empty()) TRY(require_content(file, pinned.content));
    return file;
  }
  const std::string place = TRY(place_of(pinned.uri));
  if (pinned.content.empty()) return artifacts_.local(place);
  return files_of(TRY(artifacts_.at(place, "")), pinned.content, artifacts_.options().copies);
}

Result<releases::ResolvedModel> RegisteredModels::resolve(const std::string& uri) {
  if (is_registered(uri)) {
    const auto version = TRY(find_version(registry_, uri));
    return releases::ResolvedModel{
        .model = version.model,
        .version = version.version,
        .uri = fmt::format("models:/{}/{}", version.model, version.version)};
  }
  Pinned pinned = read_pinned(uri);
  const auto path = tracking::local_location(pinned.uri);
  if (!path && !uri.starts_with(kRuns) && !uri.starts_with(kModels) && !uri.starts_with(kS3)) {
    return base::error(Code::kInvalidArgument,
                       "a model is models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID, "
                       "runs:/ID/PATH, s3://BUCKET/FOLDER or a path below models-root: got={}",
                       uri);
  }
  if (pinned.content.empty()) {
    pinned.content = path ? TRY(content_of(TRY(below_root(path->string()))))
                          : TRY(content_of(TRY(artifacts_.at(TRY(place_of(pinned.uri)), ""))));
  }
  std::string whole = fmt::format("{}{}{}", pinned.uri, kContent, pinned.content);
  return releases::ResolvedModel{
      .model = std::move(pinned.uri), .version = 1, .uri = std::move(whole)};
}

Result<std::optional<std::int64_t>> RegisteredModels::find_target(const std::string& model,
                                                                  const std::string& alias) {
  for (const registry::Alias& known : TRY(registry_.get_model(model)).aliases) {
    if (known.alias == alias) return std::optional(known.version);
  }
  return std::optional<std::int64_t>();
}

Result<void> RegisteredModels::move(const std::string& model, const std::string& alias,
                                    std::int64_t version, const std::string& verdict,
                                    const std::string& actor) {
  TRY(registry_.promote(model, alias, version, verdict,
                        {.actor = actor, .reason = "the gate passed it"}));
  return {};
}

namespace {

serving::EndpointSpec spec_of(const releases::Revision& revision) {
  serving::EndpointSpec spec{.endpoint = revision.endpoint,
                             .revision = revision.number,
                             .features = revision.features,
                             .output = revision.output,
                             .salt = revision.salt,
                             .durable_log = revision.log_policy == "durable"};
  const releases::Batching& batching = revision.running.batching;
  spec.batching.max_rows = batching.max_rows;
  spec.batching.max_wait =
      std::chrono::microseconds(static_cast<std::int64_t>(1000 * batching.max_wait_ms.value_or(0)));
  spec.batching.max_queue_rows = batching.max_queue_rows.value_or(spec.batching.max_queue_rows);
  spec.batching.priority_levels = batching.priority_levels.value_or(spec.batching.priority_levels);
  spec.batching.default_priority_level =
      batching.default_priority_level.value_or(spec.batching.default_priority_level);
  const releases::PythonRun& python = revision.running.python;
  spec.python.workers = python.workers;
  spec.python.memory_bytes_max = python.memory_bytes_max;
  if (python.call_timeout_ms)
    spec.python.call_limit = std::chrono::milliseconds(*python.call_timeout_ms);
  spec.inputs = revision.running.inputs;
  for (const releases::Variant& variant : revision.variants) {
    serving::VariantSpec& out = spec.variants.emplace_back(
        serving::VariantSpec{.name = variant.name,
                             .is_shadow = variant.role == releases::Role::kShadow,
                             .uri = variant.uri,
                             .model_version = variant.version});
    for (const releases::SlotRange& range : variant.slots)
      out.slots.push_back({range.from, range.to});
  }
  return spec;
}

}  // namespace

void ServingPlane::expect(const std::vector<releases::Revision>& revisions) {
  std::vector<serving::EndpointSpec> specs;
  for (const releases::Revision& revision : revisions) specs.push_back(spec_of(revision));
  endpoints_.expect(specs);
}

Result<std::shared_ptr<const void>> ServingPlane::prepare(const releases::Revision& revision) {
  return std::shared_ptr<const void>(TRY(endpoints_.prepare(spec_of(revision))));
}

void ServingPlane::activate(const releases::Revision& revision,
                            const releases::Revision* last_good) {
  std::optional<serving::EndpointSpec> keep;
  if (last_good != nullptr) keep = spec_of(*last_good);
  endpoints_.activate(spec_of(revision), keep ? &*keep : nullptr);
}

Result<std::vector<features::ServedVectors::Endpoint>> LoggedVectors::endpoints() {
  std::vector<Endpoint> found;
  for (const auto& status : TRY(releases_.statuses())) {
    if (!status.current || status.current->features.empty()) continue;
    Endpoint& endpoint = found.emplace_back(
        Endpoint{.name = status.endpoint.name(), .service = status.current->features});
    const auto shape = endpoints_.shape(endpoint.name);
    if (!shape) continue;  // it answers nothing yet
    for (const serving::InputSpec& input : shape->inputs) {
      if (input.type == serving::DataType::kFp32) endpoint.float32.insert(input.name);
    }
  }
  return found;
}

Result<void> LoggedVectors::each_served(const std::string& endpoint, base::Timestamp from,
                                        base::Timestamp to, const std::vector<std::string>& columns,
                                        const EachPart& each) {
  using enum serving::RequestLog::TimeOf;
  return log_.each_part(endpoint,
                        {.time = clock_.rehearses() ? kEvent : kArrival, .from = from, .to = to},
                        columns, each);
}

Result<base::Timestamp> LoggedVectors::find(const std::string& endpoint, const std::string& id) {
  const char* time = clock_.rehearses() ? "event_time" : "arrival_time";
  return types::parse_rfc3339(TRY(base::get_string(TRY(log_.find(endpoint, id)), time)));
}

Result<std::vector<features::ServedVectors::Applied>> LoggedVectors::applied(std::size_t limit) {
  std::vector<Applied> found;
  std::vector<std::string> payloads;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT payload, event_time FROM events WHERE subject >= 'projects/' AND subject < "
        "'projects0' AND kind = 'project.applied' ORDER BY sequence DESC LIMIT ?",
        {limit}, [&](const store::Row& row) {
          payloads.push_back(row.string(0));
          found.push_back({.at = row.time(1)});
        });
  }));
  for (std::size_t i = 0; i < found.size(); ++i)
    found[i].yaml = TRY(base::get_string(TRY(base::parse_json_object(payloads[i])), "yaml"));
  return found;
}

Result<invocations::Destination> DeclaredDestinations::find(const std::string& endpoint) {
  const releases::EndpointDefinition definition = TRY(releases_.definition(endpoint));
  if (!definition.async) {
    return base::error(Code::kFailedPrecondition,
                       "the endpoint declares no `async:` in slipway.yaml, so its answers have "
                       "nowhere to go: endpoint={}",
                       endpoint);
  }
  invocations::Destination destination;
  destination.output = definition.async->output;
  destination.failure = definition.async->failure;
  if (definition.async->in_flight)
    destination.in_flight = static_cast<std::size_t>(*definition.async->in_flight);
  return destination;
}

Result<void> StreamedRows::begin(const std::string& source, const std::string& topic,
                                 std::int32_t partition, std::int64_t end) {
  return features_.begin_stream(source, topic, partition, end);
}

Result<std::vector<Result<void>>> StreamedRows::add(
    const std::string& source, const std::string& topic,
    std::span<const store::ReceivedMessage> messages) {
  struct OfPartition {
    std::vector<features::RowMessage> messages;
    std::vector<std::size_t> places;
  };
  std::map<std::int32_t, OfPartition> partitions;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const store::Message& message = messages[i].message;
    OfPartition& partition = partitions[messages[i].partition];
    partition.messages.push_back(
        {.value = message.value ? std::string_view(*message.value) : std::string_view(),
         .time = message.time,
         .offset = messages[i].offset});
    partition.places.push_back(i);
  }
  std::vector<Result<void>> results(messages.size());
  for (const auto& [number, partition] : partitions) {
    std::vector<Result<void>> added =
        TRY(features::push_messages(features_, source, topic, number, partition.messages));
    for (std::size_t i = 0; i < added.size(); ++i)
      results[partition.places[i]] = std::move(added[i]);
  }
  return results;
}

store::MessageLog& TopicLogs::log(const store::TopicAddress& address) {
  if (address.brokers.empty()) return local_;
  base::MutexLock lock(mutex_);
  auto& cluster = clusters_[address.brokers];
  if (!cluster)
    cluster = store::open_kafka({.brokers = address.brokers, .properties = properties_});
  return *cluster;
}

}  // namespace slipway::app
