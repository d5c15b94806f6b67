#include "pipelines/schedules.h"

#include <algorithm>
#include <deque>

#include "base/log.h"
#include "pipelines/or_null.h"
#include "store/events.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

constexpr std::int64_t kWaitLongestMs = 1000;  // the wall clock may be set meanwhile
constexpr std::int64_t kWaitsForRunMs = 100;   // a turn waits for a run to end
constexpr std::int64_t kFollowsRunMs = 1000;
constexpr std::int64_t kFollowsEventsMs = 1000;
constexpr std::size_t kEventsAtOnce = 100;
constexpr std::size_t kTimesAtOnce = 100'000;  // that one look at a schedule counts
constexpr std::size_t kNextShown = 5;

}  // namespace

JsonObject Schedule::to_json() const {
  JsonObject object{{"name", definition.name}, {"paused", paused}};
  for (auto& [key, value] : definition.to_json()) object[key] = value;
  object["next"] = paused ? Json(nullptr) : or_null(next);
  JsonArray coming;
  if (!paused) {
    std::optional<base::Timestamp> time = next;
    for (std::size_t i = 0; time && i < kNextShown; ++i, time = definition.next(*time))
      coming.push_back(Json(types::to_rfc3339(*time)));
  }
  object["coming"] = std::move(coming);
  object["last"] = last ? Json(last->to_json()) : Json(nullptr);
  return object;
}

Schedules::~Schedules() { stop(); }

Result<std::vector<Schedule>> Schedules::stored() {
  return db_.read([](store::Reader& reader) -> Result<std::vector<Schedule>> {
    std::vector<Schedule> schedules;
    Result<void> intact;
    TRY(reader.query(
        "SELECT name, definition, paused, next_at, seen, declared FROM pipeline_schedules ORDER BY "
        "name",
        {}, [&](const store::Row& row) {
          auto definition = parse_schedule(row.string(0), row.text(1));
          if (!definition) {
            intact = std::move(definition).error().with_context("stored schedule");
            return;
          }
          Schedule schedule{.definition = std::move(*definition),
                            .paused = row.int64(2) != 0,
                            .declared = row.int64(5) != 0,
                            .seen = row.int64(4)};
          if (!row.is_null(3)) schedule.next = row.time(3);
          schedules.push_back(std::move(schedule));
        }));
    TRY(std::move(intact));
    return schedules;
  });
}

Result<std::vector<ScheduleChange>> Schedules::plan(
    const std::vector<ScheduleDefinition>& definitions) {
  const auto known = TRY(stored());
  std::vector<ScheduleChange> changes;
  for (const ScheduleDefinition& definition : definitions) {
    ScheduleChange change{.name = definition.name, .change = "created"};
    for (const Schedule& each : known) {
      if (each.definition.name == definition.name)
        change.change = each.definition == definition ? "unchanged" : "updated";
    }
    changes.push_back(std::move(change));
  }
  for (const Schedule& each : known) {
    if (!each.declared) continue;
    const std::string& name = each.definition.name;
    const bool still = std::any_of(definitions.begin(), definitions.end(),
                                   [&](const auto& definition) { return definition.name == name; });
    if (!still) changes.push_back({.name = name, .change = "removed"});
  }
  return changes;
}

Result<std::vector<ScheduleChange>> Schedules::apply(
    const std::vector<ScheduleDefinition>& definitions, const std::string& actor) {
  base::MutexLock turn(turn_mutex_);
  std::vector<ScheduleChange> changes = TRY(plan(definitions));
  const base::Timestamp now = event_clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    std::int64_t newest = 0;
    TRY(tx.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                 [&](const store::Row& row) { newest = row.int64(0); }));
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (changes[i].change == "unchanged") continue;
      JsonObject payload;
      if (changes[i].change == "removed") {
        TRY(forget(tx, changes[i].name));
      } else {
        payload = definitions[i].to_json();
        TRY(tx.execute(
            "INSERT INTO pipeline_schedules(name, definition, paused, next_at, seen, "
            "created_at) VALUES(?, ?, 0, ?, ?, ?) ON CONFLICT(workspace, name) DO "
            "UPDATE SET definition = excluded.definition, next_at = excluded.next_at, "
            "seen = excluded.seen",
            {changes[i].name, base::to_text(payload), definitions[i].next(now), newest, now}));
      }
      TRY(tx.append_event({.kind = "schedule." + changes[i].change,
                           .subject = "schedules/" + changes[i].name,
                           .actor = actor,
                           .payload = std::move(payload),
                           .event_time = now}));
    }
    return {};
  }));
  wake();
  return changes;
}

