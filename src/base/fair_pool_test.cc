// Work that waits is shared out: one queue can't take all threads, and a full one refuses.
#include "base/fair_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace slipway::base {
namespace {

TEST(FairPool, OneStuckQueueLeavesThreadsToOthers) {
  FairPool pool({.threads_max = 3, .threads_per_queue_max = 2, .queue_length_max = 2});
  std::latch go(1), two_run(2);
  const auto stuck = [&] {
    two_run.count_down();
    go.wait();
  };
  ASSERT_TRUE(pool.submit("stuck", stuck));
  ASSERT_TRUE(pool.submit("stuck", stuck));
  two_run.wait();
  std::atomic<int> late = 0;
  ASSERT_TRUE(pool.submit("stuck", [&] { ++late; }));
  ASSERT_TRUE(pool.submit("stuck", [&] { ++late; }));
  const auto full = pool.submit("stuck", [] {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kResourceExhausted);
  EXPECT_NE(full.error().message.find("queue=stuck"), std::string::npos);
  std::latch other_ran(1);
  ASSERT_TRUE(pool.submit("other", [&] { other_ran.count_down(); }));
  other_ran.wait();
  EXPECT_EQ(late, 0);
  go.count_down();
  pool.stop();
  EXPECT_EQ(late, 2);
  EXPECT_EQ(pool.submit("other", [] {}).error().code, Code::kUnavailable);
}

TEST(FairPool, WhatIsQueuedIsFinishedInItsOrder) {
  FairPool pool({.threads_max = 2, .threads_per_queue_max = 1, .queue_length_max = 1000});
  std::vector<int> a, b;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.submit("a", [&, i] { a.push_back(i); }));
    ASSERT_TRUE(pool.submit("b", [&, i] { b.push_back(i); }));
  }
  ASSERT_TRUE(pool.submit("a", [] { throw std::runtime_error("boom"); }));
  ASSERT_TRUE(pool.submit("a", [&] { a.push_back(500); }));
  pool.stop();
  EXPECT_EQ(a.size(), 501);
  EXPECT_TRUE(std::is_sorted(a.begin(), a.end()));
  EXPECT_EQ(b.size(), 500);
  EXPECT_TRUE(std::is_sorted(b.begin(), b.end()));
}

}  // namespace
}  // namespace slipway::base
