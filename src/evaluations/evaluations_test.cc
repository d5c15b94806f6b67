#include <gtest/gtest.h>

#include "evaluations/evaluation_datasets.h"
#include "evaluations/removal.h"
#include "evaluations/scorers.h"
#include "evaluations/tables.h"
#include "evaluations/testing/fake_experiments.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::evaluations {
namespace {

class FakeFilters final : public TraceFilters {
 public:
  Result<void> check(const std::string& text) override {
    if (text == "good") return {};
    return base::error(Code::kInvalidArgument, "no filter");
  }
};

class EvaluationsTest : public ::testing::Test {
 protected:
  EvaluationsTest() { MUST(db_->migrate({migrations()})); }

  UpsertCounts upsert(const std::string& id, std::string_view json) {
    return MUST(datasets_.upsert_records(id, MUST(read_drafts(MUST(base::parse_json(json))))));
  }
  std::vector<DatasetRecord> records(const std::string& id) {
    return MUST(datasets_.records(id, 100, "")).items;
  }
  // "a b": the names of the datasets found, in order; what is wrong with the query.
  std::string find(DatasetQuery query) {
    const Result<DatasetPage> page = datasets_.search(query);
    if (!page) return page.error().message;
    std::string names;
    for (const EvaluationDataset& dataset : page->items)
      names += (names.empty() ? "" : " ") + dataset.name;
    return names + (page->has_more ? " ..." : "");
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  testing::FakeExperiments experiments_;
  FakeFilters filters_;
  EvaluationDatasets datasets_{*db_, experiments_, clock_, random_};
  Scorers scorers_{*db_, experiments_, filters_, clock_, random_};
};

TEST_F(EvaluationsTest, AQuestionThatComesAgainChangesItsRecord) {
  const std::string id = MUST(datasets_.create("qa", {{"mlflow.user", "ann"}}, {"1"})).id;
  const std::string first_digest = MUST(datasets_.get(id)).digest;
  clock_.advance(base::Duration::seconds(1));
  UpsertCounts counts = upsert(id, R"([
    {"inputs": {"q": "why", "n": 1}, "expectations": {"a": "because"}, "tags": {"k": "1", "mlflow.user": "bob"},
     "source": {"source_type": "trace", "source_data": {"trace_id": "tr-1"}}},
    {"inputs": {"q": "who"}, "outputs": "me"}])");
  EXPECT_EQ(counts.inserted, 2);
  EXPECT_EQ(counts.updated, 0);
  const std::string second_digest = MUST(datasets_.get(id)).digest;
  EXPECT_NE(second_digest, first_digest);
  upsert(id, R"([{"inputs": {"q": "when"}}])");
  EXPECT_NE(MUST(datasets_.get(id)).digest, second_digest) << "at the same time";
  MUST(datasets_.delete_records(id, {records(id).back().id}));

  clock_.advance(base::Duration::seconds(1));
  counts = upsert(id, R"([{"inputs": {"n": 1, "q": "why"}, "outputs": {"text": "so"},
                           "expectations": {"tone": "kind"}, "tags": {"l": "2"}}])");
  EXPECT_EQ(counts.inserted, 0) << "the order of members is not part of a question";
  EXPECT_EQ(counts.updated, 1);
  const std::vector<DatasetRecord> found = records(id);
  ASSERT_EQ(found.size(), 2U);
  const DatasetRecord& why = found[0];
  EXPECT_EQ(base::to_text(*why.outputs), R"({"text":"so"})");
  EXPECT_EQ(base::to_text(*why.expectations), R"({"a":"because","tone":"kind"})");
  EXPECT_EQ(base::to_text(why.tags), R"({"k":"1","mlflow.user":"bob","l":"2"})");
  EXPECT_EQ(why.source_id, "tr-1");
  EXPECT_EQ(why.source_type, "TRACE");
  EXPECT_EQ(why.created_by, "bob");
  EXPECT_EQ(why.updated_by, "bob");
  EXPECT_LT(why.created, why.updated);
  EXPECT_EQ(base::to_text(*found[1].outputs), R"("me")");

  const EvaluationDataset dataset = MUST(datasets_.get(id));
  EXPECT_EQ(dataset.records, 2);
  EXPECT_EQ(dataset.schema, R"({"inputs":{"q":"string","n":"integer"},"outputs":"string",)"
                            R"("expectations":{"a":"string","tone":"string"},"version":"1.0"})");
  EXPECT_EQ(dataset.created_by, "ann");
}

TEST_F(EvaluationsTest, TheSameQuestionTwiceInOneRequestIsOneRecord) {
  const std::string id = MUST(datasets_.create("qa", {}, {})).id;
  const UpsertCounts counts = upsert(
      id,
      R"([{"inputs": {"q": 1}, "expectations": {"a": 1}}, {"inputs": {"q": 1}, "expectations": {"b": 2}},
              {"inputs": {"q": 1.5}}, {}])");
  EXPECT_EQ(counts.inserted, 3);
  EXPECT_EQ(counts.updated, 1);
  const auto found = records(id);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(base::to_text(*found[0].expectations), R"({"a":1,"b":2})");
  EXPECT_EQ(base::to_text(*found[0].outputs), "{}") << "as MLflow has it when none are said";
}

