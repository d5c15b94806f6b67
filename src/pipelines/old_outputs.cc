#include "pipelines/old_outputs.h"

#include "base/log.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr int kRunsPerPass = 1000;  // of each state

std::int64_t bytes_below(const fs::path& folder) {
  std::int64_t bytes = 0;
  std::error_code ec;
  auto it = fs::recursive_directory_iterator(folder, ec);
  for (; !ec && it != fs::recursive_directory_iterator(); it.increment(ec)) {
    std::error_code unknown;
    if (it->is_regular_file(unknown) && !it->is_symlink(unknown)) {
      const auto size = it->file_size(unknown);
      if (!unknown) bytes += static_cast<std::int64_t>(size);
    }
  }
  return bytes;
}

}  // namespace

OldOutputs::OldOutputs(store::Db& db, const base::Clock& wall_clock, base::Metrics& metrics,
                       Options options)
    : db_(db),
      wall_clock_(wall_clock),
      options_(std::move(options)),
      bytes_(metrics.counter("slipway_pipeline_outputs_removed_bytes_total",
                             "Bytes of outputs and logs of old pipeline runs that were removed.")),
      failures_(metrics.counter("slipway_pipeline_outputs_removal_failures_total",
                                "Passes that could not remove outputs of old pipeline runs.")) {}

void OldOutputs::start() {
  if (options_.retention.micros <= 0) return;
  passes_.start(options_.interval, [this] {
    if (const auto removed = pass(); !removed) {
      failures_.add();
      base::log_warning("pipelines", "outputs of old runs could not be removed: why={}",
                        removed.error().message);
    }
    return options_.interval;
  });
}

Result<std::int64_t> OldOutputs::pass() {
  std::int64_t bytes = 0;
  for (const std::string& run : TRY(runs_with("removing"))) bytes += TRY(remove_files(run));
  for (const std::string& run : TRY(runs_with("leaving"))) {
    if (passes_.is_stopping()) return bytes;
    if (TRY(move_on(run, "leaving", "removing"))) bytes += TRY(remove_files(run));
  }
  for (const std::string& run : TRY(runs_with("kept"))) {
    if (passes_.is_stopping()) return bytes;
    TRY(move_on(run, "kept", "leaving"));
  }
  return bytes;
}

Result<std::vector<std::string>> OldOutputs::runs_with(std::string_view outputs) {
  std::vector<std::string> runs;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id FROM pipeline_runs WHERE outputs = ? AND finished_at < ? ORDER BY finished_at "
        "LIMIT ?",
        {std::string(outputs), wall_clock_.now() - options_.retention, kRunsPerPass},
        [&](const store::Row& row) { runs.push_back(row.string(0)); });
  }));
  return runs;
}

// By a run that isn't old itself, or that hasn't been let go yet.
Result<bool> OldOutputs::is_used(store::Tx& tx, const std::string& run) {
  const auto user = TRY(tx.find(
      "SELECT other.run FROM pipeline_steps own JOIN pipeline_steps other ON other.folder = "
      "own.folder AND other.state = 'cached' JOIN pipeline_runs r ON r.id = other.run WHERE "
      "own.run "
      "= ? AND own.state = 'succeeded' AND (r.finished_at IS NULL OR r.finished_at >= ? OR "
      "r.outputs = 'kept') LIMIT 1",
      {run, wall_clock_.now() - options_.retention},
      [](const store::Row& row) { return row.string(0); }));
  if (user) return true;
  // The step of another run whose folder leads here.
  const auto parent = TRY(tx.find(
      "SELECT r.id FROM pipeline_runs own JOIN pipeline_runs r ON r.id = own.parent_run WHERE "
      "own.id = ? AND (r.finished_at IS NULL OR r.finished_at >= ? OR r.outputs = 'kept')",
      {run, wall_clock_.now() - options_.retention},
      [](const store::Row& row) { return row.string(0); }));
  return parent.has_value();
}

Result<bool> OldOutputs::move_on(const std::string& run, std::string_view from,
                                 std::string_view to) {
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    const auto found = TRY(
        tx.find("SELECT outputs, finished_at FROM pipeline_runs WHERE id = ?", {run},
                [](const store::Row& row) { return std::pair(row.string(0), !row.is_null(1)); }));
    // Tried again meanwhile?
    if (!found || found->first != from || !found->second) return false;
    if (TRY(is_used(tx, run))) return false;
    if (to == "leaving")
      TRY(tx.execute("UPDATE pipeline_steps SET cache_key = '' WHERE run = ?", {run}));
    TRY(tx.execute("UPDATE pipeline_runs SET outputs = ? WHERE id = ?", {std::string(to), run}));
    return true;
  });
}

Result<std::int64_t> OldOutputs::remove_files(const std::string& run) {
  CHECK(!run.empty());  // else all runs went
  const fs::path folder = options_.folder / run;
  const std::int64_t bytes = bytes_below(folder);
  std::error_code ec;
  fs::remove_all(folder, ec);
  if (ec) {
    return base::error(Code::kInternal, "removing a run's outputs failed: folder={} {}",
                       folder.string(), ec.message());
  }
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const auto pipeline = TRY(tx.find("SELECT pipeline FROM pipeline_runs WHERE id = ?", {run},
                                      [](const store::Row& row) { return row.string(0); }));
    TRY(tx.execute("UPDATE pipeline_runs SET outputs = 'gone' WHERE id = ?", {run}));
    return tx.append_event({.kind = "pipeline.run.outputs_removed",
                            .subject = "pipelines/" + pipeline.value_or("") + "/runs/" + run,
                            .actor = "system",
                            .payload = {{"bytes", bytes}}});
  }));
  bytes_.add(static_cast<std::uint64_t>(bytes));
  return bytes;
}

}  // namespace slipway::pipelines
