#include "tracking/reclaim.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "store/events.h"
#include "store/file_system.h"
#include "tracking/logged_models.h"
#include "tracking/run_search.h"
#include "tracking/runs.h"
#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

class FakeUses final : public RegisteredUses {
 public:
  Result<std::optional<std::string>> use_of_run(const std::string& run_id) override {
    return run_id == used ? std::optional<std::string>("version 3 of churn") : std::nullopt;
  }
  Result<std::optional<std::string>> use_of_model(const std::string& model_id) override {
    return use_of_run(model_id);
  }
  std::string used;
};

// Other rooms have two parts in every experiment, and give up one at a time.
class Contents final : public ExperimentContents {
 public:
  Result<Part> remove_some(std::int64_t experiment) override {
    meanwhile();
    return Part{.freed = {.files = 1, .bytes = 10}, .is_last = ++removed[experiment] == 2};
  }
  Result<store::Removed> measure(std::int64_t) override {
    return store::Removed{.files = 2, .bytes = 20};
  }
  std::map<std::int64_t, int> removed;
  std::function<void()> meanwhile = [] {};
};

class ReclaimTest : public testing::TrackingFixture {
 protected:
  ReclaimTest() { clock_.advance({1'000'000'000'000}); }
  // With something in every table, and two artifacts of 5 bytes each.
  std::string make_run(const std::string& experiment = "0") {
    const tracking::Run run = MUST(runs_.create({.experiment_id = experiment, .name = "r"}));
    MUST(runs_.log_batch(run.id, {{.key = "loss", .value = 1, .timestamp_ms = 1, .step = 1}},
                         {{"p", "1"}}, {{"t", "1"}}));
    put(run.artifact_uri, "a.txt");
    put(run.artifact_uri, "sub/b.txt");
    return run.id;
  }
  std::string make_model(const std::string& experiment = "0") {
    LoggedModel draft;
    draft.experiment_id = experiment;
    draft.name = "m";
    draft.params = {{"p", "1"}};
    const LoggedModel model = MUST(models_.create(draft));
    put(model.artifact_uri, "MLmodel");
    return model.id;
  }
  void put(const std::string& uri, const std::string& name) {
    const ArtifactPlace place = MUST(artifacts_.at(uri, name));
    MUST(store::write_file(folder_.path() / "upload", "12345"));
    MUST(place.store->put_file(place.path, folder_.path() / "upload", ""));
  }
  std::int64_t files_left() {
    std::int64_t files = 0;
    std::error_code none;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() / "root", none))
      files += entry.is_regular_file() ? 1 : 0;
    return files;
  }
  std::int64_t count(const std::string& table) {
    return MUST(db_->read([&](store::Reader& reader) {
             return reader.find("SELECT COUNT(*) FROM " + table, {},
                                [](const store::Row& row) { return row.int64(0); });
           }))
        .value();
  }
  std::vector<std::string> found(const std::string& experiment, View view) {
    std::vector<std::string> ids;
    RunQuery query;
    query.experiment_ids = {experiment};
    query.view = view;
    const auto page = MUST(search_runs(index_, runs_, query));
    for (const tracking::Run& run : page.items) ids.push_back(run.id);
    return ids;
  }

  std::unique_ptr<store::ObjectStore> root_ = store::open_folder_objects(folder_.path() / "root");
  Artifacts artifacts_{
      *root_, {}, [](const std::string& uri) -> Result<std::unique_ptr<store::ObjectStore>> {
        return base::error(Code::kInvalidArgument, "no storage: uri={}", uri);
      }};
  base::Metrics metrics_;
  RunIndex index_{*db_, keys_, metrics_, {}};
  FakeUses uses_;
  Contents contents_;
  Reclaimer reclaimer_{*db_, artifacts_, uses_, contents_, clock_, metrics_, {}};
};

