#include "api/mlflow_source/rest_source.h"

#include <charconv>
#include <cmath>

#include "api/mlflow_source/local_folder.h"
#include "base/http_client.h"
#include "base/json.h"
#include "tracking/artifacts.h"

namespace slipway::api::mlflow_source {
namespace {

using tracking::ImportedRun;
using tracking::KeyValue;
using tracking::Metric;

constexpr int kPage = 1000;
constexpr int kRunsPage = 200;
constexpr int kPointsPage = 25'000;
constexpr std::string_view kApi = "/api/2.0/mlflow";
constexpr std::string_view kArtifacts = "/api/2.0/mlflow-artifacts/artifacts";

const Json& member(const Json& value, std::string_view name) {
  static const Json kNone;
  if (!value.is_object()) return kNone;
  const Json* found = value.get_object().if_contains(name);
  return found == nullptr ? kNone : *found;
}

const JsonArray& list(const Json& value, std::string_view name) {
  static const JsonArray kNone;
  const Json& found = member(value, name);
  return found.is_array() ? found.get_array() : kNone;
}

// Text as it is, a number as text, anything else as nothing.
std::string text(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  if (found.is_string()) return std::string(std::string_view(found.get_string()));
  return found.is_number() ? base::to_text(found) : std::string();
}

std::int64_t integer(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  if (found.is_int64()) return found.get_int64();
  if (found.is_double()) return static_cast<std::int64_t>(found.get_double());
  const std::string written = text(value, name);
  std::int64_t number = 0;
  std::from_chars(written.data(), written.data() + written.size(), number);
  return number;
}

// JSON has no NaN: the server writes it as text.
double number(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  if (found.is_number()) return found.to_number<double>();
  const std::string written = text(value, name);
  if (written == "Infinity") return INFINITY;
  if (written == "-Infinity") return -INFINITY;
  return std::nan("");
}

base::Timestamp time_ms(const Json& value, std::string_view name) {
  return base::Timestamp::from_millis(integer(value, name));
}

tracking::Stage stage(const Json& value) {
  return text(value, "lifecycle_stage") == "deleted" ? tracking::Stage::kDeleted
                                                     : tracking::Stage::kActive;
}

template <typename Pair>
std::vector<Pair> pairs(const JsonArray& array) {
  std::vector<Pair> found;
  for (const Json& item : array) found.push_back(Pair{text(item, "key"), text(item, "value")});
  return found;
}

tracking::Run read_run(const Json& from) {
  const Json &info = member(from, "info"), &data = member(from, "data");
  tracking::Run run;
  run.id = text(info, "run_id");
  run.experiment_id = text(info, "experiment_id");
  run.name = text(info, "run_name");
  run.user = text(info, "user_id");
  run.status =
      tracking::parse_status(text(info, "status")).value_or(tracking::RunStatus::kFinished);
  run.start_ms = integer(info, "start_time");
  if (!member(info, "end_time").is_null()) run.end_ms = integer(info, "end_time");
  run.stage = stage(info);
  run.artifact_uri = text(info, "artifact_uri");
  run.params = pairs<KeyValue>(list(data, "params"));
  run.tags = pairs<KeyValue>(list(data, "tags"));
  for (const Json& metric : list(data, "metrics"))
    run.metrics.push_back({.key = text(metric, "key")});
  for (const Json& input : list(member(from, "inputs"), "dataset_inputs")) {
    const Json& dataset = member(input, "dataset");
    run.datasets.push_back({text(dataset, "name"), text(dataset, "digest"),
                            text(dataset, "source_type"), text(dataset, "source"),
                            text(dataset, "schema"), text(dataset, "profile"),
                            pairs<KeyValue>(list(input, "tags"))});
  }
  for (const Json& input : list(member(from, "inputs"), "model_inputs"))
    run.model_inputs.push_back(text(input, "model_id"));
  for (const Json& output : list(member(from, "outputs"), "model_outputs"))
    run.model_outputs.push_back({text(output, "model_id"), integer(output, "step")});
  return run;
}

// One connection to the server; each reply is checked.
class Caller {
 public:
  Caller(std::string url, const std::string& token)
      : http_({.base_url = std::move(url), .bearer_token = token}) {}

  Result<Json> get(const std::string& path) { return answer("GET", path, ""); }
  Result<Json> post(const std::string& path, const JsonObject& body) {
    return answer("POST", path, base::to_text(body));
  }
  Result<void> download(const std::string& path, const std::filesystem::path& file) {
    const base::HttpReply reply = TRY(http_.download(path, file));
    if (reply.status >= 300)
      return base::error(reply.status == 404 ? Code::kNotFound : Code::kInternal,
                         "MLflow didn't give an artifact: path={} status={}", path, reply.status);
    return {};
  }

 private:
  Result<Json> answer(std::string_view method, const std::string& path, const std::string& body) {
    const base::HttpReply reply = TRY(http_.send(method, path, body));
    if (reply.status >= 300) {
      const Code code = reply.status == 404   ? Code::kNotFound
                        : reply.status == 401 ? Code::kUnauthenticated
                        : reply.status == 403 ? Code::kPermissionDenied
                                              : Code::kInternal;
      return base::error(code, "MLflow answered with status {}: path={} body={}", reply.status,
                         path, reply.body.substr(0, 200));
    }
    if (reply.body.empty()) return Json(JsonObject());
    return base::parse_json(reply.body);
  }

