#include "kubeflow/recurring_runs.h"

#include <fmt/format.h>

#include "types/timestamp.h"

namespace slipway::kubeflow {
namespace {

constexpr std::int64_t kParallelMax = 10;  // as Kubeflow's own server has it

const std::vector<std::string>& fields() {
  static const std::vector<std::string> known = {
      "recurring_run_id", "id",         "display_name", "name",
      "created_at",       "updated_at", "status",       "experiment_id"};
  return known;
}

Listed listed(const RecurringRun& run) {
  return {.id = run.id,
          .fields = {{"recurring_run_id", run.id},
                     {"id", run.id},
                     {"display_name", run.name},
                     {"name", run.name},
                     {"created_at", run.created.micros},
                     {"updated_at", run.updated.micros},
                     {"status", run.is_enabled ? "ENABLED" : "DISABLED"},
                     {"experiment_id", run.experiment}}};
}

JsonObject to_json(const DueTimes& due) {
  JsonObject object{
      {"cron", due.cron}, {"parallel_max", due.parallel_max}, {"catch_up", due.catch_up}};
  if (due.every) object["every"] = due.every->micros;
  if (due.start) object["start"] = due.start->micros;
  if (due.end) object["end"] = due.end->micros;
  return object;
}

Result<DueTimes> due_of(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  DueTimes due;
  due.cron = TRY(base::get_string(object, "cron"));
  due.parallel_max = TRY(base::get_int(object, "parallel_max"));
  due.catch_up = TRY(base::find_bool(object, "catch_up")).value_or(true);
  if (const auto every = TRY(base::find_int(object, "every"))) due.every = base::Duration{*every};
  if (const auto start = TRY(base::find_int(object, "start"))) due.start = base::Timestamp{*start};
  if (const auto end = TRY(base::find_int(object, "end"))) due.end = base::Timestamp{*end};
  return due;
}

// As Kubeflow counts: the first time is one interval after the start.
DueTimes shifted(DueTimes due, base::Timestamp now) {
  if (due.every) due.start = due.start.value_or(now) + *due.every;
  return due;
}

Error no_run(std::string_view id) {
  return base::error(Code::kNotFound, "RecurringRun {} not found.", id);
}

}  // namespace

Result<RecurringRun> RecurringRuns::create(RecurringRunDraft draft, const std::string& actor) {
  const DueTimes& due = draft.due;
  if (due.cron.empty() == !due.every.has_value())
    return base::error(Code::kInvalidArgument,
                       "a recurring run needs a trigger: a cron_schedule or a periodic_schedule");
  if (due.parallel_max < 1 || due.parallel_max > kParallelMax)
    return base::error(Code::kInvalidArgument, "max_concurrency must be from 1 to {}: got={}",
                       kParallelMax, due.parallel_max);
  if (draft.name.empty())
    return base::error(Code::kInvalidArgument, "a recurring run needs a display_name");
  if (draft.experiment.empty()) draft.experiment = TRY(experiments_.default_one()).id;
  TRY(experiments_.find(draft.experiment));
  const Plan plan = TRY(find_plan(draft.target, plans_, catalog_, actor));
  const auto parameters = TRY(parameters_of(plan.compiled, draft.target.config));
  const std::string id = new_id(random_);
  const base::Timestamp now = clock_.now();
  const std::string config = base::to_text(draft.target.config);
  const std::string times = base::to_text(to_json(due));
  const bool has_spec = draft.target.spec.has_value();
  const std::string none;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO kubeflow_recurring_runs(id, experiment, name, description, pipeline, version, "
        "plan, config, due, service_account, enabled, created_at, updated_at) VALUES(?, ?, ?, ?, "
        "?, "
        "?, ?, ?, ?, ?, ?, ?, ?)",
        {id, draft.experiment, draft.name, draft.description,
         has_spec ? none : draft.target.pipeline, has_spec ? none : draft.target.version, plan.name,
         config, times, draft.service_account, draft.is_enabled, now, now}));
    return {};
  }));
  const auto added = schedules_.add(schedule_of(id), plan.name, parameters, shifted(due, now),
                                    draft.is_enabled, actor);
  if (!added) {
    TRY(forget(id));
    return added.error();
  }
  return find(id);
}

Result<std::vector<RecurringRun>> RecurringRuns::all() {
  std::vector<RecurringRun> runs;
  Result<void> intact;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id, experiment, name, description, pipeline, version, plan, config, due, "
        "service_account, enabled, created_at, updated_at FROM kubeflow_recurring_runs WHERE "
        "deleted = 0",
        {}, [&](const store::Row& row) {
          RecurringRun run{.id = row.string(0),
                           .experiment = row.string(1),
                           .name = row.string(2),
                           .description = row.string(3),
                           .service_account = row.string(9),
                           .pipeline = row.string(4),
                           .version = row.string(5),
                           .plan = row.string(6)};
          auto config = base::parse_json_object(row.text(7));
          auto due = due_of(row.text(8));
          if (!config || !due) {
            intact =
                base::error(Code::kCorruption, "a stored recurring run is damaged: id={}", run.id);
            return;
          }
          run.config = std::move(*config);
          run.due = std::move(*due);
          run.is_enabled = row.int64(10) != 0;
          run.created = row.time(11);
          run.updated = row.time(12);
          runs.push_back(std::move(run));
        });
  }));
  TRY(std::move(intact));
  return runs;
}

Result<RecurringRun> RecurringRuns::find(const std::string& id) {
  for (RecurringRun& run : TRY(all())) {
    if (run.id == id) return std::move(run);
  }
  return no_run(id);
}

Result<RecurringRunPage> RecurringRuns::list(const std::string& experiment,
                                             const ListQuery& query) {
  std::vector<RecurringRun> runs;
  std::vector<Listed> things;
  for (RecurringRun& run : TRY(all())) {
    if (!experiment.empty() && run.experiment != experiment) continue;
    things.push_back(listed(run));
    runs.push_back(std::move(run));
  }
  ListPage page = TRY(select(things, fields(), query));
  RecurringRunPage told{.next_page_token = std::move(page.next_page_token), .total = page.total};
  for (const std::size_t position : page.positions) told.runs.push_back(std::move(runs[position]));
  return told;
}

Result<void> RecurringRuns::set_enabled(const std::string& id, bool enabled,
                                        const std::string& actor) {
  TRY(find(id));
  TRY(schedules_.set_enabled(schedule_of(id), enabled, actor));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE kubeflow_recurring_runs SET enabled = ?, updated_at = ? WHERE id = ?",
                   {enabled, now, id}));
    return {};
  });
}

Result<void> RecurringRuns::remove(const std::string& id, const std::string& actor) {
  TRY(find(id));
  const auto removed = schedules_.remove(schedule_of(id), actor);
  if (!removed && removed.error().code != Code::kNotFound) return removed.error();
  return forget(id);
}

Result<void> RecurringRuns::forget(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE kubeflow_recurring_runs SET deleted = 1 WHERE id = ?", {id}));
    return {};
  });
}

}  // namespace slipway::kubeflow
