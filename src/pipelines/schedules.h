// Starts runs of pipelines when they are due: by the clock, in intervals, or when data has changed.
//
// What is due becomes a row (a turn) in the same transaction that moves the schedule on; then the
// run is started under a trigger id made of schedule and turn. A server that is killed in between
// finds the turn and starts the run under the same id: none is lost, none is started twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "pipelines/pipelines.h"
#include "pipelines/schedule_definition.h"
#include "pipelines/turn.h"
#include "store/db.h"

namespace slipway::pipelines {

struct ScheduleChange {
  std::string kind = "schedule", name, change;  // created | updated | unchanged | removed
};

struct Schedule {
  ScheduleDefinition definition;
  bool paused = false;
  bool declared = true;  // by the project; else it was added
  std::optional<base::Timestamp> next;
  std::int64_t seen = 0;  // the last event that was looked at
  std::optional<Turn> last;

  JsonObject to_json() const;  // with the next few due times
};

struct BackfillRequest {
  std::string pipeline;
  std::string schedule;  // empty: the pipeline has one by the clock
  // Times, which may be due themselves, or days on the schedule's clock, such as 2026-01-31, the
  // last one whole; what of it is yet to come is left out.
  std::string from, to;
  std::size_t parallel = 1;
  bool dry_run = false;
  bool rerun_failed = false;  // also what was run and did not succeed
  bool rerun_all = false;     // also what succeeded
};

struct Backfill {
  std::string id;  // empty: a dry run
  std::string schedule;
  std::vector<base::Timestamp> times;  // that are run
  std::size_t done_before = 0;         // of the range; left as they are

  JsonObject to_json() const;
};

// How a backfill stands.
struct BackfillRecord {
  std::string id, schedule, actor;
  base::Timestamp from, to, created;
  std::size_t parallel = 1;
  std::map<std::string, std::size_t> counts;  // of its turns, by Turn::standing()
  std::vector<Turn> turns;                    // oldest first; none where backfills are listed

  JsonObject to_json() const;
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Schedules {
 public:
  struct Options {
    // Without catch_up, what was due longer ago than this when a server could have started it is
    // missed.
    base::Duration grace = base::Duration::seconds(60);
    std::size_t catch_up_max = 100;     // of the newest missed times, a schedule
    std::size_t backfill_max = 10'000;  // runs of one backfill
    std::function<bool()> rehearses = [] { return false; };  // then only advance() takes turns
  };
  // `event_clock` says what is due; deadlines go by `wall_clock`.
  Schedules(store::Db& db, Pipelines& pipelines, const base::Clock& event_clock,
            const base::Clock& wall_clock, base::Random& random, Options options)
      : db_(db),
        pipelines_(pipelines),
        event_clock_(event_clock),
        wall_clock_(wall_clock),
        random_(random),
        options_(std::move(options)) {}
  ~Schedules();  // stop()

  // From now on what is due is started, at its time: the thread sleeps until then.
  void start();
  void stop();  // idempotent

  // A schedule that is not declared any more ends; its runs go on.
  Result<std::vector<ScheduleChange>> plan(const std::vector<ScheduleDefinition>& definitions);
  Result<std::vector<ScheduleChange>> apply(const std::vector<ScheduleDefinition>& definitions,
                                            const std::string& actor);

  // One that no project declares: apply leaves it as it is. kAlreadyExists: the name is taken.
  Result<void> add(const ScheduleDefinition& definition, bool paused, const std::string& actor);
  Result<void> remove(const std::string& name, const std::string& actor);  // kNotFound: no such one

  Result<std::vector<Schedule>> list();           // by name
  Result<Schedule> get(const std::string& name);  // kNotFound
  // Newest first.
  Result<std::vector<Turn>> turns(const std::string& schedule, std::size_t limit);
  // Stays so over restarts; what is due while it is paused is not made up for. kNotFound.
  Result<Schedule> set_paused(const std::string& name, bool paused, const std::string& actor);

  // Has the due times of a range run that were not. kNotFound: no such schedule.
  // kInvalidArgument: an empty or future range, too many runs, or a schedule that data starts.
  Result<Backfill> backfill(const BackfillRequest& request, const std::string& actor);
  Result<std::vector<BackfillRecord>> backfills(std::size_t limit);  // newest first
  Result<BackfillRecord> find_backfill(const std::string& id);       // kNotFound
  // What waits is not started any more; runs go on. How many waited. kNotFound.
  Result<std::size_t> cancel_backfill(const std::string& id, const std::string& actor);

  // When something is due next; nothing: never.
  Result<std::optional<base::Timestamp>> next_due();
  // Takes what is due by `now`, and starts what waits and may.
  Result<void> advance(base::Timestamp now);

 private:
  Result<std::vector<Schedule>> stored();
  static Result<void> forget(store::Tx& tx, const std::string& name);
  // Makes turns of what is due.
  Result<void> take_due(base::Timestamp now) REQUIRES(turn_mutex_);
  Result<void> take_times(const Schedule& schedule, base::Timestamp now) REQUIRES(turn_mutex_);
  Result<void> take_events(const Schedule& schedule) REQUIRES(turn_mutex_);
  // The next events of the kind that starts it.
  Result<std::vector<store::Event>> new_events(const Schedule& schedule) REQUIRES(turn_mutex_);
  // Starts what waits and may. How much waits on, and how much runs.
  struct Open {
    std::size_t waiting = 0, running = 0;
  };
  Result<Open> start_waiting() REQUIRES(turn_mutex_);
  Result<void> start_turn(Turn& turn, const ScheduleDefinition& definition);
  Result<void> save(const Turn& turn, const std::string& event);
  Result<void> judge_deadlines() REQUIRES(turn_mutex_);
  Result<void> take_turn();
  void run();
  void wake();

  store::Db& db_;
  Pipelines& pipelines_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  const Options options_;

  base::Mutex turn_mutex_;  // one at a time looks for what is due
  // Schedule -> the event up to which there is none of its kind after `seen`.
  std::map<std::string, std::int64_t> looked_ GUARDED_BY(turn_mutex_);
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
  // Of the thread: when it looks again, by the wall clock.
  std::optional<base::Timestamp> look_at_;
  std::thread thread_;
};

}  // namespace slipway::pipelines
