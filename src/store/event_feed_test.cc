// Listeners hear of each event once, in order; who was away or slow is told what was missed, or
// that something was.
#include "store/event_feed.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

class Sink final : public EventSink {
 public:
  bool begin(std::int64_t last, bool missed) override {
    return take(fmt::format("begin {}{}", last, missed ? " missed" : ""));
  }
  bool tell(std::span<const Event> events) override {
    std::string text;
    for (const Event& event : events) text += (text.empty() ? "" : " ") + event.subject;
    return take(text);
  }
  void stay_alive() override { take("alive"); }
  bool is_open() const override {
    base::MutexLock lock(mutex_);
    return open_;
  }
  bool is_drained() const override {
    base::MutexLock lock(mutex_);
    return !full_;
  }
  void end() override {
    base::MutexLock lock(mutex_);
    open_ = false;
  }
  void set_full(bool full) {
    base::MutexLock lock(mutex_);
    full_ = full;
  }
  // The next of what it was told.
  std::string next() {
    base::MutexLock lock(mutex_);
    while (told_.empty()) wake_.wait(mutex_);
    std::string first = told_.front();
    told_.erase(told_.begin());
    return first;
  }
  // Until something was refused.
  void wait_for_refusal() {
    base::MutexLock lock(mutex_);
    while (!refused_) wake_.wait(mutex_);
  }

 private:
  bool take(std::string text) {
    base::MutexLock lock(mutex_);
    wake_.notify_all();
    refused_ = refused_ || full_;
    if (full_) return false;
    told_.push_back(std::move(text));
    return true;
  }

  mutable base::Mutex mutex_;
  base::CondVar wake_;
  std::vector<std::string> told_ GUARDED_BY(mutex_);
  bool open_ GUARDED_BY(mutex_) = true;
  bool full_ GUARDED_BY(mutex_) = false;
  bool refused_ GUARDED_BY(mutex_) = false;
};

class EventFeedTest : public ::testing::Test {
 protected:
  EventFeedTest() { MUST(db_->migrate({})); }
  void happen(const std::string& subject) {
    MUST(db_->write(
        [&](Tx& tx) { return tx.append_event({.kind = "thing.made", .subject = subject}); }));
  }
  std::shared_ptr<Sink> listen(std::optional<std::int64_t> after = std::nullopt) {
    auto sink = std::make_shared<Sink>();
    MUST(feed_.listen(after, sink));
    return sink;
  }

  testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<Db> db_ =
      open_sqlite({.file = folder_.path() / "slipway.db"}, clock_, random_).value();
  EventFeed feed_{*db_,
                  {.listeners_max = 2, .missed_max = 3, .look = std::chrono::milliseconds(5)}};
};

TEST_F(EventFeedTest, EachEventOnceInOrder) {
  happen("before");
  feed_.start();
  const auto sink = listen();
  EXPECT_EQ(sink->next(), "begin 1");
  happen("a");
  EXPECT_EQ(sink->next(), "a");
  happen("b");
  EXPECT_EQ(sink->next(), "b");
}

TEST_F(EventFeedTest, WhoComesBackGoesOnWhereItWas) {
  feed_.start();
  for (const char* subject : {"a", "b", "c", "d"}) happen(subject);
  const auto sink = listen(1);
  EXPECT_EQ(sink->next(), "begin 4");
  EXPECT_EQ(sink->next(), "b c d");
  happen("e");
  EXPECT_EQ(sink->next(), "e");
}

TEST_F(EventFeedTest, WhoMissedTooMuchOrKnowsTooMuchIsToldSo) {
  feed_.start();
  for (const char* subject : {"a", "b", "c", "d"}) happen(subject);
  EXPECT_EQ(listen(0)->next(), "begin 4 missed");
  EXPECT_EQ(listen(9)->next(), "begin 4 missed");  // of another database
}

TEST_F(EventFeedTest, WhoIsSlowBeginsAgain) {
  feed_.start();
  const auto slow = listen();
  const auto other = listen();
  EXPECT_EQ(slow->next(), "begin 0");
  EXPECT_EQ(other->next(), "begin 0");
  slow->set_full(true);
  happen("a");
  EXPECT_EQ(other->next(), "a");
  slow->wait_for_refusal();
  slow->set_full(false);
  EXPECT_EQ(slow->next(), "begin 1 missed");
  happen("b");
  EXPECT_EQ(slow->next(), "b");
  EXPECT_EQ(other->next(), "b");
}

TEST_F(EventFeedTest, NoMoreListenersThanTheLimit) {
  feed_.start();
  const auto one = listen(), two = listen();
  EXPECT_EQ(feed_.listen(std::nullopt, std::make_shared<Sink>()).error().code,
            Code::kResourceExhausted);
  one->end();  // gone
  EXPECT_TRUE(feed_.listen(std::nullopt, std::make_shared<Sink>()));
}

TEST_F(EventFeedTest, StoppingEndsEverybody) {
  feed_.start();
  const auto sink = listen();
  feed_.stop();
  EXPECT_FALSE(sink->is_open());
  EXPECT_EQ(feed_.listen(std::nullopt, sink).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace slipway::store
