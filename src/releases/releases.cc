#include "releases/releases.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/log.h"
#include "types/timestamp.h"

namespace slipway::releases {
namespace {

constexpr int kConflictRetries = 5;

const char* event_kind(RevisionKind kind) {
  switch (kind) {
    case RevisionKind::kDeploy:
      return "endpoint.deployed";
    case RevisionKind::kCanaryStep:
      return "endpoint.canary_step";
    case RevisionKind::kPromote:
      return "endpoint.promoted";
    case RevisionKind::kRollback:
      return "endpoint.rolled_back";
    case RevisionKind::kHold:
      return "endpoint.held";
    case RevisionKind::kFollow:
      return "endpoint.followed";
    case RevisionKind::kThreshold:
      return "endpoint.changed";
    case RevisionKind::kExperiment:
      return "endpoint.experiment_started";
    case RevisionKind::kConclude:
      return "endpoint.experiment_concluded";
    case RevisionKind::kFallback:
      return "endpoint.fell_back";
  }
  return "";
}

ResolvedModel model_of(const Variant& variant) {
  return {variant.model, variant.version, variant.uri};
}

// The version in charge: the live variant, not the canary beside it.
const Variant& in_charge(const Revision& revision) {
  const Variant* live = revision.find_variant("live");
  CHECK(live != nullptr);
  return *live;
}

}  // namespace

Releases::Releases(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
                   Ports ports, base::Metrics& metrics, std::string workspace)
    : db_(db),
      event_clock_(event_clock),
      wall_clock_(wall_clock),
      ports_(ports),
      workspace_(workspace),
      ledger_(workspace),
      revisions_written_(metrics.counter("slipway_release_revisions_total",
                                         "Revisions written to the release ledger.")),
      changes_refused_(metrics.counter("slipway_release_refused_total",
                                       "Changes refused because the data plane could not load "
                                       "them.")) {}

std::string EndpointStatus::phase() const {
  if (!current) return "empty";
  if (endpoint.state.canary) return "canary";
  if (endpoint.state.experiment) return "experiment";
  return endpoint.state.proposal ? "proposed" : "steady";
}

JsonObject EndpointStatus::to_json() const {
  const RolloutState& state = endpoint.state;
  JsonObject rollout = releases::to_json(state);
  rollout["phase"] = phase();
  if (state.canary) {
    const auto& steps = endpoint.definition.release.steps;
    const auto step = static_cast<std::size_t>(state.canary->step);
    rollout["percent"] = step < steps.size() ? steps[step] : 100;
  }
  JsonObject object{{"name", endpoint.name()},
                    {"definition", endpoint.definition.to_json()},
                    {"rollout", std::move(rollout)}};
  object["revision"] = current ? Json(current->to_json()) : Json(nullptr);
  object["previous"] = current && current->previous ? Json(*current->previous) : Json(nullptr);
  object["last_good"] = last_good ? Json(*last_good) : Json(nullptr);
  return object;
}

Revision Releases::draft(const EndpointRecord& record, RevisionKind kind, const std::string& reason,
                         const std::string& actor) const {
  return {.endpoint = record.name(),
          .number = record.current_revision.value_or(0) + 1,
          .kind = kind,
          .features = record.definition.features,
          .output = record.definition.output,
          .salt = record.salt,
          .log_policy = record.definition.log_policy,
          .running = record.definition.running,
          .policy = record.definition.release,
          .actor = actor,
          .reason = reason,
          .event_time = event_clock_.now(),
          .arrival_time = wall_clock_.now(),
          .previous = record.current_revision};
}

// Shadows whose model doesn't exist yet are left out until the next revision.
Result<void> Releases::add_shadows(const EndpointRecord& record, std::vector<Variant>& variants) {
  const EndpointDefinition& definition = record.definition;
  if (record.state.canary) {
    auto shadow = canary_shadow(definition.release, *record.state.canary, variants);
    if (shadow) variants.push_back(std::move(*shadow));
  }
  for (const ShadowDefinition& shadow : definition.shadow) {
    const auto model = ports_.catalog.resolve(shadow.model);
    if (!model && model.error().code == Code::kNotFound) {
      base::log_warning("releases", "shadow=left_out endpoint={} shadow_name={} error=\"{}\"",
                        definition.name, shadow.name, model.error().message);
      continue;
    }
    if (!model) return model.error();
    variants.push_back({.name = shadow.name,
                        .role = Role::kShadow,
                        .model = model->model,
                        .version = model->version,
                        .uri = model->uri});
  }
  return {};
}

Result<Revision> Releases::commit(const EndpointRecord& before, Change change) {
  Revision& revision = change.revision;
  if (!before.current_revision) {  // an endpoint of that name may have been removed
    revision.number = 1 + TRY(db_.read([&](store::Reader& reader) {
                        return ledger_.newest_number(reader, revision.endpoint);
                      }));
  }
  const auto prepared =
      ports_.data_plane.prepare(revision);  // held until it answers, or is given up
  if (!prepared) {
    changes_refused_.add();
    return Error(prepared.error()).with_context("the change was refused, nothing changed");
  }
  change.after.current_revision = revision.number;
  change.after.updated_at = revision.event_time;
  const JsonArray variants = to_json(revision.variants);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(ledger_.update_endpoint(tx, before, change.after));
    TRY(ledger_.insert_revision(tx, revision));
    return tx.append_event({.kind = event_kind(revision.kind),
                            .subject = "endpoints/" + revision.endpoint,
                            .actor = revision.actor,
                            .payload = {{"revision", revision.number},
                                        {"variants", variants},
                                        {"reason", revision.reason},
                                        {"cause", revision.cause}},
                            .event_time = revision.event_time,
                            .workspace = workspace_});
  }));
  revisions_written_.add();
  activate(revision);
  return std::move(revision);
}

