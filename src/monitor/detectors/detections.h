// Detectors at work: over what endpoints answer, in the order of event time, row by row.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/monitor.h"
#include "monitor/ports.h"
#include "store/db.h"

namespace slipway::monitor {

// A detection is an alert of the detector's name: its cause is the request that showed the change.
// It stays one alert while more detections follow, and is resolved by the first row that comes
// kQuiet of event time after the last: no traffic is no good news. Its actions are decided as those
// of alerts on windows are, with `confirmed` as detections of the alert, the row's model version as
// what was judged and the newest window that is over as what says whether the data is clean; at
// every detection until something is started, though not more often than once a pass beyond
// `confirmed`. Monitor::tend hands them over.
//
// Live requests count (one that is retried counts once a pass); load tests and failed ones don't.
// Errors are taken once a label is known, in the order of the requests; one that has none after the
// monitor's `complete.after` is left out. What comes later than the pass over its time is left out
// too, and so are values beyond 1e140 and an input while it is none, or no number.
//
// Safe to use from several threads; passes take turns. The detector's state, how far it came and
// its alerts are written in one transaction: after a crash it goes on exactly. Everything given to
// the constructor must outlive it.
class Detections {
 public:
  static constexpr base::Duration kQuiet = base::Duration::hours(24);

  Detections(store::Db& db, Monitor& monitor, RequestSource& requests,
             std::string workspace = "default")
      : db_(db), monitor_(monitor), requests_(requests), workspace_(std::move(workspace)) {}

  // Detectors that are new, or declared otherwise than before, begin at `now`.
  Result<void> begin(base::Timestamp now);
  // Gives every detector the rows with event times before `until`, at most a day of them at a time.
  // What fails
  // for one disturbs no other: it goes on there the next time, and the first such error is
  // returned. In a rehearsal an hour at a time, so that results don't depend on how it is called.
  enum class Steps { kAsItIs, kHours };
  Result<void> advance(base::Timestamp until, Steps steps);

 private:
  struct Stored {
    std::string declared;
    base::Timestamp until;       // of the rows it took; before `passed` where a label is awaited
    base::Timestamp passed;      // of the last pass
    base::Timestamp newest_row;  // that it took
    std::int64_t seen = 0;
    std::string state;
  };
  struct Row {
    base::Timestamp time;
    std::string id;
    double value = 0;
    std::int64_t model_version = 0;  // that answered
  };
  struct Found {
    Row row;
    std::int64_t index = 0;  // of the row in the detector's stream, from 0
  };
  struct Rows {
    std::vector<Row> rows;
    base::Timestamp until;  // how far they go; may be before what was asked for
  };

  Result<std::optional<Stored>> stored(const std::string& monitor, const std::string& detector);
  Result<void> advance(const MonitorDefinition& monitor, const DetectorRule& rule,
                       base::Timestamp until, bool rehearses) REQUIRES(pass_mutex_);
  Result<Rows> rows(const MonitorDefinition& monitor, const DetectorRule& rule,
                    base::Timestamp from, base::Timestamp to, base::Timestamp now)
      REQUIRES(pass_mutex_);
  // What each of them asks for.
  Result<std::vector<std::vector<Monitor::Decided>>> decide(const MonitorDefinition& monitor,
                                                            const DetectorRule& rule,
                                                            const std::vector<Found>& found,
                                                            base::Timestamp now)
      REQUIRES(monitor_.advance_mutex_);
  Result<void> record(const MonitorDefinition& monitor, const DetectorRule& rule,
                      const Stored& reached, const std::vector<Found>& found, base::Timestamp now);

  store::Db& db_;
  Monitor& monitor_;
  RequestSource& requests_;
  const std::string workspace_;
  base::Mutex pass_mutex_;
  // By monitor and detector: it was told that its input is none that it can watch.
  std::map<std::pair<std::string, std::string>, bool> told_ GUARDED_BY(pass_mutex_);
};

}  // namespace slipway::monitor
