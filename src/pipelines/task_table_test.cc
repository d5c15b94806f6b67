// Steps given to other servers: who may say how one ended.
#include "pipelines/task_table.h"

#include <gtest/gtest.h>

#include "pipelines/server_table.h"
#include "pipelines/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

class TaskTableTest : public ::testing::Test {
 protected:
  TaskTableTest()
      : db_(MUST(store::open_sqlite({.file = folder_.path() / "db"}, clock_, random_))) {
    MUST(db_->migrate({migrations()}));
    add("one", true);
    add("two", false);
  }
  void add(const std::string& name, bool leads) {
    MUST(servers_.add({.id = name + "#1", .name = name, .url = "http://" + name, .leads = leads}));
  }
  static Command command(const std::string& job) {
    return {.text = "train",
            .folder = "/project",
            .environment = {{"A", "b=c"}},
            .secrets = {{"DOOR", "open sesame"}},
            .log = "/runs/log",
            .timeout = base::Duration::seconds(5),
            .resources = {.cpu_millis = 500, .memory_bytes = 7},
            .names = {.pipeline = "p",
                      .run = "r",
                      .step = "s",
                      .job = job,
                      .server = "two#1",
                      .step_try = 2}};
  }
  std::string state(const std::string& job) { return MUST(tasks_.states()).at(job).state; }

  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::SeededRandom random_{4};
  std::unique_ptr<store::Db> db_;
  ServerTable servers_{*db_};
  TaskTable tasks_{*db_};
};

TEST_F(TaskTableTest, ACommandArrivesWithoutItsSecrets) {
  EXPECT_TRUE(MUST(tasks_.give(command("job"), "one#1")));
  EXPECT_TRUE(MUST(tasks_.give(command("job"), "one#1")));  // a server that has crashed since
  const auto tasks = MUST(tasks_.of_server("two#1"));
  ASSERT_EQ(tasks.size(), 1u);
  const Command& given = *tasks.at("job").command;
  EXPECT_EQ(given.text, "train");
  EXPECT_EQ(given.environment, (std::map<std::string, std::string>{{"A", "b=c"}}));
  EXPECT_EQ(given.secrets, (std::map<std::string, std::string>{{"DOOR", ""}}));
  EXPECT_EQ(given.timeout->micros, 5'000'000);
  EXPECT_EQ(given.resources, (Resources{.cpu_millis = 500, .memory_bytes = 7}));
  EXPECT_EQ(given.names.server, "two#1");
  EXPECT_EQ(given.names.step_try, 2);
  EXPECT_TRUE(MUST(tasks_.of_server("one#1")).empty());
  EXPECT_FALSE(MUST(tasks_.given("other")));
}

TEST_F(TaskTableTest, ATaskIsTakenAndEndedOnce) {
  EXPECT_TRUE(MUST(tasks_.give(command("job"), "one#1")));
  EXPECT_FALSE(MUST(tasks_.take("job", "one#1")));
  EXPECT_TRUE(MUST(tasks_.take("job", "two#1")));
  EXPECT_FALSE(MUST(tasks_.take("job", "two#1")));
  MUST(tasks_.end("job"));
  EXPECT_TRUE(MUST(tasks_.of_server("two#1")).at("job").shall_end);
  MUST(tasks_.save_end("job", "two#1",
                       Exit{.code = 3, .reason = "no", .usage = {.cpu_seconds = 0.5}}));
  MUST(tasks_.save_end("job", "two#1", Exit{.code = 0}));  // too late
  const auto ended = MUST(tasks_.states()).at("job");
  EXPECT_EQ(ended.state, "ended");
  EXPECT_EQ(ended.exit->code, 3);
  EXPECT_EQ(ended.exit->usage.cpu_seconds, 0.5);
  EXPECT_FALSE(ended.exit->usage.peak_memory_bytes);
  MUST(tasks_.sweep());  // no step of that name runs
  EXPECT_TRUE(MUST(tasks_.states()).empty());
}

TEST_F(TaskTableTest, AnErrorIsHowItEnded) {
  EXPECT_TRUE(MUST(tasks_.give(command("job"), "one#1")));
  EXPECT_TRUE(MUST(tasks_.take("job", "two#1")));
  MUST(tasks_.save_end("job", "two#1", base::error(Code::kNotFound, "no such secret")));
  EXPECT_EQ(MUST(tasks_.states()).at("job").exit.error().message, "no such secret");
}

TEST_F(TaskTableTest, AServerThatWasRemovedSaysNothingMore) {
  EXPECT_TRUE(MUST(tasks_.give(command("given"), "one#1")));
  EXPECT_TRUE(MUST(tasks_.give(command("taken"), "one#1")));
  EXPECT_TRUE(MUST(tasks_.take("taken", "two#1")));
  MUST(servers_.remove_silent("two#1", 7));  // it has been heard of since
  EXPECT_EQ(state("taken"), "taken");
  EXPECT_TRUE(MUST(servers_.beat({.id = "two#1"})));
  MUST(servers_.remove_silent("two#1", 0));  // likewise
  EXPECT_TRUE(MUST(servers_.beat({.id = "two#1"})));
  MUST(servers_.remove_silent("two#1", 2));
  EXPECT_FALSE(MUST(servers_.beat({.id = "two#1"})));
  MUST(tasks_.save_end("taken", "two#1", Exit{.code = 0}));
  EXPECT_FALSE(MUST(tasks_.take("given", "two#1")));
  EXPECT_EQ(state("taken"), "lost");
  EXPECT_EQ(state("given"), "withdrawn");
  // Nor does it when it comes back under its name.
  add("two", false);
  MUST(tasks_.save_end("taken", "two#1", Exit{.code = 0}));
  EXPECT_EQ(state("taken"), "lost");
}

TEST_F(TaskTableTest, AFolderIsKnownByWhatIsInIt) {
  const auto id = MUST(folder_id(folder_.path() / "runs", random_));
  EXPECT_EQ(MUST(folder_id(folder_.path() / "runs", random_)), id);
  EXPECT_NE(MUST(folder_id(folder_.path() / "others", random_)), id);
  std::filesystem::create_directory_symlink(folder_.path() / "runs", folder_.path() / "link");
  EXPECT_EQ(MUST(folder_id(folder_.path() / "link", random_)), id);
  EXPECT_EQ(name_of_server(new_server_id("host:5000", random_)), "host:5000");
}

}  // namespace
}  // namespace slipway::pipelines
