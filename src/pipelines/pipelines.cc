#include "pipelines/pipelines.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "pipelines/kubernetes/job_spec.h"
#include "pipelines/run_work.h"
#include "pipelines/why.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kPlansMax = 64;  // that are kept, of runs that are looked at

constexpr std::array<std::string_view, 6> kRunStates = {"queued",  "running", "succeeded",
                                                        "refused", "failed",  "cancelled"};

void name_jobs(const Plan& plan, RunRecord& run) {
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    StepRecord& step = run.steps[i];
    if (plan.steps[run.planned(i)].definition.kubernetes && step.tries > 0 && step.started)
      step.job = job_name(run.id, step.name, *step.started);
  }
}

void name_needs(const Plan& plan, RunRecord& run) {
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    for (const std::size_t need : plan.steps[run.planned(i)].needs)
      run.steps[i].needs.push_back(run.steps[need].name);
  }
}

// Steps that a process is on record of, or a Job: not those that are runs or items.
std::vector<std::size_t> running_processes(const Plan& plan, const RunRecord& run) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < run.steps.size() && !plan.steps.empty(); ++i) {
    const StepDefinition& definition = plan.steps[run.planned(i)].definition;
    const bool has_process = !definition.nested && (!definition.has_items() || run.steps[i].parent);
    if (run.steps[i].state == "running" && has_process) positions.push_back(i);
  }
  return positions;
}

void end_badly(StepRecord& step, std::string reason, base::Timestamp now) {
  step.state = "failed";
  step.reason = std::move(reason);
  step.finished = now;
}

// Of a step that could not begin.
void end_badly(StepRecord& step, const Error& error, base::Timestamp now) {
  if (error.code != Code::kUnavailable) return end_badly(step, error.message, now);
  step.state = "pending";  // the database was away: it is asked again
  step.reason = error.message;
  step.started.reset();
  step.not_before = now + kAwayPause;
}

}  // namespace

Pipelines::~Pipelines() { stop(); }

Result<void> Pipelines::start(Options options) {
  options_ = std::move(options);
  runner_.emplace(record_, wall_clock_, random_, event_clock_, executor_, inputs_, secrets_,
                  trial_runs_,
                  StepRunner::Options{.folder = options_.folder,
                                      .url = options_.url,
                                      .path_prefix = options_.path_prefix,
                                      .items_max = options_.items_max});
  record_.set_leader(options_.leader);
  TRY(store::make_folders(options_.folder));
  const Pools pools = TRY(pool_table_.read());
  {
    base::MutexLock lock(mutex_);
    places_.set_limit(options_.steps_parallel_max);
    places_.set_pools(pools);
    places_.set_capacity(options_.capacity);
    places_.set_jobs(options_.jobs_parallel_max);
    if (!options_.server.empty()) places_.share();
  }
  for (const std::string& id : TRY(active_runs())) {
    Work work;
    auto found = find_run(id);
    if (!found && found.error().code == Code::kCorruption) {  // the others go on
      base::log_error("pipelines", "{}", found.error().message);
      continue;
    }
    work.run = TRY(std::move(found));
    if (const auto plan = plan_of(TRY(table_.find(id)))) work.plan = **plan;
    const RunRecord& run = work.run;
    for (const StepRecord& step : run.steps) {
      if (step.state == "running" && step.server.empty())
        executor_.take_up(run.pipeline, step.job, runner_->log_of(id, step.name));
    }
    enqueue(run);
    base::MutexLock lock(mutex_);
    // Nobody gets them before the run is taken.
    for (const std::size_t position : running_processes(work.plan, run)) {
      Place place = place_of(work, position);
      place.server = run.steps[position].server;
      places_.occupy(id, std::move(place));
    }
    places_.expect(rank_of(id));
    if (run.is_cancelled) cancelled_.insert(id);
  }
  for (std::size_t i = 0; i < options_.runs_parallel_max; ++i) {
    workers_.emplace_back([this] {
      while (const auto id = take(Take::kAlways)) execute(*id);
    });
  }
  return {};
}

