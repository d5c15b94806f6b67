#include "cli/lineage_chain.h"

#include <deque>
#include <map>
#include <set>

#include "cli/made_from.h"
#include "cli/model_files.h"
#include "cli/run_record.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kInputPart = "input/", kDatasetPart = "input/dataset:";

// The service whose features a step's command asks for; empty: none.
std::string service_asked(const std::string& command) {
  constexpr std::string_view kAsks = "features history ";
  const std::size_t at = command.find(kAsks);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kAsks.size();
  return command.substr(begin, std::min(command.find(' ', begin), command.size()) - begin);
}

}  // namespace

void Chain::add(const std::string& kind, const std::string& id, const std::string& text) {
  if (!known_.insert({kind, id, text}).second) return;
  links_.push_back(JsonObject{{"kind", kind}, {"id", id}, {"text", text}});
}

Result<void> Chain::add_gone(const Error& why, const std::string& kind, const std::string& id) {
  if (why.code != Code::kNotFound) return why;
  add(kind, id, "isn't there any more");
  return {};
}

Result<void> Chain::add_request(const std::string& endpoint, const std::string& id) {
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
  const auto number = member_at(request, "revision").to_number<std::int64_t>();
  const Json revisions =
      TRY(client_.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1&before={}",
                              {endpoint, std::to_string(number + 1)})));
  std::set<std::string> answered;
  for (const Json& row : member_at(request, "variants").as_array()) {
    if (cell(member_at(row, "role")) == "live") answered.insert(cell(member_at(row, "variant")));
  }
  for (const Json& revision : member_at(revisions, "revisions").as_array())
    TRY(add_revision(endpoint, revision, answered));
  return {};
}

Result<void> Chain::add_model(const std::string& model, const std::string& version) {
  const std::string uri = fmt::format("models:/{}/{}", model, version);
  const auto reply = client_.get(
      path_of("/api/2.0/mlflow/model-versions/get?name={}&version={}", {model, version}));
  if (!reply) return add_gone(reply.error(), "model version", uri);
  const Json& found = member_at(*reply, "model_version");
  std::string text = "source " + cell(member_at(found, "source"));
  if (const Json& tags = member_at(found, "tags"); tags.is_array()) {
    for (const Json& tag : tags.get_array())
      text += fmt::format(", {}={}", cell(member_at(tag, "key")), cell(member_at(tag, "value")));
  }
  add("model version", uri, text);
  const Json gates = TRY(client_.get(path_of("/slipway/v1/models/{}/gates?limit=1000", {model})));
  for (const Json& gate : member_at(gates, "gates").as_array()) {
    if (cell(member_at(gate, "promoted_version")) == version)
      add("gate", cell(member_at(gate, "id")), cell(member_at(gate, "sentence")));
  }
  const Json& run = member_at(found, "run_id");
  return run.is_string() && !run.get_string().empty() ? add_run(cell(run)) : Result<void>();
}

Result<void> Chain::add_revision(const std::string& endpoint, const Json& revision,
                                 const std::set<std::string>& variants) {
  add("revision", fmt::format("{}/{}", endpoint, cell(member_at(revision, "number"))),
      fmt::format("{} by {} at {}: {}", cell(member_at(revision, "kind")),
                  cell(member_at(revision, "actor")), cell(member_at(revision, "time")),
                  cell(member_at(revision, "reason"))));
  for (const Json& variant : member_at(revision, "variants").as_array()) {
    if (variants.contains(cell(member_at(variant, "name"))))
      TRY(add_model(cell(member_at(variant, "model")), cell(member_at(variant, "version"))));
  }
  return {};
}

Result<void> Chain::add_run(const std::string& id) {
  const auto run = RunRecord::load(client_, id);
  if (!run) return add_gone(run.error(), "run", id);
  const std::string commit = run->tag("mlflow.source.git.commit"), user = run->tag("mlflow.user"),
                    pipeline_run = run->tag("slipway.run_id"), scored_by = run->tag(kBatchModelTag);
  add("run", id,
      run->name() + (commit.empty() ? "" : ", commit " + commit) +
          (user.empty() ? "" : ", by " + user));
  if (!pipeline_run.empty()) {
    TRY(add_pipeline_run(pipeline_run));
  } else if (!commit.empty()) {
    add("commit", commit, "");
  }
  const auto made = find_made_from(client_, id, "");
  if (!made && made.error().code != Code::kNotFound) return made.error();
  if (made) {  // or files of its models, or its pipeline's run, are gone
    for (const auto& [name, used] : made->datasets)
      add_input(name.substr(0, name.find(" (")), used);
    std::string packages;
    for (const auto& [package, version] : made->environment)
      packages += (packages.empty() ? "" : ", ") + package + (version == "any" ? "" : version);
    if (!packages.empty()) add("environment", "of run " + id, packages);
  }
  if (scored_by.empty()) return {};
  const auto version = find_model_version(client_, scored_by);
  if (!version) return add_gone(version.error(), "model version", scored_by);
  return add_model(cell(member_at(*version, "name")), cell(member_at(*version, "version")));
}

