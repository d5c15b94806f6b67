#include "pipelines/step_runner.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/hash.h"
#include "pipelines/gather.h"
#include "pipelines/server_table.h"
#include "pipelines/step_outputs.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr int kRefused = 3;   // a gate said no
constexpr int kKilled = 137;  // 128 + SIGKILL
// A step may be what its server dies of.
constexpr int kLossesMax = 10;
constexpr std::string_view kLost = "it was lost";
const Retry kAfterLoss{.after = base::Duration::seconds(1), .at_most = base::Duration::seconds(60)};
constexpr base::Duration kNotBegunPause = base::Duration::seconds(1);

// Asks those who keep things in the same database, once more if that was away.
template <typename Ask>
std::invoke_result_t<Ask> ask_again(RunTable& table, const Ask& ask) {
  auto said = ask();
  if (said || said.error().code != Code::kUnavailable || !table.reach()) return said;
  return ask();
}

void end(StepRecord& step, std::string_view state, std::string reason, base::Timestamp now) {
  step.state = state;
  step.reason = std::move(reason);
  step.finished = now;
}

// As a shell tells it: 128 and the signal's number.
std::string told_exit(int code) {
  const char* const signal = code > 128 ? ::sigabbrev_np(code - 128) : nullptr;
  return signal == nullptr ? fmt::format("exit code {}", code)
                           : fmt::format("exit code {} (SIG{})", code, signal);
}

const StepRecord& find_step(const RunRecord& run, const std::string& name) {
  const auto found = std::find_if(run.steps.begin(), run.steps.end(),
                                  [&](const StepRecord& step) { return step.name == name; });
  CHECK(found != run.steps.end());  // the definition was checked for it
  return *found;
}

Result<void> link_folder(const fs::path& link, const fs::path& folder) {
  std::error_code ec;
  fs::create_directory_symlink(folder, link, ec);
  if (!ec) return {};
  return base::error(Code::kInternal, "outputs can't be linked: link={} why={}", link.string(),
                     ec.message());
}

// What stands for an item or a trial's values in a command.
Result<std::map<std::string, std::string>> texts_of_item(const StepDefinition& definition,
                                                         const std::string& value) {
  if (!definition.search) return item_texts(definition.command, value);
  const Space& space = definition.search->space;
  auto texts = texts_of(space, TRY(point_of(space, value)));
  texts["item"] = value;
  return texts;
}

// Of a step that was ended for no fault of its own: another try, the last one told.
void begin_anew(StepRecord& step, const std::string& reason) {
  step.state = "pending";
  step.reason = reason;
  --step.tries;
  step.earlier_tries.push_back({.started = *step.started,
                                .finished = *step.finished,
                                .exit_code = std::nullopt,
                                .reason = reason});
}

std::string out_of_memory(const StepRecord& step, const StepDefinition& definition) {
  return fmt::format("OOMKilled: step {} used {}, more than its {}; raise resources.memory",
                     step.name, memory_text(step.usage.peak_memory_bytes.value_or(0)),
                     memory_text(definition.resources.memory_bytes));
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
                    [] { return Wish::kGoOn; });
  const auto text = store::read_file(file);
  if (!exit || !text || text->size() < 41 || (*text)[40] != '\n') return {};
  return {
      {"commit", text->substr(0, 40)}, {"dirty", text->size() > 41}, {"folder", project.string()}};
}

Result<bool> StepRunner::answer_from_cache(RunRecord& run, std::size_t position,
                                           const StepDefinition& definition) {
  StepRecord& step = run.steps[position];
  auto kept = TRY(find_kept(table_, step.cache_key));
  if (!kept)
    return definition.search && definition.search->stop_early
               ? stop_as_before(run, position, *definition.search)
               : Result<bool>(false);
  if (definition.search) {
    const auto score = searches_.score(*definition.search, kept->folder, kept->tracked_run);
    if (!score) return false;  // it was another metric then, or its run is deleted
    step.score = *score;
    TRY(searches_.renew(step));
    TRY(searches_.track(SearchRunner::tracked(run, position, *definition.search)));
    if (definition.search->stop_early) {
      // What it reported then counts by this search's metric and rungs, not by those of its own.
      StepRecord reporter = step;
      reporter.tracked_run = kept->tracked_run;
      EarlyStop(trial_runs_, table_, *definition.search, run.id, reporter).finish();
    }
  }
  step.state = "cached";
  step.folder = std::move(kept->folder);
  step.manifest_digest = std::move(kept->manifest_digest);
  step.manifest = std::move(kept->manifest);
  step.reason = fmt::format("nothing it depends on has changed since run {}", kept->run);
  step.exit_code = 0;
  if (definition.search) searches_.end(step, *definition.search);
  return true;
}

