// A monitor over fakes, whose clock tests walk forward.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/random.h"
#include "monitor/monitor.h"
#include "monitor/tables.h"
#include "monitor/testing/fakes.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::monitor::testing {

inline base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

class MonitorTest : public ::testing::Test {
 protected:
  MonitorTest() { open(); }

  void open() {
    monitor_.reset();
    db_.reset();
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "slipway.db"}, wall_, random_));
    MUST(db_->migrate({migrations()}));
    monitor_ =
        MUST(Monitor::open(*db_, clock_, {requests_, reference_, actions_, features_, datasets_},
                           metrics_, "default", limits_));
  }

  void apply(const std::string& more = "", const std::string& after = "24h") {
    const std::string yaml = fmt::format(
        R"(monitors:
  m:
    endpoint: e
    windows: [day, week]
    complete: {{share: 0.99, after: {}}}
    reference: {{from: 2013-03-01, to: 2013-06-01}}
    alerts:
      bias: {{metric: calibration_bias, window: day, abs_over: 0.1, min_rows: 10, action: retrain}}
    actions:
      retrain: {{pipeline: train, min_labels: 50, cool_down: 3d, params: {{rounds: "12"}}}}
{})",
        after, more);
    MUST(monitor_->apply(MUST(parse_monitors(yaml)), "test"));
  }

  void declare_actions(const std::string& action, const std::string& actions) {
    MUST(monitor_->apply(
        MUST(parse_monitors(fmt::format(
            "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    alerts:\n      bias: "
            "{{metric: "
            "calibration_bias, window: day, abs_over: 0.1, min_rows: 10, action: {}, route: "
            "pager}}\n    actions: {{{}}}\n",
            action, actions))),
        "test"));
  }

  // `count` requests spread over a day, predicted 0.5; `positive` of their labels are 1, arriving
  // `delay` later.
  void traffic(const char* day, int count, int positive, base::Duration delay, double x_shift = 0) {
    std::vector<Label> labels;
    for (int i = 0; i < count; ++i) {
      const base::Timestamp time =
          at(day) + base::Duration{base::Duration::days(1).micros / count * i};
      const std::string id = fmt::format("{}-{}", day, i);
      requests_.log.push_back(
          {.id = id, .event_time = time, .prediction = 0.5, .x = i % 10 + x_shift});
      requests_.log.push_back({.id = id,
                               .event_time = time,
                               .prediction = 0.4,
                               .variant = "frozen",
                               .role = "shadow",
                               .x = i % 10 + x_shift});
      labels.push_back(
          {.request_id = id, .value = i < positive ? 1 : 0, .arrival_time = time + delay});
    }
    later_.insert(later_.end(), labels.begin(), labels.end());
  }
  Result<LabelReceipt> post(Monitor& monitor, const std::vector<Label>& labels) {
    std::vector<LabelDraft> drafts;
    for (const Label& label : labels) {
      drafts.push_back(
          {label.request_id, label.value, label.event_time, label.arrival_time, label.class_name});
    }
    return monitor.add_labels("e", drafts, Monitor::Arrival::kGiven);
  }
  // Posts the labels known by `time`, as a replay does, then walks there through everything due.
  void walk_to(const char* text) {
    const base::Timestamp time = at(text);
    std::vector<Label> known;
    std::erase_if(later_, [&](const Label& label) {
      if (label.arrival_time > time) return false;
      known.push_back(label);
      return true;
    });
    MUST(post(*monitor_, known));
    while (true) {
      const auto due = MUST(monitor_->next_due());
      if (!due || *due > time) break;
      clock_.set(std::max(clock_.now(), *due));
      const AdvanceReport report = MUST(monitor_->advance(clock_.now()));
      judged_ += report.windows;
      moments_.push_back(types::to_rfc3339(clock_.now()));
    }
    clock_.set(time);
  }

  store::testing::TempFolder folder_;
  base::ManualClock wall_{{1'700'000'000'000'000}}, clock_{at("2013-06-03T00:00:00Z")};
  base::SeededRandom random_{7};
  base::Metrics metrics_;
  SampleLimits limits_;
  FakeRequests requests_;
  FakeReference reference_;
  FakeActions actions_;
  FakeFeatures features_;
  FakeDatasets datasets_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Monitor> monitor_;
  std::vector<Label> later_;
  std::vector<std::string> moments_;
  std::int64_t judged_ = 0;
};

}  // namespace slipway::monitor::testing
