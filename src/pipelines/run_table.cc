#include "pipelines/run_table.h"

#include <array>

#include "pipelines/notify.h"
#include "pipelines/server_table.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

Result<JsonObject> object_or_empty(std::string_view text) {
  if (text.empty()) return JsonObject();
  return base::parse_json_object(text);
}

constexpr std::string_view kRun =
    "id, pipeline, state, reason, actor, params, source, now, created_at, finished_at, outputs, "
    "priority, cancelled, parent_run, parent_step, no_cache";
constexpr int kRunColumns = 16;

// From the columns of kRun. kCorruption: it can't be read.
Result<void> read_run(const store::Row& row, RunRecord& run) {
  run.id = row.string(0);
  run.pipeline = row.string(1);
  run.state = row.string(2);
  run.reason = row.string(3);
  run.actor = row.string(4);
  run.now = row.time(7);
  run.created = row.time(8);
  if (!row.is_null(9)) run.finished = row.time(9);
  run.outputs = row.string(10);
  run.priority = row.int64(11);
  run.is_cancelled = row.int64(12) != 0;
  run.parent_run = row.string(13);
  run.parent_step = row.string(14);
  run.no_cache = row.int64(15) != 0;
  const auto params = object_or_empty(row.text(5));
  auto source = object_or_empty(row.text(6));
  if (!params || !source)
    return base::error(Code::kCorruption, "a stored run is damaged: run={}", run.id);
  for (const auto& [name, value] : *params) run.params[name] = std::string_view(value.get_string());
  run.source = std::move(*source);
  return {};
}

// Of outputs that are gone the lists of items may be others by then.
Result<void> forget_items(store::Tx& tx, const std::string& run) {
  TRY(tx.execute("DELETE FROM pipeline_rungs WHERE run = ?", {run}));
  TRY(tx.execute("DELETE FROM pipeline_steps WHERE run = ? AND parent IS NOT NULL", {run}));
  return {};
}

std::string subject_of(const RunRecord& run) {
  return "pipelines/" + run.pipeline + "/runs/" + run.id;
}

// Puts into the payload of an event what those hear who want to know of it.
Result<void> add_notice(store::Tx& tx, const RunRecord& run, std::string_view occasion,
                        JsonObject about, JsonObject& payload) {
  about["run"] = run.id;
  about["actor"] = run.actor;
  if (run.finished) about["time"] = types::to_rfc3339(*run.finished);
  if (auto notice = TRY(notice_of(tx, run.pipeline, occasion, std::move(about))))
    payload["notice"] = std::move(*notice);
  return {};
}

}  // namespace

Result<std::string> RunTable::add(const StoredRun& stored, const std::string& trigger_id) {
  const RunRecord& run = stored.record;
  JsonObject object;
  for (const auto& [name, value] : run.params) object[name] = value;
  const std::string params = base::to_text(object);
  return db_.write([&](store::Tx& tx) -> Result<std::string> {
    const auto trigger = trigger_id.empty() ? std::nullopt : std::optional(trigger_id);
    if (trigger) {
      const auto earlier =
          TRY(tx.find("SELECT id FROM pipeline_runs WHERE trigger_id = ?", {*trigger},
                      [](const store::Row& row) { return row.string(0); }));
      if (earlier) return *earlier;
    }
    TRY(tx.execute(
        "INSERT INTO pipeline_runs(id, pipeline, trigger_id, state, reason, actor, params, "
        "text, project, source, now, created_at, priority, parent_run, parent_step, no_cache, "
        "begun_for) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', ?, ?, ?, ?, ?, ?, ?)",
        {run.id, run.pipeline, trigger, run.state, run.reason, run.actor, params, stored.text,
         stored.project, run.now, run.created, run.priority, run.parent_run, run.parent_step,
         run.no_cache, run.reason}));
    for (std::size_t i = 0; i < run.steps.size(); ++i) {
      TRY(tx.execute("INSERT INTO pipeline_steps(run, position, name, state) VALUES(?, ?, ?, ?)",
                     {run.id, i, run.steps[i].name, run.steps[i].state}));
    }
    TRY(tx.append_event({.kind = "pipeline.run.created",
                         .subject = subject_of(run),
                         .actor = run.actor,
                         .payload = {{"params", params}, {"reason", run.reason}},
                         .event_time = run.now}));
    return run.id;
  });
}

