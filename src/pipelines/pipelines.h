// Runs pipelines: steps side by side as far as they don't need each other, each answered from cache
// when nothing it depends on has changed, everything recorded, and taken up again after a crash.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "pipelines/cache_key.h"
#include "pipelines/definition.h"
#include "pipelines/executor.h"
#include "pipelines/forecast.h"
#include "pipelines/log_search.h"
#include "pipelines/patient_db.h"
#include "pipelines/places.h"
#include "pipelines/plan.h"
#include "pipelines/pool_table.h"
#include "pipelines/run_record.h"
#include "pipelines/run_table.h"
#include "pipelines/search/trial_runs.h"
#include "pipelines/secrets.h"
#include "pipelines/step_runner.h"
#include "store/db.h"

namespace slipway::pipelines {

struct DefinitionChange {
  std::string kind = "pipeline";
  std::string name;
  std::string change;  // created | updated | unchanged
};

struct Trigger {
  std::string id;  // the same id again gives the same run; empty: every call is a new one
  std::string actor = "anonymous";
  std::string reason;
  std::optional<std::int64_t> priority;  // unset: as the pipeline says
  bool no_cache = false;                 // run every step
  std::string parent_run, parent_step;   // that the run is a step of; empty: of none
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Pipelines {
 public:
  struct Options {
    std::filesystem::path folder;  // runs and their outputs
    std::string url;               // of the server, for the steps
    std::string path_prefix;       // put before PATH, so that `slipway` and `python3` are found
    bool no_cache = false;         // no run takes anything from the step cache
    std::size_t runs_parallel_max = 2;
    std::size_t steps_parallel_max = 4;           // over all runs
    std::size_t items_max = 1000;                 // of one step
    std::int64_t log_search_bytes_max = 1 << 30;  // that one search_logs() reads
    Resources capacity = machine_resources();     // for steps that say what they need
    std::size_t jobs_parallel_max = 100;          // steps that run in a cluster, over all runs
    std::string server;  // id (ServerRecord) where servers share steps; empty: they don't
    std::string leader;  // id that must lead for runs to go on; empty: nobody else can
  };
  Pipelines(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
            base::Random& random, Executor& executor, InputDigests& inputs, const Secrets& secrets,
            TrialRuns& trial_runs)
      : db_(db),
        table_(db),
        pool_table_(db),
        event_clock_(event_clock),
        wall_clock_(wall_clock),
        random_(random),
        executor_(executor),
        inputs_(inputs),
        secrets_(secrets),
        trial_runs_(trial_runs),
        patient_db_(db, [this] { return is_stopping(); }),
        record_(patient_db_) {}
  ~Pipelines();  // stop()

  // Takes up what was queued or running when the last server ended. With runs_parallel_max 0
  // nothing runs by itself (run_queued does).
  Result<void> start(Options options);
  // Steps that run are ended; their runs are taken up by the next start. Idempotent.
  void stop();

  Result<std::vector<DefinitionChange>> plan(const std::vector<ParsedPipeline>& pipelines);
  // What would let steps fail as the server is now, in sentences: secrets that it can't give.
  std::vector<std::string> warnings(const std::vector<ParsedPipeline>& pipelines) const;
  // Pipelines that aren't named stay.
  Result<std::vector<DefinitionChange>> apply(const std::vector<ParsedPipeline>& pipelines,
                                              const std::filesystem::path& project,
                                              const std::string& actor);
  // Nobody hears any more of pipelines that aren't named here.
  Result<void> quieten_others(const std::vector<ParsedPipeline>& pipelines);
  Result<std::vector<PipelineDefinition>> definitions();
  // Its runs stay, with the definition they had. kFailedPrecondition: one isn't over. kNotFound.
  Result<void> remove(const std::string& name, const std::string& actor);

  Result<std::vector<DefinitionChange>> plan_pools(const Pools& pools);
  // Pools that aren't named stay; what waits for slots that there are now begins.
  Result<std::vector<DefinitionChange>> apply_pools(const Pools& pools, const std::string& actor);
  // kFailedPrecondition: steps hold slots of it, or wait for them. kNotFound.
  Result<void> remove_pool(const std::string& name, const std::string& actor);
  std::vector<Places::PoolState> pools();
  // The servers that steps can be given to beside this one.
  void set_other_servers(const std::vector<OtherServer>& others);
  // What steps of a project in this folder may have.
  Offers offers(const std::filesystem::path& project);

  // Queues a run and returns without waiting. kNotFound: no such pipeline. kInvalidArgument: a
  // parameter it doesn't have.
  Result<RunRecord> start_run(const std::string& pipeline,
                              const std::map<std::string, std::string>& params,
                              const Trigger& trigger);
  // What such a run would do now, step by step; nothing is run. As start_run.
  Result<std::vector<StepForecast>> explain_run(const std::string& pipeline,
                                                const std::map<std::string, std::string>& params,
                                                bool no_cache = false);
  // Steps that wait for a place say what for. kNotFound.
  Result<RunRecord> find_run(const std::string& id);
  Result<RunRecord> find_summary(const std::string& id) { return table_.summary(id); }  // no steps
  // Why a step of it ran, was answered from cache, or did not run. kNotFound.
  Result<std::string> why(const std::string& id, const std::string& step);
  enum class Steps { kNone, kSummaries };
  // Newest first. kInvalidArgument: no such state. kNotFound: there is no run `after`.
  Result<std::vector<RunRecord>> runs(const RunFilter& filter, Steps steps = Steps::kNone);
  Result<std::vector<std::string>> active_runs();  // ids, oldest first
  // Those that do more than wait with `wait_for`: while there are any, a rehearsal's clock stands
  // still. What the others wait for may come only when it moves.
  Result<std::vector<std::string>> busy_runs();
  // When, by the event clock, the first of the others goes on or has waited too long.
  std::optional<base::Timestamp> next_wait();
  // Lets runs go on whose steps wait for what has come, or have waited too long. Without it steps
  // see news when they look by themselves (poke_interval). Files are looked at with kAll alone.
  enum class Waits { kNews, kAll };
  Result<void> tend(Waits waits);
  // Searches, of the newest runs first. An empty pipeline: any.
  Result<std::vector<RunTable::SearchOfRun>> searches(const std::string& pipeline,
                                                      std::size_t limit) {
    return table_.newest_searches(pipeline, limit);
  }
  // Steps with `always` still run. kFailedPrecondition: it is over.
  Result<RunRecord> cancel(const std::string& id);
  // What a person says to a step with `approve`: it succeeds, or it is refused as by a gate.
  // kNotFound, kFailedPrecondition: it waits for no answer.
  Result<RunRecord> answer(const std::string& id, const std::string& step, bool approved,
                           const std::string& actor, const std::string& reason);
  // Runs again what did not succeed in a run that is over, with the definition and the parameters
  // it had; what is good stays. kFailedPrecondition: it isn't over, or nothing of it failed.
  Result<RunRecord> try_again(const std::string& id, const std::string& actor);
  // Whether the pipeline of a run is another one by now than it was then, or gone.
  Result<bool> was_changed_since(const std::string& id);
  // Looks through what the steps of the newest runs have written, at most so many bytes
  // (Options). kInvalidArgument: no such state.
  Result<LogLines> search_logs(const LogQuery& query);
  // Of a step that was answered from cache, what the one that it comes from wrote. kNotFound: no
  // such step, it has written nothing yet, or it is a run.
  Result<std::filesystem::path> log(const std::string& run, const std::string& step);

  // Runs what is queued in this thread (tests).
  void run_queued();
  void run_due();  // and leaves what waits for its time

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Work;  // a run that this thread advances

  struct Planned {
    Plan plan;
    std::string text, project;  // as stored
    std::int64_t priority = 0;
    base::Timestamp now;
  };
  // The plan of a run that would be started now.
  Result<Planned> plan_run(const std::string& pipeline,
                           const std::map<std::string, std::string>& params);
  // The plan of a run. What it is made of never changes, so it is made once for all who look.
  Result<std::shared_ptr<const Plan>> plan_of(const StoredRun& stored);
  // What is no part of a run's record: what its steps need, and which place they wait for.
  void fill_in(const Plan& plan, RunRecord& run);
  void enqueue(const std::string& id, SteadyTime due);
  void enqueue(const RunRecord& run);  // now
  Rank rank_of(const std::string& id) const REQUIRES(mutex_);
  // Lets whoever advances the run look at it again, now.
  void touch(const std::string& id) REQUIRES(mutex_);
  // Takes over what people have answered meanwhile.
  Result<void> read_answers(Work& work);
  // Ends steps of these that wait for what has come, or too long; true: one of them. `wake`: when,
  // by the wall clock, to look again.
  Result<bool> look(Work& work, const std::vector<std::size_t>& positions,
                    std::optional<base::Timestamp>& wake);
  // Starts the run that a step is, or goes on with the one it was.
  Result<void> begin_nested(Work& work, std::size_t position);
  // Ends steps whose runs are over; true: one of them. `wake`: when they have taken too long.
  Result<bool> follow_nested(Work& work, const std::vector<std::size_t>& positions,
                             std::optional<base::Timestamp>& wake);
  // Ends a step as its run has.
  Result<void> end_as(Work& work, std::size_t position, const RunRecord& nested, bool is_late);
  // Ends a run and lets go on the one that it is a step of.
  Result<void> save_end(const RunRecord& run);
  // Puts on record how a step that waits ends, unless somebody was faster.
  Result<void> end_waiting(const std::string& run, const StepRecord& step);
  // Says what the run waits for, and whether that is all it does.
  void note_waits(const Work& work, const NextSteps& next);
  // Refuses what nobody has answered in time.
  Result<void> expire(Work& work, const std::vector<std::size_t>& positions);
  // Lets the runs go on that have got places.
  void hand_out() REQUIRES(mutex_);
  // The run of the highest rank that is due; nothing when the server stops, or when nothing is
  // queued or due.
  enum class Take { kAlways, kWhileQueued, kIfDue };
  std::optional<std::string> take(Take how);
  void execute(const std::string& id);
  Result<void> advance(const std::string& id);
  // Adds the trials that are due.
  Result<void> grow(Work& work, const std::vector<std::size_t>& positions);
  // Ends the steps whose items are over.
  Result<void> gather(Work& work, const std::vector<std::size_t>& positions);
  // Of ready steps, those that have to wait for a place; the others are over at once, wait for a
  // person or have become items (`changed`).
  Result<std::vector<Place>> settle(Work& work, const std::vector<std::size_t>& ready,
                                    bool& changed);
  static Place place_of(const Work& work, std::size_t position);
  // Goes on with steps that a server before this one has begun.
  void follow(Work& work, const std::vector<std::size_t>& positions);
  // Puts the unsaved ones on record.
  Result<void> save_steps(Work& work, store::Durable durable);
  // Begins the ready steps that have places; true: one of them was over at once.
  Result<bool> begin(Work& work, const std::vector<std::size_t>& ready);
  // Starts the processes of steps that are on record as running.
  enum class Launch { kBegin, kFollow };
  void launch(Work& work, const std::vector<std::size_t>& positions, Launch how);
  // Waits until a step has ended, the run shall end, it has got a place, or it is `wake` by the
  // wall clock.
  void wait_for_change(Work& work, std::optional<base::Timestamp> wake);
  Result<void> finish(Work& work);
  bool is_cancelled(const std::string& run);
  bool is_stopping();

  store::Db& db_;
  RunTable table_;
  PoolTable pool_table_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  Executor& executor_;
  InputDigests& inputs_;
  const Secrets& secrets_;
  TrialRuns& trial_runs_;
  PatientDb patient_db_;
  RunTable record_;  // to those who take runs through their steps: table_ is for who asks
  Options options_;
  std::optional<StepRunner> runner_;

  base::Mutex mutex_;
  base::CondVar ready_;    // a run is due
  base::CondVar changed_;  // what a run waits for may have come
  std::multimap<SteadyTime, std::string> queue_ GUARDED_BY(mutex_);
  std::set<std::string> cancelled_ GUARDED_BY(mutex_);
  std::set<std::string> advancing_ GUARDED_BY(mutex_);  // by a worker
  std::set<std::string> touched_ GUARDED_BY(mutex_);    // of those: to be looked at again
  // Of runs with steps that wait for something.
  struct Waiting {
    bool rests = false;  // all that the run does
    std::vector<std::pair<WaitFor, Wait>> waits;
  };
  std::map<std::string, Waiting> waiting_ GUARDED_BY(mutex_);
  std::multiset<std::string> waking_ GUARDED_BY(mutex_);  // a run that is a step of them ends
  std::map<std::string, Rank> ranks_ GUARDED_BY(mutex_);  // of runs that are not over
  Places places_ GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<const Plan>> plans_ GUARDED_BY(mutex_);  // by run
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> workers_;
};

}  // namespace slipway::pipelines
