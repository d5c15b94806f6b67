#include "releases/gates.h"

#include "types/timestamp.h"

namespace slipway::releases {
namespace {

constexpr std::string_view kColumns =
    "id, model, candidate_version, champion_version, verdict, report, actor, event_time, "
    "arrival_time, promoted_version, promoted_alias, is_done";

Json number_or_nothing(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json(nullptr);
}

JsonObject describe(const Contender& contender) {
  JsonObject object{{"version", number_or_nothing(contender.version)},
                    {"run_id", contender.run_id}};
  object["train_until"] =
      contender.train_until ? Json(types::to_rfc3339(*contender.train_until)) : Json(nullptr);
  return object;
}

Result<GateRecord> read_gate(const store::Row& row) {
  GateRecord gate{.id = row.string(0),
                  .model = row.string(1),
                  .candidate_version = row.maybe_int64(2),
                  .champion_version = row.maybe_int64(3),
                  .pass = row.text(4) == "pass",
                  .actor = row.string(6),
                  .event_time = row.time(7),
                  .arrival_time = row.time(8),
                  .promoted_version = row.maybe_int64(9),
                  .promoted_alias = row.string(10),
                  .is_done = row.int64(11) != 0};
  gate.report = TRY(base::parse_json_object(row.text(5)));
  return gate;
}

Result<std::vector<GateRecord>> read_gates(store::Reader& reader, std::string_view where,
                                           store::Params params) {
  std::vector<GateRecord> gates;
  Result<void> parsed;
  TRY(reader.query(fmt::format("SELECT {} FROM release_gates WHERE {}", kColumns, where), params,
                   [&](const store::Row& row) {
                     auto gate = read_gate(row);
                     if (gate) {
                       gates.push_back(std::move(*gate));
                     } else {
                       parsed = std::move(gate).error();
                     }
                   }));
  TRY(std::move(parsed));
  return gates;
}

Result<GateRecord> get_gate(store::Reader& reader, const std::string& workspace,
                            const std::string& id) {
  auto found = TRY(read_gates(reader, "workspace = ? AND id = ?", {workspace, id}));
  if (found.empty()) return base::error(Code::kNotFound, "no such gate: id={}", id);
  return std::move(found.front());
}

}  // namespace

JsonObject GateRecord::to_json() const {
  JsonObject object = report;
  object["id"] = id;
  object["model"] = model;
  object["candidate_version"] = number_or_nothing(candidate_version);
  object["champion_version"] = number_or_nothing(champion_version);
  object["actor"] = actor;
  object["time"] = types::to_rfc3339(event_time);
  object["arrival_time"] = types::to_rfc3339(arrival_time);
  object["promoted_version"] = number_or_nothing(promoted_version);
  return object;
}

Gates::Gates(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
             base::Random& random, std::string workspace)
    : db_(db),
      event_clock_(event_clock),
      wall_clock_(wall_clock),
      random_(random),
      workspace_(std::move(workspace)) {}

Result<GateRecord> Gates::create(const GateInput& input, const std::string& actor) {
  const GateReport report = TRY(judge_gate(input));
  GateRecord gate{.id = random_.hex(8),
                  .model = input.model,
                  .candidate_version = input.candidate.version,
                  .pass = report.pass,
                  .report = report.to_json(),
                  .actor = actor,
                  .event_time = event_clock_.now(),
                  .arrival_time = wall_clock_.now()};
  if (input.champion) gate.champion_version = input.champion->version;
  gate.report["policy"] = input.policy.to_json();
  JsonObject compared{{"candidate", describe(input.candidate)}};
  compared["champion"] = input.champion ? Json(describe(*input.champion)) : Json(nullptr);
  gate.report["compared"] = std::move(compared);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO release_gates(workspace, id, model, candidate_version, "
                   "champion_version, verdict, report, actor, event_time, arrival_time) "
                   "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   {workspace_, gate.id, gate.model, gate.candidate_version, gate.champion_version,
                    gate.pass ? "pass" : "refuse", base::to_text(gate.report), gate.actor,
                    gate.event_time, gate.arrival_time}));
    return tx.append_event(
        {.kind = gate.pass ? "gate.passed" : "gate.refused",
         .subject = "models/" + gate.model,
         .actor = actor,
         .payload = {{"gate", gate.id},
                     {"candidate_version", number_or_nothing(gate.candidate_version)},
                     {"sentence", report.sentence}},
         .event_time = gate.event_time,
         .workspace = workspace_});
  }));
  return gate;
}

