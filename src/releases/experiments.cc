// A challenger beside the version in charge: started, watched, decided by what was declared.
#include <algorithm>

#include "base/check.h"
#include "releases/releases.h"

namespace slipway::releases {
namespace {

ResolvedModel in_charge(const Revision& revision) {
  const Variant* live = revision.find_variant("live");
  CHECK(live != nullptr);
  return {live->model, live->version, live->uri};
}

Result<void> check(const ExperimentDraft& draft) {
  if (draft.percent < 1 || draft.percent > 99) {
    return base::error(Code::kInvalidArgument, "percent must be between 1 and 99: got={}",
                       draft.percent);
  }
  if (!(draft.confidence > 0.5 && draft.confidence < 1)) {
    return base::error(Code::kInvalidArgument, "confidence must be between 0.5 and 1: got={}",
                       draft.confidence);
  }
  if (draft.min_rows < 2 || draft.check.micros <= 0 || draft.duration.micros <= 0) {
    return base::error(Code::kInvalidArgument,
                       "min_rows must be 2 at least, check and duration more than nothing");
  }
  return {};
}

}  // namespace

Result<Revision> Releases::start_experiment(const std::string& endpoint,
                                            const ExperimentDraft& wanted,
                                            const std::string& reason, const std::string& actor) {
  TRY(check(wanted));
  std::optional<bool> higher = TRY(ports_.facts.higher_is_better(endpoint, wanted.metric));
  if (wanted.higher_is_better) higher = wanted.higher_is_better;
  if (!higher) {
    return base::error(Code::kInvalidArgument,
                       "say whether a higher or a lower {} is better (better: higher | lower)",
                       wanted.metric);
  }
  const EndpointStatus now = TRY(status(endpoint));
  if (!now.current || now.endpoint.state.canary || now.endpoint.state.experiment) {
    return base::error(Code::kFailedPrecondition, "{}: endpoint={}",
                       !now.current ? "the endpoint has no revision to challenge"
                       : now.endpoint.state.canary
                           ? "a canary is under way; wait for its end or roll it back"
                           : "an experiment is under way; stop it first",
                       endpoint);
  }
  const ResolvedModel challenger = TRY(ports_.catalog.resolve(wanted.model));
  const ResolvedModel live = in_charge(*now.current);
  if (challenger == live) {
    return base::error(Code::kInvalidArgument, "the challenger is in charge already: model={}",
                       challenger.uri);
  }
  const base::Timestamp start = event_clock_.now();
  Experiment experiment{.model = challenger,
                        .percent = static_cast<int>(wanted.percent),
                        .metric = wanted.metric,
                        .higher_is_better = *higher,
                        .alpha = 1 - wanted.confidence,
                        .min_rows = wanted.min_rows,
                        .check = wanted.check,
                        .promote_winner = wanted.promote_winner,
                        .started_at = start,
                        .ends_at = start + wanted.duration,
                        .next_check = start + wanted.check,
                        .actor = actor,
                        .reason = reason};
  Change change{
      this->draft(now.endpoint, RevisionKind::kExperiment,
                  fmt::format("{}{}version {} gets {} % until {} decides ({} is better)", reason,
                              reason.empty() ? "" : "; ", challenger.version, wanted.percent,
                              wanted.metric, *higher ? "higher" : "lower"),
                  actor),
      now.endpoint};
  change.revision.variants = split_live(live, challenger, experiment.percent, "challenger");
  change.after.state.experiment = std::move(experiment);
  TRY(add_shadows(change.after, change.revision.variants));
  return commit(now.endpoint, std::move(change));
}

// The live version alone, or the challenger when it is promoted.
Result<Revision> Releases::end_experiment(const EndpointRecord& record, RevisionKind kind,
                                          const std::string& reason, const std::string& actor,
                                          base::Timestamp now) {
  const Revision current = TRY(revision(record.name(), record.current_revision.value_or(0)));
  Change change{this->draft(record, kind, reason, actor), record};
  change.revision.event_time = now;
  change.revision.variants = {whole_live(
      kind == RevisionKind::kPromote ? record.state.experiment->model : in_charge(current))};
  change.after.state.experiment.reset();
  TRY(add_shadows(change.after, change.revision.variants));
  return commit(record, std::move(change));
}

Result<Revision> Releases::stop_experiment(const std::string& endpoint, const std::string& reason,
                                           const std::string& actor) {
  const EndpointRecord record = TRY(status(endpoint)).endpoint;
  if (!record.state.experiment) {
    return base::error(Code::kFailedPrecondition, "no experiment is under way: endpoint={}",
                       endpoint);
  }
  return end_experiment(record, RevisionKind::kConclude,
                        reason.empty() ? "the experiment was stopped" : reason, actor,
                        event_clock_.now());
}

Result<ExperimentReport> Releases::experiment(const std::string& endpoint) {
  const EndpointRecord record = TRY(status(endpoint)).endpoint;
  if (!record.state.experiment) {
    return base::error(Code::kFailedPrecondition, "no experiment is under way: endpoint={}",
                       endpoint);
  }
  const Experiment& experiment = *record.state.experiment;
  ExperimentReport report{.experiment = experiment};
  report.facts =
      TRY(ports_.facts.compare(endpoint, "live", "challenger", experiment.metric, experiment.alpha,
                               experiment.started_at, event_clock_.now()));
  report.verdict = find_verdict(experiment, report.facts);
  return report;
}

JsonObject ExperimentReport::to_json() const {
  RolloutState state;
  state.experiment = experiment;
  JsonObject object = releases::to_json(state)["experiment"].as_object();
  object["facts"] = JsonObject{{"live_rows", facts.live_rows},
                               {"challenger_rows", facts.challenger_rows},
                               {"live_value", base::number_or_null(facts.live_value)},
                               {"challenger_value", base::number_or_null(facts.challenger_value)},
                               {"low", base::number_or_null(facts.low)},
                               {"high", base::number_or_null(facts.high)}};
  const char* better = verdict.kind == Verdict::Kind::kOpen         ? "open"
                       : verdict.kind == Verdict::Kind::kChallenger ? "challenger"
                                                                    : "live";
  object["verdict"] = JsonObject{{"better", better}, {"words", verdict.words}};
  return object;
}

Result<std::optional<RolloutStep>> Releases::advance_experiment(const EndpointRecord& record,
                                                                base::Timestamp now) {
  const ReleasePolicy& policy = record.definition.release;
  const Experiment& experiment = *record.state.experiment;
  const CanaryFacts facts = TRY(ports_.facts.facts(
      record.name(), "challenger", experiment.started_at, now, policy.guard.slow_over_ms()));
  const ExperimentFacts comparison =
      TRY(ports_.facts.compare(record.name(), "live", "challenger", experiment.metric,
                               experiment.alpha, experiment.started_at, now));
  const RolloutAction action = decide_experiment(policy, experiment, facts, comparison, now);
  if (action.kind == RolloutActionKind::kWait) {
    EndpointRecord after = record;
    after.state.experiment->next_check = std::min(now + experiment.check, experiment.ends_at);
    if (after.state.experiment->next_check <= now)
      after.state.experiment->next_check = now + experiment.check;
    TRY(save(record, std::move(after), {}));
    return std::optional<RolloutStep>();
  }
  const RevisionKind kind = action.kind == RolloutActionKind::kPromote   ? RevisionKind::kPromote
                            : action.kind == RolloutActionKind::kDiscard ? RevisionKind::kRollback
                                                                         : RevisionKind::kConclude;
  const Revision ended = TRY(end_experiment(record, kind, action.reason, "experiment", now));
  return std::optional(RolloutStep{record.name(), action.kind, ended.number, ended.reason});
}

}  // namespace slipway::releases
