#include "cli/lineage_command.h"

#include <CLI/CLI.hpp>

#include "cli/lineage_chain.h"
#include "cli/model_files.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kModelPrefix = "models:/";

// A request's id may look like the beginning of a commit: all runs are looked through last.
Result<void> add_by_id(Client& client, Chain& chain, const std::string& id,
                       const std::string& walk) {
  if (TRY(chain.add_named(id, walk)) || TRY(chain.add_told(id, walk)) ||
      TRY(chain.add_run_of(id, walk)))
    return {};
  const bool is_whole_commit = id.size() == Chain::kCommitLength;
  if (is_whole_commit && TRY(chain.add_commit(id, walk))) return {};
  const auto endpoint = endpoint_of_request(client, id);
  if (endpoint) return chain.add_request(*endpoint, id);
  if (!is_whole_commit && TRY(chain.add_commit(id, walk))) return {};
  return endpoint.error();
}

Result<Json> trace(Client& client, const std::string& id, const std::string& endpoint,
                   const std::string& walk) {
  Chain chain(client);
  if (id.starts_with(kModelPrefix)) {
    const Json version = TRY(find_model_version(client, id));
    const std::string name = cell(member_at(version, "name")),
                      number = cell(member_at(version, "version"));
    if (walk != "down") TRY(chain.add_model(name, number));
    if (walk != "up") TRY(chain.add_uses(name, number));
  } else if (!endpoint.empty()) {
    TRY(chain.add_request(endpoint, id));
  } else {
    TRY(add_by_id(client, chain, id, walk));
  }
  return Json(JsonObject{{"lineage", chain.take()}});
}

}  // namespace

void add_lineage_command(CLI::App& root, Context& context, int& exit_code) {
  struct Options {
    std::string id, endpoint, walk = "both";
  };
  auto options = std::make_shared<Options>();
  CLI::App* lineage = root.add_subcommand(
      "lineage",
      "From a prediction back to model, gate, run, code and data; up and down from "
      "a model, a run, a dataset, or what others have told of");
  lineage
      ->add_option("id", options->id,
                   "A request's id, models:/NAME/VERSION or @ALIAS, a tracked run, a run of a "
                   "pipeline, a commit, dataset:NAME, dataset:NAME@VERSION, features:SERVICE, "
                   "endpoint:NAME, alert:ID, incident:ID; or, of what others have told by "
                   "OpenLineage, a run's "
                   "id or NAMESPACE/NAME of a job or dataset")
      ->required();
  lineage->add_option("--endpoint", options->endpoint, "Where the request was answered");
  lineage
      ->add_option("--walk", options->walk,
                   "Up to what it was made from, down to what was made of it, or both")
      ->check(CLI::IsMember({"up", "down", "both"}));
  lineage->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish_table(context, trace(client, options->id, options->endpoint, options->walk),
                             "lineage", {{"WHAT", "kind"}, {"ID", "id"}, {"DETAIL", "text"}});
  });
}

}  // namespace slipway::cli
