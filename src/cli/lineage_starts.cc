// Where a walk begins that is no model, run or request.
#include <algorithm>

#include "cli/lineage_chain.h"
#include "cli/made_from.h"
#include "cli/run_record.h"
#include "cli/table.h"
#include "tracking/limits.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kRunsLooked = 100;  // of a pipeline, the newest

bool has(const JsonArray& list, const std::string& text) {
  return std::ranges::find(list, Json(text)) != list.end();
}

// A step of them, or an item of one, has read what is called `part` with one of these digests.
bool have_read(const JsonArray& steps, const std::string& part,
               const std::set<std::string>& digests) {
  return std::ranges::any_of(steps, [&](const Json& step) {
    const Json& parts = member_at(step, "key.parts");
    const Json* digest = parts.is_object() ? parts.get_object().if_contains(part) : nullptr;
    return (digest != nullptr && digests.contains(cell(*digest))) ||
           have_read(list_at(step, "items"), part, digests);
  });
}

std::string brief(const Json& run) {
  return fmt::format("{} at {}: {}", text_at(run, "pipeline"), text_at(run, "now"),
                     text_at(run, "state"));
}

}  // namespace

Result<bool> Chain::add_named(const std::string& id, const std::string& walk) {
  const std::size_t colon = id.find(':');
  if (colon == std::string::npos) return false;
  const std::string kind = id.substr(0, colon), name = id.substr(colon + 1);
  if (kind == "dataset") {
    TRY(add_dataset(name, walk));
  } else if (kind == "endpoint") {
    TRY(add_endpoint(name, walk));
  } else if (kind == "features") {
    TRY(add_features(name, walk));
  } else if (kind == "alert") {
    TRY(add_alert(name, walk));
  } else if (kind == "incident") {
    TRY(add_incident(name, walk));
  } else if (kind == "commit") {
    if (!TRY(add_commit(name, walk)))
      return base::error(Code::kNotFound, "no run is of such a commit: {}", name);
  } else {
    return false;
  }
  return true;
}

Result<void> Chain::add_dataset(const std::string& id, const std::string& walk) {
  const std::size_t at = id.rfind('@');
  const std::string name = id.substr(0, at);
  const Json known = TRY(client_.get(path_of("/slipway/v1/datasets/{}", {name})));
  if (at == std::string::npos) {
    if (!TRY(add_told("dataset:" + name, walk))) {
      const Json& newest = member_at(known, "latest");
      add("dataset", "dataset:" + name,
          newest.is_object() ? fmt::format("version {}", cell(member_at(newest, "version"))) : "");
    }
    return walk == "up" ? Result<void>() : add_made_of(name);
  }
  for (const Json& version : list_at(known, "versions")) {
    if (text_at(version, "version") != id.substr(at + 1)) continue;
    if (walk != "down") TRY(add_told("dataset:" + name, "up"));
    const std::string removed = text_at(version, "rows_removed_at");
    add("dataset version", "dataset:" + id,
        fmt::format("{} rows from {}, came at {}{}, digest {}", text_at(version, "rows"),
                    text_at(version, "source"), text_at(version, "arrival_time"),
                    removed.empty() ? "" : ", removed at " + removed, text_at(version, "digest")));
    if (walk == "up") return {};
    std::set<std::string> digests{text_at(version, "digest")};
    for (const Json& before : list_at(version, "digests_before")) digests.insert(cell(before));
    return add_made_of_version(name, id, digests);
  }
  return base::error(Code::kNotFound, "no such version (dataset:NAME@VERSION): dataset:{}", id);
}

