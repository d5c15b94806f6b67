// What Kubernetes says of Jobs and pods, and what we make of it.
#include "pipelines/kubernetes/job_state.h"

#include <gtest/gtest.h>

namespace slipway::pipelines {
namespace {

using Phase = JobState::Phase;
using Trouble = JobState::Trouble;

JobState state(const std::string& job, const std::vector<std::string>& pods) {
  std::vector<JsonObject> read;
  for (const std::string& pod : pods) read.push_back(MUST(base::parse_json_object(pod)));
  if (job.empty()) return state_of(nullptr, read);
  const JsonObject object = MUST(base::parse_json_object(job));
  return state_of(&object, read);
}

std::string terminated(const std::string& how, const std::string& of_pod = "",
                       const std::string& phase = "Failed") {
  return R"({"metadata":{"name":"p"},"status":{"phase":")" + phase + R"(",)" + of_pod +
         R"("containerStatuses":[{"name":"step","state":{"terminated":)" + how + "}}]}}";
}
std::string waiting(const std::string& how) {
  return R"({"metadata":{"name":"p"},"status":{"phase":"Pending","containerStatuses":[{"name":"step","state":{"waiting":)" +
         how + "}}]}}";
}

TEST(JobState, APodThatHasEnded) {
  const struct {
    std::string pod;
    Exit::Kind kind;
    int code;  // -1: none
    std::string why;
  } kCases[] = {
      {terminated(R"({"exitCode":0,"reason":"Completed"})", "", "Succeeded"), Exit::Kind::kExited,
       0, ""},
      {terminated(R"({"exitCode":3,"reason":"Error"})"), Exit::Kind::kExited, 3, ""},
      {terminated(R"({"exitCode":137,"reason":"OOMKilled"})"), Exit::Kind::kOutOfMemory, 137, ""},
      {terminated(R"({"exitCode":137,"reason":"Error"})", R"("reason":"DeadlineExceeded",)"),
       Exit::Kind::kTimedOut, 137, ""},
      {R"({"status":{"phase":"Failed","reason":"DeadlineExceeded"}})", Exit::Kind::kTimedOut, -1,
       ""},
      {terminated(R"({"exitCode":137,"reason":"Error"})",
                  R"("reason":"Evicted","message":"low on memory",)"),
       Exit::Kind::kExited, -1, "its node evicted the pod: Evicted: low on memory"},
      {R"({"status":{"phase":"Failed","reason":"Evicted","message":"low on disk"}})",
       Exit::Kind::kExited, -1, "its node evicted the pod: Evicted: low on disk"},
      {terminated(
           R"({"exitCode":143,"reason":"Error"})",
           R"("conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler","message":"m"}],)"),
       Exit::Kind::kExited, -1, "a pod that matters more took its place: PreemptionByScheduler: m"},
      // What came to its end all the same is good.
      {terminated(
           R"({"exitCode":0,"reason":"Completed"})",
           R"("conditions":[{"type":"DisruptionTarget","status":"True","reason":"DeletionByTaintManager"}],)",
           "Succeeded"),
       Exit::Kind::kExited, 0, ""},
      // What was told to end and did is not.
      {terminated(R"({"exitCode":0,"reason":"Completed"})", R"("reason":"DeadlineExceeded",)"),
       Exit::Kind::kTimedOut, 0, ""},
      {terminated(R"({"exitCode":0,"reason":"Completed"})",
                  R"("reason":"Evicted","message":"low on memory",)"),
       Exit::Kind::kExited, -1, "its node evicted the pod: Evicted: low on memory"},
      {terminated(R"({"exitCode":137,"reason":"ContainerStatusUnknown","message":"m"})"),
       Exit::Kind::kExited, -1, "its node lost the container: ContainerStatusUnknown: m"},
      {terminated(R"({"exitCode":128,"reason":"StartError","message":"no /bin/sh"})"),
       Exit::Kind::kExited, -1, "the container can't be started: StartError: no /bin/sh"},
      {R"({"status":{"phase":"Failed","reason":"OutOfcpu","message":"Node didn't have enough"}})",
       Exit::Kind::kExited, -1, "the pod failed: OutOfcpu: Node didn't have enough"},
      {R"({"status":{"phase":"Succeeded"}})", Exit::Kind::kExited, 0, ""},
  };
  for (const auto& each : kCases) {
    const JobState seen = state("{}", {each.pod});
    EXPECT_EQ(seen.phase, Phase::kEnded) << each.pod;
    EXPECT_EQ(seen.kind, each.kind) << each.pod;
    EXPECT_EQ(seen.exit_code.value_or(-1), each.code) << each.pod;
    EXPECT_EQ(seen.why, each.why) << each.pod;
  }
}

TEST(JobState, APodThatDoesNotRunYet) {
  const struct {
    std::string pod;
    Trouble trouble;
    std::string why;
  } kCases[] = {
      {R"({"status":{"phase":"Pending"}})", Trouble::kStarting, "the container doesn't start"},
      {waiting(R"({"reason":"ContainerCreating"})"), Trouble::kStarting,
       "the container doesn't start"},
      {waiting(R"({"reason":"ErrImagePull","message":"not found"})"), Trouble::kContainer,
       "the image can't be pulled: ErrImagePull: not found"},
      {waiting(R"({"reason":"ImagePullBackOff"})"), Trouble::kContainer,
       "the image can't be pulled: ImagePullBackOff"},
      {waiting(R"({"reason":"CreateContainerConfigError","message":"no secret"})"),
       Trouble::kContainer, "the container can't be made: CreateContainerConfigError: no secret"},
      {R"({"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes"}]}})",
       Trouble::kUnschedulable, "no node takes the pod: Unschedulable: 0/3 nodes"},
  };
  for (const auto& each : kCases) {
    const JobState seen = state("{}", {each.pod});
    EXPECT_EQ(seen.phase, Phase::kPending) << each.pod;
    EXPECT_EQ(seen.trouble, each.trouble) << each.pod;
    EXPECT_EQ(seen.why, each.why) << each.pod;
    EXPECT_FALSE(seen.has_log);
  }
}

TEST(JobState, JobsWithoutPods) {
  EXPECT_EQ(state("{}", {}).trouble, Trouble::kNoPod);
  EXPECT_EQ(state("", {}).why, "somebody deleted its Job");
  const JobState complete =
      state(R"({"status":{"conditions":[{"type":"Complete","status":"True"}]}})", {});
  EXPECT_EQ(complete.phase, Phase::kEnded);
  EXPECT_EQ(complete.exit_code, 0);
  const std::string failed =
      R"({"status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}})";
  EXPECT_EQ(state(failed, {}).why, "its pod is gone");
  EXPECT_FALSE(state(failed, {}).exit_code);
  // Of a node that is away the pod stays "running".
  EXPECT_EQ(
      state(
          failed,
          {R"({"status":{"phase":"Running","conditions":[{"type":"DisruptionTarget","status":"True","reason":"DeletionByTaintManager","message":"m"}]}})"})
          .why,
      "its node was lost: DeletionByTaintManager: m");
}

