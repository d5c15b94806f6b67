// The part of Schedules that has past due times run.
#include "pipelines/or_null.h"
#include "pipelines/schedules.h"
#include "types/timestamp.h"

namespace slipway::pipelines {

JsonObject Backfill::to_json() const {
  JsonArray list;
  for (const base::Timestamp time : times) list.push_back(Json(types::to_rfc3339(time)));
  JsonObject object{{"schedule", schedule}, {"runs", times.size()}, {"done_before", done_before}};
  object["id"] = or_null(id);
  object["times"] = std::move(list);
  return object;
}

Result<Backfill> Schedules::backfill(const BackfillRequest& request, const std::string& actor) {
  if (request.to < request.from)
    return base::error(Code::kInvalidArgument, "a backfill ends before it begins: from={} to={}",
                       types::to_rfc3339(request.from), types::to_rfc3339(request.to));
  if (request.to > event_clock_.now())
    return base::error(Code::kInvalidArgument, "a backfill is of the past: to={} now={}",
                       types::to_rfc3339(request.to), types::to_rfc3339(event_clock_.now()));
  if (request.parallel == 0)
    return base::error(Code::kInvalidArgument, "parallel must be at least 1");
  std::optional<ScheduleDefinition> definition;
  for (const Schedule& each : TRY(stored())) {
    if (each.definition.pipeline != request.pipeline) continue;
    if (!request.schedule.empty() ? each.definition.name != request.schedule
                                  : each.definition.when.has_value())
      continue;
    if (definition) {
      return base::error(Code::kInvalidArgument,
                         "the pipeline has several schedules by the clock: name one: pipeline={} "
                         "schedules={}, {}",
                         request.pipeline, definition->name, each.definition.name);
    }
    definition = each.definition;
  }
  if (!definition) {
    return base::error(Code::kNotFound,
                       "the pipeline has no such schedule, and a schedule says which times a range "
                       "has: pipeline={} schedule={}",
                       request.pipeline,
                       request.schedule.empty() ? "(any by the clock)" : request.schedule);
  }
  if (definition->when)
    return base::error(Code::kInvalidArgument, "data starts this schedule, not times: schedule={}",
                       definition->name);
  // From times before it was declared on, too.
  ScheduleDefinition unbounded = *definition;
  if (!unbounded.every) unbounded.start.reset();
  unbounded.end.reset();
  Backfill fill;
  fill.schedule = definition->name;
  base::MutexLock turn(turn_mutex_);
  std::map<std::string, Turn> known;
  for (Turn& one : TRY(find_turns(
           db_,
           "schedule = ? AND scheduled_at >= ? AND scheduled_at <= ? ORDER BY created_at, slot",
           {fill.schedule, request.from, request.to}))) {
    known[types::to_rfc3339(one.scheduled)] = std::move(one);
  }
  const std::string id = request.dry_run ? "" : random_.hex(8);
  std::vector<Turn> fresh;
  std::size_t counted = 0;
  for (auto time = unbounded.next({request.from.micros - 1}); time && *time <= request.to;
       time = unbounded.next(*time)) {
    if (++counted > options_.backfill_max) {
      return base::error(Code::kInvalidArgument,
                         "the range has too many times: limit={} (setting backfill-runs-max)",
                         options_.backfill_max);
    }
    Turn one{.schedule = fill.schedule,
             .slot = types::to_rfc3339(*time),
             .scheduled = *time,
             .state = "waiting",
             .backfill = id};
    if (const auto before = known.find(one.slot); before != known.end()) {
      const Turn& old = before->second;
      bool again = old.run.empty() && old.state != "waiting" && old.state != "started";
      if (!again && request.rerun_failed && !old.run.empty()) {
        const auto run = pipelines_.find_run(old.run);
        again = !run || (run->is_over() && run->state != "succeeded");
      }
      if (!again) {
        ++fill.done_before;
        continue;
      }
      one.slot += " " + id;
    }
    fill.times.push_back(*time);
    fresh.push_back(std::move(one));
  }
  if (request.dry_run) return fill;
  fill.id = id;
  const base::Timestamp now = wall_clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO pipeline_backfills(id, schedule, from_at, to_at, parallel, actor, "
                   "created_at) VALUES(?, ?, ?, ?, ?, ?, ?)",
                   {id, fill.schedule, request.from, request.to, request.parallel, actor, now}));
    for (const Turn& one : fresh) TRY(insert(tx, one, now));
    return tx.append_event({.kind = "schedule.backfilled",
                            .subject = "schedules/" + fill.schedule,
                            .actor = actor,
                            .payload = {{"backfill", id},
                                        {"from", types::to_rfc3339(request.from)},
                                        {"to", types::to_rfc3339(request.to)},
                                        {"runs", fresh.size()}},
                            .event_time = event_clock_.now()});
  }));
  wake();
  return fill;
}

Result<std::size_t> Schedules::cancel_backfill(const std::string& id, const std::string& actor) {
  base::MutexLock turn(turn_mutex_);
  return db_.write([&](store::Tx& tx) -> Result<std::size_t> {
    const auto schedule = TRY(tx.find("SELECT schedule FROM pipeline_backfills WHERE id = ?", {id},
                                      [](const store::Row& row) { return row.string(0); }));
    if (!schedule) return base::error(Code::kNotFound, "no such backfill: backfill={}", id);
    const std::int64_t waited =
        TRY(tx.execute("UPDATE pipeline_turns SET state = 'cancelled', reason = 'the backfill was "
                       "cancelled' WHERE backfill = ? AND state = 'waiting'",
                       {id}));
    TRY(tx.append_event({.kind = "schedule.backfill_cancelled",
                         .subject = "schedules/" + *schedule,
                         .actor = actor,
                         .payload = {{"backfill", id}, {"waited", waited}}}));
    return static_cast<std::size_t>(waited);
  });
}

}  // namespace slipway::pipelines
