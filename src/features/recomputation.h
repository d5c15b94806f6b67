// Requests that were served, computed again: from all rows that are known by now (those of datasets
// and those that were pushed), as they were known at any moment, by the evaluator of training sets.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "features/feature_store.h"
#include "features/service.h"
#include "types/frame.h"

namespace slipway::features {

// What a service was asked. The columns are the service's request columns, in its order, as
// as_values() gives them (value.h), but whole numbers may be whole: then they are exact keys.
struct ServedRequests {
  std::vector<types::Column> columns;
  std::vector<std::int64_t> times;  // microseconds: when each was asked for
};

// A value that can be moved; reading it is safe from several threads.
class Recomputation {
 public:
  // Which rows count. As given: event and arrival time at most the request's.
  struct Moment {
    types::Duration shift;                        // of every time of the request
    std::optional<types::Timestamp> known_until;  // rows that arrived later don't count either
    bool ignores_arrival = false;                 // what had happened counts, known or not
  };

  // Reads the rows that can matter for these requests, and only those stay in memory.
  // kInvalidArgument: the definitions don't fit the data; kNotFound: no such service.
  static Result<Recomputation> of(const FeatureStore& store, Definitions definitions,
                                  const std::string& service, ServedRequests requests);
  // Of one of the requests alone.
  Recomputation only(std::size_t request) const;

  const BoundService& service() const { return *service_; }
  // The view of an output that is none of the request's own.
  const BoundView& view_of(const BoundService::Output& output) const;
  // Whether all of the request that an output is computed from was there.
  bool is_given(const BoundService::Output& output, std::size_t request) const;
  // How many keys some requests ask an output's view for.
  std::size_t count_keys(const BoundService::Output& output,
                         const std::vector<std::size_t>& requests) const;
  const ServedRequests& requests() const { return requests_; }

  // By output of the service; one row a request.
  std::vector<types::Column> values() const { return values(Moment()); }
  std::vector<types::Column> values(const Moment& moment) const;

  // The rows of an output's source that have the key of `request` and had happened by then, and
  // are no older than its window or ttl: newest first.
  struct SourceRow {
    std::optional<types::Timestamp> event, arrival;  // nothing: the source has no times
    Value input;                                     // what is aggregated, or the column's value
    bool is_known = true;                            // had arrived by then
                                                     // (what was corrected by then is left out)
  };
  std::vector<SourceRow> source_rows(const BoundService::Output& output, std::size_t request) const;
  // When the newest rows of the request's keys had arrived, up to its time: newest first.
  std::vector<types::Timestamp> arrivals(std::size_t request, std::size_t limit) const;

 private:
  using State = FeatureStore::State;
  // Rows of a part's source, by the columns of the source; those that nobody reads are empty.
  struct SourceRows {
    std::vector<types::Column> columns;
    std::vector<bool> is_read;
    std::vector<std::uint64_t> identities;
    std::size_t rows = 0;
  };
  // By row: until when it counts, or kNeverCounts where it is the same row as one before it.
  static constexpr std::int64_t kNeverCounts = std::numeric_limits<std::int64_t>::min();
  static std::vector<std::int64_t> counted_until(const BoundView& view, const SourceRows& rows);

  static Result<SourceRows> read_rows(const FeatureStore& store, const State& state,
                                      const BoundView& view,
                                      const std::vector<const types::Column*>& keys,
                                      const std::vector<std::int64_t>& times);
  std::vector<const types::Column*> keys_of(const BoundService::Part& part) const;
  // `before`: the parts before it.
  std::vector<types::Column> read_part(std::size_t part, const Moment& moment,
                                       const std::vector<std::vector<types::Column>>& before) const;

  std::shared_ptr<const State> state_;
  const BoundService* service_ = nullptr;  // in the state
  ServedRequests requests_;
  std::vector<SourceRows> parts_;  // by part of the service; empty for views on demand
};

}  // namespace slipway::features
