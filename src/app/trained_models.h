// Which models were trained on rows of a dataset: by the versions that their training read.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "datasets/datasets.h"
#include "features/feature_store.h"
#include "releases/releases.h"
#include "store/db.h"

namespace slipway::app {

// Safe to use from several threads. What is given must outlive it.
class TrainedModels {
 public:
  TrainedModels(store::Db& db, datasets::Datasets& datasets, features::FeatureStore& features,
                releases::Releases& releases)
      : db_(db), datasets_(datasets), features_(features), releases_(releases) {}

  // Where in a dataset the rows are that somebody asks about.
  struct Rows {
    std::set<std::int64_t> versions;
    bool were_pushed = false;  // to sources of features
  };
  // Models of all runs whose training read such a version, by the dataset's name:
  //   {"models": [{"model": "models:/triage/3", "dataset", "versions": [1, 2], "run",
  //                "pipeline_run" or null, "how", "endpoints": [...]}],
  //    "models_uncertain": [{..., "versions": [], "why"}]}
  // `model` is models:/m-ID of a logged model that isn't registered; `endpoints`: that have it now.
  // Uncertain are those that have read the dataset, but nobody can tell which version, or whether
  // the rows were in it; none of a dataset whose versions all have their rows, and none of these.
  // Reads all steps of pipelines, and tags of tracked runs, once a dataset.
  Result<JsonObject> find(const std::map<std::string, Rows>& datasets);

 private:
  // What a tracked run has read of one dataset.
  struct Reading {
    std::set<std::int64_t> versions;  // with the rows
    std::string why;                  // it may have read them; empty: it did, or did not
    std::string pipeline_run, how;
  };
  using Readings = std::map<std::string, Reading>;  // by run

  Result<Readings> readings_of(const std::string& dataset, const Rows& rows);
  // Services with features that are computed from the dataset.
  std::vector<std::string> services_of(const std::string& dataset) const;
  Result<std::map<std::string, std::set<std::string>>> endpoints_by_model();

  store::Db& db_;
  datasets::Datasets& datasets_;
  features::FeatureStore& features_;
  releases::Releases& releases_;
};

}  // namespace slipway::app
