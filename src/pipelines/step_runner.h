// One step of a run: answered from cache, or a command that runs. Safe to use from several threads.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "pipelines/cache_key.h"
#include "pipelines/executor.h"
#include "pipelines/next_steps.h"
#include "pipelines/plan.h"
#include "pipelines/run_table.h"
#include "pipelines/search/early_stop.h"
#include "pipelines/search/search_runner.h"
#include "pipelines/secrets.h"

namespace slipway::pipelines {

class StepRunner {
 public:
  struct Options {
    std::filesystem::path folder;  // runs and their outputs
    std::string url;               // of the server, for the steps
    std::string path_prefix;       // put before PATH, so that `slipway` and `python3` are found
    std::size_t items_max = 1000;  // of one step
  };
  // What is given must outlive it.
  StepRunner(RunTable& table, const base::Clock& wall_clock, base::Random& random,
             const base::Clock& event_clock, Executor& executor, InputDigests& inputs,
             const Secrets& secrets, TrialRuns& trial_runs, Options options)
      : table_(table),
        wall_clock_(wall_clock),
        event_clock_(event_clock),
        random_(random),
        executor_(executor),
        inputs_(inputs),
        secrets_(secrets),
        options_(std::move(options)),
        trial_runs_(trial_runs),
        searches_(trial_runs, random, options_.items_max) {}

  std::filesystem::path log_of(const std::string& run, const std::string& step) const {
    return options_.folder / run / (step + ".log");
  }

  // The commit of the project and whether it has changes; empty when it is no git checkout.
  JsonObject find_source(const std::filesystem::path& project, const std::string& run);

  // Finds out what the step at `position` needs no process for: whether its condition holds, a
  // question to a person, something to wait for, an answer from cache, what it lacks, the items
  // that it becomes (behind the others in `run`). True: it is over, waits, or runs as its items.
  // False: it is pending, and its command has to run.
  Result<bool> settle(RunRecord& run, std::size_t position, const Plan& plan,
                      const std::filesystem::path& project);

  // Makes the step at `position` a running one with an empty folder, or one that waits for a
  // person, or, when nothing it depends on has changed or it can't begin, one that is over.
  Result<void> begin(RunRecord& run, std::size_t position, const Plan& plan,
                     const std::filesystem::path& project);

  // What a step with `pipeline` gives the run that it is. Errors: it can't be told.
  Result<std::map<std::string, std::string>> nested_params(const RunRecord& run,
                                                           const Nested& nested,
                                                           const Plan& plan) const;

  // Ends a step whose run `nested` has succeeded, with a folder that has those of its steps.
  Result<void> gather_nested(const RunRecord& run, std::size_t position, const RunRecord& nested,
                             StepRecord& step);

  // Makes a step that has failed, at `finished`, a pending one when it is to be tried again.
  void try_later(StepRecord& step, const StepDefinition& definition);

  // Adds the trials that are due of a running search, behind the other steps.
  Result<void> propose(RunRecord& run, std::size_t position, const Plan& plan);

  // Ends a step of which no item is to come any more: with a folder that has the outputs of each in
  // order, and the list of them (`items.json`); a search with the best trial's outputs.
  Result<void> gather(RunRecord& run, std::size_t position, const Plan& plan);

  // What a running step runs, without its secrets; of those of other steps the names.
  Command command_for(const RunRecord& run, std::size_t position, const Plan& plan,
                      const std::filesystem::path& project) const;

  struct RunningTrial {
    std::string run;  // of the pipeline
    TrialRun tracked;
  };
  // Nothing: the step is no trial.
  static std::optional<RunningTrial> trial_of(const RunRecord& run, std::size_t position,
                                              const Plan& plan);

  // Runs the command of a running step, with its secrets, and waits; returns the step as it is
  // then: over, or pending when it is tried again. Nothing: this server ends, and the next goes on
  // with it.
  std::optional<StepRecord> run(Command command, StepRecord step, const StepDefinition& definition,
                                const std::optional<RunningTrial>& trial,
                                const std::function<Wish()>& wish,
                                const std::function<bool()>& is_cancelled);

 private:
  std::filesystem::path folder_of(const RunRecord& run, std::size_t position) const;
  // Ends a step whose condition doesn't hold; true: it did.
  bool end_by_condition(const RunRecord& run, StepRecord& step, const Plan& plan,
                        const PlannedStep& planned);
  // Lets a step wait for what its definition says.
  Result<void> begin_waiting(const RunRecord& run, StepRecord& step, const Plan& plan,
                             const StepDefinition& definition,
                             const std::filesystem::path& project);
  // Makes a step the items that it has, or ends it.
  void expand(RunRecord& run, std::size_t position, const Plan& plan, const PlannedStep& planned);
  Result<void> gather_items(RunRecord& run, std::size_t position);
  // Of a trial that is stopped early, and has a key; true: it is over.
  Result<bool> stop_as_before(RunRecord& run, std::size_t position, const Search& search);
  // `early`: null, or what may end it.
  std::optional<StepRecord> run_command(Command command, StepRecord step,
                                        const StepDefinition& definition, EarlyStop* early,
                                        const std::function<Wish()>& wish,
                                        const std::function<bool()>& is_cancelled);
  // Makes a step whose server or process is gone a pending one, unless it has happened too often.
  void lose(StepRecord& step);
  // Of a step that would be kept for other runs: says what was changed while it ran of what it
  // depends on, and then keeps it from them.
  Result<void> note_changes(StepRecord& step, const StepDefinition& definition,
                            const std::filesystem::path& project);
  // Takes what a command that ended well has written; note_changes().
  Result<void> take_outputs(StepRecord& step, const StepDefinition& definition,
                            const std::filesystem::path& project);
  Result<Exit> run_with_secrets(Command command, const StepDefinition& definition,
                                const std::function<Wish()>& wish);
  Result<bool> answer_from_cache(RunRecord& run, std::size_t position,
                                 const StepDefinition& definition);

  RunTable& table_;
  const base::Clock& wall_clock_;
  const base::Clock& event_clock_;
  base::Random& random_;
  Executor& executor_;
  InputDigests& inputs_;
  const Secrets& secrets_;
  const Options options_;
  TrialRuns& trial_runs_;
  SearchRunner searches_;
};

}  // namespace slipway::pipelines
