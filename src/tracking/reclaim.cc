#include "tracking/reclaim.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "tracking/experiments.h"
#include "tracking/run_changes.h"
#include "types/timestamp.h"

namespace slipway::tracking {
namespace {

constexpr std::int64_t kPageSize = 500;
constexpr std::int64_t kSpacePerPassBytes = 256 << 20;
constexpr ReclaimedKind kOrder[] = {ReclaimedKind::kRun, ReclaimedKind::kLoggedModel,
                                    ReclaimedKind::kExperiment};  // what is inside goes first

// "runs/abc": the subject of its events.
std::string subject_of(ReclaimedKind kind, const std::string& id) {
  switch (kind) {
    case ReclaimedKind::kRun:
      return "runs/" + id;
    case ReclaimedKind::kLoggedModel:
      return "logged-models/" + id;
    case ReclaimedKind::kExperiment:
      return "experiments/" + id;
  }
  return id;
}

}  // namespace

std::string own_folder(const std::string& uri, const std::string& id) {
  const std::string end = "/" + id + "/artifacts";
  return uri.ends_with(end) ? uri.substr(0, uri.size() - std::string_view("/artifacts").size())
                            : uri;
}

Result<store::Removed> measure(store::ObjectStore& store, const std::string& path) {
  store::Removed all;
  const std::vector<store::ObjectEntry> entries = TRY(store.list(path));
  for (const store::ObjectEntry& entry : entries) {
    if (entry.is_folder) {
      const store::Removed inside = TRY(measure(store, path + "/" + entry.name));
      all.files += inside.files;
      all.bytes += inside.bytes;
    } else {
      ++all.files;
      all.bytes += entry.bytes;
    }
  }
  return all;
}

namespace {

Error not_deleted(std::string_view what, const std::string& id) {
  return base::error(Code::kInvalidArgument,
                     "{} {} is not in `deleted` lifecycle stage. Only what is in `deleted` "
                     "lifecycle stage can be deleted for good.",
                     what, id);
}

Error not_old_enough(std::string_view what, const std::string& id, base::Duration age) {
  return base::error(Code::kInvalidArgument,
                     "{} {} is not older than the required age. Only what was deleted {} ago or "
                     "earlier can be deleted for good.",
                     what, id, types::to_text(age));
}

}  // namespace

std::string_view kind_name(ReclaimedKind kind) {
  switch (kind) {
    case ReclaimedKind::kRun:
      return "run";
    case ReclaimedKind::kLoggedModel:
      return "logged_model";
    case ReclaimedKind::kExperiment:
      return "experiment";
  }
  return "";
}

Result<std::optional<base::Timestamp>> reclaimed_at(store::Reader& reader, ReclaimedKind kind,
                                                    const std::string& id) {
  return reader.find("SELECT time FROM reclaimed WHERE kind = ? AND id = ?", {kind_name(kind), id},
                     [](const store::Row& row) { return row.time(0); });
}

Result<base::Duration> parse_age(std::string_view text) {
  static constexpr std::pair<char, double> kUnits[] = {
      {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
  const std::string whole(text);
  double seconds = 0;
  const auto* unit = std::begin(kUnits);
  bool good = !text.empty();
  while (good && !text.empty()) {
    double number = 0;
    const auto [end, ec] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    // Each unit once, the larger first.
    unit = std::find_if(unit, std::end(kUnits), [&](const auto& known) {
      return !text.empty() && known.first == text.front();
    });
    good = ec == std::errc() && number >= 0 && number < 1e6 && unit != std::end(kUnits);
    if (!good) break;
    seconds += number * (unit++)->second;
    text.remove_prefix(1);
  }
  if (!good)
    return base::error(Code::kInvalidArgument,
                       "Could not parse any time information from '{}'. Examples of valid strings: "
                       "'8h', '2d8h5m20s', '2m4s'",
                       whole);
  return base::Duration{static_cast<std::int64_t>(seconds * 1e6)};
}

// What the request means now.
struct Reclaimer::Scope {
  Scope(const ReclaimRequest& request, base::Timestamp now)
      : cutoff(now - request.older_than.value_or(base::Duration{})),
        is_all(request.run_ids.empty() && request.logged_model_ids.empty() &&
               request.experiment_ids.empty()) {}
  const base::Timestamp cutoff;
  const bool is_all;
};

Reclaimer::Reclaimer(store::Db& db, Artifacts& artifacts, RegisteredUses& uses,
                     ExperimentContents& contents, const base::Clock& clock, base::Metrics& metrics,
                     Options options)
    : db_(db),
      artifacts_(artifacts),
      uses_(uses),
      contents_(contents),
      clock_(clock),
      options_(options),
      things_(metrics.counter("slipway_reclaimed_things_total",
                              "Deleted runs, logged models and experiments taken away for good.")),
      files_(metrics.counter("slipway_reclaimed_files_total", "Artifacts taken away for good.")),
      bytes_(metrics.counter("slipway_reclaimed_bytes_total", "Bytes of these artifacts.")),
      failures_(metrics.counter("slipway_reclaim_failures_total",
                                "Deleted things that could not be taken away yet.")) {}

Result<ReclaimReport> Reclaimer::reclaim(const ReclaimRequest& request) {
  base::MutexLock turn(turn_);
  TRY(stamp_old_tombstones());
  const Scope scope(request, clock_.now());
  TRY(check_given(request, scope));
  ReclaimReport report;
  const std::size_t slash = request.after.find('/');
  const std::string_view from_kind = std::string_view(request.after).substr(0, slash);
  bool reached = request.after.empty();
  for (const ReclaimedKind kind : kOrder) {
    std::string after;
    if (!reached && kind_name(kind) == from_kind) {
      reached = true;
      after = slash == std::string::npos ? "" : request.after.substr(slash + 1);
    }
    if (!reached) continue;
    while (true) {
      const std::vector<Candidate> page = TRY(candidates(kind, request, scope, after));
      if (page.empty()) break;
      for (const Candidate& candidate : page) {
        if (report.things.size() >= request.things_max) {
          report.next = fmt::format("{}/{}", kind_name(kind), after);
          return report;
        }
        report.things.push_back(TRY(take_away(kind, candidate, request.dry_run)));
        after = candidate.id;
      }
    }
  }
  if (!reached)
    return base::error(Code::kInvalidArgument,
                       "not a position in a list of deleted things: after={}", request.after);
  if (!request.dry_run) report.space = TRY(db_.give_back_space(kSpacePerPassBytes));
  return report;
}

// Builds before this one did not write down when a run was deleted: as of now.
Result<void> Reclaimer::stamp_old_tombstones() {
  const std::int64_t now = clock_.now().millis();
  const auto unstamped = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT 1 FROM runs WHERE deleted <> 0 AND deleted_ms = 0 LIMIT 1", {},
                       [](const store::Row&) { return true; });
  }));
  if (!unstamped) return {};
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE runs SET deleted_ms = ? WHERE deleted <> 0 AND deleted_ms = 0", {now}));
    return {};
  });
}