  base::HttpClient http_;
};

// Artifacts behind the server's proxy, below one folder.
class ProxiedFolder final : public ArtifactFolder {
 public:
  ProxiedFolder(Caller& caller, std::string root) : caller_(caller), root_(std::move(root)) {}

  Result<std::vector<ArtifactFile>> files() override {
    std::vector<ArtifactFile> found;
    std::vector<std::string> folders = {""};
    while (!folders.empty()) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      const Json reply = TRY(
          caller_.get(std::string(kArtifacts) + "?path=" + base::percent_encode(root_ + folder)));
      for (const Json& item : list(reply, "files")) {
        const std::string path = folder + "/" + text(item, "path");
        if (member(item, "is_dir") == Json(true)) {
          folders.push_back(path);
        } else {
          found.push_back({path.substr(1), integer(item, "file_size")});
        }
      }
    }
    std::sort(found.begin(), found.end(),
              [](const ArtifactFile& a, const ArtifactFile& b) { return a.path < b.path; });
    return found;
  }

  Result<std::filesystem::path> fetch(const ArtifactFile& file,
                                      const std::filesystem::path& scratch) override {
    std::string path(kArtifacts);
    std::string_view rest = root_;
    const std::string whole = root_ + "/" + file.path;
    for (rest = whole; !rest.empty();) {
      const std::string_view part = rest.substr(0, rest.find('/'));
      path += "/" + base::percent_encode(part);
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    }
    TRY(caller_.download(path, scratch));
    return scratch;
  }

 private:
  Caller& caller_;
  const std::string root_;
};

class RestSource final : public Source {
 public:
  RestSource(std::string url, const SourceOptions& options)
      : url_(std::move(url)), caller_(url_, options.token) {}

  Result<void> open() {
    const Result<Json> answer =
        caller_.post(std::string(kApi) + "/experiments/search", {{"max_results", 1}});
    if (answer && (answer->is_object())) return {};
    if (!answer && answer.error().code != Code::kNotFound) return answer.error();
    return base::error(Code::kInvalidArgument, "the server is no MLflow: url={}", name());
  }

  std::string name() const override { return without_user(url_); }

  Result<std::vector<tracking::Experiment>> experiments() override {
    std::vector<tracking::Experiment> found;
    TRY(pages("experiments/search", {{"max_results", kPage}, {"view_type", "ALL"}}, "experiments",
              [&](const Json& item) -> Result<void> {
                found.push_back({.id = text(item, "experiment_id"),
                                 .name = text(item, "name"),
                                 .artifact_location = text(item, "artifact_location"),
                                 .stage = stage(item),
                                 .created = time_ms(item, "creation_time"),
                                 .updated = time_ms(item, "last_update_time"),
                                 .tags = pairs<KeyValue>(list(item, "tags"))});
                return {};
              }));
    return found;
  }

  Result<std::optional<std::int64_t>> run_count(const std::string&) override {
    return std::optional<std::int64_t>();
  }

  Result<void> runs(const std::string& experiment,
                    const std::function<Result<void>(ImportedRun)>& each) override {
    return pages("runs/search",
                 {{"experiment_ids", JsonArray{experiment}},
                  {"run_view_type", "ALL"},
                  {"max_results", kRunsPage},
                  {"order_by", JsonArray{"attributes.start_time ASC"}}},
                 "runs", [&](const Json& item) -> Result<void> {
                   ImportedRun imported;
                   imported.run = read_run(item);
                   for (const Metric& metric : imported.run.metrics)
                     TRY(read_history(imported.run.id, metric.key, imported.points));
                   return each(std::move(imported));
                 });
  }

  Result<std::vector<tracking::LoggedModel>> logged_models(const std::string& experiment) override {
    std::vector<tracking::LoggedModel> found;
    Result<void> read = pages(
        "logged-models/search", {{"experiment_ids", JsonArray{experiment}}, {"max_results", 50}},
        "models", [&](const Json& item) -> Result<void> {
          const Json& info = member(item, "info");
          found.push_back({.id = text(info, "model_id"),
                           .experiment_id = experiment,
                           .name = text(info, "name"),
                           .model_type = text(info, "model_type"),
                           .source_run_id = text(info, "source_run_id"),
                           .artifact_uri = text(info, "artifact_uri"),
                           .status = text(info, "status"),
                           .status_message = text(info, "status_message"),
                           .created = time_ms(info, "creation_timestamp_ms"),
                           .updated = time_ms(info, "last_updated_timestamp_ms"),
                           .params = pairs<KeyValue>(list(member(item, "data"), "params")),
                           .tags = pairs<KeyValue>(list(info, "tags"))});
          for (const Json& metric : list(member(item, "data"), "metrics"))
            found.back().metrics.push_back({text(metric, "run_id"),
                                            {.key = text(metric, "key"),
                                             .value = number(metric, "value"),
                                             .timestamp_ms = integer(metric, "timestamp"),
                                             .step = integer(metric, "step"),
                                             .model_id = text(info, "model_id"),
                                             .dataset_name = text(metric, "dataset_name"),
                                             .dataset_digest = text(metric, "dataset_digest")}});
          return {};
        });
    // Before MLflow 3 there were none.
    if (!read && read.error().code != Code::kNotFound) return read.error();
    return found;
  }

