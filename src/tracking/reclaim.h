// Takes what was deleted away for good: artifacts first, then rows, so that a crash in between is
// made good by doing it again. Deletions are tombstones until then, and can be undone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/passes.h"
#include "store/db.h"
#include "tracking/artifacts.h"

namespace slipway::tracking {

// What tracking needs to know of the registry.
class RegisteredUses {
 public:
  virtual ~RegisteredUses() = default;
  // A model version made from this run or logged model, in words; nothing when there is none.
  virtual Result<std::optional<std::string>> use_of_run(const std::string& run_id) = 0;
  virtual Result<std::optional<std::string>> use_of_model(const std::string& model_id) = 0;
};

// What other rooms keep in an experiment.
class ExperimentContents {
 public:
  virtual ~ExperimentContents() = default;
  struct Part {
    store::Removed freed;
    bool is_last = false;
  };
  // Takes a part of it away for good, files first. The experiment can't be restored any more.
  virtual Result<Part> remove_some(std::int64_t experiment) = 0;
  // What that would free.
  virtual Result<store::Removed> measure(std::int64_t experiment) = 0;
};

enum class ReclaimedKind { kRun, kLoggedModel, kExperiment };
std::string_view kind_name(ReclaimedKind kind);  // "run", "logged_model", "experiment"

struct ReclaimRequest {
  // Only what was deleted at least so long ago; nothing: however lately.
  std::optional<base::Duration> older_than;
  // Only these; all empty: everything that is deleted. One that is not deleted, or not long enough,
  // is an error, and nothing happens then.
  std::vector<std::string> run_ids, logged_model_ids, experiment_ids;
  bool dry_run = false;          // says what would happen
  std::string after;             // ReclaimReport::next of the call before
  std::size_t things_max = 200;  // then it returns, with `next` set
};

struct ReclaimedThing {
  ReclaimedKind kind = ReclaimedKind::kRun;
  std::string id;
  store::Removed freed;
  std::string kept;  // why it is still there; empty: it is gone (or would be)
  std::string left;  // why its artifacts are still there although it is gone
};

struct ReclaimReport {
  std::vector<ReclaimedThing> things;
  store::Db::Space space;  // of the database file; only of the last call
  std::string next;        // there is more to do; empty: all was seen
};

// The folder that is a thing's own: ".../<id>/artifacts" lies in ".../<id>".
std::string own_folder(const std::string& uri, const std::string& id);
// What a folder and all in it take.
Result<store::Removed> measure(store::ObjectStore& store, const std::string& path);

// When it was taken away for good; nothing for what never was.
Result<std::optional<base::Timestamp>> reclaimed_at(store::Reader& reader, ReclaimedKind kind,
                                                    const std::string& id);

// "2d8h5m20s", "30d", "1.5h": as `mlflow gc --older-than` has it. kInvalidArgument.
Result<base::Duration> parse_age(std::string_view text);

// Safe to use from several threads. Everything given to the constructor must outlive it.
class Reclaimer {
 public:
  struct Options {
    base::Duration retention = base::Duration::days(30);  // of deleted things; 0: forever
    base::Duration interval = base::Duration::hours(1);   // between looks for what is due
  };
  Reclaimer(store::Db& db, Artifacts& artifacts, RegisteredUses& uses, ExperimentContents& contents,
            const base::Clock& clock, base::Metrics& metrics, Options options);

  // Two calls at the same time take turns. Writers are never held up: every thing has small
  // transactions of its own.
  Result<ReclaimReport> reclaim(const ReclaimRequest& request);

  // A thread that reclaims what is older than the retention.
  void start();
  void stop() { passes_.stop(); }  // after the thing at hand. Idempotent.

 private:
  struct Candidate {
    std::string id, artifact_uri;
    std::int64_t number = 0;  // of a run
  };
  struct Scope;

  Result<void> stamp_old_tombstones();
  Result<void> check_given(const ReclaimRequest& request, const Scope& scope);
  Result<std::vector<Candidate>> candidates(ReclaimedKind kind, const ReclaimRequest& request,
                                            const Scope& scope, const std::string& after);
  Result<ReclaimedThing> take_away(ReclaimedKind kind, const Candidate& candidate, bool dry_run);
  Result<void> take_artifacts(const Candidate& candidate, bool dry_run, ReclaimedThing& thing);
  Result<bool> mark(ReclaimedKind kind, const std::string& id);
  Result<void> take_contents(std::int64_t experiment, bool dry_run, ReclaimedThing& thing);
  Result<void> delete_rows(const Candidate& candidate, const ReclaimedThing& thing);

  store::Db& db_;
  Artifacts& artifacts_;
  RegisteredUses& uses_;
  ExperimentContents& contents_;
  const base::Clock& clock_;
  const Options options_;
  base::Counter& things_;
  base::Counter& files_;
  base::Counter& bytes_;
  base::Counter& failures_;

  base::Mutex turn_;  // held while reclaiming
  base::Passes passes_;
};

}  // namespace slipway::tracking
