#include "lineage/event_writer.h"

#include "base/hash.h"

namespace slipway::lineage {
namespace {

using Number = std::int64_t;

// Writes the rows of one event.
class Writer {
 public:
  Writer(store::Tx& tx, base::Timestamp time, base::Timestamp now)
      : tx_(tx), time_(time), now_(now) {}

  Result<Number> job(const Name& name) { return named("lineage_jobs", name); }
  Result<Number> dataset(const Name& name) { return named("lineage_datasets", name); }

  Result<Number> run(const RunTold& told, Number job) {
    const auto known = TRY(tx_.find("SELECT number FROM lineage_runs WHERE id = ?", {told.id},
                                    [](const store::Row& row) { return row.int64(0); }));
    const int state = static_cast<int>(told.state);
    if (!known) {
      return *TRY(tx_.insert(
          "INSERT INTO lineage_runs(id, job, parent, state, state_time, first_time, last_time) "
          "VALUES(?, ?, ?, ?, ?, ?, ?)",
          "number", {told.id, job, told.parent, state, time_, time_, time_}));
    }
    // An end is an end whatever comes late; of two ends the later one counts.
    if (is_over(told.state)) {
      TRY(tx_.send(
          "UPDATE lineage_runs SET state = ?, state_time = ? WHERE number = ? AND (state < "
          "? OR state_time <= ?)",
          {state, time_, *known, static_cast<int>(RunState::kCompleted), time_}));
    } else {
      TRY(tx_.send(
          "UPDATE lineage_runs SET state = ?, state_time = ? WHERE number = ? AND state < ?",
          {state, time_, *known, state}));
    }
    TRY(tx_.send(
        "UPDATE lineage_runs SET job = ?, parent = CASE WHEN ? = '' THEN parent ELSE ? END, "
        "first_time = CASE WHEN first_time > ? THEN ? ELSE first_time END, last_time = CASE WHEN "
        "last_time < ? THEN ? ELSE last_time END WHERE number = ?",
        {job, told.parent, told.parent, time_, time_, time_, time_, *known}));
    return *known;
  }

  Result<void> parent(Number job, const Name& parent_job) {
    if (parent_job.name.empty()) return {};
    const Number above = TRY(this->job(parent_job));
    if (above == job) return {};
    TRY(tx_.execute("UPDATE lineage_jobs SET parent = ? WHERE number = ?", {above, job}));
    return {};
  }

  Result<void> facets(FacetOwner kind, Number owner, Number part, const Facets& facets) {
    for (const auto& [name, text] : facets) {
      TRY(tx_.send(
          "INSERT INTO lineage_facets(kind, owner, part, name, time, text) VALUES(?, ?, ?, ?, ?, "
          "?) ON CONFLICT(kind, owner, part, name) DO UPDATE SET time = excluded.time, text = "
          "excluded.text WHERE excluded.time >= lineage_facets.time",
          {static_cast<int>(kind), owner, part, name, time_, text}));
    }
    return {};
  }

  Result<Number> told(const DatasetTold& told) {
    const Number number = TRY(dataset(told.name));
    if (told.facets.contains("symlinks")) TRY(other_names(number, told));
    TRY(facets(FacetOwner::kDataset, number, 0, told.facets));
    return number;
  }

  // As the newest facet has it.
  Result<void> other_names(Number number, const DatasetTold& told) {
    const auto known = TRY(
        tx_.find("SELECT time FROM lineage_facets WHERE kind = ? AND owner = ? AND part = 0 AND "
                 "name = 'symlinks'",
                 {static_cast<int>(FacetOwner::kDataset), number},
                 [](const store::Row& row) { return row.time(0); }));
    if (known && *known > time_) return {};
    TRY(tx_.send("DELETE FROM lineage_other_names WHERE dataset = ?", {number}));
    for (const Name& other : told.other_names) {
      if (other == told.name) continue;
      TRY(
          tx_.send("INSERT INTO lineage_other_names(dataset, namespace, name) VALUES(?, ?, ?) ON "
                   "CONFLICT DO NOTHING",
                   {number, other.space, other.name}));
    }
    return {};
  }

  Result<void> version(Number dataset, const std::string& version, std::optional<Number> by) {
    if (version.empty()) return {};
    return tx_.send(
        "INSERT INTO lineage_versions(dataset, version, written_by, first_time) VALUES(?, ?, ?, ?) "
        "ON CONFLICT(dataset, version) DO UPDATE SET written_by = "
        "COALESCE(lineage_versions.written_by, excluded.written_by)",
        {dataset, version, by, time_});
  }

