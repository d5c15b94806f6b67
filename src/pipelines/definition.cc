#include "pipelines/definition.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>

#include "pipelines/plan.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

constexpr std::size_t kNameLengthMax = 64;
constexpr std::size_t kStepsMax = 1000;
constexpr std::int64_t kRetriesMax = 100;

template <typename... Args>
Error error_at(const YAML::Mark& mark, fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, "line {}, column {}: {}", mark.line + 1,
                     mark.column + 1, fmt::format(format, std::forward<Args>(args)...));
}

Result<std::string> scalar_at(const YAML::Node& node, std::string_view what) {
  if (!node.IsScalar()) return error_at(node.Mark(), "{} must be text or a number", what);
  return node.Scalar();
}

Result<std::vector<std::string>> list_at(const YAML::Node& node, std::string_view what) {
  if (!node.IsSequence()) return error_at(node.Mark(), "{} must be a list", what);
  std::vector<std::string> values;
  for (const YAML::Node& item : node) {
    std::string value = TRY(scalar_at(item, what));
    if (value.empty()) return error_at(item.Mark(), "{} has an empty entry", what);
    if (std::find(values.begin(), values.end(), value) != values.end()) {
      return error_at(item.Mark(), "{} names the same thing twice: {}", what, value);
    }
    values.push_back(std::move(value));
  }
  return values;
}

Result<void> check_name(const std::string& name, const YAML::Mark& mark, std::string_view what) {
  bool good = !name.empty() && name.size() <= kNameLengthMax;
  for (std::size_t i = 0; i < name.size() && good; ++i) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    good = letter || (i > 0 && ((c >= '0' && c <= '9') || c == '-'));
  }
  if (good) return {};
  return error_at(mark,
                  "the name of a {} starts with a letter and has letters, digits, '-' and '_' "
                  "only, {} at most: {}",
                  what, kNameLengthMax, name);
}

// Calls `each(key, key node, value node)` for a mapping in which no key comes twice.
template <typename Each>
Result<void> each_entry(const YAML::Node& node, std::string_view what, Each&& each) {
  if (!node.IsMap()) return error_at(node.Mark(), "{} must be a mapping", what);
  std::vector<std::string> seen;
  for (const auto& entry : node) {
    std::string key = TRY(scalar_at(entry.first, "a key"));
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      return error_at(entry.first.Mark(), "{} has a key twice: {}", what, key);
    }
    seen.push_back(key);
    TRY(each(key, entry.first, entry.second));
  }
  return {};
}

bool stays_inside(const std::string& path) {
  std::filesystem::path p(path);
  if (p.is_absolute()) return false;
  return std::none_of(p.begin(), p.end(), [](const auto& part) { return part == ".."; });
}

Result<bool> boolean_at(const YAML::Node& node, std::string_view what) {
  const std::string text = TRY(scalar_at(node, what));
  if (text == "true" || text == "false") return text == "true";
  return error_at(node.Mark(), "{} must be true or false: {}", what, text);
}

Result<base::Duration> duration_at(const YAML::Node& node, std::string_view what) {
  auto duration = types::parse_duration(TRY(scalar_at(node, what)));
  if (!duration) return error_at(node.Mark(), "{}: {}", what, duration.error().message);
  return *duration;
}

template <typename Number>
Result<Number> number_at(const YAML::Node& node, std::string_view what, Number low, Number high) {
  Number number{};
  if (!node.IsScalar() || !YAML::convert<Number>::decode(node, number) ||
      !(number >= low && number <= high)) {
    return error_at(node.Mark(), "{} must be a number from {} to {}", what, low, high);
  }
  return number;
}

