// One line of an endpoint's ledger: what answered its requests, since when, by whom and why.
// Immutable once written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "releases/definition.h"

namespace slipway::releases {

// Requests are spread over this many slots by a stated hash of the endpoint's salt and the
// request's key.
constexpr int kSlots = 10'000;

// Slots from <= slot < to.
struct SlotRange {
  int from = 0, to = 0;
  bool operator==(const SlotRange&) const = default;
};

enum class Role { kLive, kShadow };
std::string_view role_name(Role role);  // "live", "shadow"

// A model version that scores requests. A live one answers those whose slot lies in its ranges; a
// shadow answers none: it scores all of them, or those of its ranges.
struct Variant {
  std::string name;  // "live", "canary", "challenger"; "canary-shadow" or a shadow's own
  Role role = Role::kLive;
  std::string model;  // registered name
  std::int64_t version = 0;
  std::string uri;  // pinned: "models:/flight-delay/3"
  std::vector<SlotRange> slots;

  int weight() const;  // slots
  bool operator==(const Variant&) const = default;
};

enum class RevisionKind {
  kDeploy,
  kCanaryStep,
  kPromote,
  kRollback,
  kHold,
  kFollow,
  kThreshold,
  kExperiment,
  kConclude,
  kFallback
};
std::string_view kind_name(RevisionKind kind);  // "deploy", "canary-step", ...
Result<RevisionKind> parse_kind(std::string_view name);

struct Revision {
  std::string endpoint;
  std::int64_t number = 0;  // counts from 1 per endpoint, without gaps
  RevisionKind kind = RevisionKind::kDeploy;
  std::vector<Variant> variants;
  std::string features;  // feature service
  std::string output;
  std::string salt;  // of the endpoint; never changes, so that requests keep their slots
  std::string log_policy;
  Running running;
  ReleasePolicy policy;  // as declared at the time
  std::string actor, reason;
  base::Timestamp event_time;            // by the event clock
  base::Timestamp arrival_time;          // by the server's clock
  std::optional<std::int64_t> previous;  // none: the first
  std::optional<std::int64_t> restores;  // a rollback: the revision whose variants these are
  std::string cause;  // of what no person did: "alerts/3/actions/7"; one revision each

  // Live variants, the one with most slots first.
  std::vector<const Variant*> live() const;
  // One model version answers everything.
  bool is_settled() const { return live().size() == 1; }
  const Variant* find_variant(std::string_view name) const;

  JsonObject to_json() const;  // as the API shows it
};

JsonArray to_json(const std::vector<Variant>& variants);
Result<std::vector<Variant>> parse_variants(std::string_view text);

// What answers and scores is the same, whoever wrote it down and why.
bool serves_the_same(const Revision& a, const Revision& b);

}  // namespace slipway::releases