Result<StoredRun> RunTable::find(const std::string& id) {
  std::optional<StoredRun> found;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    TRY(reader.query(fmt::format("SELECT {}, text, project FROM pipeline_runs WHERE id = ?", kRun),
                     {id}, [&](const store::Row& row) {
                       found = StoredRun{.text = row.string(kRunColumns),
                                         .project = row.string(kRunColumns + 1)};
                       outcome = read_run(row, found->record);
                     }));
    if (!found) return base::error(Code::kNotFound, "no such run: run={}", id);
    TRY(reader.query(
        "SELECT name, state, command, cache_key, key_document, reason, exit_code, folder, "
        "manifest, manifest_digest, tries, not_before, started_at, finished_at, parent, item, "
        "value, tracked_run, score, reached, wait, nested_run, peak_memory, cpu_seconds, server "
        "FROM pipeline_steps WHERE run = ? ORDER BY position",
        {id}, [&](const store::Row& row) {
          StepRecord step{.name = row.string(0),
                          .state = row.string(1),
                          .command = row.string(2),
                          .cache_key = row.string(3),
                          .reason = row.string(5),
                          .folder = row.string(7),
                          .exit_code = row.maybe_int64(6),
                          .manifest_digest = row.string(9),
                          .tries = row.int64(10)};
          auto key = object_or_empty(row.text(4));
          auto manifest = object_or_empty(row.text(8));
          if (key) step.key_document = std::move(*key);
          if (manifest) step.manifest = std::move(*manifest);
          if (!row.is_null(11)) step.not_before = row.time(11);
          if (!row.is_null(12)) step.started = row.time(12);
          if (!row.is_null(13)) step.finished = row.time(13);
          if (!row.is_null(14)) step.parent = static_cast<std::size_t>(row.int64(14));
          step.item = static_cast<std::size_t>(row.int64(15));
          step.value = row.string(16);
          step.tracked_run = row.string(17);
          if (!row.is_null(18)) step.score = row.real(18);
          step.reached = row.int64(19);
          if (auto wait = object_or_empty(row.text(20))) step.wait = std::move(*wait);
          step.nested_run = row.string(21);
          step.usage.peak_memory_bytes = row.maybe_int64(22);
          if (!row.is_null(23)) step.usage.cpu_seconds = row.real(23);
          step.server = row.string(24);
          found->record.steps.push_back(std::move(step));
        }));
    return reader.query(
        "SELECT step, started_at, finished_at, exit_code, reason FROM pipeline_tries WHERE run = ? "
        "ORDER BY started_at",
        {id}, [&](const store::Row& row) {
          for (StepRecord& step : found->record.steps) {
            if (step.name == row.text(0))
              step.earlier_tries.push_back({.started = row.time(1),
                                            .finished = row.time(2),
                                            .exit_code = row.maybe_int64(3),
                                            .reason = row.string(4)});
          }
        });
  }));
  TRY(std::move(outcome));
  return std::move(*found);
}

Result<RunRecord> RunTable::summary(const std::string& id) {
  std::optional<RunRecord> found;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(fmt::format("SELECT {} FROM pipeline_runs WHERE id = ?", kRun), {id},
                        [&](const store::Row& row) { outcome = read_run(row, found.emplace()); });
  }));
  TRY(std::move(outcome));
  if (!found) return base::error(Code::kNotFound, "no such run: run={}", id);
  return std::move(*found);
}