// `retry: 3`, or a mapping that says more.
Result<Retry> read_retry(const YAML::Node& node) {
  Retry retry{.times = 1};
  if (!node.IsMap()) {
    retry.times = TRY(number_at<std::int64_t>(node, "retry", 0, kRetriesMax));
    return retry;
  }
  TRY(each_entry(node, "retry",
                 [&](const std::string& key, const YAML::Node& key_node,
                     const YAML::Node& value) -> Result<void> {
                   if (key == "times") {
                     retry.times = TRY(number_at<std::int64_t>(value, "times", 0, kRetriesMax));
                   } else if (key == "after") {
                     retry.after = TRY(duration_at(value, "after"));
                   } else if (key == "factor") {
                     retry.factor = TRY(number_at<double>(value, "factor", 1, 100));
                   } else if (key == "at_most") {
                     retry.at_most = TRY(duration_at(value, "at_most"));
                   } else {
                     return error_at(
                         key_node.Mark(),
                         "unknown key in retry: key={} known=times, after, factor, at_most", key);
                   }
                   return {};
                 }));
  return retry;
}

struct MarkedStep {
  StepDefinition step;
  YAML::Mark mark;      // of the step
  YAML::Mark run_mark;  // of its command
};

Result<MarkedStep> read_step(const YAML::Node& node) {
  MarkedStep read{.mark = node.Mark(), .run_mark = node.Mark()};
  StepDefinition& step = read.step;
  TRY(each_entry(
      node, "a step",
      [&](const std::string& key, const YAML::Node& key_node,
          const YAML::Node& value) -> Result<void> {
        if (key == "name") {
          step.name = TRY(scalar_at(value, "name"));
          TRY(check_name(step.name, value.Mark(), "step"));
        } else if (key == "run") {
          step.run = TRY(scalar_at(value, "run"));
          read.run_mark = value.Mark();
        } else if (key == "approve") {
          step.approve = TRY(scalar_at(value, "approve"));
        } else if (key == "after") {
          step.after = TRY(list_at(value, "after"));
        } else if (key == "code") {
          step.code = TRY(list_at(value, "code"));
        } else if (key == "env") {
          step.env = TRY(list_at(value, "env"));
        } else if (key == "inputs") {
          step.inputs = TRY(list_at(value, "inputs"));
        } else if (key == "outputs") {
          step.outputs = TRY(list_at(value, "outputs"));
          for (const std::string& output : step.outputs) {
            if (!stays_inside(output)) {
              return error_at(value.Mark(), "an output must stay below {{out}}: {}", output);
            }
          }
        } else if (key == "timeout") {
          step.timeout = TRY(duration_at(value, "timeout"));
        } else if (key == "retry") {
          step.retry = TRY(read_retry(value));
        } else if (key == "always") {
          step.always = TRY(boolean_at(value, "always"));
        } else if (key == "cache") {
          step.cache = TRY(boolean_at(value, "cache"));
        } else {
          return error_at(
              key_node.Mark(),
              "unknown key in a step: key={} known=name, run, approve, after, code, env, "
              "inputs, outputs, timeout, retry, always, cache",
              key);
        }
        return {};
      }));
  if (step.name.empty()) return error_at(read.mark, "a step needs a name");
  if (step.run.empty() == step.approve.empty()) {
    return error_at(read.mark,
                    "a step needs a command under run, or a question under approve: step={}",
                    step.name);
  }
  const bool has_what_a_command_has = !step.code.empty() || !step.env.empty() ||
                                      !step.inputs.empty() || !step.outputs.empty() ||
                                      step.retry.times > 0 || step.always || step.cache;
  if (step.run.empty() && has_what_a_command_has) {
    return error_at(read.mark, "a step with approve has name, after and timeout alone: step={}",
                    step.name);
  }
  if (step.run.find('\0') != std::string::npos) {
    return error_at(read.run_mark, "a command can't hold a NUL byte: step={}", step.name);
  }
  step.command = parse_command(step.run);
  return read;
}

// Names must be distinct, and what a command or `after` mentions must exist.
Result<void> check_references(const PipelineDefinition& pipeline,
                              const std::vector<MarkedStep>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string& name = steps[i].step.name;
    if (name == "out" || name == "now") {
      return error_at(steps[i].mark, "a step can't be called '{}': it has a meaning of its own",
                      name);
    }
    if (pipeline.params.contains(name)) {
      return error_at(steps[i].mark, "a step and a parameter have the same name: {}", name);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (steps[j].step.name == name) {
        return error_at(steps[i].mark, "two steps have the same name: {}", name);
      }
    }
  }
  for (const MarkedStep& marked : steps) {
    for (const std::string& reference : references(marked.step.command)) {
      if (reference == "out" || pipeline.params.contains(reference) ||
          pipeline.find_step(reference)) {
        continue;
      }
      return error_at(marked.run_mark,
                      "the command refers to nothing that exists: step={} reference={{{}}} (write "
                      "{{{{{}}}}} for the literal text)",
                      marked.step.name, reference, reference);
    }
    for (const std::string& other : marked.step.after) {
      if (!pipeline.find_step(other)) {
        return error_at(marked.mark, "'after' names a step that doesn't exist: step={} after={}",
                        marked.step.name, other);
      }
    }
  }
  return {};
}