// Two changes may commit in one order and come here in the other: the newer one wins.
void Releases::activate(const Revision& revision) {
  std::optional<Revision> last_good;
  if (const auto revisions = history(revision.endpoint); revisions) {
    const auto number = find_last_good(*revisions);
    for (const Revision& each : *revisions) {
      if (number && each.number == *number) last_good = each;
    }
  }
  base::MutexLock lock(activate_mutex_);
  std::int64_t& newest = activated_[revision.endpoint];
  if (newest >= revision.number) return;
  newest = revision.number;
  ports_.data_plane.activate(revision, last_good ? &*last_good : nullptr);
}

// A change of the endpoint's row without a revision.
Result<void> Releases::save(const EndpointRecord& before, EndpointRecord after,
                            store::EventDraft event) {
  after.updated_at = event_clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(ledger_.update_endpoint(tx, before, after));
    if (event.kind.empty()) return {};
    return tx.append_event(event);
  });
}

Result<std::vector<Revision>> Releases::history(const std::string& endpoint) {
  constexpr std::size_t kLookBack = 1000;
  return db_.read([&](store::Reader& reader) {
    return ledger_.revisions(reader, endpoint, std::nullopt, kLookBack);
  });
}

Result<std::size_t> Releases::reinstall() {
  const std::vector<Revision> current =
      TRY(db_.read([&](store::Reader& reader) { return ledger_.current_revisions(reader); }));
  base::MutexLock lock(activate_mutex_);
  for (const Revision& revision : current) activated_[revision.endpoint] = revision.number;
  ports_.data_plane.expect(current);
  return current.size();
}

Result<Revision> Releases::deploy(const std::string& endpoint, const std::string& model_uri,
                                  const std::string& reason, const std::string& actor) {
  const EndpointRecord record = TRY(status(endpoint)).endpoint;
  return deploy_model(record, TRY(ports_.catalog.resolve(model_uri)), reason, actor);
}

Result<Revision> Releases::deploy_model(const EndpointRecord& record, const ResolvedModel& model,
                                        const std::string& reason, const std::string& actor) {
  Change change{draft(record, RevisionKind::kDeploy, reason, actor), record};
  change.revision.variants = {whole_live(model)};
  change.after.state.canary.reset();
  change.after.state.experiment.reset();
  change.after.state.proposal.reset();
  TRY(add_shadows(change.after, change.revision.variants));
  return commit(record, std::move(change));
}

