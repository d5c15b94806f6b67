// A model that can be made slow, or made to fail, for drills.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "serving/model.h"

namespace slipway::serving {

// What is the matter with every model that make_breakable() has made. Safe to use from several
// threads.
struct ModelFaults {
  std::atomic<std::int64_t> late_ms = 0;  // each answer comes so much later
  // Of the rows, as many fail as this says; which, follows from what they hold: the same row fails
  // every time.
  std::atomic<double> failing_share = 0;
};

// `model`, with those faults. It never runs on threads that serve sockets. `faults` must outlive
// it.
std::shared_ptr<const Model> make_breakable(std::shared_ptr<const Model> model,
                                            const ModelFaults& faults);

}  // namespace slipway::serving