Result<bool> StepRunner::stop_as_before(RunRecord& run, std::size_t position,
                                        const Search& search) {
  StepRecord& step = run.steps[position];
  for (const auto& before : TRY(table_.stopped_with_key(step.cache_key))) {
    if (!SearchRunner::would_stop_as(search, before.search)) continue;
    TRY(searches_.renew(step));
    TRY(searches_.track(SearchRunner::tracked(run, position, search)));
    TRY(table_.copy_rungs(before.trial,
                          {.run = run.id, .search = *step.parent, .trial = step.item}));
    step.state = "stopped";
    step.score = before.score;
    step.reached = before.reached;
    step.reason = "stopped early as in run " + before.trial.run;
    searches_.end(step, search);
    return true;
  }
  return false;
}

fs::path StepRunner::folder_of(const RunRecord& run, std::size_t position) const {
  const StepRecord& step = run.steps[position];
  if (!step.parent) return options_.folder / run.id / step.name;
  return options_.folder / run.id / run.steps[*step.parent].name / item_folder(step.item);
}

bool StepRunner::end_by_condition(const RunRecord& run, StepRecord& step, const Plan& plan,
                                  const PlannedStep& planned) {
  const auto outcome = planned.definition.when->evaluate(
      {.params = plan.params,
       .output = [&](const auto& of) { return output_value(of, find_step(run, of.name).folder); },
       .run_state = [&] { return end_of(run.steps).state; }});
  if (!outcome) {
    end(step, "failed", "its condition: " + outcome.error().message, wall_clock_.now());
    return true;
  }
  if (outcome->holds) return false;
  step.state = "skipped";
  step.reason = "its condition says no: " + outcome->why;
  step.started.reset();  // it never began
  return true;
}

void StepRunner::expand(RunRecord& run, std::size_t position, const Plan& plan,
                        const PlannedStep& planned) {
  run.steps[position].state = "running";
  if (!run.items(position).empty()) return;  // tried again
  const Each& each = *planned.definition.each;
  const auto items = find_items(each, plan, [&](const ConditionOperand& of) {
    return fs::path(find_step(run, of.name).folder);
  });
  if (!items) return end(run.steps[position], "failed", items.error().message, wall_clock_.now());
  if (items->size() > options_.items_max) {
    return end(run.steps[position], "failed",
               fmt::format("too many items: items={} limit={} (setting pipeline-items-max)",
                           items->size(), options_.items_max),
               wall_clock_.now());
  }
  for (std::size_t i = 0; i < items->size(); ++i) {
    StepRecord item{.name = item_name(run.steps[position].name, i)};
    item.parent = position;
    item.item = i;
    item.value = (*items)[i];
    run.steps.push_back(std::move(item));
  }
}

Result<void> StepRunner::begin_waiting(const RunRecord& run, StepRecord& step, const Plan& plan,
                                       const StepDefinition& definition, const fs::path& project) {
  const WaitFor& wait_for = *definition.wait_for;
  std::int64_t after = 0;
  if (!wait_for.news.empty())
    after = TRY(wait_for.since_success ? table_.last_success_passed(run, step.name)
                                       : table_.began(run));
  const Wait wait = begin_wait(wait_for, plan.params, project, run.now, event_clock_.now(),
                               definition.timeout.value_or(kWaitTimeout), after);
  step.state = "waiting";
  step.reason = fmt::format("it waits for {}, until {}", wait.what, types::to_rfc3339(wait.until));
  step.wait = wait.to_json();
  return {};
}

