#include "releases/rollout_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "types/sequential.h"
#include "types/timestamp.h"

namespace slipway::releases {
namespace {

constexpr double kSlowShare = 0.01;      // that a p99 allows
constexpr double kLabelsExpected = 200;  // where the calibration's interval is tightest

bool surely_above(std::int64_t hits, std::int64_t total, double bound) {
  if (bound <= 0) return hits > 0;
  return bound < 1 && types::log_evidence_above(hits, total, bound) > -std::log(kGuardAlpha);
}

// What is in no registry is version 1 of itself, and told apart by its URI.
using Versions = std::set<std::tuple<std::string, std::int64_t, std::string>>;

Versions live_versions(const Revision& revision) {
  Versions versions;
  for (const Variant* variant : revision.live())
    versions.emplace(variant->model, variant->version, variant->uri);
  return versions;
}

const Revision* find_number(const std::vector<Revision>& revisions,
                            std::optional<std::int64_t> number) {
  for (const Revision& revision : revisions) {
    if (number && revision.number == *number) return &revision;
  }
  return nullptr;
}

// What a rollback took away.
Versions rolled_away(const std::vector<Revision>& revisions, const Revision& rollback) {
  const Revision* before = find_number(revisions, rollback.previous);
  if (before == nullptr) return {};
  Versions gone = live_versions(*before);
  for (const auto& version : live_versions(rollback)) gone.erase(version);
  return gone;
}

}  // namespace

bool may_pass(Code code) {
  return code == Code::kUnavailable || code == Code::kStorageFull ||
         code == Code::kDeadlineExceeded;
}

std::optional<base::Timestamp> next_due(const RolloutState& state) {
  if (state.experiment) return state.experiment->next_check;
  std::optional<base::Timestamp> due;
  if (state.canary) due = state.canary->next_check;
  if (state.proposal && (!due || state.proposal->takes_over_at < *due)) {
    due = state.proposal->takes_over_at;
  }
  return due;
}

std::optional<std::string> find_harm(const Guard& guard, const CanaryFacts& facts) {
  if (guard.error_rate && surely_above(facts.errors, facts.requests, *guard.error_rate)) {
    return fmt::format("{} of {} requests failed, more than the {:.3g} allowed", facts.errors,
                       facts.requests, *guard.error_rate);
  }
  if (guard.latency_ms_p99 && facts.requests >= guard.min_requests &&
      surely_above(facts.slow, facts.requests, kSlowShare)) {
    return fmt::format("{} of {} requests took longer than {:.3g} ms (p99 is {:.3g} ms)",
                       facts.slow, facts.requests, *guard.latency_ms_p99, facts.latency_ms_p99);
  }
  if (guard.calibration_bias && facts.labels >= guard.min_labels) {
    const auto [low, high] =
        types::anytime_interval(facts.calibration_bias, facts.calibration_bias_error, facts.labels,
                                kGuardAlpha, kLabelsExpected);
    if (low > *guard.calibration_bias || high < -*guard.calibration_bias) {
      return fmt::format(
          "calibration bias is {:.3g} on {} labels ({:.3g} to {:.3g}), beyond the {:.3g} allowed",
          facts.calibration_bias, facts.labels, low, high, *guard.calibration_bias);
    }
  }
  // Without enough rows the interval is of nothing, and no comparison with it holds.
  if (guard.quality && facts.quality && facts.quality->low > guard.quality->worse_by) {
    const ExperimentFacts& seen = *facts.quality;
    return fmt::format(
        "{} is {:.4g} against {:.4g} of the version in charge on the same {} requests, worse by "
        "{:.3g} to {:.3g}; {:.3g} is allowed",
        guard.quality->metric, seen.challenger_value, seen.live_value, seen.live_rows, seen.low,
        seen.high, guard.quality->worse_by);
  }
  return std::nullopt;
}

base::Timestamp next_check(const ReleasePolicy& policy, base::Timestamp step_since,
                           base::Timestamp now) {
  const base::Timestamp check = now + policy.check_interval();
  const base::Timestamp end = step_since + policy.hold;
  return end > now ? std::min(check, end) : check;
}

RolloutAction decide_rollout(const ReleasePolicy& policy, const RolloutState& state,
                             const CanaryFacts& facts, base::Timestamp now) {
  using enum RolloutActionKind;
  if (state.proposal && now >= state.proposal->takes_over_at) {
    if (policy.steps.front() == 100) {
      return {kPromote, 0, "the declared delay has passed; the policy has no canary"};
    }
    return {
        kStart, 0,
        fmt::format("the declared delay has passed; {} % of the requests", policy.steps.front())};
  }
  if (!state.canary || now < state.canary->next_check) return {};
  if (const auto harm = find_harm(policy.guard, facts)) return {kDiscard, 0, *harm};
  const base::Timestamp end = state.canary->step_since + policy.hold;
  if (now < end) return {kWait, 0, "nothing against the canary so far"};
  if (facts.requests < policy.guard.min_requests) {
    return {kWait, 0,
            fmt::format("the canary has had only {} requests of the {} asked for", facts.requests,
                        policy.guard.min_requests)};
  }
  if (policy.guard.quality) {
    const std::int64_t compared = facts.quality ? facts.quality->live_rows : 0;
    if (compared < policy.guard.min_labels) {
      return {kWait, 0,
              fmt::format("{} is known for only {} requests of the {} asked for",
                          policy.guard.quality->metric, compared, policy.guard.min_labels)};
    }
  }
  // A policy that was cut shorter meanwhile has no more steps.
  const int next = state.canary->step + 1;
  const int percent =
      next < std::ssize(policy.steps) ? policy.steps[static_cast<std::size_t>(next)] : 100;
  const std::string harmless =
      fmt::format("no harm in {} requests, {} of them labelled", facts.requests, facts.labels);
  if (percent == 100) return {kPromote, next, harmless + "; to all requests"};
  return {kGrow, next, fmt::format("{}; to {} %", harmless, percent)};
}

Variant whole_live(const ResolvedModel& model) {
  return {.name = "live",
          .role = Role::kLive,
          .model = model.model,
          .version = model.version,
          .uri = model.uri,
          .slots = {{0, kSlots}}};
}

Verdict find_verdict(const Experiment& experiment, const ExperimentFacts& facts) {
  const double sign = experiment.higher_is_better ? 1 : -1;
  const double gain = sign * (facts.challenger_value - facts.live_value);
  const double least = sign > 0 ? facts.low : -facts.high;
  const double most = sign > 0 ? facts.high : -facts.low;
  const std::int64_t rows = facts.live_rows + facts.challenger_rows;
  if (!std::isfinite(least) || facts.live_rows < experiment.min_rows ||
      facts.challenger_rows < experiment.min_rows) {
    return {Verdict::Kind::kOpen,
            fmt::format("too early to tell: {} is known for {} requests of the live version and {} "
                        "of the challenger, {} of each are asked for",
                        experiment.metric, facts.live_rows, facts.challenger_rows,
                        experiment.min_rows)};
  }
  const std::string numbers = fmt::format(
      "{} is {:.4g} against {:.4g}, a gain of {:.3g} ({:.3g} to {:.3g} with {:.3g} % confidence at "
      "every look) on {} requests",
      experiment.metric, facts.challenger_value, facts.live_value, gain, least, most,
      100 * (1 - experiment.alpha), rows);
  if (least > 0)
    return {Verdict::Kind::kChallenger,
            fmt::format("version {} is better: {}", experiment.model.version, numbers)};
  if (most < 0)
    return {Verdict::Kind::kLive,
            fmt::format("version {} is worse: {}", experiment.model.version, numbers)};
  // The interval shrinks with the root of the requests.
  const double half = (most - least) / 2;
  const double needed = static_cast<double>(rows) * (half / gain) * (half / gain);
  return {
      Verdict::Kind::kOpen,
      fmt::format(
          "no difference shown so far: {}; {}", numbers,
          std::isfinite(needed) && needed < 1e9
              ? fmt::format("if it stays like this, about {:.0f} requests would show it", needed)
              : std::string("nothing points to one"))};
}

RolloutAction decide_experiment(const ReleasePolicy& policy, const Experiment& experiment,
                                const CanaryFacts& facts, const ExperimentFacts& comparison,
                                base::Timestamp now) {
  using enum RolloutActionKind;
  if (const auto harm = find_harm(policy.guard, facts)) return {kDiscard, 0, *harm};
  Verdict verdict = find_verdict(experiment, comparison);
  switch (verdict.kind) {
    case Verdict::Kind::kChallenger:
      if (experiment.promote_winner) return {kPromote, 0, std::move(verdict.words)};
      return {kConclude, 0, std::move(verdict.words)};
    case Verdict::Kind::kLive:
      return {kDiscard, 0, std::move(verdict.words)};
    case Verdict::Kind::kOpen:
      break;
  }
  if (now < experiment.ends_at) return {kWait, 0, std::move(verdict.words)};
  return {kConclude, 0, "the experiment's time is over; " + verdict.words};
}

std::vector<Variant> split_live(const ResolvedModel& live, const ResolvedModel& newcomer,
                                int percent, const std::string& name) {
  CHECK(percent > 0 && percent <= 100);
  if (percent == 100) return {whole_live(newcomer)};
  const int edge = percent * (kSlots / 100);
  Variant stays = whole_live(live);
  stays.slots = {{edge, kSlots}};
  Variant comes = whole_live(newcomer);
  comes.name = name;
  comes.slots = {{0, edge}};
  return {std::move(stays), std::move(comes)};
}

std::optional<Variant> canary_shadow(const ReleasePolicy& policy, const Canary& canary,
                                     const std::vector<Variant>& live) {
  if (!policy.guard.quality) return std::nullopt;
  Variant shadow{.name = std::string(kCanaryShadow),
                 .role = Role::kShadow,
                 .model = canary.model.model,
                 .version = canary.model.version,
                 .uri = canary.model.uri};
  for (const Variant& variant : live) {
    if (variant.name == "live") shadow.slots = variant.slots;
  }
  return shadow;
}

std::optional<std::int64_t> find_last_good(const std::vector<Revision>& newest_first) {
  if (newest_first.empty()) return std::nullopt;
  const Versions now = live_versions(newest_first.front());
  // With a canary or challenger running, the version beside it is what to go back to, so only the
  // newcomer's is out of the question.
  Versions bad;
  for (const char* name : {"canary", "challenger"}) {
    const Variant* beside = newest_first.front().find_variant(name);
    if (beside != nullptr) bad.emplace(beside->model, beside->version, beside->uri);
  }
  for (const Revision& revision : newest_first) {
    const Versions live = live_versions(revision);
    if (revision.is_settled() && live != now && !bad.contains(*live.begin())) {
      return revision.number;
    }
    if (revision.kind == RevisionKind::kRollback) {
      bad.merge(rolled_away(newest_first, revision));
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_precedence(const RolloutState& state, const Revision& newest,
                                           std::optional<std::int64_t> last_good,
                                           AutomaticChange change, const std::string& model_uri) {
  if (state.held) return "the endpoint is held: " + state.held_reason;
  if (change == AutomaticChange::kHold) return std::nullopt;
  if (state.canary) return "a canary is under way: its guard decides";
  if (state.proposal) return "a release is under way: its policy decides";
  if (state.experiment) return "an experiment is under way: its verdict decides";
  if (change == AutomaticChange::kRollback && !last_good)
    return "there is no earlier good revision to go back to";
  const Variant* live = newest.find_variant("live");
  if (change == AutomaticChange::kFallback && live != nullptr && live->uri == model_uri)
    return fmt::format("the fallback is in charge already: {}", model_uri);
  return std::nullopt;
}

bool was_rejected(const std::vector<Revision>& newest_first, const ResolvedModel& model) {
  const std::tuple wanted(model.model, model.version, model.uri);
  for (const Revision& revision : newest_first) {
    if (live_versions(revision).contains(wanted)) return false;
    if (revision.kind == RevisionKind::kRollback &&
        rolled_away(newest_first, revision).contains(wanted)) {
      return true;
    }
  }
  return false;
}

}  // namespace slipway::releases