Result<std::vector<RunRecord>> RunTable::newest(const RunFilter& filter) {
  std::string sql = fmt::format("SELECT {} FROM pipeline_runs", kRun);
  std::vector<store::Param> values;
  const auto require = [&](std::string_view condition) {
    sql += fmt::format(" {} {}", values.empty() ? "WHERE" : "AND", condition);
  };
  for (const auto& [condition, wanted] : {std::pair("pipeline = ?", &filter.pipeline),
                                          {"state = ?", &filter.state},
                                          {"actor = ?", &filter.actor}}) {
    if (wanted->empty()) continue;
    require(condition);
    values.emplace_back(*wanted);
  }
  for (const auto& [condition, wanted] :
       {std::pair("created_at >= ?", &filter.from), {"created_at < ?", &filter.until}}) {
    if (!*wanted) continue;
    require(condition);
    values.emplace_back(**wanted);
  }
  if (!filter.after.empty()) {
    require("(created_at, id) < (?, ?)");
    values.emplace_back(TRY(summary(filter.after)).created);
    values.emplace_back(filter.after);
  }
  sql += " ORDER BY created_at DESC, id DESC LIMIT ?";
  values.emplace_back(filter.limit);
  std::vector<RunRecord> runs;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query_span(sql, values, [&](const store::Row& row) {
      if (Result<void> read = read_run(row, runs.emplace_back()); !read) outcome = std::move(read);
    });
  }));
  TRY(std::move(outcome));
  return runs;
}

Result<void> RunTable::add_steps(std::vector<RunRecord>& runs) {
  return db_.read([&](store::Reader& reader) -> Result<void> {
    for (RunRecord& run : runs) {
      run.steps.clear();
      TRY(reader.query(
          "SELECT name, state, reason, tries, started_at, finished_at FROM pipeline_steps WHERE "
          "run = ? AND parent IS NULL ORDER BY position",
          {run.id}, [&](const store::Row& row) {
            StepRecord& step = run.steps.emplace_back();
            step.name = row.string(0);
            step.state = row.string(1);
            step.reason = row.string(2);
            step.tries = row.int64(3);
            if (!row.is_null(4)) step.started = row.time(4);
            if (!row.is_null(5)) step.finished = row.time(5);
          }));
    }
    return {};
  });
}

Result<std::vector<std::string>> RunTable::active() {
  std::vector<std::string> ids;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id FROM pipeline_runs WHERE state IN ('queued', 'running') ORDER BY created_at", {},
        [&](const store::Row& row) { ids.push_back(row.string(0)); });
  }));
  return ids;
}

Result<std::vector<RunTable::Kept>> RunTable::with_key(const std::string& cache_key) {
  std::vector<Kept> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT run, folder, manifest, tracked_run FROM pipeline_steps WHERE cache_key = ? AND "
        "state = 'succeeded' ORDER BY finished_at DESC LIMIT 5",
        {cache_key}, [&](const store::Row& row) {
          found.push_back({.run = row.string(0),
                           .folder = row.string(1),
                           .manifest = row.string(2),
                           .tracked_run = row.string(3)});
        });
  }));
  return found;
}

Result<std::vector<RunTable::KeyOfRun>> RunTable::newest_keys(const std::string& pipeline,
                                                              const std::string& step,
                                                              base::Timestamp before,
                                                              std::size_t limit) {
  return keys_where("r.pipeline = ? AND s.name = ? AND r.created_at < ?",
                    {pipeline, step, before, limit});
}

Result<std::vector<RunTable::KeyOfRun>> RunTable::newest_keys_with_items(
    const std::string& pipeline, const std::string& step, std::size_t limit) {
  return keys_where("r.pipeline = ? AND COALESCE(p.name, s.name) = ? AND s.key_document <> ''",
                    {pipeline, step, limit});
}

Result<std::vector<RunTable::KeyOfRun>> RunTable::keys_where(std::string_view condition,
                                                             store::Params params) {
  std::vector<KeyOfRun> keys;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        fmt::format("SELECT s.run, s.key_document, r.params, r.text, s.name FROM pipeline_runs r "
                    "JOIN pipeline_steps s ON s.run = r.id LEFT JOIN pipeline_steps p ON p.run = "
                    "s.run AND p.position = s.parent WHERE {} AND s.state IN ('succeeded', "
                    "'cached') ORDER BY r.created_at DESC, r.id DESC LIMIT ?",
                    condition),
        params, [&](const store::Row& row) {
          auto document = object_or_empty(row.text(1));
          auto run_params = object_or_empty(row.text(2));
          if (!document || !run_params) {
            outcome =
                base::error(Code::kCorruption, "a stored run is damaged: run={}", row.text(0));
            return;
          }
          keys.push_back({.run = row.string(0),
                          .step = row.string(4),
                          .document = std::move(*document),
                          .params = std::move(*run_params),
                          .text = row.string(3)});
        });
  }));
  TRY(std::move(outcome));
  return keys;
}

