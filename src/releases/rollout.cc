// Releases over time: what is declared, and the steps that take place by themselves.
#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "releases/releases.h"
#include "types/timestamp.h"

namespace slipway::releases {

Result<std::vector<DefinitionChange>> Releases::plan(
    const std::vector<EndpointDefinition>& definitions) {
  const auto records =
      TRY(db_.read([&](store::Reader& reader) { return ledger_.endpoints(reader); }));
  std::vector<DefinitionChange> changes;
  for (const EndpointDefinition& definition : definitions) {
    DefinitionChange change{.name = definition.name, .change = "created"};
    for (const EndpointRecord& record : records) {
      if (record.name() != definition.name) continue;
      change.change = record.definition == definition ? "unchanged" : "updated";
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

Result<std::vector<DefinitionChange>> Releases::apply(
    const std::vector<EndpointDefinition>& definitions, const std::string& actor) {
  std::vector<DefinitionChange> changes;
  for (const EndpointDefinition& definition : definitions) {
    changes.push_back(TRY(apply_one(definition, actor)));
  }
  return changes;
}

Result<DefinitionChange> Releases::apply_one(const EndpointDefinition& definition,
                                             const std::string& actor) {
  DefinitionChange change{.name = definition.name, .change = "created"};
  const base::Timestamp now = event_clock_.now();
  const auto known = status(definition.name);
  if (!known && known.error().code != Code::kNotFound) return known.error();
  if (!known) {
    // From the name, not from chance: a rehearsal repeats, and a copy of the endpoint splits as
    // this one does.
    const EndpointRecord record{
        .definition = definition,
        .salt = base::sha256_hex(workspace_ + "/" + definition.name).substr(0, 16),
        .created_at = now,
        .updated_at = now};
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(ledger_.insert_endpoint(tx, record));
      return tx.append_event({.kind = "endpoint.created",
                              .subject = "endpoints/" + definition.name,
                              .actor = actor,
                              .payload = {{"definition", definition.to_json()}},
                              .event_time = now,
                              .workspace = workspace_});
    }));
  } else if (known->endpoint.definition == definition) {
    change.change = "unchanged";
    return change;
  } else {
    change.change = "updated";
    EndpointRecord after = known->endpoint;
    after.definition = definition;
    if (known->current) {
      // Live variants stay as they are; shadows, features and thresholds are those declared now.
      Revision next = draft(after, RevisionKind::kThreshold, "the declaration changed", actor);
      for (const Variant& variant : known->current->variants) {
        if (variant.role == Role::kLive) next.variants.push_back(variant);
      }
      TRY(add_shadows(after, next.variants));
      TRY(commit(known->endpoint, {std::move(next), std::move(after)}));
    } else {
      TRY(save(known->endpoint, std::move(after),
               {.kind = "endpoint.updated",
                .subject = "endpoints/" + definition.name,
                .actor = actor,
                .payload = {{"definition", definition.to_json()}},
                .event_time = now,
                .workspace = workspace_}));
    }
    if (known->endpoint.definition.model == definition.model && known->current) return change;
  }
  const auto model = ports_.catalog.resolve(definition.model);
  if (model) {
    TRY(propose(definition.name, model->uri, "declared as " + definition.model, actor));
  } else if (model.error().code != Code::kNotFound) {
    return model.error();
  }
  return change;
}

Result<void> Releases::remove(const std::string& endpoint, const std::string& actor) {
  const EndpointRecord record = TRY(status(endpoint)).endpoint;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(ledger_.delete_endpoint(tx, record));
    return tx.append_event({.kind = "endpoint.removed",
                            .subject = "endpoints/" + endpoint,
                            .actor = actor,
                            .payload = {{"definition", record.definition.to_json()}},
                            .event_time = event_clock_.now(),
                            .workspace = workspace_});
  }));
  base::MutexLock lock(activate_mutex_);
  // What is written and not activated yet comes too late.
  std::int64_t& newest = activated_[endpoint];
  newest = std::max(newest, record.current_revision.value_or(0));
  ports_.data_plane.remove(endpoint);
  return {};
}

