// What a drill shows about each fault: did somebody notice, after how long, why, and what happened
// then. Pure functions over what was seen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/drill/faults.h"
#include "cli/drill/generated_traffic.h"
#include "cli/drill/staging.h"

namespace slipway::cli {

// Event time for people: "2d 6h".
std::string delay_text(const std::optional<base::Duration>& delay);

constexpr std::int64_t kWindowRowsMin = 50;  // smaller windows say nothing

// An alert that would have noticed, with a threshold that no control reaches.
struct Suggestion {
  std::string metric, window;
  bool is_over = true;  // fires above the threshold, else below
  double threshold = 0, value = 0;
  base::Duration delay;

  JsonObject to_json() const;
};

// An alert that fired because of a fault, the first time.
struct NoticedBy {
  std::string monitor, alert;
  base::Duration delay;  // from the start, in event time
};

struct Verdict {
  std::string fault, what;
  FaultGroup group = FaultGroup::kControl;
  base::Timestamp start;                    // of the fault
  double share = 1;                         // of what came that was touched, in the end
  base::Duration ramp;                      // until it is that share; 0: at once
  std::optional<double> share_when_caught;  // that was reached then
  std::optional<double> smallest_share;     // that is still caught; nothing: not tried
  bool caught = false;                      // of a control: somebody cried wolf
  std::string by;                           // "alert log_loss", "the request check", "the release"
  std::optional<base::Duration> delay;      // from the start, in event time
  std::int64_t harmed = 0;              // requests answered on wrong grounds before it was caught
  std::int64_t failed = 0;              // requests that got no answer because of it
  std::optional<base::Duration> acted;  // from the start until an action was started against it
  // From the start until answers are as without the fault; of what breaks for a while, until
  // everything is done. In event time.
  std::optional<base::Duration> recovery;
  std::string not_recovered;                           // why; empty: it is, or ends by itself
  std::optional<std::int64_t> harmed_until_recovered;  // nothing: it is not
  std::vector<std::string> lost;         // what was acknowledged before it, and is gone
  std::vector<std::string> alerts;       // all that fired because of it
  std::vector<NoticedBy> noticed;        // each of them once, the first to notice first
  std::vector<std::string> named;        // causes that the first alert names
  std::optional<bool> is_cause_right;    // nothing: there is no cause to name
  std::string action;                    // "retrain started"; empty: none
  std::optional<bool> is_action_right;   // nothing: nobody can say what is right
  std::optional<Suggestion> suggestion;  // for what was missed
  std::string advice;                    // likewise, where no alert would help; or who would know

  JsonObject to_json() const;
};

// What was played: the changed recording, and the requests that the fault concerns.
struct Played {
  const Fault* fault = nullptr;
  Dose dose;
  std::vector<base::Timestamp> harmed;  // times of the requests, ascending
  Observed observed;
};

// `baseline` is the control "nothing"; `controls` all of them.
Verdict judge(const Played& played, const Observed& baseline,
              const std::vector<const Observed*>& controls);

struct DrillReport {
  std::string endpoint;
  base::Timestamp from, start, until;
  std::uint64_t seed = 0;
  std::int64_t baseline_alerts = 0;     // in the recording as it was
  std::vector<std::string> not_pushed;  // sources whose features stood still all the time
  std::vector<std::string> not_made;    // faults that this model can't have, and why
  std::optional<Generated> generated;   // what the traffic was made of; nothing: it was recorded
  std::vector<Verdict> faults, controls;

  std::int64_t caught() const;
  std::int64_t false_pages() const;
  double share() const;  // of the faults that were caught
  // From "A" to "E": 0.9, 0.75, 0.5 and 0.25 of the faults caught, one worse when a control
  // alarms.
  std::string grade() const;
  JsonObject to_json() const;
};

}  // namespace slipway::cli
