#include "pipelines/pipelines.h"

#include <algorithm>
#include <cstdlib>

#include "base/hash.h"
#include "base/log.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr int kRefused = 3;  // a gate said no
constexpr std::string_view kSalt = "slipway-1";

std::string to_text(const std::map<std::string, std::string>& params) {
  JsonObject object;
  for (const auto& [name, value] : params) object[name] = value;
  return base::to_text(object);
}

Result<JsonObject> object_or_empty(std::string_view text) {
  if (text.empty()) return JsonObject();
  return base::parse_json_object(text);
}

Json time_or_null(std::optional<base::Timestamp> time) {
  return time ? Json(types::to_rfc3339(*time)) : Json(nullptr);
}

// File -> SHA-256, of the declared outputs, or of all there is.
Result<JsonObject> make_manifest(const fs::path& folder, const StepDefinition& step) {
  std::vector<fs::path> files;
  if (step.outputs.empty()) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  for (const std::string& output : step.outputs) {
    const fs::path path = folder / output;
    std::error_code ec;
    if (fs::is_directory(path, ec)) {
      for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (fs::is_regular_file(path, ec)) {
      files.push_back(path);
    } else {
      return base::error(Code::kFailedPrecondition,
                         "the step ended well but a declared output is missing: output={}", output);
    }
  }
  std::sort(files.begin(), files.end());
  JsonObject manifest;
  for (const fs::path& file : files) {
    TRY(store::sync_file(file));
    manifest[file.lexically_relative(folder).generic_string()] =
        base::sha256_hex(TRY(store::read_file(file)));
  }
  return manifest;
}

bool matches(const JsonObject& manifest, const fs::path& folder) {
  for (const auto& [name, digest] : manifest) {
    const auto bytes = store::read_file(folder / std::string(std::string_view(name)));
    if (!bytes || base::sha256_hex(*bytes) != std::string_view(digest.get_string())) return false;
  }
  return true;
}

}  // namespace

JsonObject StepRecord::to_json() const {
  JsonObject object{{"name", name},     {"state", state},      {"cached", state == "cached"},
                    {"folder", folder}, {"command", command},  {"cache_key", cache_key},
                    {"reason", reason}, {"key", key_document}, {"outputs", manifest}};
  object["exit_code"] = exit_code ? Json(*exit_code) : Json(nullptr);
  object["started_at"] = time_or_null(started);
  object["finished_at"] = time_or_null(finished);
  object["seconds"] = started && finished
                          ? Json(static_cast<double>((*finished - *started).micros) * 1e-6)
                          : Json(nullptr);
  return object;
}

JsonObject RunRecord::to_json() const {
  JsonObject given;
  for (const auto& [name, value] : params) given[name] = value;
  JsonArray list;
  for (const StepRecord& step : steps) list.push_back(step.to_json());
  return {{"id", id},
          {"pipeline", pipeline},
          {"state", state},
          {"reason", reason},
          {"actor", actor},
          {"params", std::move(given)},
          {"source", source},
          {"now", types::to_rfc3339(now)},
          {"created_at", types::to_rfc3339(created)},
          {"finished_at", time_or_null(finished)},
          {"steps", std::move(list)}};
}

Pipelines::~Pipelines() { stop(); }

Result<void> Pipelines::start(Options options) {
  options_ = std::move(options);
  TRY(store::make_folders(options_.folder));
  for (const std::string& id : TRY(active_runs())) {
    const RunRecord run = TRY(find_run(id));
    for (const StepRecord& step : run.steps) {
      if (step.state == "running") executor_.clean_up(step.process, "SLIPWAY_RUN_ID=" + id);
    }
    base::MutexLock lock(mutex_);
    queue_.push_back(id);
  }
  for (std::size_t i = 0; i < options_.runs_parallel_max; ++i)
    workers_.emplace_back([this] { work(); });
  return {};
}

void Pipelines::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

Result<std::vector<DefinitionChange>> Pipelines::plan(
    const std::vector<ParsedPipeline>& pipelines) {
  std::map<std::string, std::string> known;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT name, text FROM pipeline_definitions", {},
                        [&](const store::Row& row) { known[row.string(0)] = row.string(1); });
  }));
  std::vector<DefinitionChange> changes;
  for (const ParsedPipeline& pipeline : pipelines) {
    const std::string& name = pipeline.definition.name;
    const auto found = known.find(name);
    // What it says counts, not how it is written.
    const auto says_the_same = [&](const std::string& text) {
      const auto before = parse_pipeline(name, text);
      return before && *before == pipeline.definition;
    };
    changes.push_back({.name = name,
                       .change = found == known.end()           ? "created"
                                 : says_the_same(found->second) ? "unchanged"
                                                                : "updated"});
  }
  return changes;
}

