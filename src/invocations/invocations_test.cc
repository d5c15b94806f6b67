// What was accepted is answered, whatever fails meanwhile, or it is said what is wrong with it.
#include "invocations/invocations.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <set>

#include "base/random.h"
#include "invocations/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::invocations {
namespace {

using std::chrono::milliseconds;

class FakeDestinations final : public Destinations {
 public:
  Result<Destination> find(const std::string& endpoint) override {
    if (endpoint == "nobody") return base::error(Code::kNotFound, "no such endpoint");
    if (endpoint == "plain")
      return base::error(Code::kFailedPrecondition, "the endpoint declares no `async:`");
    return Destination{
        .output = "s3://out/" + endpoint + "/",
        .failure = "s3://bad",
        .in_flight = endpoint == "narrow" ? std::optional<std::size_t>(1) : std::nullopt};
  }
};

// Answers with the body. A body may be that it is bad, that it ends the model's process or takes
// more memory than there is; "hold" waits until it is let go. The model of "asleep" is not there.
class FakeScorer final : public Scorer {
 public:
  Result<void> ready(std::string_view endpoint) override {
    if (endpoint == "asleep" && away)
      return base::error(Code::kUnavailable, "the model is being loaded");
    return {};
  }
  Result<std::string> score(const Question& question) override {
    const std::size_t now = ++running;
    std::size_t most = running_most;
    while (now > most && !running_most.compare_exchange_weak(most, now)) {
    }
    while (question.body == "hold" && held) std::this_thread::sleep_for(milliseconds(1));
    --running;
    {
      base::MutexLock lock(mutex_);
      asked_.emplace_back(question.id);
    }
    if (question.body == "bad") return base::error(Code::kInvalidArgument, "x must be a number");
    if (question.body == "poison") return base::error(Code::kUnavailable, "the model failed");
    if (question.body == "busy" && away)
      return base::error(Code::kResourceExhausted, "too much waits for the model");
    if (question.body == "huge") throw std::bad_alloc();
    return "answer to " + std::string(question.body);
  }
  std::string failure(const Error& error) override { return "failed: " + error.message; }

  std::vector<std::string> asked() {
    base::MutexLock lock(mutex_);
    return asked_;
  }

  std::atomic<bool> held{true}, away{true};
  std::atomic<std::size_t> running{0}, running_most{0};

 private:
  base::Mutex mutex_;
  std::vector<std::string> asked_ GUARDED_BY(mutex_);
};

class FakeFiles final : public Files {
 public:
  Result<void> check(const std::string& location) override {
    if (location.starts_with("s3://")) return {};
    return base::error(Code::kInvalidArgument, "no location: {}", location);
  }
  Result<std::string> read(const std::string& location) override {
    if (down) return base::error(Code::kUnavailable, "the storage does not answer");
    base::MutexLock lock(mutex_);
    if (location.starts_with("s3://away/"))
      return base::error(Code::kUnavailable, "that storage does not answer");
    const auto found = files_.find(location);
    if (found == files_.end()) return base::error(Code::kNotFound, "no such object");
    return found->second;
  }
  Result<void> write(const std::string& location, std::string_view bytes,
                     const std::string& type) override {
    EXPECT_EQ(type, "application/json");
    if (down) return base::error(Code::kUnavailable, "the storage does not answer");
    base::MutexLock lock(mutex_);
    if (location.starts_with(refused_))
      return base::error(Code::kPermissionDenied, "the bucket is not ours");
    files_[location] = bytes;
    return {};
  }
  std::string content(const std::string& location) {
    base::MutexLock lock(mutex_);
    const auto found = files_.find(location);
    return found == files_.end() ? "" : found->second;
  }
  void put(const std::string& location, const std::string& text) {
    base::MutexLock lock(mutex_);
    files_[location] = text;
  }

  void refuse(const std::string& prefix) {
    base::MutexLock lock(mutex_);
    refused_ = prefix;
  }

  std::atomic<bool> down{false};

