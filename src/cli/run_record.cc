#include "cli/run_record.h"

#include <cmath>

#include "cli/table.h"
#include "tracking/artifacts.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kPipelineRunIdLength = 16;

// A number keeps all its digits; JSON has no NaN.
double number_of(const Json& value) {
  if (value.is_number()) return value.to_number<double>();
  return std::nan("");
}

std::map<std::string, std::string> pairs_at(const Json& value, std::string_view path) {
  std::map<std::string, std::string> pairs;
  for (const Json& pair : list_at(value, path))
    pairs[text_at(pair, "key")] = text_at(pair, "value");
  return pairs;
}

}  // namespace

Result<RunRecord> RunRecord::load(Client& client, const std::string& id) {
  auto reply = client.get(path_of("/api/2.0/mlflow/runs/get?run_id={}", {id}));
  if (!reply && reply.error().code == Code::kNotFound && id.size() == kPipelineRunIdLength)
    return base::error(Code::kNotFound,
                       "no such run: {} (a pipeline's run? `slipway pipelines show {}`)", id, id);
  if (!reply) return std::move(reply).error();
  return RunRecord(member_at(*reply, "run"));
}

Result<std::vector<RunRecord>> RunRecord::find(Client& client, const std::string& filter) {
  std::vector<RunRecord> found;
  JsonObject body{{"experiment_ids", TRY(all_experiments(client))},
                  {"filter", filter},
                  {"order_by", JsonArray{"attributes.start_time ASC"}},
                  {"max_results", 1000}};
  if (body["experiment_ids"].as_array().empty()) return found;
  for (;;) {
    const Json reply = TRY(client.post("/api/2.0/mlflow/runs/search", body));
    for (const Json& run : list_at(reply, "runs")) found.push_back(RunRecord(run));
    const Json& next = member_at(reply, "next_page_token");
    if (!next.is_string() || next.get_string().empty()) return found;
    body["page_token"] = next;
  }
}

std::string RunRecord::id() const { return info("run_id"); }
std::string RunRecord::name() const { return info("run_name"); }
std::string RunRecord::info(std::string_view member) const {
  return text_at(member_at(run_, "info"), member);
}
std::string RunRecord::tag(const std::string& key) const {
  const auto all = tags();
  const auto found = all.find(key);
  return found == all.end() ? "" : found->second;
}
std::map<std::string, std::string> RunRecord::params() const {
  return pairs_at(run_, "data.params");
}
std::map<std::string, std::string> RunRecord::tags() const { return pairs_at(run_, "data.tags"); }

std::map<std::string, double> RunRecord::metrics() const {
  std::map<std::string, double> metrics;
  for (const Json& metric : list_at(run_, "data.metrics"))
    metrics[text_at(metric, "key")] = number_of(member_at(metric, "value"));
  return metrics;
}

std::map<std::string, std::string> RunRecord::datasets() const {
  std::map<std::string, std::string> datasets;
  for (const Json& input : list_at(run_, "inputs.dataset_inputs")) {
    const auto tags = pairs_at(input, "tags");
    const auto context = tags.find("mlflow.data.context");
    std::string name = text_at(input, "dataset.name");
    if (context != tags.end()) name += " (" + context->second + ")";
    datasets[name] = text_at(input, "dataset.digest");
  }
  return datasets;
}

Result<std::optional<PipelineOrigin>> RunRecord::origin(Client& client) const {
  const std::string run = tag("slipway.run_id"), step = tag("slipway.step");
  if (run.empty()) return std::optional<PipelineOrigin>();
  PipelineOrigin origin;
  origin.run = TRY(client.get(path_of("/slipway/v1/pipeline-runs/{}", {run})));
  for (const Json& one : list_at(origin.run, "steps")) {
    if (text_at(one, "name") == step) origin.step = one;
  }
  return std::optional(std::move(origin));
}

Result<std::map<std::string, std::string>> RunRecord::artifacts(Client& client) const {
  std::map<std::string, std::string> found;
  const auto add = [&](const std::string& uri, const std::string& prefix) -> Result<void> {
    const auto root = tracking::proxied_path(uri);
    if (!root) return {};
    for (const StoredArtifact& file : TRY(stored_artifacts(client, *root)))
      found[prefix + file.path] = *root + "/" + file.path;
    return {};
  };
  TRY(add(info("artifact_uri"), ""));
  for (const auto& [name, id] : TRY(models(client))) {
    const Json reply = TRY(client.get(path_of("/api/2.0/mlflow/logged-models/{}", {id})));
    TRY(add(text_at(reply, "model.info.artifact_uri"), "models/" + name + "/"));
  }
  return found;
}

Result<std::map<std::string, std::string>> RunRecord::models(Client& client) const {
  std::map<std::string, std::string> found;
  for (const Json& output : list_at(run_, "outputs.model_outputs")) {
    const std::string id = text_at(output, "model_id");
    const Json reply = TRY(client.get(path_of("/api/2.0/mlflow/logged-models/{}", {id})));
    found[text_at(reply, "model.info.name")] = id;
  }
  return found;
}

const Json* find_step(const JsonArray& steps, const std::string& name) {
  for (const Json& step : steps) {
    if (text_at(step, "name") == name) return &step;
    if (const Json* item = find_step(list_at(step, "items"), name); item != nullptr) return item;
  }
  return nullptr;
}

Result<JsonArray> all_experiments(Client& client) {
  JsonArray ids;
  JsonObject body{{"max_results", 1000}};
  for (;;) {
    const Json reply = TRY(client.post("/api/2.0/mlflow/experiments/search", body));
    for (const Json& experiment : list_at(reply, "experiments"))
      ids.push_back(member_at(experiment, "experiment_id"));
    const Json& next = member_at(reply, "next_page_token");
    if (!next.is_string()) return ids;
    body["page_token"] = next;
  }
}

std::map<std::string, std::string> parse_requirements(std::string_view text) {
  std::map<std::string, std::string> packages;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line = line.substr(0, line.find('#'));
    const std::size_t from = line.find_first_not_of(" \t\r");
    if (from == std::string_view::npos || line[from] == '-') continue;
    line = line.substr(from, line.find_last_not_of(" \t\r") + 1 - from);
    const std::size_t end = line.find_first_of("=<>!~ ;[@");
    packages[std::string(line.substr(0, end))] =
        end == std::string_view::npos ? "" : std::string(line.substr(end));
  }
  return packages;
}

}  // namespace slipway::cli
