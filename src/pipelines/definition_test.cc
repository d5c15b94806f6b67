// What may be written under `pipelines:`, and how mistakes are told.
#include "pipelines/definition.h"

#include <gtest/gtest.h>

#include "pipelines/plan.h"

namespace slipway::pipelines {
namespace {

TEST(Definition, MistakesCarryLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"pipelines: []", "line 1"},
      {"pipelines:\n  p: {steps: []}\n", "at least one step"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a}\n", "needs one thing: a command"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: 'echo {b}'}\n", "reference={b}"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, ouputs: [y]}\n",
       "no such key: key=ouputs"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, outputs: [../y]}\n", "below {out}"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, timeout: soon}\n",
       "not a duration"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, after: [b]}\n      - {name: b, "
       "run: "
       "'{a}'}\n",
       "in a circle"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, approve: y}\n", "or a question"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, approve: y, cache: false}\n", "alone"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, retry: many}\n", "whole number"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, retry: 101}\n", "from 0 to 100"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, retry: {tries: 1}}\n",
       "known=times"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, always: maybe}\n", "true or false"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, when: '1 >'}\n",
       "expected a value at position 4"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, when: '{b} > 1'}\n",
       "no parameter"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, when: '{b/f} > 1'}\n", "no step"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, when: '{a/f} > 1'}\n",
       "in a circle"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, when: \"{run.state} == "
       "'failed'\"}\n",
       "steps with always"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, secrets: [a-b]}\n", "no '-'"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, secrets: [../x]}\n",
       "name of a secret"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, secrets: [PATH]}\n",
       "a variable of that name"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, approve: x, secrets: [KEY]}\n", "alone"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, each: word}\n", "each is a list"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, each: '{b}'}\n",
       "each refers to no parameter"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, each: '{b/f}'}\n",
       "each refers to no step"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, each: '{a/f}'}\n", "in a circle"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: 'x {item}'}\n", "reference={item}"},
      {"pipelines:\n  p:\n    params: {item: 1}\n    steps:\n      - {name: a, run: x, each: "
       "[1]}\n",
       "called item"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, parallel: 2}\n", "with each"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, approve: x, each: [1]}\n", "alone"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, resources: {memory: 4 GB}}\n",
       "line 4, column 47: memory: no quantity"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, resources: {cores: 4}}\n",
       "known=cpu"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, executor: docker}\n",
       "local or kubernetes"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, executor: kubernetes}\n",
       "needs an image"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, run: x, image: y}\n",
       "are of steps with executor: kubernetes"},
      {"pipelines:\n  p:\n    image: y\n    steps:\n      - {name: a, approve: x, gpus: 1}\n",
       "are of steps with run"},
      {"pipelines:\n  p:\n    executor: kubernetes\n    image: y\n    steps:\n      - {name: a, "
       "run: x, tolerations: [{key: k, operator: Exists, value: v}]}\n",
       "has no value"},
      {"pipelines:\n  p:\n    steps:\n      - {name: a, approve: x, resources: {cpu: 1}}\n",
       "alone"},
      {"pipelines:\n  p: [\n", "line"},
  };
  for (const auto& [yaml, says] : cases) {
    const auto parsed = parse_pipelines(yaml);
    ASSERT_FALSE(parsed) << yaml;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("line "), std::string::npos) << parsed.error().message;
  }
}

TEST(CommandTemplate, QuotesWhatItPutsIn) {
  const auto show = [](std::string_view text) {
    return render_command(parse_command(text), [](const std::string&) { return "it's $5"; });
  };
  EXPECT_EQ(show("echo {x}"), "echo 'it'\\''s $5'");
  EXPECT_EQ(show("echo \"{x}\""), "echo \"it's \\$5\"");
  EXPECT_EQ(show("echo '{x}'"), "echo 'it'\\''s $5'");
  EXPECT_EQ(show("echo ${x} {{x}} {1}"), "echo ${x} {x} {1}");
}

TEST(Plan, RunsWhatIsReadFirst) {
  const auto parsed = parse_pipelines(
      "pipelines:\n  p:\n    params: {as_of: '{now}', n: 3}\n    steps:\n"
      "      - {name: late, run: 'cat {early}/x {n}'}\n      - {name: early, run: 'touch "
      "{out}/x'}\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto plan = make_plan(parsed->front().definition, {{"n", "4"}}, "T");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->steps[0].definition.name, "early");
  EXPECT_EQ(plan->params.at("as_of"), "T");
  EXPECT_EQ(command_of(*plan, plan->steps[1], [](const std::string& s) { return "/" + s; }),
            "cat /early/x 4");
  EXPECT_FALSE(make_plan(parsed->front().definition, {{"m", "4"}}, "T"));
}

TEST(Plan, AParameterWithItemsIsAList) {
  const auto parsed = parse_pipelines(
      "pipelines:\n  p:\n    params: {rates: [0.5, 1]}\n    steps:\n"
      "      - {name: a, run: 'echo {item}', each: '{rates}'}\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(make_plan(parsed->front().definition, {}, "T"));
  EXPECT_TRUE(make_plan(parsed->front().definition, {{"rates", "[]"}}, "T"));
  const auto wrong = make_plan(parsed->front().definition, {{"rates", "3"}}, "T");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("must be a JSON list"), std::string::npos);
}

TEST(Definition, AStepSaysWhereItRunsOverItsPipeline) {
  const std::string text =
      "pipelines:\n  p:\n    executor: kubernetes\n    image: common:1\n    node_selector: {disk: "
      "ssd}\n    steps:\n"
      "      - {name: a, run: x}\n"
      "      - {name: b, run: x, image: own:2, gpus: 2, ttl: 1h}\n"
      "      - {name: c, run: x, executor: local}\n"
      "      - {name: d, approve: really}\n";
  const auto parsed = parse_pipelines(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& steps = parsed->front().definition.steps;
  EXPECT_EQ(steps[0].kubernetes->image, "common:1");
  EXPECT_EQ(steps[0].kubernetes->ttl, base::Duration::days(1));
  EXPECT_EQ(steps[1].kubernetes->image, "own:2");
  EXPECT_EQ(steps[1].kubernetes->gpus, 2);
  EXPECT_EQ(steps[1].kubernetes->node_selector.at("disk"), "ssd");
  EXPECT_FALSE(steps[2].kubernetes);
  EXPECT_FALSE(steps[3].kubernetes);
  const Offers none{.capacity = {}, .lack_of_kubernetes = "no cluster"};
  const auto refused = parse_pipelines(text, &none);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("line 7"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace slipway::pipelines