TEST_F(ReclaimTest, ADeletedRunGoesWithAllThatBelongsToIt) {
  const std::string stays = make_run(), goes = make_run();
  MUST(runs_.remove(goes));
  EXPECT_EQ(found("0", View::kDeleted), std::vector<std::string>{goes});
  const ReclaimReport report = MUST(reclaimer_.reclaim({}));
  ASSERT_EQ(report.things.size(), 1u);
  EXPECT_EQ(report.things[0].id, goes);
  EXPECT_EQ(report.things[0].freed.files, 2);
  EXPECT_EQ(report.things[0].freed.bytes, 10);
  EXPECT_EQ(report.things[0].kept, "");
  EXPECT_EQ(report.next, "");
  EXPECT_EQ(files_left(), 2);
  for (const char* table : {"runs", "run_params", "metric_tail"})
    EXPECT_EQ(count(table), 1) << table;
  EXPECT_EQ(found("0", View::kAll), std::vector<std::string>{stays});
  EXPECT_EQ(runs_.get(goes).error().code, Code::kNotFound);
  const Error said = runs_.restore(goes).error();
  EXPECT_EQ(said.code, Code::kNotFound);
  EXPECT_NE(said.message.find("deleted for good"), std::string::npos) << said.message;
  const auto events =
      MUST(store::list_events(*db_, {.subject = "runs/" + goes, .kind = "run.reclaimed"}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_NE(events[0].payload.find("\"bytes\":10"), std::string::npos) << events[0].payload;
  EXPECT_TRUE(MUST(reclaimer_.reclaim({})).things.empty());
}

// The number of a run that is gone may come back with the next one: nothing of the old one shows.
TEST_F(ReclaimTest, ANumberThatComesBackIsANewRun) {
  const std::string other = MUST(experiments_.create("other", "", {}));
  const std::string goes = make_run();
  found("0", View::kAll);
  MUST(runs_.remove(goes));
  MUST(reclaimer_.reclaim({}));
  found("0", View::kAll);
  const tracking::Run fresh = MUST(runs_.create({.experiment_id = other, .name = "fresh"}));
  EXPECT_EQ(found("0", View::kAll), std::vector<std::string>());
  EXPECT_EQ(found(other, View::kAll), std::vector<std::string>{fresh.id});
  RunQuery query;
  query.experiment_ids = {other};
  query.filter = "metrics.loss > 0";
  EXPECT_TRUE(MUST(search_runs(index_, runs_, query)).items.empty());
}

TEST_F(ReclaimTest, RestoringWorksUntilThen) {
  const std::string run = make_run();
  MUST(runs_.remove(run));
  MUST(runs_.restore(run));
  EXPECT_TRUE(MUST(reclaimer_.reclaim({})).things.empty());
  EXPECT_EQ(MUST(runs_.get(run)).params.size(), 1u);
  EXPECT_EQ(files_left(), 2);
}

TEST_F(ReclaimTest, OnlyWhatWasDeletedLongEnoughAgo) {
  const std::string old = make_run(), fresh = make_run();
  const std::string model = make_model();
  MUST(runs_.remove(old));
  clock_.advance(base::Duration::days(29));
  MUST(runs_.remove(fresh));
  MUST(models_.remove(model));
  clock_.advance(base::Duration::days(1));
  ReclaimRequest request;
  request.older_than = base::Duration::days(30);
  EXPECT_EQ(MUST(reclaimer_.reclaim(request)).things.size(), 1u);
  request.run_ids = {fresh};
  const Error said = reclaimer_.reclaim(request).error();
  EXPECT_EQ(said.code, Code::kInvalidArgument);
  EXPECT_NE(said.message.find("is not older than the required age"), std::string::npos);
  request = {};
  EXPECT_EQ(MUST(reclaimer_.reclaim(request)).things.size(), 2u);
  EXPECT_EQ(files_left(), 0);
}

TEST_F(ReclaimTest, ADryRunChangesNothing) {
  const std::string run = make_run();
  MUST(runs_.remove(run));
  const ReclaimReport report = MUST(reclaimer_.reclaim(
      {.run_ids = {}, .logged_model_ids = {}, .experiment_ids = {}, .dry_run = true, .after = {}}));
  ASSERT_EQ(report.things.size(), 1u);
  EXPECT_EQ(report.things[0].freed.bytes, 10);
  EXPECT_EQ(files_left(), 2);
  MUST(runs_.restore(run));
}

TEST_F(ReclaimTest, AnExperimentGoesWithItsRunsAndModels) {
  const std::string experiment = MUST(experiments_.create("e", "", {{"t", "1"}}));
  make_run(experiment);
  make_model(experiment);
  const std::string other = make_run();
  MUST(runs_.remove(other));
  MUST(experiments_.remove(experiment));
  ReclaimRequest request;
  request.experiment_ids = {experiment};
  const ReclaimReport report = MUST(reclaimer_.reclaim(request));
  ASSERT_EQ(report.things.size(), 3u);
  for (const ReclaimedThing& thing : report.things) EXPECT_EQ(thing.kept, "") << thing.id;
  EXPECT_EQ(experiments_.get(experiment).error().code, Code::kNotFound);
  EXPECT_EQ(contents_.removed, (std::map<std::int64_t, int>{{std::stoll(experiment), 2}}));
  EXPECT_EQ(count("experiment_tags"), 0);
  EXPECT_EQ(count("logged_models"), 0);
  EXPECT_EQ(count("runs"), 1);
  EXPECT_TRUE(experiments_.create("e", "", {}));  // its name is free again
}

// Restoring worked until the last row had gone, and found its traces without their files.
TEST_F(ReclaimTest, AnExperimentIsNotRestoredWhileItIsTakenAway) {
  const std::string experiment = MUST(experiments_.create("e", "", {}));
  MUST(experiments_.remove(experiment));
  contents_.meanwhile = [&] {
    EXPECT_EQ(experiments_.restore(experiment).error().code, Code::kFailedPrecondition);
    MUST(experiments_.remove(experiment));  // does not make it one that can be restored
    EXPECT_EQ(MUST(experiments_.get(experiment)).stage, Stage::kDeleted);
    EXPECT_EQ(MUST(experiments_.search({.view = View::kDeleted, .max_results = 10})).items.size(),
              1u);
  };
  const ReclaimReport report = MUST(reclaimer_.reclaim({}));
  ASSERT_EQ(report.things.size(), 1u);
  EXPECT_EQ(report.things[0].kept, "");
  EXPECT_EQ(experiments_.get(experiment).error().code, Code::kNotFound);
}

// A crash after what was in it had begun to go.
TEST_F(ReclaimTest, AnExperimentHalfTakenAwayGoesTheNextTime) {
  const std::string experiment = MUST(experiments_.create("e", "", {}));
  MUST(experiments_.remove(experiment));
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE experiments SET deleted = 4 WHERE id = ?", {experiment}));
    return {};
  }));
  EXPECT_EQ(MUST(reclaimer_.reclaim({})).things.size(), 1u);
  EXPECT_EQ(experiments_.get(experiment).error().code, Code::kNotFound);
}

