#include "lineage/lineage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "lineage/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::lineage {
namespace {

class Ours final : public OwnDatasets {
 public:
  Result<std::map<Name, std::string>> find(const std::vector<Name>& names) override {
    std::map<Name, std::string> found;
    for (const Name& name : names)
      if (name.space == "ours") found[name] = name.name;
    return found;
  }
  Result<std::vector<Name>> names_of(const std::string& own) override {
    return std::vector<Name>{{.space = "ours", .name = own}};
  }
};

std::string run_id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }

class LineageTest : public ::testing::Test {
 protected:
  LineageTest() { MUST(db_->migrate({migrations()})); }

  // A run's event at second `at`; datasets are "space:name" or "space:name@version".
  Event event(int run, std::string job, RunState state, int at,
              const std::vector<std::string>& reads = {},
              const std::vector<std::string>& writes = {}) {
    Event made{.time = {at * 1'000'000}};
    made.run = RunTold{.id = run_id(run), .state = state};
    made.job = JobTold{.name = {.space = "jobs", .name = std::move(job)}};
    for (const std::string& text : reads) made.job->inputs.push_back(dataset(text));
    for (const std::string& text : writes) made.job->outputs.push_back(dataset(text));
    made.text = fmt::format(R"({{"number":{}}})", ++events_);
    return made;
  }
  static DatasetTold dataset(const std::string& text) {
    const std::size_t colon = text.rfind(':'), at = text.find('@');
    DatasetTold told;
    told.name = {.space = text.substr(0, colon), .name = text.substr(colon + 1, at - colon - 1)};
    if (at != text.npos) told.version = text.substr(at + 1);
    return told;
  }
  // What `told` writes has this other name.
  static void call(Event& told, const Name& other) {
    told.job->outputs[0].other_names = {other};
    told.job->outputs[0].facets["symlinks"] = "{}";
  }
  std::size_t keep(const std::vector<Event>& events) { return MUST(lineage_.keep(events)); }
  JsonObject run(int number) { return MUST(lineage_.run(run_id(number))); }

  // "job a", "dataset d" of a graph, with what each needs.
  std::map<std::string, std::set<std::string>> walk(const std::string& of, Walk way = Walk::kBoth,
                                                    std::size_t steps = 20) {
    last_ = MUST(lineage_.graph(of, way, steps));
    std::map<std::string, std::string> titles;
    for (const Json& node : last_["nodes"].as_array()) {
      titles[text(node, "key")] = text(node, "kind") + " " + text(node, "name");
    }
    std::map<std::string, std::set<std::string>> needs;
    for (const Json& node : last_["nodes"].as_array()) {
      std::set<std::string>& of_this = needs[titles[text(node, "key")]];
      for (const Json& need : node.at("needs").as_array())
        of_this.insert(titles[std::string(need.as_string())]);
    }
    return needs;
  }
  static std::string text(const Json& object, std::string_view member) {
    return std::string(object.as_object().at(member).as_string());
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'000'000}};
  base::SystemRandom random_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  Ours ours_;
  Lineage lineage_{*db_, clock_, ours_, {.nodes_max = 50}};
  int events_ = 0;
  JsonObject last_;
};

using Needs = std::map<std::string, std::set<std::string>>;

TEST_F(LineageTest, ARepeatedEventIsOneEvent) {
  const Event start = event(1, "a", RunState::kStarted, 1, {"s:in"}, {"s:out"});
  EXPECT_EQ(keep({start, start}), 1u);
  EXPECT_EQ(keep({start}), 0u);
  EXPECT_EQ(MUST(lineage_.events_of_run(run_id(1), {})).at("events").as_array().size(), 1u);
  EXPECT_EQ(run(1)["inputs"].as_array().size(), 1u);
}

