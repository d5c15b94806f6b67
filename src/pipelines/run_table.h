// Runs and their steps in the database. Safe to use from several threads.
#pragma once

#include <string>
#include <vector>

#include "pipelines/plan.h"
#include "pipelines/run_record.h"
#include "store/db.h"

namespace slipway::pipelines {

// A run and the definition that it was started with.
struct StoredRun {
  RunRecord record;
  std::string text;     // of the pipeline
  std::string project;  // the folder of its files
};

// Which runs are listed: what is left empty doesn't matter.
struct RunFilter {
  std::string pipeline = {}, state = {}, actor = {};
  std::optional<base::Timestamp> from = {}, until = {};  // from <= when they were begun < until
  std::string after = {};                                // id of a run: what is older than it
  std::size_t limit = 50;
};

class RunTable {
 public:
  explicit RunTable(store::Db& db) : db_(db) {}

  // From now on runs go on only while this server leads (ServerRecord): what one writes that was
  // replaced without knowing it is refused (kUnavailable). Before anything else is called.
  void set_leader(std::string server) { leader_ = std::move(server); }

  // Adds a queued run. A trigger id that is known adds nothing and gives the id of its run.
  Result<std::string> add(const StoredRun& run, const std::string& trigger_id);
  Result<StoredRun> find(const std::string& id);     // kNotFound
  Result<RunRecord> summary(const std::string& id);  // without steps. kNotFound
  // Newest first, without steps. kNotFound: there is no run `after`.
  Result<std::vector<RunRecord>> newest(const RunFilter& filter);
  // Fills in how the steps of these runs went: what their summaries tell.
  Result<void> add_steps(std::vector<RunRecord>& runs);
  Result<std::vector<std::string>> active();  // oldest first
  struct Kept {
    std::string run, folder, manifest, tracked_run;
  };
  // Of the newest steps that succeeded with this key.
  Result<std::vector<Kept>> with_key(const std::string& cache_key);
  struct KeyOfRun {
    std::string run, step;
    JsonObject document, params;  // the parameters are the run's
    std::string text;             // of its pipeline
  };
  // What went into the key of a step in the newest runs of a pipeline, of those created before
  // `before`, in which it was good.
  Result<std::vector<KeyOfRun>> newest_keys(const std::string& pipeline, const std::string& step,
                                            base::Timestamp before, std::size_t limit);
  // Of a step and of its items, in runs of any time.
  Result<std::vector<KeyOfRun>> newest_keys_with_items(const std::string& pipeline,
                                                       const std::string& step, std::size_t limit);

  // What is told of a run to others.
  struct ToldRun {
    std::string pipeline, project, trigger_id, reason;
  };
  Result<std::optional<ToldRun>> told_run(const std::string& id);
  // And of a step of it.
  struct ToldStep {
    std::string planned;  // the step of the plan: of an item, the step that it is one of
    std::string state, reason, manifest_digest;
    JsonObject key_document;
    std::int64_t files = 0;  // of its outputs
    std::optional<base::Timestamp> started;
    bool has_items = false;
  };
  Result<std::optional<ToldStep>> told_step(const std::string& run, const std::string& step);

  // A trial of the search whose step is at position `search`.
  struct TrialOfRun {
    std::string run;
    std::size_t search = 0, trial = 0;
  };
  // Keeps what the trial has at a rung, the same again changing nothing; what all have left there.
  Result<std::vector<double>> leave_at_rung(const TrialOfRun& trial, std::int64_t rung,
                                            double value);
  // Of a trial that is tried again.
  Result<void> forget_rungs(const TrialOfRun& trial);
  Result<void> copy_rungs(const TrialOfRun& from, const TrialOfRun& to);
  struct StoppedTrial {
    TrialOfRun trial;
    std::string search;           // what it said
    std::optional<double> score;  // nothing: what it reported last was no number
    std::int64_t reached = 0;
  };
  // The newest that were stopped early with this key.
  Result<std::vector<StoppedTrial>> stopped_with_key(const std::string& cache_key);

  // Steps with `search` that were begun, of the newest runs first. An empty pipeline: any.
  struct SearchOfRun {
    std::string run, pipeline;
    StepRecord step;
    std::int64_t trials = 0;  // that were proposed
  };
  Result<std::vector<SearchOfRun>> newest_searches(const std::string& pipeline, std::size_t limit);

  // Asks nothing.
  Result<void> reach() {
    return db_.read([](store::Reader& reader) {
      return reader.query("SELECT 1", {}, [](const store::Row&) {});
    });
  }
  Result<void> save_state(const RunRecord& run);
  // Those steps at once: all of them are kept or none, and the last of their earlier tries. The
  // disk needn't be waited for (kSoon) where what runs ends with this machine, and is run again.
  Result<void> save_steps(const RunRecord& run, const std::vector<std::size_t>& positions,
                          store::Durable durable);
  // A step that has become the items it has now, of which the first `known` are on record.
  Result<void> add_items(const RunRecord& run, std::size_t position, std::size_t known = 0);
  // The number of the event that tells of its creation: what came later has a higher one.
  Result<std::int64_t> began(const RunRecord& run);
  // Of the last run of its pipeline before it that succeeded, the number of the event that tells
  // that this step, which waited, went on; or, if it didn't, began(). 0: there is no such run.
  Result<std::int64_t> last_success_passed(const RunRecord& run, const std::string& step);
  // Keeps that its end was asked for. kNotFound; kFailedPrecondition: it is over.
  Result<void> cancel(const std::string& id);
  // Answers a step that waits for a person. kFailedPrecondition: it doesn't.
  Result<void> answer(const std::string& id, const StepRecord& step, const std::string& actor);
  // Makes an ended run a queued one, in which all that isn't good is pending again.
  // kFailedPrecondition: it is not over, or nothing of it failed.
  Result<void> queue_again(const std::string& id, const std::string& actor);

 private:
  Result<void> check_lead(store::Tx& tx) const;
  Result<std::vector<KeyOfRun>> keys_where(std::string_view condition, store::Params params);

  store::Db& db_;
  std::string leader_;
};

}  // namespace slipway::pipelines
