// Runs through their public face: write-once parameters, the latest metric, histories, search
// order, life cycle.
#include "tracking/runs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include "tracking/limits.h"
#include "tracking/run_search.h"
#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

class RunsTest : public testing::TrackingFixture {
 protected:
  std::string make_run(std::vector<Metric> metrics = {}, std::vector<KeyValue> params = {},
                       std::vector<KeyValue> tags = {}) {
    const std::string id = MUST(runs_.create({.experiment_id = "0", .start_ms = ++start_})).id;
    MUST(runs_.log_batch(id, metrics, params, tags));
    return id;
  }
  std::vector<std::string> search(const std::string& filter, std::vector<std::string> order = {}) {
    std::vector<std::string> ids;
    for (const tracking::Run& run :
         MUST(
             search_runs(index_, runs_,
                         {.experiment_ids = {"0"}, .filter = filter, .order_by = std::move(order)}))
             .items)
      ids.push_back(run.id);
    return ids;
  }
  using Ids = std::vector<std::string>;

  base::Metrics metrics_;
  RunIndex index_{*db_, keys_, metrics_, {}};
  std::int64_t start_ = 0;
};

TEST_F(RunsTest, ParametersAreWrittenOnce) {
  const std::string id = make_run({}, {{"a", "1"}});
  EXPECT_TRUE(runs_.log_batch(id, {}, {{"a", "1"}}, {}));
  const auto changed = runs_.log_batch(id, {}, {{"b", "2"}, {"a", "3"}}, {});
  ASSERT_FALSE(changed);
  EXPECT_TRUE(changed.error().message.starts_with("Changing param values is not allowed"));
  EXPECT_EQ(runs_.get(id)->params.size(), 1u);  // the batch went as a whole
  EXPECT_FALSE(runs_.log_batch(id, {}, {{"c", "1"}, {"c", "1"}}, {}));
}

TEST_F(RunsTest, LatestMetricIsGreatestStepTimestampValue) {
  const std::string id =
      make_run({{"m", 1, 10, 5}, {"m", 9, 99, 4}, {"m", 3, 10, 5}, {"m", std::nan(""), 10, 5}});
  EXPECT_EQ(runs_.get(id)->metrics[0].value, 3);
  ASSERT_TRUE(runs_.log_batch(id, {{"m", -INFINITY, 11, 5}}, {}, {}));
  EXPECT_EQ(runs_.get(id)->metrics[0].value, -std::numeric_limits<double>::max());
}

TEST_F(RunsTest, PointsLoggedAtTheSameTimeAllArrive) {
  const std::string deleted = make_run();
  MUST(runs_.remove(deleted));
  const std::vector<std::string> ids = {make_run(), make_run(), make_run()};
  constexpr int kWriters = 12, kBatches = 40;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kWriters; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kBatches; ++i) {
        // Keys that nobody has seen, and one that all share.
        const std::string key = fmt::format("key-{}-{}", t, i);
        MUST(runs_.log_batch(ids[t % 3], {{key, 1.0 * i, 5, i}, {"all", 1.0 * t, 5, i}}, {}, {}));
        const auto nowhere = runs_.log_batch("nowhere", {{key, 1}}, {}, {});
        const auto gone = runs_.log_batch(deleted, {{key, 1}}, {}, {});
        if (nowhere.error().code == Code::kNotFound &&
            gone.error().code == Code::kFailedPrecondition)
          ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, kWriters * kBatches);
  for (const std::string& id : ids) {
    EXPECT_EQ(runs_.get(id)->metrics.size(), kWriters / 3 * kBatches + 1u);
    EXPECT_EQ(runs_.metric_history(id, "all", 0, "")->items.size(), kWriters / 3 * kBatches + 0u);
  }
  EXPECT_EQ(search("metrics.\"key-2-7\" = 7"), Ids{ids[2]});
}

