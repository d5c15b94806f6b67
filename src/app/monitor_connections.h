// What the monitor needs of other rooms, and they of it: see connections.h.
#pragma once

#include "api/own/endpoint_routes.h"
#include "app/event_clock.h"
#include "datasets/datasets.h"
#include "features/feature_store.h"
#include "features/skew_meter.h"
#include "monitor/monitor.h"
#include "monitor/profile/served_rows.h"
#include "releases/releases.h"
#include "serving/endpoints.h"

namespace slipway::app {

// releases asks the monitor how a canary does. The monitor comes later than the ledger.
class MonitoredVariants final : public releases::VariantFacts {
 public:
  explicit MonitoredVariants(serving::RequestLog& log) : log_(log) {}
  void connect(monitor::Monitor& monitor) { monitor_ = &monitor; }
  Result<releases::CanaryFacts> facts(const std::string& endpoint, const std::string& variant,
                                      base::Timestamp since, base::Timestamp until,
                                      double slow_over_ms) override;
  Result<releases::ExperimentFacts> compare(const std::string& endpoint, const std::string& live,
                                            const std::string& challenger,
                                            const std::string& metric, double alpha,
                                            base::Timestamp since, base::Timestamp until) override;
  Result<std::optional<bool>> higher_is_better(const std::string& endpoint,
                                               const std::string& metric) override;

 private:
  serving::RequestLog& log_;
  monitor::Monitor* monitor_ = nullptr;
};

// monitor and the API read the request log.
class LoggedRequests final : public monitor::RequestSource, public api::own::RequestLookup {
 public:
  explicit LoggedRequests(serving::RequestLog& log) : log_(log) {}
  Result<types::Frame> requests(const std::string& endpoint, base::Timestamp from,
                                base::Timestamp to,
                                const std::vector<std::string>& columns) override;
  Result<void> each_part(const std::string& endpoint, base::Timestamp from, base::Timestamp to,
                         const std::vector<std::string>& columns, const EachPart& each) override;
  Result<JsonObject> request(const std::string& endpoint, const std::string& id) override;
  Result<void> check_rows(const std::string& endpoint, base::Timestamp from,
                          base::Timestamp to) override {
    return log_.check_rows(endpoint, from, to);
  }

 private:
  serving::RequestLog& log_;
};

// monitor profiles what endpoints served.
class ServedRequests final : public monitor::ServedRows {
 public:
  ServedRequests(const EventClock& clock, releases::Releases& releases, serving::RequestLog& log)
      : clock_(clock), releases_(releases), log_(log) {}
  Result<std::vector<std::string>> endpoints() override;
  Result<void> each_part(const std::string& endpoint, base::Timestamp from, base::Timestamp to,
                         const EachPart& each) override;
  bool come_in_days() const override { return clock_.rehearses(); }
  Result<std::vector<Slice>> slices(const std::string& endpoint, const types::Frame& part,
                                    std::set<std::string>& known, std::size_t most) override;
  // Before that there are no slices. Both must outlive this.
  void connect(monitor::Monitor& monitor, monitor::Conditions& conditions) {
    monitor_ = &monitor;
    conditions_ = &conditions;
  }

 private:
  const EventClock& clock_;
  releases::Releases& releases_;
  serving::RequestLog& log_;
  monitor::Monitor* monitor_ = nullptr;
  monitor::Conditions* conditions_ = nullptr;
};

// monitor asks how much of what was served differs from what is computed again, and how old it is.
class ServedFeatures final : public monitor::FeatureSource {
 public:
  ServedFeatures(releases::Releases& releases, features::FeatureStore& features,
                 features::SkewMeter& skew)
      : releases_(releases), features_(features), skew_(skew) {}
  Result<std::optional<double>> skew_rate(const std::string& endpoint, base::Timestamp from,
                                          base::Timestamp to) override {
    return skew_.rate(endpoint, from, to);
  }
  Result<std::optional<base::Timestamp>> oldest_view(const std::string& endpoint) override;

 private:
  releases::Releases& releases_;
  features::FeatureStore& features_;
  features::SkewMeter& skew_;
};

// monitor asks how far datasets go.
class KeptDatasets final : public monitor::DatasetSource {
 public:
  explicit KeptDatasets(datasets::Datasets& datasets) : datasets_(datasets) {}
  Result<std::optional<base::Timestamp>> newest_row(const std::string& dataset,
                                                    base::Timestamp as_of) override {
    return datasets_.newest_row(dataset, as_of);
  }

 private:
  datasets::Datasets& datasets_;
};

// monitor measures drift against the features of past rows: the endpoint's feature service over the
// dataset that has its request columns.
class TrainingRows final : public monitor::ReferenceSource {
 public:
  TrainingRows(releases::Releases& releases, features::FeatureStore& features,
               datasets::Datasets& datasets)
      : releases_(releases), features_(features), datasets_(datasets) {}
  Result<types::Frame> reference(const std::string& endpoint, base::Timestamp from,
                                 base::Timestamp to) override;

 private:
  Result<std::string> find_entities(const std::string& service);

  releases::Releases& releases_;
  features::FeatureStore& features_;
  datasets::Datasets& datasets_;
};

// datasets reads the conditions of its rules as the project's expressions.
Result<datasets::RowAnswers> row_answers(const std::string& condition, const types::Frame& frame);

// monitor reads the conditions of slices as the project's expressions.
class SliceConditions final : public monitor::Conditions {
 public:
  Result<std::vector<bool>> holds(const std::string& when, const types::Frame& frame) override;
};

// monitor asks what models go by.
class ModelAttributions final : public monitor::AttributionSource {
 public:
  explicit ModelAttributions(serving::Endpoints& endpoints) : endpoints_(endpoints) {}
  Result<monitor::Attributions> attributions(const std::string& endpoint, std::int64_t version,
                                             const types::Frame& frame,
                                             const std::vector<std::size_t>& rows) override;

 private:
  serving::Endpoints& endpoints_;
};

}  // namespace slipway::app