 private:
  base::Mutex mutex_;
  std::string refused_ GUARDED_BY(mutex_) = "nothing";
  std::map<std::string, std::string> files_ GUARDED_BY(mutex_);
};

class InvocationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    reopen();
    ASSERT_TRUE(db_->migrate({migrations()}));
  }

  // As after a kill: what is in memory is gone.
  void reopen() {
    invocations_.reset();
    db_.reset();
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "db"}, clock_, random_));
  }
  void make(Invocations::Options options = {}) {
    options.retry_first = milliseconds(1);
    options.retry_last = milliseconds(5);
    metrics_ = std::make_unique<base::Metrics>();
    invocations_ = std::make_unique<Invocations>(*db_, clock_, clock_, random_, destinations_,
                                                 scorer_, files_, *metrics_, options);
    const auto opened = invocations_->open();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  Receipt accept(Draft draft) {
    auto receipt = invocations_->accept(draft);
    CHECK(receipt.has_value());
    return *receipt;
  }
  static void eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  std::int64_t rows() {
    return *MUST(db_->read([](store::Reader& reader) {
      return reader.find("SELECT COUNT(*) FROM invocations", {},
                         [](const store::Row& row) { return row.int64(0); });
    }));
  }
  bool tells(const std::string& line) {
    return metrics_->prometheus_text().find(line + "\n") != std::string::npos;
  }
  // Until so many tries are to be made again.
  void expect_retries(int least) {
    eventually([&] {
      const std::string text = metrics_->prometheus_text();
      const std::string name = "\nslipway_async_retries_total ";
      return std::stoi(text.substr(text.find(name) + name.size())) >= least;
    });
  }

  store::testing::TempFolder folder_;
  base::SeededRandom random_{1};
  base::ManualClock clock_{{1'000'000'000}};
  FakeDestinations destinations_;
  FakeScorer scorer_;
  FakeFiles files_;
  std::unique_ptr<base::Metrics> metrics_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Invocations> invocations_;
};

TEST_F(InvocationsTest, AnswersLieWhereTheyWereSaidToBe) {
  make();
  invocations_->start();
  files_.put("s3://in/a", "7");
  const Receipt one = accept({.endpoint = "e", .id = "mine", .input = "s3://in/a"});
  EXPECT_EQ(one.id, "mine");
  EXPECT_TRUE(one.output.starts_with("s3://out/e/")) << one.output;
  EXPECT_TRUE(one.failure.starts_with("s3://bad/")) << one.failure;
  const Receipt two =
      accept({.endpoint = "e", .body = "8", .folder = "june/1", .file = "mine.json"});
  EXPECT_EQ(two.id.size(), 36u);
  EXPECT_EQ(two.output, "s3://out/e/june/1/mine.json");
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(one.output), "answer to 7");
  EXPECT_EQ(files_.content(two.output), "answer to 8");
  EXPECT_TRUE(tells("slipway_async_answers_total 2"));
}

TEST_F(InvocationsTest, WhatCannotBeAnsweredSaysWhy) {
  make();
  const Receipt bad = accept({.endpoint = "e", .body = "bad"});
  const Receipt missing = accept({.endpoint = "e", .input = "s3://in/nothing"});
  const Receipt late =
      accept({.endpoint = "e", .body = "1", .queue_limit = base::Duration::seconds(60)});
  clock_.advance(base::Duration::seconds(61));
  const Receipt good = accept({.endpoint = "e", .body = "2"});
  invocations_->start();
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(bad.failure), "failed: x must be a number");
  EXPECT_EQ(files_.content(missing.failure), "failed: the input can't be read: no such object");
  EXPECT_EQ(files_.content(late.failure), "failed: the request's time in the queue is over");
  EXPECT_EQ(files_.content(good.output), "answer to 2");
  EXPECT_EQ(files_.content(bad.output) + files_.content(good.failure), "");
  EXPECT_TRUE(tells("slipway_async_failures_total 3"));
  EXPECT_TRUE(tells("slipway_async_expired_total 1"));
}

TEST_F(InvocationsTest, IsRefusedAtOnce) {
  make();
  const std::pair<Draft, Code> cases[] = {
      {{.endpoint = "nobody", .body = "1"}, Code::kNotFound},
      {{.endpoint = "plain", .body = "1"}, Code::kFailedPrecondition},
      {{.endpoint = "e", .input = "/etc/passwd"}, Code::kInvalidArgument},
  };
  for (const auto& [draft, code] : cases) {
    const auto receipt = invocations_->accept(draft);
    ASSERT_FALSE(receipt) << draft.endpoint;
    EXPECT_EQ(receipt.error().code, code);
  }
  EXPECT_EQ(rows(), 0);
}