TEST_F(RunsTest, ManyKeysAtOnceGetNumbersOfTheirOwn) {
  const std::string id = make_run();
  for (int batch = 0; batch < 12; ++batch) {
    std::vector<Metric> metrics;
    for (int i = 0; i < 1000; ++i)
      metrics.push_back({fmt::format("layer/{}", batch * 997 + i), 1.0 * batch, 1, batch});
    MUST(runs_.log_batch(id, metrics, {}, {}));
  }
  const tracking::Run run = MUST(runs_.get(id));
  EXPECT_EQ(run.metrics.size(), 11 * 997 + 1000u);
  std::set<std::string> keys;
  for (const Metric& metric : run.metrics) keys.insert(metric.key);
  EXPECT_EQ(keys.size(), run.metrics.size());
}

TEST_F(RunsTest, HistoryIsOrderedDeduplicatedAndPaged) {
  const std::string id = make_run();
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<Metric> points;
    for (int i = 0; i < 1000; ++i) points.push_back({"m", i * 0.5, 1000 - i, batch * 1000 + i});
    ASSERT_TRUE(runs_.log_batch(id, points, {}, {}));
    ASSERT_TRUE(runs_.log_batch(id, points, {}, {}));  // a retry
  }
  const auto all = runs_.metric_history(id, "m", 0, "").value();
  ASSERT_EQ(all.items.size(), 3000u);
  EXPECT_TRUE(std::is_sorted(
      all.items.begin(), all.items.end(),
      [](const Metric& a, const Metric& b) { return a.timestamp_ms < b.timestamp_ms; }));
  const auto first = runs_.metric_history(id, "m", 1000, "").value();
  EXPECT_EQ(first.items.size(), 1000u);
  const auto last = runs_.metric_history(id, "m", 2500, first.next).value();
  EXPECT_EQ(last.items.size(), 2000u);
  EXPECT_EQ(last.next, "");
  EXPECT_FALSE(runs_.metric_history(id, "m", 10, "???"));
  EXPECT_TRUE(runs_.metric_history(id, "nope", 0, "")->items.empty());
}

TEST_F(RunsTest, SearchFiltersAndOrdersWithGaps) {
  const std::string low = make_run({{"auc", 0.5, 1, 0}}, {{"depth", "6"}}, {{"team", "Red"}});
  const std::string high = make_run({{"auc", 0.9, 1, 0}}, {{"depth", "8"}});
  const std::string nan = make_run({{"auc", std::nan(""), 1, 0}});
  const std::string none = make_run();
  EXPECT_EQ(search(""), (Ids{none, nan, high, low}));
  EXPECT_EQ(search("", {"metrics.auc ASC"}), (Ids{low, high, nan, none}));
  EXPECT_EQ(search("", {"metrics.auc DESC"}), (Ids{high, low, nan, none}));
  EXPECT_EQ(search("metrics.auc > 0.4", {"start_time ASC"}), (Ids{low, high}));
  EXPECT_EQ(search("metrics.auc != 0.5"), (Ids{nan, high}));
  EXPECT_EQ(search("params.depth = '6' AND tags.team LIKE 'R%'"), (Ids{low}));
  EXPECT_EQ(search("tags.team LIKE 'r%'"), Ids());
  EXPECT_EQ(search("tags.team ILIKE 'r%'"), (Ids{low}));
  EXPECT_EQ(search("tags.team IS NULL"), (Ids{none, nan, high}));
  EXPECT_EQ(search("run_id IN ('" + low + "')"), (Ids{low}));
  EXPECT_EQ(search("status = 'RUNNING'").size(), 4u);
  for (const char* bad : {"status > 'x'", "metrics.auc = 'x'", "params.depth > '1'", "color = 'x'",
                          "run_name IN ('a')"}) {
    EXPECT_FALSE(search_runs(index_, runs_, {.experiment_ids = {"0"}, .filter = bad})) << bad;
  }
}

TEST_F(RunsTest, PagesCoverEverythingOnce) {
  for (int i = 0; i < 25; ++i) make_run();
  std::set<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    const auto page = search_runs(index_, runs_,
                                  {.experiment_ids = {"0"}, .max_results = 10, .page_token = token})
                          .value();
    for (const tracking::Run& run : page.items) EXPECT_TRUE(seen.insert(run.id).second);
    token = page.next;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_EQ(pages, 3);
}