Result<std::optional<RunTable::ToldRun>> RunTable::told_run(const std::string& id) {
  return db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT pipeline, project, trigger_id, reason FROM pipeline_runs WHERE id = ?", {id},
        [](const store::Row& row) {
          return ToldRun{.pipeline = row.string(0),
                         .project = row.string(1),
                         .trigger_id = row.string(2),
                         .reason = row.string(3)};
        });
  });
}

Result<std::optional<RunTable::ToldStep>> RunTable::told_step(const std::string& run,
                                                              const std::string& step) {
  std::string key, manifest;
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT COALESCE(p.name, s.name), s.state, s.reason, s.manifest_digest, s.key_document, "
        "s.manifest, s.started_at, (SELECT COUNT(*) FROM pipeline_steps i WHERE i.run = s.run AND "
        "i.parent = s.position) FROM pipeline_steps s LEFT JOIN pipeline_steps p ON p.run = s.run "
        "AND p.position = s.parent WHERE s.run = ? AND s.name = ?",
        {run, step}, [&](const store::Row& row) {
          key = row.string(4);
          manifest = row.string(5);
          ToldStep told{.planned = row.string(0),
                        .state = row.string(1),
                        .reason = row.string(2),
                        .manifest_digest = row.string(3)};
          if (!row.is_null(6)) told.started = row.time(6);
          told.has_items = row.int64(7) > 0;
          return told;
        });
  }));
  if (!found) return found;
  found->key_document = TRY(object_or_empty(key));
  found->files = static_cast<std::int64_t>(TRY(object_or_empty(manifest)).size());
  return found;
}

Result<void> RunTable::check_lead(store::Tx& tx) const {
  if (leader_.empty()) return {};
  const auto leads = TRY(tx.find("SELECT leads FROM pipeline_servers WHERE id = ? AND beat <> ?",
                                 {leader_, ServerTable::kFenced},
                                 [](const store::Row& row) { return row.int64(0); }));
  if (leads == 1) return {};
  return base::error(Code::kUnavailable, "another server leads by now and goes on with the run");
}

Result<void> RunTable::save_state(const RunRecord& run) {
  const std::string source = base::to_text(run.source);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(check_lead(tx));
    TRY(tx.execute(
        "UPDATE pipeline_runs SET state = ?, reason = ?, source = ?, finished_at = ? WHERE id = ?",
        {run.state, run.reason, source, run.finished, run.id}));
    JsonObject payload{{"reason", run.reason}, {"source", run.source}};
    // Of a run that is a step of another one, that one tells.
    if (run.is_over() && run.parent_run.empty())
      TRY(add_notice(tx, run, run.state, {{"reason", run.reason}}, payload));
    return tx.append_event({.kind = "pipeline.run." + run.state,
                            .subject = subject_of(run),
                            .payload = std::move(payload),
                            .event_time = run.now});
  });
}