Result<void> Schedules::forget(store::Tx& tx, const std::string& name) {
  TRY(tx.execute("DELETE FROM pipeline_schedules WHERE name = ?", {name}));
  TRY(
      tx.execute("UPDATE pipeline_turns SET state = 'cancelled', reason = 'the schedule was "
                 "removed' WHERE schedule = ? AND state = 'waiting'",
                 {name}));
  return {};
}

Result<void> Schedules::add(const ScheduleDefinition& definition, bool paused,
                            const std::string& actor) {
  {
    base::MutexLock turn(turn_mutex_);
    const base::Timestamp now = event_clock_.now();
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      std::int64_t newest = 0;
      TRY(tx.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                   [&](const store::Row& row) { newest = row.int64(0); }));
      JsonObject payload = definition.to_json();
      if (TRY(tx.execute("INSERT INTO pipeline_schedules(name, definition, paused, next_at, seen, "
                         "created_at, declared) VALUES(?, ?, ?, ?, ?, ?, 0) ON CONFLICT(workspace, "
                         "name) DO NOTHING",
                         {definition.name, base::to_text(payload), paused, definition.next(now),
                          newest, now})) == 0)
        return base::error(Code::kAlreadyExists, "a schedule of that name is there: schedule={}",
                           definition.name);
      return tx.append_event({.kind = "schedule.created",
                              .subject = "schedules/" + definition.name,
                              .actor = actor,
                              .payload = std::move(payload),
                              .event_time = now});
    }));
  }
  wake();
  return {};
}

Result<void> Schedules::remove(const std::string& name, const std::string& actor) {
  base::MutexLock turn(turn_mutex_);
  const base::Timestamp now = event_clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto added =
        TRY(tx.find("SELECT name FROM pipeline_schedules WHERE name = ? AND declared = 0", {name},
                    [](const store::Row& row) { return row.string(0); }));
    if (!added) return base::error(Code::kNotFound, "no such schedule: schedule={}", name);
    TRY(forget(tx, name));
    return tx.append_event({.kind = "schedule.removed",
                            .subject = "schedules/" + name,
                            .actor = actor,
                            .event_time = now});
  });
}

Result<std::vector<Schedule>> Schedules::list() {
  std::vector<Schedule> schedules = TRY(stored());
  for (Schedule& schedule : schedules) {
    auto newest = TRY(turns(schedule.definition.name, 1));
    if (!newest.empty()) schedule.last = std::move(newest.front());
  }
  return schedules;
}

Result<Schedule> Schedules::get(const std::string& name) {
  for (Schedule& schedule : TRY(list())) {
    if (schedule.definition.name == name) return std::move(schedule);
  }
  return base::error(Code::kNotFound, "no such schedule: schedule={}", name);
}

Result<std::vector<Turn>> Schedules::turns(const std::string& schedule, std::size_t limit) {
  return find_turns(db_, "schedule = ? ORDER BY scheduled_at DESC, slot DESC LIMIT ?",
                    {schedule, limit});
}

Result<Schedule> Schedules::set_paused(const std::string& name, bool paused,
                                       const std::string& actor) {
  {
    base::MutexLock turn(turn_mutex_);
    const Schedule schedule = TRY(get(name));
    if (schedule.paused != paused) {
      const base::Timestamp now = event_clock_.now();
      TRY(db_.write([&](store::Tx& tx) -> Result<void> {
        std::int64_t newest = 0;
        TRY(tx.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                     [&](const store::Row& row) { newest = row.int64(0); }));
        TRY(tx.execute(
            "UPDATE pipeline_schedules SET paused = ?, next_at = ?, seen = ? WHERE name = ?",
            {paused, schedule.definition.next(now), newest, name}));
        return tx.append_event({.kind = paused ? "schedule.paused" : "schedule.resumed",
                                .subject = "schedules/" + name,
                                .actor = actor,
                                .event_time = now});
      }));
    }
  }
  wake();
  return get(name);
}

Result<std::optional<base::Timestamp>> Schedules::next_due() {
  base::MutexLock turn(turn_mutex_);
  std::optional<base::Timestamp> due;
  for (const Schedule& schedule : TRY(stored())) {
    if (schedule.paused) continue;
    if (schedule.next && (!due || *schedule.next < *due)) due = schedule.next;
    if (!schedule.definition.when) continue;
    const auto& trigger = *schedule.definition.when;
    for (const store::Event& event : TRY(new_events(schedule))) {
      if (!trigger.version_in(event)) continue;
      const base::Timestamp now = event_clock_.now();
      if (!due || now < *due) due = now;
      break;
    }
  }
  return due;
}

