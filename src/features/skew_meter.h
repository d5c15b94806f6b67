// Computes a sample of what was served again, from what is known now about the moment it was served
// at, and compares value by value.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "features/feature_store.h"
#include "features/served_vectors.h"
#include "features/skew_reasons.h"

namespace slipway::features {

// The ledger of skew: passes over what endpoints served (SkewInquiry looks at each), and what is
// known of every feature from all of them.
//
// Safe to use from several threads; passes take turns. A pass reads the log of the time it covers,
// a part of it after the other, and the datasets' columns that its sample needs, computes the
// sample, and looks for reasons for ten seconds an endpoint at most. It holds no lock of the store
// meanwhile, but who calls advance() waits for it. Everything given to the constructor must outlive
// it.
class SkewMeter {
 public:
  struct Options {
    std::size_t rows_per_pass = 1000;  // of each endpoint, as SkewInquiry::sample(); 0: none
    types::Duration interval = types::Duration::hours(1);  // from one pass to the next
  };
  SkewMeter(store::Db& db, FeatureStore& store, ServedVectors& served, base::Metrics& metrics,
            Options options)
      : db_(db), store_(store), served_(served), metrics_(metrics), options_(options) {}

  // Reads what is stored.
  Result<void> open();

  // When the next pass is due; one that has never been there, or whose past lies after `now` (the
  // clock began to rehearse), begins now. In a rehearsal a pass covers a day, because its hours
  // take moments.
  Result<types::Timestamp> next_due(types::Timestamp now, bool rehearses);
  // A pass over what came since the last one until `until`. What fails for one endpoint is said in
  // its report, and disturbs no other; its next pass covers that time too, of a week at most.
  Result<void> advance(types::Timestamp until);
  // A pass that is under way ends before its next endpoint, and counts as none.
  void stop() { is_stopping_ = true; }

  // {"features": [...], "failures": [...], "looked_until"}, the most different first. Empty: all
  // endpoints.
  JsonObject report(const std::string& endpoint) const;
  // A served request, its values and the rows they come from. `endpoint` and `feature` may be
  // empty: whichever has it; all. kNotFound.
  Result<JsonObject> explain(const std::string& request, const std::string& endpoint,
                             const std::string& feature);
  // The share of requests that had a value which differs, of the passes that ended in (from, to].
  // Nothing: none was looked at.
  Result<std::optional<double>> rate(const std::string& endpoint, types::Timestamp from,
                                     types::Timestamp to);

 private:
  struct Reasoned {
    std::int64_t rows = 0;
    std::string detail;  // of the first one
  };
  // What is known about one version of a feature at an endpoint.
  struct Feature {
    std::int64_t compared = 0, different = 0;
    std::int64_t last_compared = 0, last_different = 0;  // of the newest pass that had any
    std::map<SkewReason, Reasoned> reasons;              // of the rows that were looked into
    std::string first_request;
    types::Timestamp first_time;
    Json first_served, first_recomputed;
    Json last_served, last_recomputed;  // how the values of the newest pass lie

    Json to_json() const;
    static Result<Feature> from_json(const JsonObject& object);
    std::pair<SkewReason, std::string> reason() const;
  };
  struct FeatureKey {
    std::string endpoint, feature, version;
    auto operator<=>(const FeatureKey&) const = default;
  };
  struct Pass {
    std::int64_t rows = 0, rows_different = 0;
    std::map<FeatureKey, Feature> features;  // of this pass alone
  };

  Result<Pass> look_at(const ServedVectors::Endpoint& endpoint, types::Timestamp from,
                       types::Timestamp until);
  void merge(const Pass& pass) REQUIRES(mutex_);
  void show(const FeatureKey& key, const Feature& feature) REQUIRES(mutex_);

  store::Db& db_;
  FeatureStore& store_;
  ServedVectors& served_;
  base::Metrics& metrics_;
  const Options options_;
  std::atomic<bool> is_stopping_ = false;

  base::Mutex pass_mutex_;  // before mutex_
  mutable base::Mutex mutex_;
  std::optional<types::Timestamp> looked_until_ GUARDED_BY(mutex_);
  std::map<std::string, types::Timestamp> behind_
      GUARDED_BY(mutex_);  // by endpoint whose last pass failed: where its next one begins
  std::map<FeatureKey, Feature> features_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::string> versions_
      GUARDED_BY(mutex_);  // the newest, by endpoint and feature
  std::map<std::string, std::string> failures_ GUARDED_BY(mutex_);  // by endpoint, of the last pass
  std::map<std::pair<std::string, std::string>, std::shared_ptr<std::atomic<double>>> gauges_
      GUARDED_BY(mutex_);
};

}  // namespace slipway::features
