// Tasks as their steps run them, with a shell instead of containers.
#include "kubeflow/task_run.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kubeflow/executor_input.h"
#include "store/file_system.h"

namespace slipway::kubeflow {
namespace fs = std::filesystem;
namespace {

class TaskRun : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "task-run-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // The file of a task that runs `script` in a shell.
  TaskCall call_of(const std::string& name, const std::string& parameters,
                   const std::string& artifacts, const std::string& outputs,
                   const std::string& script) {
    const std::string container = base::to_text(JsonObject{
        {"command", JsonArray{Json("sh"), Json("-ec")}},
        {"args", JsonArray{Json(script)}},
        {"environment", JsonObject{{"GREETING", "hello {{$.inputs.parameters['x']}}"}}}});
    const fs::path file = folder_ / (name + ".json");
    MUST(store::write_file(file,
                           fmt::format(R"({{"format":1,"pipeline":"p","task":"{}","parameters":{},)"
                                       R"("artifacts":{},"outputs":{},"container":{}}})",
                                       name, parameters, artifacts, outputs, container)));
    return {.file = file, .out = folder_ / name, .run = "run1", .step = name, .now = "now"};
  }

  // In a process of its own, as it changes its environment. -1: an error, which is told.
  int run(const TaskCall& call, std::string* error = nullptr) {
    const fs::path told = folder_ / "error";
    const pid_t child = ::fork();
    if (child == 0) {
      const auto code = run_task(call);
      if (!code) MUST(store::write_file(told, code.error().message));
      ::_exit(code ? *code : 99);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status)) return -2;  // it broke down
    if (WEXITSTATUS(status) != 99) return WEXITSTATUS(status);
    if (error != nullptr) *error = MUST(store::read_file(told));
    return -1;
  }

  JsonObject outputs_of(const TaskCall& call) {
    return MUST(base::parse_json_object(MUST(store::read_file(call.out / "outputs.json"))));
  }

  fs::path folder_;
};

constexpr const char* kX = R"({"x":{"from":"constant","constant":"you","type":"STRING"}})";

TEST_F(TaskRun, WritesParametersAndArtifactsThatTheNextOneReads) {
  const TaskCall make = call_of(
      "make", kX, "{}",
      R"({"parameters":{"n":"NUMBER_INTEGER","s":"STRING"},"artifacts":{"m":{"schemaTitle":"system.Model","schemaVersion":"0.0.1"}}})",
      "echo 41 > {{$.outputs.parameters['n'].output_file}}; printf %s \"$GREETING\" > "
      "{{$.outputs.parameters['s'].output_file}}; echo weights > "
      "{{$.outputs.artifacts['m'].path}}");
  ASSERT_EQ(run(make), 0);
  EXPECT_EQ(
      base::to_text(outputs_of(make)),
      R"({"parameters":{"n":41,"s":"hello you"},"artifacts":{"m":[{"name":"m","type":{"schemaTitle":"system.Model","schemaVersion":"0.0.1"},"uri":"artifacts/m","metadata":{}}]}})");
  EXPECT_FALSE(fs::exists(make.out / "scratch"));

  TaskCall use = call_of(
      "use",
      R"({"x":{"from":"output","step":"make","name":"s","type":"STRING"},"n":{"from":"output","step":"make","name":"n","type":"NUMBER_INTEGER"},"f":{"from":"constant","constant":"n is {{$.inputs.parameters['n']}}","type":"STRING"}})",
      R"({"m":{"from":"output","step":"make","name":"m"}})",
      R"({"parameters":{"o":"STRING"},"artifacts":{}})",
      "cat {{$.inputs.artifacts['m'].path}}; printf '%s' \"{{$.inputs.parameters['f']}} $(cat "
      "{{$.inputs.artifacts['m'].path}})\" > {{$.outputs.parameters['o'].output_file}}");
  use.steps["make"] = make.out;
  ASSERT_EQ(run(use), 0);
  EXPECT_EQ(base::to_text(outputs_of(use).at("parameters")), R"({"o":"n is 41 weights"})");
}