  Result<void> uses(Direction direction, Number job, std::optional<Number> run,
                    const std::vector<DatasetTold>& datasets) {
    const bool written = direction == Direction::kWritten;
    const int which = static_cast<int>(direction);
    for (const DatasetTold& one : datasets) {
      const Number number = TRY(told(one));
      TRY(version(number, one.version, written ? run : std::nullopt));
      TRY(
          tx_.send("INSERT INTO lineage_edges(job, direction, dataset, time) VALUES(?, ?, ?, ?) ON "
                   "CONFLICT(job, direction, dataset) DO UPDATE SET time = excluded.time WHERE "
                   "excluded.time > lineage_edges.time",
                   {job, which, number, time_}));
      if (run) {
        TRY(use(*run, which, number, one.version));
        TRY(facets(written ? FacetOwner::kRunWrites : FacetOwner::kRunReads, *run, number,
                   one.use_facets));
      } else {
        TRY(facets(written ? FacetOwner::kJobWrites : FacetOwner::kJobReads, job, number,
                   one.use_facets));
      }
    }
    return {};
  }

 private:
  Result<Number> named(std::string_view table, const Name& name) {
    const auto known =
        TRY(tx_.find(fmt::format("SELECT number FROM {} WHERE namespace = ? AND name = ?", table),
                     {name.space, name.name}, [](const store::Row& row) { return row.int64(0); }));
    if (known) return *known;
    return *TRY(
        tx_.insert(fmt::format("INSERT INTO {}(namespace, name, created) VALUES(?, ?, ?)", table),
                   "number", {name.space, name.name, now_}));
  }

  // A run may first tell of a dataset alone, and of its version later.
  Result<void> use(Number run, int direction, Number dataset, const std::string& version) {
    if (version.empty()) {
      return tx_.send(
          "INSERT INTO lineage_uses(run, direction, dataset, version, time) SELECT ?, ?, ?, '', ? "
          "WHERE NOT EXISTS (SELECT 1 FROM lineage_uses WHERE run = ? AND direction = ? AND "
          "dataset = ?)",
          {run, direction, dataset, time_, run, direction, dataset});
    }
    TRY(
        tx_.send("DELETE FROM lineage_uses WHERE run = ? AND direction = ? AND dataset = ? AND "
                 "version = ''",
                 {run, direction, dataset}));
    return tx_.send(
        "INSERT INTO lineage_uses(run, direction, dataset, version, time) VALUES(?, ?, "
        "?, ?, ?) ON CONFLICT DO NOTHING",
        {run, direction, dataset, version, time_});
  }

  store::Tx& tx_;
  const base::Timestamp time_, now_;
};

}  // namespace

std::string_view state_name(RunState state) {
  switch (state) {
    case RunState::kUnknown:
      return "unknown";
    case RunState::kStarted:
      return "started";
    case RunState::kRunning:
      return "running";
    case RunState::kCompleted:
      return "completed";
    case RunState::kAborted:
      return "aborted";
    case RunState::kFailed:
      return "failed";
  }
  return "unknown";
}

Result<bool> write_event(store::Tx& tx, const Event& event, base::Timestamp now) {
  CHECK(!event.run || event.job);
  const auto number = TRY(tx.insert(
      "INSERT INTO lineage_events(digest, time, arrived, text) VALUES(?, ?, ?, ?) ON CONFLICT DO "
      "NOTHING",
      "number", {base::sha256_hex(event.text), event.time, now, event.text}));
  if (!number) return false;
  Writer writer(tx, event.time, now);
  std::optional<Number> job, run, dataset;
  if (event.job) {
    job = TRY(writer.job(event.job->name));
    TRY(writer.facets(FacetOwner::kJob, *job, 0, event.job->facets));
  }
  if (event.run) {
    run = TRY(writer.run(*event.run, *job));
    TRY(writer.facets(FacetOwner::kRun, *run, 0, event.run->facets));
    TRY(writer.parent(*job, event.run->parent_job));
  }
  if (event.job) {
    TRY(writer.uses(Direction::kRead, *job, run, event.job->inputs));
    TRY(writer.uses(Direction::kWritten, *job, run, event.job->outputs));
  }
  if (event.dataset) {
    dataset = TRY(writer.told(*event.dataset));
    TRY(writer.version(*dataset, event.dataset->version, std::nullopt));
  }
  TRY(tx.execute("UPDATE lineage_events SET run = ?, job = ?, dataset = ? WHERE number = ?",
                 {run, job, dataset, *number}));
  return true;
}

}  // namespace slipway::lineage