Result<void> Schedules::take_times(const Schedule& schedule, base::Timestamp now) {
  const ScheduleDefinition& definition = schedule.definition;
  std::optional<base::Timestamp> time = schedule.next;
  std::vector<Turn> fresh;
  std::optional<base::Timestamp> missed;
  std::deque<base::Timestamp> due;
  const base::Timestamp fresh_since = now - options_.grace;
  if (!definition.catch_up && *time < fresh_since) {
    missed = time;
    time = definition.next({fresh_since.micros - 1});
  }
  for (std::size_t counted = 0; time && *time <= now && counted < kTimesAtOnce; ++counted) {
    due.push_back(*time);
    if (due.size() > options_.catch_up_max) {
      if (!missed) missed = due.front();
      due.pop_front();
    }
    time = definition.next(*time);
  }
  if (missed) {
    fresh.push_back({.schedule = definition.name,
                     .slot = types::to_rfc3339(*missed),
                     .scheduled = *missed,
                     .state = "missed",
                     .reason = "no server ran from then on, and what was due is not made up for"});
  }
  const base::Timestamp wall = wall_clock_.now();
  for (const base::Timestamp each : due) {
    // The time that a run has is counted from when it was due, or from now if that is long ago.
    const base::Timestamp since = each < fresh_since ? wall : wall - (now - each);
    Turn turn{.schedule = definition.name,
              .slot = types::to_rfc3339(each),
              .scheduled = each,
              .state = "waiting"};
    if (definition.start_within) turn.start_by = since + *definition.start_within;
    if (definition.finish_within) turn.finish_by = since + *definition.finish_within;
    fresh.push_back(std::move(turn));
  }
  return db_.write([&](store::Tx& tx) -> Result<void> {
    // Another server may have been here first.
    if (TRY(tx.execute("UPDATE pipeline_schedules SET next_at = ? WHERE name = ? AND next_at = ?",
                       {time, definition.name, schedule.next})) == 0)
      return {};
    for (const Turn& turn : fresh) TRY(insert(tx, turn, wall));
    if (!missed) return {};
    return append_schedule_event(tx, definition.name, "schedule.missed",
                                 {{"first", types::to_rfc3339(*missed)}}, now);
  });
}

Result<std::vector<store::Event>> Schedules::new_events(const Schedule& schedule) {
  std::int64_t newest = 0;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                        [&](const store::Row& row) { newest = row.int64(0); });
  }));
  std::int64_t& looked = looked_[schedule.definition.name];
  looked = std::max(looked, schedule.seen);
  std::vector<store::Event> events;
  if (looked >= newest) return events;
  events = TRY(store::list_events(
      db_,
      {.kind = schedule.definition.when->event_kind(), .after = looked, .limit = kEventsAtOnce}));
  if (events.empty()) looked = newest;
  return events;
}

Result<void> Schedules::take_events(const Schedule& schedule) {
  const DataTrigger& trigger = *schedule.definition.when;
  const auto events = TRY(new_events(schedule));
  if (events.empty()) return {};
  const base::Timestamp wall = wall_clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("UPDATE pipeline_schedules SET seen = ? WHERE name = ? AND seen = ?",
                       {events.back().sequence, schedule.definition.name, schedule.seen})) == 0)
      return {};
    for (const store::Event& event : events) {
      const ScheduleDefinition& definition = schedule.definition;
      const auto version = trigger.version_in(event);
      if (!version) continue;
      if (definition.start && event.event_time < *definition.start) continue;
      if (definition.end && event.event_time > *definition.end) continue;
      Turn turn{.schedule = definition.name,
                .slot = "event-" + std::to_string(event.sequence),
                .scheduled = event.event_time,
                .state = "waiting",
                .version = *version};
      if (definition.start_within) turn.start_by = wall + *definition.start_within;
      if (definition.finish_within) turn.finish_by = wall + *definition.finish_within;
      TRY(insert(tx, turn, wall));
    }
    return {};
  });
}

Result<void> Schedules::save(const Turn& turn, const std::string& event) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    // What was cancelled meanwhile stays so.
    TRY(
        tx.execute("UPDATE pipeline_turns SET state = ?, run = ?, reason = ?, late = ?, start_by = "
                   "?, finish_by = ? WHERE schedule = ? AND slot = ? AND state IN ('waiting', "
                   "'started', 'ended')",
                   {turn.state, turn.run, turn.reason, turn.late, turn.start_by, turn.finish_by,
                    turn.schedule, turn.slot}));
    if (event.empty()) return {};
    return append_schedule_event(tx, turn.schedule, event, turn.to_json(), event_clock_.now());
  });
}

