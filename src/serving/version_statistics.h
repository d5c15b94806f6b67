// What the versions that an endpoint has answered with have done so far.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/timestamp.h"

namespace slipway::serving {

// What one version has answered at an endpoint since the server started, however often the endpoint
// has changed meanwhile. Nanoseconds are totals.
struct VersionStatistics {
  std::string endpoint;
  std::int64_t version = 0;
  std::uint64_t requests = 0, rows = 0, failures = 0;
  std::uint64_t gather_ns = 0, score_ns = 0, total_ns = 0, failure_ns = 0;
  base::Timestamp last_request;  // 1970: none yet
};

// The counts of one version, which every request adds to, so it is on a line of its own. Safe to
// use from several threads.
struct alignas(64) VersionTally {
  std::atomic<std::uint64_t> requests{0}, rows{0}, gather_ns{0}, score_ns{0}, total_ns{0};
  std::atomic<std::int64_t> last_request_us{0};
  std::atomic<std::uint64_t> failures{0}, failure_ns{0};

  VersionStatistics read(const std::string& endpoint, std::int64_t version) const;
};

// The tallies of all versions; they are kept when a version no longer answers. Safe to use from
// several threads.
class VersionTallies {
 public:
  std::shared_ptr<VersionTally> of(const std::string& endpoint, std::int64_t version);

 private:
  base::Mutex mutex_;
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<VersionTally>> tallies_
      GUARDED_BY(mutex_);
};

}  // namespace slipway::serving