TEST_F(InvocationsTest, TheQueueIsBoundedForEachEndpointAndSaysHowOldItIs) {
  make({.queue_length_max = 2});
  accept({.endpoint = "e", .body = "1"});
  clock_.advance(base::Duration::seconds(30));
  accept({.endpoint = "e", .body = "2"});
  const auto third = invocations_->accept({.endpoint = "e", .body = "3"});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kResourceExhausted);
  accept({.endpoint = "other", .body = "1"});
  EXPECT_TRUE(tells(R"(slipway_async_waiting{endpoint="e"} 2)"));
  EXPECT_TRUE(tells(R"(slipway_async_oldest_seconds{endpoint="e"} 30)"))
      << metrics_->prometheus_text();
  invocations_->start();
  eventually([&] { return rows() == 0; });
  accept({.endpoint = "e", .body = "3"});
  eventually([&] { return rows() == 0; });
  EXPECT_TRUE(tells(R"(slipway_async_waiting{endpoint="e"} 0)"));
  EXPECT_TRUE(tells(R"(slipway_async_oldest_seconds{endpoint="e"} 0)"));
}

TEST_F(InvocationsTest, AnEndpointHasOnlySoManyUnderWayAndStopsNobodyElse) {
  make({.threads_max = 4, .in_flight = 2});
  invocations_->start();
  for (int i = 0; i < 5; ++i) accept({.endpoint = "narrow", .body = "hold"});
  const Receipt other = accept({.endpoint = "other", .body = "1"});
  eventually([&] { return !files_.content(other.output).empty(); });
  eventually([&] { return scorer_.running == 1; });
  for (int i = 0; i < 5; ++i) accept({.endpoint = "wide", .body = "hold"});
  eventually([&] { return scorer_.running == 3; });
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(scorer_.running_most, 3u);  // and the fourth thread has nothing it may do
  EXPECT_TRUE(tells(R"(slipway_async_in_flight{endpoint="wide"} 2)"));
  scorer_.held = false;
  eventually([&] { return rows() == 0; });
}

TEST_F(InvocationsTest, WhatIsOutOfReachIsWaitedFor) {
  make();
  files_.put("s3://in/a", "7");
  files_.down = true;
  invocations_->start();
  const Receipt stored = accept({.endpoint = "e", .input = "s3://in/a"});
  const Receipt away = accept({.endpoint = "asleep", .body = "1"});
  const Receipt busy = accept({.endpoint = "e", .body = "busy"});
  const Receipt written = accept({.endpoint = "e", .body = "1"});
  expect_retries(50);
  EXPECT_EQ(rows(), 4);
  files_.down = false;
  eventually([&] { return rows() == 2; });
  EXPECT_EQ(files_.content(stored.output), "answer to 7");
  EXPECT_EQ(files_.content(written.output), "answer to 1");
  clock_.advance(base::Duration::hours(7));  // for that one, for too long
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(away.failure),
            "failed: the request's time in the queue is over; what it waited for: the model is "
            "being loaded");
  EXPECT_EQ(files_.content(busy.failure),
            "failed: the request's time in the queue is over; what it waited for: too much waits "
            "for the model");
}

// The clock stands still: it is not the time in the queue that ends it.
TEST_F(InvocationsTest, AQuestionThatEndsTheModelIsNotAskedForever) {
  make();
  invocations_->start();
  const Receipt poison = accept({.endpoint = "e", .id = "poison", .body = "poison"});
  const Receipt good = accept({.endpoint = "e", .id = "good", .body = "1"});
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(good.output), "answer to 1");
  EXPECT_EQ(files_.content(poison.failure),
            "failed: the model gave no answer: tries=8 why=the model failed");
  EXPECT_EQ(scorer_.asked().size(), 8u + 1u);
}

TEST_F(InvocationsTest, WhatWaitsHoldsNoThread) {
  make({.threads_max = 1});
  invocations_->start();
  std::vector<Receipt> waiting;
  for (int i = 0; i < 6; ++i)  // and only four of them are under way
    waiting.push_back(accept({.endpoint = "e", .input = "s3://away/a"}));
  waiting.push_back(accept({.endpoint = "asleep", .body = "1"}));
  expect_retries(20);
  const Receipt good = accept({.endpoint = "other", .body = "1"});
  eventually([&] { return !files_.content(good.output).empty(); });
  eventually([&] { return rows() == 7; });
  eventually([&] { return tells(R"(slipway_async_in_flight{endpoint="e"} 4)"); });
  EXPECT_TRUE(tells(R"(slipway_async_waiting{endpoint="e"} 2)"));
  EXPECT_TRUE(tells(R"(slipway_async_in_flight{endpoint="asleep"} 1)"));
  clock_.advance(base::Duration::hours(7));
  eventually([&] { return rows() == 0; });
  for (const Receipt& each : waiting) EXPECT_NE(files_.content(each.failure), "");
}

