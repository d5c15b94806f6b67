// The part of Schedules that has past due times run.
#include <algorithm>

#include "pipelines/cron.h"
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

namespace {

constexpr std::int64_t kDayMicros = 86'400'000'000;
constexpr std::string_view kBackfillColumns =
    "id, schedule, actor, from_at, to_at, created_at, parallel";

struct Range {
  base::Timestamp from, to;
};

// The day that a plain date means, read as its midnight of UTC; nothing: the text is a time.
std::optional<std::int64_t> day_of(const std::string& text, base::Timestamp time) {
  if (text.size() != std::string_view("2026-01-31").size()) return std::nullopt;
  return time.micros / kDayMicros;
}

Result<Range> range_of(const BackfillRequest& request, const std::string& zone,
                       base::Timestamp now) {
  auto from = types::parse_rfc3339(request.from);
  if (!from) return std::move(from).error().with_context("from");
  auto to = types::parse_rfc3339(request.to);
  if (!to) return std::move(to).error().with_context("to");
  Range range{*from, *to};
  if (const auto day = day_of(request.from, *from)) range.from = begin_of_day(*day, zone);
  if (const auto day = day_of(request.to, *to)) {
    range.to = begin_of_day(*day, zone);
    if (range.to <= now) range.to = std::min(now, {begin_of_day(*day + 1, zone).micros - 1});
  }
  if (range.to < range.from)
    return base::error(Code::kInvalidArgument, "a backfill ends before it begins: from={} to={}",
                       types::to_rfc3339(range.from), types::to_rfc3339(range.to));
  if (range.to > now)
    return base::error(Code::kInvalidArgument, "a backfill is of the past: to={} now={}",
                       types::to_rfc3339(range.to), types::to_rfc3339(now));
  return range;
}

BackfillRecord record_of(const store::Row& row) {
  return {.id = row.string(0),
          .schedule = row.string(1),
          .actor = row.string(2),
          .from = row.time(3),
          .to = row.time(4),
          .created = row.time(5),
          .parallel = static_cast<std::size_t>(row.int64(6)),
          .counts = {},
          .turns = {}};
}

}  // namespace

JsonObject BackfillRecord::to_json() const {
  JsonObject object{{"id", id},
                    {"schedule", schedule},
                    {"actor", actor},
                    {"from", types::to_rfc3339(from)},
                    {"to", types::to_rfc3339(to)},
                    {"created_at", types::to_rfc3339(created)},
                    {"parallel", parallel}};
  std::size_t runs = 0;
  bool is_over = true;
  JsonObject counted;
  for (const auto& [standing, count] : counts) {
    runs += count;
    counted[standing] = count;
    for (const std::string_view open : {"waiting", "started", "queued", "running"})
      is_over = is_over && standing != open;
  }
  object["runs"] = runs;
  object["counts"] = std::move(counted);
  object["is_over"] = is_over;
  JsonArray list;
  for (const Turn& turn : turns) list.push_back(turn.to_json());
  if (!list.empty()) object["turns"] = std::move(list);
  return object;
}

Result<std::vector<BackfillRecord>> Schedules::backfills(std::size_t limit) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<BackfillRecord>> {
    std::vector<BackfillRecord> found;
    TRY(reader.query(
        fmt::format("SELECT {} FROM pipeline_backfills ORDER BY created_at DESC, id LIMIT ?",
                    kBackfillColumns),
        {limit}, [&](const store::Row& row) { found.push_back(record_of(row)); }));
    for (BackfillRecord& each : found) {
      TRY(reader.query(
          "SELECT COALESCE(r.state, t.state), COUNT(*) FROM pipeline_turns t LEFT JOIN "
          "pipeline_runs r ON r.id = t.run WHERE t.backfill = ? AND t.backfill <> '' GROUP BY 1",
          {each.id}, [&](const store::Row& row) {
            each.counts[row.string(0)] = static_cast<std::size_t>(row.int64(1));
          }));
    }
    return found;
  });
}

Result<BackfillRecord> Schedules::find_backfill(const std::string& id) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        fmt::format("SELECT {} FROM pipeline_backfills WHERE id = ?", kBackfillColumns), {id},
        record_of);
  }));
  if (!found) return base::error(Code::kNotFound, "no such backfill: backfill={}", id);
  found->turns =
      TRY(find_turns(db_, "backfill = ? AND backfill <> '' ORDER BY scheduled_at, slot", {id}));
  for (const Turn& turn : found->turns) ++found->counts[turn.standing()];
  return std::move(*found);
}

Result<Backfill> Schedules::backfill(const BackfillRequest& request, const std::string& actor) {
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
  const Range range = TRY(range_of(request, definition->time_zone, event_clock_.now()));
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
           {fill.schedule, range.from, range.to}))) {
    known[types::to_rfc3339(one.scheduled)] = std::move(one);
  }
  const std::string id = request.dry_run ? "" : random_.hex(8);
  std::vector<Turn> fresh;
  std::size_t counted = 0;
  for (auto time = unbounded.next({range.from.micros - 1}); time && *time <= range.to;
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
      if (!again && (request.rerun_failed || request.rerun_all) && !old.run.empty()) {
        const auto run = pipelines_.find_run(old.run);
        again = !run || (run->is_over() && (request.rerun_all || run->state != "succeeded"));
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
                   {id, fill.schedule, range.from, range.to, request.parallel, actor, now}));
    for (const Turn& one : fresh) TRY(insert(tx, one, now));
    return tx.append_event({.kind = "schedule.backfilled",
                            .subject = "schedules/" + fill.schedule,
                            .actor = actor,
                            .payload = {{"backfill", id},
                                        {"from", types::to_rfc3339(range.from)},
                                        {"to", types::to_rfc3339(range.to)},
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
