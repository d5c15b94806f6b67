#include "cli/why_command.h"

#include <CLI/CLI.hpp>

#include "cli/changed.h"
#include "cli/verb.h"
#include "cli/why.h"

namespace slipway::cli {
namespace {

Result<Json> changed(Client& client, const std::string& before, const std::string& after,
                     const std::string& endpoint) {
  const MadeFrom a = TRY(find_made_from(client, before, endpoint));
  const MadeFrom b = TRY(find_made_from(client, after, endpoint));
  return Json(TRY(what_changed(client, a, b)));
}

}  // namespace

void add_why_commands(CLI::App& root, Context& context, int& exit_code) {
  struct Options {
    std::string id, after, endpoint;
    ModelRuntimes runtimes;
  };
  auto options = std::make_shared<Options>();
  CLI::App* why = root.add_subcommand(
      "why", "Why a prediction, model, alias, step or alert is as it is: what led to it, in words");
  why->add_option("id", options->id,
                  "A request's id, models:/NAME/VERSION or @ALIAS, a tracked run, a run of a "
                  "pipeline or RUN/STEP, alert:ID, incident:ID")
      ->required();
  why->add_option("--endpoint", options->endpoint, "Where the request was answered");
  why->add_option("--python-models", options->runtimes.interpreter,
                  "The Python that runs models which need it")
      ->envname("SLIPWAY_PYTHON_MODELS");
  why->add_option("--onnxruntime-library", options->runtimes.onnxruntime_library,
                  "libonnxruntime.so or its folder, for ONNX models that need it")
      ->envname("SLIPWAY_ONNXRUNTIME_LIBRARY");
  why->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish(context, find_why(client, options->id, options->endpoint, options->runtimes),
                       why_text);
  });

  CLI::App* between = root.add_subcommand(
      "changed",
      "What changed between two versions, runs, requests or times: code, rows, statistics, "
      "parameters, environment, traffic");
  between
      ->add_option("before", options->id,
                   "models:/NAME/VERSION or @ALIAS, a tracked run, a run of a pipeline, a "
                   "request's id, or a time")
      ->required();
  between->add_option("after", options->after, "The same of the other one")->required();
  between->add_option(
      "--endpoint", options->endpoint,
      "Whose times or requests they are; when there is only one, that one; else times "
      "are the project's: its datasets and commit");
  between->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish(context, changed(client, options->id, options->after, options->endpoint),
                       [](const Json& changes) {
                         return fmt::format("{} -> {}\n", cell(member_at(changes, "before")),
                                            cell(member_at(changes, "after"))) +
                                changes_text(changes);
                       });
  });
}

}  // namespace slipway::cli
