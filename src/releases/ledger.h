// Endpoints and their revisions as rows. Functions of a reader or a transaction; they decide
// nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "releases/definition.h"
#include "releases/revision.h"
#include "releases/rollout_policy.h"
#include "store/db.h"

namespace slipway::releases {

// An endpoint as it stands.
struct EndpointRecord {
  EndpointDefinition definition;
  std::string salt;
  std::optional<std::int64_t> current_revision;  // none: nothing was ever deployed
  RolloutState state;
  base::Timestamp created_at, updated_at;

  const std::string& name() const { return definition.name; }
};

class Ledger {
 public:
  explicit Ledger(std::string workspace) : workspace_(std::move(workspace)) {}

  // By name.
  Result<std::vector<EndpointRecord>> endpoints(store::Reader& reader) const;
  // kNotFound.
  Result<EndpointRecord> endpoint(store::Reader& reader, const std::string& name) const;
  // Newest first, numbers below `before` only when it is given. Up to `limit`.
  Result<std::vector<Revision>> revisions(store::Reader& reader, const std::string& endpoint,
                                          std::optional<std::int64_t> before,
                                          std::size_t limit) const;
  // Of every endpoint that has one.
  Result<std::vector<Revision>> current_revisions(store::Reader& reader) const;
  // Also of an endpoint that was removed; 0: it never had one.
  Result<std::int64_t> newest_number(store::Reader& reader, const std::string& endpoint) const;
  // kNotFound.
  Result<Revision> revision(store::Reader& reader, const std::string& endpoint,
                            std::int64_t number) const;

  // kAlreadyExists.
  Result<void> insert_endpoint(store::Tx& tx, const EndpointRecord& record) const;
  // Writes definition, current revision, state and updated_at, if the stored current revision and
  // state are still those of `before`: else kConflict, and somebody else was first.
  Result<void> update_endpoint(store::Tx& tx, const EndpointRecord& before,
                               const EndpointRecord& after) const;
  // As update_endpoint; its revisions stay.
  Result<void> delete_endpoint(store::Tx& tx, const EndpointRecord& record) const;
  Result<void> insert_revision(store::Tx& tx, const Revision& revision) const;

 private:
  const std::string workspace_;
};

JsonObject to_json(const RolloutState& state);
Result<RolloutState> parse_state(std::string_view text);

}  // namespace slipway::releases