TEST(JobState, WhatIsSureAndWhatMayBeLate) {
  const std::string running =
      R"("status":{"phase":"Running","containerStatuses":[{"name":"step","state":{"running":{}}}]}})";
  EXPECT_TRUE(state("{}", {terminated(R"({"exitCode":3,"reason":"Error"})")}).is_sure);
  const std::string failed =
      R"({"status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}})";
  EXPECT_FALSE(state(failed, {}).is_sure);
  EXPECT_FALSE(state(failed, {R"({"metadata":{},)" + running}).is_sure);
  EXPECT_FALSE(state("", {}).is_sure);

  EXPECT_FALSE(state("{}", {R"({"metadata":{},)" + running}).is_leaving);
  EXPECT_TRUE(
      state("{}", {R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},)" + running})
          .is_leaving);
  EXPECT_TRUE(state(R"({"status":{"conditions":[{"type":"FailureTarget","status":"True"}]}})",
                    {R"({"metadata":{},)" + running})
                  .is_leaving);
}

TEST(JobState, TheNewestPodCountsAndOddOnesDoNoHarm) {
  const JobState seen = state(
      "{}",
      {R"({"metadata":{"name":"new","creationTimestamp":"2026-01-02T00:00:00Z"},"status":{"phase":"Running","containerStatuses":[{"name":"step","state":{"running":{}}}]}})",
       R"({"metadata":{"name":"old","creationTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Failed"}})"});
  EXPECT_EQ(seen.phase, Phase::kRunning);
  EXPECT_EQ(seen.pod, "new");
  EXPECT_TRUE(seen.has_log);
  for (
      const char* odd :
      {"{}", R"({"status":[]})",
       R"({"status":{"phase":7,"conditions":{},"containerStatuses":[1]}})",
       R"({"status":{"containerStatuses":[{"name":"step","state":{"terminated":{"exitCode":"x"}}}]}})"}) {
    state(odd, {odd});
    state("", {odd, odd});
  }
}

}  // namespace
}  // namespace slipway::pipelines
