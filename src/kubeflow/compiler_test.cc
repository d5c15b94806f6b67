// Kubeflow's compiled pipelines as ours.
#include "kubeflow/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::kubeflow {
namespace {

// `root` and `components` as YAML, with two executors that the components use.
std::string spec_of(const std::string& components, const std::string& root) {
  return "pipelineInfo: {name: p}\nschemaVersion: 2.1.0\nsdkVersion: kfp-2.17.3\n"
         "deploymentSpec:\n  executors:\n"
         "    e: {container: {image: i, command: [echo], args: ['{{$}}']}}\n"
         "    imp: {importer: {artifactUri: {runtimeParameter: uri}, typeSchema: {schemaTitle: "
         "system.Dataset, schemaVersion: 0.0.1}}}\n"
         "components:\n" +
         components + "root:\n" + root;
}

Result<CompiledPipeline> compile_yaml(const std::string& yaml, Where where = Where::kHere) {
  return compile(TRY(read_pipeline_spec(TRY(read_package(yaml)))), where);
}

// make: no inputs, an output; use: a text.
constexpr const char* kMakeAndUse =
    "  comp-make: {executorLabel: e, outputDefinitions: {parameters: {Output: {parameterType: "
    "STRING}, Items: {parameterType: LIST}}, artifacts: {m: {artifactType: {schemaTitle: "
    "system.Model, schemaVersion: 0.0.1}}}}}\n"
    "  comp-use: {executorLabel: e, inputDefinitions: {parameters: {x: {parameterType: STRING}}, "
    "artifacts: {m: {artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}, isOptional: "
    "true}}}, outputDefinitions: {parameters: {Output: {parameterType: NUMBER_INTEGER}}}}\n";

JsonObject step_of(const CompiledPipeline& compiled, std::string_view name) {
  const JsonObject pipeline = MUST(base::parse_json_object(compiled.text));
  for (const Json& step : pipeline.at("steps").get_array())
    if (std::string_view(step.get_object().at("name").get_string()) == name)
      return step.get_object();
  ADD_FAILURE() << "no step " << name << " in " << compiled.text;
  return {};
}

std::string text_at(const JsonObject& object, std::string_view key) {
  const Json* const value = object.if_contains(key);
  return value == nullptr ? "" : base::to_text(*value);
}

TEST(Compiler, DataFlowBecomesStepsThatReadEachOther) {
  const auto compiled = compile_yaml(spec_of(
      kMakeAndUse,
      "  inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER, defaultValue: 3.0, "
      "isOptional: true}, s: {parameterType: STRING}, make: {parameterType: STRING, isOptional: "
      "true}}}\n"
      "  dag:\n    tasks:\n"
      "      make: {componentRef: {name: comp-make}, cachingOptions: {enableCache: true}, "
      "taskInfo: {name: make}, retryPolicy: {maxRetryCount: 2, backoffDuration: 1.5s, "
      "backoffFactor: 3, backoffMaxDuration: 60s}}\n"
      "      use: {componentRef: {name: comp-use}, dependentTasks: [make], inputs: {parameters: "
      "{x: "
      "{taskOutputParameter: {producerTask: make, outputParameterKey: Output}}}, artifacts: {m: "
      "{taskOutputArtifact: {producerTask: make, outputArtifactKey: m}}}}}\n"
      "      told: {componentRef: {name: comp-use}, inputs: {parameters: {x: "
      "{componentInputParameter: s}}}}\n"));
  ASSERT_TRUE(compiled) << compiled.error().message;
  const JsonObject pipeline = MUST(base::parse_json_object(compiled->text));
  EXPECT_EQ(base::to_text(pipeline.at("params")), R"({"make":"null","n":"3","s":""})");
  // A step isn't called as a parameter.
  const JsonObject made = step_of(*compiled, "make-2");
  EXPECT_EQ(text_at(made, "run"), R"("slipway run-task tasks/make-2.json --out {out}")");
  EXPECT_EQ(text_at(made, "cache"), "true");
  EXPECT_EQ(text_at(made, "retry"), R"({"times":2,"after":"1500ms","factor":3E0,"at_most":"1m"})");
  const JsonObject used = step_of(*compiled, "use");
  EXPECT_EQ(text_at(used, "run"),
            R"("slipway run-task tasks/use.json --out {out} --step make-2={make-2}")");
  EXPECT_EQ(text_at(used, "after"), R"(["make-2"])");
  EXPECT_EQ(text_at(used, "cache"), "false");
  EXPECT_EQ(text_at(step_of(*compiled, "told"), "run"),
            R"("slipway run-task tasks/told.json --out {out} --parameter s={s}")");
  EXPECT_EQ(compiled->files.size(), 3u);
  EXPECT_EQ(compiled->tasks.at("make-2"), "make");
  EXPECT_NE(compiled->files.at("tasks/use.json")
                .find(R"("from":"output","name":"Output","step":"make-2")"),
            std::string::npos)
      << compiled->files.at("tasks/use.json");
}

TEST(Compiler, ConditionsOfDagsAreThoseOfTheirTasks) {
  const auto compiled = compile_yaml(spec_of(
      std::string(kMakeAndUse) +
          "  comp-condition-1: {dag: {tasks: {inner: {componentRef: {name: comp-use}, inputs: "
          "{parameters: {x: {componentInputParameter: c}}}}, then: {componentRef: {name: "
          "comp-use}, "
          "dependentTasks: [inner], inputs: {parameters: {x: {runtimeValue: {constant: a}}}}}}}, "
          "inputDefinitions: {parameters: {c: {parameterType: STRING}}}}\n",
      "  dag:\n    tasks:\n      make: {componentRef: {name: comp-make}}\n"
      "      condition-1: {componentRef: {name: comp-condition-1}, dependentTasks: [make], inputs: "
      "{parameters: {c: {taskOutputParameter: {producerTask: make, outputParameterKey: Output}}}}, "
      "triggerPolicy: {condition: \"inputs.parameter_values['c'] == 'heads'\"}}\n"
      "      last: {componentRef: {name: comp-make}, dependentTasks: [condition-1]}\n"));
  ASSERT_TRUE(compiled) << compiled.error().message;
  const char* const kWhen = R"("{make/outputs.json#parameters.Output} is 'heads'")";
  EXPECT_EQ(text_at(step_of(*compiled, "inner"), "when"), kWhen);
  EXPECT_EQ(text_at(step_of(*compiled, "inner"), "after"), R"(["make"])");
  EXPECT_EQ(text_at(step_of(*compiled, "then"), "when"), kWhen);
  EXPECT_EQ(text_at(step_of(*compiled, "then"), "after"), R"(["inner"])");
  EXPECT_EQ(text_at(step_of(*compiled, "last"), "after"), R"(["inner","then"])");
}

TEST(Compiler, OneOfTheBranchesIsTaken) {
  const auto compiled = compile_yaml(spec_of(
      std::string(kMakeAndUse) +
          "  comp-condition-2: {dag: {tasks: {a: {componentRef: {name: comp-make}}}, outputs: "
          "{parameters: {o: {valueFromParameter: {producerSubtask: a, outputParameterKey: "
          "Output}}}}}, inputDefinitions: {parameters: {c: {parameterType: STRING}}}, "
          "outputDefinitions: {parameters: {o: {parameterType: STRING}}}}\n"
          "  comp-branches-1: {dag: {tasks: {condition-2: {componentRef: {name: comp-condition-2}, "
          "inputs: {parameters: {c: {componentInputParameter: c}}}, triggerPolicy: {condition: "
          "\"inputs.parameter_values['c'] == 'x'\"}}, condition-3: {componentRef: {name: "
          "comp-condition-2}, inputs: {parameters: {c: {componentInputParameter: c}}}, "
          "triggerPolicy: {condition: \"!(inputs.parameter_values['c'] == 'x')\"}}, plain: "
          "{componentRef: {name: comp-make}}}, outputs: "
          "{parameters: {one: {valueFromOneof: {parameterSelectors: [{producerSubtask: "
          "condition-2, "
          "outputParameterKey: o}, {producerSubtask: condition-3, outputParameterKey: o}]}}}}}, "
          "inputDefinitions: {parameters: {c: {parameterType: STRING}}}}\n",
      "  inputDefinitions: {parameters: {side: {parameterType: STRING}}}\n  dag:\n    tasks:\n"
      "      branches-1: {componentRef: {name: comp-branches-1}, inputs: {parameters: {c: "
      "{componentInputParameter: side}}}}\n"
      "      use: {componentRef: {name: comp-use}, dependentTasks: [branches-1], inputs: "
      "{parameters: {x: {taskOutputParameter: {producerTask: branches-1, outputParameterKey: "
      "one}}}}}\n"
      "      last: {componentRef: {name: comp-make}, dependentTasks: [branches-1]}\n"));
  ASSERT_TRUE(compiled) << compiled.error().message;
  const JsonObject use = step_of(*compiled, "use");
  EXPECT_EQ(text_at(use, "after"), R"(["plain"])");
  EXPECT_EQ(text_at(use, "unless_failed"), R"(["a","condition-3--a"])");
  EXPECT_EQ(text_at(use, "run"),
            R"("slipway run-task tasks/use.json --out {out} --step a={a} --step )"
            R"(condition-3--a={condition-3--a}")");
  EXPECT_NE(
      compiled->files.at("tasks/use.json")
          .find(R"("from":"one_of","alternatives":[{"from":"output","name":"Output","step":"a"})"),
      std::string::npos)
      << compiled->files.at("tasks/use.json");
  EXPECT_EQ(text_at(step_of(*compiled, "last"), "unless_failed"), R"(["a","condition-3--a"])");
}

// Dags that call the next one twice are called 2^32 times.
TEST(Compiler, WhatGrowsWithEachLevelEndsAtALimit) {
  std::string components(kMakeAndUse), last = "comp-make";
  for (int level = 0; level < 30; ++level) {
    const std::string name = fmt::format("comp-level-{}", level);
    components += fmt::format(
        "  {}: {{dag: {{tasks: {{a: {{componentRef: {{name: {}}}}}, b: {{componentRef: {{name: "
        "{}}}}}}}}}}}\n",
        name, last, last);
    last = name;
  }
  const auto compiled = compile_yaml(
      spec_of(components,
              fmt::format("  dag:\n    tasks:\n      x: {{componentRef: {{name: {}}}}}\n", last)));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().code, Code::kResourceExhausted) << compiled.error().message;
}

