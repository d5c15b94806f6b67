// Routes for the project as a whole: what is declared, its event clock, and how its models do.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "api/http/router.h"
#include "base/json.h"
#include "base/timestamp.h"

namespace slipway::api::own {

// What the routes need of the application. Safe to use from several threads.
class ProjectControl {
 public:
  virtual ~ProjectControl() = default;

  struct Declared {
    std::string yaml;    // the text of slipway.yaml
    std::string folder;  // that its paths are relative to
    std::string actor;
    std::set<std::string> prune;  // "endpoints/NAME": to be removed, as the file doesn't have it
    bool take_over = false;       // it may end what another project has applied
  };
  // {"changes":[{"kind","name","change"}]}. Of what the file no longer declares: "not in the file"
  // (apply can prune it), "kept" (`means` says why it can't be), "left as it is" (another
  // project's), in the order in which it is removed. kInvalidArgument with line and column.
  virtual Result<JsonObject> plan(const Declared& declared) = 0;
  // kFailedPrecondition: what another project has applied would end, and `take_over` isn't said.
  virtual Result<JsonObject> apply(const Declared& declared) = 0;

  // {"clock","now","state","runs"}.
  virtual Result<JsonObject> clock() = 0;
  // Walks the event clock of a rehearsal forward through everything that is due. "waiting": a run
  // is active and the clock stands still before `target`; ask again. kFailedPrecondition: not a
  // rehearsal.
  virtual Result<JsonObject> advance_clock(base::Timestamp target) = 0;

  // {"now","clock","models":[...]}.
  virtual Result<JsonObject> overview() = 0;
};

// `project` must outlive the routes.
std::vector<http::Route> project_routes(ProjectControl& project);

}  // namespace slipway::api::own
