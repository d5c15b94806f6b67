// What those hear who are named under `notify:`, event by event.
#include "pipelines/notify.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/testing/pipelines_fixture.h"
#include "store/events.h"

namespace slipway::pipelines {
namespace {
namespace fs = std::filesystem;

TEST(Notify, MistakesCarryLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"{sometimes: r}", "notify=sometimes known=failed, refused, succeeded, waiting, late"},
      {"{failed: []}", "name the routes that hear of it: notify=failed"},
      {"{failed: ['']}", "name the routes that hear of it: notify=failed"},
      {"{failed: {r: 1}}", "line 3"},
      {"[failed]", "line 3"}};
  for (const auto& [notify, says] : cases) {
    const auto parsed = parse_pipelines(fmt::format(
        "pipelines:\n  p:\n    notify: {}\n    steps: [{{name: s, run: x}}]\n", notify));
    ASSERT_FALSE(parsed) << notify;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("line 3"), std::string::npos) << parsed.error().message;
  }
}

class NotifyTest : public PipelinesTest<> {
 protected:
  NotifyTest() : PipelinesTest({1'370'044'800'000'000}) {}

  void apply(const std::string& notify) {
    MUST(pipelines_->apply(MUST(parse_pipelines(fmt::format(
                               "pipelines:\n  p:\n    params: {{code: 1}}\n    notify: {}\n    "
                               "steps: [{{name: s, run: 'exit {{code}}'}}]\n",
                               notify))),
                           folder_.path(), "ann"));
  }
  // What the event of the run's end tells: "failed to a b"; empty: nobody.
  std::string told(const std::string& code) {
    const RunRecord run = MUST(pipelines_->start_run("p", {{"code", code}}, {}));
    pipelines_->run_queued();
    return told_of_end(run.id);
  }
  std::string told_of_end(const std::string& run) {
    const auto events = MUST(store::list_events(
        *db_, {.subject = "pipelines/p/runs/" + run, .limit = 1, .newest_first = true}));
    const auto payload = MUST(base::parse_json_object(events.at(0).payload));
    const Json* notice = payload.if_contains("notice");
    if (notice == nullptr) return "";
    const JsonObject& said = notice->as_object();
    EXPECT_EQ(said.at("run"), Json(run));
    std::string text(std::string_view(said.at("occasion").as_string()));
    text += " to";
    for (const Json& route : said.at("routes").as_array())
      text += " " + std::string(std::string_view(route.as_string()));
    return text;
  }
};

TEST_F(NotifyTest, AFailureLastsUntilARunSucceeds) {
  apply("{failed: [a, b], refused: c, succeeded: a}");
  EXPECT_EQ(told("0"), "succeeded to a");
  EXPECT_EQ(told("1"), "failed to a b");
  const auto first = MUST(failing(*db_));
  ASSERT_EQ(first.size(), 1u);
  apply("{failed: e, refused: c}");
  EXPECT_EQ(told("1"), "failed to e");
  const auto second = MUST(failing(*db_));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(second[0].at("run"), first[0].at("run")) << "of the newest run is told";
  EXPECT_EQ(second[0].at("failing_since"), first[0].at("time"));
  EXPECT_EQ(told("3"), "refused to c");
  apply("{succeeded: d}");
  open();
  EXPECT_EQ(told("0"), "recovered to d e a b") << "who heard of a failure hears of its end";
  EXPECT_TRUE(MUST(failing(*db_)).empty());
  EXPECT_EQ(told("0"), "succeeded to d");
  EXPECT_EQ(told("1"), "");
  EXPECT_TRUE(MUST(failing(*db_)).empty()) << "nobody heard of it";
}

TEST_F(NotifyTest, OfWhatIsNoLongerDeclaredNobodyHears) {
  apply("{failed: a}");
  EXPECT_EQ(told("1"), "failed to a");
  MUST(pipelines_->quieten_others({}));
  EXPECT_TRUE(MUST(failing(*db_)).empty());
  EXPECT_EQ(told("1"), "");
}

TEST_F(NotifyTest, ARunThatIsAStepIsToldByTheOther) {
  MUST(pipelines_->apply(
      MUST(parse_pipelines("pipelines:\n  p:\n    notify: {failed: a}\n    steps: [{name: s, "
                           "pipeline: q}]\n  q:\n    notify: {failed: b}\n    steps: [{name: s, "
                           "run: 'false'}]\n")),
      folder_.path(), "ann"));
  const RunRecord run = MUST(pipelines_->start_run("p", {}, {}));
  pipelines_->run_queued();
  EXPECT_EQ(told_of_end(run.id), "failed to a");
  EXPECT_EQ(MUST(failing(*db_)).size(), 1u);
}

TEST_F(NotifyTest, ARunThatIsTriedAgainEndsItsOwnFailure) {
  const fs::path file = folder_.path() / "there";
  MUST(pipelines_->apply(
      MUST(parse_pipelines(fmt::format("pipelines:\n  p:\n    notify: {{failed: a}}\n    steps: "
                                       "[{{name: s, run: 'test -e {}'}}]\n",
                                       file.string()))),
      folder_.path(), "ann"));
  const RunRecord run = MUST(pipelines_->start_run("p", {}, {}));
  pipelines_->run_queued();
  EXPECT_EQ(told_of_end(run.id), "failed to a");
  std::ofstream(file) << "now";
  MUST(pipelines_->try_again(run.id, "ann"));
  pipelines_->run_queued();
  EXPECT_EQ(told_of_end(run.id), "recovered to a");
}

}  // namespace
}  // namespace slipway::pipelines
