#include "pipelines/search/search_runner.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/log.h"
#include "pipelines/each.h"
#include "pipelines/step_outputs.h"
#include "store/file_system.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

Result<std::vector<Trial>> trials_with_points(const RunRecord& run, std::size_t position,
                                              const Search& search) {
  const std::vector<std::size_t> items = run.items(position);
  std::vector<Trial> trials = trials_at(run.steps, items);
  for (std::size_t i = 0; i < items.size(); ++i)
    trials[i].point = TRY(point_of(search.space, run.steps[items[i]].value));
  return trials;
}

std::string_view state_name(Trial::State state) {
  switch (state) {
    case Trial::State::kOpen:
      return "open";
    case Trial::State::kComplete:
      return "complete";
    case Trial::State::kLost:
      return "failed";
    case Trial::State::kStopped:
      return "stopped";
  }
  return {};
}

// One of the trials that has this state, and why.
std::string first_with(const RunRecord& run, const std::vector<std::size_t>& items,
                       std::string_view state) {
  for (const std::size_t item : items) {
    if (run.steps[item].state == state) return run.steps[item].name + ": " + run.steps[item].reason;
  }
  return {};
}

// Nothing of it depends on when or where the trials ran, so that what reads it is cached as well.
JsonObject told(const Trial& trial, std::size_t number, const StepRecord& step) {
  const bool has_value =
      (trial.state == Trial::State::kComplete || trial.state == Trial::State::kStopped) &&
      std::isfinite(trial.value);
  return {{"trial", number},
          {"state", state_name(trial.state)},
          {"value", has_value ? Json(trial.value) : Json(nullptr)},
          {"params", base::parse_json(step.value).value_or(nullptr)}};
}

// Makes the folder that has what the trial wrote, and says what there is.
Result<void> link_outputs(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  fs::remove_all(to, ec);  // of an earlier try
  TRY(store::make_folders(to));
  for (const auto& entry : fs::directory_iterator(from, ec)) {
    const fs::path name = entry.path().filename();
    if (name == kBestFile || name == kTrialsFile) continue;
    fs::create_symlink(entry.path(), to / name, ec);
    if (ec) break;
  }
  if (ec)
    return base::error(Code::kInternal,
                       "the best trial's outputs can't be linked: folder={} why={}", to.string(),
                       ec.message());
  return {};
}

Result<void> write_document(StepRecord& step, std::string_view file, const Json& document) {
  const std::string text = base::to_text(document) + "\n";
  TRY(store::write_file(fs::path(step.folder) / file, text));
  step.manifest[file] = base::sha256_hex(text);
  return {};
}

}  // namespace

std::vector<Trial> trials_at(const std::vector<StepRecord>& steps,
                             const std::vector<std::size_t>& items) {
  std::vector<Trial> trials;
  for (const std::size_t item : items) {
    const StepRecord& step = steps[item];
    Trial trial;
    if (step.is_good()) {
      trial.state = Trial::State::kComplete;
    } else if (step.state == "stopped") {
      trial.state = Trial::State::kStopped;
      trial.step = step.reached;
    } else if (step.is_over()) {
      trial.state = Trial::State::kLost;
    }
    trial.has_failed = step.state == "failed";
    trial.value = step.score.value_or(std::numeric_limits<double>::quiet_NaN());
    trials.push_back(std::move(trial));
  }
  return trials;
}

Result<void> SearchRunner::begin(StepRecord& step, const Search& search) {
  if (static_cast<std::size_t>(search.trials) > trials_max_)
    return base::error(Code::kResourceExhausted,
                       "too many trials: trials={} limit={} (setting pipeline-items-max)",
                       search.trials, trials_max_);
  step.state = "running";
  step.value = describe(search);
  if (step.tracked_run.empty()) step.tracked_run = random_.hex();
  return {};
}

Result<void> SearchRunner::propose(RunRecord& run, std::size_t position, const Search& search) {
  std::vector<Trial> trials = TRY(trials_with_points(run, position, search));
  if (trials.empty()) TRY(track(tracked(run, position, search)));
  for (std::size_t due = trials_due(search, trials); due > 0; --due) {
    Trial trial;
    trial.point = pipelines::propose(search, trials);
    StepRecord step{.name = item_name(run.steps[position].name, trials.size())};
    step.parent = position;
    step.item = trials.size();
    step.value = params_of(search.space, trial.point);
    step.tracked_run = random_.hex();
    trials.push_back(std::move(trial));
    run.steps.push_back(std::move(step));
  }
  return {};
}

Result<void> SearchRunner::renew(StepRecord& trial) {
  if (!TRY(tracked_.exists(trial.tracked_run))) return {};
  TRY(tracked_.discard(trial.tracked_run));
  trial.tracked_run = random_.hex();
  return {};
}

TrialRun SearchRunner::tracked(const RunRecord& run, std::size_t position, const Search& search) {
  const StepRecord& step = run.steps[position];
  TrialRun told{.id = step.tracked_run,
                .experiment = search.experiment.empty() ? run.pipeline : search.experiment,
                .name = step.name,
                .parent = {},
                .params = {},
                .tags = {{"slipway.run_id", run.id},
                         {"slipway.pipeline", run.pipeline},
                         {"slipway.step", step.name}}};
  if (!step.parent) {
    told.tags["slipway.search"] = step.value;
    return told;
  }
  told.parent = run.steps[*step.parent].tracked_run;
  told.tags["slipway.trial"] = fmt::format("{}", step.item);
  if (const auto point = point_of(search.space, step.value))
    told.params = texts_of(search.space, *point);
  return told;
}

