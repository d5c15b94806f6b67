#include "serving/version_statistics.h"

namespace slipway::serving {

VersionStatistics VersionTally::read(const std::string& endpoint, std::int64_t version) const {
  return {.endpoint = endpoint,
          .version = version,
          .requests = requests,
          .rows = rows,
          .failures = failures,
          .gather_ns = gather_ns,
          .score_ns = score_ns,
          .total_ns = total_ns,
          .failure_ns = failure_ns,
          .last_request = {last_request_us}};
}

std::shared_ptr<VersionTally> VersionTallies::of(const std::string& endpoint,
                                                 std::int64_t version) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<VersionTally>& tally = tallies_[{endpoint, version}];
  if (tally == nullptr) tally = std::make_shared<VersionTally>();
  return tally;
}

}  // namespace slipway::serving
