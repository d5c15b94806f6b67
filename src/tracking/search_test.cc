// Experiments, logged models, datasets and sampled histories as MLflow's clients search them.
#include <gtest/gtest.h>

#include <cmath>

#include "tracking/dataset_summaries.h"
#include "tracking/limits.h"
#include "tracking/logged_model_search.h"
#include "tracking/logged_models.h"
#include "tracking/metric_sampling.h"
#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

using Names = std::vector<std::string>;

class SearchTest : public testing::TrackingFixture {
 protected:
  std::string make_experiment(const std::string& name, std::vector<KeyValue> tags = {}) {
    clock_.advance({1'000'000});
    return MUST(experiments_.create(name, "", tags));
  }
  Result<Names> find(const std::string& filter, std::vector<std::string> order_by = {}) {
    Names names;
    for (const Experiment& experiment :
         TRY(experiments_.search(
                 {.filter = filter, .order_by = std::move(order_by), .max_results = 100}))
             .items)
      names.push_back(experiment.name);
    return names;
  }
  std::string make_model(const std::string& name, std::vector<KeyValue> params = {},
                         std::vector<KeyValue> tags = {}) {
    clock_.advance({1'000'000});
    const LoggedModel draft{.experiment_id = "0", .name = name, .params = params, .tags = tags};
    return MUST(models_.create(draft)).id;
  }
  void measure(const std::string& model, Metric metric) {
    metric.model_id = model;
    MUST(runs_.log_batch(MUST(runs_.create({.experiment_id = "0"})).id, {metric}, {}, {}));
  }
  Result<Names> find_models(LoggedModelQuery query) {
    query.experiment_ids = {"0"};
    Names names;
    for (const LoggedModel& model : TRY(search_logged_models(*db_, query)).items)
      names.push_back(model.name);
    return names;
  }
};

TEST_F(SearchTest, ExperimentsAreFoundAndOrdered) {
  make_experiment("a", {{"key", "value"}});
  make_experiment("ab", {{"key", "vaLue"}});
  make_experiment("Abc");
  const struct {
    std::string filter;
    std::vector<std::string> order_by;
    Names expected;
  } cases[] = {
      {"", {}, {"Abc", "ab", "a", "Default"}},
      {"attribute.name = 'a'", {}, {"a"}},
      {"name != 'a'", {}, {"Abc", "ab", "Default"}},
      {"name LIKE 'a%'", {}, {"ab", "a"}},
      {"name ILIKE 'a%'", {}, {"Abc", "ab", "a"}},
      {"tag.key = 'value'", {}, {"a"}},
      {"tag.key != 'value'", {}, {"ab"}},
      {"tags.key ILIKE '%alu%'", {}, {"ab", "a"}},
      {"tags.key IS NULL", {}, {"Abc", "Default"}},
      {"creation_time >= 3000 AND name LIKE '%b%'", {}, {"Abc", "ab"}},
      {"", {"name DESC"}, {"ab", "a", "Default", "Abc"}},
      {"", {"creation_time ASC"}, {"Default", "a", "ab", "Abc"}},
      {"", {"experiment_id DESC"}, {"Abc", "ab", "a", "Default"}},
  };
  for (const auto& c : cases) {
    const Result<Names> found = find(c.filter, c.order_by);
    ASSERT_TRUE(found) << c.filter << ": " << found.error().message;
    EXPECT_EQ(*found, c.expected) << c.filter << (c.order_by.empty() ? "" : c.order_by[0]);
  }
  for (const char* bad : {"name", "name = a", "unknown = 'a'", "name = 'a' OR name = 'b'"})
    EXPECT_EQ(find(bad).error().code, Code::kInvalidArgument) << bad;
  EXPECT_EQ(find("", {"tags.key"}).error().code, Code::kInvalidArgument);
}

