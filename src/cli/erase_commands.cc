#include "cli/erase_commands.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <set>

#include "cli/lineage_chain.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string tag, value;
  bool yes = false;
};

// Versions of models that came of pipelines that read one of the datasets.
Result<JsonArray> models_of(Client& client, const Json& report) {
  std::set<std::string> datasets;
  for (const Json& place : member_at(report, "places").as_array()) {
    if (cell(member_at(place, "kind")) != "request log")
      datasets.insert(cell(member_at(place, "name")));
  }
  JsonArray models;
  for (const std::string& dataset : datasets) {
    Chain chain(client);
    TRY(chain.add_dataset(dataset));
    for (Json& link : chain.take()) {
      if (cell(member_at(link, "kind")) != "model version") continue;
      models.push_back(JsonObject{{"model", member_at(link, "id")},
                                  {"dataset", dataset},
                                  {"how", member_at(link, "text")}});
    }
  }
  return models;
}

Result<Json> erase(Context& context, const Options& options) {
  std::string value = options.value;
  if (value == "-" && !std::getline(std::cin, value))
    return base::error(Code::kInvalidArgument, "standard input says who is to be erased");
  Client client(context);
  // What is gone is no longer found, so what was made of it is looked for first.
  const Json found = TRY(client.post("/slipway/v1/erasures",
                                     {{"tag", options.tag}, {"value", value}, {"dry_run", true}}));
  JsonArray models = TRY(models_of(client, found));
  Json report = found;
  if (options.yes)
    report = TRY(client.post("/slipway/v1/erasures", {{"tag", options.tag}, {"value", value}}));
  report.as_object()["models"] = std::move(models);
  return report;
}

std::string show(const Json& report) {
  const bool is_done = member_at(report, "dry_run") != Json(true);
  std::string out =
      table(member_at(report, "places").as_array(),
            {{"WHERE", "kind"}, {"NAME", "name"}, {"VERSION", "version"}, {"ROWS", "rows"}});
  const JsonArray& models = member_at(report, "models").as_array();
  if (!models.empty()) {
    out += "\nmodels that were trained on it:\n" +
           table(models, {{"MODEL", "model"}, {"DATASET", "dataset"}, {"HOW", "how"}});
  }
  out += fmt::format("\n{} rows {}\n", cell(member_at(report, "rows")),
                     is_done ? "were erased" : "would be erased; nothing was: --yes does it");
  if (is_done) {
    for (const Json& left : member_at(report, "left").as_array())
      out += fmt::format("bytes may be left in {}\n", cell(left));
    out +=
        "not searched: files that datasets come from, artifacts of runs and outputs of pipelines, "
        "folders under `slipway data`, S3 buckets, topics, backups\n";
  }
  return out;
}

}  // namespace

void add_erase_commands(CLI::App& data, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* erase_one = data.add_subcommand(
      "erase", "Take somebody's rows out of all datasets, features and request logs, for good");
  erase_one->add_option("tag", options->tag, "Of the columns that say whose a row is: patient")
      ->required();
  erase_one->add_option("value", options->value, "What stands there: 4711; -: from standard input")
      ->required();
  erase_one->add_flag("--yes", options->yes, "Without, it is only told what would go");
  erase_one->callback([&context, &exit_code, options] {
    exit_code = finish(context, erase(context, *options), show);
  });

  CLI::App* erasures = data.add_subcommand("erasures", "What was erased when; whose isn't kept");
  erasures->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/erasures"), "erasures",
                             {{"REQUESTED", "requested_at"},
                              {"DONE", "done_at"},
                              {"TAG", "tag"},
                              {"ROWS", "rows"},
                              {"BY", "actor"},
                              {"ID", "id"}});
  });

  CLI::App* tags = data.add_subcommand("tags", "Tags of columns, and who may read them");
  tags->callback([&context, &exit_code] {
    auto found = Client(context).get("/slipway/v1/tags");
    if (found && !context.json) {
      for (Json& tag : found->as_object()["tags"].as_array()) {
        std::vector<std::string> columns, roles;
        for (const Json& column : member_at(tag, "columns").as_array())
          columns.push_back(cell(member_at(column, "dataset")) + "." +
                            cell(member_at(column, "column")));
        for (const Json& role : member_at(tag, "readable_by").as_array())
          roles.push_back(cell(role));
        tag.as_object()["columns"] = fmt::format("{}", fmt::join(columns, ", "));
        tag.as_object()["readable_by"] = fmt::format("{}", fmt::join(roles, ", "));
      }
    }
    exit_code = finish_table(
        context, std::move(found), "tags",
        {{"TAG", "tag"}, {"MASK", "mask"}, {"READABLE BY", "readable_by"}, {"COLUMNS", "columns"}});
  });
}

}  // namespace slipway::cli
