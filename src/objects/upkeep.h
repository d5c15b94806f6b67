// Gives back what deleted objects and uploads that nobody ended have taken.
#pragma once

#include "base/clock.h"
#include "base/metrics.h"
#include "base/passes.h"
#include "objects/contents.h"
#include "objects/uploads.h"

namespace slipway::objects {

// Safe to use from several threads; what is given must outlive it.
class Upkeep {
 public:
  struct Options {
    base::Duration upload_retention = base::Duration::days(7);  // 0: for ever
    base::Duration interval = base::Duration::hours(1);         // between passes
  };
  Upkeep(Contents& contents, Uploads& uploads, const base::Clock& clock, base::Metrics& metrics,
         Options options);

  void start();                    // a thread that makes passes, the first at once
  void stop() { passes_.stop(); }  // after what is at hand. Idempotent.

  Result<Contents::Freed> pass();

 private:
  Contents& contents_;
  Uploads& uploads_;
  const base::Clock& clock_;
  const Options options_;
  base::Counter& bytes_;
  base::Counter& failures_;
  base::Passes passes_;
};

}  // namespace slipway::objects