Result<std::vector<DefinitionChange>> Pipelines::apply(const std::vector<ParsedPipeline>& pipelines,
                                                       const fs::path& project,
                                                       const std::string& actor) {
  const auto changes = TRY(plan(pipelines));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (std::size_t i = 0; i < pipelines.size(); ++i) {
      const std::string& name = pipelines[i].definition.name;
      TRY(
          tx.execute("INSERT INTO pipeline_definitions(name, text, project) VALUES(?, ?, ?) ON "
                     "CONFLICT(workspace, name) DO UPDATE SET text = excluded.text, project = "
                     "excluded.project",
                     {name, pipelines[i].text, project.string()}));
      if (changes[i].change == "unchanged") continue;
      TRY(tx.append_event({.kind = "pipeline.declared",
                           .subject = "pipelines/" + name,
                           .actor = actor,
                           .payload = {{"text", pipelines[i].text}}}));
    }
    return {};
  }));
  return changes;
}

Result<std::vector<PipelineDefinition>> Pipelines::definitions() {
  std::vector<std::pair<std::string, std::string>> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT name, text FROM pipeline_definitions ORDER BY name", {},
        [&](const store::Row& row) { texts.emplace_back(row.string(0), row.string(1)); });
  }));
  std::vector<PipelineDefinition> definitions;
  for (const auto& [name, text] : texts) definitions.push_back(TRY(parse_pipeline(name, text)));
  return definitions;
}

Result<RunRecord> Pipelines::start_run(const std::string& pipeline,
                                       const std::map<std::string, std::string>& params,
                                       const Trigger& trigger) {
  const auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT text, project FROM pipeline_definitions WHERE name = ?", {pipeline},
        [](const store::Row& row) { return std::pair(row.string(0), row.string(1)); });
  }));
  if (!found) return base::error(Code::kNotFound, "no such pipeline: pipeline={}", pipeline);
  const base::Timestamp now = event_clock_.now();
  const Plan plan =
      TRY(make_plan(TRY(parse_pipeline(pipeline, found->first)), params, types::to_rfc3339(now)));
  const std::string id = random_.hex(8);
  const std::string values = to_text(plan.params);
  const std::optional<std::string> trigger_id =
      trigger.id.empty() ? std::nullopt : std::optional(trigger.id);
  const base::Timestamp created = wall_clock_.now();
  const std::string run_id = TRY(db_.write([&](store::Tx& tx) -> Result<std::string> {
    if (trigger_id) {
      const auto earlier =
          TRY(tx.find("SELECT id FROM pipeline_runs WHERE trigger_id = ?", {*trigger_id},
                      [](const store::Row& row) { return row.string(0); }));
      if (earlier) return *earlier;
    }
    TRY(tx.execute(
        "INSERT INTO pipeline_runs(id, pipeline, trigger_id, state, reason, actor, params, "
        "text, project, source, now, created_at) VALUES(?, ?, ?, 'queued', ?, ?, ?, ?, ?, "
        "'{}', ?, ?)",
        {id, pipeline, trigger_id, trigger.reason, trigger.actor, values, found->first,
         found->second, now, created}));
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      TRY(tx.execute(
          "INSERT INTO pipeline_steps(run, position, name, state) VALUES(?, ?, ?, 'pending')",
          {id, i, plan.steps[i].definition.name}));
    }
    TRY(tx.append_event({.kind = "pipeline.run.created",
                         .subject = "pipelines/" + pipeline + "/runs/" + id,
                         .actor = trigger.actor,
                         .payload = {{"params", values}, {"reason", trigger.reason}},
                         .event_time = now}));
    return id;
  }));
  if (run_id == id) {
    base::MutexLock lock(mutex_);
    queue_.push_back(id);
    ready_.notify_one();
  }
  return find_run(run_id);
}