Result<double> SearchRunner::score(const Search& search, const fs::path& folder,
                                   const std::string& run) {
  const Objective& metric = search.metric;
  double value = 0;
  if (metric.file.empty()) {
    const auto found = TRY(tracked_.metric(run, metric.text));
    if (!found)
      return base::error(Code::kNotFound,
                         "the trial's run has no such metric: metric={} run={} (log it with "
                         "mlflow.log_metric, which finds the run by MLFLOW_RUN_ID)",
                         metric.text, run);
    value = *found;
  } else {
    const std::string text = TRY(output_value({.kind = ConditionOperand::Kind::kOutput,
                                               .text = metric.text,
                                               .name = {},
                                               .file = metric.file,
                                               .member = metric.member},
                                              folder));
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc() || end != text.data() + text.size())
      return base::error(Code::kInvalidArgument, "its metric is no number: metric={} got={}",
                         metric.text, text);
  }
  if (!std::isfinite(value))
    return base::error(Code::kInvalidArgument, "its metric is not finite: metric={} got={}",
                       metric.text, value);
  return value;
}

void SearchRunner::end(const StepRecord& trial, const Search& search) {
  TrialRuns::End end = TrialRuns::End::kFailed;
  if (trial.is_good()) {
    end = TrialRuns::End::kFinished;
  } else if (trial.state == "cancelled" || trial.state == "stopped") {
    end = TrialRuns::End::kKilled;
  }
  std::map<std::string, std::string> tags = {{"slipway.state", trial.state}};
  if (!trial.reason.empty()) tags["slipway.reason"] = trial.reason;
  // A tracked metric is there already, of a trial that ran.
  const bool ran = trial.state == "succeeded" || (trial.state == "stopped" && trial.tries > 0);
  const bool is_told = search.metric.file.empty() && trial.parent && ran;
  const auto ended = tracked_.end(trial.tracked_run, end, search.metric.metric(),
                                  is_told ? std::nullopt : trial.score, tags);
  if (!ended)
    base::log_warning("pipelines", "the end of a trial could not be tracked: trial={} run={} {}",
                      trial.name, trial.tracked_run, ended.error().message);
}

bool SearchRunner::would_stop_as(const Search& search, const std::string& other) {
  auto ours = base::parse_json_object(describe(search)), theirs = base::parse_json_object(other);
  if (!ours || !theirs) return false;
  // One that makes more trials has all the competitors that the other had.
  const Json* made = theirs->if_contains("trials");
  if (made == nullptr || !made->is_int64() || made->get_int64() > search.trials) return false;
  ours->erase("trials");
  theirs->erase("trials");
  return *ours == *theirs;
}

Result<void> SearchRunner::gather(RunRecord& run, std::size_t position, const Search& search,
                                  const fs::path& folder) {
  StepRecord& step = run.steps[position];
  const std::vector<std::size_t> items = run.items(position);
  const std::vector<Trial> trials = trials_at(run.steps, items);
  const auto count_of = [&](std::string_view state) {
    return std::count_if(items.begin(), items.end(),
                         [&](std::size_t item) { return run.steps[item].state == state; });
  };
  for (const std::size_t item : items) {
    // One that a kill interrupted, and that was cancelled before it could run again.
    const StepRecord& trial = run.steps[item];
    if (trial.state == "cancelled" && TRY(tracked_.exists(trial.tracked_run))) end(trial, search);
  }
  const auto best = best_of(search, trials);
  const auto failed = count_of("failed");
  const bool is_cut_off = std::ssize(items) < search.trials && !too_many_failed(search, trials);
  if (is_cut_off || count_of("cancelled") > 0) {
    step.state = step.reason = "cancelled";
  } else if (too_many_failed(search, trials)) {
    step.state = "failed";
    step.reason = fmt::format("{} of {} trials failed, of which {} may (max_failed): {}", failed,
                              items.size(), search.max_failed, first_with(run, items, "failed"));
  } else if (!best) {
    step.state = failed > 0 ? "failed" : "refused";
    step.reason = fmt::format("none of {} trials has a value: {}", items.size(),
                              first_with(run, items, step.state));
  } else {
    const auto ran = std::count_if(items.begin(), items.end(), [&](std::size_t item) {
      return run.steps[item].state != "cached" && run.steps[item].tries > 0;
    });
    step.state = ran == 0 ? "cached" : "succeeded";
    step.score = trials[*best].value;
    step.reason = fmt::format("best of {} trials: {} with {}={}", items.size(),
                              run.steps[items[*best]].name, search.metric.metric(), *step.score);
    if (const auto stopped = count_of("stopped"); stopped > 0)
      step.reason += fmt::format("; {} stopped early", stopped);
    if (failed > 0) step.reason += fmt::format("; {} failed", failed);
  }
  if (step.is_good()) {
    const StepRecord& winner = run.steps[items[*best]];
    step.folder = folder.string();
    TRY(link_outputs(winner.folder, folder));
    step.manifest = winner.manifest;
    JsonObject best_document = told(trials[*best], *best, winner);
    best_document["metric"] = search.metric.text;
    TRY(write_document(step, kBestFile, best_document));
    JsonArray all;
    for (std::size_t i = 0; i < items.size(); ++i)
      all.push_back(told(trials[i], i, run.steps[items[i]]));
    TRY(write_document(step, kTrialsFile, Json(std::move(all))));
    step.manifest_digest = base::sha256_hex(base::to_text(step.manifest));
    step.exit_code = 0;
  }
  end(step, search);
  return {};
}

}  // namespace slipway::pipelines