Result<PipelineDefinition> read_pipeline(const std::string& name, const YAML::Node& node) {
  PipelineDefinition pipeline{.name = name};
  std::vector<MarkedStep> steps;
  TRY(each_entry(
      node, "a pipeline",
      [&](const std::string& key, const YAML::Node& key_node,
          const YAML::Node& value) -> Result<void> {
        if (key == "params") {
          return each_entry(
              value, "params",
              [&](const std::string& param, const YAML::Node& param_node,
                  const YAML::Node& param_value) -> Result<void> {
                TRY(check_name(param, param_node.Mark(), "parameter"));
                if (param == "out" || param == "now") {
                  return error_at(param_node.Mark(),
                                  "a parameter can't be called '{}': it has a meaning of its own",
                                  param);
                }
                if (param_value.IsNull()) {
                  pipeline.params[param];
                } else {
                  pipeline.params[param] = TRY(scalar_at(param_value, "a parameter's default"));
                }
                return {};
              });
        }
        if (key == "steps") {
          if (!value.IsSequence() || value.size() == 0) {
            return error_at(value.Mark(), "steps must be a list of at least one step");
          }
          if (value.size() > kStepsMax) {
            return error_at(value.Mark(), "too many steps: steps={} limit={}", value.size(),
                            kStepsMax);
          }
          for (const YAML::Node& step : value) steps.push_back(TRY(read_step(step)));
          return {};
        }
        return error_at(key_node.Mark(), "unknown key in a pipeline: key={} known=params, steps",
                        key);
      }));
  if (steps.empty()) return error_at(node.Mark(), "a pipeline needs steps: pipeline={}", name);
  for (const MarkedStep& marked : steps) pipeline.steps.push_back(marked.step);
  TRY(check_references(pipeline, steps));
  auto order = running_order(pipeline.steps);
  if (!order) return error_at(node.Mark(), "{}: pipeline={}", order.error().message, name);
  return pipeline;
}

}  // namespace

const StepDefinition* PipelineDefinition::find_step(std::string_view step) const {
  for (const StepDefinition& candidate : steps) {
    if (candidate.name == step) return &candidate;
  }
  return nullptr;
}

Result<std::vector<ParsedPipeline>> parse_pipelines(std::string_view slipway_yaml) {
  try {
    std::vector<ParsedPipeline> parsed;
    YAML::Node root = YAML::Load(std::string(slipway_yaml));
    if (root.IsNull()) return parsed;
    if (!root.IsMap()) return error_at(root.Mark(), "slipway.yaml must be a mapping");
    const YAML::Node part = std::as_const(root)["pipelines"];
    if (!part.IsDefined() || part.IsNull()) return parsed;
    TRY(each_entry(part, "pipelines",
                   [&](const std::string& name, const YAML::Node& name_node,
                       const YAML::Node& value) -> Result<void> {
                     TRY(check_name(name, name_node.Mark(), "pipeline"));
                     parsed.push_back({.definition = TRY(read_pipeline(name, value)),
                                       .text = YAML::Dump(value)});
                     return {};
                   }));
    return parsed;
  } catch (const YAML::Exception& e) {
    return error_at(e.mark, "{}", e.msg);
  }
}

Result<PipelineDefinition> parse_pipeline(const std::string& name, std::string_view text) {
  try {
    return read_pipeline(name, YAML::Load(std::string(text)));
  } catch (const YAML::Exception& e) {
    return error_at(e.mark, "{}", e.msg);
  }
}

}  // namespace slipway::pipelines
