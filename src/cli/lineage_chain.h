// What something was made from and what was made of it, found by asking the server step by step.
#pragma once

#include <set>
#include <string>

#include "cli/client.h"

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
  // What others have told of one of our datasets, and what we have made of it.
  Result<void> add_dataset(const std::string& name);
  // Jobs and datasets that others have told of, from what was first to what was made of it; of a
  // dataset that is ours as well, what we have made of it. False: nobody has told of `of`.
  Result<bool> add_told(const std::string& of, const std::string& walk);

 private:
  void add(const std::string& kind, const std::string& id, const std::string& text);
  Result<void> add_revision(const std::string& endpoint, std::int64_t number,
                            const JsonArray& answered);
  Result<void> add_run(const std::string& id);
  Result<void> add_pipeline_run(const std::string& id);
  // The newest runs of pipelines that read the dataset, and the model versions that came of them.
  Result<void> add_made_of(const std::string& dataset);
  Result<void> add_tracked(const std::string& pipeline_run, std::set<std::string>& known);
  Result<void> add_versions(const std::string& run, std::set<std::string>& known);

  Client& client_;
  JsonArray links_;
  std::set<std::string> made_of_;  // datasets whose followers were told
};

}  // namespace slipway::cli
