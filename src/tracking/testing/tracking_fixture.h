// The room on a database of its own, with a clock and chance that a test controls.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "tracking/experiments.h"
#include "tracking/logged_models.h"
#include "tracking/metric_keys.h"
#include "tracking/runs.h"
#include "tracking/tables.h"

namespace slipway::tracking::testing {

class TrackingFixture : public ::testing::Test {
 protected:
  TrackingFixture() {
    MUST(db_->migrate({migrations()}));
    MUST(experiments_.ensure_default());
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  Experiments experiments_{*db_, clock_};
  MetricKeys keys_;
  Runs runs_{*db_, keys_, clock_, random_};
  LoggedModels models_{*db_, clock_, random_};
};

}  // namespace slipway::tracking::testing
