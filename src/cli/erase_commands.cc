#include "cli/erase_commands.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string tag, value;
  bool yes = false;
};

Result<Json> erase(Context& context, const Options& options) {
  std::string value = options.value;
  if (value == "-" && !std::getline(std::cin, value))
    return base::error(Code::kInvalidArgument, "standard input says who is to be erased");
  return Client(context).post("/slipway/v1/erasures",
                              {{"tag", options.tag}, {"value", value}, {"dry_run", !options.yes}});
}

std::string show(const Json& report) {
  const bool is_done = member_at(report, "dry_run") != Json(true);
  std::string out =
      table(list_at(report, "places"),
            {{"WHERE", "kind"}, {"NAME", "name"}, {"VERSION", "version"}, {"ROWS", "rows"}});
  if (const JsonArray models = list_at(report, "models"); !models.empty()) {
    out += "\nmodels that were trained on it:\n" + table(models, {{"MODEL", "model"},
                                                                  {"DATASET", "dataset"},
                                                                  {"VERSIONS", "versions"},
                                                                  {"IN USE AT", "endpoints"},
                                                                  {"HOW", "how"}});
  }
  if (const JsonArray models = list_at(report, "models_uncertain"); !models.empty()) {
    out += "\nmodels of which it can't be told:\n" + table(models, {{"MODEL", "model"},
                                                                    {"DATASET", "dataset"},
                                                                    {"IN USE AT", "endpoints"},
                                                                    {"HOW", "how"},
                                                                    {"WHY", "why"}});
  }
  out += fmt::format("\n{} rows {}\n", cell(member_at(report, "rows")),
                     is_done ? "were erased" : "would be erased; nothing was: --yes does it");
  if (member_at(report, "rows") == Json(0)) {
    const JsonArray searched = list_at(report, "searched");
    out += searched.empty() ? "no column with this tag has rows\n" : "nobody is called so in:\n";
    if (!searched.empty())
      out += table(searched,
                   {{"WHERE", "kind"}, {"NAME", "name"}, {"COLUMN", "column"}, {"TYPE", "type"}});
  }
  if (is_done) {
    for (const Json& left : list_at(report, "left"))
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
    auto found = Client(context).get("/slipway/v1/erasures");
    if (found && !context.json) {
      for (Json& erasure : found->as_object()["erasures"].as_array()) {
        std::string names;
        for (const char* of : {"models", "models_uncertain"}) {
          for (const Json& model : list_at(erasure, of)) {
            names += (names.empty() ? "" : ", ") + cell(member_at(model, "model")) +
                     (std::string_view(of) == "models" ? "" : "?");
          }
        }
        erasure.as_object()["models"] = names;
      }
    }
    exit_code = finish_table(context, std::move(found), "erasures",
                             {{"REQUESTED", "requested_at"},
                              {"DONE", "done_at"},
                              {"TAG", "tag"},
                              {"ROWS", "rows"},
                              {"MODELS", "models"},
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
