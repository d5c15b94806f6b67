#include "cli/lineage_command.h"

#include <CLI/CLI.hpp>

#include "cli/lineage_chain.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kModelPrefix = "models:/";
constexpr std::string_view kDatasetPrefix = "dataset:";

Result<std::string> find_endpoint(Client& client, const std::string& request) {
  const Json reply = TRY(client.get("/slipway/v1/endpoints"));
  for (const Json& endpoint : member_at(reply, "endpoints").as_array()) {
    const std::string name = cell(member_at(endpoint, "name"));
    const auto found = client.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {name, request}));
    if (found) return name;
    if (found.error().code != Code::kNotFound) return found.error();
  }
  return base::error(Code::kNotFound,
                     "no endpoint has logged such a request, nobody has told of such a run, job or "
                     "dataset, and it is no models:/NAME/VERSION: {}",
                     request);
}

Result<Json> trace(Client& client, const std::string& id, std::string endpoint,
                   const std::string& walk) {
  Chain chain(client);
  if (id.starts_with(kModelPrefix)) {
    const std::string rest = id.substr(kModelPrefix.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string::npos)
      return base::error(Code::kInvalidArgument, "a model version is models:/NAME/VERSION: {}", id);
    TRY(chain.add_model(rest.substr(0, slash), rest.substr(slash + 1)));
  } else if (id.starts_with(kDatasetPrefix)) {
    TRY(chain.add_dataset(id.substr(kDatasetPrefix.size())));
  } else if (!endpoint.empty() || !TRY(chain.add_told(id, walk))) {
    if (endpoint.empty()) endpoint = TRY(find_endpoint(client, id));
    TRY(chain.add_request(endpoint, id));
  }
  return Json(JsonObject{{"lineage", chain.take()}});
}

}  // namespace

void add_lineage_command(CLI::App& root, Context& context, int& exit_code) {
  struct Options {
    std::string id, endpoint, walk = "both";
  };
  auto options = std::make_shared<Options>();
  CLI::App* lineage =
      root.add_subcommand("lineage",
                          "From a prediction back to model, gate, run, code and data; "
                          "or up and down from a run, job or dataset that others have told of");
  lineage
      ->add_option(
          "id", options->id,
          "A request's id, models:/NAME/VERSION, dataset:NAME; or, of what others have told "
          "by OpenLineage, a run's id or NAMESPACE/NAME of a job or dataset")
      ->required();
  lineage->add_option("--endpoint", options->endpoint, "Where the request was answered");
  lineage
      ->add_option("--walk", options->walk,
                   "From what others have told of: up to what it was made from, down to what was "
                   "made of it, or both")
      ->check(CLI::IsMember({"up", "down", "both"}));
  lineage->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish_table(context, trace(client, options->id, options->endpoint, options->walk),
                             "lineage", {{"WHAT", "kind"}, {"ID", "id"}, {"DETAIL", "text"}});
  });
}

}  // namespace slipway::cli
