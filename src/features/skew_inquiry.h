// Requests that were served, computed again from what is known now about the moment they were
// served at, compared value by value, and why they differ.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "features/feature_store.h"
#include "features/recomputation.h"
#include "features/served_vectors.h"
#include "features/skew_reasons.h"

namespace slipway::features {

Json to_json(const Value& value);

// Some requests of one endpoint. Made with the definitions that are in force then, whatever is
// applied later. One thread at a time; `store` and `served` must outlive it.
//
// Features that were sent are compared like those that were looked up; request columns that a
// service passes on are not: nobody else knows them. Neither is a value whose request column is
// missing, or that its part of the log doesn't have.
class SkewInquiry {
 public:
  // Of what came at from <= t < to at most `most` live answers to real requests, one a request:
  // those with the least hash of their id. A few columns of all these rows are read first, then
  // what is needed of the sample. kNotFound: no such feature service (when anything was served).
  static Result<SkewInquiry> sample(const FeatureStore& store, ServedVectors& served,
                                    const ServedVectors::Endpoint& endpoint, types::Timestamp from,
                                    types::Timestamp to, std::size_t most);
  // The request with this id that came at `time`; of its answers the live one, if there is one.
  // size() is 0 when there is none.
  static Result<SkewInquiry> of(const FeatureStore& store, ServedVectors& served,
                                const ServedVectors::Endpoint& endpoint, const std::string& id,
                                types::Timestamp time);

  std::size_t size() const { return ids_.size(); }
  const std::string& id(std::size_t request) const { return ids_[request]; }
  types::Timestamp event_time(std::size_t request) const {
    return {again_.requests().times[request]};
  }

  // A value that differs.
  struct Different {
    std::size_t request = 0, output = 0;
    ServedValue value;
    std::vector<ValueReason> reasons;  // several may fit
    bool looked_into = false;
  };
  // How values lie, so that two sets of them can be held beside each other.
  struct Spread {
    std::int64_t values = 0, missing = 0;
    // Of numbers: a tenth lies at or below, half, nine tenths.
    std::optional<double> p10, p50, p90;
  };
  struct Compared {
    std::string feature;
    std::string version;  // of its definition
    std::int64_t compared = 0;
    Spread served, recomputed;
    std::vector<Different> different;
  };
  // By feature that the log has. Reasons are sought for some requests, and for a few seconds:
  // nothing is worth more than a good guess at what is wrong with all.
  Result<std::vector<Compared>> compare() const;

  // The first request, its values and the rows they come from. `feature`: only this one; empty:
  // all. kNotFound: it was served without it.
  Result<JsonObject> show(const std::string& feature) const;

 private:
  // By request; nothing where the log doesn't have it.
  using ServedCells = std::vector<std::optional<Value>>;
  using IsWanted = std::function<bool(const types::Frame& part, std::size_t row)>;
  using Clock = std::chrono::steady_clock;

  SkewInquiry(const FeatureStore& store, ServedVectors& served, ServedVectors::Endpoint endpoint);
  // Takes the rows that are wanted out of the log.
  Result<void> read(types::Timestamp from, types::Timestamp to, const IsWanted& is_wanted);
  const ServedCells* find_served(const BoundService::Output& output) const;
  std::string text_of(const BoundService::Output& output) const;
  bool is_same(std::size_t output, const ServedValue& value) const;

  Result<void> find_reasons(const std::vector<Different*>& different) const;
  // Whether all that differs of an output is one value, of several keys: nothing that was known
  // once is that, though among many moments there may be one at which a key had it.
  bool is_one_for_all(const std::vector<const Different*>& of_output) const;
  // `one_for_all`: outputs. False: the time was up.
  bool explain_by_moments(std::size_t request, const std::vector<Different*>& different,
                          const std::set<std::size_t>& one_for_all,
                          std::optional<types::Timestamp> materialized,
                          Clock::time_point end) const;
  struct Earlier {
    Definitions definitions;
    types::Timestamp until;  // then other ones came
  };
  // The newest before these, each with other features than the one after it.
  Result<std::vector<Earlier>> earlier_definitions() const;
  Result<void> explain_by_definitions(const std::vector<Different*>& different,
                                      Clock::time_point end) const;
  ServedRequests requests_as(const Service& other, const std::vector<std::size_t>& requests) const;

  const FeatureStore* store_;
  ServedVectors* served_;
  ServedVectors::Endpoint endpoint_;
  std::shared_ptr<const Definitions> definitions_;
  std::vector<std::string> ids_;                // by request
  std::map<std::string, ServedCells> columns_;  // by feature
  Recomputation again_;                         // nothing's while there are no requests
};

}  // namespace slipway::features
