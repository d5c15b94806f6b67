#include "traces/trace_removal.h"

#include <algorithm>
#include <limits>

#include "traces/trace_rows.h"

namespace slipway::traces {
namespace {

void add(const store::Removed& more, store::Removed& all) {
  all.files += more.files;
  all.bytes += more.bytes;
}

}  // namespace

// Whether a trace has files nobody has said: a client puts the spans there, too, when it hears of
// the trace before the spans have arrived. So its place is looked at.
Result<void> TraceRemover::find_files(store::Reader& reader, std::int64_t experiment,
                                      std::vector<Chosen>& chosen) {
  const std::optional<std::string> folder = TRY(experiments_.find_trace_folder(reader, experiment));
  if (!folder) return {};
  for (Chosen& trace : chosen) trace.files = artifacts_of(*folder, trace.id);
  return {};
}

Result<std::vector<TraceRemover::Chosen>> TraceRemover::choose(std::int64_t experiment,
                                                               std::int64_t after) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Chosen>> {
    std::vector<Chosen> chosen;
    TRY(
        reader.query("SELECT number, id FROM traces WHERE experiment = ? AND number > ? ORDER BY "
                     "number LIMIT ?",
                     {experiment, after, at_once_}, [&](const store::Row& row) {
                       chosen.push_back({.number = row.int64(0), .id = row.string(1)});
                     }));
    TRY(find_files(reader, experiment, chosen));
    return chosen;
  });
}

Result<store::Removed> TraceRemover::remove_files(const std::vector<Chosen>& chosen) {
  store::Removed all;
  for (const Chosen& trace : chosen) {
    if (!trace.files.empty()) add(TRY(files_.remove(trace.files, trace.id)), all);
  }
  return all;
}

Result<void> TraceRemover::remove_rows(store::Tx& tx, const std::vector<Chosen>& chosen) {
  for (const Chosen& trace : chosen) {
    TRY(followers_.removed(tx, trace.id));
    TRY(delete_trace(tx, trace.number));
  }
  return {};
}

Result<std::int64_t> TraceRemover::remove(const TraceRemoval& removal) {
  const std::int64_t experiment = TRY(experiments_.number(removal.experiment_id));
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  const std::int64_t until = removal.started_until_ms.value_or(kAny);
  std::int64_t wanted = removal.traces_max.value_or(kAny), removed = 0;
  store::Removed freed;
  for (std::size_t at = 0; wanted > 0;) {
    std::vector<Chosen> chosen;
    const auto add_row = [&](const store::Row& row) {
      chosen.push_back({.number = row.int64(0), .id = row.string(1)});
    };
    const std::size_t ids_end = std::min(removal.ids.size(), at + at_once_);
    TRY(db_.read([&](store::Reader& reader) -> Result<void> {
      if (removal.ids.empty()) {
        TRY(reader.query(
            "SELECT number, id FROM traces WHERE experiment = ? AND start_ms <= ? "
            "ORDER BY start_ms, id LIMIT ?",
            {experiment, until, std::min(wanted, static_cast<std::int64_t>(at_once_))}, add_row));
      } else {
        for (std::size_t i = at; i < ids_end; ++i)
          TRY(
              reader.ask("SELECT number, id FROM traces WHERE id = ? AND experiment = ? AND "
                         "start_ms <= ?",
                         {removal.ids[i], experiment, until}, add_row));
        TRY(reader.settle());
        std::sort(chosen.begin(), chosen.end(),
                  [](const Chosen& a, const Chosen& b) { return a.number < b.number; });
        chosen.erase(
            std::unique(chosen.begin(), chosen.end(),
                        [](const Chosen& a, const Chosen& b) { return a.number == b.number; }),
            chosen.end());
        if (std::ssize(chosen) > wanted) chosen.resize(static_cast<std::size_t>(wanted));
      }
      return find_files(reader, experiment, chosen);
    }));
    add(TRY(remove_files(chosen)), freed);
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(remove_rows(tx, chosen));
      if (chosen.empty()) return {};
      JsonObject payload{{"traces", chosen.size()}, {"files", freed.files}, {"bytes", freed.bytes}};
      return tx.append_event({.kind = "traces.deleted",
                              .subject = fmt::format("experiments/{}", experiment),
                              .payload = std::move(payload)});
    }));
    freed = {};
    removed += std::ssize(chosen);
    wanted -= std::ssize(chosen);
    at = ids_end;
    if (removal.ids.empty() ? chosen.size() < at_once_ : at == removal.ids.size()) break;
  }
  return removed;
}

Result<TraceRemover::Part> TraceRemover::remove_some_of_experiment(std::int64_t experiment) {
  const std::vector<Chosen> chosen = TRY(choose(experiment, 0));
  Part part;
  part.freed = TRY(remove_files(chosen));
  part.is_last = chosen.size() < at_once_;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(remove_rows(tx, chosen));
    if (!part.is_last) return {};
    return tx.send("DELETE FROM trace_issues WHERE experiment = ?", {experiment});
  }));
  return part;
}

Result<store::Removed> TraceRemover::measure_experiment(std::int64_t experiment) {
  store::Removed all;
  for (std::int64_t after = 0;;) {
    const std::vector<Chosen> chosen = TRY(choose(experiment, after));
    for (const Chosen& trace : chosen) {
      if (!trace.files.empty()) add(TRY(files_.measure(trace.files, trace.id)), all);
    }
    if (chosen.size() < at_once_) return all;
    after = chosen.back().number;
  }
}

}  // namespace slipway::traces
