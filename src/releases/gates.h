// Verdicts of the gate, kept with every number, and what they allow.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/result.h"
#include "releases/gate.h"
#include "releases/ports.h"
#include "store/db.h"

namespace slipway::releases {

struct GateRecord {
  std::string id;
  std::string model;
  std::optional<std::int64_t> candidate_version;
  std::optional<std::int64_t> champion_version;  // none: judged against a base rate
  bool pass = false;
  JsonObject report;  // GateReport::to_json, with the policy and who was compared
  std::string actor;
  base::Timestamp event_time, arrival_time;
  std::optional<std::int64_t> promoted_version;  // set once the verdict was used
  std::string promoted_alias;                    // of which it was; empty: not known
  bool is_done = false;                          // the alias has moved by it

  JsonObject to_json() const;
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Gates {
 public:
  Gates(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
        base::Random& random, std::string workspace = "default");

  // Judges and keeps the verdict, passed or refused. Errors are judge_gate's; nothing is kept then.
  Result<GateRecord> create(const GateInput& input, const std::string& actor);
  // Newest first.
  Result<std::vector<GateRecord>> list(const std::string& model, std::size_t limit = 100);
  // kNotFound.
  Result<GateRecord> get(const std::string& id);

  // May this version take over from `champion` (what the alias points to now, if anything) by this
  // verdict? If so the verdict is used up: it allows the same promotion again until that is done,
  // and no other. kNotFound: no such gate. kFailedPrecondition: it refused, was about another model
  // or version, was used, or the champion has changed since.
  Result<void> admit(const std::string& id, const std::string& model, const std::string& alias,
                     std::int64_t version, std::optional<std::int64_t> champion,
                     const std::string& actor);
  // The alias has moved: the verdict doesn't move it again.
  Result<void> finish(const std::string& id);

 private:
  store::Db& db_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  const std::string workspace_;
};

struct Promotion {
  std::string model, alias;
  std::int64_t version = 0;
  std::optional<std::int64_t> previous;  // what the alias pointed to
  std::string gate;
};
// Moves an alias by a verdict: the only way a protected one moves. Asking again after a crash or a
// lost answer is harmless. Errors of Gates::admit and ModelAliases.
Result<Promotion> promote(Gates& gates, ModelAliases& aliases, const std::string& model,
                          const std::string& alias, std::int64_t version,
                          const std::string& gate_id, const std::string& actor);

// The rule behind admit(): why not, or nothing. Pure.
std::optional<std::string> find_objection(const GateRecord& gate, const std::string& model,
                                          const std::string& alias, std::int64_t version,
                                          std::optional<std::int64_t> champion);

}  // namespace slipway::releases
