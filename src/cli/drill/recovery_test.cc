#include "cli/drill/recovery.h"

#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;

const Timestamp kStart{1704672000LL * 1'000'000};
const Timestamp kUntil = kStart + Duration::days(10);

// A request an hour; `loss` by hour.
template <class Loss>
std::vector<Answered> played(const Loss& loss) {
  std::vector<Answered> all;
  for (int hour = 0; hour < 240; ++hour) {
    const double one = loss(hour);
    all.push_back({.time = kStart + Duration::hours(hour),
                   .id = fmt::format("r{}", hour),
                   .answer = one,
                   .loss = one});
  }
  return all;
}

// The third day is the worst.
double usual(int hour) { return (hour / 24 == 2 ? 0.6 : 0.5) + 0.01 * (hour % 2); }

TEST(DrillRecovery, ItIsWellWhenAllThatFollowsIsAsWithoutTheFault) {
  const std::vector<Answered> control = played(usual);
  const Timestamp acted = kStart + Duration::hours(60);
  const auto recovered = [&](const std::vector<Answered>& faulted) {
    return recovered_at(faulted, control, kStart, acted, kUntil);
  };
  EXPECT_EQ(recovered(played([](int hour) { return hour < 60 ? 2 : usual(hour); })), acted)
      << "the same answers again";
  EXPECT_EQ(recovered(played([](int hour) { return hour < 60 ? 2 : 0.59; })), acted)
      << "another model, no worse than the worst day";
  EXPECT_EQ(recovered(played([](int hour) { return hour < 60 ? 2 : 0.7; })), std::nullopt);
  EXPECT_EQ(recovered(played([](int) { return 0.55; })), kStart) << "it never was worse";
  EXPECT_EQ(recovered(played([](int hour) { return hour >= 60 && hour < 239 ? usual(hour) : 2; })),
            std::nullopt)
      << "it comes back";
  // It takes the action another day and a half; the step before still has bad answers in its day.
  EXPECT_EQ(recovered(played([](int hour) { return hour < 96 ? 2 : usual(hour); })),
            kStart + Duration::hours(96));
}

TEST(DrillRecovery, WhoGetsNoAnswerIsNotWell) {
  const std::vector<Answered> control = played(usual);
  std::vector<Answered> faulted = control;
  for (std::size_t i = 0; i < faulted.size(); i += 3) {
    faulted[i].answer.reset();
    faulted[i].loss.reset();
  }
  EXPECT_FALSE(recovered_at(faulted, control, kStart, kStart + Duration::hours(5), kUntil));
}

TEST(DrillRecovery, WithoutOutcomesOnlyTheSameAnswersTell) {
  const auto without = [](std::vector<Answered> all) {
    for (Answered& one : all) one.loss.reset();
    return all;
  };
  const std::vector<Answered> control = without(played(usual));
  const Timestamp acted = kStart + Duration::hours(60);
  const auto back = without(played([](int hour) { return hour < 60 ? 2 : usual(hour); }));
  const auto other = without(played([](int hour) { return hour < 60 ? 2 : 0.4; }));
  EXPECT_EQ(recovered_at(back, control, kStart, acted, kUntil), acted);
  EXPECT_FALSE(recovered_at(other, control, kStart, acted, kUntil));
}

TEST(DrillRecovery, OnlyWhatIsDoneCounts) {
  const auto action = [](const char* does, const char* state) {
    return Json(JsonObject{{"does", does}, {"state", state}});
  };
  EXPECT_TRUE(is_remedy(action("rollback", "done")) && is_remedy(action("fallback", "done")));
  EXPECT_FALSE(is_remedy(action("rollback", "skipped")) || is_remedy(action("hold", "done")));
  EXPECT_TRUE(is_deed(action("pipeline", "started")) && is_deed(action("rollback", "done")));
  EXPECT_FALSE(is_deed(action("pipeline", "skipped")) || is_deed(action("incident", "done")));
}

}  // namespace
}  // namespace slipway::cli