TEST_F(SearchTest, ExperimentsComeInPages) {
  for (const char* name : {"a", "b", "c"}) make_experiment(name);
  const auto first = MUST(experiments_.search({.max_results = 3}));
  EXPECT_EQ(first.items.size(), 3u);
  const auto second = MUST(experiments_.search({.max_results = 3, .page_token = first.next}));
  ASSERT_EQ(second.items.size(), 1u);
  EXPECT_EQ(second.items[0].name, "Default");
  EXPECT_EQ(second.next, "");
  EXPECT_FALSE(experiments_.search({.max_results = 0}));
  EXPECT_FALSE(experiments_.search({.max_results = 50'001}));
}

TEST_F(SearchTest, ArtifactLocationsAreCheckedAndMadeAbsolute) {
  const auto location = [&](const std::string& given) {
    return MUST(experiments_.get(MUST(experiments_.create(given, given, {})))).artifact_location;
  };
  EXPECT_EQ(location("s3://bucket/prefix"), "s3://bucket/prefix");
  EXPECT_EQ(location("file:///tmp/x"), "file:///tmp/x");
  EXPECT_EQ(location("/tmp/x/"), "/tmp/x");
  EXPECT_EQ(location("below/here"), "/below/here");
  for (const char* bad : {"runs:/abc/x", "s3://bucket/x#part", "s3://bucket/x;param"})
    EXPECT_FALSE(experiments_.create("bad", bad, {})) << bad;
}

TEST_F(SearchTest, LoggedModelsAreFoundByWhatIsKnownOfThem) {
  const std::string first = make_model("first", {{"depth", "3"}}, {{"team", "red"}});
  const std::string second = make_model("second", {{"depth", "5"}});
  const std::string third = make_model("third");
  MUST(models_.finalize(third, "LOGGED_MODEL_READY"));
  measure(first, {"auc", 0.7, 1, 0, "", "train", "d1"});
  measure(first, {"auc", 0.6, 2, 1, "", "test", "d2"});
  measure(second, {"auc", 0.9, 1, 0, "", "train", "d1"});
  const struct {
    std::string filter;
    std::vector<DatasetKey> datasets;
    std::vector<LoggedModelOrder> order_by;
    Names expected;
  } cases[] = {
      {"", {}, {}, {"third", "second", "first"}},
      {"name = 'first'", {}, {}, {"first"}},
      {"params.depth = '5'", {}, {}, {"second"}},
      {"tags.team LIKE 'r%'", {}, {}, {"first"}},
      {"status = 'READY'", {}, {}, {"third"}},
      {"status != 'LOGGED_MODEL_READY'", {}, {}, {"second", "first"}},
      {"metrics.auc > 0.65", {}, {}, {"second", "first"}},
      {"metrics.auc > 0.65", {{"test", "d2"}}, {}, {}},
      {"metrics.auc > 0.5", {{"test", ""}}, {}, {"first"}},
      {"", {{"train", "d1"}}, {}, {"second", "first"}},
      {"", {{"train", "other"}}, {}, {}},
      {"", {}, {{"name", true, {}}}, {"first", "second", "third"}},
      {"", {}, {{"creation_timestamp", true, {}}}, {"first", "second", "third"}},
      // The latest point of `first` is 0.6, on the training set 0.7; what has none comes last.
      {"", {}, {{"metrics.auc", true, {}}}, {"first", "second", "third"}},
      {"", {}, {{"metrics.auc", false, {}}}, {"second", "first", "third"}},
      {"", {}, {{"metrics.auc", false, {"test", "d2"}}}, {"first", "third", "second"}},
  };
  for (const auto& c : cases) {
    const Result<Names> found =
        find_models({.filter = c.filter, .datasets = c.datasets, .order_by = c.order_by});
    ASSERT_TRUE(found) << c.filter << ": " << found.error().message;
    EXPECT_EQ(*found, c.expected) << c.filter;
  }
  EXPECT_FALSE(find_models({.order_by = {{"params.depth", true, {}}}}));
  EXPECT_FALSE(find_models({.order_by = {{"nothing", true, {}}}}));
  EXPECT_FALSE(find_models({.datasets = {{"", "d1"}}}));
  EXPECT_FALSE(find_models({.max_results = 1001}));
  MUST(models_.remove(second));
  EXPECT_EQ(MUST(find_models({})), (Names{"third", "first"}));
  EXPECT_FALSE(models_.get(second));
  EXPECT_TRUE(models_.get(second, Deleted::kShown));
}

TEST_F(SearchTest, MetricsOfALoggedModelSayWhereTheyComeFrom) {
  const std::string model = make_model("m");
  measure(model, {"auc", 0.7, 5, 2, "", "train", "d1"});
  measure(model, {"loss", std::nan(""), 6, 0});
  const LoggedModel found = MUST(models_.get(model));
  ASSERT_EQ(found.metrics.size(), 2u);
  EXPECT_EQ(found.metrics[0].metric.key, "auc");
  EXPECT_EQ(found.metrics[0].metric.step, 2);
  EXPECT_EQ(found.metrics[0].metric.dataset_name, "train");
  EXPECT_EQ(found.metrics[0].run_id.size(), 32u);
  EXPECT_TRUE(std::isnan(found.metrics[1].metric.value));
}

TEST_F(SearchTest, LoggedModelsNeedAnActiveExperimentAndAPlainName) {
  for (const char* bad : {"a/b", "a:b", "a.b", "100%", "\"a\"", "it's"})
    EXPECT_FALSE(models_.create({.experiment_id = "0", .name = bad})) << bad;
  const std::string experiment = make_experiment("gone");
  MUST(experiments_.remove(experiment));
  EXPECT_EQ(models_.create({.experiment_id = experiment}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(models_.create({.experiment_id = "99"}).error().code, Code::kNotFound);
}

// Golden: what mlflow 3.17.2 answers.
TEST_F(SearchTest, HistoriesAreThinnedOutEvenly) {
  const std::string run = MUST(runs_.create({.experiment_id = "0"})).id;
  std::vector<Metric> points;
  for (std::int64_t step = 0; step < 1000; ++step) points.push_back({"m", 1.0, 1, step});
  MUST(runs_.log_batch(run, points, {}, {}));
  const auto steps = [&](SampleQuery query) {
    query.run_ids = {run};
    query.key = "m";
    std::vector<std::int64_t> found;
    for (const RunMetric& point : MUST(sample_histories(runs_, query)))
      found.push_back(point.metric.step);
    return found;
  };
  using Steps = std::vector<std::int64_t>;
  EXPECT_EQ(steps({.points_max = 8}), (Steps{0, 125, 250, 375, 500, 625, 750, 999}));
  EXPECT_EQ(steps({.points_max = 8, .start_step = 100, .end_step = 200}),
            (Steps{100, 113, 126, 139, 152, 165, 177, 200}));
  EXPECT_EQ(steps({.points_max = 1}), (Steps{999}));
  EXPECT_EQ(steps({}).size(), 1000u);
  const auto refused = [&](SampleQuery query) { return !sample_histories(runs_, query); };
  EXPECT_TRUE(refused({.run_ids = {run}, .points_max = 0}));
  EXPECT_TRUE(refused({.run_ids = {run}, .points_max = kSampledPointsMax + 1}));
  EXPECT_TRUE(refused({.run_ids = {run}, .start_step = 1}));
  EXPECT_TRUE(refused({.run_ids = {run}, .start_step = 2, .end_step = 1}));
  EXPECT_TRUE(refused({.run_ids = Names(kSampledRunsMax + 1, run)}));
}

TEST_F(SearchTest, AnIdThatIsNoNumberIsRefusedAndOneWithoutAnExperimentHasNothing) {
  for (const char* bad : {"abc", "", "1x", "1.5", " 1"}) {
    EXPECT_EQ(experiments_.get(bad).error().code, Code::kInvalidArgument) << bad;
    EXPECT_EQ(runs_.create({.experiment_id = bad}).error().code, Code::kInvalidArgument) << bad;
    EXPECT_EQ(search_logged_models(*db_, {.experiment_ids = {bad}}).error().code,
              Code::kInvalidArgument)
        << bad;
    EXPECT_EQ(summarize_datasets(*db_, {bad}).error().code, Code::kInvalidArgument) << bad;
  }
  for (const char* none : {"12345", "-1", "99999999999999999999"}) {
    EXPECT_EQ(experiments_.get(none).error().code, Code::kNotFound) << none;
    EXPECT_TRUE(MUST(search_logged_models(*db_, {.experiment_ids = {none}})).items.empty()) << none;
    EXPECT_TRUE(MUST(summarize_datasets(*db_, {none})).empty()) << none;
  }
}

TEST_F(SearchTest, AModelWithoutANameGetsOneThatCanBeRead) {
  const LoggedModel model = MUST(models_.create({.experiment_id = "0"}));
  EXPECT_NE(model.name, model.id);
  EXPECT_EQ(std::count(model.name.begin(), model.name.end(), '-'), 2) << model.name;
}

TEST_F(SearchTest, CurvesOfARunAreItsFirstMetricsByNameOrThoseThatAreNamed) {
  const std::string run = MUST(runs_.create({.experiment_id = "0"})).id;
  std::vector<Metric> points;
  for (std::int64_t step = 9; step >= 0; --step)
    points.push_back({"loss", step == 4 ? 9.0 : 1.0, 1, step});
  points.push_back({"auc", 0.7, 1, 0});
  points.push_back({"zeal", 0.1, 1, 0});
  MUST(runs_.log_batch(run, points, {}, {}));
  const auto curves =
      MUST(sample_curves(runs_, run, {.keys = {}, .curves_max = 2, .points_max = 6}));
  ASSERT_EQ(curves.size(), 2u);
  ASSERT_EQ(curves[0].size(), 1u);
  EXPECT_EQ(curves[0][0].key, "auc");
  ASSERT_EQ(curves[1].size(), 5u);
  EXPECT_EQ(curves[1].front().step, 0);
  EXPECT_EQ(curves[1][2].value, 9.0);  // the peak
  EXPECT_EQ(curves[1].back().step, 9);
  const auto named =
      MUST(sample_curves(runs_, run, {.keys = {"zeal", "never", "loss", "auc"}, .curves_max = 2}));
  ASSERT_EQ(named.size(), 2u);
  EXPECT_EQ(named[0][0].key, "zeal");
  EXPECT_EQ(named[1][0].key, "loss");
  const auto absent = sample_curves(runs_, std::string(32, 'f'), {.keys = {}, .curves_max = 2});
  EXPECT_EQ(absent.error().code, Code::kNotFound);
}

TEST(Outline, BothEndsAndEveryPeakAreKept) {
  const double nan = std::nan("");
  std::vector<Metric> points;
  for (std::int64_t step = 0; step < 1000; ++step) points.push_back({"x", nan, 0, step});
  EXPECT_EQ(outline_of(points, 1000).size(), 1000u);  // all of them
  EXPECT_EQ(outline_of(points, 10).size(), 6u);       // ends, and one of each bucket
  for (Metric& point : points) point.value = point.step % 2 == 0 ? 1 : nan;
  points[333].value = -5;
  points[776].value = 7;
  const std::vector<Metric> kept = outline_of(points, 10);
  ASSERT_LE(kept.size(), 10u);
  EXPECT_EQ(kept.front().step, 0);
  EXPECT_EQ(kept.back().step, 999);
  const auto has = [&](std::int64_t step) {
    return std::any_of(kept.begin(), kept.end(), [&](const Metric& m) { return m.step == step; });
  };
  EXPECT_TRUE(has(333));
  EXPECT_TRUE(has(776));
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end(),
                             [](const Metric& a, const Metric& b) { return a.step < b.step; }));
}

TEST_F(SearchTest, DatasetsOfAnExperimentAreListedOnce) {
  const DatasetInput input{
      "flights", "d1", "local", "{}", "", "", {{"mlflow.data.context", "training"}}};
  const DatasetInput bare{"flights", "d2", "local", "{}", "", "", {}};
  for (int i = 0; i < 2; ++i)
    MUST(runs_.log_inputs(MUST(runs_.create({.experiment_id = "0"})).id, {input, bare}, {}));
  const std::vector<DatasetSummary> found = MUST(summarize_datasets(*db_, {"0", "7"}));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], (DatasetSummary{"0", "flights", "d1", "training"}));
  EXPECT_EQ(found[1], (DatasetSummary{"0", "flights", "d2", ""}));
  EXPECT_FALSE(summarize_datasets(*db_, {}));
  const std::string run = MUST(runs_.create({.experiment_id = "0"})).id;
  DatasetInput largest{std::string(kDatasetNameLengthMax, 'n'),
                       std::string(kDatasetDigestLengthMax, 'd')};
  EXPECT_TRUE(runs_.log_inputs(run, {largest}, {}));
  largest.digest += 'd';
  EXPECT_EQ(runs_.log_inputs(run, {largest}, {}).error().message,
            "'digest' exceeds the maximum length of 36 characters");
  EXPECT_FALSE(summarize_datasets(*db_, Names(kSummarizedExperimentsMax + 1, "0")));
}

}  // namespace
}  // namespace slipway::tracking
