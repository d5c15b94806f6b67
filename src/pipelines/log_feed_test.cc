// Who follows a log has all of it once, in pieces, and hears that it is over.
#include "pipelines/log_feed.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/json_document.h"
#include "pipelines/testing/pipelines_fixture.h"

namespace slipway::pipelines {
namespace {

class Kept final : public LogSink {
 public:
  bool tell(std::int64_t from, std::int64_t end, std::string_view piece) override {
    const base::MutexLock lock(mutex_);
    if (from == 0) text_.clear();
    EXPECT_EQ(end - from, static_cast<std::int64_t>(piece.size()));
    EXPECT_TRUE(base::is_utf8(piece)) << piece;
    text_ += piece;
    ++pieces_;
    return true;
  }
  bool over(std::int64_t) override { return is_over_ = true; }
  void stay_alive() override {}
  bool is_open() const override { return !is_ended_; }
  bool is_drained() const override { return true; }
  void end() override { is_ended_ = true; }

  std::string text() {
    const base::MutexLock lock(mutex_);
    return text_;
  }
  int pieces() {
    const base::MutexLock lock(mutex_);
    return pieces_;
  }
  void wait_for_end() const {
    while (!is_ended_) std::this_thread::yield();
    EXPECT_TRUE(is_over_);
  }

 private:
  base::Mutex mutex_;
  std::string text_ GUARDED_BY(mutex_);
  int pieces_ GUARDED_BY(mutex_) = 0;
  std::atomic<bool> is_over_ = false, is_ended_ = false;
};

class LogFeedTest : public PipelinesTest<> {
 protected:
  LogFeedTest() : PipelinesTest({1'370'044'800'000'000}) {
    MUST(pipelines_->apply(
        MUST(parse_pipelines("pipelines:\n  p:\n    steps:\n      - {name: s, run: \"printf "
                             "'caf\\\\303\\\\251 caf\\\\303\\\\251 caf\\\\303\\\\251'\"}\n      - "
                             "{name: ask, approve: really, after: [s]}\n")),
        folder_.path(), "ann"));
    run_ = MUST(pipelines_->start_run("p", {}, {})).id;
    pipelines_->run_queued();
    feed_.start();
  }
  LogFeed feed_{*pipelines_, {.followers_max = 2, .piece_bytes_max = 4}};
};

TEST_F(LogFeedTest, ALogComesInPiecesOfWholeCharacters) {
  const auto sink = std::make_shared<Kept>(), behind = std::make_shared<Kept>();
  MUST(feed_.follow(run_, "s", 0, sink));
  sink->wait_for_end();
  EXPECT_EQ(sink->text(), "café café café");
  EXPECT_GE(sink->pieces(), 5) << "of 4 bytes at most, and none that ends within a character";
  MUST(feed_.follow(run_, "s", 6, behind));
  behind->wait_for_end();
  EXPECT_EQ(behind->text(), "café café");
}

TEST_F(LogFeedTest, WhoIsBeyondTheEndBeginsAnew) {
  const auto sink = std::make_shared<Kept>();
  MUST(feed_.follow(run_, "s", 1000, sink));
  sink->wait_for_end();
  EXPECT_EQ(sink->text(), "café café café");
}

TEST_F(LogFeedTest, WhatCannotBeFollowedIsSaid) {
  const auto sink = std::make_shared<Kept>(), second = std::make_shared<Kept>(),
             third = std::make_shared<Kept>();
  EXPECT_EQ(feed_.follow(run_, "t", 0, sink).error().code, Code::kNotFound);
  EXPECT_EQ(feed_.follow("none", "s", 0, sink).error().code, Code::kNotFound);
  MUST(feed_.follow(run_, "ask", 0, sink));  // it has written nothing yet, and is waited for
  MUST(feed_.follow(run_, "ask", 0, second));
  EXPECT_EQ(feed_.follow(run_, "ask", 0, third).error().code, Code::kResourceExhausted);
  second->end();
  MUST(feed_.follow(run_, "ask", 0, third));
  MUST(pipelines_->answer(run_, "ask", true, "ann", ""));
  pipelines_->run_queued();
  sink->wait_for_end();
  third->wait_for_end();
  EXPECT_EQ(sink->text(), "");
}

}  // namespace
}  // namespace slipway::pipelines
