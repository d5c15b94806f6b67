#include <algorithm>

#include "base/text.h"
#include "registry/names.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace slipway::registry {
namespace {

Json version_or_null(const std::optional<std::int64_t>& version) {
  return version ? Json(*version) : Json(nullptr);
}

std::string join(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_approver(const Protection& protection, const Change& change) {
  return change.proven && contains(protection.approvers, change.actor);
}

// For messages.
std::string name_of(const Change& change) {
  return change.proven ? change.actor : change.actor + ", not logged in";
}

Result<std::vector<Protection>> read_protections(store::Reader& reader, const std::string& model) {
  std::vector<Protection> found;
  TRY(reader.query("SELECT alias, gated FROM protected_aliases WHERE model = ? ORDER BY alias",
                   {model}, [&](const store::Row& row) {
                     found.push_back({.alias = row.string(0), .gated = row.int64(1) != 0});
                   }));
  for (Protection& protection : found) {
    TRY(reader.query(
        "SELECT approver FROM alias_approvers WHERE model = ? AND alias = ? ORDER BY approver",
        {model, protection.alias},
        [&](const store::Row& row) { protection.approvers.push_back(row.string(0)); }));
    TRY(
        reader.query("SELECT version, approver, reason, time FROM alias_approvals WHERE model = ? "
                     "AND alias = ? ORDER BY time, version, approver",
                     {model, protection.alias}, [&](const store::Row& row) {
                       protection.approvals.push_back({.version = row.int64(0),
                                                       .approver = row.string(1),
                                                       .reason = row.string(2),
                                                       .time = row.time(3)});
                     }));
  }
  return found;
}

Result<std::optional<Protection>> find_protection(store::Reader& reader, const std::string& model,
                                                  const std::string& alias) {
  for (Protection& protection : TRY(read_protections(reader, model))) {
    if (protection.alias == alias) return std::optional(std::move(protection));
  }
  return std::optional<Protection>();
}

enum class Gate { kNone, kPassed };

// The one rule. An approval counts as long as its approver is one still.
Result<void> check_allowed(const std::optional<Protection>& protection, const std::string& model,
                           const std::optional<std::int64_t>& to, const Change& change, Gate gate) {
  if (!protection) return {};
  if (protection->gated && gate == Gate::kNone) {
    return base::error(Code::kPermissionDenied,
                       "The alias is protected and moves only through a gate: model={} alias={} "
                       "(see `slipway models promote`)",
                       model, protection->alias);
  }
  const auto& approvers = protection->approvers;
  if (approvers.empty() || is_approver(*protection, change)) return {};
  for (const Approval& approval : protection->approvals) {
    if (to && approval.version == *to && contains(approvers, approval.approver)) return {};
  }
  return base::error(Code::kPermissionDenied,
                     "The alias is protected, and {} may move it or approve a version for it: "
                     "model={} alias={} you={} (see `slipway models approve`)",
                     join(approvers), model, protection->alias, name_of(change));
}

// Who may change the protection itself.
Result<void> check_may_protect(const std::optional<Protection>& protection,
                               const std::string& model, const Change& change) {
  if (!protection || protection->approvers.empty() || is_approver(*protection, change)) return {};
  return base::error(Code::kPermissionDenied,
                     "Only who may approve can change the protection: {}: model={} alias={} you={}",
                     join(protection->approvers), model, protection->alias, name_of(change));
}

Result<void> record_move(store::Tx& tx, const AliasMove& move) {
  TRY(
      tx.execute("INSERT INTO alias_moves(model, alias, from_version, to_version, time, actor, "
                 "reason) VALUES(?, ?, ?, ?, ?, ?, ?)",
                 {move.model, move.alias, move.from, move.to, move.time, move.actor, move.reason}));
  const bool prompt = TRY(find_prompt(tx, move.model));
  return tx.append_event({.kind = "alias.moved",
                          .subject = model_subject(move.model),
                          .actor = move.actor,
                          .payload = {{"alias", move.alias},
                                      {"from", version_or_null(move.from)},
                                      {"to", version_or_null(move.to)},
                                      {"reason", move.reason},
                                      {"prompt", prompt}}});
}

}  // namespace

Result<std::vector<AliasMove>> drop_aliases(store::Tx& tx, const std::string& model,
                                            std::optional<std::int64_t> version,
                                            base::Timestamp now, const Change& change) {
  std::vector<AliasMove> moves;
  TRY(tx.query("SELECT alias, version FROM model_aliases WHERE model = ? ORDER BY alias", {model},
               [&](const store::Row& row) {
                 if (version && row.int64(1) != *version) return;
                 moves.push_back(
                     {.model = model,
                      .alias = row.string(0),
                      .from = row.int64(1),
                      .to = std::nullopt,
                      .time = now,
                      .actor = change.actor,
                      .reason = version ? "the version was deleted" : "the model was deleted"});
               }));
  for (const AliasMove& move : moves) {
    TRY(check_allowed(TRY(find_protection(tx, model, move.alias)), model, std::nullopt, change,
                      Gate::kNone));
    TRY(tx.execute("DELETE FROM model_aliases WHERE model = ? AND alias = ?", {model, move.alias}));
    TRY(record_move(tx, move));
  }
  return moves;
}

Result<AliasMove> Registry::move_alias(const std::string& model, const std::string& alias,
                                       std::optional<std::int64_t> to, const Change& change,
                                       const std::string& gate) {
  TRY(to ? check_new_alias(alias) : check_alias(alias));
  AliasMove move{.model = model,
                 .alias = alias,
                 .to = to,
                 .time = clock_.now(),
                 .actor = change.actor,
                 .reason = change.reason};
  move.from = TRY(db_.write([&](store::Tx& tx) -> Result<std::optional<std::int64_t>> {
    if (to) {
      TRY(find_version(tx, model, *to));
    } else {
      TRY(find_model(tx, model));
    }
    const std::optional<Protection> protection = TRY(find_protection(tx, model, alias));
    TRY(check_allowed(protection, model, to, change, gate.empty() ? Gate::kNone : Gate::kPassed));
    AliasMove done = move;
    done.from = TRY(tx.find("SELECT version FROM model_aliases WHERE model = ? AND alias = ?",
                            {model, alias}, [](const store::Row& row) { return row.int64(0); }));
    if (to) {
      TRY(
          tx.execute("INSERT INTO model_aliases(model, alias, version) VALUES(?, ?, ?) ON "
                     "CONFLICT(model, alias) DO UPDATE SET version = excluded.version",
                     {model, alias, *to}));
      if (!gate.empty())
        TRY(tx.execute("UPDATE model_versions SET gate = ? WHERE model = ? AND version = ?",
                       {gate, model, *to}));
      TRY(tx.execute("DELETE FROM alias_approvals WHERE model = ? AND alias = ? AND version = ?",
                     {model, alias, *to}));
    } else {
      TRY(tx.execute("DELETE FROM model_aliases WHERE model = ? AND alias = ?", {model, alias}));
    }
    if (done.from != done.to) TRY(record_move(tx, done));
    return done.from;
  }));
  if (observer_ != nullptr && move.from != move.to) observer_->alias_moved(move);
  return move;
}

Result<void> Registry::set_alias(const std::string& model, const std::string& alias,
                                 std::int64_t version, const Change& change) {
  TRY(move_alias(model, alias, version, change, ""));
  return {};
}

Result<void> Registry::delete_alias(const std::string& model, const std::string& alias,
                                    const Change& change) {
  TRY(move_alias(model, alias, std::nullopt, change, ""));
  return {};
}

Result<AliasMove> Registry::promote(const std::string& model, const std::string& alias,
                                    std::int64_t version, const std::string& gate,
                                    const Change& change) {
  return move_alias(model, alias, version, change, gate.empty() ? "{}" : gate);
}

Result<ModelVersion> Registry::version_by_alias(const std::string& model,
                                                const std::string& alias) {
  TRY(check_alias(alias));
  const std::string word = base::lowered(alias);
  return db_.read([&](store::Reader& reader) -> Result<ModelVersion> {
    const RegisteredModel found = TRY(find_model(reader, model));
    if (word == "latest") {
      if (found.latest_versions.empty())
        return base::error(Code::kNotFound, "Latest version not found for model {}.", model);
      return found.latest_versions.back();
    }
    for (const Alias& known : found.aliases) {
      if (known.alias == alias) return find_version(reader, model, known.version);
    }
    return base::error(Code::kInvalidArgument, "Registered model alias {} not found.", alias);
  });
}

Result<void> Registry::protect_alias(const std::string& model, const std::string& alias,
                                     const Change& change) {
  TRY(check_new_alias(alias));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto before = TRY(find_protection(tx, model, alias));
    if (before && before->gated) return {};
    TRY(
        tx.execute("INSERT INTO protected_aliases(model, alias, gated) VALUES(?, ?, 1) ON "
                   "CONFLICT(model, alias) DO UPDATE SET gated = 1",
                   {model, alias}));
    return tx.append_event({.kind = "alias.protected",
                            .subject = model_subject(model),
                            .actor = change.actor,
                            .payload = {{"alias", alias}}});
  });
}