void Pipelines::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

Result<Pipelines::Planned> Pipelines::plan_run(const std::string& pipeline,
                                               const std::map<std::string, std::string>& params) {
  const auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT text, project FROM pipeline_definitions WHERE name = ?", {pipeline},
        [](const store::Row& row) { return std::pair(row.string(0), row.string(1)); });
  }));
  if (!found) return base::error(Code::kNotFound, "no such pipeline: pipeline={}", pipeline);
  Planned planned{.plan = {}, .text = found->first, .project = found->second};
  planned.now = event_clock_.now();
  const PipelineDefinition definition = TRY(parse_pipeline(pipeline, planned.text));
  planned.priority = definition.priority;
  planned.plan = TRY(make_plan(definition, params, types::to_rfc3339(planned.now)));
  return planned;
}

Result<RunRecord> Pipelines::start_run(const std::string& pipeline,
                                       const std::map<std::string, std::string>& params,
                                       const Trigger& trigger) {
  const Planned planned = TRY(plan_run(pipeline, params));
  if (trigger.priority && (*trigger.priority < kPriorityMin || *trigger.priority > kPriorityMax)) {
    return base::error(Code::kInvalidArgument, "priority must be from {} to {}: got={}",
                       kPriorityMin, kPriorityMax, *trigger.priority);
  }
  RunRecord run{.id = random_.hex(8),
                .pipeline = pipeline,
                .state = "queued",
                .reason = trigger.reason,
                .actor = trigger.actor,
                .params = planned.plan.params,
                .priority = trigger.priority.value_or(planned.priority),
                .no_cache = trigger.no_cache || options_.no_cache,
                .now = planned.now,
                .created = wall_clock_.now(),
                .parent_run = trigger.parent_run,
                .parent_step = trigger.parent_step};
  for (const PlannedStep& step : planned.plan.steps)
    run.steps.push_back({.name = step.definition.name});
  const std::string id = TRY(
      table_.add({.record = run, .text = planned.text, .project = planned.project}, trigger.id));
  if (id == run.id) enqueue(run);
  return find_run(id);
}

Result<std::vector<StepForecast>> Pipelines::explain_run(
    const std::string& pipeline, const std::map<std::string, std::string>& params, bool no_cache) {
  const Planned planned = TRY(plan_run(pipeline, params));
  const auto plan_of = [this](const std::string& nested,
                              const std::map<std::string, std::string>& with) -> Result<Plan> {
    return TRY(plan_run(nested, with)).plan;
  };
  return forecast(pipeline, planned.plan, planned.project,
                  {table_, inputs_, secrets_, plan_of, no_cache || options_.no_cache});
}

Result<std::shared_ptr<const Plan>> Pipelines::plan_of(const StoredRun& stored) {
  const RunRecord& run = stored.record;
  {
    base::MutexLock lock(mutex_);
    if (const auto known = plans_.find(run.id); known != plans_.end()) return known->second;
  }
  auto plan = std::make_shared<const Plan>(TRY(make_plan(
      TRY(parse_pipeline(run.pipeline, stored.text)), run.params, types::to_rfc3339(run.now))));
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (run.planned(i) >= plan->steps.size())
      return base::error(Code::kCorruption,
                         "the run has a step that its pipeline hasn't: run={} step={}", run.id,
                         run.steps[i].name);
  }
  base::MutexLock lock(mutex_);
  if (plans_.size() >= kPlansMax) plans_.clear();
  plans_.insert_or_assign(run.id, plan);
  return std::shared_ptr<const Plan>(std::move(plan));
}

Result<RunRecord> Pipelines::find_run(const std::string& id) {
  StoredRun stored = TRY(table_.find(id));
  if (const auto plan = plan_of(stored)) fill_in(**plan, stored.record);
  return std::move(stored.record);
}