Result<bool> StepRunner::settle(RunRecord& run, std::size_t position, const Plan& plan,
                                const fs::path& project) {
  StepRecord& step = run.steps[position];
  const PlannedStep& planned = plan.steps[run.planned(position)];
  const StepDefinition& definition = planned.definition;
  step.started = wall_clock_.now();
  step.finished.reset();
  step.not_before.reset();
  step.reason.clear();
  step.exit_code.reset();
  step.usage = {};
  step.server.clear();
  step.score.reset();
  if (definition.when && !step.parent && end_by_condition(run, step, plan, planned)) return true;
  if (definition.nested) {
    step.state = "running";
    ++step.tries;
    return true;
  }
  if (definition.wait_for) {
    TRY(begin_waiting(run, step, plan, definition, project));
    return true;
  }
  if (definition.run.empty()) {
    step.state = "waiting";
    step.reason = definition.approve;
    return true;
  }
  if (definition.each && !step.parent) {
    expand(run, position, plan, planned);
    return true;
  }
  if (definition.search && !step.parent) {
    if (const auto begun = searches_.begin(step, *definition.search); !begun)
      end(step, "failed", begun.error().message, wall_clock_.now());
    return true;
  }
  const auto declared =
      ask_again(table_, [&] { return declared_digests(definition, project, inputs_); });
  if (!declared) {
    end(step, "failed", declared.error().message, wall_clock_.now());
    return true;
  }
  std::map<std::string, std::string> item, outputs_of;
  if (step.parent) {
    auto texts = texts_of_item(definition, step.value);
    if (!texts) {
      end(step, "failed", texts.error().message, wall_clock_.now());
      return true;
    }
    item = std::move(*texts);
  }
  std::map<std::string, std::string> texts = item;
  texts["out"] = folder_of(run, position);
  for (const std::size_t need : planned.needs) {
    const StepRecord& before = run.steps[need];
    const bool is_skipped = before.state == "skipped";  // whatever it wrote in an earlier try
    outputs_of[before.name] = is_skipped ? std::string() : before.manifest_digest;
    texts[before.name] = is_skipped ? std::string() : before.folder;
  }
  StepKey key = make_step_key(plan, planned, *declared, outputs_of, item);
  step.cache_key = key.digest;
  step.key_document = std::move(key.document);
  step.command = command_of(plan, planned, [&](const std::string& name) { return texts[name]; });
  if (definition.cached() && !run.no_cache && TRY(answer_from_cache(run, position, definition))) {
    step.finished = wall_clock_.now();
    return true;
  }
  return false;
}

Result<void> StepRunner::begin(RunRecord& run, std::size_t position, const Plan& plan,
                               const fs::path& project) {
  if (TRY(settle(run, position, plan, project))) return {};
  StepRecord& step = run.steps[position];
  if (const auto& search = plan.steps[run.planned(position)].definition.search) {
    TRY(searches_.renew(step));
    if (search->stop_early)
      TRY(table_.forget_rungs({.run = run.id, .search = *step.parent, .trial = step.item}));
  }
  const fs::path own = folder_of(run, position);
  std::error_code ignored;
  fs::remove_all(own, ignored);  // of a try before
  TRY(store::make_folders(own));
  step.state = "running";
  step.folder = own.string();
  ++step.tries;
  return {};
}

Result<void> StepRunner::propose(RunRecord& run, std::size_t position, const Plan& plan) {
  return ask_again(table_, [&] {
    return searches_.propose(run, position, *plan.steps[position].definition.search);
  });
}

Result<void> StepRunner::gather(RunRecord& run, std::size_t position, const Plan& plan) {
  run.steps[position].finished = wall_clock_.now();
  const auto& search = plan.steps[position].definition.search;
  if (!search) return gather_items(run, position);
  return ask_again(table_, [&] {
    return searches_.gather(run, position, *search, folder_of(run, position) / "best");
  });
}

Result<std::map<std::string, std::string>> StepRunner::nested_params(const RunRecord& run,
                                                                     const Nested& nested,
                                                                     const Plan& plan) const {
  return nested.values(
      [&](const std::string& name) -> Result<std::string> {
        if (name == "now") return types::to_rfc3339(run.now);
        const auto param = plan.params.find(name);
        if (param != plan.params.end()) return param->second;
        const StepRecord& before = find_step(run, name);
        return before.state == "skipped" ? std::string() : before.folder;
      },
      [&](const ConditionOperand& of) { return output_value(of, find_step(run, of.name).folder); });
}

