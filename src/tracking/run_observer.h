// Told what was committed of runs.
#pragma once

#include <string>
#include <vector>

#include "tracking/values.h"

namespace slipway::tracking {

// Called after the commit by the thread that wrote, so it must be quick. Safe to use from several
// threads.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void points_committed(const std::string& run, const std::vector<Metric>& points) = 0;
  virtual void status_committed(const std::string& run, RunStatus status) = 0;
};

}  // namespace slipway::tracking