TEST_F(TaskRun, TheMessageOfAContainerIsRead) {
  const TaskCall task = call_of(
      "t", kX, "{}", R"({"parameters":{"Output":"STRUCT","none":"STRING"},"artifacts":{"m":{}}})",
      R"(printf '{"parameterValues":{"Output":{"a":[1]}},"artifacts":{"m":{"artifacts":[{"name":"m","uri":"s3://b/k","metadata":{"auc":0.5}}]}}}' > {{$.outputs.output_file}})");
  ASSERT_EQ(run(task), 0);
  EXPECT_EQ(
      base::to_text(outputs_of(task)),
      R"({"parameters":{"Output":{"a":[1]}},"artifacts":{"m":[{"name":"m","type":{},"uri":"s3://b/k","metadata":{"auc":5E-1}}]}})");
}

TEST_F(TaskRun, OutputsOfItemsAreTheSameOnesOrAllOfThem) {
  for (const char* const item : {"0000", "0001"}) {
    const fs::path folder = folder_ / "each" / item;
    MUST(store::make_folders(folder));
    MUST(store::write_file(folder / "outputs.json",
                           fmt::format(R"({{"parameters":{{"v":"{}"}},"artifacts":{{}}}})", item)));
  }
  MUST(store::write_file(folder_ / "each" / "items.json", "[{\"item\":0},{\"item\":1}]"));
  TaskCall call = call_of(
      "t",
      R"({"x":{"from":"output","step":"each","name":"v","of_items":"same","type":"STRING"},"all":{"from":"output","step":"each","name":"v","of_items":"all","type":"LIST"},"i":{"from":"item","items":["a","b"],"type":"STRING"}})",
      "{}", R"({"parameters":{"o":"STRING"},"artifacts":{}})",
      "printf '%s %s %s' {{$.inputs.parameters['x']}} '{{$.inputs.parameters['all']}}' "
      "{{$.inputs.parameters['i']}} > {{$.outputs.parameters['o'].output_file}}");
  call.steps["each"] = folder_ / "each";
  call.item = "1";
  call.item_index = 1;
  ASSERT_EQ(run(call), 0);
  EXPECT_EQ(base::to_text(outputs_of(call).at("parameters")),
            R"({"o":"0001 [\"0000\",\"0001\"] b"})");
}

TEST_F(TaskRun, FinalStatusIsThatOfTheTaskNotOfTheRun) {
  TaskCall call = call_of(
      "exit",
      R"({"x":{"from":"constant","constant":"","type":"STRING"},"good":{"from":"final_status","name":"g","steps":["a"],"type":"TASK_FINAL_STATUS"},"bad":{"from":"final_status","name":"h","steps":["a","b"],"type":"TASK_FINAL_STATUS"}})",
      "{}", R"({"parameters":{"o":"STRING"},"artifacts":{}})",
      "printf '%s' '{{$.inputs.parameters['good']}} {{$.inputs.parameters['bad']}}' > "
      "{{$.outputs.parameters['o'].output_file}}");
  call.needs = R"({"a":{"state":"succeeded","reason":""},"b":{"state":"failed","reason":"no"}})";
  ASSERT_EQ(run(call), 0);
  EXPECT_EQ(
      std::string_view(outputs_of(call).at("parameters").get_object().at("o").get_string()),
      R"({"state":"SUCCEEDED","pipelineJobResourceName":"run1","pipelineTaskName":"g"} {"state":"FAILED","pipelineJobResourceName":"run1","pipelineTaskName":"h","error":{"code":2,"message":"b: no"}})");
}

TEST_F(TaskRun, SaysWhatIsMissing) {
  std::string error;
  const std::string none = R"({"parameters":{},"artifacts":{}})";
  const auto failing = [&](const std::string& parameters) {
    TaskCall call = call_of("t", parameters, "{}", none, "true");
    call.parameters["p"] = "text";
    call.steps["before"] = folder_ / "before";
    error.clear();
    EXPECT_EQ(run(call, &error), -1) << parameters;
    return error;
  };
  EXPECT_EQ(failing(R"({"x":{"from":"output","step":"before","name":"o","type":"STRING"}})"),
            "input x: the step before has not written o");
  EXPECT_NE(failing(R"({"x":{"from":"parameter","name":"p","type":"NUMBER_INTEGER"}})")
                .find("the run's parameter p is no value of type NUMBER_INTEGER: got=text"),
            std::string::npos);
  EXPECT_NE(failing(R"({"x":{"from":"constant","constant":"five","type":"NUMBER_INTEGER"}})")
                .find("input x"),
            std::string::npos);
  // Exit codes are the command's; 3 would mean a gate's no.
  for (const auto& [code, ours] : {std::pair(7, 7), {3, 1}})
    EXPECT_EQ(run(call_of("t", kX, "{}", none, fmt::format("exit {}", code))), ours);
  TaskCall wrong = call_of("t", kX, "{}", R"({"parameters":{"n":"NUMBER_INTEGER"},"artifacts":{}})",
                           "echo many > {{$.outputs.parameters['n'].output_file}}");
  EXPECT_EQ(run(wrong, &error), -1);
  EXPECT_NE(error.find("output n"), std::string::npos) << error;
}

}  // namespace
}  // namespace slipway::kubeflow