TEST_F(EvaluationsTest, WrongRecordsAreNamed) {
  struct Case {
    std::string_view json, says;
  };
  for (const auto& [json, says] : std::vector<Case>{
           {R"({})", "must be a JSON list"},
           {R"([{}, 3])", "records[1]: must be an object"},
           {R"([{"inputs": "x"}])", "records[0].inputs: must be an object"},
           {R"([{"tags": []}])", "records[0].tags: must be an object"},
           {R"([{"inputs": {"a": [{"b": -1e400}]}}])", "records[0].inputs: has a number that is"},
           {R"([{"source": {"source_type": "MOON"}}])", "source type: MOON"},
           {R"([{"source": {"source_type": "CODE", "x": 1}}])",
            "records[0].source: has a member"}}) {
    const auto drafts = read_drafts(MUST(base::parse_json(json)));
    ASSERT_FALSE(drafts) << json;
    EXPECT_NE(drafts.error().message.find(says), std::string::npos) << drafts.error().message;
  }
}

TEST_F(EvaluationsTest, RecordsComeInPagesAndGo) {
  const std::string id = MUST(datasets_.create("qa", {}, {"1"})).id;
  for (int i = 0; i < 5; ++i) upsert(id, fmt::format(R"([{{"inputs": {{"q": {}}}}}])", i));
  std::string token;
  std::vector<std::string> ids;
  for (const std::size_t size : {2U, 2U, 1U}) {
    const RecordPage page = MUST(datasets_.records(id, 2, token));
    EXPECT_EQ(page.items.size(), size);
    for (const DatasetRecord& record : page.items) ids.push_back(record.id);
    token = page.next;
  }
  EXPECT_EQ(token, "");
  EXPECT_EQ(datasets_.records(id, 2, "nonsense").error().code, Code::kInvalidArgument);
  EXPECT_EQ(datasets_.records("d-no", 2, "").error().code, Code::kNotFound);

  EXPECT_EQ(MUST(datasets_.delete_records(id, {ids[0], ids[3], "dr-no"})), 2);
  EXPECT_EQ(MUST(datasets_.get(id)).records, 3);
  MUST(datasets_.remove(id));
  MUST(datasets_.remove(id));
  EXPECT_EQ(datasets_.get(id).error().code, Code::kNotFound);
}

TEST_F(EvaluationsTest, DatasetsAreFoundByExperimentNameAndTags) {
  for (const auto& [name, experiments] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"one", {"1"}}, {"two", {"2", "1"}}, {"three", {}}}) {
    clock_.advance(base::Duration::seconds(1));
    MUST(datasets_.create(name, {{"team", name == "two" ? "b" : "a"}}, experiments));
  }
  EXPECT_EQ(find({}), "three two one");
  EXPECT_EQ(find({.experiment_ids = {"1"}}), "two one");
  EXPECT_EQ(find({.experiment_ids = {"0"}}), "");
  EXPECT_EQ(find({.filter = "tags.team = 'a'"}), "three one");
  EXPECT_EQ(find({.filter = "name LIKE 't%' AND tags.team != 'b'"}), "three");
  EXPECT_EQ(find({.filter = "name IN ('one', 'two')"}), "two one");
  EXPECT_EQ(find({.filter = "created_time > 1002000"}), "three");
  EXPECT_EQ(find({.order_by = {"name DESC"}}), "two three one");
  EXPECT_EQ(find({.order_by = {"created_time ASC"}, .max_results = 2}), "one two ...");
  EXPECT_EQ(find({.order_by = {"created_time ASC"}, .max_results = 2, .offset = 2}), "three");
  EXPECT_NE(find({.filter = "digest = 'x'"}).find("Invalid attribute key"), std::string::npos);
  EXPECT_NE(find({.max_results = 0}).find("max_results"), std::string::npos);
}

TEST_F(EvaluationsTest, ExperimentsAndTagsComeAndGo) {
  const std::string id = MUST(datasets_.create("qa", {{"k", "1"}}, {"2"})).id;
  EXPECT_EQ(MUST(datasets_.add_experiments(id, {"0", "2"})).experiment_ids,
            (std::vector<std::string>{"2", "0"}));
  EXPECT_EQ(datasets_.add_experiments(id, {"9"}).error().code, Code::kNotFound);
  EXPECT_EQ(datasets_.add_experiments("d-no", {"1"}).error().code, Code::kNotFound);
  EXPECT_EQ(MUST(datasets_.remove_experiments(id, {"2", "1"})).experiment_ids,
            std::vector<std::string>{"0"});
  MUST(datasets_.set_tags(id, {{"k", "2"}, {"l", "3"}}));
  MUST(datasets_.delete_tag(id, "l"));
  MUST(datasets_.delete_tag(id, "l"));
  MUST(datasets_.delete_tag("d-no", "l"));
  EXPECT_EQ(MUST(datasets_.get(id)).tags, (Tags{{"k", "2"}}));
  EXPECT_EQ(MUST(experiments_of_dataset(*db_, id)), std::vector<std::string>{"0"});
}

