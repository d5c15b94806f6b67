// What something was made from and what was made of it, found by asking the server step by step.
#pragma once

#include <array>
#include <set>
#include <string>

#include "cli/client.h"
#include "cli/made_from.h"

namespace slipway::cli {

// The endpoint that has logged the request. kNotFound.
Result<std::string> endpoint_of_request(Client& client, const std::string& request);

// Links in the order in which they were found: {"kind", "id", "text"}.
class Chain {
 public:
  explicit Chain(Client& client) : client_(client) {}
  JsonArray take() { return std::move(links_); }

  // The request's live answer, then what stood behind it.
  Result<void> add_request(const std::string& endpoint, const std::string& id);
  Result<void> add_model(const std::string& model, const std::string& version);
  // Endpoints that it was live at.
  Result<void> add_uses(const std::string& model, const std::string& version);
  // A tracked run or a pipeline's: what it was made from, and by walk the models that came of it
  // with their uses. False: there is no such run.
  Result<bool> add_run_of(const std::string& id, const std::string& walk);
  // By its kind: dataset:NAME or dataset:NAME@VERSION with what others have told of it, endpoint:,
  // features: (a service), alert:, incident:, commit:. False: it is of none of these.
  Result<bool> add_named(const std::string& id, const std::string& walk);
  // Runs of a commit, of which `id` may be the first seven characters or more: all runs are looked
  // through. False: there are none, or it is no commit. kInvalidArgument: several begin so.
  static constexpr std::size_t kCommitLength = 40;
  Result<bool> add_commit(const std::string& id, const std::string& walk);
  // Jobs and datasets that others have told of, from what was first to what was made of it; of a
  // dataset that is ours as well, what we have made of it. False: nobody has told of `of`.
  Result<bool> add_told(const std::string& of, const std::string& walk);

 private:
  // Unless the same was said before.
  void add(const std::string& kind, const std::string& id, const std::string& text);
  // What others name and isn't there any more is told as such; other errors come back.
  Result<void> add_gone(const Error& why, const std::string& kind, const std::string& id);
  Result<void> add_dataset(const std::string& id, const std::string& walk);
  Result<void> add_endpoint(const std::string& name, const std::string& walk);
  Result<void> add_features(const std::string& name, const std::string& walk);
  Result<void> add_alert(const std::string& id, const std::string& walk);
  Result<void> add_incident(const std::string& id, const std::string& walk);
  Result<void> add_incidents_of(const std::string& endpoint);
  // With the models of these variants.
  Result<void> add_revision(const std::string& endpoint, const Json& revision,
                            const std::set<std::string>& variants);
  // The revision that answered then, with all its live models.
  Result<void> add_in_charge(const std::string& endpoint, const std::string& time);
  Result<void> add_run(const std::string& id);
  void add_input(const std::string& name, const DatasetUsed& used);
  Result<void> add_pipeline_run(const std::string& id);
  // The newest runs of pipelines that read the dataset, and the model versions that came of them.
  Result<void> add_made_of(const std::string& dataset);
  // The runs that read this version, `id` NAME@VERSION, and the model versions that came of them.
  Result<void> add_made_of_version(const std::string& dataset, const std::string& id,
                                   const std::set<std::string>& digests);
  Result<void> add_tracked(const std::string& pipeline_run, std::set<std::string>& known);
  Result<void> add_versions(const std::string& run, std::set<std::string>& known);
  // Files that it scored.
  Result<void> add_batches(const std::string& uri);

  Client& client_;
  JsonArray links_;
  std::set<std::array<std::string, 3>> known_;  // kind, id and text of all links
  std::set<std::string> made_of_;               // datasets whose followers were told
  std::set<std::string> inputs_;                // versions of datasets that something was made from
};

}  // namespace slipway::cli