Result<void> Chain::add_made_of_version(const std::string& dataset, const std::string& id,
                                        const std::set<std::string>& digests) {
  std::set<std::string> known;
  const std::string input = "dataset:" + dataset;
  const Json pipelines = TRY(client_.get("/slipway/v1/pipelines"));
  for (const Json& pipeline : list_at(pipelines, "pipelines")) {
    if (std::ranges::none_of(list_at(pipeline, "steps"),
                             [&](const Json& step) { return has(list_at(step, "inputs"), input); }))
      continue;
    const std::string name = text_at(pipeline, "name");
    const Json runs = TRY(client_.get(
        path_of("/slipway/v1/pipelines/{}/runs?limit={}", {name, std::to_string(kRunsLooked)})));
    for (const Json& run : list_at(runs, "runs")) {
      const std::string of = text_at(run, "id");
      const Json whole = TRY(client_.get(path_of("/slipway/v1/pipeline-runs/{}", {of})));
      if (!have_read(list_at(whole, "steps"), "input/" + input, digests)) continue;
      add("pipeline run", of, fmt::format("{}; read dataset:{}", brief(run), id));
      TRY(add_tracked(of, known));
    }
    if (!member_at(runs, "next").is_null())
      add("more", name, fmt::format("only its {} newest runs were looked at", kRunsLooked));
  }
  for (const std::string& digest : digests) {
    const std::string logged = digest.substr(0, tracking::kDatasetDigestLengthMax);
    for (const RunRecord& run :
         TRY(RunRecord::find(client_, fmt::format("dataset.digest = '{}'", logged)))) {
      if (!known.insert(run.id()).second) continue;
      add("run", run.id(), fmt::format("{}; read dataset:{}", run.name(), id));
      TRY(add_versions(run.id(), known));
    }
  }
  return {};
}

Result<bool> Chain::add_commit(const std::string& id, const std::string& walk) {
  constexpr std::size_t kShortest = 7;
  const bool is_hex = id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex || id.size() < kShortest || id.size() > kCommitLength) return false;
  std::set<std::string> known, commits;
  std::vector<Json> pipeline_runs;
  std::string after, folder;
  for (;;) {
    const Json page =
        TRY(client_.get(path_of("/slipway/v1/pipeline-runs?limit=1000&after={}", {after})));
    for (const Json& run : list_at(page, "runs")) {
      if (!text_at(run, "source.commit").starts_with(id)) continue;
      commits.insert(text_at(run, "source.commit"));
      folder = text_at(run, "source.folder");
      pipeline_runs.push_back(run);
    }
    after = text_at(page, "next");
    if (after.empty()) break;
  }
  const auto runs = TRY(
      RunRecord::find(client_, fmt::format("tags.\"mlflow.source.git.commit\" LIKE '{}%'", id)));
  for (const RunRecord& run : runs) commits.insert(run.tag("mlflow.source.git.commit"));
  if (commits.empty()) return false;
  if (commits.size() > 1) {
    return base::error(Code::kInvalidArgument,
                       "several commits begin so, say more of the one that is meant: {}: {}", id,
                       fmt::join(commits, ", "));
  }
  add("commit", *commits.begin(), folder.empty() ? "" : "of " + folder);
  if (walk == "up") return true;
  for (const Json& run : pipeline_runs) {
    add("pipeline run", text_at(run, "id"), brief(run));
    TRY(add_tracked(text_at(run, "id"), known));
  }
  for (const RunRecord& run : runs) {
    if (!known.insert(run.id()).second) continue;
    add("run", run.id(), run.name());
    TRY(add_versions(run.id(), known));
  }
  return true;
}