void Pipelines::fill_in(const Plan& plan, RunRecord& run) {
  name_needs(plan, run);
  name_jobs(plan, run);
  base::MutexLock lock(mutex_);
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (run.steps[i].state != "pending") continue;
    if (std::string why = places_.why_waiting(run.id, i); !why.empty())
      run.steps[i].reason = std::move(why);
  }
}

Result<std::string> Pipelines::why(const std::string& id, const std::string& step) {
  StoredRun stored = TRY(table_.find(id));
  const auto planned = TRY(plan_of(stored));
  const Plan& plan = *planned;
  RunRecord& run = stored.record;
  fill_in(plan, run);
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (run.steps[i].name == step)
      return why_it_is_so(table_, run, run.steps[i], plan.steps[run.planned(i)].definition);
  }
  return base::error(Code::kNotFound, "the run has no such step: run={} step={}", id, step);
}

Result<std::vector<RunRecord>> Pipelines::runs(const RunFilter& filter, Steps steps) {
  const std::string& state = filter.state;
  if (!state.empty() && std::find(kRunStates.begin(), kRunStates.end(), state) == kRunStates.end())
    return base::error(Code::kInvalidArgument, "runs have no such state: state={} known={}", state,
                       fmt::join(kRunStates, ", "));
  auto runs = TRY(table_.newest(filter));
  if (steps == Steps::kSummaries) TRY(table_.add_steps(runs));
  return runs;
}

Result<std::vector<std::string>> Pipelines::active_runs() { return table_.active(); }

Result<RunRecord> Pipelines::cancel(const std::string& id) {
  {
    base::MutexLock lock(mutex_);
    cancelled_.insert(id);
  }
  const Result<void> kept = table_.cancel(id);
  {
    base::MutexLock lock(mutex_);
    if (kept) {
      touch(id);
    } else {
      cancelled_.erase(id);
    }
  }
  TRY(kept);
  return find_run(id);
}

void Pipelines::touch(const std::string& id) {
  if (const auto waiting = waiting_.find(id); waiting != waiting_.end())
    waiting->second.rests = false;
  const auto queued = std::find_if(queue_.begin(), queue_.end(),
                                   [&](const auto& entry) { return entry.second == id; });
  if (queued != queue_.end()) queue_.erase(queued);
  if (advancing_.contains(id)) {
    touched_.insert(id);
  } else {
    queue_.emplace(SteadyClock::now(), id);
  }
  ready_.notify_all();
  changed_.notify_all();
}

Result<RunRecord> Pipelines::try_again(const std::string& id, const std::string& actor) {
  TRY(table_.queue_again(id, actor));
  const RunRecord run = TRY(find_run(id));
  {
    base::MutexLock lock(mutex_);
    cancelled_.erase(id);
    ranks_[id] = {.priority = run.priority, .created = run.created, .run = id};
    touch(id);
  }
  return run;
}

Result<fs::path> Pipelines::log(const std::string& run, const std::string& step) {
  const RunRecord record = TRY(find_run(run));
  for (const StepRecord& known : record.steps) {
    if (known.name != step) continue;
    fs::path file = runner_->log_of(run, step);
    if (record.outputs == "gone")
      return base::error(Code::kNotFound,
                         "the log is no longer kept (setting pipeline-outputs-retention-days): "
                         "run={} step={}",
                         run, step);
    // Not what a try of its own has written before it was answered so.
    if (const auto from = known.origin()) file = runner_->log_of(from->run, from->step);
    if (!known.nested_run.empty())
      return base::error(Code::kNotFound,
                         "the step is a run of another pipeline, whose steps have logs: run={} "
                         "(slipway pipelines show {})",
                         known.nested_run, known.nested_run);
    if (!fs::exists(file))
      return base::error(Code::kNotFound, "the step has written nothing: run={} step={}", run,
                         step);
    return file;
  }
  return base::error(Code::kNotFound, "the run has no such step: run={} step={}", run, step);
}