void Chain::add_input(const std::string& name, const DatasetUsed& used) {
  const bool is_ours = used.version > 0;
  // A run may have logged the beginning of the digest that its step has read.
  if (!inputs_.insert(name + "@" + (is_ours ? std::to_string(used.version) : used.digest)).second)
    return;
  add("input", is_ours ? "dataset:" + name : name,
      is_ours ? fmt::format("version {}, {}", used.version, used.digest) : used.digest);
}

Result<void> Chain::add_pipeline_run(const std::string& id) {
  const auto run = client_.get(path_of("/slipway/v1/pipeline-runs/{}", {id}));
  if (!run) return add_gone(run.error(), "pipeline run", id);
  const std::string reason = cell(member_at(*run, "reason"));
  add("pipeline run", id,
      fmt::format("{} at {}: {}{}{}", cell(member_at(*run, "pipeline")),
                  cell(member_at(*run, "now")), cell(member_at(*run, "state")),
                  reason.empty() ? "" : ", ", reason));
  if (const Json& commit = member_at(*run, "source.commit"); commit.is_string())
    add("commit", cell(commit), "");
  std::set<std::string> told;
  for (const Json& step : member_at(*run, "steps").as_array()) {
    if (const std::string service = service_asked(cell(member_at(step, "key.command")));
        !service.empty() && told.insert("features:" + service).second)
      add("features", "features:" + service, "asked by step " + cell(member_at(step, "name")));
    const Json& parts = member_at(step, "key.parts");
    if (!parts.is_object()) continue;
    for (const auto& [name, digest] : parts.get_object()) {
      const std::string part(name);
      if (part.starts_with("step/") || !told.insert(part).second) continue;
      if (part.starts_with(kDatasetPart)) {
        const std::string dataset = part.substr(kDatasetPart.size());
        add_input(dataset, TRY(find_dataset(client_, dataset, cell(digest))));
        TRY(add_told(part.substr(kInputPart.size()), "up"));
      } else {
        add(part.substr(0, part.find('/')), part.substr(part.find('/') + 1), cell(digest));
      }
    }
  }
  return {};
}

