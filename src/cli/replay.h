// Recorded traffic played against a running endpoint in event time: what a source learns is pushed
// when its time comes, requests are sent by several clients at once, labels follow when they
// arrive, and the event clock of the rehearsal is walked on.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "cli/client.h"
#include "cli/recording.h"

namespace slipway::cli {

struct ReplayOptions {
  std::string endpoint;
  std::optional<base::Timestamp> from, until;  // event time; default: the clock, the last row
  // Outcomes of requests before it are not sent; default: `from`.
  std::optional<base::Timestamp> asked_since;
  base::Duration tick = base::Duration::hours(6);
  std::size_t connections = 8;
  // Load instead of a replay: rows from..until again and again for so long, marked as traffic
  // "load"; nothing is pushed, nothing labelled, the clock stands.
  std::optional<double> load_seconds;
  // Looked at between two ticks; true ends the replay with an error. Null: it goes on.
  const std::atomic<bool>* stop = nullptr;
  // Called before each tick; an error ends the replay. With it, pushes, outcomes and steps of the
  // clock that fail don't: they wait for the next tick, as a patient caller would.
  std::function<Result<void>(base::Timestamp now)> at_tick;
  // Called again and again while the clock waits for a run; an error ends the replay.
  std::function<Result<void>()> at_wait;
};

struct ReplayReport {
  std::int64_t requests = 0, failed = 0, labels = 0, pushed = 0;
  double seconds = 0;          // of the whole replay
  double request_seconds = 0;  // of it, while requests were sent
  double latency_ms_p50 = 0, latency_ms_p99 = 0;
  std::string first_failure;
  std::vector<base::Timestamp> failed_at;       // event times, ascending
  std::int64_t waited = 0;                      // posts of pushes and outcomes that failed at first
  std::optional<base::Timestamp> waited_until;  // the end of the last tick in which something did

  JsonObject to_json() const;
};

// What asks an endpoint for the answer to a row, in v2's JSON.
struct AskedAs {
  std::string_view id = {};       // empty: the row's
  std::string_view traffic = {};  // the kind of request; empty: a user's
};
std::string infer_body(const Recording& recording, std::size_t row, const AskedAs& as);

// One line for people about how far it is; called about twice a second.
using Tell = std::function<void(const std::string&)>;

// Ends early when the server stops answering; failed requests are counted and go on.
Result<ReplayReport> replay(const Context& context, const Recording& recording,
                            const ReplayOptions& options, const Tell& tell);

}  // namespace slipway::cli