Result<void> Schedules::start_turn(Turn& turn, const ScheduleDefinition& definition) {
  const std::string reason = turn.backfill.empty()
                                 ? "schedule " + turn.schedule
                                 : "backfill " + turn.backfill + " of schedule " + turn.schedule;
  const auto run = pipelines_.start_run(
      definition.pipeline, definition.params_at(turn.scheduled, turn.version),
      {.id = turn.trigger_id(), .actor = "schedule:" + turn.schedule, .reason = reason});
  if (run) {
    turn.run = run->id;
    turn.state = "started";
    turn.outcome = run->state;
    return save(turn, "");
  }
  // What is wrong with the run stays wrong; anything else is tried again.
  if (run.error().code != Code::kNotFound && run.error().code != Code::kInvalidArgument &&
      run.error().code != Code::kFailedPrecondition)
    return run.error();
  turn.state = "failed";
  turn.reason = run.error().message;
  return save(turn, "schedule.failed");
}

Result<Schedules::Open> Schedules::start_waiting() {
  std::vector<Turn> turns = TRY(
      find_turns(db_, "state IN ('waiting', 'started') ORDER BY schedule, scheduled_at, slot", {}));
  Open open;
  if (turns.empty()) return open;
  std::map<std::string, ScheduleDefinition> definitions;
  for (Schedule& schedule : TRY(stored())) {
    if (schedule.paused)
      std::erase_if(turns, [&](const Turn& turn) {  // they wait until it is resumed
        return turn.state == "waiting" && turn.backfill.empty() &&
               turn.schedule == schedule.definition.name;
      });
    definitions[schedule.definition.name] = std::move(schedule.definition);
  }
  std::map<std::string, std::size_t> parallel;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT DISTINCT b.id, b.parallel FROM pipeline_backfills b JOIN "
        "pipeline_turns t ON t.backfill = b.id WHERE t.state = 'waiting'",
        {}, [&](const store::Row& row) {
          parallel[row.string(0)] = static_cast<std::size_t>(row.int64(1));
        });
  }));
  // At once, before anything is asked of the others: what may start whatever they do.
  for (Turn& turn : turns) {
    const auto definition = definitions.find(turn.schedule);
    if (turn.state != "waiting" || !turn.backfill.empty() || definition == definitions.end() ||
        definition->second.overlap != Overlap::kAllow)
      continue;
    TRY(start_turn(turn, definition->second));
  }
  std::map<std::string, std::vector<Turn*>> running;  // by schedule, or backfill
  const auto group = [](const Turn& turn) {
    return turn.backfill.empty() ? turn.schedule : turn.schedule + " " + turn.backfill;
  };
  for (Turn& turn : turns) {
    if (turn.state != "started") continue;
    if (turn.outcome != "queued" && turn.outcome != "running") {
      turn.state = "ended";
      TRY(save(turn, ""));
    } else {
      running[group(turn)].push_back(&turn);
    }
  }
  for (Turn& turn : turns) {
    const auto definition = definitions.find(turn.schedule);
    if (turn.state != "waiting" || definition == definitions.end()) continue;
    std::vector<Turn*>& others = running[group(turn)];
    const Overlap overlap = definition->second.overlap;
    if (!turn.backfill.empty()) {
      const auto most = parallel.find(turn.backfill);
      if (most != parallel.end() && others.size() >= most->second) continue;
    } else if (overlap == Overlap::kQueue && std::ssize(others) >= definition->second.parallel) {
      continue;
    } else if (!others.empty() && overlap == Overlap::kForbid) {
      turn.state = "skipped";
      turn.reason = "an earlier run is not over: run=" + others.front()->run;
      TRY(save(turn, "schedule.skipped"));
      continue;
    } else if (overlap == Overlap::kReplace) {
      for (const Turn* other : others) {
        if (const auto ended = pipelines_.cancel(other->run);
            !ended && ended.error().code != Code::kFailedPrecondition)
          return ended.error();
      }
      others.clear();
    }
    TRY(start_turn(turn, definition->second));
    if (turn.state == "started") others.push_back(&turn);
  }
  for (const Turn& turn : turns) {
    if (turn.state == "waiting") ++open.waiting;
    if (turn.state == "started") ++open.running;
  }
  return open;
}