Result<std::vector<ProposalReceipt>> Releases::alias_moved(const std::string& model,
                                                           const std::string& alias,
                                                           std::int64_t version,
                                                           const std::string& actor) {
  std::vector<ProposalReceipt> receipts;
  Result<void> passing;
  for (const EndpointRecord& record :
       TRY(db_.read([&](store::Reader& reader) { return ledger_.endpoints(reader); }))) {
    if (parse_alias(record.definition.model) != ModelAlias{model, alias}) continue;
    auto receipt =
        propose(record.name(), fmt::format("models:/{}/{}", model, version),
                fmt::format("alias {} of {} moved to version {}", alias, model, version), actor);
    if (!receipt) {
      base::log_warning("releases", "proposal=failed endpoint={} model={} version={} error=\"{}\"",
                        record.name(), model, version, receipt.error().message);
      if (passing && may_pass(receipt.error().code)) passing = receipt.error();
      receipt = ProposalReceipt{record.name(), false, receipt.error().message, std::nullopt};
    }
    receipts.push_back(std::move(*receipt));
  }
  TRY(std::move(passing));
  return receipts;
}

Result<ProposalReceipt> Releases::propose(const std::string& endpoint, const std::string& model_uri,
                                          const std::string& reason, const std::string& actor) {
  const ResolvedModel model = TRY(ports_.catalog.resolve(model_uri));
  for (int attempt = 0;; ++attempt) {
    auto receipt = propose_model(TRY(status(endpoint)).endpoint, model, reason, actor);
    if (receipt || receipt.error().code != Code::kConflict || attempt == kConflictRetries) {
      return receipt;
    }
  }
}

Result<ProposalReceipt> Releases::propose_model(const EndpointRecord& record,
                                                const ResolvedModel& model,
                                                const std::string& reason,
                                                const std::string& actor) {
  ProposalReceipt receipt{.endpoint = record.name()};
  std::string waits_for;
  const std::vector<Revision> revisions = TRY(history(record.name()));
  if (record.state.held) {
    receipt.reason = "the endpoint is held: " + record.state.held_reason;
  } else if (!record.current_revision) {
    const auto first = deploy_model(record, model, reason, actor);
    if (!first && !may_pass(first.error().code)) return first.error();
    if (first) {
      receipt = {record.name(), true, "the first model takes charge at once", first->event_time};
      return receipt;
    }
    receipt = {record.name(), true, "the first model is tried again: " + first.error().message,
               event_clock_.now() + record.definition.release.check_interval()};
    waits_for = first.error().message;
    base::log_warning("releases", "release=put_off endpoint={} error=\"{}\"", record.name(),
                      waits_for);
  } else if (record.state.proposal && record.state.proposal->model == model) {
    receipt = {record.name(), true,
               fmt::format("version {} waits for its time already", model.version),
               record.state.proposal->takes_over_at};
    return receipt;
  } else if (was_rejected(revisions, model)) {
    receipt.reason = fmt::format("version {} was taken away before; only a deploy brings it back",
                                 model.version);
  } else if (record.state.experiment && record.state.experiment->model == model) {
    receipt.reason = fmt::format("version {} is the challenger of an experiment", model.version);
  } else if (record.state.canary && record.state.canary->model == model) {
    receipt.reason = fmt::format("version {} is being released already", model.version);
  } else if (model_of(in_charge(revisions.front())) == model && !record.state.canary &&
             !record.state.proposal) {
    receipt.reason = fmt::format("version {} is in charge already", model.version);
  } else {
    receipt.accepted = true;
    receipt.reason = reason;
    receipt.takes_over_at = event_clock_.now() + record.definition.release.delay;
  }
  store::EventDraft event{
      .kind = receipt.accepted ? "endpoint.proposed" : "endpoint.proposal_ignored",
      .subject = "endpoints/" + record.name(),
      .actor = actor,
      .payload = {{"model", model.uri}, {"reason", receipt.reason}},
      .event_time = event_clock_.now(),
      .workspace = workspace_};
  EndpointRecord after = record;
  if (receipt.accepted) {
    event.payload["takes_over_at"] = types::to_rfc3339(*receipt.takes_over_at);
    after.state.proposal = Proposal{model, *receipt.takes_over_at, actor, reason, waits_for};
  }
  TRY(save(record, std::move(after), std::move(event)));
  return receipt;
}

Result<RolledBack> Releases::rollback(const std::string& endpoint, const std::string& reason,
                                      const std::string& actor) {
  const auto start = std::chrono::steady_clock::now();
  for (int attempt = 0;; ++attempt) {
    auto revision = rollback_once(endpoint, reason, actor);
    if (revision) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      return RolledBack{std::move(*revision), took.count()};
    }
    if (revision.error().code != Code::kConflict || attempt == kConflictRetries) {
      return std::move(revision).error();
    }
  }
}

