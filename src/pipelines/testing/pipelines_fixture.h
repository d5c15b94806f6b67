// Pipelines in a temporary folder, whose runs go on when a test says so.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "pipelines/pipelines.h"
#include "pipelines/tables.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "pipelines/testing/no_inputs.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {

template <typename Inputs = NoInputs>
class PipelinesTest : public ::testing::Test {
 protected:
  explicit PipelinesTest(base::Timestamp event_time) : event_clock_(event_time) {
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "db"}, clock_, random_));
    MUST(db_->migrate({migrations()}));
    open();
  }
  // Also as after a restart.
  void open() {
    pipelines_.reset();
    pipelines_ = std::make_unique<Pipelines>(*db_, event_clock_, clock_, random_, executor_,
                                             inputs_, secrets_, trial_runs_);
    MUST(pipelines_->start(
        {.folder = folder_.path() / "runs", .url = "http://here", .runs_parallel_max = 0}));
  }
  // "running: succeeded waiting"
  static std::string states_of(const RunRecord& run) {
    std::string text = run.state + ":";
    for (const StepRecord& step : run.steps) text += " " + step.state;
    return text;
  }

  std::string run_;
  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::ManualClock event_clock_;
  base::SeededRandom random_{4};
  Inputs inputs_;
  const Secrets secrets_{{.values = {}, .folder = {}}};
  ProcessExecutor executor_;
  FakeTrialRuns trial_runs_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Pipelines> pipelines_;
};

}  // namespace slipway::pipelines
