// Finding traces, and counting what filters have in common.
#pragma once

#include <string>
#include <vector>

#include "store/db.h"
#include "traces/ports.h"
#include "traces/values.h"

namespace slipway::traces {

inline constexpr std::int64_t kTracesPerPageMax = 500;

struct TraceQuery {
  std::vector<std::string> experiments;
  std::string filter;
  std::vector<std::string> order_by;  // newest first when empty
  std::int64_t max_results = 100;
  std::string page_token;
};

struct TracePage {
  std::vector<TraceInfo> items;
  std::string next;  // empty on the last one
};

// How often two filters let the same traces pass: normalized pointwise mutual information, from -1
// (never together) over 0 (by chance) to 1 (always); NaN when a filter lets none pass.
struct FilterCorrelation {
  double npmi = 0, npmi_smoothed = 0;
  std::int64_t first = 0, second = 0, joint = 0, total = 0;
};
FilterCorrelation correlate(std::int64_t first, std::int64_t second, std::int64_t joint,
                            std::int64_t total);

// Safe to use from several threads. Everything given to the constructor must outlive it.
class TraceSearch {
 public:
  TraceSearch(store::Db& db, ExperimentRecords& experiments) : db_(db), experiments_(experiments) {}

  // Experiments that don't exist have no traces. kInvalidArgument.
  Result<TracePage> search(const TraceQuery& query);
  // `base`, when not empty, is what both filters are counted within. kInvalidArgument.
  Result<FilterCorrelation> correlation(const std::vector<std::string>& experiments,
                                        const std::string& first, const std::string& second,
                                        const std::string& base);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
};

}  // namespace slipway::traces
