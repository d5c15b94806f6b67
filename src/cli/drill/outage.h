// What befalls the machine: the staging server is broken at a moment of the event clock and mended
// kOutage later, while the replay goes on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/drill/dying_workers.h"
#include "cli/drill/faults.h"
#include "cli/drill/server.h"
#include "cli/replay.h"

namespace slipway::cli {

struct OutageSeen {
  bool health_fails = false;      // nobody answers at /health meanwhile
  std::vector<std::string> lost;  // what was acknowledged before, and is not there after
};

class Outage {
 public:
  // All of them must outlive it.
  Outage(Server& server, Breakage breakage, const std::string& endpoint, const Recording& recording,
         const Dose& dose, const Tell& tell);

  // Called before each tick of a replay: breaks and mends when it is time.
  Result<void> at(base::Timestamp now);
  // Mends what is still broken, and gives what was seen.
  Result<OutageSeen> end();

 private:
  enum class State { kBefore, kBroken, kMended };
  // What the server has acknowledged and must still know.
  struct Acknowledged {
    std::string clock, request;
    std::int64_t events = 0;
  };

  Result<Acknowledged> acknowledged();
  Result<void> break_it();
  Result<void> mend();
  Result<void> mend_it();
  Result<void> wait_for_answers();

  Server& server_;
  const Breakage breakage_;
  const std::string endpoint_;
  const Recording& recording_;
  const std::optional<std::size_t> last_row_;  // the last request that is answered before
  const Dose& dose_;
  const Tell& tell_;
  State state_ = State::kBefore;
  Acknowledged before_;
  OutageSeen seen_;
  std::optional<DyingWorkers> workers_;
};

}  // namespace slipway::cli
