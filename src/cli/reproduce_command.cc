#include "cli/reproduce_command.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/lineage_chain.h"
#include "cli/model_files.h"
#include "cli/prediction_reproduce.h"
#include "cli/run_record.h"
#include "cli/run_reproduce.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string id, endpoint;
  ModelRuntimes runtimes;
  bool retrain = false;
  ReproduceOptions how;
};

Result<Json> reproduce_model(Client& client, const Context& context, const Options& options) {
  const Json version = TRY(find_model_version(client, options.id));
  const std::string uri = fmt::format("models:/{}/{}", cell(member_at(version, "name")),
                                      cell(member_at(version, "version")));
  Json report = TRY(reproduce_model_run(client, context, version, options.how));
  report.as_object()["model"] = uri;
  return report;
}

Result<Json> reproduce(const Context& context, const Options& options) {
  Client client(context);
  if (options.id.starts_with("models:/")) return reproduce_model(client, context, options);
  if (options.endpoint.empty()) {
    const auto run = RunRecord::load(client, options.id);
    if (run) return reproduce_run(client, context, options.id, options.how);
    if (run.error().code != Code::kNotFound) return run.error();
    const auto pipeline_run = client.get(path_of("/slipway/v1/pipeline-runs/{}", {options.id}));
    if (pipeline_run) return reproduce_pipeline_run(client, context, *pipeline_run, options.how);
    if (pipeline_run.error().code != Code::kNotFound) return pipeline_run.error();
  }
  auto endpoint = options.endpoint.empty() ? endpoint_of_request(client, options.id)
                                           : Result<std::string>(options.endpoint);
  if (!endpoint && endpoint.error().code == Code::kNotFound)
    return base::error(Code::kNotFound,
                       "no tracked run, run of a pipeline or logged request has this id, and it is "
                       "no models:/NAME/VERSION: {}",
                       options.id);
  return reproduce_prediction(client, context,
                              {.endpoint = TRY(std::move(endpoint)),
                               .request = options.id,
                               .runtimes = options.runtimes,
                               .retrain = options.retrain,
                               .how = options.how});
}

std::string show(const Json& report) {
  if (member_at(report, "request").is_string()) return prediction_reproduction_text(report);
  if (member_at(report, "pipeline_run").is_string()) return pipeline_reproduction_text(report);
  std::string text = run_reproduction_text(report);
  if (const Json& model = member_at(report, "model"); model.is_string())
    text +=
        fmt::format("{}, made by that run: {}\n", cell(model), cell(member_at(report, "verdict")));
  return text;
}

}  // namespace

void add_reproduce_command(CLI::App& parent, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* reproduce_command = parent.add_subcommand(
      "reproduce",
      "Make a model, a run or a prediction again from its commit, data and environment, and say "
      "what is bit-equal; 3: it differs, 1: something can't be restored");
  reproduce_command
      ->add_option("id", options->id,
                   "A tracked run, models:/NAME/VERSION or @ALIAS, a run of a pipeline, or a "
                   "request's id")
      ->required();
  reproduce_command
      ->add_option("--tolerance", options->how.tolerance,
                   "Relative difference of numbers that counts as equal")
      ->check(CLI::NonNegativeNumber);
  reproduce_command->add_flag("--from-data", options->how.from_data,
                              "Run the steps before it again, too, instead of taking their files");
  reproduce_command->add_option("--repository", options->how.repository,
                                "Where the commit is, when it isn't where it ran");
  reproduce_command->add_option("--command", options->how.command,
                                "What to run instead of the recorded script");
  reproduce_command->add_option("--folder", options->how.folder,
                                "An empty or new folder to work in, and keep");
  reproduce_command->add_option("--endpoint", options->endpoint, "Where a request was answered");
  reproduce_command->add_flag("--retrain", options->retrain,
                              "Of a prediction: also make its model again, and ask that one");
  options->runtimes.add_to(*reproduce_command);
  reproduce_command->callback([&context, &exit_code, options] {
    const auto report = reproduce(context, *options);
    exit_code = finish(context, report, show);
    if (report && !member_at(*report, "equal").as_bool()) exit_code = kGateSaidNo;
  });
}

}  // namespace slipway::cli
