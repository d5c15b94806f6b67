#include "cli/made_from.h"

#include <algorithm>

#include "cli/lineage_chain.h"
#include "cli/logged_request.h"
#include "cli/model_files.h"
#include "cli/run_record.h"
#include "cli/table.h"
#include "tracking/limits.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kDatasetPart = "input/dataset:", kDataset = "dataset:";

// A version's, or one that it had before rows of it were erased; or what runs log of it.
bool was_digest(const Json& version, const std::string& digest) {
  const auto is = [&](const std::string& one) {
    return one == digest || one.substr(0, tracking::kDatasetDigestLengthMax) == digest;
  };
  return is(text_at(version, "digest")) ||
         std::ranges::any_of(member_at(version, "digests_before").as_array(),
                             [&](const Json& before) { return is(cell(before)); });
}

Result<void> add_steps(Client& client, const JsonArray& steps, MadeFrom& made) {
  for (const Json& step : steps) {
    if (const Json& items = member_at(step, "items"); items.is_array())
      TRY(add_steps(client, items.get_array(), made));
    const Json& parts = member_at(step, "key.parts");
    if (!parts.is_object()) continue;
    for (const auto& [name, digest] : parts.get_object()) {
      const std::string part(name), value = cell(digest);
      const std::string rest = part.substr(part.find('/') + 1);
      if (part.starts_with("code/")) made.code[rest] = value;
      if (part.starts_with("env/")) made.env_files[rest] = value;
      if (part.starts_with(kDatasetPart)) {
        const std::string dataset = part.substr(kDatasetPart.size());
        made.datasets[dataset] = TRY(find_dataset(client, dataset, value));
      } else if (part.starts_with("input/")) {
        made.inputs[rest] = value;
      }
    }
  }
  return {};
}

Result<void> add_pipeline_run(Client& client, const Json& run, MadeFrom& made) {
  made.commit = text_at(run, "source.commit");
  made.folder = text_at(run, "source.folder");
  if (made.made_at.empty()) made.made_at = text_at(run, "created_at");
  for (const auto& [name, value] : member_at(run, "params").as_object())
    made.parameters.emplace(std::string(name), cell(value));
  return add_steps(client, member_at(run, "steps").as_array(), made);
}

Result<void> add_run(Client& client, const RunRecord& run, MadeFrom& made) {
  made.commit = run.tag("mlflow.source.git.commit");
  for (auto& [name, value] : run.params()) made.parameters[name] = value;
  made.metrics = run.metrics();
  const Json& start = member_at(run.json(), "info.start_time");
  if (start.is_int64())
    made.made_at = types::to_rfc3339(base::Timestamp::from_millis(start.get_int64()));
  for (auto& [name, digest] : run.datasets())
    made.datasets[name] = TRY(find_dataset(client, name.substr(0, name.find(" (")), digest));
  for (const auto& [name, path] : TRY(run.artifacts(client))) {
    if (!name.ends_with("requirements.txt")) continue;
    for (auto& [package, version] : parse_requirements(TRY(stored_text(client, path))))
      made.environment[package] = version.empty() ? "any" : version;
  }
  if (const auto origin = TRY(run.origin(client)))
    return add_pipeline_run(client, origin->run, made);
  return {};
}

Result<MadeFrom> of_model(Client& client, const std::string& uri) {
  const Json version = TRY(find_model_version(client, uri));
  MadeFrom made;
  const std::string name = text_at(version, "name"), number = text_at(version, "version");
  made.title = fmt::format("models:/{}/{}", name, number);
  if (auto uses = TRY(find_uses(client, name, number)); !uses.empty())
    made.in_use = std::move(uses.front());
  const std::string run = text_at(version, "run_id");
  if (run.empty()) return made;
  const auto record = RunRecord::load(client, run);
  if (!record && record.error().code == Code::kNotFound) return made;
  if (!record) return record.error();
  TRY(add_run(client, *record, made));
  return made;
}

// The newest versions of datasets that had come by then, and the commit of the newest run.
Result<MadeFrom> project_at(Client& client, const std::string& time) {
  const auto at = TRY(types::parse_rfc3339(time));
  MadeFrom made;
  made.title = time;
  const Json datasets = TRY(client.get("/slipway/v1/datasets"));
  for (const Json& dataset : member_at(datasets, "datasets").as_array()) {
    const std::string name = text_at(dataset, "name");
    const Json known = TRY(client.get(path_of("/slipway/v1/datasets/{}", {name})));
    for (const Json& version : member_at(known, "versions").as_array()) {  // newest first
      if (TRY(types::parse_rfc3339(text_at(version, "arrival_time"))) > at) continue;
      made.datasets[name] = {.digest = text_at(version, "digest"),
                             .version = member_at(version, "version").to_number<std::int64_t>()};
      break;
    }
  }
  const Json runs = TRY(client.get(path_of("/slipway/v1/pipeline-runs?limit=1&until={}", {time})));
  for (const Json& run : member_at(runs, "runs").as_array()) {
    made.commit = text_at(run, "source.commit");
    made.folder = text_at(run, "source.folder");
  }
  if (made.datasets.empty() && made.commit.empty())
    return base::error(Code::kNotFound, "no dataset had come then and no pipeline had run: time={}",
                       time);
  return made;
}

