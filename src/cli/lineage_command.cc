#include "cli/lineage_command.h"

#include <CLI/CLI.hpp>

#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kModelPrefix = "models:/";

// What was found on the way back, nearest first: {"kind", "id", "text"}.
class Chain {
 public:
  explicit Chain(Client& client) : client_(client) {}

  void add(const std::string& kind, const std::string& id, const std::string& text) {
    links_.push_back(JsonObject{{"kind", kind}, {"id", id}, {"text", text}});
  }
  JsonArray take() { return std::move(links_); }

  // The request's live answer, then what stood behind it.
  Result<void> add_request(const std::string& endpoint, const std::string& id) {
    const Json reply =
        TRY(client_.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {endpoint, id})));
    const Json& request = member_at(reply, "request");
    for (const Json& variant : member_at(request, "variants").as_array()) {
      if (cell(member_at(variant, "role")) != "live") continue;
      add("prediction", endpoint + "/" + id,
          fmt::format("{} for {}, asked at {}", cell(member_at(variant, "prediction")),
                      cell(member_at(variant, "variant")), cell(member_at(request, "event_time"))));
    }
    for (const Json& label : member_at(reply, "labels").as_array()) {
      add("label", endpoint + "/" + id,
          fmt::format("{}, known at {}", cell(member_at(label, "value")),
                      cell(member_at(label, "arrival_time"))));
    }
    return add_revision(endpoint, member_at(request, "revision").to_number<std::int64_t>(),
                        member_at(request, "variants").as_array());
  }

  Result<void> add_model(const std::string& model, const std::string& version) {
    const Json reply = TRY(client_.get(
        path_of("/api/2.0/mlflow/model-versions/get?name={}&version={}", {model, version})));
    const Json& found = member_at(reply, "model_version");
    std::string text = "source " + cell(member_at(found, "source"));
    if (const Json& tags = member_at(found, "tags"); tags.is_array()) {
      for (const Json& tag : tags.get_array())
        text += fmt::format(", {}={}", cell(member_at(tag, "key")), cell(member_at(tag, "value")));
    }
    add("model version", fmt::format("models:/{}/{}", model, version), text);
    const Json gates = TRY(client_.get(path_of("/slipway/v1/models/{}/gates?limit=1000", {model})));
    for (const Json& gate : member_at(gates, "gates").as_array()) {
      if (cell(member_at(gate, "promoted_version")) == version)
        add("gate", cell(member_at(gate, "id")), cell(member_at(gate, "sentence")));
    }
    const Json& run = member_at(found, "run_id");
    return run.is_string() && !run.get_string().empty() ? add_run(cell(run)) : Result<void>();
  }

 private:
  Result<void> add_revision(const std::string& endpoint, std::int64_t number,
                            const JsonArray& answered) {
    const Json reply =
        TRY(client_.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1&before={}",
                                {endpoint, std::to_string(number + 1)})));
    const JsonArray& revisions = member_at(reply, "revisions").as_array();
    if (revisions.empty()) return {};
    const Json& revision = revisions.front();
    add("revision", fmt::format("{}/{}", endpoint, number),
        fmt::format("{} by {} at {}: {}", cell(member_at(revision, "kind")),
                    cell(member_at(revision, "actor")), cell(member_at(revision, "time")),
                    cell(member_at(revision, "reason"))));
    for (const Json& variant : member_at(revision, "variants").as_array()) {
      for (const Json& row : answered) {
        if (cell(member_at(row, "role")) == "live" &&
            member_at(row, "variant") == member_at(variant, "name")) {
          return add_model(cell(member_at(variant, "model")), cell(member_at(variant, "version")));
        }
      }
    }
    return {};
  }

  Result<void> add_run(const std::string& id) {
    const Json reply = TRY(client_.get(path_of("/api/2.0/mlflow/runs/get?run_id={}", {id})));
    std::string pipeline_run, text = cell(member_at(reply, "run.info.run_name"));
    if (const Json& tags = member_at(reply, "run.data.tags"); tags.is_array()) {
      for (const Json& tag : tags.get_array()) {
        const std::string key = cell(member_at(tag, "key")), value = cell(member_at(tag, "value"));
        if (key == "slipway.run_id") pipeline_run = value;
        if (key == "mlflow.source.git.commit") text += ", commit " + value;
        if (key == "mlflow.user") text += ", by " + value;
      }
    }
    add("run", id, text);
    return pipeline_run.empty() ? Result<void>() : add_pipeline_run(pipeline_run);
  }

  Result<void> add_pipeline_run(const std::string& id) {
    const Json run = TRY(client_.get(path_of("/slipway/v1/pipeline-runs/{}", {id})));
    add("pipeline run", id,
        fmt::format("{} at {}: {}", cell(member_at(run, "pipeline")), cell(member_at(run, "now")),
                    cell(member_at(run, "reason"))));
    if (const Json& commit = member_at(run, "source.commit"); commit.is_string())
      add("commit", cell(commit), "");
    std::set<std::string> told;
    for (const Json& step : member_at(run, "steps").as_array()) {
      const Json& parts = member_at(step, "key");
      const Json* found = parts.is_object() ? parts.get_object().if_contains("parts") : nullptr;
      if (found == nullptr || !found->is_object()) continue;
      for (const auto& [name, digest] : found->get_object()) {
        const std::string part(name);
        if (part.starts_with("step/") || !told.insert(part).second) continue;
        add(part.substr(0, part.find('/')), part.substr(part.find('/') + 1), cell(digest));
      }
    }
    return {};
  }

  Client& client_;
  JsonArray links_;
};

Result<std::string> find_endpoint(Client& client, const std::string& request) {
  const Json reply = TRY(client.get("/slipway/v1/endpoints"));
  for (const Json& endpoint : member_at(reply, "endpoints").as_array()) {
    const std::string name = cell(member_at(endpoint, "name"));
    const auto found = client.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {name, request}));
    if (found) return name;
    if (found.error().code != Code::kNotFound) return found.error();
  }
  return base::error(Code::kNotFound,
                     "no endpoint has logged such a request, and it is no models:/NAME/VERSION: {}",
                     request);
}

Result<Json> trace(Client& client, const std::string& id, std::string endpoint) {
  Chain chain(client);
  if (id.starts_with(kModelPrefix)) {
    const std::string rest = id.substr(kModelPrefix.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string::npos)
      return base::error(Code::kInvalidArgument, "a model version is models:/NAME/VERSION: {}", id);
    TRY(chain.add_model(rest.substr(0, slash), rest.substr(slash + 1)));
  } else {
    if (endpoint.empty()) endpoint = TRY(find_endpoint(client, id));
    TRY(chain.add_request(endpoint, id));
  }
  return Json(JsonObject{{"lineage", chain.take()}});
}

}  // namespace

void add_lineage_command(CLI::App& root, Context& context, int& exit_code) {
  struct Options {
    std::string id, endpoint;
  };
  auto options = std::make_shared<Options>();
  CLI::App* lineage =
      root.add_subcommand("lineage", "From a prediction back to model, gate, run, code and data");
  lineage->add_option("id", options->id, "A request's id, or models:/NAME/VERSION")->required();
  lineage->add_option("--endpoint", options->endpoint, "Where the request was answered");
  lineage->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish_table(context, trace(client, options->id, options->endpoint), "lineage",
                             {{"WHAT", "kind"}, {"ID", "id"}, {"DETAIL", "text"}});
  });
}

}  // namespace slipway::cli
