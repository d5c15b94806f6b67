// What slipway.yaml declares, applied to all rooms; and the loop that turns the event clock.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/own/project_routes.h"
#include "app/event_clock.h"
#include "base/mutex.h"
#include "base/passes.h"
#include "datasets/datasets.h"
#include "features/feature_store.h"
#include "features/plan.h"
#include "features/skew_meter.h"
#include "governance/governance.h"
#include "incidents/incidents.h"
#include "monitor/detectors/detections.h"
#include "monitor/monitor.h"
#include "monitor/profile/profiles.h"
#include "pipelines/pipelines.h"
#include "pipelines/schedules.h"
#include "registry/registry.h"
#include "releases/releases.h"
#include "serving/endpoints.h"
#include "serving/request_log.h"
#include "store/db.h"
#include "streams/streams.h"
#include "webhooks/webhooks.h"

namespace slipway::app {

// Safe to use from several threads. What is given to the constructor must outlive it.
class Project final : public api::own::ProjectControl {
 public:
  struct Rooms {
    datasets::Datasets& datasets;
    features::FeatureStore& features;
    features::SkewMeter& skew;
    pipelines::Pipelines& pipelines;
    pipelines::Schedules& schedules;
    registry::Registry& registry;
    releases::Releases& releases;
    serving::Endpoints& endpoints;
    serving::RequestLog& log;
    monitor::Monitor& monitor;
    monitor::Profiles& profiles;
    incidents::Incidents& incidents;
    monitor::Detections& detections;
    streams::Streams& streams;
    webhooks::Webhooks& webhooks;
    governance::Governance& governance;
  };
  // On the wall clock the skew meter and the profiles look at what came that long ago.
  struct Delays {
    base::Duration skew, profiles;
  };
  Project(store::Db& db, EventClock& clock, const base::Clock& wall_clock, Rooms rooms,
          Delays delays)
      : db_(db), clock_(clock), wall_clock_(wall_clock), rooms_(rooms), delays_(delays) {}
  ~Project() override;  // stop()

  static store::RoomMigrations migrations();

  // After a start: the clock stands where it stood. Before open() of what uses the clock.
  static Result<void> restore_clock(store::Db& db, EventClock& clock);
  // Declares to the rooms again what only lives in memory.
  Result<void> open();
  // On the wall clock: once a second, what is due is done; the skew meter and the profiles, whose
  // passes take their time, on threads of their own. In a rehearsal advance_clock() does all of it.
  void start();
  void stop();

  Result<JsonObject> plan(const Declared& declared) override;
  Result<JsonObject> apply(const Declared& declared) override;
  Result<JsonObject> clock() override;
  Result<JsonObject> advance_clock(base::Timestamp target) override;
  Result<JsonObject> overview() override;

  // As slipway.yaml says; empty while none is applied.
  Result<std::string> name();

  // Features are bound to the data there is: again after every new version.
  Result<void> bind_features();

 private:
  struct Head;
  struct Parsed;
  // `offers`: what steps may have; null when it was declared before.
  static Result<Parsed> parse(const types::YamlNode& root,
                              const pipelines::Offers* offers = nullptr);
  static Result<Head> parse_head(const types::YamlNode& root);
  // What is declared now.
  Result<Parsed> parse_new(const Declared& declared) const;
  // What would break what answers now is refused before anything changes.
  // What waits for data is said as warnings.
  Result<std::vector<std::string>> check_features(const features::Definitions& declared);
  Result<void> check_guards(const Parsed& parsed);
  Result<std::vector<std::string>> check(const Parsed& parsed);
  // What steps and schedules name that is none of these datasets, nor a model that there is.
  Result<std::vector<std::string>> unknown_data(const Parsed& parsed,
                                                const std::set<std::string>& datasets);
  // Datasets of sources that have no version yet.
  Result<std::set<std::string>> without_data(const features::Definitions& definitions);
  // What the server has and the file doesn't, in the order in which it can be removed.
  struct Surplus;
  struct Standing;
  Result<JsonArray> left_over(const Parsed& parsed);
  // Nothing but `wanted` is to go (nullable: all that may).
  Result<std::vector<Surplus>> surplus(const Parsed& parsed, const std::set<std::string>* wanted);
  Result<std::string> need_of(const Surplus& part, const Parsed& parsed, const Standing& standing,
                              const std::set<std::string>& going);
  Result<void> remove(const Surplus& part, const std::string& actor);
  // Refuses to prune what can't be, before anything is changed.
  Result<std::vector<Surplus>> check_prune(const Parsed& parsed,
                                           const std::set<std::string>& wanted);
  // By "endpoints/NAME": the project that has declared it last.
  Result<std::map<std::string, std::string>> owners();
  // kFailedPrecondition: another project was applied last, and something of it would end.
  Result<void> check_place(const Parsed& parsed, const std::string& folder);
  // What is said when this is another project than the last that was applied.
  std::vector<std::string> replaced(const Parsed& parsed);
  std::vector<std::string> unmeasured(const Parsed& parsed) const;
  // What plan and apply answer.
  JsonObject told(const Parsed& parsed, JsonArray changes,
                  const std::vector<std::string>& of_checks) const;
  Result<std::string> stored_yaml();
  Result<void> keep_clock(base::Timestamp now);
  // Does the next thing that is due by `limit`; false: there is none.
  Result<bool> step(base::Timestamp limit);
  Result<void> judge(base::Timestamp due);
  // Recomputes what was served, if that is due by `now`.
  Result<bool> measure_skew(base::Timestamp now);
  // Takes into the profiles what was served, if that is due by `now`, and gives detectors what came
  // before it.
  Result<void> profile(base::Timestamp now);
  Result<void> take_turn();
  Result<void> take_skew_turn();
  Result<void> take_profile_turn();

  store::Db& db_;
  EventClock& clock_;
  const base::Clock& wall_clock_;
  const Rooms rooms_;
  const Delays delays_;
  base::Mutex advance_mutex_;  // one walker at a time
  std::string waits_for_;      // what was warned of; of the loop's thread
  base::Passes turns_, skew_turns_, profile_turns_;
};

}  // namespace slipway::app
