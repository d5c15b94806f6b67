#include "app/trained_models.h"

#include <algorithm>
#include <optional>

#include "pipelines/data_readers.h"
#include "registry/run_versions.h"
#include "tracking/run_origins.h"

namespace slipway::app {
namespace {

// What digests say of a dataset's versions, also those that versions had before rows were erased.
class KnownDigests {
 public:
  struct Answer {
    std::set<std::int64_t> versions;  // with the rows
    std::string why;                  // they may have been there; empty: not
  };

  KnownDigests(const std::vector<datasets::Snapshot>& snapshots, const TrainedModels::Rows& rows)
      : were_pushed_(rows.were_pushed) {
    for (const datasets::Snapshot& snapshot : snapshots) {
      std::vector<std::string> digests = snapshot.digests_before;
      digests.push_back(snapshot.digest);
      for (const std::string& digest : digests) {
        Of& of = by_digest_[digest];
        if (rows.versions.contains(snapshot.version)) {
          of.versions.insert(snapshot.version);
        } else if (snapshot.rows_removed_at) {
          of.removed = snapshot.version;
        }
      }
    }
  }

  // `digest` may be the beginning of one, as MLflow keeps 36 characters, or "BEFORE..AFTER".
  Answer of(const std::string& digest) const {
    constexpr std::string_view kAndThen = "..";
    constexpr std::size_t kBeginningMin = 8;
    if (const std::size_t at = digest.find(kAndThen); at != digest.npos) {
      Answer both = of(digest.substr(0, at));
      Answer after = of(digest.substr(at + kAndThen.size()));
      both.versions.merge(after.versions);
      if (both.why.empty()) both.why = std::move(after.why);
      return both;
    }
    if (digest.empty()) return {{}, "which version it read isn't on record"};
    const auto found = by_digest_.lower_bound(digest);
    if (digest.size() < kBeginningMin || found == by_digest_.end() ||
        !found->first.starts_with(digest))
      return {{}, fmt::format("no version that is known has the digest that it read: {}", digest)};
    const Of& known = found->second;
    if (!known.versions.empty()) return {known.versions, ""};
    if (known.removed) {
      return {
          {},
          fmt::format("rows of version {}, which it read, were removed (`keep`): nobody can look",
                      *known.removed)};
    }
    if (were_pushed_)
      return {{}, "the version that it read has no such rows, but they were pushed to features"};
    return {};
  }

