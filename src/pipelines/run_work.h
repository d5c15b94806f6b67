// What a thread of Pipelines knows of the run that it advances.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipelines/pipelines.h"

namespace slipway::pipelines {

// Before a database is asked again that was away.
constexpr base::Duration kAwayPause = base::Duration::seconds(1);

// The steady clock's time at which the wall clock will show `time`.
inline std::chrono::steady_clock::time_point steady(base::Timestamp time, base::Timestamp now) {
  return std::chrono::steady_clock::now() + std::chrono::microseconds((time - now).micros);
}

// A run that this thread advances. Its steps run in threads of their own, which hand over how they
// ended.
struct Pipelines::Work {
  RunRecord run;
  Plan plan;
  std::string project;
  std::vector<std::size_t> unsaved;               // positions
  std::set<std::size_t> settled;                  // positions that a place is all they wait for
  std::map<std::size_t, base::Timestamp> looked;  // by position: when for a file that it waits for
  std::map<std::size_t, std::thread> in_flight;   // by position
  // Guarded by the mutex of Pipelines: positions and steps as they ended; nothing: interrupted.
  std::vector<std::pair<std::size_t, std::optional<StepRecord>>> ended;

  ~Work() {
    for (auto& [position, thread] : in_flight) thread.join();
  }
};

}  // namespace slipway::pipelines