Result<bool> Pipelines::was_changed_since(const std::string& id) {
  const auto same = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT COUNT(*) FROM pipeline_runs r JOIN pipeline_definitions d ON d.name = r.pipeline "
        "AND d.text = r.text AND d.project = r.project WHERE r.id = ?",
        {id}, [](const store::Row& row) { return row.int64(0); });
  }));
  return same == 0;
}

bool Pipelines::is_cancelled(const std::string& run) {
  base::MutexLock lock(mutex_);
  return cancelled_.contains(run);
}

bool Pipelines::is_stopping() {
  base::MutexLock lock(mutex_);
  return stopping_;
}

void Pipelines::enqueue(const std::string& id, SteadyTime due) {
  base::MutexLock lock(mutex_);
  queue_.emplace(due, id);
  ready_.notify_one();
}

void Pipelines::enqueue(const RunRecord& run) {
  base::MutexLock lock(mutex_);
  ranks_[run.id] = {.priority = run.priority, .created = run.created, .run = run.id};
  touch(run.id);  // once, also when start() and who begins or cancels it meet
}

Rank Pipelines::rank_of(const std::string& id) const {
  const auto known = ranks_.find(id);
  return known == ranks_.end() ? Rank{.run = id} : known->second;
}

void Pipelines::hand_out() {
  for (const std::string& run : places_.granted_runs()) touch(run);
}

std::optional<std::string> Pipelines::take(Take how) {
  base::MutexLock lock(mutex_);
  for (;;) {
    if (stopping_ || (queue_.empty() && how != Take::kAlways)) return std::nullopt;
    const auto due_end = queue_.upper_bound(SteadyClock::now());
    const auto first = std::min_element(queue_.begin(), due_end,
                                        [&](const auto& a, const auto& b) REQUIRES(mutex_) {
                                          return rank_of(a.second) < rank_of(b.second);
                                        });
    if (first != due_end) {
      std::string id = std::move(first->second);
      queue_.erase(first);
      advancing_.insert(id);
      if (const auto waiting = waiting_.find(id); waiting != waiting_.end())
        waiting->second.rests = false;
      return id;
    }
    if (how == Take::kIfDue) return std::nullopt;
    ready_.wait_until(mutex_, queue_.empty() ? SteadyTime::max() : queue_.begin()->first);
  }
}

void Pipelines::run_queued() {
  while (const auto id = take(Take::kWhileQueued)) execute(*id);
}

void Pipelines::run_due() {
  while (const auto id = take(Take::kIfDue)) execute(*id);
}

void Pipelines::execute(const std::string& id) {
  const Result<void> done = [&]() -> Result<void> {
    try {
      return advance(id);
    } catch (const std::exception& e) {  // the net at the entry of a thread
      return base::error(Code::kInternal, "unexpected: {}", e.what());
    }
  }();
  const bool is_away = !done && done.error().code == Code::kUnavailable;
  if (is_away) enqueue(id, SteadyClock::now() + std::chrono::microseconds(kAwayPause.micros));
  if (!done && !is_away) {
    base::log_error("pipelines", "a run broke off: run={} {}", id, done.error().message);
    if (auto run = find_run(id)) {
      run->state = "failed";
      run->reason = done.error().message;
      run->finished = wall_clock_.now();
      const Result<void> saved = save_end(*run);
      if (!saved)
        base::log_error("pipelines", "and its end could not be kept: {}", saved.error().message);
      for (const StepRecord& step : run->steps) {  // nobody would wait for them
        if (saved && step.state == "running" && !step.nested_run.empty())
          (void)cancel(step.nested_run);
      }
    }
  }
  base::MutexLock lock(mutex_);
  if (!done && !is_away) {
    waiting_.erase(id);
    places_.forget(id);
    hand_out();
  }
  advancing_.erase(id);
  if (touched_.erase(id) > 0) touch(id);
}

