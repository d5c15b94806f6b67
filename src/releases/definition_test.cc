#include "releases/definition.h"

#include <gtest/gtest.h>

namespace slipway::releases {
namespace {

constexpr const char* kFlights = R"(endpoints:
  flight-delay:
    model: models:/flight-delay@champion
    features: flight_delay
    output: late
    shadow: {frozen: "models:/flight-delay/1"}
    release: {delay: 6h, steps: [10, 50, 100], hold: 24h, guard: {error_rate: 0.01, latency_ms_p99: 50, calibration_bias: 0.10, quality: {metric: brier, worse_by: 0.02}}}
    log: {policy: best_effort}
)";

TEST(EndpointDefinition, ReadsTheFlights) {
  const auto endpoints = MUST(parse_endpoints(kFlights));
  ASSERT_EQ(endpoints.size(), 1u);
  const EndpointDefinition& e = endpoints[0];
  EXPECT_EQ(e.name, "flight-delay");
  EXPECT_EQ(parse_alias(e.model), (ModelAlias{"flight-delay", "champion"}));
  EXPECT_EQ(e.features, "flight_delay");
  EXPECT_EQ(e.output, "late");
  ASSERT_EQ(e.shadow.size(), 1u);
  EXPECT_EQ(e.shadow[0].model, "models:/flight-delay/1");
  EXPECT_EQ(e.release.delay, base::Duration::hours(6));
  EXPECT_EQ(e.release.steps, (std::vector{10, 50, 100}));
  EXPECT_EQ(e.release.check_interval(), base::Duration::hours(6));
  EXPECT_EQ(e.release.guard.calibration_bias, 0.1);
  EXPECT_EQ(e.release.guard.quality, (QualityBound{"brier", 0.02}));
  EXPECT_EQ(MUST(parse_endpoint(e.name, base::to_text(e.to_json()))), e);
}

TEST(EndpointDefinition, TheShortestOneTakesOverAtOnce) {
  const auto endpoints = MUST(parse_endpoints("endpoints: {e: {model: models:/m/1}}"));
  EXPECT_EQ(endpoints[0].release.steps, std::vector{100});
  EXPECT_EQ(endpoints[0].release.delay.micros, 0);
  EXPECT_FALSE(parse_alias(endpoints[0].model));
  EXPECT_TRUE(MUST(parse_endpoints("")).empty());
  EXPECT_TRUE(MUST(parse_endpoints("monitors: [nonsense]")).empty());
}

TEST(EndpointDefinition, ReadsHowModelsAreRun) {
  const auto endpoints = MUST(parse_endpoints(R"(endpoints:
  e:
    model: models:/m/1
    batching: {max_rows: 64, max_wait_ms: 2.5, max_queue_rows: 500, priority_levels: 3, default_priority_level: 2}
    python: {workers: 4, memory_bytes_max: 1000000, call_timeout_ms: 500}
)"));
  const Running& running = endpoints[0].running;
  EXPECT_EQ(running.batching.max_rows, 64);
  EXPECT_EQ(running.batching.max_wait_ms, 2.5);
  EXPECT_EQ(running.batching.max_queue_rows, 500);
  EXPECT_EQ(running.batching.default_priority_level, 2);
  EXPECT_EQ(running.python.workers, 4);
  EXPECT_EQ(running.python.call_timeout_ms, 500);
  EXPECT_EQ(MUST(parse_endpoint("e", base::to_text(endpoints[0].to_json()))), endpoints[0]);
  JsonObject object;
  running.append_to(object);
  EXPECT_EQ(MUST(parse_running(base::to_text(object))), running);
  EXPECT_EQ(MUST(parse_running("{}")), Running());
}

TEST(EndpointDefinition, ReadsWhereAnswersGo) {
  const auto endpoints = MUST(parse_endpoints(R"(endpoints:
  e: {model: models:/m/1, async: {output: "s3://b/out", failure: "s3://b/bad", in_flight: 2}}
  f: {model: models:/m/1, async: {output: /srv/out}}
  g: {model: models:/m/1}
)"));
  EXPECT_EQ(endpoints[0].async, (AsyncInference{"s3://b/out", "s3://b/bad", 2}));
  EXPECT_EQ(endpoints[1].async, (AsyncInference{"/srv/out", "/srv/out", std::nullopt}));
  EXPECT_FALSE(endpoints[2].async);
  for (const EndpointDefinition& each : endpoints)
    EXPECT_EQ(MUST(parse_endpoint(each.name, base::to_text(each.to_json()))), each);
}

TEST(EndpointDefinition, AliasesInUris) {
  EXPECT_EQ(parse_alias("models:/a@b@c"), (ModelAlias{"a@b", "c"}));
  for (const char* uri : {"models:/a/1", "models:/@b", "models:/a@", "runs:/x@y", ""}) {
    EXPECT_FALSE(parse_alias(uri)) << uri;
  }
}

TEST(EndpointDefinition, MistakesAreToldWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"{features: f}", "line 2, column 6: endpoint e needs a key: key=model"},
      {"{model: m, modle: m}", "line 2, column 17: endpoint e has no such key: key=modle"},
      {"{model: m, release: {steps: [50, 10, 100]}}",
       "percentages that grow up to 100: step=10 after=50"},
      {"{model: m, release: {steps: [50]}}", "the last step must be 100"},
      {"{model: m, release: {steps: []}}", "the last step must be 100"},
      {"{model: m, release: {steps: [0, 100]}}", "step=0 after=0"},
      {"{model: m, release: {steps: [101]}}", "step=101"},
      {"{model: m, batching: {max_rows: 0}}", "max_rows must be from 1 to"},
      {"{model: m, batching: {max_wait_ms: -1}}", "max_wait_ms must be from 0 to"},
      {"{model: m, batching: {rows: 1}}", "batching has no such key: key=rows"},
      {"{model: m, batching: {priority_levels: 2, default_priority_level: 3}}", "come together"},
      {"{model: m, batching: {priority_levels: 2}}", "come together"},
      {"{model: m, python: {workers: 0}}", "workers must be from 1 to"},
      {"{model: m, release: {delay: soon}}", "line 2, column 34: not a duration"},
      {"{model: m, release: {check: 0s}}", "check must be longer than nothing"},
      {"{model: m, release: {guard: {error_rate: 2}}}", "error_rate must be between 0 and 1"},
      {"{model: m, release: {guard: {errors: 2}}}", "guard has no such key: key=errors"},
      {"{model: m, release: {guard: {quality: {metric: auc}}}}", "no such loss: metric=auc known="},
      {"{model: m, release: {guard: {quality: {worse_by: 1}}}}", "quality needs a key: key=metric"},
      {"{model: m, shadow: {live: models:/m/1}}", "a shadow cannot be called so: live"},
      {"{model: m, shadow: {canary-shadow: models:/m/1}}", "cannot be called so: canary-shadow"},
      {"{model: m, shadow: {\"a/b\": models:/m/1}}", "the name of a shadow"},
      {"{model: m, log: {policy: never}}", "no such log policy"},
      {"{model: m, async: {in_flight: 2}}", "async needs a key: key=output"},
      {"{model: m, async: {output: out}}", "output must be s3://BUCKET/PREFIX or an absolute path"},
      {"{model: m, async: {output: \"s3://\"}}", "output must be s3://BUCKET/PREFIX"},
      {"{model: m, async: {output: /o, failure: \"gs://b\"}}", "failure must be s3://"},
      {"{model: m, async: {output: /o, in_flight: 0}}", "in_flight must be from 1 to"},
      {"[m]", "endpoint e must be a mapping"},
  };
  for (const auto& [text, message] : cases) {
    const auto got = parse_endpoints(fmt::format("endpoints:\n  e: {}\n", text));
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, Code::kInvalidArgument);
    EXPECT_NE(got.error().message.find(message), std::string::npos) << text << "\n"
                                                                    << got.error().message;
  }
}

}  // namespace
}  // namespace slipway::releases