TEST_F(EvaluationsTest, VersionsOfAScorerCountUp) {
  EXPECT_EQ(MUST(scorers_.add("1", "tone", R"({"a": 1})")).version, 1);
  const ScorerVersion second = MUST(scorers_.add("1", "tone", R"({"a": 2})"));
  EXPECT_EQ(second.version, 2);
  MUST(scorers_.add("2", "tone", "{}"));
  EXPECT_EQ(MUST(scorers_.get("1", "tone", {})).content, R"({"a": 2})");
  EXPECT_EQ(MUST(scorers_.get("1", "tone", 1)).content, R"({"a": 1})");
  EXPECT_EQ(scorers_.get("1", "tone", 3).error().code, Code::kNotFound);
  EXPECT_EQ(MUST(scorers_.versions("1", "tone")).size(), 2U);
  EXPECT_EQ(MUST(scorers_.list("1")).size(), 1U);
  EXPECT_EQ(MUST(scorers_.list_of(std::nullopt)).size(), 2U);
  EXPECT_EQ(MUST(scorers_.list_of(std::vector<std::string>{"1", "3"})).size(), 1U);
  MUST(scorers_.remove("1", "tone", 1));
  EXPECT_EQ(scorers_.remove("1", "tone", 1).error().code, Code::kNotFound);
  EXPECT_EQ(MUST(scorers_.get("1", "tone", {})).version, 2);
  MUST(scorers_.remove("1", "tone", {}));
  EXPECT_EQ(scorers_.versions("1", "tone").error().code, Code::kNotFound);
  // One without versions was left, which could be set and not be removed.
  MUST(scorers_.add("1", "brief", "{}"));
  MUST(scorers_.remove("1", "brief", 1));
  EXPECT_EQ(scorers_.set_online("1", "brief", 0, {}).error().code, Code::kNotFound);
}

TEST_F(EvaluationsTest, WhatIsNoScorerIsRefused) {
  struct Case {
    std::string_view experiment, name, content;
    Code code;
  };
  for (const auto& [experiment, name, content, code] : std::vector<Case>{
           {"1", " ", "{}", Code::kInvalidArgument},
           {"1", "s", "no", Code::kInvalidArgument},
           {"1", "s", "[]", Code::kInvalidArgument},
           {"1", "s", R"({"builtin_scorer_pydantic_data": {"model": " "}})",
            Code::kInvalidArgument},
           {"1", "s", R"({"instructions_judge_pydantic_data": {"model": "gateway:/x"}})",
            Code::kNotFound},
           {"3", "s", "{}", Code::kFailedPrecondition},
           {"4", "s", "{}", Code::kNotFound}}) {
    const auto made =
        scorers_.add(std::string(experiment), std::string(name), std::string(content));
    ASSERT_FALSE(made) << content;
    EXPECT_EQ(made.error().code, code) << content;
  }
}

TEST_F(EvaluationsTest, OnlyAGatewaysScorersRunByThemselves) {
  const std::string id = MUST(scorers_.add("1", "tone", "{}")).scorer_id;
  EXPECT_TRUE(MUST(scorers_.online({id})).empty());
  EXPECT_EQ(scorers_.set_online("1", "tone", 0.5, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(scorers_.set_online("1", "tone", -1, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(scorers_.set_online("1", "tone", 0, "bad").error().code, Code::kInvalidArgument);
  EXPECT_EQ(scorers_.set_online("1", "no", 0, {}).error().code, Code::kNotFound);
  MUST(scorers_.set_online("1", "tone", 0, "good"));
  const auto found = MUST(scorers_.online({id, "no"}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].filter, "good");
}

TEST_F(EvaluationsTest, AnExperimentTakesItsScorersAlongButNotItsDatasets) {
  const std::string id = MUST(datasets_.create("qa", {}, {"1", "2"})).id;
  MUST(scorers_.add("1", "tone", "{}"));
  MUST(scorers_.add("2", "tone", "{}"));
  MUST(db_->write([](store::Tx& tx) { return remove_of_experiment(tx, 1); }));
  EXPECT_EQ(MUST(datasets_.get(id)).experiment_ids, std::vector<std::string>{"2"});
  EXPECT_EQ(MUST(scorers_.list_of(std::nullopt)).size(), 1U);
  EXPECT_EQ(MUST(scorers_.get("2", "tone", {})).version, 1);
}

}  // namespace
}  // namespace slipway::evaluations
