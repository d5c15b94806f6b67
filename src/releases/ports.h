// What the release ledger needs of others, in its own words; app connects them.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "releases/revision.h"

namespace slipway::releases {

// What answers requests. Safe to use from several threads.
class DataPlane {
 public:
  virtual ~DataPlane() = default;

  // Answers with these until others are activated; loads nothing yet. What needs models loads them.
  virtual void expect(const std::vector<Revision>& revisions) = 0;

  // Loads and warms every variant of `revision`, whose number isn't given yet, without answering
  // with it. Models that are loaded already are used as they are, so that going back is quick. May
  // take long. On an error nothing has changed. The models stay loaded for as long as what is
  // returned is held.
  virtual Result<std::shared_ptr<const void>> prepare(const Revision& revision) = 0;

  // Answers with `revision`, which was prepared, from now on: a pointer swap under load, no request
  // fails. `last_good` (nullable) stays loaded too; what neither needs may go once no request uses
  // it.
  virtual void activate(const Revision& revision, const Revision* last_good) = 0;

  // Answers nothing there any more; what was begun is answered.
  virtual void remove(const std::string& endpoint) = 0;
};

struct ResolvedModel {
  std::string model;  // registered name
  std::int64_t version = 0;
  std::string uri;  // pinned to the version
  bool operator==(const ResolvedModel&) const = default;
};

// Safe to use from several threads.
class ModelCatalog {
 public:
  virtual ~ModelCatalog() = default;

  // The version that a model URI means now: "models:/name/3", "models:/name@champion". kNotFound:
  // no such model, version or alias. kInvalidArgument: not a URI of a registered model.
  virtual Result<ResolvedModel> resolve(const std::string& uri) = 0;
};

// Two variants by one metric: an experiment's, or a guard's.
struct ExperimentFacts {
  std::int64_t live_rows = 0, challenger_rows = 0;  // that the metric is known for
  double live_value = std::numeric_limits<double>::quiet_NaN();
  double challenger_value = std::numeric_limits<double>::quiet_NaN();
  // Of the difference challenger minus live; holds at every look. NaN: too few rows.
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

// How a live variant did over some event time.
struct CanaryFacts {
  std::int64_t requests = 0, errors = 0;
  double latency_ms_p99 = std::numeric_limits<double>::quiet_NaN();
  std::int64_t slow = 0;  // requests beyond the guard's latency
  std::int64_t labels = 0;
  double calibration_bias =
      std::numeric_limits<double>::quiet_NaN();  // mean prediction minus mean label
  double calibration_bias_error = std::numeric_limits<double>::quiet_NaN();  // its standard error
  // The canary's shadow against the version in charge, on the same requests; by the guard's
  // quality.
  std::optional<ExperimentFacts> quality;
};

// Safe to use from several threads.
class VariantFacts {
 public:
  virtual ~VariantFacts() = default;

  // Of the requests with event times in [since, until) that `variant` of `endpoint` answered;
  // labels as known at `until`. Those that took longer than `slow_over_ms` are slow.
  virtual Result<CanaryFacts> facts(const std::string& endpoint, const std::string& variant,
                                    base::Timestamp since, base::Timestamp until,
                                    double slow_over_ms) = 0;
  // How `challenger` did against `live` over the same time.
  virtual Result<ExperimentFacts> compare(const std::string& endpoint, const std::string& live,
                                          const std::string& challenger, const std::string& metric,
                                          double alpha, base::Timestamp since,
                                          base::Timestamp until) = 0;
  // Whether more of a metric is better; nothing when that depends on what it counts.
  // kInvalidArgument listing the metrics there are of such an endpoint.
  virtual Result<std::optional<bool>> higher_is_better(const std::string& endpoint,
                                                       const std::string& metric) = 0;
};

// The aliases of registered models. Safe to use from several threads.
class ModelAliases {
 public:
  virtual ~ModelAliases() = default;

  // The version an alias points to; nothing when there is no such alias. kNotFound: no such model.
  virtual Result<std::optional<std::int64_t>> find_target(const std::string& model,
                                                          const std::string& alias) = 0;
  // Points it at `version`, protected or not, and keeps `verdict` (JSON) with the version.
  // Endpoints that follow the alias are told by whoever implements this. kNotFound: no such
  // version.
  virtual Result<void> move(const std::string& model, const std::string& alias,
                            std::int64_t version, const std::string& verdict,
                            const std::string& actor) = 0;
};

}  // namespace slipway::releases
