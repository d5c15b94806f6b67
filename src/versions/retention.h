// Takes the files of old versions away as the settings say.
#pragma once

#include "base/clock.h"
#include "base/metrics.h"
#include "base/passes.h"
#include "versions/hub.h"

namespace slipway::versions {

// Safe to use from several threads; what is given must outlive it.
class Retention {
 public:
  struct Options {
    std::optional<std::uint64_t> keep_last, keep_days;   // neither: all versions keep their files
    base::Duration interval = base::Duration::hours(1);  // between passes
  };
  Retention(Hub& hub, base::Metrics& metrics, Options options);

  void start();  // a thread that makes passes, the first at once; without a policy nothing
  void stop() { passes_.stop(); }  // after the repository at hand. Idempotent.

  // Of all repositories. One that can't be collected now has its turn in the next pass.
  Result<void> pass();

 private:
  Hub& hub_;
  const Options options_;
  base::Counter& bytes_;
  base::Counter& failures_;
  base::Passes passes_;
};

}  // namespace slipway::versions
