#include "app/project_diff.h"

#include <gtest/gtest.h>

namespace slipway::app {
namespace {

// Lines like "~ steps.train.retry.times 2 3", of the part that has changed.
std::string told(std::string_view before, std::string_view now, std::string_view kind,
                 std::string_view name) {
  JsonArray changes{JsonObject{{"kind", kind}, {"name", name}, {"change", "updated"}}};
  add_differences(before, now, changes);
  const Json* const differs = changes[0].as_object().if_contains("differs");
  std::string lines;
  if (differs == nullptr) return lines;
  for (const Json& each : differs->as_array()) {
    const JsonObject& one = each.as_object();
    lines += std::string(one.at("at").as_string());
    for (const std::string_view side : {"before", "now"}) {
      const Json* const value = one.if_contains(side);
      lines += " " + (value == nullptr ? "." : base::to_text(*value));
    }
    lines += "\n";
  }
  return lines;
}

TEST(ProjectDiff, NamesWhatDiffersByWhereItStands) {
  constexpr std::string_view kBefore = R"(
pipelines:
  train:
    steps:
      - {name: rows, run: python rows.py}
      - {name: fit, run: python fit.py, retry: {times: 2}}
      - {name: old, run: x}
)";
  constexpr std::string_view kNow = R"(
pipelines:
  train:
    params: {rate: 0.1}
    steps:
      - {name: fit, run: python fit.py --more, retry: {times: 3}}
      - {name: rows, run: python rows.py}
)";
  EXPECT_EQ(told(kBefore, kNow, "pipeline", "train"),
            "steps.fit.retry.times 2 3\n"
            "steps.fit.run \"python fit.py\" \"python fit.py --more\"\n"
            "steps.old {\"name\":\"old\",\"run\":\"x\"} .\n"
            "params . {\"rate\":1E-1}\n");
  EXPECT_EQ(told(kBefore, kBefore, "pipeline", "train"), "");
  EXPECT_EQ(told(kBefore, kNow, "pipeline", "other"), "");
}

TEST(ProjectDiff, FindsEveryKindOfPart) {
  const auto of = [](std::string_view kind, std::string_view name, const char* before,
                     const char* now) { return told(before, now, kind, name); };
  EXPECT_EQ(
      of("view", "v", "features: {views: {v: {ttl: 1d}}}", "features: {views: {v: {ttl: 2d}}}"),
      "ttl \"1d\" \"2d\"\n");
  EXPECT_EQ(of("feature service", "s", "features: {services: {s: {features: [a, b]}}}",
               "features: {services: {s: {features: [a, c]}}}"),
            "features.1 \"b\" \"c\"\n");
  EXPECT_EQ(of("alarm budget", "", "alarm_budget: {per_week: 1}", "alarm_budget: {per_week: 2}"),
            "per_week 1 2\n");
  EXPECT_EQ(of("maintenance", "night", "maintenance: [{name: night, from: 1}]",
               "maintenance: [{name: night, from: 2}]"),
            "from 1 2\n");
  EXPECT_EQ(of("pool", "gpu", "pools: {gpu: 1}", "pools: {gpu: 2}"), " 1 2\n");
  EXPECT_EQ(of("pool", "gpu", "pools: [", "pools: {gpu: 2}"), "");
}

// Whoever may read a project may plan another one beside it.
TEST(ProjectDiff, ShowsNoSecret) {
  EXPECT_EQ(told("routes: {r: {slack: 'https://hooks/KEY'}}", "routes: {r: {slack: 'https://x'}}",
                 "route", "r"),
            "slack \"***\" \"***\"\n");
  EXPECT_EQ(told("routes: {r: {webhook: 'https://h', secret: KEY}}", "routes: {r: {email: a@b}}",
                 "route", "r"),
            "secret \"***\" .\nwebhook \"***\" .\nemail . \"***\"\n");
  const auto of = [](const char* before, const char* now) {
    return told(before, now, "dataset", "d");
  };
  EXPECT_EQ(of("datasets: {d: {postgres: {url: 'postgresql://u:KEY@h/d', table: t}}}",
               "datasets: {d: {postgres: {url: 'postgresql://u@h/e', table: t}}}"),
            "postgres.url \"postgresql://u:***@h/d\" \"postgresql://u@h/e\"\n");
  EXPECT_EQ(of("datasets: {d: {postgres: {url: 'postgresql://u:KEY@h/d', password: KEY}}}",
               "datasets: {d: {path: x}}"),
            "postgres {\"url\":\"postgresql://u:***@h/d\",\"password\":\"***\"} .\n"
            "path . \"x\"\n");
  EXPECT_EQ(of("datasets: {d: {password: KEY}}", "datasets: {d: {password: OTHER}}"),
            "password \"***\" \"***\"\n");
}

TEST(ProjectDiff, KnowsThingsOfOneNameByTheirPlaces) {
  EXPECT_EQ(
      told("pipelines: {p: {steps: [{name: a, run: x}, {name: a, run: y}]}}",
           "pipelines: {p: {steps: [{name: a, run: x}, {name: a, run: z}]}}", "pipeline", "p"),
      "steps.a[1].run \"y\" \"z\"\n");
}

}  // namespace
}  // namespace slipway::app
