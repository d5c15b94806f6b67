#include "releases/ledger.h"

#include "types/timestamp.h"

namespace slipway::releases {
namespace {

constexpr std::string_view kEndpointColumns =
    "name, definition, salt, current_revision, state, created_at, updated_at";
constexpr std::string_view kRevisionColumns =
    "endpoint, number, kind, variants, features, output, salt, log_policy, policy, actor, reason, "
    "event_time, arrival_time, previous, restores, running, cause";

Error changed_meanwhile(const std::string& endpoint) {
  return base::error(Code::kConflict,
                     "the endpoint was changed by somebody else meanwhile: name={}", endpoint);
}

// Reads rows through `parse`, which can fail; the first failure is returned.
template <typename Parse>
auto read_rows(store::Reader& reader, const std::string& sql, store::Params params, Parse&& parse)
    -> Result<std::vector<typename std::invoke_result_t<Parse, const store::Row&>::value_type>> {
  std::vector<typename std::invoke_result_t<Parse, const store::Row&>::value_type> rows;
  Result<void> parsed;
  TRY(reader.query(sql, params, [&](const store::Row& row) {
    auto item = parse(row);
    if (item) {
      rows.push_back(std::move(*item));
    } else if (parsed) {
      parsed = std::move(item).error();
    }
  }));
  TRY(std::move(parsed));
  return rows;
}

Result<EndpointRecord> read_endpoint(const store::Row& row) {
  EndpointRecord record{.salt = row.string(2),
                        .current_revision = row.maybe_int64(3),
                        .created_at = row.time(5),
                        .updated_at = row.time(6)};
  record.definition = TRY(parse_endpoint(row.string(0), row.text(1)));
  record.state = TRY(parse_state(row.text(4)));
  return record;
}

Result<Revision> read_revision(const store::Row& row) {
  Revision revision{.endpoint = row.string(0),
                    .number = row.int64(1),
                    .features = row.string(4),
                    .output = row.string(5),
                    .salt = row.string(6),
                    .log_policy = row.string(7),
                    .actor = row.string(9),
                    .reason = row.string(10),
                    .event_time = row.time(11),
                    .arrival_time = row.time(12),
                    .previous = row.maybe_int64(13),
                    .restores = row.maybe_int64(14),
                    .cause = row.string(16)};
  revision.kind = TRY(parse_kind(row.text(2)));
  revision.variants = TRY(parse_variants(row.text(3)));
  revision.policy = TRY(parse_policy(row.text(8)));
  revision.running = TRY(parse_running(row.text(15)));
  return revision;
}

JsonObject to_json(const ResolvedModel& model) {
  return {{"model", model.model}, {"version", model.version}, {"uri", model.uri}};
}

Result<ResolvedModel> read_model(const JsonObject& object) {
  return ResolvedModel{TRY(base::get_string(object, "model")),
                       TRY(base::get_int(object, "version")), TRY(base::get_string(object, "uri"))};
}

Result<base::Timestamp> read_time(const JsonObject& object, std::string_view key) {
  return types::parse_rfc3339(TRY(base::get_string(object, key)));
}

Result<Experiment> read_experiment(const JsonObject& object) {
  Experiment experiment;
  experiment.model = TRY(read_model(object));
  experiment.percent = static_cast<int>(TRY(base::get_int(object, "percent")));
  experiment.metric = TRY(base::get_string(object, "metric"));
  experiment.higher_is_better = TRY(base::get_string(object, "better")) == "higher";
  experiment.alpha = TRY(base::get_double(object, "alpha"));
  experiment.min_rows = TRY(base::get_int(object, "min_rows"));
  experiment.check = {TRY(base::get_int(object, "check_us"))};
  experiment.promote_winner = TRY(base::find_bool(object, "promote_winner")).value_or(false);
  experiment.started_at = TRY(read_time(object, "started_at"));
  experiment.ends_at = TRY(read_time(object, "ends_at"));
  experiment.next_check = TRY(read_time(object, "next_check"));
  experiment.actor = TRY(base::get_string(object, "actor"));
  experiment.reason = TRY(base::get_string(object, "reason"));
  return experiment;
}

}  // namespace

JsonObject to_json(const RolloutState& state) {
  JsonObject object{{"held", state.held}, {"held_reason", state.held_reason}};
  if (state.proposal) {
    JsonObject proposal = to_json(state.proposal->model);
    proposal["takes_over_at"] = types::to_rfc3339(state.proposal->takes_over_at);
    proposal["actor"] = state.proposal->actor;
    proposal["reason"] = state.proposal->reason;
    if (!state.proposal->waits_for.empty()) proposal["waits_for"] = state.proposal->waits_for;
    object["proposal"] = std::move(proposal);
  }
  if (state.canary) {
    JsonObject canary = to_json(state.canary->model);
    canary["step"] = state.canary->step;
    canary["started_at"] = types::to_rfc3339(state.canary->started_at);
    canary["step_since"] = types::to_rfc3339(state.canary->step_since);
    canary["next_check"] = types::to_rfc3339(state.canary->next_check);
    canary["actor"] = state.canary->actor;
    canary["reason"] = state.canary->reason;
    if (!state.canary->waits_for.empty()) canary["waits_for"] = state.canary->waits_for;
    object["canary"] = std::move(canary);
  }
  if (state.experiment) {
    JsonObject experiment = to_json(state.experiment->model);
    experiment["percent"] = state.experiment->percent;
    experiment["metric"] = state.experiment->metric;
    experiment["better"] = state.experiment->higher_is_better ? "higher" : "lower";
    experiment["alpha"] = state.experiment->alpha;
    experiment["min_rows"] = state.experiment->min_rows;
    experiment["check_us"] = state.experiment->check.micros;
    experiment["promote_winner"] = state.experiment->promote_winner;
    experiment["started_at"] = types::to_rfc3339(state.experiment->started_at);
    experiment["ends_at"] = types::to_rfc3339(state.experiment->ends_at);
    experiment["next_check"] = types::to_rfc3339(state.experiment->next_check);
    experiment["actor"] = state.experiment->actor;
    experiment["reason"] = state.experiment->reason;
    object["experiment"] = std::move(experiment);
  }
  return object;
}

Result<RolloutState> parse_state(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  RolloutState state{.held = TRY(base::find_bool(object, "held")).value_or(false),
                     .held_reason = TRY(base::find_string(object, "held_reason")).value_or("")};
  if (const Json* member = object.if_contains("proposal"); member && member->is_object()) {
    const JsonObject& proposal = member->as_object();
    state.proposal = Proposal{TRY(read_model(proposal)), TRY(read_time(proposal, "takes_over_at")),
                              TRY(base::get_string(proposal, "actor")),
                              TRY(base::get_string(proposal, "reason")),
                              TRY(base::find_string(proposal, "waits_for")).value_or("")};
  }
  if (const Json* member = object.if_contains("canary"); member && member->is_object()) {
    const JsonObject& canary = member->as_object();
    state.canary = Canary{TRY(read_model(canary)),
                          static_cast<int>(TRY(base::get_int(canary, "step"))),
                          TRY(read_time(canary, "started_at")),
                          TRY(read_time(canary, "step_since")),
                          TRY(read_time(canary, "next_check")),
                          TRY(base::get_string(canary, "actor")),
                          TRY(base::get_string(canary, "reason")),
                          TRY(base::find_string(canary, "waits_for")).value_or("")};
  }
  if (const Json* member = object.if_contains("experiment"); member && member->is_object())
    state.experiment = TRY(read_experiment(member->as_object()));
  return state;
}

Result<std::vector<EndpointRecord>> Ledger::endpoints(store::Reader& reader) const {
  return read_rows(reader,
                   fmt::format("SELECT {} FROM release_endpoints WHERE workspace = ? ORDER BY name",
                               kEndpointColumns),
                   {workspace_}, read_endpoint);
}

Result<EndpointRecord> Ledger::endpoint(store::Reader& reader, const std::string& name) const {
  auto found =
      TRY(read_rows(reader,
                    fmt::format("SELECT {} FROM release_endpoints WHERE workspace = ? AND name = ?",
                                kEndpointColumns),
                    {workspace_, name}, read_endpoint));
  if (found.empty()) return base::error(Code::kNotFound, "no such endpoint: name={}", name);
  return std::move(found.front());
}

Result<std::vector<Revision>> Ledger::revisions(store::Reader& reader, const std::string& endpoint,
                                                std::optional<std::int64_t> before,
                                                std::size_t limit) const {
  return read_rows(
      reader,
      fmt::format("SELECT {} FROM release_revisions WHERE workspace = ? AND endpoint = ? AND "
                  "number < ? ORDER BY number DESC LIMIT ?",
                  kRevisionColumns),
      {workspace_, endpoint, before.value_or(INT64_MAX), limit}, read_revision);
}

Result<Revision> Ledger::revision(store::Reader& reader, const std::string& endpoint,
                                  std::int64_t number) const {
  auto found = TRY(read_rows(
      reader,
      fmt::format(
          "SELECT {} FROM release_revisions WHERE workspace = ? AND endpoint = ? AND number = ?",
          kRevisionColumns),
      {workspace_, endpoint, number}, read_revision));
  if (found.empty()) {
    return base::error(Code::kNotFound, "no such revision: endpoint={} number={}", endpoint,
                       number);
  }
  return std::move(found.front());
}

Result<void> Ledger::insert_endpoint(store::Tx& tx, const EndpointRecord& record) const {
  TRY(tx.execute(
      "INSERT INTO release_endpoints(workspace, name, definition, salt, current_revision, state, "
      "created_at, updated_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
      {workspace_, record.name(), base::to_text(record.definition.to_json()), record.salt,
       record.current_revision, base::to_text(to_json(record.state)), record.created_at,
       record.updated_at}));
  return {};
}

Result<void> Ledger::update_endpoint(store::Tx& tx, const EndpointRecord& before,
                                     const EndpointRecord& after) const {
  const std::int64_t changed = TRY(tx.execute(
      "UPDATE release_endpoints SET definition = ?, current_revision = ?, state = ?, updated_at = "
      "? "
      "WHERE workspace = ? AND name = ? AND state = ? AND COALESCE(current_revision, 0) = ?",
      {base::to_text(after.definition.to_json()), after.current_revision,
       base::to_text(to_json(after.state)), after.updated_at, workspace_, before.name(),
       base::to_text(to_json(before.state)), before.current_revision.value_or(0)}));
  return changed == 1 ? Result<void>() : changed_meanwhile(before.name());
}

Result<void> Ledger::delete_endpoint(store::Tx& tx, const EndpointRecord& record) const {
  const std::int64_t changed = TRY(
      tx.execute("DELETE FROM release_endpoints WHERE workspace = ? AND name = ? AND state = ? AND "
                 "COALESCE(current_revision, 0) = ?",
                 {workspace_, record.name(), base::to_text(to_json(record.state)),
                  record.current_revision.value_or(0)}));
  return changed == 1 ? Result<void>() : changed_meanwhile(record.name());
}

Result<std::int64_t> Ledger::newest_number(store::Reader& reader,
                                           const std::string& endpoint) const {
  return TRY(reader.find("SELECT COALESCE(MAX(number), 0) FROM release_revisions WHERE workspace = "
                         "? AND endpoint = ?",
                         {workspace_, endpoint},
                         [](const store::Row& row) { return row.int64(0); }))
      .value_or(0);
}

Result<std::vector<Revision>> Ledger::current_revisions(store::Reader& reader) const {
  return read_rows(
      reader,
      fmt::format("SELECT {} FROM release_revisions r WHERE workspace = ? AND number = "
                  "(SELECT current_revision FROM release_endpoints e WHERE "
                  "e.workspace = r.workspace AND e.name = r.endpoint)",
                  kRevisionColumns),
      {workspace_}, read_revision);
}

Result<void> Ledger::insert_revision(store::Tx& tx, const Revision& revision) const {
  JsonObject running;
  revision.running.append_to(running);
  TRY(tx.execute(
      "INSERT INTO release_revisions(workspace, endpoint, number, kind, variants, features, "
      "output, "
      "salt, log_policy, policy, actor, reason, event_time, arrival_time, previous, restores, "
      "running, cause) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {workspace_, revision.endpoint, revision.number, kind_name(revision.kind),
       base::to_text(Json(to_json(revision.variants))), revision.features, revision.output,
       revision.salt, revision.log_policy, base::to_text(to_json(revision.policy)), revision.actor,
       revision.reason, revision.event_time, revision.arrival_time, revision.previous,
       revision.restores, base::to_text(running), revision.cause}));
  return {};
}

}  // namespace slipway::releases