Result<void> Reclaimer::check_given(const ReclaimRequest& request, const Scope& scope) {
  struct Found {
    bool deleted = false;
    base::Timestamp time;
  };
  return db_.read([&](store::Reader& reader) -> Result<void> {
    const auto check = [&](std::string_view what, std::string_view sql, const std::string& id,
                           const store::Param& key) -> Result<void> {
      const std::optional<Found> found = TRY(reader.find(sql, {key}, [](const store::Row& row) {
        return Found{row.int64(0) != 0, base::Timestamp{row.int64(1)}};
      }));
      if (!found) return base::error(Code::kNotFound, "{} with id={} not found", what, id);
      if (!found->deleted) return not_deleted(what, id);
      if (request.older_than && found->time > scope.cutoff)
        return not_old_enough(what, id, *request.older_than);
      return {};
    };
    for (const std::string& id : request.run_ids)
      TRY(check("Run", "SELECT deleted, deleted_ms * 1000 FROM runs WHERE id = ?", id, id));
    for (const std::string& id : request.logged_model_ids)
      TRY(check("Logged model", "SELECT deleted, updated FROM logged_models WHERE id = ?", id, id));
    for (const std::string& id : request.experiment_ids)
      TRY(check("Experiment", "SELECT deleted, updated FROM experiments WHERE id = ?", id,
                TRY(experiment_number(id))));
    return {};
  });
}

