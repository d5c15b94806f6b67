#include "cli/inputs_command.h"

#include <CLI/CLI.hpp>

#include "cli/inference_flags.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string endpoint, dataset;
  InferenceFlags how;
};

std::string show_inputs(const Json& reply) {
  const Json& rules = member_at(reply, "columns");
  if (!rules.is_object() || rules.as_object().empty())
    return "no rules are declared (`inputs:` of the endpoint; slipway endpoints inputs infer makes "
           "some)\n";
  JsonArray columns;
  for (const auto& [name, rule] : rules.as_object()) {
    JsonObject row{{"name", name}};
    JsonObject members = rule.as_object();
    row["on_violation"] = members.contains("on_violation") ? members.at("on_violation")
                                                           : member_at(reply, "on_violation");
    members.erase("on_violation");
    row["rule"] = base::to_text(members);
    columns.push_back(std::move(row));
  }
  std::string out =
      table(columns, {{"INPUT", "name"}, {"RULE", "rule"}, {"ON VIOLATION", "on_violation"}});
  out += fmt::format("\nsince the server started: {} rows rejected, {} quarantined, {} flagged\n",
                     cell(member_at(reply, "rows.rejected")),
                     cell(member_at(reply, "rows.quarantined")),
                     cell(member_at(reply, "rows.flagged")));
  const JsonArray& violations = member_at(reply, "violations").as_array();
  if (violations.empty()) return out;
  JsonArray rows;
  for (const Json& violation : violations) {
    JsonObject row = violation.as_object();
    const JsonArray& last = member_at(violation, "last").as_array();
    if (!last.empty()) {
      row["value"] = member_at(last.front(), "value");
      row["request"] = member_at(last.front(), "request_id");
      row["time"] = member_at(last.front(), "time");
    }
    rows.push_back(std::move(row));
  }
  return out + "\n" +
         table(rows, {{"INPUT", "column"},
                      {"BROKE", "rule"},
                      {"THEN", "on_violation"},
                      {"VALUES", "values"},
                      {"LAST VALUE", "value"},
                      {"OF REQUEST", "request"},
                      {"TIME", "time"}});
}

// The block alone, so that it can be put into a file.
std::string show_inferred(const Json& reply) {
  std::string out = fmt::format("# {} rows of {}\n{}", cell(member_at(reply, "rows")),
                                cell(member_at(reply, "from")), cell(member_at(reply, "yaml")));
  for (const Json& name : member_at(reply, "not_found").as_array())
    out += fmt::format("    # {}: the rows have no such column\n", cell(name));
  return out;
}

}  // namespace

void add_inputs_command(CLI::App& endpoints, Context& context, int& exit_code) {
  CLI::App* inputs =
      endpoints.add_subcommand("inputs", "Rules of what an endpoint is asked, and what broke them");
  inputs->require_subcommand(1);
  auto options = std::make_shared<Options>();

  CLI::App* show = inputs->add_subcommand("show", "The rules, and the values that broke them");
  show->add_option("endpoint", options->endpoint)->required();
  show->callback([&context, &exit_code, options] {
    exit_code =
        finish(context,
               Client(context).get(path_of("/slipway/v1/endpoints/{}/inputs", {options->endpoint})),
               show_inputs);
  });

  CLI::App* infer = inputs->add_subcommand(
      "infer", "Rules that hold for all training rows, as a part of slipway.yaml to look through");
  infer->add_option("endpoint", options->endpoint)->required();
  infer->add_option("--dataset", options->dataset,
                    "Rows of this one; otherwise of the monitor's reference, or the dataset that "
                    "has all inputs");
  options->how.add_to(*infer);
  infer->callback([&context, &exit_code, options] {
    const std::string path = path_of("/slipway/v1/endpoints/{}/inputs/inferred?dataset={}&",
                                     {options->endpoint, options->dataset}) +
                             options->how.query();
    exit_code = finish(context, Client(context).get(path), show_inferred);
  });
}

}  // namespace slipway::cli