TEST_F(ReclaimTest, WhatIsNotDeletedIsRefusedAndNothingHappens) {
  const std::string active = make_run(), deleted = make_run();
  MUST(runs_.remove(deleted));
  ReclaimRequest request;
  request.run_ids = {deleted, active};
  EXPECT_EQ(reclaimer_.reclaim(request).error().code, Code::kInvalidArgument);
  request.run_ids = {"nobody"};
  EXPECT_EQ(reclaimer_.reclaim(request).error().code, Code::kNotFound);
  EXPECT_EQ(count("runs"), 2);
}

TEST_F(ReclaimTest, WhatAModelVersionWasMadeFromIsKept) {
  const std::string experiment = MUST(experiments_.create("e", "", {}));
  uses_.used = make_run(experiment);
  make_run(experiment);
  MUST(experiments_.remove(experiment));
  const ReclaimReport report = MUST(reclaimer_.reclaim({}));
  ASSERT_EQ(report.things.size(), 3u);
  for (const ReclaimedThing& thing : report.things) {
    if (thing.id == uses_.used) {
      EXPECT_EQ(thing.kept, "version 3 of churn was made from it");
    } else if (thing.kind == ReclaimedKind::kExperiment) {
      EXPECT_EQ(thing.kept, "something in it is kept");
    } else {
      EXPECT_EQ(thing.kept, "");
    }
  }
  EXPECT_EQ(files_left(), 2);
}