Result<std::vector<Reclaimer::Candidate>> Reclaimer::candidates(ReclaimedKind kind,
                                                                const ReclaimRequest& request,
                                                                const Scope& scope,
                                                                const std::string& after) {
  std::vector<Candidate> found;
  const auto add = [&](const store::Row& row) {
    found.push_back({row.string(0), row.string(1), row.int64(2)});
  };
  const std::int64_t after_number =
      kind == ReclaimedKind::kExperiment && !after.empty() ? TRY(experiment_number(after)) : -1;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    if (scope.is_all) {
      switch (kind) {
        case ReclaimedKind::kRun:
          return reader.query(
              "SELECT id, artifact_uri, number FROM runs WHERE deleted <> 0 AND id > ? AND "
              "(deleted_ms <= ? OR experiment IN (SELECT id FROM experiments WHERE deleted <> 0 "
              "AND "
              "updated <= ?)) ORDER BY id LIMIT ?",
              {after, scope.cutoff.millis(), scope.cutoff, kPageSize}, add);
        case ReclaimedKind::kLoggedModel:
          return reader.query(
              "SELECT id, artifact_uri, 0 FROM logged_models WHERE id > ? AND ((deleted <> 0 AND "
              "updated <= ?) OR experiment IN (SELECT id FROM experiments WHERE deleted <> 0 AND "
              "updated <= ?)) ORDER BY id LIMIT ?",
              {after, scope.cutoff, scope.cutoff, kPageSize}, add);
        case ReclaimedKind::kExperiment:
          return reader.query(
              "SELECT id, artifact_location, id FROM experiments WHERE deleted <> 0 AND id > ? AND "
              "updated <= ? ORDER BY id LIMIT ?",
              {after_number, scope.cutoff, kPageSize}, add);
      }
    }
    switch (kind) {
      case ReclaimedKind::kRun:
        for (const std::string& id : request.run_ids)
          TRY(reader.query("SELECT id, artifact_uri, number FROM runs WHERE id = ? AND id > ?",
                           {id, after}, add));
        for (const std::string& id : request.experiment_ids)
          TRY(reader.query(
              "SELECT id, artifact_uri, number FROM runs WHERE experiment = ? AND deleted <> 0 AND "
              "id > ?",
              {TRY(experiment_number(id)), after}, add));
        break;
      case ReclaimedKind::kLoggedModel:
        for (const std::string& id : request.logged_model_ids)
          TRY(reader.query("SELECT id, artifact_uri, 0 FROM logged_models WHERE id = ? AND id > ?",
                           {id, after}, add));
        for (const std::string& id : request.experiment_ids)
          TRY(reader.query(
              "SELECT id, artifact_uri, 0 FROM logged_models WHERE experiment = ? AND id > ?",
              {TRY(experiment_number(id)), after}, add));
        break;
      case ReclaimedKind::kExperiment:
        for (const std::string& id : request.experiment_ids)
          TRY(reader.query(
              "SELECT id, artifact_location, id FROM experiments WHERE id = ? AND id > ?",
              {TRY(experiment_number(id)), after_number}, add));
        break;
    }
    return {};
  }));
  if (!scope.is_all) {  // in the order of `after`, each once
    std::sort(found.begin(), found.end(), [&](const Candidate& a, const Candidate& b) {
      return kind == ReclaimedKind::kExperiment ? a.number < b.number : a.id < b.id;
    });
    found.erase(std::unique(found.begin(), found.end(),
                            [](const Candidate& a, const Candidate& b) { return a.id == b.id; }),
                found.end());
  }
  return found;
}

Result<ReclaimedThing> Reclaimer::take_away(ReclaimedKind kind, const Candidate& candidate,
                                            bool dry_run) {
  ReclaimedThing thing;
  thing.kind = kind;
  thing.id = candidate.id;
  if (kind == ReclaimedKind::kExperiment) {
    // Its folder may be one that others use, too; what was in it has gone with runs and models.
    if (candidate.number == 0) thing.kept = "the default experiment stays";
  } else {
    const std::optional<std::string> use =
        TRY(kind == ReclaimedKind::kRun ? uses_.use_of_run(candidate.id)
                                        : uses_.use_of_model(candidate.id));
    if (use) thing.kept = *use + " was made from it";
  }
  if (!thing.kept.empty()) return thing;
  if (!dry_run && !TRY(mark(kind, candidate.id))) {
    thing.kept = kind == ReclaimedKind::kExperiment ? "something in it is kept"
                                                    : "it was restored in the meantime";
    return thing;
  }
  Result<void> done;
  if (kind != ReclaimedKind::kExperiment) {
    done = take_artifacts(candidate, dry_run, thing);
  } else {
    done = take_contents(candidate.number, dry_run, thing);
  }
  if (done && !dry_run) done = delete_rows(candidate, thing);
  if (!done) {
    failures_.add();
    thing.kept = "tried again later: " + done.error().message;
    base::log_warning("tracking", "a deleted thing could not be taken away: kind={} id={} why={}",
                      kind_name(kind), candidate.id, done.error().message);
    return thing;
  }
  if (!dry_run) {
    things_.add();
    files_.add(static_cast<std::uint64_t>(thing.freed.files));
    bytes_.add(static_cast<std::uint64_t>(thing.freed.bytes));
  }
  return thing;
}

// What is not there any more is as good as taken away.
Result<void> Reclaimer::take_artifacts(const Candidate& candidate, bool dry_run,
                                       ReclaimedThing& thing) {
  const Result<ArtifactPlace> place =
      artifacts_.at(own_folder(candidate.artifact_uri, candidate.id), "");
  if (!place || place->path.empty()) {  // a place that is not ours, or all of one that is
    thing.left = place ? "its place is a whole storage" : place.error().message;
    return {};
  }
  thing.freed =
      dry_run ? TRY(measure(*place->store, place->path)) : TRY(place->store->remove(place->path));
  return {};
}

