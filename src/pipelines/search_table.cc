// What RunTable keeps of searches and their trials.
#include "pipelines/run_table.h"

namespace slipway::pipelines {

Result<std::vector<double>> RunTable::leave_at_rung(const TrialOfRun& trial, std::int64_t rung,
                                                    double value) {
  return db_.write([&](store::Tx& tx) -> Result<std::vector<double>> {
    TRY(
        tx.execute("INSERT INTO pipeline_rungs(run, search, rung, trial, value) VALUES(?, ?, ?, ?, "
                   "?) ON CONFLICT DO NOTHING",
                   {trial.run, trial.search, rung, trial.trial, value}));
    std::vector<double> values;
    TRY(tx.query("SELECT value FROM pipeline_rungs WHERE run = ? AND search = ? AND rung = ?",
                 {trial.run, trial.search, rung},
                 [&](const store::Row& row) { values.push_back(row.real(0)); }));
    return values;
  });
}

Result<void> RunTable::forget_rungs(const TrialOfRun& trial) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM pipeline_rungs WHERE run = ? AND search = ? AND trial = ?",
                   {trial.run, trial.search, trial.trial}));
    return {};
  });
}

Result<void> RunTable::copy_rungs(const TrialOfRun& from, const TrialOfRun& to) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO pipeline_rungs(run, search, rung, trial, value) SELECT ?, ?, rung, ?, value "
        "FROM pipeline_rungs WHERE run = ? AND search = ? AND trial = ? ON CONFLICT DO NOTHING",
        {to.run, to.search, to.trial, from.run, from.search, from.trial}));
    return {};
  });
}

Result<std::vector<RunTable::StoppedTrial>> RunTable::stopped_with_key(
    const std::string& cache_key) {
  std::vector<StoppedTrial> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT s.run, s.parent, s.item, p.value, s.score, s.reached FROM pipeline_steps s JOIN "
        "pipeline_steps p ON p.run = s.run AND p.position = s.parent WHERE s.cache_key = ? AND "
        "s.state = 'stopped' ORDER BY s.finished_at DESC LIMIT 5",
        {cache_key}, [&](const store::Row& row) {
          found.push_back({.trial = {.run = row.string(0),
                                     .search = static_cast<std::size_t>(row.int64(1)),
                                     .trial = static_cast<std::size_t>(row.int64(2))},
                           .search = row.string(3),
                           .score = row.is_null(4) ? std::nullopt : std::optional(row.real(4)),
                           .reached = row.int64(5)});
        });
  }));
  return found;
}

Result<std::vector<RunTable::SearchOfRun>> RunTable::newest_searches(const std::string& pipeline,
                                                                     std::size_t limit) {
  std::vector<SearchOfRun> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT s.run, r.pipeline, s.name, s.state, s.reason, s.value, s.tracked_run, s.score, "
        "s.started_at, s.finished_at, (SELECT COUNT(*) FROM pipeline_steps t WHERE t.run = s.run "
        "AND t.parent = s.position) FROM pipeline_steps s JOIN pipeline_runs r ON r.id = s.run "
        "WHERE s.parent IS NULL AND s.tracked_run <> '' AND (? = '' OR r.pipeline = ?) ORDER BY "
        "r.created_at DESC, r.id DESC, s.position LIMIT ?",
        {pipeline, pipeline, limit}, [&](const store::Row& row) {
          StepRecord step{.name = row.string(2), .state = row.string(3), .reason = row.string(4)};
          step.value = row.string(5);
          step.tracked_run = row.string(6);
          if (!row.is_null(7)) step.score = row.real(7);
          if (!row.is_null(8)) step.started = row.time(8);
          if (!row.is_null(9)) step.finished = row.time(9);
          found.push_back({.run = row.string(0),
                           .pipeline = row.string(1),
                           .step = std::move(step),
                           .trials = row.int64(10)});
        });
  }));
  return found;
}

}  // namespace slipway::pipelines
