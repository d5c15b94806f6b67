#include <gtest/gtest.h>

#include "evaluations/label_schemas.h"
#include "evaluations/removal.h"
#include "evaluations/review_queues.h"
#include "evaluations/tables.h"
#include "evaluations/testing/fake_experiments.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::evaluations {
namespace {

// "tr-1..." is a trace of experiment 1, and so on.
class FakeTraces final : public TraceRecords {
 public:
  Result<std::optional<std::string>> experiment_of(store::Reader&,
                                                   const std::string& trace) override {
    if (!trace.starts_with("tr-")) return std::optional<std::string>();
    return std::optional(trace.substr(3, 1));
  }
};

class ReviewTest : public ::testing::Test {
 protected:
  ReviewTest() { MUST(db_->migrate({migrations()})); }

  LabelSchema draft(const std::string& name, LabelInput input = {}) {
    LabelSchema schema;
    schema.experiment_id = "1";
    schema.name = name;
    schema.input = std::move(input);
    return schema;
  }
  ReviewQueue queue(const std::string& name, std::vector<std::string> users = {}) {
    ReviewQueue queue;
    queue.experiment_id = "1";
    queue.name = name;
    queue.users = std::move(users);
    return queue;
  }
  std::string names(const ReviewQueueQuery& query) {
    std::string names;
    for (const ReviewQueue& queue : MUST(queues_.list(query)).items) names += queue.name + " ";
    return names;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  testing::FakeExperiments experiments_;
  FakeTraces traces_;
  LabelSchemas schemas_{*db_, experiments_, clock_, random_};
  ReviewQueues queues_{*db_, experiments_, traces_, clock_, random_};
};

TEST_F(ReviewTest, EveryExperimentHasADefaultQuestionThatStays) {
  const LabelSchemaPage first = MUST(schemas_.list("1", 100, 0));
  ASSERT_EQ(first.items.size(), 1U);
  const LabelSchema& question = first.items[0];
  EXPECT_TRUE(question.is_default);
  EXPECT_EQ(question.name, "Feedback");
  EXPECT_EQ(MUST(schemas_.list("1", 100, 0)).items.size(), 1U) << "once";
  EXPECT_EQ(schemas_.remove(question.id).error().code, Code::kInvalidArgument);
  EXPECT_EQ(schemas_.update(question.id, {.has_comment = true}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(schemas_.list("3", 100, 0).error().code, Code::kFailedPrecondition);
}

TEST_F(ReviewTest, SchemasComeBackAsTheyWereAndKeepTheirKind) {
  LabelSchema made =
      draft("correct", {.kind = InputKind::kPassFail, .positive = "yes", .negative = "no"});
  made.kind = LabelKind::kExpectation;
  made.instruction = "look twice";
  made.has_comment = true;
  const std::string id = MUST(schemas_.create(made)).id;
  const LabelSchema kept = MUST(schemas_.get(id));
  EXPECT_EQ(kept.kind, LabelKind::kExpectation);
  EXPECT_EQ(kept.input.positive, "yes");
  EXPECT_EQ(kept.input.negative, "no");
  EXPECT_EQ(kept.instruction, "look twice");
  EXPECT_EQ(MUST(schemas_.get_by_name("1", "correct")).id, id);
  EXPECT_EQ(schemas_.create(made).error().code, Code::kAlreadyExists);

  clock_.advance(base::Duration::seconds(1));
  const LabelSchema changed = MUST(schemas_.update(
      id,
      {.name = "right",
       .input = LabelInput{.kind = InputKind::kPassFail, .positive = "good", .negative = "bad"}}));
  EXPECT_EQ(changed.name, "right");
  EXPECT_EQ(MUST(schemas_.get(id)).input.positive, "good");
  EXPECT_TRUE(changed.has_comment);
  EXPECT_LT(changed.created, changed.updated);
  EXPECT_EQ(schemas_.update(id, {.input = LabelInput{}}).error().code, Code::kInvalidArgument);
  MUST(schemas_.remove(id));
  MUST(schemas_.remove(id));
  EXPECT_EQ(schemas_.get(id).error().code, Code::kNotFound);
}

TEST_F(ReviewTest, WrongSchemasAreRefused) {
  struct Case {
    LabelSchema schema;
    std::string_view says;
  };
  const auto options = [](std::vector<std::string> options) {
    return LabelInput{.kind = InputKind::kCategorical, .options = std::move(options)};
  };
  for (const auto& [schema, says] : std::vector<Case>{
           {draft(""), "`name` must be a non-empty string"},
           {draft(std::string(251, 'x')), "at most 250 characters; got 251"},
           {draft(" feedback "), "is reserved"},
           {draft("a", {.kind = InputKind::kPassFail, .positive = "x", .negative = "x"}),
            "must be distinct"},
           {draft("a", {.kind = InputKind::kPassFail, .positive = "x"}), "negative_label"},
           {draft("a", options({})), "non-empty list"},
           {draft("a", options(std::vector<std::string>(11, "x"))), "at most 10 entries"},
           {draft("a", options({"x", "x"})), "deduplicated"},
           {draft("a", {.kind = InputKind::kNumeric, .least = 2, .greatest = 2}), "strictly less"},
           {draft("a", {.length_max = 0}), "at least 1"}}) {
    const auto made = schemas_.create(schema);
    ASSERT_FALSE(made) << says;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument);
    EXPECT_NE(made.error().message.find(says), std::string::npos) << made.error().message;
  }
}

TEST_F(ReviewTest, QueuesHaveUsersAndQuestionsUntilTheyHaveTraces) {
  const std::string schema = MUST(schemas_.create(draft("tone"))).id;
  ReviewQueue wanted = queue("Hard ones", {" Ann ", "bob", "ANN"});
  wanted.schema_ids = {schema};
  const ReviewQueue made = MUST(queues_.create(wanted));
  EXPECT_EQ(made.users, (std::vector<std::string>{"ann", "bob"}));
  EXPECT_EQ(made.schema_ids, std::vector{schema});
  EXPECT_EQ(queues_.create(queue("hard ONES")).error().code, Code::kAlreadyExists);
  EXPECT_EQ(queues_.create(queue("Default")).error().code, Code::kInvalidArgument);
  wanted.name = "others";
  wanted.schema_ids = {"ls-no"};
  EXPECT_EQ(queues_.create(wanted).error().code, Code::kInvalidArgument);
  EXPECT_EQ(queues_.create(queue("many", std::vector<std::string>(11, "x"))).value().users.size(),
            1U);

  ReviewQueuePatch patch;
  patch.name = "Easy ones";
  patch.users = {"cid"};
  patch.schema_ids = std::vector<std::string>();
  const ReviewQueue changed = MUST(queues_.update(made.id, patch));
  EXPECT_EQ(changed.name, "Easy ones");
  EXPECT_EQ(changed.users, std::vector<std::string>{"cid"});
  EXPECT_TRUE(changed.schema_ids.empty());
  MUST(queues_.add_traces(made.id, {"tr-1a"}));
  EXPECT_NE(queues_.update(made.id, patch).error().message.find("questions are locked"),
            std::string::npos);
  MUST(queues_.remove(made.id));
  MUST(queues_.remove(made.id));
  EXPECT_EQ(queues_.get(made.id).error().code, Code::kNotFound);
}

TEST_F(ReviewTest, AUserHasOneQueueThatNobodyChanges) {
  const ReviewQueue hers = MUST(queues_.ensure_of_user("1", "Ann"));
  EXPECT_EQ(hers.name, "ann");
  EXPECT_EQ(hers.kind, QueueKind::kUser);
  EXPECT_EQ(MUST(queues_.ensure_of_user("1", "ANN")).id, hers.id);
  EXPECT_EQ(queues_.update(hers.id, {.name = "x"}).error().code, Code::kInvalidArgument);
  MUST(queues_.create(queue("bob")));
  EXPECT_EQ(queues_.ensure_of_user("1", "bob").error().code, Code::kAlreadyExists);
  EXPECT_EQ(names({.experiment_id = "1", .user = "ann"}), "ann ");
}

TEST_F(ReviewTest, WhoCompletesFirstIsNamedUntilSomebodyReopens) {
  const std::string id = MUST(queues_.create(queue("q", {"ann", "bob"}))).id;
  EXPECT_EQ(queues_.add_traces(id, {"tr-1a", "tr-2b"}).error().code, Code::kNotFound)
      << "of another experiment";
  EXPECT_TRUE(MUST(queues_.items(id, {}, 10, 0)).items.empty()) << "all or nothing";
  EXPECT_EQ(MUST(queues_.add_traces(id, {"tr-1a", " tr-1b", "tr-1a"})).size(), 2U);
  EXPECT_EQ(queues_.set_status(id, "tr-1a", ReviewStatus::kComplete, "").error().code,
            Code::kInvalidArgument);
  clock_.advance(base::Duration::seconds(1));
  EXPECT_EQ(MUST(queues_.set_status(id, "tr-1a", ReviewStatus::kComplete, "Ann")).completed_by,
            "ann");
  EXPECT_EQ(MUST(queues_.set_status(id, "tr-1a", ReviewStatus::kComplete, "bob")).completed_by,
            "ann");
  EXPECT_EQ(MUST(queues_.add_traces(id, {"tr-1a"}))[0].status, ReviewStatus::kComplete);
  EXPECT_EQ(MUST(queues_.items(id, ReviewStatus::kPending, 10, 0)).items.size(), 1U);
  EXPECT_EQ(names({.experiment_id = "1", .trace_id = "tr-1a"}), "q ");
  const ReviewItem reopened = MUST(queues_.set_status(id, "tr-1a", ReviewStatus::kPending, ""));
  EXPECT_EQ(reopened.completed_by, "");
  EXPECT_FALSE(reopened.completed);
  EXPECT_EQ(queues_.set_status(id, "tr-1z", ReviewStatus::kPending, "").error().code,
            Code::kNotFound);
  MUST(db_->write([](store::Tx& tx) { return remove_of_trace(tx, "tr-1a"); }));
  MUST(queues_.remove_traces(id, {"tr-1c"}));
  EXPECT_EQ(MUST(queues_.items(id, {}, 10, 0)).items.size(), 1U);
  MUST(db_->write([](store::Tx& tx) { return remove_of_experiment(tx, 1); }));
  EXPECT_EQ(queues_.get(id).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace slipway::evaluations
