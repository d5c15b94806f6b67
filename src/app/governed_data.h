// Who sees what of columns with tags, and the erasure of somebody's rows, over all rooms that keep
// rows.
#pragma once

#include <string>

#include "access/access.h"
#include "api/own/governance_routes.h"
#include "app/trained_models.h"
#include "base/passes.h"
#include "datasets/datasets.h"
#include "features/feature_store.h"
#include "governance/governance.h"
#include "releases/releases.h"
#include "serving/request_log.h"
#include "store/db.h"

namespace slipway::app {

// The tags that a dataset's columns are declared with.
governance::ColumnTags tags_of(const datasets::DatasetDefinition& definition);

// Safe to use from several threads. What is given must outlive it.
class GovernedData final : public api::own::Masking, public api::own::ErasureControl {
 public:
  // `access`: null without login, where everybody sees everything.
  GovernedData(const access::Access* access, store::Db& db, governance::Governance& governance,
               datasets::Datasets& datasets, features::FeatureStore& features,
               releases::Releases& releases, serving::RequestLog& log, TrainedModels& models,
               const base::Clock& clock)
      : access_(access),
        db_(db),
        governance_(governance),
        datasets_(datasets),
        features_(features),
        releases_(releases),
        log_(log),
        models_(models),
        clock_(clock) {}

  governance::Masks of_dataset(const http::Request& request,
                               const datasets::DatasetDefinition& definition) override;
  Result<governance::Masks> of_names(const http::Request& request) override;
  Result<void> check_training_set(const http::Request& request, const std::string& service,
                                  const std::string& entities, const std::string& label) override;
  const std::string& key() const override { return governance_.key(); }

  Result<JsonObject> erase(const std::string& tag, const std::string& value, How how,
                           const std::string& actor) override;
  Result<JsonArray> erasures() override;
  Result<JsonObject> tags() override;

  // A thread that takes away, once in an interval, what is older than `keep` of datasets and of
  // endpoints' logs says.
  void start(base::Duration interval);
  void stop() { passes_.stop(); }  // idempotent

 private:
  struct Sought;
  struct Found;
  governance::Viewer viewer(const http::Request& request) const;
  // kPermissionDenied: some of these columns of the dataset are masked.
  Result<void> check_columns(const governance::Viewer& who, const std::string& dataset,
                             const std::function<bool(const std::string&)>& is_read);
  // Of all datasets and endpoints, by the column's name.
  Result<governance::ColumnTags> all_tags();
  // Features have the tags of the columns that they are computed from.
  Result<void> add_features(governance::ColumnTags& columns);
  Result<void> erase_dataset(const datasets::DatasetDefinition& definition, const Sought& sought,
                             Found& found);
  Result<void> erase_datasets(const Sought& sought, Found& found);
  Result<void> erase_logs(const Sought& sought, Found& found);
  Result<void> keep_no_longer();

  const access::Access* const access_;
  store::Db& db_;
  governance::Governance& governance_;
  datasets::Datasets& datasets_;
  features::FeatureStore& features_;
  releases::Releases& releases_;
  serving::RequestLog& log_;
  TrainedModels& models_;
  const base::Clock& clock_;
  std::atomic<bool> is_erasing_{false};
  base::Passes passes_;
};

}  // namespace slipway::app