TEST_F(LineageTest, StatesFollowWhatHappenedNotWhatCame) {
  const struct {
    const char* name;
    std::vector<std::pair<RunState, int>> came;  // and when it happened
    const char* state;
  } cases[] = {
      {"in order",
       {{RunState::kStarted, 1}, {RunState::kRunning, 2}, {RunState::kCompleted, 3}},
       "completed"},
      {"the end first", {{RunState::kCompleted, 3}, {RunState::kStarted, 1}}, "completed"},
      {"a start that says a later time",
       {{RunState::kFailed, 3}, {RunState::kStarted, 4}},
       "failed"},
      {"two ends", {{RunState::kFailed, 3}, {RunState::kCompleted, 5}}, "completed"},
      {"two ends, the earlier one late",
       {{RunState::kFailed, 5}, {RunState::kCompleted, 3}},
       "failed"},
      {"only something else", {{RunState::kUnknown, 1}}, "unknown"},
      {"something else behind the end",
       {{RunState::kAborted, 1}, {RunState::kUnknown, 9}},
       "aborted"},
  };
  int number = 0;
  for (const auto& c : cases) {
    ++number;
    for (const auto& [state, at] : c.came) keep({event(number, "a", state, at)});
    EXPECT_EQ(run(number)["state"].as_string(), c.state) << c.name;
  }
}

// Facets of one name follow each other by the time of their events, in whatever order these come.
TEST_F(LineageTest, FacetsCumulate) {
  std::vector<Event> events;
  for (int at = 1; at <= 4; ++at) {
    Event one = event(1, "a", RunState::kRunning, at);
    one.run->facets["each"] = fmt::format(R"({{"at":{}}})", at);
    one.run->facets[fmt::format("only{}", at)] = "{}";
    one.job->facets["gone"] = at == 3 ? "" : R"({"at":0})";
    if (at == 4) one.job->facets.clear();
    events.push_back(std::move(one));
  }
  std::mt19937 order(7);
  std::shuffle(events.begin(), events.end(), order);
  for (const Event& one : events) keep({one});
  const JsonObject told = run(1);
  EXPECT_EQ(told.at("facets").at("each").at("at"), 4);
  EXPECT_EQ(told.at("facets").as_object().size(), 5u);
  const JsonObject job = MUST(lineage_.job({.space = "jobs", .name = "a"}, 10));
  EXPECT_TRUE(job.at("facets").as_object().empty()) << "taken away at 3, whatever came when";
}

TEST_F(LineageTest, VersionsOfDatasets) {
  keep({event(1, "a", RunState::kStarted, 1, {}, {"s:out"})});
  EXPECT_EQ(text(run(1)["outputs"].as_array().at(0), "version"), "");
  keep({event(1, "a", RunState::kCompleted, 2, {}, {"s:out@v1"})});
  keep({event(1, "a", RunState::kUnknown, 3, {}, {"s:out"})});
  EXPECT_EQ(run(1)["outputs"].as_array().size(), 1u);
  EXPECT_EQ(text(run(1)["outputs"].as_array().at(0), "version"), "v1");
  keep({event(2, "b", RunState::kCompleted, 4, {"s:out@v1", "s:out@v2"})});
  EXPECT_EQ(run(2)["inputs"].as_array().size(), 2u) << "one job may compare two versions";
  const JsonObject told = MUST(lineage_.dataset({.space = "s", .name = "out"}, 10));
  const JsonArray& versions = told.at("versions").as_array();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(text(versions.at(0), "version"), "v2");
  EXPECT_TRUE(versions.at(0).at("written_by").is_null()) << "nobody said who wrote it";
  EXPECT_EQ(text(versions.at(1), "written_by"), run_id(1));
  EXPECT_EQ(told.at("read_by").as_array().size(), 1u);
  EXPECT_EQ(told.at("written_by").as_array().size(), 1u);
}