Result<void> RunTable::save_steps(const RunRecord& run, const std::vector<std::size_t>& positions,
                                  store::Durable durable) {
  const auto save = [&](store::Tx& tx) -> Result<void> {
    TRY(check_lead(tx));
    for (const std::size_t position : positions) {
      const StepRecord& step = run.steps[position];
      const std::string key = base::to_text(step.key_document);
      const std::string manifest = base::to_text(step.manifest);
      const std::string wait = step.wait.empty() ? "" : base::to_text(step.wait);
      TRY(tx.execute(
          "UPDATE pipeline_steps SET state = ?, command = ?, cache_key = ?, key_document = ?, "
          "reason = ?, exit_code = ?, folder = ?, manifest = ?, manifest_digest = ?, tries = ?, "
          "not_before = ?, started_at = ?, finished_at = ?, tracked_run = ?, score = ?, reached = "
          "?, wait = ?, nested_run = ?, peak_memory = ?, cpu_seconds = ?, server = ? WHERE "
          "run = ? AND position = ?",
          {step.state,
           step.command,
           step.cache_key,
           key,
           step.reason,
           step.exit_code,
           step.folder,
           manifest,
           step.manifest_digest,
           step.tries,
           step.not_before,
           step.started,
           step.finished,
           step.tracked_run,
           step.score,
           step.reached,
           wait,
           step.nested_run,
           step.usage.peak_memory_bytes,
           step.usage.cpu_seconds,
           step.server,
           run.id,
           position}));
      if (!step.earlier_tries.empty()) {
        const EarlierTry& last = step.earlier_tries.back();
        TRY(tx.execute(
            "INSERT INTO pipeline_tries(run, step, started_at, finished_at, exit_code, "
            "reason) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            {run.id, step.name, last.started, last.finished, last.exit_code, last.reason}));
      }
      if (step.state == "pending" || step.state == "skipped") continue;
      if (step.state == "running") {
        TRY(tx.append_event({.kind = "pipeline.step.running",
                             .subject = subject_of(run) + "/steps/" + step.name,
                             .payload = {{"cache_key", step.cache_key}, {"tries", step.tries}},
                             .event_time = run.now}));
        continue;
      }
      JsonObject payload{
          {"cache_key", step.cache_key}, {"reason", step.reason}, {"outputs", step.manifest}};
      if (step.state == "waiting" && step.wait.empty()) {  // for a person
        TRY(add_notice(tx, run, "waiting", {{"step", step.name}, {"reason", step.reason}},
                       payload));
      }
      TRY(tx.append_event({.kind = "pipeline.step." + step.state,
                           .subject = subject_of(run) + "/steps/" + step.name,
                           .payload = std::move(payload),
                           .event_time = run.now}));
    }
    return {};
  };
  return db_.write(save, durable);
}

Result<void> RunTable::add_items(const RunRecord& run, std::size_t position, std::size_t known) {
  const StepRecord& step = run.steps[position];
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(check_lead(tx));
    TRY(tx.execute(
        "UPDATE pipeline_steps SET state = ?, started_at = ?, value = ?, tracked_run = ? WHERE run "
        "= ? AND position = ?",
        {step.state, step.started, step.value, step.tracked_run, run.id, position}));
    const std::vector<std::size_t> items = run.items(position);
    for (std::size_t i = known; i < items.size(); ++i) {
      const std::size_t item = items[i];
      const StepRecord& added = run.steps[item];
      TRY(tx.execute(
          "INSERT INTO pipeline_steps(run, position, name, state, parent, item, value, "
          "tracked_run) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, run, position) DO "
          "NOTHING",
          {run.id, item, added.name, added.state, position, added.item, added.value,
           added.tracked_run}));
    }
    return {};
  });
}

Result<void> RunTable::answer(const std::string& id, const StepRecord& step,
                              const std::string& actor) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto found = TRY(tx.find(
        "SELECT s.state, r.pipeline FROM pipeline_steps s JOIN pipeline_runs r ON r.id = s.run "
        "WHERE s.run = ? AND s.name = ?",
        {id, step.name},
        [](const store::Row& row) { return std::pair(row.string(0), row.string(1)); }));
    if (!found)
      return base::error(Code::kNotFound, "the run has no such step: run={} step={}", id,
                         step.name);
    if (found->first != "waiting") {
      return base::error(Code::kFailedPrecondition,
                         "the step waits for no answer: run={} step={} state={}", id, step.name,
                         found->first);
    }
    TRY(
        tx.execute("UPDATE pipeline_steps SET state = ?, reason = ?, finished_at = ? WHERE run = ? "
                   "AND name = ?",
                   {step.state, step.reason, step.finished, id, step.name}));
    return tx.append_event(
        {.kind = "pipeline.step." + step.state,
         .subject = "pipelines/" + found->second + "/runs/" + id + "/steps/" + step.name,
         .actor = actor,
         .payload = {{"reason", step.reason}}});
  });
}

Result<std::int64_t> RunTable::began(const RunRecord& run) {
  return db_.read([&](store::Reader& reader) -> Result<std::int64_t> {
    const auto sequence = TRY(
        reader.find("SELECT MAX(sequence) FROM events WHERE subject = ? AND kind = "
                    "'pipeline.run.created'",
                    {subject_of(run)}, [](const store::Row& row) { return row.maybe_int64(0); }));
    return sequence.value_or(std::nullopt).value_or(0);
  });
}

