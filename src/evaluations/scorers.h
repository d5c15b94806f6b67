// Keeps scorers: judges of answers, as their authors wrote them down. Nothing here runs one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "evaluations/ports.h"
#include "store/db.h"

namespace slipway::evaluations {

struct ScorerVersion {
  std::string scorer_id;  // the same for all versions
  std::string experiment_id, name;
  std::int64_t version = 0;
  std::string content;  // JSON, as its author's client wrote it
  base::Timestamp created;
};

// How a scorer is meant to run by itself.
struct OnlineScoring {
  std::string id, scorer_id, experiment_id;
  double sample_rate = 0;             // of new traces; 0: it is not
  std::optional<std::string> filter;  // of traces
};

// Safe to use from several threads. Everything given to the constructor must outlive it. Whatever
// names an experiment can fail with kNotFound, and kFailedPrecondition when it is deleted.
class Scorers {
 public:
  Scorers(store::Db& db, ExperimentRecords& experiments, TraceFilters& filters,
          const base::Clock& clock, base::Random& random)
      : db_(db), experiments_(experiments), filters_(filters), clock_(clock), random_(random) {}

  // The next version of the scorer of that name. kInvalidArgument: no name, `content` is no JSON
  // object or names no model where it should; kNotFound: its model is an endpoint of the gateway,
  // which a server without a gateway does not have.
  Result<ScorerVersion> add(const std::string& experiment_id, const std::string& name,
                            const std::string& content);
  // The newest one when `version` is nothing. kNotFound.
  Result<ScorerVersion> get(const std::string& experiment_id, const std::string& name,
                            std::optional<std::int64_t> version);
  // Oldest first. kNotFound.
  Result<std::vector<ScorerVersion>> versions(const std::string& experiment_id,
                                              const std::string& name);
  // The newest version of each, by experiment and name.
  Result<std::vector<ScorerVersion>> list(const std::string& experiment_id);
  // Those that are deleted or not there have none. Nothing: of every experiment.
  Result<std::vector<ScorerVersion>> list_of(
      const std::optional<std::vector<std::string>>& experiment_ids);
  // All versions when `version` is nothing. With its last one the scorer goes. kNotFound.
  Result<void> remove(const std::string& experiment_id, const std::string& name,
                      std::optional<std::int64_t> version);

  // kNotFound: the scorer; kInvalidArgument: a rate outside 0 to 1, a filter that is none, or a
  // rate above 0, as only scorers on models of the gateway run by themselves.
  Result<OnlineScoring> set_online(const std::string& experiment_id, const std::string& name,
                                   double sample_rate, const std::optional<std::string>& filter);
  // Of those that have been set.
  Result<std::vector<OnlineScoring>> online(const std::vector<std::string>& scorer_ids);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
  TraceFilters& filters_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::evaluations
