#include "cli/search_commands.h"

#include <CLI/CLI.hpp>

#include "base/http_client.h"
#include "cli/search_view.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

// The steps of a run that are searches, or the one that is asked for.
Result<Json> find_searches(Client& client, const std::string& run, const std::string& name) {
  const Json told = TRY(client.get(path_of("/slipway/v1/pipeline-runs/{}", {run})));
  JsonArray found;
  for (const Json& step : member_at(told, "steps").as_array()) {
    if (is_search(step) && (name.empty() || cell(member_at(step, "name")) == name))
      found.push_back(step);
  }
  if (!found.empty()) return Json(JsonObject{{"run", run}, {"searches", std::move(found)}});
  return base::error(Code::kNotFound, "the run has no such search: run={}{}", run,
                     name.empty() ? "" : " step=" + name);
}

std::string show_searches(const Json& told) {
  std::string out;
  for (const Json& step : member_at(told, "searches").as_array()) {
    out += fmt::format("{}{}: {} by {}, {} {}: {}\n", out.empty() ? "" : "\n",
                       cell(member_at(step, "name")), cell(member_at(step, "state")),
                       cell(member_at(step, "search.method")), cell(member_at(step, "search.goal")),
                       cell(member_at(step, "search.metric")), cell(member_at(step, "reason")));
    out += trials_table(step);
  }
  return out;
}

}  // namespace

void add_search_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* search = root.add_subcommand("search", "Searches of parameters, and their trials");
  search->require_subcommand(1);
  auto name = std::make_shared<std::string>();
  CLI::App* list = search->add_subcommand("list", "Searches, newest first, with their best value");
  list->add_option("pipeline", *name, "Of this pipeline alone");
  list->callback([&context, &exit_code, name] {
    exit_code = finish_table(
        context,
        Client(context).get(std::string("/slipway/v1/searches") +
                            (name->empty() ? "" : "?pipeline=" + base::percent_encode(*name))),
        "searches",
        {{"RUN", "run"},
         {"PIPELINE", "pipeline"},
         {"STEP", "name"},
         {"STATE", "state"},
         {"METHOD", "search.method"},
         {"TRIALS", "trials"},
         {"METRIC", "search.metric"},
         {"BEST", "score"}});
  });
  auto run = std::make_shared<std::string>();
  CLI::App* show = search->add_subcommand("show", "The trials of a run's search");
  show->add_option("run", *run)->required();
  show->add_option("step", *name, "Of several searches this one");
  show->callback([&context, &exit_code, run, name] {
    Client client(context);
    exit_code = finish(context, find_searches(client, *run, *name), show_searches);
  });
}

}  // namespace slipway::cli
