#include "pipelines/step_runner.h"

#include <algorithm>
#include <cstdlib>

#include "base/hash.h"
#include "pipelines/step_outputs.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr int kRefused = 3;  // a gate said no

double between_zero_and_one(base::Random& random) {
  return static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
}

}  // namespace

JsonObject StepRunner::find_source(const fs::path& project, const std::string& run) {
  const fs::path file = options_.folder / run / "source.txt";
  const auto exit =
      executor_.run({.text = "git rev-parse HEAD 2>/dev/null && git status --porcelain "
                             "--untracked-files=no -- . 2>/dev/null | head -1",
                     .folder = project,
                     .environment = {},
                     .log = file,
                     .timeout = base::Duration::seconds(20)},
                    [] { return false; });
  const auto text = store::read_file(file);
  if (!exit || !text || text->size() < 41 || (*text)[40] != '\n') return {};
  return {
      {"commit", text->substr(0, 40)}, {"dirty", text->size() > 41}, {"folder", project.string()}};
}

Result<bool> StepRunner::answer_from_cache(StepRecord& step) {
  auto kept = TRY(find_kept(table_, step.cache_key));
  if (!kept) return false;
  step.state = "cached";
  step.folder = std::move(kept->folder);
  step.manifest_digest = std::move(kept->manifest_digest);
  step.manifest = std::move(kept->manifest);
  step.reason = "nothing it depends on has changed";
  step.exit_code = 0;
  return true;
}

Result<bool> StepRunner::settle(RunRecord& run, std::size_t position, const Plan& plan,
                                const fs::path& project) {
  StepRecord& step = run.steps[position];
  const PlannedStep& planned = plan.steps[position];
  const fs::path own = folder_of(run, step);
  std::map<std::string, std::string> outputs_of, folders{{"out", own.string()}};
  for (const std::size_t need : planned.needs) {
    const StepRecord& before = run.steps[need];
    outputs_of[before.name] = before.manifest_digest;
    folders[before.name] = before.folder;
  }
  step.started = wall_clock_.now();
  step.finished.reset();
  step.not_before.reset();
  step.reason.clear();
  step.exit_code.reset();
  const auto end = [&](std::string_view state, std::string reason) {
    step.state = state;
    step.reason = std::move(reason);
    step.finished = wall_clock_.now();
  };
  if (planned.definition.when) {
    const auto outcome = planned.definition.when->evaluate(
        {.params = plan.params,
         .output = [&](const auto& of) { return output_value(of, folders.at(of.name)); },
         .run_state = [&] { return end_of(run.steps).state; }});
    if (!outcome) {
      end("failed", "its condition: " + outcome.error().message);
      return true;
    }
    if (!outcome->holds) {
      end("skipped", "its condition says no: " + outcome->why);
      step.started.reset();  // it never began
      step.finished.reset();
      return true;
    }
  }
  if (planned.definition.run.empty()) {
    step.state = "waiting";
    step.reason = planned.definition.approve;
    return true;
  }
  const auto declared = declared_digests(planned.definition, project, inputs_);
  if (!declared) {
    end("failed", declared.error().message);
    return true;
  }
  StepKey key = make_step_key(plan, planned, *declared, outputs_of);
  step.cache_key = key.digest;
  step.key_document = std::move(key.document);
  step.command = command_of(plan, planned, [&](const std::string& name) { return folders[name]; });
  if (planned.definition.cached() && TRY(answer_from_cache(step))) {
    step.finished = wall_clock_.now();
    return true;
  }
  return false;
}

Result<void> StepRunner::begin(RunRecord& run, std::size_t position, const Plan& plan,
                               const fs::path& project) {
  if (TRY(settle(run, position, plan, project))) return {};
  StepRecord& step = run.steps[position];
  const fs::path own = folder_of(run, step);
  std::error_code ignored;
  fs::remove_all(own, ignored);  // of a try before
  TRY(store::make_folders(own));
  step.state = "running";
  step.folder = own.string();
  ++step.tries;
  return {};
}

