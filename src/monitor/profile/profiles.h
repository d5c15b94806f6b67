// The profiles of what endpoints served: per minute, hour, day and month of event time (UTC), model
// version and input, so that any window of the past is answered without reading a request again.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/profile/input_profile.h"
#include "monitor/profile/served_rows.h"
#include "store/db.h"

namespace slipway::monitor {

// Of the inputs and predictions of live requests, and the predictions of shadows; load tests and
// failed predictions don't count; a request that is retried counts twice. Rows of declared slices
// have profiles of their own beside, from hours on.
//
// Safe to use from several threads; passes take turns. A pass merges what came since the last one
// into the blocks it falls into, however late, and stores them with how far it came in one
// transaction: after a crash every row is in its blocks exactly once. Everything given to the
// constructor must outlive it.
class Profiles {
 public:
  struct Options {
    base::Duration interval = base::Duration::seconds(60);   // from one pass to the next; 0: none
    base::Duration minutes_kept = base::Duration::hours(3);  // nothing: hours are the shortest
    base::Duration hours_kept = base::Duration::days(14);
    base::Duration days_kept = base::Duration::days(400);  // months are kept for good
    std::size_t inputs_max = 500;                          // of an endpoint; the others have none
    std::size_t slices_max = 20;  // of an endpoint and month, likewise; 0: none is looked at
  };
  Profiles(store::Db& db, ServedRows& served, Options options, std::string workspace = "default")
      : db_(db), served_(served), options_(options), workspace_(std::move(workspace)) {}

  // When the next pass is due. In a rehearsal, whose hours take moments, a day after the last.
  Result<base::Timestamp> next_due(base::Timestamp now, bool rehearses);
  // Takes in what came until `until`, a day at a time; an endpoint without profiles begins a week
  // before, and one whose profiles are up to a day ahead of the clock waits for it. What fails for
  // one endpoint disturbs no other: it goes on there the next time, and the first such error is
  // returned.
  Result<void> advance(base::Timestamp until);
  // A pass that is under way ends before its next day or endpoint.
  void stop() { is_stopping_ = true; }

  struct Filter {
    std::string input;                          // empty: all
    std::string slice;                          // empty: all rows
    std::optional<std::int64_t> model_version;  // none: all of them together
    std::optional<base::Timestamp> from, to;    // none: the day before `to`; all there is
  };
  struct Found {
    base::Timestamp from, to;              // whole blocks that cover what was asked for
    std::int64_t blocks = 0;               // merged for the answer
    std::optional<base::Timestamp> until;  // what came later isn't in it; none: nothing is
    std::map<std::string, InputProfile> inputs;
    std::vector<std::int64_t> model_versions;

    JsonObject to_json() const;
  };
  // From the fewest blocks: months, days, hours and minutes. Where minutes, hours or days are no
  // longer kept, or weren't when it was served, the window is widened to whole hours, days or
  // months. Empty where nothing was served. kInvalidArgument: the window ends before it begins.
  Result<Found> find(const std::string& endpoint, const Filter& filter);

 private:
  struct Block;
  using Blocks = std::map<Block, InputProfile>;

  struct Cursor;
  Result<std::optional<Cursor>> cursor(const std::string& endpoint);
  Result<void> advance(const std::string& endpoint, base::Timestamp until);
  // Slices that already have profiles in the month of `from`: those go on while they are declared.
  Result<std::set<std::string>> known_slices(const std::string& endpoint, base::Timestamp from);
  Result<Blocks> collect(const std::string& endpoint, base::Timestamp from, base::Timestamp to);
  Result<void> store(const std::string& endpoint, Blocks fresh, base::Timestamp until);

  base::Duration minutes_kept() const {
    return served_.come_in_days() ? base::Duration{} : options_.minutes_kept;
  }

  store::Db& db_;
  ServedRows& served_;
  const Options options_;
  const std::string workspace_;
  std::atomic<bool> is_stopping_ = false;
  base::Mutex pass_mutex_;
  std::optional<base::Timestamp> last_pass_ GUARDED_BY(pass_mutex_);
};

}  // namespace slipway::monitor
