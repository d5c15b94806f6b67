// Ways in which production breaks, played into a recording from a moment on. Pure functions: the
// same recording, fault and seed give the same bytes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "cli/recording.h"

namespace slipway::cli {

enum class FaultGroup {
  kInput,     // what callers send
  kFeed,      // what feature sources learn
  kLabels,    // what turns out to be true, as we hear of it
  kDrift,     // the world
  kModel,     // what answers
  kMachine,   // what it runs on
  kService,   // what it answers with, or needs for an answer
  kPipeline,  // what alerts start
  kControl,   // nothing is wrong: whoever alarms cries wolf
};
std::string_view group_name(FaultGroup group);

// How long a machine stays broken.
constexpr base::Duration kOutage = base::Duration::hours(6);

// When, and how much of it.
struct Dose {
  base::Timestamp start, until;
  double share = 1;  // of what comes that is touched, 0 < share <= 1
  std::uint64_t seed = 0;
  base::Duration ramp = {};  // growing from nothing at `start` to `share` so much later; 0: abrupt

  // The share that is touched of what comes at `time`.
  double share_at(base::Timestamp time) const;
};

// How a looked-up feature comes to its source; what an endpoint looks up.
struct LookedUp {
  std::string feature, source;
  base::Duration window;  // the shortest of its view; nothing: it has none
  bool is_number = true;
  bool is_deduplicated = false;  // its source takes a row that comes again for the same
};

// What befalls the staging server itself.
enum class Breakage {
  kServerDead,
  kDiskFull,
  kStoreGone,
  kAnswersLate,
  kAnswersFail,
  kWorkersDead,
};
constexpr base::Duration kAnswerDelay = base::Duration{500'000};  // of those that are late
constexpr double kFailingShare = 0.25;                            // of the answers, when some fail

// What befalls the pipeline that an alert starts.
enum class PipelineFault { kStuck, kTwice };

struct Fault {
  std::string name;  // "nulls:distance"
  FaultGroup group = FaultGroup::kControl;
  std::string what;                 // in a sentence
  std::vector<std::string> causes;  // inputs and features; an alert that names one knows why
  std::string action;  // what an alert should do: "retrain", "none"; empty: nobody can say
  bool may_be_gradual = false;
  bool is_gradual = false;           // its dose has a ramp
  bool has_share = true;             // false: all or nothing
  std::string deploy;                // a model that takes charge at the start; empty: none does
  std::optional<Breakage> breakage;  // from the dose's start on, for kOutage
  std::optional<PipelineFault> pipeline;
  bool harms_failed = false;  // harmed are those that get no answer, of those concerned
  // Gives the requests that are answered on wrong grounds, or whose answer is wrong; of feeds, all
  // that come.
  std::function<std::vector<std::size_t>(Recording&, const Dose&)> apply;
};

// Every fault that this recording can have, controls last. `looked_up`: features that callers don't
// send. The first control is "nothing".
std::vector<Fault> faults_of(const Recording& recording, const std::vector<LookedUp>& looked_up);
// The same, growing: "concept:pages/gradual".
Fault gradual(const Fault& abrupt);

}  // namespace slipway::cli