Command StepRunner::command_for(const RunRecord& run, std::size_t position, const Plan& plan,
                                const fs::path& project) const {
  const StepRecord& step = run.steps[position];
  const StepDefinition& definition = plan.steps[position].definition;
  const char* path = std::getenv("PATH");
  std::map<std::string, std::string> environment = {
      {"SLIPWAY_URL", options_.url},
      {"MLFLOW_TRACKING_URI", options_.url},
      {"MLFLOW_REGISTRY_URI", options_.url},  // over one the server inherited
      // The mlflow client puts these on every run it starts.
      {"MLFLOW_RUN_CONTEXT", base::to_text(JsonObject{{"slipway.run_id", run.id},
                                                      {"slipway.pipeline", run.pipeline},
                                                      {"slipway.step", step.name}})},
      {"SLIPWAY_RUN_ID", run.id},
      {"SLIPWAY_PIPELINE", run.pipeline},
      {"SLIPWAY_STEP", step.name},
      {"SLIPWAY_TRY", fmt::format("{}", step.tries)},
      {"SLIPWAY_OUT", step.folder},
      {"SLIPWAY_NOW", types::to_rfc3339(run.now)},
      {"SLIPWAY_GIT_COMMIT",
       std::string(base::find_string(run.source, "commit").value_or(std::nullopt).value_or(""))},
      {"PATH", options_.path_prefix + (options_.path_prefix.empty() ? "" : ":") +
                   (path == nullptr ? "/usr/bin:/bin" : path)}};
  if (definition.always) {
    const RunEnd so_far = end_of(run.steps);
    environment["SLIPWAY_RUN_STATE"] = so_far.state;
    environment["SLIPWAY_RUN_REASON"] = so_far.reason;
  }
  return {.text = step.command,
          .folder = project,
          .environment = std::move(environment),
          .log = log_of(run.id, step.name),
          .timeout = definition.timeout};
}

Result<Exit> StepRunner::run_with_secrets(Command command, const StepDefinition& definition,
                                          const std::function<bool()>& should_stop) {
  for (const std::string& name : definition.secrets)
    command.secrets[name] = TRY(secrets_.find(name));
  return executor_.run(command, should_stop);
}

std::optional<StepRecord> StepRunner::run(Command command, StepRecord step,
                                          const StepDefinition& definition,
                                          const std::function<bool()>& should_stop,
                                          const std::function<bool()>& is_cancelled) {
  const auto exit = run_with_secrets(std::move(command), definition, should_stop);
  step.finished = wall_clock_.now();
  step.state = "failed";
  if (!exit) {
    step.reason = exit.error().message;
  } else if (exit->kind == Exit::Kind::kStopped) {
    if (!is_cancelled()) return std::nullopt;
    step.state = step.reason = "cancelled";
    return step;
  } else if (exit->kind == Exit::Kind::kTimedOut) {
    step.reason = "it took longer than its timeout";
  } else {
    step.exit_code = exit->code;
    if (exit->code == kRefused) {
      step.state = "refused";
      step.reason = "the gate said no";
      return step;
    }
    if (exit->code != 0) {
      step.reason = fmt::format("exit code {}: see the step's log", exit->code);
    } else if (auto manifest = make_manifest(step.folder, definition); !manifest) {
      step.reason = manifest.error().message;
    } else {
      step.state = "succeeded";
      step.manifest_digest = base::sha256_hex(base::to_text(*manifest));
      step.manifest = std::move(*manifest);
      return step;
    }
  }
  if (step.tries <= definition.retry.times) {
    const base::Duration wait =
        retry_delay(definition.retry, step.tries, between_zero_and_one(random_));
    step.state = "pending";
    step.not_before = *step.finished + wait;
    step.reason =
        fmt::format("try {} of {} failed: {}", step.tries, definition.retry.times + 1, step.reason);
  }
  return step;
}

}  // namespace slipway::pipelines
