#include "releases/rollout_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <set>
#include <utility>

#include "base/check.h"

namespace slipway::releases {
namespace {

constexpr double kCertainty = 0.99;
constexpr double kStandardErrors = 2.58;  // 99 %, two sides

// Lower bound of a rate by Clopper and Pearson (1934).
double rate_at_least(std::int64_t hits, std::int64_t total) {
  if (hits == 0) return 0;
  return boost::math::ibeta_inv(static_cast<double>(hits), static_cast<double>(total - hits + 1),
                                1 - kCertainty);
}

using Versions = std::set<std::pair<std::string, std::int64_t>>;

Versions live_versions(const Revision& revision) {
  Versions versions;
  for (const Variant* variant : revision.live()) versions.emplace(variant->model, variant->version);
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

std::optional<base::Timestamp> next_due(const RolloutState& state) {
  std::optional<base::Timestamp> due;
  if (state.canary) due = state.canary->next_check;
  if (state.proposal && (!due || state.proposal->takes_over_at < *due)) {
    due = state.proposal->takes_over_at;
  }
  return due;
}

std::optional<std::string> find_harm(const Guard& guard, const CanaryFacts& facts) {
  if (guard.error_rate && facts.requests > 0 &&
      rate_at_least(facts.errors, facts.requests) > *guard.error_rate) {
    return fmt::format("{} of {} requests failed, more than the {:.3g} allowed", facts.errors,
                       facts.requests, *guard.error_rate);
  }
  if (guard.latency_ms_p99 && facts.requests >= guard.min_requests &&
      facts.latency_ms_p99 > *guard.latency_ms_p99) {
    return fmt::format("p99 latency is {:.3g} ms, more than the {:.3g} ms allowed",
                       facts.latency_ms_p99, *guard.latency_ms_p99);
  }
  if (guard.calibration_bias && facts.labels >= guard.min_labels &&
      std::abs(facts.calibration_bias) - kStandardErrors * facts.calibration_bias_error >
          *guard.calibration_bias) {
    return fmt::format(
        "calibration bias is {:.3g} on {} labels (standard error {:.2g}), beyond the {:.3g} "
        "allowed",
        facts.calibration_bias, facts.labels, facts.calibration_bias_error,
        *guard.calibration_bias);
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

std::vector<Variant> split_live(const ResolvedModel& live, const ResolvedModel& canary,
                                int percent) {
  CHECK(percent > 0 && percent <= 100);
  if (percent == 100) return {whole_live(canary)};
  const int edge = percent * (kSlots / 100);
  Variant stays = whole_live(live);
  stays.slots = {{edge, kSlots}};
  Variant comes = whole_live(canary);
  comes.name = "canary";
  comes.slots = {{0, edge}};
  return {std::move(stays), std::move(comes)};
}

std::optional<std::int64_t> find_last_good(const std::vector<Revision>& newest_first) {
  if (newest_first.empty()) return std::nullopt;
  const Versions now = live_versions(newest_first.front());
  // With a canary running, the version beside it is what to go back to, so only the canary's is out
  // of the question.
  Versions bad;
  const Variant* canary = newest_first.front().find_variant("canary");
  if (canary != nullptr) bad.emplace(canary->model, canary->version);
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

bool was_rejected(const std::vector<Revision>& newest_first, const ResolvedModel& model) {
  const std::pair wanted(model.model, model.version);
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