Result<void> StepRunner::gather_nested(const RunRecord& run, std::size_t position,
                                       const RunRecord& nested, StepRecord& step) {
  const fs::path own = folder_of(run, position);
  std::error_code ec;
  fs::remove_all(own, ec);  // of an earlier try: links alone
  TRY(store::make_folders(own));
  step.manifest.clear();
  for (const StepRecord& inner : nested.steps) {
    if (inner.parent || !inner.is_good() || inner.manifest.empty()) continue;
    TRY(link_folder(own / inner.name, inner.folder));
    for (const auto& [file, digest] : inner.manifest)
      step.manifest[inner.name + "/" + std::string(std::string_view(file))] = digest;
  }
  step.folder = own.string();
  step.manifest_digest = base::sha256_hex(base::to_text(step.manifest));
  return {};
}

Result<void> StepRunner::gather_items(RunRecord& run, std::size_t position) {
  StepRecord& step = run.steps[position];
  const fs::path own = folder_of(run, position);
  ItemsEnd ended = end_of_items(run, position);
  step.state = std::move(ended.state);
  step.reason = std::move(ended.reason);
  if (!step.is_good()) return {};
  TRY(store::make_folders(own));
  std::vector<GatheredItem> items;
  for (const std::size_t at : run.items(position)) {
    const StepRecord& item = run.steps[at];
    const fs::path link = own / item_folder(item.item);
    if (item.folder != link.string()) {  // answered from cache
      std::error_code ignored;
      fs::remove_all(link, ignored);  // of an earlier try
      TRY(link_folder(link, item.folder));
    }
    items.push_back({.value = item.value, .manifest = item.manifest});
  }
  TRY(store::write_file(own / kItemsFile, list_of_items(items)));
  step.folder = own.string();
  step.manifest = gathered_manifest(items);
  step.manifest_digest = base::sha256_hex(base::to_text(step.manifest));
  step.exit_code = 0;
  return {};
}

std::optional<StepRunner::RunningTrial> StepRunner::trial_of(const RunRecord& run,
                                                             std::size_t position,
                                                             const Plan& plan) {
  const auto& search = plan.steps[run.planned(position)].definition.search;
  if (!search) return std::nullopt;
  return RunningTrial{.run = run.id, .tracked = SearchRunner::tracked(run, position, *search)};
}

std::optional<StepRecord> StepRunner::run(Command command, StepRecord step,
                                          const StepDefinition& definition,
                                          const std::optional<RunningTrial>& trial,
                                          const std::function<Wish()>& wish,
                                          const std::function<bool()>& is_cancelled) {
  if (trial) {
    const auto tracked = ask_again(table_, [&] { return searches_.track(trial->tracked); });
    if (!tracked) {
      end(step, "failed", "it can't be tracked: " + tracked.error().message, wall_clock_.now());
      return step;
    }
  }
  std::optional<EarlyStop> early;
  if (trial && definition.search->stop_early)
    early.emplace(trial_runs_, table_, *definition.search, trial->run, step);
  auto ended = run_command(std::move(command), std::move(step), definition,
                           early ? &*early : nullptr, wish, is_cancelled);
  if (trial && ended) searches_.end(*ended, *definition.search);
  return ended;
}

Result<void> StepRunner::take_outputs(StepRecord& step, const StepDefinition& definition,
                                      const fs::path& project) {
  JsonObject manifest = TRY(make_manifest(step.folder, definition));
  if (definition.search)
    step.score = TRY(searches_.score(*definition.search, step.folder, step.tracked_run));
  step.manifest_digest = base::sha256_hex(base::to_text(manifest));
  step.manifest = std::move(manifest);
  return note_changes(step, definition, project);
}

Result<void> StepRunner::note_changes(StepRecord& step, const StepDefinition& definition,
                                      const fs::path& project) {
  if (!definition.cached()) return {};
  StepKey key{.digest = step.cache_key, .document = step.key_document};
  const std::vector<std::string> changed =
      mark_changed(key, TRY(declared_digests(definition, project, inputs_, Missing::kIsMarked)));
  if (changed.empty()) return {};
  step.cache_key = std::move(key.digest);
  step.key_document = std::move(key.document);
  step.reason = fmt::format("{} changed while it ran: no other run takes what it made",
                            fmt::join(changed, ", "));
  return {};
}