Result<void> Chain::add_in_charge(const std::string& endpoint, const std::string& time) {
  const auto at = TRY(types::parse_rfc3339(time));
  const Json ledger =
      TRY(client_.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1000", {endpoint})));
  for (const Json& revision : list_at(ledger, "revisions")) {  // newest first
    if (TRY(types::parse_rfc3339(text_at(revision, "time"))) > at) continue;
    std::set<std::string> live;
    for (const Json& variant : list_at(revision, "variants")) {
      if (text_at(variant, "role") == "live") live.insert(text_at(variant, "name"));
    }
    return add_revision(endpoint, revision, live);
  }
  return {};
}

Result<void> Chain::add_endpoint(const std::string& name, const std::string& walk) {
  const Json endpoint = TRY(client_.get(path_of("/slipway/v1/endpoints/{}", {name})));
  const Json& revision = member_at(endpoint, "revision");
  const std::string features = text_at(endpoint, "definition.features");
  add("endpoint", name, "answers with " + text_at(endpoint, "definition.model"));
  if (walk != "down") {
    if (revision.is_object()) TRY(add_in_charge(name, text_at(revision, "time")));
    if (!features.empty()) TRY(add_features(features, "up"));
  }
  if (walk == "up") return {};
  const Json alerts = TRY(client_.get(path_of("/slipway/v1/alerts?endpoint={}", {name})));
  for (const Json& alert : list_at(alerts, "alerts"))
    add("alert", "alert:" + text_at(alert, "id"),
        fmt::format("{}/{} at {}, {}", text_at(alert, "monitor"), text_at(alert, "alert"),
                    text_at(alert, "time"), text_at(alert, "state")));
  return add_incidents_of(name);
}

Result<void> Chain::add_incidents_of(const std::string& endpoint) {
  const Json incidents = TRY(client_.get(path_of("/slipway/v1/incidents?endpoint={}", {endpoint})));
  for (const Json& incident : list_at(incidents, "incidents"))
    add("incident", "incident:" + text_at(incident, "id"),
        fmt::format("{} at {}, {}", text_at(incident, "title"), text_at(incident, "opened"),
                    text_at(incident, "state")));
  return {};
}

Result<void> Chain::add_features(const std::string& name, const std::string& walk) {
  const Json all = TRY(client_.get("/slipway/v1/features"));
  const JsonArray& services = list_at(all, "services");
  const auto service =
      std::ranges::find_if(services, [&](const Json& one) { return text_at(one, "name") == name; });
  if (service == services.end())
    return base::error(Code::kNotFound, "no such feature service: features:{}", name);
  std::set<std::string> datasets;
  std::string outputs;
  for (const Json& output : list_at(*service, "outputs")) {
    const std::string feature = text_at(output, "name");
    outputs += (outputs.empty() ? "" : ", ") + feature;
    for (const Json& view : list_at(all, "views")) {
      if (!has(list_at(view, "features"), feature)) continue;
      for (const Json& source : list_at(all, "sources")) {
        if (text_at(source, "name") == text_at(view, "source"))
          datasets.insert(text_at(source, "dataset"));
      }
    }
  }
  add("features", "features:" + name,
      fmt::format("version {}: {}", text_at(*service, "version"), outputs));
  if (walk != "down") {
    for (const std::string& dataset : datasets) TRY(add_dataset(dataset, "up"));
  }
  if (walk == "up") return {};
  const Json endpoints = TRY(client_.get("/slipway/v1/endpoints"));
  for (const Json& endpoint : list_at(endpoints, "endpoints")) {
    if (text_at(endpoint, "definition.features") == name)
      add("endpoint", text_at(endpoint, "name"),
          fmt::format("looks features:{} up, answers with {}", name,
                      text_at(endpoint, "definition.model")));
  }
  return {};
}

Result<void> Chain::add_alert(const std::string& id, const std::string& walk) {
  const Json alert = TRY(client_.get(path_of("/slipway/v1/alerts/{}", {id})));
  const std::string endpoint = text_at(alert, "endpoint");
  add("alert", "alert:" + id,
      fmt::format("{}/{} at {}: {} was {}, against {}; {}", text_at(alert, "monitor"),
                  text_at(alert, "alert"), text_at(alert, "time"), text_at(alert, "metric"),
                  text_at(alert, "value"), text_at(alert, "threshold"), text_at(alert, "state")));
  if (walk != "down") {
    add("endpoint", endpoint, "was watched from " + text_at(alert, "window_start"));
    TRY(add_in_charge(endpoint, text_at(alert, "window_start")));
  }
  if (walk == "up") return {};
  for (const Json& action : list_at(alert, "actions")) {
    const std::string run = text_at(action, "run_id");
    add("action", text_at(action, "kind"),
        text_at(action, "state") + (run.empty() ? "" : ", run " + run));
    if (!run.empty()) TRY(add_run_of(run, "down"));
  }
  return {};
}

Result<void> Chain::add_incident(const std::string& id, const std::string& walk) {
  const Json incident = TRY(client_.get(path_of("/slipway/v1/incidents/{}", {id})));
  const std::string endpoint = text_at(incident, "endpoint");
  add("incident", "incident:" + id,
      fmt::format("{} at {}, opened by {}; {}", text_at(incident, "title"),
                  text_at(incident, "opened"), text_at(incident, "opened_by"),
                  text_at(incident, "state")));
  if (walk == "down") return {};
  for (const Json& entry : list_at(incident, "time_line")) {
    if (text_at(entry, "kind") == "signal")
      add("signal", text_at(entry, "subject"),
          text_at(entry, "time") + " " + text_at(entry, "words"));
  }
  add("endpoint", endpoint, "was bad from " + text_at(incident, "bad_since"));
  return add_in_charge(endpoint, text_at(incident, "bad_since"));
}

}  // namespace slipway::cli
