// What drills have found that somebody played against copies of this server's endpoints; the newest
// of each endpoint are kept.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"

namespace slipway::monitor {

struct KeptDrill {
  std::int64_t id = 0;  // of its endpoint, from 1 on
  std::string endpoint, actor;
  base::Timestamp time;  // when it was handed in, by the event clock
  JsonObject report;     // as `slipway drill --json` says it

  JsonObject summary() const;  // its grade and counts
  JsonObject to_json() const;
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class DrillLog {
 public:
  static store::RoomMigrations migrations();

  DrillLog(store::Db& db, const base::Clock& clock, std::size_t kept_max,
           std::string workspace = "default")
      : db_(db), clock_(clock), kept_max_(kept_max), workspace_(std::move(workspace)) {}

  // kInvalidArgument: it isn't a drill's report of the endpoint; says what is wrong and where.
  Result<KeptDrill> keep(const std::string& endpoint, JsonObject report, const std::string& actor);
  // Newest first.
  Result<std::vector<KeptDrill>> of_endpoint(const std::string& endpoint);
  Result<KeptDrill> get(const std::string& endpoint, std::int64_t id);  // kNotFound

 private:
  store::Db& db_;
  const base::Clock& clock_;
  const std::size_t kept_max_;
  const std::string workspace_;
};

}  // namespace slipway::monitor