Result<void> Registry::set_approvers(const std::string& model, const std::string& alias,
                                     const std::vector<std::string>& approvers,
                                     const Change& change) {
  TRY(check_new_alias(alias));
  if (approvers.empty() || contains(approvers, ""))
    return base::error(Code::kInvalidArgument, "an alias needs at least one approver: alias={}",
                       alias);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, model));
    TRY(check_may_protect(TRY(find_protection(tx, model, alias)), model, change));
    TRY(
        tx.execute("INSERT INTO protected_aliases(model, alias, gated) VALUES(?, ?, 0) ON CONFLICT "
                   "DO NOTHING",
                   {model, alias}));
    TRY(tx.execute("DELETE FROM alias_approvers WHERE model = ? AND alias = ?", {model, alias}));
    JsonArray names;
    for (const std::string& approver : approvers) {
      TRY(
          tx.execute("INSERT INTO alias_approvers(model, alias, approver) VALUES(?, ?, ?) ON "
                     "CONFLICT DO NOTHING",
                     {model, alias, approver}));
      names.emplace_back(approver);
    }
    return tx.append_event(
        {.kind = "alias.protected",
         .subject = model_subject(model),
         .actor = change.actor,
         .payload = {
             {"alias", alias}, {"approvers", std::move(names)}, {"reason", change.reason}}});
  });
}