TEST_F(InvocationsTest, WhatThrowsIsAFailureLikeOthers) {
  make();
  invocations_->start();
  const Receipt huge = accept({.endpoint = "e", .body = "huge"});
  eventually([&] { return rows() == 0; });
  EXPECT_TRUE(files_.content(huge.failure).starts_with("failed: an asynchronous invocation threw"))
      << files_.content(huge.failure);
}

TEST_F(InvocationsTest, APlaceThatTakesNothingHoldsNobodyUp) {
  make();
  invocations_->start();
  files_.refuse("s3://out/");
  const Receipt one = accept({.endpoint = "e", .body = "1"});
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(one.failure),
            "failed: the answer can't be written: the bucket is not ours");
}

// As with credentials that are over, or a clock that is wrong.
TEST_F(InvocationsTest, WhatEveryPlaceRefusesIsTriedUntilTheTimeIsOver) {
  make();
  invocations_->start();
  files_.refuse("s3://");
  const Receipt good = accept({.endpoint = "e", .id = "good", .body = "1"});
  const Receipt bad = accept({.endpoint = "e", .id = "bad", .body = "bad"});
  expect_retries(20);
  EXPECT_EQ(rows(), 2);
  files_.refuse("nothing");
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(good.output), "answer to 1");
  EXPECT_EQ(files_.content(bad.failure), "failed: x must be a number");
  EXPECT_EQ(files_.content(good.failure), "");
  EXPECT_EQ(scorer_.asked().size(), 2u);
  EXPECT_TRUE(tells("slipway_async_lost_total 0"));
  files_.refuse("s3://");
  accept({.endpoint = "e", .body = "1"});
  expect_retries(30);
  EXPECT_EQ(rows(), 1);
  clock_.advance(base::Duration::hours(7));
  eventually([&] { return rows() == 0; });
  EXPECT_TRUE(tells("slipway_async_lost_total 1"));
}

TEST_F(InvocationsTest, AStopInTheMiddleLosesNothing) {
  make({.threads_max = 3});
  invocations_->start();
  std::map<std::string, Receipt> receipts;
  for (int i = 0; i < 50; ++i) {
    const Receipt receipt = accept({.endpoint = i < 3        ? "asleep"
                                                : i % 2 == 0 ? "e"
                                                             : "f",
                                    .body = std::to_string(i)});
    receipts[receipt.id] = receipt;
  }
  eventually([&] { return scorer_.asked().size() >= 5; });
  invocations_->stop();
  const std::int64_t left = rows();
  EXPECT_GE(left, 3);
  reopen();
  scorer_.away = false;
  make();
  invocations_->start();
  eventually([&] { return rows() == 0; });
  for (const auto& [id, receipt] : receipts) EXPECT_NE(files_.content(receipt.output), "") << id;
  for (const std::string& id : scorer_.asked()) EXPECT_TRUE(receipts.contains(id)) << id;
  EXPECT_TRUE(tells("slipway_async_answers_total " + std::to_string(left)));
}

TEST_F(InvocationsTest, WhatWasDoneAndNotForgottenIsDoneAgainInTheSamePlace) {
  make();
  const auto change = [&](const std::string& statement) {
    ASSERT_TRUE(db_->write([&](store::Tx& tx) { return tx.execute(statement); }));
  };
  change("CREATE TRIGGER keep BEFORE DELETE ON invocations BEGIN SELECT RAISE(ABORT, 'no'); END");
  const Receipt receipt = accept({.endpoint = "e", .id = "x", .body = "1"});
  invocations_->start();
  eventually([&] { return files_.content(receipt.output) == "answer to 1"; });
  invocations_->stop();
  EXPECT_EQ(rows(), 1);
  files_.put(receipt.output, "");
  reopen();
  change("DROP TRIGGER keep");
  make();
  invocations_->start();
  eventually([&] { return rows() == 0; });
  EXPECT_EQ(files_.content(receipt.output), "answer to 1");
  EXPECT_EQ(files_.content(receipt.failure), "");
  EXPECT_EQ(scorer_.asked(), (std::vector<std::string>{"x", "x"}));
}

}  // namespace
}  // namespace slipway::invocations
