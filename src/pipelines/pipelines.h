// Runs pipelines: the steps in order, each answered from cache when nothing it depends on has
// changed, everything recorded, and taken up again after a crash.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "pipelines/cache_key.h"
#include "pipelines/definition.h"
#include "pipelines/executor.h"
#include "pipelines/plan.h"
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
};

// queued -> running -> succeeded | refused (a step exited with 3: a gate said no) | failed |
// cancelled.
struct StepRecord {
  std::string name;
  // pending | running | succeeded | cached | refused | failed | skipped | cancelled
  std::string state = "pending";
  std::string command, cache_key, reason, folder;
  std::optional<std::int64_t> exit_code;
  JsonObject key_document;  // all that went into the key
  JsonObject manifest;      // file -> SHA-256, of the outputs
  std::string manifest_digest;
  std::int64_t process = 0;
  std::optional<base::Timestamp> started, finished;

  JsonObject to_json() const;
};

struct RunRecord {
  std::string id, pipeline, state, reason, actor;
  std::map<std::string, std::string> params;
  JsonObject source;    // {"commit","dirty"} of the project, when it is a git checkout
  base::Timestamp now;  // of the event clock when it was asked for: what `{now}` means
  base::Timestamp created;
  std::optional<base::Timestamp> finished;
  std::vector<StepRecord> steps;

  bool is_over() const { return state != "queued" && state != "running"; }
  JsonObject to_json() const;
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Pipelines {
 public:
  struct Options {
    std::filesystem::path folder;  // runs and their outputs
    std::string url;               // of the server, for the steps
    std::string path_prefix;       // put before PATH, so that `slipway` and `python3` are found
    std::size_t runs_parallel_max = 2;
  };
  Pipelines(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
            base::Random& random, Executor& executor, InputDigests& inputs)
      : db_(db),
        event_clock_(event_clock),
        wall_clock_(wall_clock),
        random_(random),
        executor_(executor),
        inputs_(inputs) {}
  ~Pipelines();  // stop()

  // Takes up what was queued or running when the last server ended. With runs_parallel_max 0
  // nothing runs by itself (run_queued does).
  Result<void> start(Options options);
  // Steps that run are ended; their runs are taken up by the next start. Idempotent.
  void stop();

  Result<std::vector<DefinitionChange>> plan(const std::vector<ParsedPipeline>& pipelines);
  // Pipelines that aren't named stay.
  Result<std::vector<DefinitionChange>> apply(const std::vector<ParsedPipeline>& pipelines,
                                              const std::filesystem::path& project,
                                              const std::string& actor);
  Result<std::vector<PipelineDefinition>> definitions();

  // Queues a run and returns without waiting. kNotFound: no such pipeline. kInvalidArgument: a
  // parameter it doesn't have.
  Result<RunRecord> start_run(const std::string& pipeline,
                              const std::map<std::string, std::string>& params,
                              const Trigger& trigger);
  Result<RunRecord> find_run(const std::string& id);  // kNotFound
  // Newest first, without steps. An empty name: of all pipelines.
  Result<std::vector<RunRecord>> runs(const std::string& pipeline, std::size_t limit);
  Result<std::vector<std::string>> active_runs();  // ids, oldest first
  // kFailedPrecondition: it is over.
  Result<RunRecord> cancel(const std::string& id);
  // kNotFound: no such step, or it has written nothing yet.
  Result<std::filesystem::path> log(const std::string& run, const std::string& step);

  // Runs what is queued in this thread (tests).
  void run_queued();

 private:
  struct Stored;

  Result<RunRecord> load(const std::string& id, std::string* text, std::string* project);
  Result<void> save_state(const RunRecord& run);
  Result<void> save_step(const RunRecord& run, std::size_t position);
  void work();
  void execute(const std::string& id);
  Result<void> advance(const std::string& id);
  // False: the server stops, and the run goes on with the next one.
  Result<bool> run_step(RunRecord& run, std::size_t position, const Plan& plan,
                        const std::filesystem::path& project);
  Result<bool> answer_from_cache(StepRecord& step);
  JsonObject find_source(const std::filesystem::path& project, const std::string& run);
  bool is_cancelled(const std::string& run);
  bool is_stopping();

  store::Db& db_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  Executor& executor_;
  InputDigests& inputs_;
  Options options_;

  base::Mutex mutex_;
  base::CondVar ready_;
  std::deque<std::string> queue_ GUARDED_BY(mutex_);
  std::set<std::string> cancelled_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> workers_;
};

}  // namespace slipway::pipelines