 private:
  struct Of {
    std::set<std::int64_t> versions;      // with the rows
    std::optional<std::int64_t> removed;  // a version whose rows are gone
  };
  const bool were_pushed_;
  std::map<std::string, Of> by_digest_;
};

}  // namespace

std::vector<std::string> TrainedModels::services_of(const std::string& dataset) const {
  const auto definitions = features_.definitions();
  std::vector<std::string> services;
  for (const features::Service& service : definitions->services) {
    const bool reads = std::ranges::any_of(definitions->views, [&](const features::View& view) {
      const features::Source* source =
          view.is_on_demand() ? nullptr : definitions->find_source(view.source);
      return source != nullptr && source->dataset == dataset &&
             std::ranges::any_of(service.features, [&](const std::string& feature) {
               return feature == view.name || feature.starts_with(view.name + ".");
             });
    });
    if (reads) services.push_back(service.name);
  }
  return services;
}

Result<TrainedModels::Readings> TrainedModels::readings_of(const std::string& dataset,
                                                           const Rows& rows) {
  const std::vector<datasets::Snapshot> snapshots = TRY(datasets_.snapshots(dataset));
  const bool was_removed = std::ranges::any_of(
      snapshots, [](const datasets::Snapshot& one) { return one.rows_removed_at.has_value(); });
  if (rows.versions.empty() && !rows.were_pushed && !was_removed) return Readings();
  const KnownDigests known(snapshots, rows);
  const std::vector<std::string> services = services_of(dataset);
  Readings readings;
  const auto add = [&](const std::string& run, KnownDigests::Answer answer,
                       const std::string& pipeline_run, const std::string& how) {
    if (answer.versions.empty() && answer.why.empty()) return;
    Reading& of = readings[run];
    if (of.how.empty() || (of.versions.empty() && !answer.versions.empty())) {
      of.pipeline_run = pipeline_run;
      of.how = how;
    }
    of.versions.merge(answer.versions);
    if (of.why.empty()) of.why = std::move(answer.why);
  };

  // What a service is asked with may be no dataset at all, and what it gives is made of them.
  std::vector<std::string> words;
  for (const std::string& service : services) words.push_back("features history " + service);
  std::map<std::string, pipelines::DataReader> readers;
  for (pipelines::DataReader& reader :
       TRY(pipelines::find_data_readers(db_, dataset, std::move(words))))
    readers.emplace(reader.run, std::move(reader));
  if (!readers.empty()) {
    TRY(tracking::each_run_origin(db_, [&](const tracking::RunOrigin& origin) {
      const auto reader = readers.find(origin.pipeline_run);
      if (reader == readers.end()) return;
      const auto& [run, pipeline, steps] = reader->second;
      for (const auto& [step, digests] : steps) {
        if (!origin.step.empty() && origin.step != step) continue;
        for (const std::string& digest : digests)
          add(origin.id, known.of(digest), run,
              fmt::format("step {} of pipeline {} read it", step, pipeline));
      }
    }));
  }

  std::set<std::string> names(services.begin(), services.end());
  names.insert(dataset);
  for (const tracking::DatasetUse& use : TRY(tracking::dataset_uses(db_, names))) {
    const std::string how = fmt::format("{} is an input of its run{}", use.name,
                                        use.context.empty() ? "" : ", for " + use.context);
    if (use.name == dataset) {
      add(use.run, known.of(use.digest), "", how);
    } else {
      add(use.run, {{}, "which version its features were computed from isn't on record"}, "", how);
    }
  }
  return readings;
}

Result<std::map<std::string, std::set<std::string>>> TrainedModels::endpoints_by_model() {
  std::map<std::string, std::set<std::string>> endpoints;
  for (const releases::EndpointStatus& status : TRY(releases_.statuses())) {
    if (!status.current) continue;
    for (const releases::Variant& variant : status.current->variants) {
      endpoints[fmt::format("models:/{}/{}", variant.model, variant.version)].insert(
          status.endpoint.name());
      endpoints[variant.uri.substr(0, variant.uri.find('#'))].insert(status.endpoint.name());
    }
  }
  return endpoints;
}

Result<JsonObject> TrainedModels::find(const std::map<std::string, Rows>& datasets) {
  JsonArray sure, uncertain;
  const auto endpoints = TRY(endpoints_by_model());
  for (const auto& [dataset, rows] : datasets) {
    const Readings readings = TRY(readings_of(dataset, rows));
    std::set<std::string> runs, registered;
    for (const auto& [run, reading] : readings) runs.insert(run);
    const auto add = [&](const std::string& uri, const std::string& run) {
      const Reading& of = readings.at(run);
      JsonArray versions, in_use;
      for (const std::int64_t version : of.versions) versions.push_back(version);
      if (const auto found = endpoints.find(uri); found != endpoints.end()) {
        for (const std::string& endpoint : found->second) in_use.push_back(Json(endpoint));
      }
      JsonObject model{
          {"model", uri},
          {"dataset", dataset},
          {"versions", std::move(versions)},
          {"run", run},
          {"pipeline_run", of.pipeline_run.empty() ? Json(nullptr) : Json(of.pipeline_run)},
          {"how", of.how},
          {"endpoints", std::move(in_use)}};
      if (!of.versions.empty()) {
        sure.push_back(std::move(model));
      } else {
        model["why"] = of.why;
        uncertain.push_back(std::move(model));
      }
    };
    if (runs.empty()) continue;
    for (const registry::VersionOfRun& version : TRY(registry::versions_of_runs(db_, runs))) {
      add(fmt::format("models:/{}/{}", version.model, version.version), version.run_id);
      registered.insert(version.model_id);
    }
    for (const tracking::ModelOfRun& model : TRY(tracking::logged_models_of(db_, runs))) {
      if (!registered.contains(model.model_id)) add("models:/" + model.model_id, model.run);
    }
  }
  return JsonObject{{"models", std::move(sure)}, {"models_uncertain", std::move(uncertain)}};
}

}  // namespace slipway::app