Result<RunRecord> Pipelines::load(const std::string& id, std::string* text, std::string* project) {
  std::optional<RunRecord> run;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    TRY(reader.query(
        "SELECT id, pipeline, state, reason, actor, params, text, project, source, now, "
        "created_at, finished_at FROM pipeline_runs WHERE id = ?",
        {id}, [&](const store::Row& row) {
          run = RunRecord{.id = row.string(0),
                          .pipeline = row.string(1),
                          .state = row.string(2),
                          .reason = row.string(3),
                          .actor = row.string(4),
                          .now = row.time(9),
                          .created = row.time(10)};
          if (!row.is_null(11)) run->finished = row.time(11);
          const auto params = object_or_empty(row.text(5));
          const auto source = object_or_empty(row.text(8));
          if (!params || !source) {
            outcome = base::error(Code::kCorruption, "a stored run is damaged: run={}", id);
            return;
          }
          for (const auto& [name, value] : *params)
            run->params[name] = std::string_view(value.get_string());
          run->source = *source;
          if (text != nullptr) *text = row.string(6);
          if (project != nullptr) *project = row.string(7);
        }));
    if (!run) return base::error(Code::kNotFound, "no such run: run={}", id);
    return reader.query(
        "SELECT name, state, command, cache_key, key_document, reason, exit_code, folder, "
        "manifest, "
        "manifest_digest, process, started_at, finished_at FROM pipeline_steps WHERE run = ? ORDER "
        "BY position",
        {id}, [&](const store::Row& row) {
          StepRecord step{.name = row.string(0),
                          .state = row.string(1),
                          .command = row.string(2),
                          .cache_key = row.string(3),
                          .reason = row.string(5),
                          .folder = row.string(7),
                          .exit_code = row.maybe_int64(6),
                          .manifest_digest = row.string(9),
                          .process = row.int64(10)};
          auto key = object_or_empty(row.text(4));
          auto manifest = object_or_empty(row.text(8));
          if (key) step.key_document = std::move(*key);
          if (manifest) step.manifest = std::move(*manifest);
          if (!row.is_null(11)) step.started = row.time(11);
          if (!row.is_null(12)) step.finished = row.time(12);
          run->steps.push_back(std::move(step));
        });
  }));
  TRY(std::move(outcome));
  return std::move(*run);
}

Result<RunRecord> Pipelines::find_run(const std::string& id) { return load(id, nullptr, nullptr); }

Result<std::vector<RunRecord>> Pipelines::runs(const std::string& pipeline, std::size_t limit) {
  std::vector<std::string> ids;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id FROM pipeline_runs WHERE (? = '' OR pipeline = ?) ORDER BY "
        "created_at DESC, id DESC LIMIT ?",
        {pipeline, pipeline, limit}, [&](const store::Row& row) { ids.push_back(row.string(0)); });
  }));
  std::vector<RunRecord> runs;
  for (const std::string& id : ids) runs.push_back(TRY(find_run(id)));
  return runs;
}

Result<std::vector<std::string>> Pipelines::active_runs() {
  std::vector<std::string> ids;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id FROM pipeline_runs WHERE state IN ('queued', 'running') ORDER BY created_at", {},
        [&](const store::Row& row) { ids.push_back(row.string(0)); });
  }));
  return ids;
}

Result<RunRecord> Pipelines::cancel(const std::string& id) {
  const RunRecord run = TRY(find_run(id));
  if (run.is_over())
    return base::error(Code::kFailedPrecondition, "the run is over: run={} state={}", id,
                       run.state);
  base::MutexLock lock(mutex_);
  cancelled_.insert(id);
  return run;
}

Result<fs::path> Pipelines::log(const std::string& run, const std::string& step) {
  const RunRecord record = TRY(find_run(run));
  for (const StepRecord& known : record.steps) {
    if (known.name != step) continue;
    const fs::path file = options_.folder / run / (step + ".log");
    if (!fs::exists(file))
      return base::error(Code::kNotFound, "the step has written nothing: run={} step={}", run,
                         step);
    return file;
  }
  return base::error(Code::kNotFound, "the run has no such step: run={} step={}", run, step);
}

Result<void> Pipelines::save_state(const RunRecord& run) {
  const std::string source = base::to_text(run.source);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "UPDATE pipeline_runs SET state = ?, reason = ?, source = ?, finished_at = ? WHERE id = ?",
        {run.state, run.reason, source, run.finished, run.id}));
    return tx.append_event({.kind = "pipeline.run." + run.state,
                            .subject = "pipelines/" + run.pipeline + "/runs/" + run.id,
                            .payload = {{"reason", run.reason}, {"source", run.source}},
                            .event_time = run.now});
  });
}