Result<std::vector<GateRecord>> Gates::list(const std::string& model, std::size_t limit) {
  return db_.read([&](store::Reader& reader) {
    return read_gates(reader,
                      "workspace = ? AND model = ? ORDER BY arrival_time DESC, event_time DESC, id "
                      "LIMIT ?",
                      {workspace_, model, limit});
  });
}

Result<GateRecord> Gates::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) { return get_gate(reader, workspace_, id); });
}

std::optional<std::string> find_objection(const GateRecord& gate, const std::string& model,
                                          const std::string& alias, std::int64_t version,
                                          std::optional<std::int64_t> champion) {
  if (gate.model != model) return fmt::format("the gate was about another model: {}", gate.model);
  if (!gate.pass) {
    const Json* sentence = gate.report.if_contains("sentence");
    return sentence != nullptr && sentence->is_string()
               ? std::string(std::string_view(sentence->get_string()))
               : "the gate refused";
  }
  if (gate.promoted_version) {
    const bool is_known = !gate.promoted_alias.empty();
    const bool is_same =
        gate.promoted_version == version && (!is_known || gate.promoted_alias == alias);
    // The same promotion again: its answer was lost, or the server ended before the alias moved.
    if (is_same && (champion == version || (!gate.is_done && champion == gate.champion_version)))
      return std::nullopt;
    return fmt::format("the gate was used for version {}{} already", *gate.promoted_version,
                       is_known ? " as " + gate.promoted_alias : "");
  }
  if (gate.candidate_version && *gate.candidate_version != version) {
    const Json* policy = gate.report.if_contains("policy");
    const bool refit = policy != nullptr && policy->is_object() &&
                       base::find_bool(policy->as_object(), "refit").value_or(std::nullopt) == true;
    if (!refit || version < *gate.candidate_version) {
      return fmt::format("the gate was about version {}", *gate.candidate_version);
    }
  }
  if (gate.champion_version != champion) {
    return fmt::format("the champion has changed since: it was {}, it is {}",
                       gate.champion_version ? fmt::format("version {}", *gate.champion_version)
                                             : std::string("none"),
                       champion ? fmt::format("version {}", *champion) : std::string("none"));
  }
  return std::nullopt;
}

Result<void> Gates::admit(const std::string& id, const std::string& model, const std::string& alias,
                          std::int64_t version, std::optional<std::int64_t> champion,
                          const std::string& actor) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const GateRecord gate = TRY(get_gate(tx, workspace_, id));
    if (const auto objection = find_objection(gate, model, alias, version, champion)) {
      return base::error(Code::kFailedPrecondition, "the gate says no: {}", *objection);
    }
    if (gate.promoted_version) return {};
    TRY(
        tx.execute("UPDATE release_gates SET promoted_version = ?, promoted_alias = ? WHERE "
                   "workspace = ? AND id = ?",
                   {version, alias, workspace_, id}));
    return tx.append_event({.kind = "gate.used",
                            .subject = "models/" + model,
                            .actor = actor,
                            .payload = {{"gate", id}, {"alias", alias}, {"version", version}},
                            .event_time = event_clock_.now(),
                            .workspace = workspace_});
  });
}

Result<void> Gates::finish(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE release_gates SET is_done = 1 WHERE workspace = ? AND id = ?",
                   {workspace_, id}));
    return {};
  });
}

Result<Promotion> promote(Gates& gates, ModelAliases& aliases, const std::string& model,
                          const std::string& alias, std::int64_t version,
                          const std::string& gate_id, const std::string& actor) {
  Promotion promotion{.model = model, .alias = alias, .version = version, .gate = gate_id};
  promotion.previous = TRY(aliases.find_target(model, alias));
  TRY(gates.admit(gate_id, model, alias, version, promotion.previous, actor));
  const GateRecord gate = TRY(gates.get(gate_id));
  if (promotion.previous != version)
    TRY(aliases.move(model, alias, version, base::to_text(gate.to_json()), actor));
  if (!gate.is_done) TRY(gates.finish(gate_id));
  return promotion;
}

}  // namespace slipway::releases
