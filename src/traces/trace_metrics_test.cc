#include "traces/trace_metrics.h"

#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "traces/assessments.h"
#include "traces/tables.h"
#include "traces/testing/fake_experiments.h"
#include "traces/traces.h"

namespace slipway::traces {
namespace {

using enum AggregationKind;

class TraceMetricsTest : public ::testing::Test {
 protected:
  TraceMetricsTest() { MUST(db_->migrate({migrations()})); }

  struct Draft {
    std::string id, name = "chat", session, tokens;
    std::int64_t start_ms = 0, duration_ms = 0;
    TraceState state = TraceState::kOk;
  };
  void start(const Draft& draft, const std::string& experiment = "1") {
    TraceInfo info;
    info.id = draft.id;
    info.start_ms = draft.start_ms;
    info.duration_ms = draft.duration_ms;
    info.state = draft.state;
    if (!draft.name.empty()) info.tags.set(kNameTag, draft.name);
    if (!draft.session.empty()) info.metadata.set(kSessionMetadata, draft.session);
    if (!draft.tokens.empty()) info.metadata.set(kTokenUsageMetadata, draft.tokens);
    MUST(traces_.start(experiment, info));
  }
  void assess(const std::string& trace, const std::string& name, const std::string& value,
              AssessmentKind kind = AssessmentKind::kFeedback) {
    Assessment assessment;
    assessment.trace_id = trace;
    assessment.name = name;
    assessment.value = value;
    assessment.kind = kind;
    MUST(assessments_.create(assessment));
  }
  // "OK: COUNT=2; ERROR: COUNT=1": the points, or what is wrong with the query.
  std::string ask(MetricQuery query) {
    if (query.experiments.empty()) query.experiments = {"1"};
    const auto points = metrics_.query(query);
    if (!points) return points.error().message;
    std::string text;
    for (const MetricDataPoint& point : *points) {
      if (!text.empty()) text += "; ";
      for (const auto& [name, value] : point.dimensions) text += value + " ";
      for (const auto& [name, value] : point.values) text += fmt::format("{}={} ", name, value);
      text.pop_back();
    }
    return text;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  testing::FakeExperiments experiments_;
  Traces traces_{*db_, experiments_, clock_, random_};
  Assessments assessments_{*db_, clock_, random_};
  TraceMetrics metrics_{*db_, experiments_};
};

TEST_F(TraceMetricsTest, TracesAreCountedTimedAndAddedUp) {
  start({.id = "tr-1",
         .session = "a",
         .tokens = R"({"total_tokens": 10})",
         .start_ms = 1000,
         .duration_ms = 10});
  start({.id = "tr-2",
         .session = "a",
         .tokens = R"({"total_tokens": 30})",
         .start_ms = 2000,
         .duration_ms = 20});
  start({.id = "tr-3",
         .name = "search",
         .session = "b",
         .start_ms = 61'000,
         .duration_ms = 40,
         .state = TraceState::kError});
  start({.id = "tr-4", .name = "", .start_ms = 62'000, .duration_ms = 100});
  start({.id = "tr-5"}, "2");
  const std::vector<Aggregation> count{{kCount}};
  struct Case {
    MetricQuery query;
    std::string_view says;
  };
  for (const auto& [query, says] : std::vector<Case>{
           {{.metric = "trace_count", .aggregations = count}, "COUNT=4"},
           {{.experiments = {"1", "2"}, .metric = "trace_count", .aggregations = count}, "COUNT=5"},
           {{.experiments = {"3"}, .metric = "trace_count", .aggregations = count}, "COUNT=0"},
           {{.metric = "trace_count", .aggregations = count, .dimensions = {"trace_status"}},
            "ERROR COUNT=1; OK COUNT=3"},
           {{.metric = "trace_count",
           .aggregations = count,
           .dimensions = {"trace_name", "trace_status"}},
            "chat OK COUNT=2; search ERROR COUNT=1"},
           {{.metric = "session_count", .aggregations = count}, "COUNT=2"},
           {{.metric = "latency",
           .aggregations =
                 {{kAverage}, {kLeast}, {kGreatest}, {kPercentile, 50}, {kPercentile, 99.5}}},
            "AVG=42.5 MIN=10 MAX=100 P50.0=30 P99.5=99.1"},
           {{.metric = "total_tokens", .aggregations = {{kSum}, {kAverage}}}, "SUM=40 AVG=20"},
           {{.experiments = {"3"}, .metric = "latency", .aggregations = {{kAverage}}}, ""},
           {{.metric = "trace_count",
           .aggregations = count,
           .interval_seconds = 60,
           .start_ms = 0,
           .end_ms = 100'000},
            "1970-01-01T00:00:00+00:00 COUNT=2; 1970-01-01T00:01:00+00:00 COUNT=2"},
           {{.metric = "trace_count", .aggregations = count, .start_ms = 2000, .end_ms = 61'000},
            "COUNT=2"},
           {{.metric = "trace_count",
           .aggregations = count,
           .dimensions = {"trace_status"},
           .max_results = 1},
            "ERROR COUNT=1"},
           {{.metric = "trace_count", .aggregations = count, .filters = {"trace.status = 'OK'"}},
            "COUNT=3"},
           {{.metric = "trace_count",
           .aggregations = count,
           .filters = {"trace.tag.`mlflow.traceName` = 'chat'",
                       "trace.metadata.mlflow.trace.session = 'a'"}},
            "COUNT=2"},
           {{.metric = "trace_count", .aggregations = count, .filters = {"trace.status = 'HM'"}},
            "COUNT=0"}}) {
    EXPECT_EQ(ask(query), says) << query.metric;
  }
}

TEST_F(TraceMetricsTest, SpansAreCountedOnceAndCostWhatTheySay) {
  Span root;
  root.trace_id = std::string(16, 'a');
  root.span_id = std::string(8, '1');
  root.name = "chat";
  root.start_ns = 1'000'000'000;
  root.end_ns = 1'500'999'999;
  root.status = SpanStatus::kOk;
  Span model = root;
  model.span_id = std::string(8, '2');
  model.parent_id = root.span_id;
  model.name = "model";
  model.start_ns = 3'000'000'000;
  model.end_ns = 3'200'000'000;
  model.status = SpanStatus::kError;
  model.set("mlflow.spanType", "\"LLM\"");
  model.set("mlflow.llm.model", "\"gpt\"");
  model.set("mlflow.llm.provider", "\"them\"");
  model.set("mlflow.llm.cost", R"({"input_cost": 0.25, "output_cost": 0.5, "total_cost": 0.75})");
  MUST(traces_.log_spans("1", {{.spans = {root, model}}}));
  MUST(traces_.log_spans("1", {{.spans = {model}}}));  // once more

  const auto spans = [](std::string metric, std::vector<Aggregation> aggregations) {
    MetricQuery query;
    query.view = MetricView::kSpans;
    query.metric = std::move(metric);
    query.aggregations = std::move(aggregations);
    return query;
  };
  MetricQuery query = spans("span_count", {{kCount}});
  EXPECT_EQ(ask(query), "COUNT=2");
  query.dimensions = {"span_type", "span_status"};
  EXPECT_EQ(ask(query), "LLM ERROR COUNT=1; UNKNOWN OK COUNT=1");
  query.dimensions = {"span_model_name", "span_model_provider"};
  EXPECT_EQ(ask(query), "gpt them COUNT=1") << "what has no model is left out";
  query.dimensions = {};
  query.filters = {"span.name = 'chat'"};
  EXPECT_EQ(ask(query), "COUNT=1");
  query = spans("latency", {{kGreatest}, {kLeast}});
  EXPECT_EQ(ask(query), "MAX=500 MIN=200");
  query = spans("total_cost", {{kSum}});
  EXPECT_EQ(ask(query), "SUM=0.75");
  // Of the time when the span began, not the trace.
  query.end_ms = 2000;
  EXPECT_EQ(ask(query), "");
  query.end_ms = std::nullopt;
  query.start_ms = 2000;
  EXPECT_EQ(ask(query), "SUM=0.75");
}

TEST_F(TraceMetricsTest, JudgementsAreNumbersWhereTheyCanBe) {
  start({.id = "tr-1", .start_ms = 1000});
  start({.id = "tr-2", .start_ms = 2000, .state = TraceState::kError});
  assess("tr-1", "good", "true");
  assess("tr-2", "good", "\" No \"");
  assess("tr-2", "good", "\"perhaps\"");
  assess("tr-1", "score", "0.5");
  assess("tr-1", "score", "2", AssessmentKind::kExpectation);
  MetricQuery query;
  query.view = MetricView::kAssessments;
  query.metric = "assessment_count";
  query.aggregations = {{kCount}};
  EXPECT_EQ(ask(query), "COUNT=5");
  query.dimensions = {"assessment_name", "assessment_value"};
  EXPECT_EQ(ask(query),
            "good \" No \" COUNT=1; good \"perhaps\" COUNT=1; good true COUNT=1; score 0.5 "
            "COUNT=1; score 2 COUNT=1");
  query.dimensions = {"assessment_name"};
  query.filters = {"assessment.type = 'feedback'", "trace.status = 'OK'"};
  EXPECT_EQ(ask(query), "good COUNT=1; score COUNT=1");
  query.filters = {};
  query.metric = "assessment_value";
  query.aggregations = {{kAverage}, {kGreatest}};
  EXPECT_EQ(ask(query), "good AVG=0.5 MAX=1; score AVG=1.25 MAX=2");

  Assessment better;
  better.trace_id = "tr-1";
  better.name = "score";
  better.value = "4";
  better.overrides = MUST(traces_.get_info("tr-1")).assessments[1].id;
  MUST(assessments_.create(better));
  EXPECT_EQ(ask(query), "good AVG=0.5 MAX=1; score AVG=3 MAX=4") << "what is overridden is out";
}

TEST_F(TraceMetricsTest, WhatCannotBeAskedIsRefused) {
  const std::vector<Aggregation> count{{kCount}};
  struct Case {
    MetricQuery query;
    std::string_view says;
  };
  for (const auto& [query, says] : std::vector<Case>{
           {{.metric = "speed", .aggregations = count}, "metric_name must be one of ["},
           {{.experiments = {"1", "abc"}, .metric = "trace_count", .aggregations = count},
            "no experiment id"},
           {{.view = MetricView::kSpans, .metric = "trace_count", .aggregations = count},
            "metric_name must be one of ['input_cost', "},
           {{.metric = "latency", .aggregations = {{kSum}}},
            "invalid aggregation_type(s): ['SUM']. Supported aggregation types: ['AVG', 'MAX', "
            "'MIN', 'PERCENTILE']"},
           {{.metric = "latency", .aggregations = {{kAverage}}, .dimensions = {"trace_status"}},
            "invalid dimension(s): ['trace_status']. Supported dimensions: ['trace_name']"},
           {{.metric = "trace_count", .aggregations = count, .interval_seconds = 60},
            "start_time_ms and end_time_ms are required"},
           {{.metric = "trace_count",
           .aggregations = count,
           .interval_seconds = -1,
           .start_ms = 0,
           .end_ms = 1},
            "time_interval_seconds"},
           {{.metric = "trace_count", .aggregations = count, .filters = {"span.name = 'x'"}},
            "only supported for SPANS"},
           {{.metric = "trace_count", .aggregations = count, .filters = {"assessment.name = 'x'"}},
            "only supported for ASSESSMENTS"},
           {{.metric = "trace_count", .aggregations = count, .filters = {"trace.status != 'OK'"}},
            "Invalid comparator '!='"},
           {{.metric = "trace_count", .aggregations = count, .filters = {"trace.tag = 'OK'"}},
            "Invalid entity 'tag'"},
           {{.metric = "trace_count", .aggregations = count, .filters = {""}},
            "Expected one filter clause"},
           {{.metric = "trace_count", .aggregations = count, .max_results = 0}, "max_results"}}) {
    EXPECT_NE(ask(query).find(says), std::string::npos) << ask(query) << " / " << says;
  }
}

TEST(Percentiles, AreBetweenTheNearestValues) {
  EXPECT_EQ(percentile_of({5}, 99), 5);
  EXPECT_EQ(percentile_of({1, 2, 3, 4}, 0), 1);
  EXPECT_EQ(percentile_of({1, 2, 3, 4}, 100), 4);
  EXPECT_DOUBLE_EQ(percentile_of({1, 2, 3, 4}, 50), 2.5);
  EXPECT_DOUBLE_EQ(percentile_of({10, 20}, 95), 19.5);
}

}  // namespace
}  // namespace slipway::traces
