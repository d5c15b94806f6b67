// Lists and watches against an API server that says what a test wants.
#include "pipelines/kubernetes/job_watch.h"

#include <gtest/gtest.h>

#include "pipelines/kubernetes/testing/fake_api.h"

namespace slipway::pipelines {
namespace {

using testing::FakeApi;
using testing::reply;
using testing::soon;

std::string list(const std::string& version, const std::string& names) {
  std::string items;
  for (const char name : names)
    items += fmt::format(R"({}{{"metadata":{{"name":"{}"}}}})", items.empty() ? "" : ",", name);
  return reply(200, fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},"items":[{}]}})",
                                version, items));
}
std::string event(const std::string& type, char name, const std::string& version) {
  return fmt::format(
             R"({{"type":"{}","object":{{"metadata":{{"name":"{}","resourceVersion":"{}"}}}}}})",
             type, name, version) +
         "\n";
}

class JobWatchTest : public ::testing::Test {
 protected:
  std::string answer(const std::string& path) {
    if (path.find("/pods") != std::string::npos) {
      ::usleep(20'000);
      return path.find("watch=1") != std::string::npos ? reply(200, "") : list("1", "");
    }
    base::MutexLock lock(mutex_);
    asked_.push_back(path.find("watch=1") == std::string::npos
                         ? "list"
                         : path.substr(path.find("resourceVersion"), 18));
    if (answers_.empty()) {
      ::usleep(20'000);
      return reply(503, R"({"message":"not now"})");
    }
    std::string next = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return next;
  }
  std::vector<std::string> asked(std::size_t count) {
    base::MutexLock lock(mutex_);
    return {asked_.begin(),
            asked_.begin() + static_cast<std::ptrdiff_t>(std::min(count, asked_.size()))};
  }

  base::Mutex mutex_;
  std::vector<std::string> answers_ GUARDED_BY(mutex_), asked_ GUARDED_BY(mutex_);
};

using Strings = std::vector<std::string>;

TEST_F(JobWatchTest, AWatchGoesOnFromWhereItWas) {
  answers_ = {list("10", "ab"), reply(200, event("ADDED", 'c', "11") + event("DELETED", 'a', "12")),
              reply(200, event("BOOKMARK", ' ', "20")), reply(500, "broken"),
              reply(200, event("MODIFIED", 'd', "21"))};
  FakeApi api([this](const std::string& path) { return answer(path); });
  const Cluster cluster = api.cluster();
  JobWatch watch(cluster, "default");
  ASSERT_TRUE(soon([&] { return watch.look("d").job.has_value(); }));
  EXPECT_FALSE(watch.look("a").job);
  EXPECT_TRUE(watch.look("b").job && watch.look("c").job);
  EXPECT_EQ(asked(5), (Strings{"list", "resourceVersion=10", "resourceVersion=12",
                               "resourceVersion=20", "resourceVersion=20"}));
}

TEST_F(JobWatchTest, WhatIsTooLongAgoIsListedAgain) {
  const std::string too_old =
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})";
  answers_ = {list("10", "ab"), reply(200, too_old + "\n"), list("30", "bc"),
              reply(410, R"({"kind":"Status","code":410,"message":"too old"})"), list("40", "d")};
  FakeApi api([this](const std::string& path) { return answer(path); });
  const Cluster cluster = api.cluster();
  JobWatch watch(cluster, "default");
  ASSERT_TRUE(soon([&] { return watch.look("d").job.has_value(); }));
  EXPECT_FALSE(watch.look("a").job || watch.look("b").job || watch.look("c").job);
  EXPECT_EQ(asked(5),
            (Strings{"list", "resourceVersion=10", "list", "resourceVersion=30", "list"}));
}

}  // namespace
}  // namespace slipway::pipelines
