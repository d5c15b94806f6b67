// What is told of a run beforehand, beside what it then does: real commands in a temporary folder.
#include "pipelines/forecast.h"

#include <gmock/gmock.h>

#include <fstream>

#include "pipelines/testing/pipelines_fixture.h"

namespace slipway::pipelines {
namespace {

class ForecastTest : public PipelinesTest<> {
 protected:
  ForecastTest() : PipelinesTest({1'370'044'800'000'000}) {}

  void apply(const std::string& steps) {
    const auto parsed =
        parse_pipelines("pipelines:\n  p:\n    params: {word: hello}\n    steps:\n" + steps);
    ASSERT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines_->apply(*parsed, folder_.path(), "ann"));
  }
  RunRecord run(const std::map<std::string, std::string>& params = {}) {
    const RunRecord started = MUST(pipelines_->start_run("p", params, {}));
    pipelines_->run_queued();
    return MUST(pipelines_->find_run(started.id));
  }
  void write(const char* name, const char* text) { std::ofstream(folder_.path() / name) << text; }
};

TEST_F(ForecastTest, AllThatChangedIsNamed) {
  const std::string steps =
      "      - {name: prep, run: 'head -1 data > {out}/o', inputs: [data], outputs: [o]}\n"
      "      - {name: fit, run: 'cat a b {prep}/o > {out}/o; echo {word}', code: [a, b], outputs: "
      "[o]}\n";
  apply(steps);
  for (const char* file : {"data", "a", "b"}) write(file, "1\n");
  const std::string first = run().id;
  const auto told = [&](const std::map<std::string, std::string>& params = {}) {
    const StepForecast fit = MUST(pipelines_->explain_run("p", params))[1];
    return fit.verdict + ": " + fit.why;
  };
  write("data", "1\n2\n");  // of which prep writes the same as before
  EXPECT_EQ(told(), "depends: it runs unless what prep writes is as before");
  EXPECT_EQ(told({{"word", "bye"}}),
            "runs: since run " + first + ": parameter word changed from `hello` to `bye`");
  const RunRecord second = run({{"word", "bye"}});
  EXPECT_EQ(states_of(second), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(pipelines_->why(second.id, "fit")),
            "since run " + first + ": parameter word changed from `hello` to `bye`");
  write("data", "1\n3\n");
  // As the first run had it.
  EXPECT_EQ(told(), "depends: it runs unless what prep writes is as before");
  EXPECT_EQ(states_of(run()), "succeeded: succeeded cached");
  write("a", "2\n");
  write("b", "2\n");
  std::string longer = steps;
  longer.replace(longer.find("echo {word}"), 11, "echo {word} and more");
  apply(longer);
  const std::string why = told({{"word", "bye"}});
  EXPECT_THAT(why, testing::HasSubstr("parameter word changed from `hello` to `bye`; the command "
                                      "changed from `cat a b {prep}/o > {out}/o; echo {word}` to "
                                      "`cat a b {prep}/o > {out}/o; echo {word} and more`; "
                                      "code/a changed; code/b changed"));
  write("data", "1\n4\n");
  EXPECT_EQ(told({{"word", "bye"}}).substr(0, 5), "runs:");
  // Of so many that not all are looked at, one may be as it would be now.
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("WITH RECURSIVE items(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM items WHERE i "
                   "< 1001) INSERT INTO pipeline_steps(run, position, name, state, key_document, "
                   "parent) SELECT ?, i, 'fit[' || i || ']', 'cached', '{}', 1 FROM items",
                   {first}));
    return {};
  }));
  EXPECT_EQ(told({{"word", "bye"}}), "depends: it runs unless what prep writes is as before");
}

TEST_F(ForecastTest, AnItemThatHadAnotherPlaceMayComeFromTheCache) {
  const auto declare = [&](const std::string& items) {
    apply(
        "      - {name: prep, run: 'head -1 data > {out}/o', inputs: [data], outputs: [o]}\n"
        "      - {name: fit, run: 'cat {prep}/o; echo {item} > {out}/o', each: " +
        items + ", outputs: [o]}\n");
  };
  declare("[1, 2]");
  write("data", "1\n");
  run();
  declare("[2, 3]");
  write("data", "1\n2\n");  // of which prep writes the same as before
  const StepForecast fit = MUST(pipelines_->explain_run("p", {}))[1];
  ASSERT_EQ(fit.items.size(), 2u);
  EXPECT_EQ(fit.items[0].verdict, "depends");
  EXPECT_EQ(fit.items[1].verdict, "runs");
  EXPECT_THAT(fit.items[1].why, testing::HasSubstr("the command changed from `"));
  EXPECT_EQ(states_of(run()), "succeeded: succeeded succeeded cached succeeded");
}

}  // namespace
}  // namespace slipway::pipelines