Result<void> Registry::unprotect_alias(const std::string& model, const std::string& alias,
                                       const Change& change) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto before = TRY(find_protection(tx, model, alias));
    if (!before) {
      return base::error(Code::kNotFound, "the alias is not protected: model={} alias={}", model,
                         alias);
    }
    TRY(check_may_protect(before, model, change));
    TRY(tx.execute("DELETE FROM protected_aliases WHERE model = ? AND alias = ?", {model, alias}));
    return tx.append_event({.kind = "alias.unprotected",
                            .subject = model_subject(model),
                            .actor = change.actor,
                            .payload = {{"alias", alias}, {"reason", change.reason}}});
  });
}

Result<void> Registry::approve(const std::string& model, const std::string& alias,
                               std::int64_t version, const Change& change) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_version(tx, model, version));
    const auto protection = TRY(find_protection(tx, model, alias));
    if (!protection || protection->approvers.empty()) {
      return base::error(Code::kNotFound, "the alias has no approvers: model={} alias={}", model,
                         alias);
    }
    if (!is_approver(*protection, change)) {
      return base::error(Code::kPermissionDenied,
                         "Only {} may approve a version for the alias: model={} alias={} you={}",
                         join(protection->approvers), model, alias, name_of(change));
    }
    TRY(
        tx.execute("INSERT INTO alias_approvals(model, alias, version, approver, reason, time) "
                   "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(model, alias, version, approver) DO "
                   "UPDATE SET reason = excluded.reason, time = excluded.time",
                   {model, alias, version, change.actor, change.reason, now}));
    return tx.append_event(
        {.kind = "alias.approved",
         .subject = model_subject(model),
         .actor = change.actor,
         .payload = {{"alias", alias}, {"version", version}, {"reason", change.reason}}});
  });
}

Result<std::vector<Protection>> Registry::protections(const std::string& model) {
  return db_.read([&](store::Reader& reader) { return read_protections(reader, model); });
}

Result<std::vector<AliasMove>> Registry::alias_history(const std::string& model,
                                                       const std::string& alias) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<AliasMove>> {
    std::vector<AliasMove> moves;
    TRY(reader.query(
        "SELECT model, alias, from_version, to_version, time, actor, reason FROM alias_moves WHERE "
        "model = ? AND (? = '' OR alias = ?) ORDER BY number DESC",
        {model, alias, alias}, [&](const store::Row& row) {
          moves.push_back({row.string(0), row.string(1), row.maybe_int64(2), row.maybe_int64(3),
                           row.time(4), row.string(5), row.string(6)});
        }));
    return moves;
  });
}

}  // namespace slipway::registry