Result<void> Pipelines::save_step(const RunRecord& run, std::size_t position) {
  const StepRecord& step = run.steps[position];
  const std::string key = base::to_text(step.key_document);
  const std::string manifest = base::to_text(step.manifest);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "UPDATE pipeline_steps SET state = ?, command = ?, cache_key = ?, key_document = ?, "
        "reason = ?, exit_code = ?, folder = ?, manifest = ?, manifest_digest = ?, process "
        "= ?, started_at = ?, finished_at = ? WHERE run = ? AND position = ?",
        {step.state, step.command, step.cache_key, key, step.reason, step.exit_code, step.folder,
         manifest, step.manifest_digest, step.process, step.started, step.finished, run.id,
         position}));
    if (step.state == "pending" || step.state == "running" || step.state == "skipped") return {};
    return tx.append_event(
        {.kind = "pipeline.step." + step.state,
         .subject = "pipelines/" + run.pipeline + "/runs/" + run.id + "/steps/" + step.name,
         .payload = {{"cache_key", step.cache_key},
                     {"reason", step.reason},
                     {"outputs", step.manifest}},
         .event_time = run.now});
  });
}

bool Pipelines::is_cancelled(const std::string& run) {
  base::MutexLock lock(mutex_);
  return cancelled_.contains(run);
}

bool Pipelines::is_stopping() {
  base::MutexLock lock(mutex_);
  return stopping_;
}

void Pipelines::work() {
  for (;;) {
    std::string id;
    {
      base::MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) ready_.wait(mutex_);
      if (stopping_) return;
      id = std::move(queue_.front());
      queue_.pop_front();
    }
    execute(id);
  }
}

void Pipelines::run_queued() {
  for (;;) {
    std::string id;
    {
      base::MutexLock lock(mutex_);
      if (queue_.empty()) return;
      id = std::move(queue_.front());
      queue_.pop_front();
    }
    execute(id);
  }
}

void Pipelines::execute(const std::string& id) {
  if (const Result<void> done = advance(id); !done) {
    base::log_error("pipelines", "a run broke off: run={} {}", id, done.error().message);
    if (auto run = find_run(id)) {
      run->state = "failed";
      run->reason = done.error().message;
      run->finished = wall_clock_.now();
      if (const Result<void> saved = save_state(*run); !saved)
        base::log_error("pipelines", "and its end could not be kept: {}", saved.error().message);
    }
  }
  base::MutexLock lock(mutex_);
  cancelled_.erase(id);
}

Result<void> Pipelines::advance(const std::string& id) {
  std::string text, project;
  RunRecord run = TRY(load(id, &text, &project));
  if (run.is_over()) return {};
  const Plan plan = TRY(
      make_plan(TRY(parse_pipeline(run.pipeline, text)), run.params, types::to_rfc3339(run.now)));
  if (run.state == "queued") {
    TRY(store::make_folders(options_.folder / id));
    run.state = "running";
    run.source = find_source(project, id);
    TRY(save_state(run));
  }
  std::string end = "succeeded", reason;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    StepRecord& step = run.steps[i];
    if (step.state == "succeeded" || step.state == "cached") continue;
    if (end == "succeeded" && is_cancelled(id)) end = "cancelled";
    if (end != "succeeded") {
      step.state = end == "cancelled" ? "cancelled" : "skipped";
    } else if (!TRY(run_step(run, i, plan, project))) {
      return {};
    } else if (step.state != "succeeded" && step.state != "cached") {
      end = step.state;
      reason = fmt::format("step {}: {}", step.name, step.reason);
    }
    TRY(save_step(run, i));
  }
  run.state = end;
  if (!reason.empty()) run.reason += (run.reason.empty() ? "" : "; ") + reason;
  run.finished = wall_clock_.now();
  return save_state(run);
}

Result<bool> Pipelines::answer_from_cache(StepRecord& step) {
  std::vector<std::pair<std::string, std::string>> found;  // folder, manifest
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT folder, manifest FROM pipeline_steps WHERE cache_key = ? AND state = "
        "'succeeded' ORDER BY finished_at DESC LIMIT 5",
        {step.cache_key},
        [&](const store::Row& row) { found.emplace_back(row.string(0), row.string(1)); });
  }));
  for (const auto& [folder, text] : found) {
    auto manifest = base::parse_json_object(text);
    if (!manifest || !matches(*manifest, folder)) continue;
    step.state = "cached";
    step.folder = folder;
    step.manifest_digest = base::sha256_hex(text);
    step.manifest = std::move(*manifest);
    step.reason = "nothing it depends on has changed";
    step.exit_code = 0;
    return true;
  }
  return false;
}