namespace {

std::string title_of(const Json& node) {
  return cell(member_at(node, "namespace")) + "/" + cell(member_at(node, "name"));
}

// So that everything stands behind what it was made from, as far as that is possible.
std::vector<const Json*> in_order(const JsonArray& nodes) {
  std::map<std::string, const Json*> left;
  for (const Json& node : nodes) left[cell(member_at(node, "key"))] = &node;
  std::vector<const Json*> ordered;
  while (!left.empty()) {
    auto next = std::find_if(left.begin(), left.end(), [&](const auto& one) {
      const JsonArray& needs = member_at(*one.second, "needs").as_array();
      return std::none_of(needs.begin(), needs.end(),
                          [&](const Json& need) { return left.contains(cell(need)); });
    });
    if (next == left.end()) next = left.begin();  // a circle
    ordered.push_back(next->second);
    left.erase(next);
  }
  return ordered;
}

std::string text_of(const Json& node, const std::map<std::string, std::string>& titles) {
  std::vector<std::string> parts;
  if (const Json& run = member_at(node, "run"); run.is_object()) {
    parts.push_back(fmt::format("{} at {}, run {}", cell(member_at(run, "state")),
                                cell(member_at(run, "last_time")), cell(member_at(run, "id"))));
  }
  if (const Json& version = member_at(node, "version"); version.is_string())
    parts.push_back("version " + cell(version));
  if (const Json& own = member_at(node, "own"); own.is_string())
    parts.push_back("here: dataset:" + cell(own));
  const auto add_names = [&](std::string_view member, std::string_view word) {
    const Json& keys = member_at(node, member);
    if (!keys.is_array() || keys.get_array().empty()) return;
    std::string names;
    for (const Json& key : keys.get_array()) {
      const auto title = titles.find(cell(key));
      if (title != titles.end()) names += (names.empty() ? "" : ", ") + title->second;
    }
    parts.push_back(fmt::format("{} {}", word, names));
  };
  add_names("needs", cell(member_at(node, "kind")) == "job" ? "reads" : "written by");
  add_names("same_as", "the same as");
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

}  // namespace

Result<bool> Chain::add_told(const std::string& of, const std::string& walk) {
  const auto graph = client_.get(path_of("/slipway/v1/lineage/graph?of={}&walk={}", {of, walk}));
  if (!graph && graph.error().code == Code::kNotFound) return false;
  if (!graph) return graph.error();
  const JsonArray& nodes = member_at(*graph, "nodes").as_array();
  if (nodes.empty()) return false;
  std::map<std::string, std::string> titles;
  for (const Json& node : nodes) titles[cell(member_at(node, "key"))] = title_of(node);
  std::set<std::string> ours;
  for (const Json* node : in_order(nodes)) {
    add(cell(member_at(*node, "kind")), title_of(*node), text_of(*node, titles));
    if (const Json& own = member_at(*node, "own"); own.is_string()) ours.insert(cell(own));
  }
  if (member_at(*graph, "cut") == Json(true))
    add("more", of, "not all is shown: ask from what is nearer, or raise lineage-nodes-max");
  if (walk == "up") return true;
  for (const std::string& dataset : ours) TRY(add_made_of(dataset));
  return true;
}

Result<void> Chain::add_made_of(const std::string& dataset) {
  constexpr std::string_view kRunsShown = "5";
  if (!made_of_.insert(dataset).second) return {};
  const Json pipelines = TRY(client_.get("/slipway/v1/pipelines"));
  std::set<std::string> known;
  for (const Json& pipeline : member_at(pipelines, "pipelines").as_array()) {
    bool reads = false;
    for (const Json& step : member_at(pipeline, "steps").as_array()) {
      const Json& inputs = member_at(step, "inputs");
      if (!inputs.is_array()) continue;
      for (const Json& input : inputs.get_array()) reads |= cell(input) == "dataset:" + dataset;
    }
    if (!reads) continue;
    const std::string name = cell(member_at(pipeline, "name"));
    const Json runs =
        TRY(client_.get(path_of("/slipway/v1/pipelines/{}/runs?limit={}", {name, kRunsShown})));
    for (const Json& run : member_at(runs, "runs").as_array()) {
      const std::string id = cell(member_at(run, "id"));
      add("pipeline run", id,
          fmt::format("{} at {}: {}; reads dataset:{}", name, cell(member_at(run, "now")),
                      cell(member_at(run, "state")), dataset));
      TRY(add_tracked(id, known));
    }
  }
  return {};
}

Result<void> Chain::add_tracked(const std::string& pipeline_run, std::set<std::string>& known) {
  for (const RunRecord& run : TRY(RunRecord::find(
           client_, fmt::format("tags.\"slipway.run_id\" = \"{}\"", pipeline_run)))) {
    const std::string id = run.id();
    if (!known.insert(id).second) continue;
    add("run", id, fmt::format("{}, of pipeline run {}", run.name(), pipeline_run));
    TRY(add_versions(id, known));
  }
  return {};
}

Result<void> Chain::add_versions(const std::string& run, std::set<std::string>& known) {
  const Json versions = TRY(client_.get(path_of("/api/2.0/mlflow/model-versions/search?filter={}",
                                                {fmt::format("run_id = '{}'", run)})));
  const Json& made = member_at(versions, "model_versions");
  if (!made.is_array()) return {};
  for (const Json& one : made.get_array()) {
    const std::string model = cell(member_at(one, "name")),
                      version = cell(member_at(one, "version"));
    const std::string uri = fmt::format("models:/{}/{}", model, version);
    if (!known.insert(uri).second) continue;
    add("model version", uri, "of run " + run);
    TRY(add_uses(model, version));
  }
  return {};
}

Result<void> Chain::add_uses(const std::string& model, const std::string& version) {
  for (const InUse& use : TRY(find_uses(client_, model, version))) {
    add("endpoint", use.endpoint,
        fmt::format("answered with models:/{}/{} from {}{}", model, version, use.from,
                    use.to.empty() ? " on" : " to " + use.to));
  }
  return add_batches(fmt::format("models:/{}/{}", model, version));
}

Result<void> Chain::add_batches(const std::string& uri) {
  for (const RunRecord& run :
       TRY(RunRecord::find(client_, fmt::format("tags.\"{}\" = \"{}\"", kBatchModelTag, uri)))) {
    const auto params = run.params();
    const auto metrics = run.metrics();
    const auto rows = metrics.find("rows");
    const auto param = [&](const char* name) {
      const auto found = params.find(name);
      return found == params.end() ? std::string("-") : found->second;
    };
    add("batch", run.id(),
        fmt::format("{} rows of {} scored to {}", rows == metrics.end() ? 0 : rows->second,
                    param("in"), param("out")));
  }
  return {};
}

Result<bool> Chain::add_run_of(const std::string& id, const std::string& walk) {
  std::set<std::string> known;
  const auto run = RunRecord::load(client_, id);
  if (!run && run.error().code != Code::kNotFound) return run.error();
  if (run) {
    if (walk != "down") TRY(add_run(id));
    if (walk != "up") TRY(add_versions(id, known));
    return true;
  }
  const auto pipeline_run = client_.get(path_of("/slipway/v1/pipeline-runs/{}", {id}));
  if (!pipeline_run && pipeline_run.error().code != Code::kNotFound) return pipeline_run.error();
  if (!pipeline_run) return false;
  if (walk != "down") TRY(add_pipeline_run(id));
  if (walk != "up") TRY(add_tracked(id, known));
  return true;
}

Result<std::string> endpoint_of_request(Client& client, const std::string& request) {
  const Json reply = TRY(client.get("/slipway/v1/endpoints"));
  for (const Json& endpoint : member_at(reply, "endpoints").as_array()) {
    const std::string name = cell(member_at(endpoint, "name"));
    const auto found = client.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {name, request}));
    if (found) return name;
    if (found.error().code != Code::kNotFound) return found.error();
  }
  return base::error(
      Code::kNotFound,
      "no endpoint has logged such a request, there is no such run, nobody has told of "
      "such a job or dataset, no run is of such a commit, and it is no models:/NAME/VERSION: {}",
      request);
}

}  // namespace slipway::cli