TEST_F(LineageTest, AWalkLeadsUpAndDown) {
  keep({event(1, "load", RunState::kCompleted, 1, {"s:raw"}, {"s:clean"}),
        event(2, "train", RunState::kCompleted, 2, {"s:clean"}, {"s:model"}),
        event(3, "report", RunState::kCompleted, 3, {"s:clean"}, {"s:report"})});
  const Needs all{{"dataset raw", {}},
                  {"job load", {"dataset raw"}},
                  {"dataset clean", {"job load"}},
                  {"job train", {"dataset clean"}},
                  {"dataset model", {"job train"}},
                  {"job report", {"dataset clean"}},
                  {"dataset report", {"job report"}}};
  EXPECT_EQ(walk("s/clean"), all);
  EXPECT_EQ(walk("s/raw"), all);
  EXPECT_FALSE(walk("s/model").contains("job report")) << "that is another branch";
  EXPECT_EQ(walk("jobs/train", Walk::kDown),
            (Needs{{"job train", {}}, {"dataset model", {"job train"}}}));
  EXPECT_EQ(walk("s/model", Walk::kUp, 1), (Needs{{"dataset model", {"job train"}},
                                                  {"job train", {"dataset clean"}},
                                                  {"dataset clean", {}}}));
  EXPECT_TRUE(last_["cut"].as_bool());
  EXPECT_EQ(lineage_.graph("s/none", Walk::kUp, 1).error().code, Code::kNotFound);
  EXPECT_EQ(lineage_.graph("none", Walk::kUp, 1).error().code, Code::kNotFound);
}

TEST_F(LineageTest, ACircleEnds) {
  keep({event(1, "a", RunState::kCompleted, 1, {"s:x", "s:y"}, {"s:y"})});
  EXPECT_EQ(
      walk("s/y"),
      (Needs{{"dataset x", {}}, {"dataset y", {"job a"}}, {"job a", {"dataset x", "dataset y"}}}));
}

TEST_F(LineageTest, OtherNamesOfADatasetAreTheSame) {
  Event told = event(1, "load", RunState::kCompleted, 1, {}, {"s3://lake:orders"});
  call(told, {.space = "hive", .name = "db.orders"});
  keep({told, event(2, "train", RunState::kCompleted, 2, {"hive:db.orders"}, {"s:model"})});
  const Needs up = walk("s/model", Walk::kUp);
  EXPECT_TRUE(up.contains("job load")) << "through the other name";
  EXPECT_TRUE(walk("s3://lake/orders", Walk::kDown).contains("dataset model"));
}

TEST_F(LineageTest, TheNewestOtherNamesCount) {
  Event first = event(1, "load", RunState::kCompleted, 1, {}, {"s:orders"});
  Event second = event(2, "load", RunState::kCompleted, 2, {}, {"s:orders"});
  call(first, {.space = "hive", .name = "old"});
  call(second, {.space = "ours", .name = "orders"});
  const Json expected = JsonArray{JsonObject{{"namespace", "ours"}, {"name", "orders"}}};
  keep({second, first});
  const JsonObject told = MUST(lineage_.dataset({.space = "s", .name = "orders"}, 1));
  EXPECT_EQ(told.at("other_names"), expected);
  EXPECT_EQ(told.at("own"), "orders") << "known by its other name";
  walk("s/orders");
  const JsonArray& nodes = last_["nodes"].as_array();
  EXPECT_TRUE(std::any_of(nodes.begin(), nodes.end(), [](const Json& node) {
    const Json* own = node.as_object().if_contains("own");
    return own != nullptr && *own == "orders";
  }));
  Event silent = event(3, "load", RunState::kCompleted, 3, {}, {"s:orders"});
  keep({silent});
  EXPECT_EQ(MUST(lineage_.dataset({.space = "s", .name = "orders"}, 1)).at("other_names"),
            expected);
}

TEST_F(LineageTest, AnAnswerThatIsCutSaysSo) {
  keep({event(1, "a", RunState::kCompleted, 1, {"s:x", "s:y"}, {"s:z"})});
  Lineage narrow(*db_, clock_, ours_, {.nodes_max = 1});
  const JsonObject job = MUST(narrow.job({.space = "jobs", .name = "a"}, 1));
  EXPECT_EQ(job.at("inputs").as_array().size(), 1u);
  EXPECT_TRUE(job.at("cut").as_bool());
  EXPECT_FALSE(MUST(lineage_.job({.space = "jobs", .name = "a"}, 1)).at("cut").as_bool());
}

