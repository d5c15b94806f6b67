// What the `pipelines:` part of slipway.yaml says; docs/formats/slipway_yaml.md describes it for
// its authors.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "pipelines/command_template.h"
#include "pipelines/condition.h"
#include "pipelines/each.h"
#include "pipelines/kubernetes/kubernetes_step.h"
#include "pipelines/nested.h"
#include "pipelines/notify.h"
#include "pipelines/resources.h"
#include "pipelines/search/search.h"
#include "pipelines/wait_for.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// What happens when a try of a step fails (a gate that says no is no failure).
struct Retry {
  std::int64_t times = 0;                                 // after the first try
  base::Duration after = base::Duration::seconds(10);     // before the second try
  double factor = 2;                                      // each wait by so much longer
  base::Duration at_most = base::Duration::seconds(300);  // of one wait

  bool operator==(const Retry&) const = default;
};

struct StepDefinition {
  std::string name;
  std::string run;                       // as written; empty: one of the next three
  std::string approve;                   // what a person is asked instead of a command
  std::optional<WaitFor> wait_for;       // what has to come, instead of a command
  std::optional<Nested> nested;          // another pipeline that runs, instead of a command
  std::vector<CommandPiece> command;     // `run`, parsed
  std::optional<Condition> when;         // else the step, and what needs it, is skipped
  std::optional<Each> each;              // the command runs once for each item of a list
  std::optional<Search> search;          // the command runs as trials; the best one's outputs stay
  std::optional<std::int64_t> parallel;  // items at the same time; unset: as many as can
  std::vector<std::string>
      after;  // steps that must have succeeded although nothing of theirs is read
  std::vector<std::string> unless_failed;  // steps that come before, and may have been skipped
  std::vector<std::string> code;           // files or folders below the project
  std::vector<std::string> env;            // files that pin the environment
  std::vector<std::string> inputs;         // files, or "kind:name" resolved by InputDigests
  std::vector<std::string> outputs;        // below {out}; empty: whatever is there afterwards
  std::vector<std::string> secrets;        // names of variables that Secrets has the values of
  std::string pool;                        // what it takes slots of while it runs; empty: of none
  std::int64_t slots = 1;
  Resources resources;                       // of the machine, while it runs
  std::optional<KubernetesStep> kubernetes;  // it runs as a Job; else as a process
  std::optional<base::Duration> timeout;     // of a try, for the answer, or for what has to come
  Retry retry;
  bool always = false;        // runs however what it needs has ended
  std::optional<bool> cache;  // unset: cached when outputs are declared

  // A step without declared outputs is run for its effect, so it runs each time.
  bool cached() const { return cache.value_or(!outputs.empty()); }
  // Its command writes files, or the steps of the pipeline that it runs do.
  bool has_outputs() const { return !run.empty() || nested; }
  // It is what its items or trials come to, and runs nothing itself.
  bool has_items() const { return each || search; }
  bool operator==(const StepDefinition&) const = default;
};

struct PipelineDefinition {
  std::string name;
  std::map<std::string, std::string> params;  // with their default values
  std::vector<StepDefinition> steps;          // as written, at least one
  std::int64_t priority = 0;                  // of its runs, unless they say another
  Notify notify;                              // who hears of what becomes of them

  const StepDefinition* find_step(std::string_view step) const;
  bool operator==(const PipelineDefinition&) const = default;
};

// A definition and the YAML it came from: what is stored.
struct ParsedPipeline {
  PipelineDefinition definition;
  std::string text;  // the pipeline's own mapping, without its name
};

// From least to most; runs with more go before others.
constexpr std::int64_t kPriorityMin = -1000, kPriorityMax = 1000;

// Pipelines that run one in another.
constexpr std::size_t kNestingMax = 10;

// What a server has for the steps of a project.
struct Offers {
  Resources capacity;
  std::string lack_of_kubernetes;  // why none can run as a Job; empty: they can
};

using Pools = std::map<std::string, std::int64_t>;  // name -> slots

// Reads the `pools:` part of a whole slipway.yaml. kInvalidArgument as parse_pipelines.
Result<Pools> parse_pools(const types::YamlSource& slipway_yaml);

// Reads the `pipelines:` part of a whole slipway.yaml, whose steps may use its pools; other parts
// are not looked at, and no such part means no pipelines. kInvalidArgument with line and column:
// broken YAML, unknown or repeated keys, wrong types, references to nothing, circles of steps or of
// pipelines that run each other, steps that need what `offers` lacks (null: nothing is known).
Result<std::vector<ParsedPipeline>> parse_pipelines(const types::YamlSource& slipway_yaml,
                                                    const Offers* offers = nullptr);

// Reads back the stored text of one pipeline.
Result<PipelineDefinition> parse_pipeline(const std::string& name, std::string_view text);

}  // namespace slipway::pipelines