// A crash after the artifacts went and before the rows did.
TEST_F(ReclaimTest, GoesOnWhereACrashStoppedIt) {
  const std::string run = make_run();
  MUST(runs_.remove(run));
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE runs SET deleted = 4 WHERE id = ?", {run}));
    return {};
  }));
  MUST(root_->remove("0"));
  EXPECT_EQ(runs_.restore(run).error().code, Code::kFailedPrecondition);
  const ReclaimReport report = MUST(reclaimer_.reclaim({}));
  ASSERT_EQ(report.things.size(), 1u);
  EXPECT_EQ(report.things[0].kept, "");
  EXPECT_EQ(report.things[0].freed.files, 0);
  EXPECT_EQ(count("runs"), 0);
}

TEST_F(ReclaimTest, ArtifactsElsewhereAreLeftAndSaidToBe) {
  const std::string experiment = MUST(experiments_.create("e", "/somewhere/else", {}));
  const std::string run = MUST(runs_.create({.experiment_id = experiment, .name = "r"})).id;
  MUST(runs_.remove(run));
  const ReclaimReport report = MUST(reclaimer_.reclaim({}));
  ASSERT_EQ(report.things.size(), 1u);
  EXPECT_EQ(report.things[0].kept, "");
  EXPECT_NE(report.things[0].left, "");
}

TEST_F(ReclaimTest, ComesInPortions) {
  for (int i = 0; i < 5; ++i) MUST(runs_.remove(make_run()));
  MUST(models_.remove(make_model()));
  ReclaimRequest request;
  request.things_max = 2;
  std::size_t things = 0, calls = 0;
  do {
    const ReclaimReport report = MUST(reclaimer_.reclaim(request));
    things += report.things.size();
    request.after = report.next;
    ++calls;
  } while (!request.after.empty());
  EXPECT_EQ(things, 6u);
  EXPECT_EQ(calls, 3u);
  request.after = "nonsense/1";
  EXPECT_EQ(reclaimer_.reclaim(request).error().code, Code::kInvalidArgument);
}

TEST_F(ReclaimTest, TheDatabaseFileShrinks) {
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(make_run());
    std::vector<KeyValue> params;
    for (int p = 0; p < 100; ++p) params.push_back({fmt::format("p{}", p), std::string(2000, 'x')});
    MUST(runs_.log_batch(ids.back(), {}, params, {}));
  }
  for (const std::string& id : ids) MUST(runs_.remove(id));
  const ReclaimReport report = MUST(reclaimer_.reclaim({}));
  EXPECT_GT(report.space.given_back_bytes, 2'000'000);
  EXPECT_LT(report.space.free_bytes, 100'000);
}

TEST(Age, AsMlflowHasIt) {
  for (const auto& [text, seconds] :
       std::vector<std::pair<const char*, double>>{{"30d", 30 * 86400.0},
                                                   {"2d8h5m20s", 2 * 86400.0 + 8 * 3600 + 320},
                                                   {"1.5h", 5400},
                                                   {"0s", 0}})
    EXPECT_EQ(MUST(parse_age(text)).micros, static_cast<std::int64_t>(seconds * 1e6)) << text;
  for (const char* bad : {"", "30", "d", "5x", "1h2d", "1h1h", "-1d", "1e3d", "1d ", "inf"})
    EXPECT_EQ(parse_age(bad).error().code, Code::kInvalidArgument) << bad;
}

}  // namespace
}  // namespace slipway::tracking
