// A task of Kubeflow as a Job: what runs here around it, and what the Job is.
#include "app/kubeflow_jobs.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "kubeflow/task_run.h"
#include "store/file_system.h"

namespace slipway::app {
namespace fs = std::filesystem;
namespace {

using pipelines::Command;
using pipelines::Exit;
using pipelines::Wish;

class Told final : public pipelines::Executor {
 public:
  std::function<Result<Exit>(const Command&)> answer;
  std::vector<Command> commands;

  Result<Exit> run(const Command& command, const std::function<Wish()>&) override {
    commands.push_back(command);
    return answer(command);
  }
  void clean_up(const std::string&) override {}
};

class KubeflowJobs : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "kubeflow-jobs-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    MUST(store::write_file(
        folder_ / "task.json",
        R"({"format":1,"pipeline":"p","task":"t","parameters":{"x":{"from":"constant","constant":"a $x","type":"STRING"}},)"
        R"("artifacts":{},"outputs":{"parameters":{"Output":"STRING"},"artifacts":{}},)"
        R"("container":{"image":"team/tool:7","command":["tool","{{$.inputs.parameters['x']}}"],)"
        R"("args":["{{$.outputs.parameters['Output'].output_file}}"],"environment":{"MODE":"fast"}}})"));
    call_ = {.file = folder_ / "task.json", .out = folder_ / "out", .run = "r", .step = "t"};
    command_.text = "slipway run-task task.json --out " + call_.out.string();
    command_.folder = folder_;
    command_.environment = {{"SLIPWAY_OUT", call_.out.string()}};
    command_.kubernetes = pipelines::KubernetesStep{.image = "team/tool:7"};
    here_.answer = [&](const Command& command) -> Result<Exit> {
      EXPECT_FALSE(command.kubernetes);
      if (command.text == command_.text + " --prepare") {
        TRY(kubeflow::prepare_task(call_));
      } else {
        EXPECT_EQ(command.text, command_.text + " --finish");
        TRY(kubeflow::finish_task(call_));
      }
      return Exit{};
    };
    jobs_.answer = [&](const Command& command) -> Result<Exit> {
      TRY(store::write_file(command.kubernetes->words.at(2), "made"));
      return Exit{};
    };
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<Exit> run() {
    return run_kubeflow_task(command_, here_, jobs_, [] { return Wish::kGoOn; });
  }

  fs::path folder_;
  kubeflow::TaskCall call_;
  Command command_;
  Told here_, jobs_;
};

TEST_F(KubeflowJobs, TheContainerRunsTheComponentsOwnCommand) {
  ASSERT_TRUE(is_kubeflow_task(command_));
  const Exit exit = MUST(run());
  EXPECT_EQ(exit.code, 0);
  const Command& job = jobs_.commands.at(0);
  EXPECT_EQ(job.kubernetes->image, "team/tool:7");
  ASSERT_EQ(job.kubernetes->words.size(), 3u);
  EXPECT_EQ(job.kubernetes->words[0], "tool");
  EXPECT_EQ(job.kubernetes->words[1], "a $x");
  EXPECT_EQ(job.environment.at("MODE"), "fast");
  EXPECT_TRUE(fs::path(job.environment.at("TMPDIR")).is_absolute());
  EXPECT_EQ(MUST(store::read_file(call_.out / "outputs.json")),
            R"({"parameters":{"Output":"made"},"artifacts":{}})");
  EXPECT_FALSE(fs::exists(call_.out / "scratch"));
  // A server that comes after one that was killed here does nothing again.
  MUST(run());
  EXPECT_EQ(jobs_.commands.size(), 1u);
  EXPECT_EQ(here_.commands.size(), 2u);
}

TEST_F(KubeflowJobs, WhatFailsHasNoOutputsAndIsNoGatesNo) {
  jobs_.answer = [](const Command&) -> Result<Exit> { return Exit{.code = 3}; };
  EXPECT_EQ(MUST(run()).code, 1);
  jobs_.answer = [](const Command&) -> Result<Exit> { return Exit{.kind = Exit::Kind::kLeft}; };
  EXPECT_EQ(MUST(run()).kind, Exit::Kind::kLeft);
  EXPECT_FALSE(kubeflow::is_finished(call_.out));
  here_.answer = [](const Command&) -> Result<Exit> { return Exit{.code = 1}; };
  const std::size_t jobs = jobs_.commands.size();
  EXPECT_EQ(MUST(run()).code, 1);
  EXPECT_EQ(jobs_.commands.size(), jobs) << "no Job of what can't be told what to do";
}

TEST_F(KubeflowJobs, OtherStepsAreNone) {
  command_.text = "slipway models gate";
  EXPECT_FALSE(is_kubeflow_task(command_));
  command_.text = "slipway run-task task.json";
  command_.kubernetes.reset();
  EXPECT_FALSE(is_kubeflow_task(command_));
}

}  // namespace
}  // namespace slipway::app