Result<void> Schedules::judge_deadlines() {
  const base::Timestamp now = wall_clock_.now();
  std::vector<Turn> due = TRY(find_turns(
      db_, "(start_by IS NOT NULL AND start_by <= ?) OR (finish_by IS NOT NULL AND finish_by <= ?)",
      {now, now}));
  for (Turn& turn : due) {
    std::optional<RunRecord> run;
    if (!turn.run.empty()) {
      auto found = pipelines_.find_run(turn.run);
      if (found) run = std::move(*found);
    }
    std::string event;
    if (turn.start_by && *turn.start_by <= now) {
      if (turn.state == "waiting" || (run && run->state == "queued")) {
        turn.late = "not started";
        event = "schedule.not_started";
      }
      turn.start_by.reset();
    }
    if (turn.finish_by && *turn.finish_by <= now) {
      const bool in_time =
          turn.state == "skipped" || turn.state == "cancelled" || turn.state == "failed" ||
          (run && run->is_over() && (!run->finished || *run->finished <= *turn.finish_by));
      if (!in_time) {
        turn.late = "late";
        event = "schedule.late";
      }
      turn.finish_by.reset();
    }
    if (!event.empty()) {
      base::log_warning("pipelines", "a schedule did not keep a deadline: schedule={} slot={} {}",
                        turn.schedule, turn.slot, turn.late);
    }
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(
          tx.execute("UPDATE pipeline_turns SET late = ?, start_by = ?, finish_by = ? WHERE "
                     "schedule = ? AND slot = ?",
                     {turn.late, turn.start_by, turn.finish_by, turn.schedule, turn.slot}));
      if (event.empty()) return {};
      return append_schedule_event(tx, turn.schedule, event, turn.to_json(), event_clock_.now());
    }));
  }
  return {};
}

Result<void> Schedules::take_due(base::Timestamp now) {
  for (const Schedule& schedule : TRY(stored())) {
    if (schedule.paused) continue;
    if (schedule.next && *schedule.next <= now) TRY(take_times(schedule, now));
    if (schedule.definition.when) TRY(take_events(schedule));
  }
  return {};
}

Result<void> Schedules::advance(base::Timestamp now) {
  base::MutexLock turn(turn_mutex_);
  TRY(take_due(now));
  TRY(start_waiting());
  return {};
}

Result<void> Schedules::take_turn() try {
  const bool rehearses = options_.rehearses();
  base::MutexLock turn(turn_mutex_);
  if (!rehearses) TRY(take_due(event_clock_.now()));
  const Open open = TRY(start_waiting());
  TRY(judge_deadlines());
  // When to look again. Nothing is asked of the database until then.
  std::optional<base::Timestamp> at;
  const auto by = [&](base::Timestamp time) {
    if (!at || time < *at) at = time;
  };
  const base::Timestamp now = wall_clock_.now();
  const auto in_ms = [&](std::int64_t ms) { return base::Timestamp{now.micros + ms * 1000}; };
  if (open.waiting > 0) by(in_ms(kWaitsForRunMs));
  if (open.running > 0) by(in_ms(kFollowsRunMs));
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    const auto look = [&](const store::Row& row) {
      if (!row.is_null(0)) by(row.time(0));
    };
    TRY(reader.query("SELECT MIN(start_by) FROM pipeline_turns WHERE start_by IS NOT NULL", {},
                     look));
    return reader.query("SELECT MIN(finish_by) FROM pipeline_turns WHERE finish_by IS NOT NULL", {},
                        look);
  }));
  if (!rehearses) {
    for (const Schedule& schedule : TRY(stored())) {
      if (schedule.paused) continue;
      if (schedule.next) by(*schedule.next);
      if (schedule.definition.when) by(in_ms(kFollowsEventsMs));
    }
  }
  look_at_ = at;
  return {};
} catch (const std::exception& e) {  // the net at the entry of a thread
  return base::error(Code::kInternal, "unexpected: {}", e.what());
}

void Schedules::run() {
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      while (!stopping_ && !woken_) {
        const base::Timestamp now = wall_clock_.now();
        if (look_at_ && *look_at_ <= now) break;
        auto wait = std::chrono::microseconds(kWaitLongestMs * 1000);
        if (look_at_) wait = std::min(wait, std::chrono::microseconds((*look_at_ - now).micros));
        changed_.wait_until(mutex_, std::chrono::steady_clock::now() + wait);
      }
      if (stopping_) return;
      woken_ = false;
    }
    if (const auto done = take_turn(); !done) {
      base::log_error("pipelines", "schedules could not go on, and try again: {}",
                      done.error().message);
      look_at_ = wall_clock_.now() + base::Duration::seconds(1);
    }
  }
}

void Schedules::wake() {
  {
    base::MutexLock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Schedules::start() {
  wake();
  thread_ = std::thread([this] { run(); });
}

void Schedules::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace slipway::pipelines