TEST_F(RunsTest, ADeletedRunCanBeReadAndNotWritten) {
  const std::string id = make_run();
  ASSERT_TRUE(runs_.remove(id));
  ASSERT_TRUE(runs_.remove(id));
  EXPECT_EQ(runs_.get(id)->stage, Stage::kDeleted);
  EXPECT_EQ(runs_.log_batch(id, {}, {}, {{"a", "b"}}).error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(search("").empty());
  ASSERT_TRUE(runs_.restore(id));
  EXPECT_EQ(search("").size(), 1u);
  const std::string other = experiments_.create("x", "", {}).value();
  ASSERT_TRUE(runs_.create({.experiment_id = other}));
  ASSERT_TRUE(experiments_.remove(other));
  EXPECT_EQ(runs_.create({.experiment_id = other}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(experiments_.create("x", "", {}).error().code, Code::kAlreadyExists);
}

TEST_F(RunsTest, NamesAndTheirTagAreOneThing) {
  EXPECT_FALSE(
      runs_.create({.experiment_id = "0", .name = "a", .tags = {{"mlflow.runName", "b"}}}));
  const tracking::Run run =
      runs_.create({.experiment_id = "0", .tags = {{"mlflow.runName", "b"}}}).value();
  EXPECT_EQ(run.name, "b");
  ASSERT_TRUE(runs_.log_batch(run.id, {}, {}, {{"mlflow.runName", "c"}}));
  EXPECT_EQ(runs_.get(run.id)->name, "c");
  EXPECT_FALSE(runs_.create({.experiment_id = "0"})->name.empty());
}

TEST_F(RunsTest, KeysAndBatchesHaveLimits) {
  const std::string id = make_run();
  for (const std::string& key : {std::string(251, 'a'), std::string("a\"b"), std::string("../x"),
                                 std::string("a//b"), std::string("/a"), std::string()}) {
    EXPECT_FALSE(runs_.log_batch(id, {}, {}, {{key, "v"}})) << key;
  }
  EXPECT_TRUE(runs_.log_batch(id, {}, {}, {{std::string(250, 'a'), "v"}, {"a/b.c:d e", "v"}}));
  EXPECT_FALSE(runs_.log_batch(id, std::vector<Metric>(1001, {"m", 1, 1, 1}), {}, {}));
  EXPECT_TRUE(runs_.log_batch(id, std::vector<Metric>(1000, {"m", 1, 1, 1}), {}, {}));
  ASSERT_TRUE(runs_.log_batch(id, {}, {{"p", std::string(7000, 'x')}}, {}));
  EXPECT_EQ(runs_.get(id)->params[0].value.size(), kParamValueLengthMax);
  EXPECT_EQ(cut_value("aéb", 2), "aé");
}

// A text of a script that takes three bytes a character was cut to a third of what MLflow keeps,
// and its keys were refused as too long.
TEST(Limits, LengthsAreCountedInCharacters) {
  const std::string character = "\u6f22";
  std::string text;
  for (int i = 0; i < 250; ++i) text += character;
  EXPECT_TRUE(check_key("tag", text));
  EXPECT_FALSE(check_key("tag", text + "x"));
  EXPECT_EQ(cut_value(text, 250), text);
  EXPECT_EQ(cut_value(text + "x", 250), text);
  EXPECT_EQ(cut_value("a" + text, 2), "a" + character);
  DatasetInput dataset{.name = "n", .digest = text.substr(0, 36 * character.size())};
  EXPECT_TRUE(check_dataset(dataset));
  dataset.digest += character;
  EXPECT_FALSE(check_dataset(dataset));
}

TEST(Limits, AKeyIsThePathItLooksLike) {
  for (const char* bad : {"", "a//b", "/a", "a/", ".", "..", "../a", "a/../b", "./a", "a#b"})
    EXPECT_FALSE(check_key("metric", bad)) << bad;
  for (const char* good : {"a", "a/b", "a.b", "a b", "a:b", "b..a", "-_-"})
    EXPECT_TRUE(check_key("metric", good)) << good;
}

}  // namespace
}  // namespace slipway::tracking
