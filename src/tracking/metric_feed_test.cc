// Watchers see a beginning, then each point once in order, and the end; slow ones begin again.
#include "tracking/metric_feed.h"

#include <gtest/gtest.h>

#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

class Sink final : public FeedSink {
 public:
  bool offer(const FeedEvent& event) override {
    if (full) return false;
    events.push_back(event);
    return true;
  }
  void stay_alive() override { ++alive; }
  bool is_open() const override { return open; }
  bool is_drained() const override { return !full; }
  void end() override { open = false; }

  std::vector<FeedEvent> events;
  bool full = false, open = true;
  int alive = 0;
};

class MetricFeedTest : public testing::TrackingFixture {
 protected:
  MetricFeedTest() {
    runs_.set_observer(&feed_);
    run_ = MUST(runs_.create({.experiment_id = "0"})).id;
  }
  void log(double value, std::int64_t step) {
    MUST(runs_.log_batch(
        run_, {{.key = "loss", .value = value, .timestamp_ms = step, .step = step}}, {}, {}));
  }
  std::shared_ptr<Sink> watch(std::optional<std::uint64_t> after = std::nullopt) {
    auto sink = std::make_shared<Sink>();
    MUST(feed_.watch(run_, after, sink));
    return sink;
  }

  MetricFeed feed_{runs_, {.watchers_max = 3, .points_kept_max = 20, .first_number = 100}};
  std::string run_;
};

TEST_F(MetricFeedTest, LatestThenPointsThenTheEnd) {
  log(1, 0);
  log(0.5, 1);
  const auto sink = watch();
  log(0.25, 2);
  MUST(runs_.update(run_, {.status = RunStatus::kFinished}));
  ASSERT_EQ(sink->events.size(), 3u);
  EXPECT_EQ(sink->events[0].kind, FeedEvent::Kind::kLatest);
  EXPECT_EQ(sink->events[0].points.front().step, 1);
  EXPECT_EQ(sink->events[1].kind, FeedEvent::Kind::kPoints);
  EXPECT_EQ(sink->events[1].points.front().value, 0.25);
  EXPECT_EQ(sink->events[2].status, RunStatus::kFinished);
  EXPECT_FALSE(sink->open);
}

TEST_F(MetricFeedTest, ARunThatIsOverEndsAtOnce) {
  log(1, 0);
  MUST(runs_.update(run_, {.status = RunStatus::kFailed}));
  const auto sink = watch();
  ASSERT_EQ(sink->events.size(), 2u);
  EXPECT_EQ(sink->events[1].kind, FeedEvent::Kind::kStatus);
  EXPECT_FALSE(sink->open);
}

TEST_F(MetricFeedTest, WhoComesBackGoesOnWhereItWas) {
  const auto first = watch();
  log(1, 0);
  log(2, 1);
  const std::uint64_t seen = first->events[1].number;
  first->open = false;
  log(3, 2);
  const auto second = watch(seen);
  ASSERT_EQ(second->events.size(), 2u);
  EXPECT_EQ(second->events[0].points.front().value, 2);
  EXPECT_EQ(second->events[1].points.front().value, 3);
}

TEST_F(MetricFeedTest, WhatIsForgottenOrFromBeforeARestartBeginsAnew) {
  const auto first = watch();
  for (int i = 0; i < 30; ++i) log(i, i);
  for (const std::uint64_t after : {std::uint64_t{7}, std::uint64_t{101}, std::uint64_t{9999}}) {
    SCOPED_TRACE(after);
    const auto sink = watch(after);
    ASSERT_EQ(sink->events.size(), 1u);
    EXPECT_EQ(sink->events[0].kind, FeedEvent::Kind::kLatest);
    sink->open = false;
  }
}

TEST_F(MetricFeedTest, ASlowWatcherGetsNoMoreUntilItBeginsAgain) {
  const auto sink = watch();
  sink->full = true;
  log(1, 0);
  sink->full = false;
  log(2, 1);  // it has missed one, so this alone would be a gap
  EXPECT_EQ(sink->events.size(), 1u);
  feed_.start();
  for (int i = 0; i < 300 && sink->events.size() < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  feed_.stop();
  ASSERT_EQ(sink->events.size(), 2u);
  EXPECT_EQ(sink->events[1].kind, FeedEvent::Kind::kLatest);
  EXPECT_EQ(sink->events[1].points.front().value, 2);
}

TEST_F(MetricFeedTest, ASilentWatcherIsKeptAlive) {
  MetricFeed feed(runs_, {.silence_max = std::chrono::seconds(1)});
  const auto sink = std::make_shared<Sink>();
  MUST(feed.watch(run_, {}, sink));
  feed.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  feed.stop();
  EXPECT_GE(sink->alive, 1);
  EXPECT_EQ(sink->events.size(), 1u);
  EXPECT_FALSE(sink->open);  // stopping ends every watcher
}

TEST_F(MetricFeedTest, WhatCameWhileNobodyWatchedIsSeenByWhoComesBack) {
  MetricFeed feed(runs_, {.patience = std::chrono::seconds(0)});
  runs_.set_observer(&feed);
  const auto first = std::make_shared<Sink>();
  MUST(feed.watch(run_, {}, first));
  log(1, 0);
  const std::uint64_t seen = first->events.back().number;
  first->open = false;
  feed.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  log(2, 1);  // nobody counts it
  const std::string other = MUST(runs_.create({.experiment_id = "0"})).id;
  MUST(feed.watch(other, {}, std::make_shared<Sink>()));
  const auto again = std::make_shared<Sink>();
  MUST(feed.watch(run_, seen, again));
  feed.stop();
  runs_.set_observer(&feed_);
  ASSERT_EQ(again->events.size(), 1u);
  EXPECT_EQ(again->events[0].kind, FeedEvent::Kind::kLatest);
  EXPECT_EQ(again->events[0].points.front().value, 2);
}

TEST_F(MetricFeedTest, LimitsAndStrangers) {
  EXPECT_EQ(feed_.watch("nope", {}, std::make_shared<Sink>()).error().code, Code::kNotFound);
  std::vector<std::shared_ptr<Sink>> sinks;
  for (int i = 0; i < 3; ++i) sinks.push_back(watch());
  EXPECT_EQ(feed_.watch(run_, {}, std::make_shared<Sink>()).error().code, Code::kResourceExhausted);
  sinks[1]->open = false;
  EXPECT_TRUE(feed_.watch(run_, {}, std::make_shared<Sink>()));
}

}  // namespace
}  // namespace slipway::tracking