Result<std::int64_t> RunTable::last_success_passed(const RunRecord& run, const std::string& step) {
  RunRecord last{.pipeline = run.pipeline};
  last.id = TRY(db_.read([&](store::Reader& reader) {
              return reader.find(
                  "SELECT id FROM pipeline_runs WHERE pipeline = ? AND state = 'succeeded' AND "
                  "created_at <= ? AND id <> ? ORDER BY created_at DESC, id DESC LIMIT 1",
                  {run.pipeline, run.created, run.id},
                  [](const store::Row& row) { return row.string(0); });
            })).value_or("");
  if (last.id.empty()) return 0;
  const auto passed = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT MAX(sequence) FROM events WHERE subject = ? AND kind = 'pipeline.step.succeeded'",
        {subject_of(last) + "/steps/" + step},
        [](const store::Row& row) { return row.maybe_int64(0); });
  }));
  if (const auto sequence = passed.value_or(std::nullopt)) return *sequence;
  return began(last);
}

Result<void> RunTable::cancel(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto state = TRY(tx.find("SELECT state FROM pipeline_runs WHERE id = ?", {id},
                                   [](const store::Row& row) { return row.string(0); }));
    if (!state) return base::error(Code::kNotFound, "no such run: run={}", id);
    if (*state != "queued" && *state != "running")
      return base::error(Code::kFailedPrecondition, "the run is over: run={} state={}", id, *state);
    TRY(tx.execute("UPDATE pipeline_runs SET cancelled = 1 WHERE id = ?", {id}));
    return {};
  });
}

Result<void> RunTable::queue_again(const std::string& id, const std::string& actor) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto found =
        TRY(tx.find("SELECT state, pipeline, outputs FROM pipeline_runs WHERE id = ?", {id},
                    [](const store::Row& row) {
                      return std::array{row.string(0), row.string(1), row.string(2)};
                    }));
    if (!found) return base::error(Code::kNotFound, "no such run: run={}", id);
    const auto& [state, pipeline, outputs] = *found;
    if (state == "queued" || state == "running") {
      return base::error(Code::kFailedPrecondition, "the run is not over: run={} state={}", id,
                         state);
    }
    if (state == "succeeded") {
      return base::error(Code::kFailedPrecondition,
                         "nothing of the run failed: run={}; start a new one", id);
    }
    if (outputs == "removing") {
      return base::error(Code::kUnavailable,
                         "what the run wrote is being removed; try again in a moment: run={}", id);
    }
    // Of outputs that are gone, or may go at any moment, nothing is good any more. A search that is
    // good stays as it is, with the trials that failed.
    const std::string_view good =
        outputs == "kept"
            ? " AND state NOT IN ('succeeded', 'cached', 'stopped') AND NOT EXISTS (SELECT 1 FROM "
              "pipeline_steps search WHERE search.run = pipeline_steps.run AND search.position = "
              "pipeline_steps.parent AND search.state IN ('succeeded', 'cached'))"
            : "";
    if (outputs != "kept") TRY(forget_items(tx, id));
    TRY(tx.execute(
        fmt::format("INSERT INTO pipeline_tries(run, step, started_at, finished_at, exit_code, "
                    "reason) SELECT run, name, started_at, finished_at, exit_code, reason FROM "
                    "pipeline_steps WHERE run = ? AND tries > 0 AND started_at IS NOT NULL AND "
                    "finished_at IS NOT NULL{} ON CONFLICT DO NOTHING",
                    good),
        {id}));
    TRY(tx.execute(
        fmt::format("UPDATE pipeline_steps SET state = 'pending', reason = '', exit_code = NULL, "
                    "tries = 0, "
                    "not_before = NULL, started_at = NULL, finished_at = NULL WHERE run = ?{}",
                    good),
        {id}));
    TRY(
        tx.execute("UPDATE pipeline_runs SET state = 'queued', reason = COALESCE(begun_for, "
                   "reason), finished_at = NULL, outputs = 'kept', cancelled = 0 WHERE id = ?",
                   {id}));
    return tx.append_event({.kind = "pipeline.run.tried_again",
                            .subject = "pipelines/" + pipeline + "/runs/" + id,
                            .actor = actor,
                            .payload = {{"state", state}}});
  });
}

}  // namespace slipway::pipelines
