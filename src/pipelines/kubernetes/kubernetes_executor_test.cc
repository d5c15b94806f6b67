// Steps followed against an API server that is late, away, or says no.
#include "pipelines/kubernetes/kubernetes_executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipelines/kubernetes/testing/fake_api.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

using testing::FakeApi;
using testing::reply;

constexpr const char* kRunning =
    R"({"metadata":{"name":"j-1","labels":{"slipway/job":"j"}},"status":{"phase":"Running","containerStatuses":[{"name":"step","state":{"running":{}}}]}})";
constexpr const char* kExitThree =
    R"({"metadata":{"name":"j-1","labels":{"slipway/job":"j"}},"status":{"phase":"Failed","containerStatuses":[{"name":"step","state":{"terminated":{"exitCode":3}}}]}})";
constexpr const char* kJob = R"({"metadata":{"name":"j","uid":"u"}})";
constexpr const char* kFailedJob =
    R"({"metadata":{"name":"j"},"status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}})";

class KubernetesExecutorTest : public ::testing::Test {
 protected:
  KubernetesExecutorTest() {
    command_.text = "true";
    command_.folder = folder_.path();
    command_.log = folder_.path() / "log";
    command_.kubernetes = KubernetesStep{.image = "i:1"};
    command_.names = {.pipeline = "p", .run = "r", .step = "s", .job = "j"};
  }
  // What the watches know, and what is so; each of "items" or one object.
  struct World {
    bool is_away = false;
    int deletes_refused = 0;
    std::string watched_jobs, watched_pods, job = kJob, pods, log;
  };
  std::string answer(const std::string& asked) {
    base::MutexLock lock(mutex_);
    const auto has = [&](std::string_view part) { return asked.find(part) != std::string::npos; };
    asked_.push_back(asked);
    if (has("watch=1")) {
      ::usleep(5000);
      return reply(200, "");
    }
    const auto list = [](const std::string& items) {
      return reply(200, R"({"metadata":{"resourceVersion":"1"},"items":[)" + items + "]}");
    };
    if (has("managed-by")) return list(has("/pods") ? world_.watched_pods : world_.watched_jobs);
    if (world_.is_away) return reply(503, R"({"message":"not now"})");
    if (asked.starts_with("DELETE")) {
      if (world_.deletes_refused-- > 0) return reply(503, R"({"message":"not now"})");
      world_.job.clear();
      return reply(200, "{}");
    }
    if (has("/log?")) return reply(200, world_.log);
    if (has("/pods?")) return list(world_.pods);
    if (asked.starts_with("POST")) return reply(409, R"({"reason":"AlreadyExists"})");
    return world_.job.empty() ? reply(404, "{}") : reply(200, world_.job);
  }
  Result<Exit> run() {
    FakeApi api([this](const std::string& asked) { return answer(asked); });
    KubernetesExecutor executor(
        {.cluster = api.cluster(),
         .jobs = {.space = "ml",
                  .url = {},
                  .volumes = {{.claim = "c", .host = {}, .at = folder_.path().parent_path()}}},
         .data = folder_.path(),
         .pending_timeout = std::chrono::seconds(0)},
        nullptr);
    return executor.run(command_, [this] {
      base::MutexLock lock(mutex_);
      return wish_ ? wish_() : Wish::kGoOn;
    });
  }
  std::string log() { return MUST(store::read_file(command_.log)); }

  store::testing::TempFolder folder_;
  Command command_;
  base::Mutex mutex_;
  World world_ GUARDED_BY(mutex_);
  std::function<Wish()> wish_;
  std::vector<std::string> asked_ GUARDED_BY(mutex_);
};

// The watch of Jobs is ahead of that of pods: its end is the container's all the same.
TEST_F(KubernetesExecutorTest, AnEndThatNoContainerSaidIsAskedFor) {
  world_ = {
      .watched_jobs = kFailedJob, .watched_pods = kRunning, .job = kFailedJob, .pods = kExitThree};
  const auto exit = run();
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->kind, Exit::Kind::kExited);
  EXPECT_EQ(exit->code, 3);
}

TEST_F(KubernetesExecutorTest, WhatMayRunAlreadyWaitsForTheApiServer) {
  MUST(store::write_file(command_.log.string() + ".place", R"({"job":"j"})"));
  world_ = {.is_away = true, .watched_jobs = kJob, .watched_pods = kExitThree};
  int looks = 0;
  wish_ = [&] {
    if (++looks == 5) world_.is_away = false;
    return Wish::kGoOn;
  };
  const auto exit = run();
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->code, 3);
}

TEST_F(KubernetesExecutorTest, WhatWasNeverMadeFailsAtLast) {
  world_ = {.is_away = true};
  const auto exit = run();
  ASSERT_FALSE(exit);
  EXPECT_THAT(exit.error().message, ::testing::HasSubstr("its Job can't be made: job=j"));
}

TEST_F(KubernetesExecutorTest, ACancelIsOverWhenTheJobIsDeleted) {
  world_ = {.deletes_refused = 2, .watched_jobs = kJob, .job = kJob};
  wish_ = [] { return Wish::kEnd; };
  const auto exit = run();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->kind, Exit::Kind::kStopped);
  base::MutexLock lock(mutex_);
  EXPECT_TRUE(world_.job.empty());
}

// The next server cancels it: this one may not say that it is over.
TEST_F(KubernetesExecutorTest, ACancelThatCanNotBeDoneIsLeft) {
  world_ = {.deletes_refused = 1'000'000, .watched_jobs = kJob, .job = kJob};
  int looks = 0;
  wish_ = [&] { return ++looks < 3 ? Wish::kEnd : Wish::kLeave; };
  const auto exit = run();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->kind, Exit::Kind::kLeft);
}

TEST_F(KubernetesExecutorTest, AProgressBarIsNoLineThatNeverEnds) {
  const std::string time = "2026-11-29T00:00:00.000000001Z ";
  const std::string bar(100'000, '#');
  world_ = {.watched_jobs = kJob,
            .watched_pods = kExitThree,
            .log = time + "first\n" + time + "1%\r" + bar + "\r" + bar + "\n" + time + "last"};
  ASSERT_TRUE(run());
  EXPECT_EQ(log(), "first\n1%\r" + bar + "\r" + bar + "\nlast\n");
}

}  // namespace
}  // namespace slipway::pipelines
