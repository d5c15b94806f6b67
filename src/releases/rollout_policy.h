// The decisions of a release as pure functions: state and facts in, action out. No clock, no lock,
// no disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "releases/definition.h"
#include "releases/ports.h"
#include "releases/revision.h"

namespace slipway::releases {

struct Proposal {
  ResolvedModel model;
  base::Timestamp takes_over_at;
  std::string actor, reason;
  std::string waits_for;  // why it could not take over when its time had come
  bool operator==(const Proposal&) const = default;
};

struct Canary {
  ResolvedModel model;
  int step = 0;                // index into the policy's steps
  base::Timestamp started_at;  // of the whole canary
  base::Timestamp step_since;
  base::Timestamp next_check;
  std::string actor, reason;
  std::string waits_for;  // said by the last look, in a sentence
  bool operator==(const Canary&) const = default;
};

// A challenger beside the version in charge, until a metric that was declared beforehand decides.
struct Experiment {
  ResolvedModel model;  // the challenger's
  int percent = 50;     // of the slots
  std::string metric;   // what the monitor can compare variants by: "log_loss", "label", ...
  bool higher_is_better = false;
  double alpha = 0.05;          // chance of a wrong verdict, over all looks together
  std::int64_t min_rows = 100;  // per variant, before there is a verdict
  base::Duration check;         // how often it is looked at
  bool promote_winner = false;  // a better challenger takes charge by itself
  base::Timestamp started_at, ends_at, next_check;
  std::string actor, reason;
  bool operator==(const Experiment&) const = default;
};

// Where an endpoint stands between revisions.
struct RolloutState {
  std::optional<Proposal>
      proposal;  // waits for its time; may wait while a canary runs, which it then replaces
  std::optional<Canary> canary;
  std::optional<Experiment> experiment;  // proposals wait for its end; never beside a canary
  bool held = false;                     // doesn't follow its alias until released
  std::string held_reason;
  bool operator==(const RolloutState&) const = default;
};

enum class RolloutActionKind {
  kWait,      // nothing to do until next_due
  kStart,     // the proposal's time has come: the first step
  kGrow,      // the next step
  kPromote,   // to all requests
  kDiscard,   // the guard says no: back to the live version alone
  kConclude,  // an experiment is over and the live version stays
};
struct RolloutAction {
  RolloutActionKind kind = RolloutActionKind::kWait;
  int step = 0;        // of kStart and kGrow
  std::string reason;  // one sentence
};

// Whether what failed that way may work when it's tried again: a store or a database that is away,
// a full disk. A limit that was reached (kResourceExhausted) is one of the model itself.
bool may_pass(Code code);

// The earliest time at which decide_rollout may say something else than kWait; nothing: never by
// itself.
std::optional<base::Timestamp> next_due(const RolloutState& state);

// How an experiment stands.
struct Verdict {
  enum class Kind { kOpen, kChallenger, kLive };  // who is better; open: neither is shown
  Kind kind = Kind::kOpen;
  std::string words;  // a sentence for people
};
Verdict find_verdict(const Experiment& experiment, const ExperimentFacts& facts);

// What to do about an experiment that is due. `facts` are the challenger's for the guard.
RolloutAction decide_experiment(const ReleasePolicy& policy, const Experiment& experiment,
                                const CanaryFacts& facts, const ExperimentFacts& comparison,
                                base::Timestamp now);

// Without an experiment. `facts` are the canary's since it started; they are only looked at when a
// canary is due.
RolloutAction decide_rollout(const ReleasePolicy& policy, const RolloutState& state,
                             const CanaryFacts& facts, base::Timestamp now);

// When the guard should look again after `now`: in `check`, but not after the step's end.
base::Timestamp next_check(const ReleasePolicy& policy, base::Timestamp step_since,
                           base::Timestamp now);

// The chance that a bound of a guard takes away a canary that keeps it.
inline constexpr double kGuardAlpha = 0.01;

// Why the guard says no, or nothing. Only harm counts. For each declared bound, a canary that keeps
// it is taken away with a chance of at most 1 %, however often the guard looks
// (types/sequential.h).
std::optional<std::string> find_harm(const Guard& guard, const CanaryFacts& facts);

// The live variants of a canary step: the canary has the first percent of the slots, so its ranges
// only ever grow and a key that met the canary keeps meeting it; the rest stays with the live
// version. 100 percent: the new version alone.
std::vector<Variant> split_live(const ResolvedModel& live, const ResolvedModel& newcomer,
                                int percent, const std::string& name = "canary");
// By which quality compares a canary: what it answers itself is a small part, and other requests
// than the version in charge answers, so it scores those beside. Nothing when the guard has no
// quality. `live` are the variants that answer.
inline constexpr std::string_view kCanaryShadow = "canary-shadow";
std::optional<Variant> canary_shadow(const ReleasePolicy& policy, const Canary& canary,
                                     const std::vector<Variant>& live);
Variant whole_live(const ResolvedModel& model);

// The revision a rollback goes back to: walking from the newest, the first earlier one that had a
// single version in charge, another live set than the newest, and a version that was not rolled
// away from since. Its number; nothing when there is none.
std::optional<std::int64_t> find_last_good(const std::vector<Revision>& newest_first);

// What an alert may change of an endpoint while nobody looks.
enum class AutomaticChange { kHold, kRollback, kFallback };
// Why what somebody decided, or the release policy, goes before it; nothing: it may take place.
// - A held endpoint stays as it is: whoever held it has decided.
// - A release or an experiment under way is judged by its own policy, on the newcomer's requests;
//   only a hold ends it.
// - A rollback needs an earlier good revision, a fallback another model than the one in charge.
std::optional<std::string> find_precedence(const RolloutState& state, const Revision& newest,
                                           std::optional<std::int64_t> last_good,
                                           AutomaticChange change, const std::string& model_uri);

// True when `model` was the last time it answered taken away by a rollback or a guard: an alias
// doesn't bring it back, a deploy does.
bool was_rejected(const std::vector<Revision>& newest_first, const ResolvedModel& model);

}  // namespace slipway::releases