// From here on it can't be restored. False: it was restored before, or an experiment still has
// something in it.
Result<bool> Reclaimer::mark(ReclaimedKind kind, const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    switch (kind) {
      case ReclaimedKind::kRun:
        return TRY(tx.execute("UPDATE runs SET deleted = 4 WHERE id = ? AND deleted <> 0", {id})) >
               0;
      case ReclaimedKind::kLoggedModel:
        return TRY(tx.execute("UPDATE logged_models SET deleted = 4 WHERE id = ? AND (deleted <> 0 "
                              "OR experiment IN (SELECT id FROM experiments WHERE deleted <> 0))",
                              {id})) > 0;
      case ReclaimedKind::kExperiment: {
        const std::int64_t number = TRY(experiment_number(id));
        return TRY(tx.execute("UPDATE experiments SET deleted = 4 WHERE id = ? AND deleted <> 0 "
                              "AND NOT EXISTS(SELECT 1 FROM runs WHERE experiment = ?) AND NOT "
                              "EXISTS(SELECT 1 FROM logged_models WHERE experiment = ?)",
                              {number, number, number})) > 0;
      }
    }
    return false;
  });
}

// Once it is empty of runs and models, and marked.
Result<void> Reclaimer::take_contents(std::int64_t experiment, bool dry_run,
                                      ReclaimedThing& thing) {
  if (dry_run) {
    thing.freed = TRY(contents_.measure(experiment));
    return {};
  }
  for (bool is_empty = false; !is_empty;) {
    const ExperimentContents::Part part = TRY(contents_.remove_some(experiment));
    thing.freed.files += part.freed.files;
    thing.freed.bytes += part.freed.bytes;
    is_empty = part.is_last;
  }
  return {};
}

Result<void> Reclaimer::delete_rows(const Candidate& candidate, const ReclaimedThing& thing) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    switch (thing.kind) {
      case ReclaimedKind::kRun: {
        std::int64_t change = 0;
        TRY(next_change(tx, change));
        for (const char* table :
             {"run_params", "run_tags", "run_datasets", "run_models", "metric_tail",
              "metric_series", "run_latest", "run_metrics", "metric_blocks"})
          TRY(tx.execute(fmt::format("DELETE FROM {} WHERE run = ?", table), {candidate.number}));
        TRY(tx.execute("DELETE FROM runs WHERE number = ?", {candidate.number}));
        TRY(note_change(tx, change, candidate.number, kChangedHead));
        break;
      }
      case ReclaimedKind::kLoggedModel:
        for (const char* table :
             {"logged_model_params", "logged_model_tags", "logged_model_metrics"})
          TRY(tx.execute(fmt::format("DELETE FROM {} WHERE model = ?", table), {candidate.id}));
        TRY(tx.execute("DELETE FROM logged_models WHERE id = ?", {candidate.id}));
        break;
      case ReclaimedKind::kExperiment:
        // An import may still have put something into it since it was marked: then it stays.
        if (TRY(tx.execute("DELETE FROM experiments WHERE id = ? AND NOT EXISTS(SELECT 1 FROM runs "
                           "WHERE experiment = ?) AND NOT EXISTS(SELECT 1 FROM logged_models WHERE "
                           "experiment = ?)",
                           {candidate.number, candidate.number, candidate.number})) == 0)
          return base::error(Code::kConflict, "something was imported into the experiment");
        TRY(tx.execute("DELETE FROM experiment_tags WHERE experiment = ?", {candidate.number}));
        break;
    }
    TRY(
        tx.execute("INSERT INTO reclaimed(kind, id, time, files, bytes) VALUES(?, ?, ?, ?, ?) ON "
                   "CONFLICT DO NOTHING",
                   {kind_name(thing.kind), thing.id, now, thing.freed.files, thing.freed.bytes}));
    JsonObject payload{{"files", thing.freed.files}, {"bytes", thing.freed.bytes}};
    if (!thing.left.empty()) payload["artifacts_left"] = thing.left;
    return tx.append_event({.kind = fmt::format("{}.reclaimed", kind_name(thing.kind)),
                            .subject = subject_of(thing.kind, thing.id),
                            .payload = std::move(payload)});
  });
}

void Reclaimer::start() {
  if (options_.retention.micros <= 0) return;
  ReclaimRequest request;
  request.older_than = options_.retention;
  request.things_max = 20;  // so that stopping doesn't wait long
  passes_.start(options_.interval, [this, request]() mutable {
    Result<ReclaimReport> report = reclaim(request);
    request.after = report ? std::move(report->next) : "";
    if (!report)
      base::log_warning("tracking", "reclaiming what was deleted failed: why={}",
                        report.error().message);
    return request.after.empty() ? options_.interval : base::Duration{};
  });
}

}  // namespace slipway::tracking
