// Takes over what another tracking server has kept: ids, times and stages stay what they were, and
// when they came is noted.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "tracking/logged_models.h"
#include "tracking/runs.h"

namespace slipway::tracking {

// A run with every point of its metrics. `run.metrics` is not read: the latest follow from the
// points.
struct ImportedRun {
  Run run;
  std::vector<Metric> points;
};

// What a run holds in a form that two stores can compare: counts, and a digest of each part that
// doesn't depend on the order in which things were read.
struct RunContent {
  std::int64_t points = 0, params = 0, tags = 0, inputs = 0;
  std::string head_digest, points_digest, params_digest, tags_digest, inputs_digest;

  bool operator==(const RunContent&) const = default;
  std::string digest() const;  // of all parts
};

// How points travel: 24 bytes each, little-endian: timestamp in ms, step, value.
inline constexpr std::size_t kWirePointBytes = 24;
void append_wire_point(std::string& bytes, const Metric& point);
// kInvalidArgument when the length is no multiple of a point. `key` is given to every point.
Result<std::vector<Metric>> read_wire_points(std::string_view bytes, const std::string& key);

// Pure. Points that are equal in all fields count once, and infinities as the largest finite
// numbers, as they are stored.
RunContent content_of(const Run& run, std::vector<Metric> points);
// The same for a logged model: its fields, parameters, tags and metrics.
std::string digest_of(const LoggedModel& model);

// Safe to use from several threads; one import of one source at a time. Everything given to the
// constructor must outlive it.
class Import {
 public:
  Import(store::Db& db, MetricKeys& keys, const base::Clock& clock, base::Random& random,
         Runs& runs, LoggedModels& models)
      : db_(db), keys_(keys), clock_(clock), random_(random), runs_(runs), models_(models) {}

  struct Opened {
    std::string id;
    bool resumed = false;  // the source was seen before: what is here already stays
  };
  // `source` names where things come from; a password is no part of it.
  Result<Opened> open(const std::string& source, const std::string& actor);
  // Notes the end with what was counted.
  Result<void> finish(const std::string& import, const JsonObject& counts,
                      const std::string& actor);
  // Newest first: {"id","source","started_at","finished_at","counts"}.
  Result<JsonArray> list();

  // The experiment here for the source's: the one it became before, the one of the same name, or a
  // new one, under its own id unless that is taken. `artifact_location` empty: below the artifact
  // proxy. Its tags are added, none is changed.
  Result<Experiment> put_experiment(const std::string& import, const Experiment& experiment);

  // created: new here. replaced: it changed at the source since it was imported, and not here.
  // unchanged: the same content is here. kept: it is here with another content that is not this
  // import's to change.
  enum class Change { kCreated, kReplaced, kUnchanged, kKept };
  // All of them or none; run.experiment_id is the experiment here. The result has one entry a run.
  Result<std::vector<Change>> put_runs(const std::string& import,
                                       const std::vector<ImportedRun>& runs);
  // The same rules. kNotFound: no such experiment.
  Result<Change> put_logged_model(const std::string& import, const LoggedModel& model);

  // What is stored under these ids, read back; ids that don't exist are left out.
  Result<std::map<std::string, RunContent>> contents(const std::vector<std::string>& run_ids);

 private:
  store::Db& db_;
  MetricKeys& keys_;
  const base::Clock& clock_;
  base::Random& random_;
  Runs& runs_;
  LoggedModels& models_;
};

std::string_view change_name(Import::Change change);

}  // namespace slipway::tracking