std::optional<StepRecord> StepRunner::run_command(Command command, StepRecord step,
                                                  const StepDefinition& definition,
                                                  EarlyStop* early,
                                                  const std::function<Wish()>& wish,
                                                  const std::function<bool()>& is_cancelled) {
  const fs::path project = command.folder;
  const auto exit = run_with_secrets(std::move(command), definition, [&] {
    const Wish wished = wish();
    return wished == Wish::kGoOn && early != nullptr && early->stops() ? Wish::kEnd : wished;
  });
  step.finished = exit && exit->ended ? *exit->ended : wall_clock_.now();
  step.state = "failed";
  if (exit) step.usage = exit->usage;
  // A server before this one has asked for its end.
  const bool is_unasked =
      exit && exit->kind == Exit::Kind::kStopped && !is_cancelled() && wish() == Wish::kGoOn;
  if (is_unasked && early != nullptr) early->stops();
  if (!exit) {
    step.reason = exit.error().message;
  } else if (exit->kind == Exit::Kind::kLeft) {
    return std::nullopt;
  } else if (exit->kind == Exit::Kind::kStopped && early != nullptr && early->stopped()) {
    step.state = "stopped";
    if (const double value = early->stopped()->last.value; std::isfinite(value)) step.score = value;
    step.reached = early->stopped()->last.step;
    if (const auto noted =
            ask_again(table_, [&] { return note_changes(step, definition, project); });
        !noted)
      step.cache_key.clear();  // it can't be told: nobody goes by it
    step.reason = early->stopped()->reason;
    return step;
  } else if (exit->kind == Exit::Kind::kStopped && is_cancelled()) {
    step.state = step.reason = "cancelled";
    return step;
  } else if (exit->kind == Exit::Kind::kStopped && wish() == Wish::kLeave) {
    return std::nullopt;
  } else if (exit->kind == Exit::Kind::kStopped || exit->kind == Exit::Kind::kLost) {
    lose(step);
    return step;
  } else if (exit->kind == Exit::Kind::kNotBegun && step.server.empty()) {
    begin_anew(step, "it was ended with its server");
    return step;
  } else if (exit->kind == Exit::Kind::kNotBegun) {
    step.state = "pending";
    step.reason = fmt::format("server {} had ended before it began", name_of_server(step.server));
    step.not_before = *step.finished + kNotBegunPause;
    --step.tries;
    step.started.reset();
    step.finished.reset();
    step.server.clear();
    return step;
  } else if (exit->kind == Exit::Kind::kTimedOut) {
    step.reason = "it took longer than its timeout";
  } else if (exit->kind == Exit::Kind::kOutOfMemory) {
    step.exit_code = kKilled;
    step.reason = exit->reason.empty() ? out_of_memory(step, definition) : exit->reason;
  } else {
    step.exit_code = exit->code;
    if (exit->code == kRefused) {
      step.state = "refused";
      step.reason = "the gate said no";
      return step;
    }
    if (exit->code != 0) {
      step.reason = fmt::format("{}: see the step's log", told_exit(exit->code));
    } else if (const auto taken =
                   ask_again(table_, [&] { return take_outputs(step, definition, project); });
               !taken) {
      step.reason = taken.error().message;
    } else {
      if (early != nullptr) early->finish();
      step.state = "succeeded";
      return step;
    }
  }
  try_later(step, definition);
  return step;
}

void StepRunner::lose(StepRecord& step) {
  const std::string reason =
      step.server.empty()
          ? fmt::format("{}: its process is gone and nobody saw how it ended", kLost)
          : fmt::format("{} with its server {}", kLost, name_of_server(step.server));
  const auto losses =
      std::count_if(step.earlier_tries.begin(), step.earlier_tries.end(),
                    [](const EarlierTry& earlier) { return earlier.reason.starts_with(kLost); });
  if (losses + 1 >= kLossesMax) {
    step.reason = fmt::format("{}, as {} times before", reason, losses);
    return;
  }
  step.not_before = *step.finished + retry_delay(kAfterLoss, losses + 1, random_.uniform());
  begin_anew(step, reason);
}

void StepRunner::try_later(StepRecord& step, const StepDefinition& definition) {
  if (step.tries > definition.retry.times) return;
  const base::Duration wait = retry_delay(definition.retry, step.tries, random_.uniform());
  step.state = "pending";
  step.not_before = *step.finished + wait;
  step.reason =
      fmt::format("try {} of {} failed: {}", step.tries, definition.retry.times + 1, step.reason);
  step.earlier_tries.push_back({.started = *step.started,
                                .finished = *step.finished,
                                .exit_code = step.exit_code,
                                .reason = step.reason});
}

}  // namespace slipway::pipelines