TEST_F(LineageTest, ARunLeadsToWhatItReadAndItsPartsToo) {
  Event first = event(1, "daily", RunState::kCompleted, 1, {"s:monday"}, {"s:report"});
  Event second = event(2, "daily", RunState::kCompleted, 2, {"s:tuesday"}, {"s:report"});
  Event part = event(3, "daily.part", RunState::kCompleted, 2, {"s:more"}, {"s:part"});
  part.run->parent = run_id(2);
  part.run->parent_job = {.space = "jobs", .name = "daily"};
  keep({first, second, part});
  EXPECT_FALSE(walk(run_id(2)).contains("dataset monday"));
  EXPECT_TRUE(walk(run_id(2)).contains("dataset tuesday"));
  EXPECT_TRUE(walk(run_id(2)).contains("dataset part")) << "of a run that it started";
  EXPECT_TRUE(walk("jobs/daily").contains("dataset monday"));
  EXPECT_TRUE(walk("jobs/daily").contains("dataset part"));
  EXPECT_EQ(run(3)["parent"].as_string(), run_id(2));
  EXPECT_EQ(run(2)["children"].as_array().size(), 1u);
}

TEST_F(LineageTest, AnAnswerHasALimitAndSaysSo) {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back(fmt::format("s:d{}", i));
  keep({event(1, "wide", RunState::kCompleted, 1, many)});
  EXPECT_EQ(walk("jobs/wide").size(), 50u);
  EXPECT_TRUE(last_["cut"].as_bool());
}

TEST_F(LineageTest, WhatIsOursIsNamed) {
  keep({event(1, "a", RunState::kCompleted, 1, {"ours:visits"}, {"s:out"})});
  walk("s/out");
  std::set<std::string> own;
  for (const Json& node : last_["nodes"].as_array())
    if (node.as_object().contains("own")) own.insert(text(node, "own"));
  EXPECT_EQ(own, std::set<std::string>{"visits"});
  EXPECT_TRUE(walk("dataset:visits").contains("dataset out"));
  EXPECT_TRUE(walk("dataset:other").empty()) << "ours, and nobody has told of it";
  EXPECT_EQ(MUST(lineage_.dataset({.space = "ours", .name = "visits"}, 1)).at("own"), "visits");
}

TEST_F(LineageTest, DescriptionsWithoutRuns) {
  Event job{.time = {1}, .text = "1"};
  job.job = JobTold{.name = {.space = "jobs", .name = "a"}, .facets = {{"sql", "{}"}}};
  job.job->inputs.push_back(dataset("s:in"));
  Event data{.time = {1}, .text = "2"};
  data.dataset = dataset("s:in@7");
  data.dataset->facets["schema"] = R"({"fields":[]})";
  keep({job, data});
  EXPECT_TRUE(walk("jobs/a").contains("dataset in"));
  const JsonObject told = MUST(lineage_.dataset({.space = "s", .name = "in"}, 1));
  EXPECT_TRUE(told.at("facets").as_object().contains("schema"));
  EXPECT_EQ(text(told.at("versions").as_array().at(0), "version"), "7");
}

TEST_F(LineageTest, PagesOfNames) {
  for (int i = 0; i < 5; ++i) keep({event(i, fmt::format("j{}", i), RunState::kStarted, 1)});
  JsonObject page = MUST(lineage_.jobs({.limit = 2}));
  EXPECT_EQ(page["jobs"].as_array().size(), 2u);
  page = MUST(lineage_.jobs({.after = page["next"].as_int64(), .limit = 3}));
  EXPECT_EQ(page["jobs"].as_array().size(), 3u);
  EXPECT_TRUE(page["next"].is_null());
  EXPECT_TRUE(MUST(lineage_.jobs({.space = "none"}))["jobs"].as_array().empty());
}

}  // namespace
}  // namespace slipway::lineage