  Result<std::vector<registry::ImportedModel>> models() override {
    std::vector<registry::ImportedModel> found;
    TRY(get_pages("registered-models/search", "", "registered_models",
                  [&](const Json& item) -> Result<void> {
                    registry::ImportedModel imported;
                    registry::RegisteredModel& model = imported.model;
                    model.name = text(item, "name");
                    model.description = text(item, "description");
                    model.created = time_ms(item, "creation_timestamp");
                    model.updated = time_ms(item, "last_updated_timestamp");
                    model.tags = pairs<registry::KeyValue>(list(item, "tags"));
                    for (const Json& alias : list(item, "aliases"))
                      model.aliases.push_back({text(alias, "alias"), integer(alias, "version")});
                    found.push_back(std::move(imported));
                    return {};
                  }));
    for (registry::ImportedModel& imported : found) TRY(read_versions(imported));
    return found;
  }

  Result<std::unique_ptr<ArtifactFolder>> artifacts(const std::string& uri) override {
    if (auto below = tracking::proxied_path(uri))
      return std::unique_ptr<ArtifactFolder>(
          std::make_unique<ProxiedFolder>(caller_, std::move(*below)));
    const auto path = local_path(uri);
    return path ? open_local(*path) : nullptr;
  }

  Result<std::vector<std::pair<std::string, std::int64_t>>> left_out() override {
    return std::vector<std::pair<std::string, std::int64_t>>();
  }

 private:
  using Each = std::function<Result<void>(const Json&)>;

  Result<void> pages(const std::string& route, JsonObject body, std::string_view items,
                     const Each& each) {
    for (;;) {
      const Json reply = TRY(caller_.post(fmt::format("{}/{}", kApi, route), body));
      for (const Json& item : list(reply, items)) TRY(each(item));
      const std::string next = text(reply, "next_page_token");
      if (next.empty()) return {};
      body["page_token"] = next;
    }
  }

  Result<void> get_pages(const std::string& route, const std::string& query, std::string_view items,
                         const Each& each) {
    std::string next;
    do {
      const Json reply =
          TRY(caller_.get(fmt::format("{}/{}?max_results={}{}&page_token={}", kApi, route, kPage,
                                      query, base::percent_encode(next))));
      for (const Json& item : list(reply, items)) TRY(each(item));
      next = text(reply, "next_page_token");
    } while (!next.empty());
    return {};
  }

  Result<void> read_history(const std::string& run, const std::string& key,
                            std::vector<Metric>& points) {
    std::string next;
    do {
      const Json reply = TRY(caller_.get(
          fmt::format("{}/metrics/get-history?run_id={}&metric_key={}&max_results={}{}", kApi,
                      base::percent_encode(run), base::percent_encode(key), kPointsPage,
                      next.empty() ? "" : "&page_token=" + base::percent_encode(next))));
      for (const Json& item : list(reply, "metrics"))
        points.push_back({.key = key,
                          .value = number(item, "value"),
                          .timestamp_ms = integer(item, "timestamp"),
                          .step = integer(item, "step")});
      next = text(reply, "next_page_token");
    } while (!next.empty());
    return {};
  }

  Result<void> read_versions(registry::ImportedModel& imported) {
    std::string quoted;
    for (const char c : imported.model.name) quoted += c == '\'' ? "''" : std::string(1, c);
    TRY(get_pages("model-versions/search",
                  "&filter=" + base::percent_encode("name='" + quoted + "'"), "model_versions",
                  [&](const Json& item) -> Result<void> {
                    registry::ModelVersion version;
                    version.model = imported.model.name;
                    version.version = integer(item, "version");
                    version.created = time_ms(item, "creation_timestamp");
                    version.updated = time_ms(item, "last_updated_timestamp");
                    version.description = text(item, "description");
                    version.stage = text(item, "current_stage");
                    version.source = text(item, "source");
                    version.run_id = text(item, "run_id");
                    version.run_link = text(item, "run_link");
                    version.model_id = text(item, "model_id");
                    version.tags = pairs<registry::KeyValue>(list(item, "tags"));
                    imported.last_version = std::max(imported.last_version, version.version);
                    imported.versions.push_back(std::move(version));
                    return {};
                  }));
    std::sort(imported.versions.begin(), imported.versions.end(),
              [](const auto& a, const auto& b) { return a.version < b.version; });
    return {};
  }

  const std::string url_;
  Caller caller_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_server(std::string url, SourceOptions options) {
  while (url.ends_with('/')) url.pop_back();
  auto source = std::make_unique<RestSource>(std::move(url), options);
  TRY(source->open());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace slipway::api::mlflow_source