Result<void> Pipelines::advance(const std::string& id) {
  StoredRun stored = TRY(record_.find(id));
  if (stored.record.is_over()) {
    base::MutexLock lock(mutex_);
    cancelled_.erase(id);  // it was asked for while the run ended
    return {};
  }
  Plan plan = *TRY(plan_of(stored));
  Work work{.run = std::move(stored.record),
            .plan = std::move(plan),
            .project = std::move(stored.project)};
  RunRecord& run = work.run;
  if (run.state == "queued") {
    TRY(store::make_folders(options_.folder / id));
    run.state = "running";
    run.source = runner_->find_source(work.project, id);
    TRY(record_.save_state(run));
  }
  follow(work, running_processes(work.plan, run));
  for (;;) {
    NextSteps next =
        next_steps(work.plan, run.steps, is_cancelled(id), wall_clock_.now(), work.unsaved);
    if (!next.expired.empty()) {
      TRY(expire(work, next.expired));
      continue;
    }
    if (!next.complete.empty()) {
      TRY(gather(work, next.complete));
      continue;
    }
    if (!next.growing.empty() && !is_stopping()) {
      TRY(grow(work, next.growing));
      continue;
    }
    if (!is_stopping() && TRY(begin(work, next.ready))) continue;
    if (!work.unsaved.empty()) TRY(save_steps(work, store::Durable::kSoon));
    std::optional<base::Timestamp> wake = next.wake;
    if (!is_stopping() && TRY(follow_nested(work, next.nested, wake))) continue;
    if (!is_stopping() && TRY(look(work, next.watching, wake))) continue;
    note_waits(work, next);
    if (!work.in_flight.empty()) {
      wait_for_change(work, wake);
      if (next.is_waiting || !next.watching.empty()) TRY(read_answers(work));
    } else if (is_stopping()) {
      return {};
    } else if (wake || next.is_waiting || !next.ready.empty() || !next.nested.empty()) {
      // It holds no worker up: hand_out, its time or an answer brings it back.
      if (wake) enqueue(id, steady(*wake, wall_clock_.now()));
      return {};
    } else {
      return finish(work);
    }
  }
}

Result<std::vector<Place>> Pipelines::settle(Work& work, const std::vector<std::size_t>& ready,
                                             bool& changed) {
  std::vector<Place> places;
  for (const std::size_t position : ready) {
    const bool is_item = work.run.steps[position].parent.has_value();
    const StepDefinition& definition = work.plan.steps[work.run.planned(position)].definition;
    Place place = place_of(work, position);
    std::string impossible;
    {
      base::MutexLock lock(mutex_);
      impossible = places_.impossible(place);
    }
    // What may wait long for its place is answered from cache without one.
    const bool has_no_process = definition.run.empty() || (definition.has_items() && !is_item);
    const bool may_wait = !definition.pool.empty() || definition.resources != Resources() ||
                          definition.kubernetes.has_value();
    const bool is_first = (has_no_process || may_wait) && work.settled.insert(position).second;
    bool is_settled = false;
    if (!impossible.empty()) {
      end_badly(work.run.steps[position], std::move(impossible), wall_clock_.now());
      is_settled = true;
    } else if (is_first) {
      const auto settled = runner_->settle(work.run, position, work.plan, work.project);
      StepRecord& step = work.run.steps[position];
      if (!settled) end_badly(step, settled.error(), wall_clock_.now());
      is_settled = !settled || *settled;
      if (!is_settled) step.started.reset();
      // On record before any of them begins.
      if (has_no_process && step.state == "running" && !definition.nested)
        TRY(record_.add_items(work.run, position));
      if (step.state == "running" && definition.nested) TRY(begin_nested(work, position));
    }
    if (!is_settled) {
      places.push_back(std::move(place));
      continue;
    }
    changed = true;
    if (work.run.steps[position].state == "pending") work.settled.erase(position);
    work.unsaved.push_back(position);
  }
  return places;
}