Result<Revision> Releases::rollback_once(const std::string& endpoint, const std::string& reason,
                                         const std::string& actor) {
  const EndpointStatus now = TRY(status(endpoint));
  return commit(now.endpoint, TRY(plan_rollback(now, reason, actor)));
}

Result<Releases::Change> Releases::plan_rollback(const EndpointStatus& now,
                                                 const std::string& reason,
                                                 const std::string& actor) {
  const std::string& endpoint = now.endpoint.name();
  if (!now.last_good) {
    return base::error(Code::kFailedPrecondition,
                       "there is no earlier good revision to go back to: endpoint={}", endpoint);
  }
  const Revision target = TRY(revision(endpoint, *now.last_good));
  Change change{draft(now.endpoint, RevisionKind::kRollback, reason, actor), now.endpoint};
  change.revision.variants = target.variants;
  change.revision.features = target.features;
  change.revision.output = target.output;
  change.revision.running = target.running;
  change.revision.restores = target.number;
  RolloutState& state = change.after.state;
  state.canary.reset();
  state.experiment.reset();
  state.proposal.reset();
  state.held = true;
  state.held_reason = fmt::format("rolled back: {}", reason);
  return change;
}

Result<Revision> Releases::hold(const std::string& endpoint, const std::string& reason,
                                const std::string& actor) {
  const EndpointStatus now = TRY(status(endpoint));
  if (!now.current || now.endpoint.state.held) {
    return base::error(
        Code::kFailedPrecondition, "{}: endpoint={}",
        now.current ? "the endpoint is held already" : "the endpoint has no revision to hold",
        endpoint);
  }
  return commit(now.endpoint, plan_hold(now, reason, actor));
}

Releases::Change Releases::plan_hold(const EndpointStatus& now, const std::string& reason,
                                     const std::string& actor) const {
  Change change{draft(now.endpoint, RevisionKind::kHold, reason, actor), now.endpoint};
  change.revision.variants = now.current->variants;
  change.revision.features = now.current->features;
  change.revision.output = now.current->output;
  change.revision.running = now.current->running;
  if (now.endpoint.state.canary || now.endpoint.state.experiment) {
    // Nothing would ever end what is held: the newcomer's requests go back to the version beside
    // it.
    std::erase_if(change.revision.variants, [](const Variant& variant) {
      return variant.role == Role::kLive || variant.name == kCanaryShadow;
    });
    change.revision.variants.insert(change.revision.variants.begin(),
                                    whole_live(model_of(in_charge(*now.current))));
  }
  RolloutState& state = change.after.state;
  state.canary.reset();
  state.experiment.reset();
  state.proposal.reset();
  state.held = true;
  state.held_reason = reason;
  return change;
}

Result<Releases::Change> Releases::plan_fallback(const EndpointStatus& now,
                                                 const ResolvedModel& model,
                                                 const std::string& reason,
                                                 const std::string& actor) {
  Change change{draft(now.endpoint, RevisionKind::kFallback, reason, actor), now.endpoint};
  change.revision.variants = {whole_live(model)};
  RolloutState& state = change.after.state;
  state.held = true;
  state.held_reason = fmt::format("fell back to {}: {}", model.uri, reason);
  TRY(add_shadows(change.after, change.revision.variants));
  return change;
}

Result<std::optional<std::string>> Releases::find_precedence(const std::string& endpoint,
                                                             AutomaticChange change,
                                                             const std::string& model) {
  return precedence(TRY(status(endpoint)), change, model);
}

Result<std::optional<std::string>> Releases::precedence(const EndpointStatus& now,
                                                        AutomaticChange change,
                                                        const std::string& model) {
  if (!now.current) return std::optional<std::string>("the endpoint has no revision yet");
  std::string uri;
  if (change == AutomaticChange::kFallback) {
    const auto resolved = ports_.catalog.resolve(model);
    if (!resolved && !may_pass(resolved.error().code) && resolved.error().code != Code::kInternal)
      return std::optional<std::string>("there is no fallback: " + resolved.error().message);
    uri = TRY(resolved).uri;
  }
  return releases::find_precedence(now.endpoint.state, *now.current, now.last_good, change, uri);
}

Result<Revision> Releases::act(const std::string& endpoint, const Automatic& wanted) {
  CHECK(!wanted.cause.empty());
  for (int attempt = 0;; ++attempt) {
    auto revision = act_once(endpoint, wanted);
    if (revision || revision.error().code != Code::kConflict || attempt == kConflictRetries)
      return revision;
  }
}