// What answered at a time, of several variants the one with most of the requests.
Result<MadeFrom> at_time(Client& client, const std::string& time, std::string endpoint) {
  if (endpoint.empty()) {
    const Json reply = TRY(client.get("/slipway/v1/endpoints"));
    const JsonArray& endpoints = member_at(reply, "endpoints").as_array();
    if (endpoints.size() != 1) return project_at(client, time);
    endpoint = text_at(endpoints.front(), "name");
  }
  const auto at = TRY(types::parse_rfc3339(time));
  const Json ledger =
      TRY(client.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1000", {endpoint})));
  for (const Json& revision : member_at(ledger, "revisions").as_array()) {
    if (TRY(types::parse_rfc3339(text_at(revision, "time"))) > at) continue;
    const Json* most = nullptr;
    for (const Json& variant : member_at(revision, "variants").as_array()) {
      if (text_at(variant, "role") != "live") continue;
      if (most == nullptr || member_at(variant, "weight").to_number<std::int64_t>() >
                                 member_at(*most, "weight").to_number<std::int64_t>())
        most = &variant;
    }
    if (most == nullptr) break;
    MadeFrom made = TRY(of_model(
        client, fmt::format("models:/{}/{}", text_at(*most, "model"), text_at(*most, "version"))));
    made.title = fmt::format("{} ({})", time, made.title);
    made.in_use = {.endpoint = endpoint, .from = "", .to = time};
    return made;
  }
  return base::error(Code::kNotFound, "nothing answered then: endpoint={} time={}", endpoint, time);
}

// dataset:NAME@VERSION, and nothing else.
Result<MadeFrom> of_dataset(Client& client, const std::string& id) {
  const std::size_t at = id.rfind('@');
  const std::string name = id.substr(kDataset.size(), at - kDataset.size());
  const std::string version = at == std::string::npos ? "" : id.substr(at + 1);
  const Json known = TRY(client.get(path_of("/slipway/v1/datasets/{}", {name})));
  for (const Json& one : member_at(known, "versions").as_array()) {
    if (text_at(one, "version") != version) continue;
    MadeFrom made;
    made.title = id;
    made.datasets[name] = {.digest = text_at(one, "digest"),
                           .version = member_at(one, "version").to_number<std::int64_t>()};
    return made;
  }
  return base::error(Code::kNotFound, "no such version (dataset:NAME@VERSION): {}", id);
}

Result<MadeFrom> of_request(Client& client, const std::string& endpoint, const std::string& id) {
  const LoggedRequest request = TRY(find_logged_request(client, endpoint, id));
  MadeFrom made = TRY(of_model(client, request.model));
  made.title = fmt::format("request {} ({})", id, made.title);
  made.in_use = {.endpoint = endpoint, .from = "", .to = text_at(request.row, "event_time")};
  return made;
}

}  // namespace

Result<DatasetUsed> find_dataset(Client& client, const std::string& name,
                                 const std::string& digest) {
  DatasetUsed used{.digest = digest};
  const auto known = client.get(path_of("/slipway/v1/datasets/{}", {name}));
  if (!known && known.error().code == Code::kNotFound) return used;
  if (!known) return known.error();
  for (const Json& version : member_at(*known, "versions").as_array()) {
    if (was_digest(version, digest))
      used.version = member_at(version, "version").to_number<std::int64_t>();
  }
  return used;
}

Result<std::vector<InUse>> find_uses(Client& client, const std::string& model,
                                     const std::string& version) {
  std::vector<InUse> uses;
  const Json endpoints = TRY(client.get("/slipway/v1/endpoints"));
  for (const Json& endpoint : member_at(endpoints, "endpoints").as_array()) {
    const std::string name = text_at(endpoint, "name");
    const Json ledger =
        TRY(client.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1000", {name})));
    InUse use;
    const JsonArray& revisions = member_at(ledger, "revisions").as_array();  // newest first
    for (auto revision = revisions.rbegin(); revision != revisions.rend(); ++revision) {
      const JsonArray& variants = member_at(*revision, "variants").as_array();
      const bool is_live = std::any_of(variants.begin(), variants.end(), [&](const Json& one) {
        return text_at(one, "role") == "live" && text_at(one, "model") == model &&
               text_at(one, "version") == version;
      });
      if (is_live && use.endpoint.empty())
        use = {.endpoint = name, .from = text_at(*revision, "time"), .to = ""};
      if (use.endpoint.empty()) continue;
      if (is_live) use.to.clear();
      if (!is_live && use.to.empty()) use.to = text_at(*revision, "time");
    }
    if (!use.endpoint.empty()) uses.push_back(std::move(use));
  }
  return uses;
}

Result<MadeFrom> find_made_from(Client& client, const std::string& id,
                                const std::string& endpoint) {
  if (id.starts_with("models:/")) return of_model(client, id);
  if (id.starts_with(kDataset)) return of_dataset(client, id);
  if (types::parse_rfc3339(id)) return at_time(client, id, endpoint);
  MadeFrom made;
  if (const auto run = RunRecord::load(client, id)) {
    made.title = fmt::format("run {} ({})", id, run->name());
    TRY(add_run(client, *run, made));
    return made;
  } else if (run.error().code != Code::kNotFound) {
    return run.error();
  }
  const auto pipeline_run = client.get(path_of("/slipway/v1/pipeline-runs/{}", {id}));
  if (pipeline_run) {
    made.title = fmt::format("run {} of {}", id, text_at(*pipeline_run, "pipeline"));
    TRY(add_pipeline_run(client, *pipeline_run, made));
    return made;
  }
  if (pipeline_run.error().code != Code::kNotFound) return pipeline_run.error();
  return of_request(client, endpoint.empty() ? TRY(endpoint_of_request(client, id)) : endpoint, id);
}

}  // namespace slipway::cli