TEST(Compiler, LoopsBecomeStepsWithItems) {
  const std::string loop =
      std::string(kMakeAndUse) +
      "  comp-loop: {dag: {tasks: {a: {componentRef: {name: comp-use}, inputs: {parameters: {x: "
      "{componentInputParameter: item}}}}, b: {componentRef: {name: comp-use}, dependentTasks: "
      "[a], "
      "inputs: {parameters: {x: {taskOutputParameter: {producerTask: a, outputParameterKey: "
      "Output}}}}}}, outputs: {parameters: {all: {valueFromParameter: {producerSubtask: b, "
      "outputParameterKey: Output}}}}}, inputDefinitions: {parameters: {item: {parameterType: "
      "STRING}, list: {parameterType: LIST, isOptional: true}}}, outputDefinitions: {parameters: "
      "{all: {parameterType: LIST}}}}\n";
  const auto compiled = compile_yaml(spec_of(
      loop,
      "  dag:\n    tasks:\n"
      "      for-loop-1: {componentRef: {name: comp-loop}, iteratorPolicy: {parallelismLimit: 2}, "
      "parameterIterator: {itemInput: item, items: {raw: '[\"1\", \"2\"]'}}}\n"
      "      sum: {componentRef: {name: comp-use}, dependentTasks: [for-loop-1], inputs: "
      "{parameters: {x: {taskOutputParameter: {producerTask: for-loop-1, outputParameterKey: "
      "all}}}}}\n"));
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(text_at(step_of(*compiled, "a"), "each"), "[0,1]");
  EXPECT_EQ(text_at(step_of(*compiled, "a"), "parallel"), "2");
  EXPECT_EQ(text_at(step_of(*compiled, "a"), "run"),
            R"("slipway run-task tasks/a.json --out {out} --item=:{item}")");
  EXPECT_NE(compiled->files.at("tasks/a.json").find(R"("from":"item","items":["1","2"])"),
            std::string::npos);
  EXPECT_NE(compiled->files.at("tasks/b.json").find(R"("step":"a","of_items":"same")"),
            std::string::npos);
  EXPECT_EQ(text_at(step_of(*compiled, "sum"), "each"), "");
  EXPECT_NE(compiled->files.at("tasks/sum.json").find(R"("step":"b","of_items":"all")"),
            std::string::npos);

  const auto of_output = compile_yaml(
      spec_of(loop,
              "  dag:\n    tasks:\n      make: {componentRef: {name: comp-make}}\n"
              "      for-loop-1: {componentRef: {name: comp-loop}, inputs: {parameters: {list: "
              "{taskOutputParameter: {producerTask: make, outputParameterKey: Items}}}}, "
              "parameterIterator: {itemInput: item, items: {inputParameter: list}}}\n"));
  ASSERT_TRUE(of_output) << of_output.error().message;
  EXPECT_EQ(text_at(step_of(*of_output, "a"), "each"), R"("{make/outputs.json#parameters.Items}")");
}

TEST(Compiler, ExitTasksRunHoweverTheirsEnd) {
  const auto compiled = compile_yaml(spec_of(
      std::string(kMakeAndUse) +
          "  comp-exit-handler-1: {dag: {tasks: {inner: {componentRef: {name: comp-make}}, use: "
          "{componentRef: {name: comp-make}}}}}\n"
          "  comp-exit: {executorLabel: e, inputDefinitions: {parameters: {status: {parameterType: "
          "TASK_FINAL_STATUS, isOptional: true}}}}\n",
      "  dag:\n    tasks:\n      exit-handler-1: {componentRef: {name: comp-exit-handler-1}}\n"
      "      exit: {componentRef: {name: comp-exit}, cachingOptions: {enableCache: true}, "
      "dependentTasks: [exit-handler-1], inputs: {parameters: {status: {taskFinalStatus: "
      "{producerTask: exit-handler-1}}}}, triggerPolicy: {strategy: "
      "ALL_UPSTREAM_TASKS_COMPLETED}}\n"));
  ASSERT_TRUE(compiled) << compiled.error().message;
  const JsonObject exit = step_of(*compiled, "exit");
  EXPECT_EQ(text_at(exit, "always"), "true");
  EXPECT_EQ(text_at(exit, "after"), R"(["inner","use"])");
  EXPECT_EQ(text_at(exit, "cache"), "false");  // how others ended is no content
  EXPECT_NE(compiled->files.at("tasks/exit.json")
                .find(R"("from":"final_status","name":"exit-handler-1","steps":["inner","use"])"),
            std::string::npos);
}

TEST(Compiler, PipelinesInPipelinesHaveStepsOfTheirOwnNames) {
  const auto compiled = compile_yaml(spec_of(
      std::string(kMakeAndUse) +
          "  comp-inner: {dag: {tasks: {make: {componentRef: {name: comp-make}}}, outputs: "
          "{artifacts: {model: {artifactSelectors: [{producerSubtask: make, outputArtifactKey: "
          "m}]}}}}, outputDefinitions: {artifacts: {model: {artifactType: {schemaTitle: "
          "system.Model}}}}}\n",
      "  dag:\n    tasks:\n      inner: {componentRef: {name: comp-inner}}\n"
      "      make: {componentRef: {name: comp-make}}\n"
      "      use: {componentRef: {name: comp-use}, inputs: {parameters: {x: {runtimeValue: "
      "{constant: a}}}, artifacts: {m: {taskOutputArtifact: {producerTask: inner, "
      "outputArtifactKey: model}}}}}\n"));
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_THAT(compiled->tasks, testing::UnorderedElementsAre(testing::Pair("make", "make"),
                                                             testing::Pair("make-2", "make"),
                                                             testing::Pair("use", "use")));
  EXPECT_EQ(text_at(step_of(*compiled, "use"), "run"),
            R"("slipway run-task tasks/use.json --out {out} --step make={make}")");
}

TEST(Compiler, TheDigestSaysWhatThePipelineDoes) {
  const std::string root = "  dag: {tasks: {make: {componentRef: {name: comp-make}}}}\n";
  const auto one = compile_yaml(spec_of(kMakeAndUse, root));
  const auto same = compile_yaml("# a comment\n" + spec_of(kMakeAndUse, root));
  const auto other = compile_yaml(
      spec_of(kMakeAndUse,
              "  dag: {tasks: {make: {componentRef: {name: comp-make}, cachingOptions: "
              "{enableCache: true}}}}\n"));
  EXPECT_EQ(one->digest(), same->digest());
  EXPECT_NE(one->digest(), other->digest());
}

TEST(Compiler, WhatCanNotBeRunIsRefusedWithItsPlace) {
  const std::string tasks = "  dag:\n    tasks:\n";
  const auto task = [&](const std::string& what) {
    return spec_of(kMakeAndUse, tasks + "      t: {" + what + "}\n");
  };
  const std::string use = "componentRef: {name: comp-use}";
  const struct {
    std::string yaml, says;
  } cases[] = {
      {"", "the package is empty"},
      {"[1]", "pipeline_spec: expected a mapping"},
      {"pipelineInfo: {name: p}", "schemaVersion must be 2"},
      {task("componentRef: {name: none}"), "root.dag.tasks.t: no such component: none"},
      {task(use), "root.dag.tasks.t: it isn't given an input of comp-use: x"},
      {task(use + ", inputs: {parameters: {x: {componentInputParameter: none}}}"),
       "root.dag.tasks.t: the input x is from one that isn't there: none"},
      {task(use + ", inputs: {parameters: {x: {taskOutputParameter: {producerTask: none, "
                  "outputParameterKey: a}}}}"),
       "root.dag.tasks.t: no such task: none"},
      {task(use +
            ", dependentTasks: [t], inputs: {parameters: {x: {runtimeValue: {constant: 1}}}}"),
       "need each other in a circle"},
      {task(use + ", other: 1"), "root.dag.tasks.t: other is nothing that can be run here"},
      {task(use + ", artifactIterator: {itemInput: a}"), "artifactIterator is nothing"},
      {task(use + ", retryPolicy: {maxRetryCount: 1000}"), "maxRetryCount must be from 0 to 100"},
      {task(use + ", triggerPolicy: {condition: 'size(x) > 1'}, inputs: {parameters: {x: "
                  "{runtimeValue: {constant: a}}}}"),
       "root.dag.tasks.t: triggerPolicy: expected a value"},
      {spec_of("  comp-x: {executorLabel: none}\n",
               tasks + "      t: {componentRef: {name: comp-x}}\n"),
       "components.comp-x: no such executor: none"},
      {spec_of("  comp-x: {dag: {tasks: {t: {componentRef: {name: comp-x}}}}}\n",
               tasks + "      t: {componentRef: {name: comp-x}}\n"),
       "nested too deeply"},
      {spec_of(std::string(kMakeAndUse) +
                   "  comp-x: {dag: {tasks: {t: {componentRef: {name: comp-make}}}, outputs: "
                   "{parameters: {o: {valueFromOneof: {parameterSelectors: []}}}}}}\n",
               tasks + "      t: {componentRef: {name: comp-x}}\n"),
       "components.comp-x.dag.outputs.parameters.o.valueFromOneof: parameterSelectors must be"},
      {spec_of(kMakeAndUse,
               "  inputDefinitions: {artifacts: {a: {artifactType: {schemaTitle: "
               "system.Dataset}}}}\n  dag: {tasks: {m: {componentRef: {name: "
               "comp-make}}}}\n"),
       "root: a pipeline can't be given artifacts: a"},
      {spec_of(kMakeAndUse, "  dag: {tasks: {m: {componentRef: {name: comp-make}}}}\n") +
           "---\nplatforms: {kubernetes: {deploymentSpec: {executors: {}}}}\n",
       "platform_spec.platforms.kubernetes: what a pipeline says for one platform"},
      {"pipelineInfo: {name: p}\nschemaVersion: 2.1.0\ndeploymentSpec: {executors: {e: {container: "
       "{image: i}}}}\nroot: {dag: {}}\n",
       "deploymentSpec.executors.e.container: it has no command"},
      {"pipelineInfo: {name: p}\nschemaVersion: 2.1.0\ndeploymentSpec: {executors: {e: {customJob: "
       "{}}}}\nroot: {dag: {}}\n",
       "customJob is nothing that can be run here"},
  };
  for (const auto& [yaml, says] : cases) {
    const auto compiled = compile_yaml(yaml);
    ASSERT_FALSE(compiled) << says;
    EXPECT_NE(compiled.error().message.find(says), std::string::npos) << says << "\n"
                                                                      << compiled.error().message;
  }
}

TEST(Compiler, LoopsInLoopsAndConditionsOnItemsAreRefused) {
  const std::string components =
      std::string(kMakeAndUse) +
      "  comp-inner: {dag: {tasks: {u: {componentRef: {name: comp-use}, inputs: {parameters: {x: "
      "{componentInputParameter: i}}}}}}, inputDefinitions: {parameters: {i: {parameterType: "
      "STRING}}}}\n"
      "  comp-outer: {dag: {tasks: {inner: {componentRef: {name: comp-inner}, REST}}}, "
      "inputDefinitions: {parameters: {i: {parameterType: STRING}}}}\n";
  const std::string root =
      "  dag: {tasks: {outer: {componentRef: {name: comp-outer}, parameterIterator: {itemInput: i, "
      "items: {raw: '[\"a\"]'}}}}}\n";
  const auto with = [&](const std::string& rest) {
    std::string text = components;
    return compile_yaml(spec_of(text.replace(text.find("REST"), 4, rest), root));
  };
  const auto loop = with("parameterIterator: {itemInput: i, items: {raw: '[\"b\"]'}}");
  ASSERT_FALSE(loop);
  EXPECT_NE(
      loop.error().message.find("components.comp-outer.dag.tasks.inner: a loop inside of a loop"),
      std::string::npos)
      << loop.error().message;
  const auto condition = with(
      "inputs: {parameters: {i: {componentInputParameter: i}}}, triggerPolicy: {condition: "
      "\"inputs.parameter_values['i'] == 'a'\"}");
  ASSERT_FALSE(condition);
  EXPECT_NE(condition.error().message.find("not about a loop's item"), std::string::npos)
      << condition.error().message;
}

// What runs in a container named `c` of these members, and what is imported beside it.
Result<CompiledPipeline> compile_container(const std::string& members, Where where) {
  return compile_yaml(
      "pipelineInfo: {name: p}\nschemaVersion: 2.1.0\nsdkVersion: kfp-2.17.3\n"
      "deploymentSpec:\n  executors:\n"
      "    e: {container: {command: [echo], " +
          members +
          "}}\n"
          "    imp: {importer: {artifactUri: {constant: /data}, typeSchema: {schemaTitle: "
          "system.Dataset, schemaVersion: 0.0.1}}}\n"
          "components:\n  comp-c: {executorLabel: e}\n"
          "  comp-imp: {executorLabel: imp, outputDefinitions: {artifacts: {artifact: "
          "{artifactType: {schemaTitle: system.Dataset, schemaVersion: 0.0.1}}}}}\n"
          "root:\n  dag:\n    tasks:\n"
          "      c: {componentRef: {name: comp-c}, taskInfo: {name: c}}\n"
          "      imp: {componentRef: {name: comp-imp}, taskInfo: {name: imp}}\n",
      where);
}

TEST(Compiler, AContainerRunsInItsImageAsAJob) {
  const std::string members =
      "image: 'team/tool:7', resources: {cpuLimit: 2, resourceCpuLimit: '2', resourceCpuRequest: "
      "500m, resourceMemoryLimit: 4G, accelerator: {type: nvidia.com/gpu, resourceType: "
      "nvidia.com/gpu, resourceCount: '1'}}";
  const auto jobs = compile_container(members, Where::kJobs);
  ASSERT_TRUE(jobs) << jobs.error().message;
  const JsonObject step = step_of(*jobs, "c");
  EXPECT_EQ(text_at(step, "executor"), "\"kubernetes\"");
  EXPECT_EQ(text_at(step, "image"), "\"team/tool:7\"");
  EXPECT_EQ(text_at(step, "resources"), R"({"cpu":"500m","memory":"4G"})");
  EXPECT_EQ(text_at(step, "gpus"), "1");
  EXPECT_EQ(text_at(step_of(*jobs, "imp"), "executor"), "") << "what is imported is read here";
  const auto here = compile_container(members, Where::kHere);
  ASSERT_TRUE(here) << here.error().message;
  for (const char* key : {"executor", "image", "resources", "gpus"})
    EXPECT_EQ(text_at(step_of(*here, "c"), key), "") << key;
  EXPECT_NE(here->digest(), jobs->digest());
}

TEST(Compiler, WhatNoJobCanBeMadeOfIsRefused) {
  for (const auto& [members, why] : std::vector<std::pair<std::string, std::string>>{
           {"args: []", "it has no image to run in"},
           {"image: \"{{$.inputs.parameters['image']}}\"", "known before the run"},
           {"image: i, resources: {resourceCpuLimit: \"{{$.inputs.parameters['cpu']}}\"}",
            "known before the run"},
           {"image: i, resources: {accelerator: {resourceType: tpu, resourceCount: '1'}}",
            "accelerators are nvidia.com/gpu here: tpu"},
           {"image: i, resources: {accelerator: {resourceType: nvidia.com/gpu, resourceCount: x}}",
            "the accelerators are a number: x"}}) {
    const auto jobs = compile_container(members, Where::kJobs);
    ASSERT_FALSE(jobs) << members;
    EXPECT_THAT(jobs.error().message, testing::HasSubstr(why));
    EXPECT_TRUE(compile_container(members, Where::kHere)) << members;
  }
}

}  // namespace
}  // namespace slipway::kubeflow
