// Computes a sample of what was served again, from what is known now about the moment it was served
// at, and compares value by value.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "features/feature_store.h"
#include "features/recomputation.h"
#include "features/skew_reasons.h"

namespace slipway::features {

// What was served. Safe to use from several threads.
class ServedVectors {
 public:
  virtual ~ServedVectors() = default;

  struct Endpoint {
    std::string name, service;
    std::set<std::string> float32;  // features that its models read as such
  };
  // Those with a feature service.
  virtual Result<std::vector<Endpoint>> endpoints() = 0;
  // Rows of the request log (docs/formats/request_log.md) with from <= event time < to.
  virtual Result<types::Frame> served(const std::string& endpoint, types::Timestamp from,
                                      types::Timestamp to) = 0;
  // When a request was asked for. kNotFound.
  virtual Result<types::Timestamp> find(const std::string& endpoint, const std::string& id) = 0;

  struct Earlier {
    Definitions definitions;
    types::Timestamp until;  // then other ones came
  };
  // Definitions before the present ones, the newest first, at most `limit`.
  virtual Result<std::vector<Earlier>> earlier_definitions(std::size_t limit) = 0;
};

// Safe to use from several threads; passes take turns, hold no lock of the store while they work,
// and read what serving has written, so nothing that answers waits for them. Everything given to
// the constructor must outlive it.
//
// Features that were sent are compared like those that were looked up; request columns that a
// service passes on are not: nobody else knows them. A value whose request column is missing is not
// compared either.
class SkewMeter {
 public:
  struct Options {
    std::size_t rows_per_pass = 1000;  // of each endpoint: those with the least hash of their id
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
  // A pass over what was served since the last one until `until`. What fails for one endpoint is
  // said in its report, and disturbs no other.
  Result<void> advance(types::Timestamp until);

  // {"features": [...], "endpoints": [...]}, the most different first. Empty: all endpoints.
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
  struct Sample;
  struct Different;

  Result<Pass> look_at(const ServedVectors::Endpoint& endpoint, types::Timestamp from,
                       types::Timestamp until);
  Result<Sample> sample_of(const ServedVectors::Endpoint& endpoint, const types::Frame& frame,
                           const std::vector<std::size_t>& rows) const;
  // Why, per row of `different`; several may fit.
  Result<void> find_reasons(const Sample& sample, const std::string& service,
                            std::vector<Different>& different);
  void explain_by_moments(const Sample& sample, std::size_t request,
                          std::vector<Different*>& different,
                          std::optional<types::Timestamp> materialized) const;
  Result<void> explain_by_definitions(const Sample& sample, const std::string& service,
                                      std::vector<Different*>& different);
  void merge(const Pass& pass) REQUIRES(mutex_);
  void show(const FeatureKey& key, const Feature& feature) REQUIRES(mutex_);

  store::Db& db_;
  FeatureStore& store_;
  ServedVectors& served_;
  base::Metrics& metrics_;
  const Options options_;

  base::Mutex pass_mutex_;  // before mutex_
  mutable base::Mutex mutex_;
  std::optional<types::Timestamp> looked_until_ GUARDED_BY(mutex_);
  std::map<FeatureKey, Feature> features_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::string> versions_
      GUARDED_BY(mutex_);  // the newest, by endpoint and feature
  std::map<std::string, std::string> failures_ GUARDED_BY(mutex_);  // by endpoint, of the last pass
  std::map<std::pair<std::string, std::string>, std::shared_ptr<std::atomic<double>>> gauges_
      GUARDED_BY(mutex_);
};

}  // namespace slipway::features