Result<Revision> Releases::act_once(const std::string& endpoint, const Automatic& wanted) {
  const EndpointStatus now = TRY(status(endpoint));
  for (Revision& earlier : TRY(history(endpoint))) {
    if (earlier.cause == wanted.cause) return std::move(earlier);
  }
  if (now.current && now.current->number != wanted.about) {
    return base::error(Code::kFailedPrecondition,
                       "the endpoint has changed since it was decided: it was about revision {}, "
                       "and {} ({} by {}) is in charge",
                       wanted.about, now.current->number, kind_name(now.current->kind),
                       now.current->actor);
  }
  if (const auto before = TRY(precedence(now, wanted.change, wanted.model)))
    return base::error(Code::kFailedPrecondition, "{}", *before);
  Change change{};
  switch (wanted.change) {
    case AutomaticChange::kHold:
      change = plan_hold(now, wanted.reason, wanted.actor);
      break;
    case AutomaticChange::kRollback:
      change = TRY(plan_rollback(now, wanted.reason, wanted.actor));
      break;
    case AutomaticChange::kFallback:
      change = TRY(plan_fallback(now, TRY(ports_.catalog.resolve(wanted.model)), wanted.reason,
                                 wanted.actor));
      break;
  }
  change.revision.cause = wanted.cause;
  return commit(now.endpoint, std::move(change));
}

Result<Revision> Releases::follow(const std::string& endpoint, const std::string& reason,
                                  const std::string& actor) {
  const EndpointStatus now = TRY(status(endpoint));
  if (!now.endpoint.state.held) {
    return base::error(Code::kFailedPrecondition, "the endpoint is not held: endpoint={}",
                       endpoint);
  }
  Change change{draft(now.endpoint, RevisionKind::kFollow, reason, actor), now.endpoint};
  change.revision.variants = now.current->variants;
  change.revision.features = now.current->features;
  change.revision.output = now.current->output;
  change.revision.running = now.current->running;
  change.after.state.held = false;
  change.after.state.held_reason.clear();
  Revision followed = TRY(commit(now.endpoint, std::move(change)));
  if (parse_alias(now.endpoint.definition.model)) {
    const auto model = ports_.catalog.resolve(now.endpoint.definition.model);
    if (model) TRY(propose(endpoint, model->uri, "follows its alias again", actor));
  }
  return followed;
}

Result<EndpointStatus> Releases::look(store::Reader& reader, const EndpointRecord& record) {
  EndpointStatus status{.endpoint = record};
  if (!record.current_revision) return status;
  std::vector<Revision> revisions =
      TRY(ledger_.revisions(reader, record.name(), std::nullopt, 1000));
  status.last_good = find_last_good(revisions);
  status.current = std::move(revisions.front());
  return status;
}

Result<std::vector<EndpointStatus>> Releases::statuses() {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<EndpointStatus>> {
    std::vector<EndpointStatus> all;
    for (const EndpointRecord& record : TRY(ledger_.endpoints(reader))) {
      all.push_back(TRY(look(reader, record)));
    }
    return all;
  });
}

Result<EndpointStatus> Releases::status(const std::string& endpoint) {
  return db_.read([&](store::Reader& reader) -> Result<EndpointStatus> {
    return look(reader, TRY(ledger_.endpoint(reader, endpoint)));
  });
}

Result<EndpointDefinition> Releases::definition(const std::string& endpoint) {
  return db_.read([&](store::Reader& reader) -> Result<EndpointDefinition> {
    return TRY(ledger_.endpoint(reader, endpoint)).definition;
  });
}

Result<void> Releases::require(const std::string& endpoint) {
  return db_.read([&](store::Reader& reader) -> Result<void> {
    TRY(ledger_.endpoint(reader, endpoint));
    return {};
  });
}

Result<std::vector<Revision>> Releases::revisions(const std::string& endpoint,
                                                  std::optional<std::int64_t> before,
                                                  std::size_t limit) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Revision>> {
    TRY(ledger_.endpoint(reader, endpoint));
    return ledger_.revisions(reader, endpoint, before, limit);
  });
}

Result<Revision> Releases::revision(const std::string& endpoint, std::int64_t number) {
  return db_.read(
      [&](store::Reader& reader) { return ledger_.revision(reader, endpoint, number); });
}

}  // namespace slipway::releases