Result<void> Pipelines::save_steps(Work& work, store::Durable durable) {
  TRY(record_.save_steps(work.run, work.unsaved, durable));
  for (const std::size_t position : work.unsaved) {
    const StepRecord& step = work.run.steps[position];
    if (step.is_over()) executor_.recorded(runner_->log_of(work.run.id, step.name));
  }
  work.unsaved.clear();
  return {};
}

Result<bool> Pipelines::begin(Work& work, const std::vector<std::size_t>& ready) {
  bool is_over_at_once = false;
  std::vector<Place> places = TRY(settle(work, ready, is_over_at_once));
  std::map<std::size_t, std::string> granted;  // with their servers
  std::vector<std::size_t> begun;
  auto durable = store::Durable::kSoon;
  {
    base::MutexLock lock(mutex_);
    places_.ask(rank_of(work.run.id), std::move(places));
    granted = places_.granted(work.run.id);
    for (const auto& [position, server] : granted) places_.take(work.run.id, position, server);
  }
  for (const auto& [position, server] : granted) {
    StepRecord& step = work.run.steps[position];
    if (const auto began = runner_->begin(work.run, position, work.plan, work.project); !began)
      end_badly(step, began.error(), wall_clock_.now());
    work.settled.erase(position);
    work.unsaved.push_back(position);
    is_over_at_once = is_over_at_once || step.state != "running";
    if (step.state != "running") continue;
    begun.push_back(position);
    if (work.plan.steps[work.run.planned(position)].definition.kubernetes)
      durable = store::Durable::kNow;  // a Job outlives this machine, found by when it began
    else
      step.server = server.empty() ? options_.server : server;
  }
  // On record before they run, so that a crash leaves nothing that nobody knows of.
  Result<void> saved;
  if (!begun.empty()) saved = save_steps(work, durable);
  {
    base::MutexLock lock(mutex_);
    for (const auto& [position, server] : granted) {
      if (!saved || work.run.steps[position].state != "running")
        places_.give_back(work.run.id, position);
    }
    hand_out();
  }
  TRY(std::move(saved));
  if (begun.empty()) return is_over_at_once;
  launch(work, begun, Launch::kBegin);
  return is_over_at_once;
}

Result<void> Pipelines::grow(Work& work, const std::vector<std::size_t>& positions) {
  for (const std::size_t position : positions) {
    const std::size_t known = work.run.items(position).size();
    if (const auto proposed = runner_->propose(work.run, position, work.plan)) {
      TRY(record_.add_items(work.run, position, known));
    } else {
      end_badly(work.run.steps[position], proposed.error().message, wall_clock_.now());
      work.unsaved.push_back(position);
    }
  }
  return {};
}

Result<void> Pipelines::gather(Work& work, const std::vector<std::size_t>& positions) {
  for (const std::size_t position : positions) {
    if (const auto gathered = runner_->gather(work.run, position, work.plan); !gathered)
      end_badly(work.run.steps[position], gathered.error().message, wall_clock_.now());
    work.unsaved.push_back(position);
  }
  return {};
}

Result<void> Pipelines::finish(Work& work) {
  RunRecord& run = work.run;
  for (const StepRecord& step : run.steps) {
    if (step.state == "running")
      return base::error(Code::kInternal, "nobody follows a step that runs: step={}", step.name);
  }
  RunEnd end = end_of(run.steps);
  run.state = std::move(end.state);
  if (!end.reason.empty()) run.reason += (run.reason.empty() ? "" : "; ") + end.reason;
  run.finished = wall_clock_.now();
  TRY(save_end(run));
  base::MutexLock lock(mutex_);
  cancelled_.erase(run.id);
  ranks_.erase(run.id);
  waiting_.erase(run.id);
  return {};
}

}  // namespace slipway::pipelines
