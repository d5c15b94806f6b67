// What leaves memory first, case by case.
#include "serving/memory_budget.h"

#include <gtest/gtest.h>

namespace slipway::serving {
namespace {

TEST(MemoryBudget, UnusedModelsGoFirstThenThoseOfQuietEndpoints) {
  const MemoryUse use{
      .models =
          {{"a/2", 100, 50}, {"a/1", 100, 20}, {"b/1", 100, 10}, {"old", 50, 5}, {"both", 40, 1}},
      .endpoints = {{"a", {"a/2", "both"}, 90}, {"b", {"b/1", "both"}, 10}, {"c", {"b/1"}, 70}}};
  struct Case {
    const char* name;
    std::size_t bytes_max;
    const char* spared;
    std::vector<std::string> models, endpoints;
    std::size_t bytes;
  };
  const Case cases[] = {
      {"it fits", 390, "", {}, {}, 390},
      {"the oldest unused one", 389, "", {"old"}, {}, 340},
      {"all that are unused, though others are older", 339, "", {"old", "a/1"}, {}, 240},
      {"an endpoint whose models others need frees nothing, so the next goes too",
       239,
       "",
       {"old", "a/1", "b/1"},
       {"b", "c"},
       140},
      {"the one that was just asked stays", 239, "b", {"old", "a/1", "a/2"}, {"c", "a"}, 140},
      {"nothing else is left to go", 0, "a", {"old", "a/1", "b/1"}, {"b", "c"}, 140},
      {"everything", 0, "", {"old", "a/1", "b/1", "a/2", "both"}, {"b", "c", "a"}, 0},
  };
  for (const Case& c : cases) {
    const Evictions plan = plan_evictions(use, c.bytes_max, c.spared);
    EXPECT_EQ(plan.models, c.models) << c.name;
    EXPECT_EQ(plan.endpoints, c.endpoints) << c.name;
    EXPECT_EQ(plan.bytes, c.bytes) << c.name;
  }
}

TEST(MemoryBudget, WhatIsAboutToAnswerStays) {
  const MemoryUse use{.models = {{"a/1", 100, 10}, {"a/2", 100, 20}, {"b/1", 100, 30}},
                      .endpoints = {{"b", {"b/1"}, 30}},
                      .kept = {"a/2"}};
  const Evictions plan = plan_evictions(use, 0, "");
  EXPECT_EQ(plan.models, (std::vector<std::string>{"a/1", "b/1"}));
  EXPECT_EQ(plan.bytes, 100u);
}

}  // namespace
}  // namespace slipway::serving