Result<bool> Pipelines::run_step(RunRecord& run, std::size_t position, const Plan& plan,
                                 const fs::path& project) {
  StepRecord& step = run.steps[position];
  const PlannedStep& planned = plan.steps[position];
  const fs::path own = options_.folder / run.id / step.name;
  std::map<std::string, std::string> outputs_of, folders{{"out", own.string()}};
  for (const StepRecord& before : run.steps) {
    outputs_of[before.name] = before.manifest_digest;
    folders[before.name] = before.folder;
  }
  step.started = wall_clock_.now();
  const auto failed = [&](const Error& error) {
    step.state = "failed";
    step.reason = error.message;
    step.finished = wall_clock_.now();
    return true;
  };
  const auto declared = declared_digests(planned.definition, project, inputs_);
  if (!declared) return failed(declared.error());
  StepKey key = make_step_key(plan, planned, *declared, outputs_of, std::string(kSalt));
  step.cache_key = key.digest;
  step.key_document = std::move(key.document);
  step.command = command_of(plan, planned, [&](const std::string& name) { return folders[name]; });
  if (planned.definition.cached() && TRY(answer_from_cache(step))) {
    step.finished = wall_clock_.now();
    return true;
  }
  std::error_code ignored;
  fs::remove_all(own, ignored);  // of an attempt that a crash ended
  TRY(store::make_folders(own));
  step.state = "running";
  step.folder = own.string();
  const char* path = std::getenv("PATH");
  const auto exit = executor_.run(
      {.text = step.command,
       .folder = project,
       .environment =
           {{"SLIPWAY_URL", options_.url},
            {"MLFLOW_TRACKING_URI", options_.url},
            {"MLFLOW_REGISTRY_URI", options_.url},  // over one the server inherited
            // The mlflow client puts these on every run it starts.
            {"MLFLOW_RUN_CONTEXT", base::to_text(JsonObject{{"slipway.run_id", run.id},
                                                            {"slipway.pipeline", run.pipeline},
                                                            {"slipway.step", step.name}})},
            {"SLIPWAY_RUN_ID", run.id},
            {"SLIPWAY_PIPELINE", run.pipeline},
            {"SLIPWAY_STEP", step.name},
            {"SLIPWAY_OUT", own.string()},
            {"SLIPWAY_NOW", types::to_rfc3339(run.now)},
            {"SLIPWAY_GIT_COMMIT",
             std::string(
                 base::find_string(run.source, "commit").value_or(std::nullopt).value_or(""))},
            {"PATH", options_.path_prefix + (options_.path_prefix.empty() ? "" : ":") +
                         (path == nullptr ? "/usr/bin:/bin" : path)}},
       .log = options_.folder / run.id / (step.name + ".log"),
       .timeout = planned.definition.timeout},
      [&] { return is_stopping() || is_cancelled(run.id); },
      [&](std::int64_t process) {
        step.process = process;
        if (const Result<void> saved = save_step(run, position); !saved)
          base::log_error("pipelines", "a step's start was not kept: {}", saved.error().message);
      });
  if (!exit) return failed(exit.error());
  step.finished = wall_clock_.now();
  switch (exit->kind) {
    case Exit::Kind::kStopped:
      if (!is_cancelled(run.id)) return false;
      step.state = "cancelled";
      step.reason = "cancelled";
      return true;
    case Exit::Kind::kTimedOut:
      step.state = "failed";
      step.reason = "it took longer than its timeout";
      return true;
    case Exit::Kind::kExited:
      break;
  }
  step.exit_code = exit->code;
  if (exit->code == kRefused) {
    step.state = "refused";
    step.reason = "the gate said no";
  } else if (exit->code != 0) {
    step.state = "failed";
    step.reason = fmt::format("exit code {}: see the step's log", exit->code);
  } else {
    auto manifest = make_manifest(own, planned.definition);
    if (!manifest) return failed(manifest.error());
    step.state = "succeeded";
    step.manifest_digest = base::sha256_hex(base::to_text(*manifest));
    step.manifest = std::move(*manifest);
  }
  return true;
}

// The commit of the project and whether it has changes; empty when it is no git checkout.
JsonObject Pipelines::find_source(const fs::path& project, const std::string& run) {
  const fs::path file = options_.folder / run / "source.txt";
  const auto exit = executor_.run(
      {.text = "git rev-parse HEAD 2>/dev/null && git status --porcelain "
               "--untracked-files=no -- . 2>/dev/null | head -1",
       .folder = project,
       .environment = {},
       .log = file,
       .timeout = base::Duration::seconds(20)},
      [] { return false; }, [](std::int64_t) {});
  const auto text = store::read_file(file);
  if (!exit || !text || text->size() < 41 || (*text)[40] != '\n') return {};
  return {
      {"commit", text->substr(0, 40)}, {"dirty", text->size() > 41}, {"folder", project.string()}};
}

}  // namespace slipway::pipelines