Result<std::optional<base::Timestamp>> Releases::next_due() {
  std::optional<base::Timestamp> earliest;
  for (const EndpointRecord& record :
       TRY(db_.read([&](store::Reader& reader) { return ledger_.endpoints(reader); }))) {
    const auto due = releases::next_due(record.state);
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

Result<std::vector<RolloutStep>> Releases::advance(base::Timestamp now) {
  std::vector<RolloutStep> steps;
  Result<void> first_failure;
  for (const EndpointRecord& listed :
       TRY(db_.read([&](store::Reader& reader) { return ledger_.endpoints(reader); }))) {
    EndpointRecord record = listed;
    while (true) {
      const auto due = releases::next_due(record.state);
      if (!due || *due > now) break;
      auto step = advance_one(record, now);
      if (!step && step.error().code != Code::kConflict) {
        base::log_warning("releases", "release=put_off endpoint={} error=\"{}\"", listed.name(),
                          step.error().message);
        TRY(put_off(record, step.error(), now));
        if (first_failure)
          first_failure = std::move(step).error().with_context("endpoint " + listed.name());
        break;
      }
      if (step && *step) steps.push_back(std::move(**step));
      record = TRY(status(listed.name())).endpoint;
    }
  }
  for (const RolloutStep& step : steps) {
    base::log_info("releases", "release: endpoint={} revision={} reason=\"{}\"", step.endpoint,
                   step.revision, step.reason);
  }
  TRY(std::move(first_failure));
  return steps;
}

// The first model, which could not be loaded when it was proposed.
Result<std::optional<RolloutStep>> Releases::take_first(const EndpointRecord& record) {
  const Proposal& proposal = *record.state.proposal;
  auto first = deploy_model(record, proposal.model, proposal.reason, proposal.actor);
  if (first) {
    return std::optional(
        RolloutStep{record.name(), RolloutActionKind::kPromote, first->number, first->reason});
  }
  if (first.error().code == Code::kConflict || may_pass(first.error().code))
    return std::move(first).error();
  TRY(refuse(record, proposal.model, first.error(), proposal.actor, event_clock_.now()));
  return std::optional<RolloutStep>();
}

// What is due and can't be decided now is looked at again when the next check would be.
Result<void> Releases::put_off(const EndpointRecord& record, const Error& why,
                               base::Timestamp now) {
  EndpointRecord after = record;
  RolloutState& state = after.state;
  const base::Timestamp again = now + record.definition.release.check_interval();
  if (state.experiment) state.experiment->next_check = now + state.experiment->check;
  if (state.canary && state.canary->next_check <= now) {
    state.canary->next_check = again;
    state.canary->waits_for = why.message;
  }
  if (!state.experiment && state.proposal && state.proposal->takes_over_at <= now) {
    state.proposal->takes_over_at = again;
    state.proposal->waits_for = why.message;
  }
  const auto saved = save(record, std::move(after), {});
  // Whoever changed the endpoint meanwhile made what is due anew.
  return saved || saved.error().code == Code::kConflict ? Result<void>() : saved;
}

// One decision for one endpoint. Nothing when it was to wait.
Result<std::optional<RolloutStep>> Releases::advance_one(const EndpointRecord& record,
                                                         base::Timestamp now) {
  if (record.state.experiment) return advance_experiment(record, now);
  const ReleasePolicy& policy = record.definition.release;
  const RolloutState& state = record.state;
  if (!record.current_revision) return take_first(record);
  const Revision current = TRY(revision(record.name(), record.current_revision.value_or(0)));
  CanaryFacts facts;
  if (state.canary) {
    facts = TRY(ports_.facts.facts(record.name(), "canary", state.canary->started_at, now,
                                   policy.guard.slow_over_ms()));
    if (policy.guard.quality) {
      facts.quality = TRY(ports_.facts.compare(record.name(), "live", std::string(kCanaryShadow),
                                               policy.guard.quality->metric, kGuardAlpha,
                                               state.canary->started_at, now));
    }
  }
  const RolloutAction action = decide_rollout(policy, state, facts, now);
  EndpointRecord after = record;
  if (action.kind == RolloutActionKind::kWait) {
    if (after.state.canary) {
      after.state.canary->next_check = next_check(policy, state.canary->step_since, now);
      after.state.canary->waits_for = action.reason;
    }
    TRY(save(record, std::move(after), {}));
    return std::optional<RolloutStep>();
  }

  const Variant* live = current.find_variant("live");
  CHECK(live != nullptr);
  const ResolvedModel stays{live->model, live->version, live->uri};
  const bool from_proposal =
      state.proposal && now >= state.proposal->takes_over_at &&
      (action.kind == RolloutActionKind::kStart || action.kind == RolloutActionKind::kPromote);
  if (from_proposal && state.proposal->model == stays && !state.canary) {
    after.state.proposal.reset();  // came to be in charge by another way meanwhile
    TRY(save(record, std::move(after), {}));
    return std::optional<RolloutStep>();
  }
  Canary canary;
  if (from_proposal) {
    canary = {.model = state.proposal->model,
              .started_at = now,
              .actor = state.proposal->actor,
              .reason = state.proposal->reason};
  } else {
    canary = *state.canary;
  }
  RevisionKind kind = RevisionKind::kCanaryStep;
  std::vector<Variant> variants;
  switch (action.kind) {
    case RolloutActionKind::kWait:
    case RolloutActionKind::kConclude:  // of experiments only
      break;
    case RolloutActionKind::kStart:
    case RolloutActionKind::kGrow:
      canary.step = action.step;
      canary.step_since = now;
      canary.next_check = next_check(policy, now, now);
      canary.waits_for.clear();
      after.state.canary = canary;
      variants =
          split_live(stays, canary.model, policy.steps.at(static_cast<std::size_t>(canary.step)));
      break;
    case RolloutActionKind::kPromote:
      kind = RevisionKind::kPromote;
      after.state.canary.reset();
      variants = {whole_live(canary.model)};
      break;
    case RolloutActionKind::kDiscard:
      kind = RevisionKind::kRollback;
      after.state.canary.reset();
      variants = {whole_live(stays)};
      break;
  }
  if (from_proposal) after.state.proposal.reset();
  TRY(add_shadows(after, variants));

  Revision next = draft(record, kind, action.reason, canary.actor);
  if (kind == RevisionKind::kRollback) next.actor = "guard";
  if (from_proposal) next.reason = fmt::format("{}; {}", canary.reason, action.reason);
  next.event_time = now;
  next.variants = std::move(variants);
  auto committed = commit(record, {std::move(next), std::move(after)});
  if (committed) {
    return std::optional(
        RolloutStep{record.name(), action.kind, committed->number, committed->reason});
  }
  if (committed.error().code == Code::kConflict || may_pass(committed.error().code))
    return std::move(committed).error();

  TRY(refuse(record, canary.model, committed.error(), canary.actor, now));
  return std::optional<RolloutStep>();
}

// A model that doesn't load is not tried for ever: it's given up, and what answers stays.
Result<void> Releases::refuse(const EndpointRecord& record, const ResolvedModel& model,
                              const Error& why, const std::string& actor, base::Timestamp now) {
  base::log_warning("releases", "release=given_up endpoint={} model={} error=\"{}\"", record.name(),
                    model.uri, why.message);
  EndpointRecord after = record;
  if (after.state.proposal && after.state.proposal->model == model) {
    after.state.proposal.reset();
  } else {
    after.state.canary->next_check = now + record.definition.release.check_interval();
  }
  return save(record, std::move(after),
              {.kind = "endpoint.release_refused",
               .subject = "endpoints/" + record.name(),
               .actor = actor,
               .payload = {{"model", model.uri}, {"reason", why.message}},
               .event_time = now,
               .workspace = workspace_});
}

}  // namespace slipway::releases
