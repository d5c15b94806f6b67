#include "cli/import_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/feast_import.h"
#include "cli/mlflow_import.h"
#include "cli/scratch.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDifferencesShown = 20;

struct ImportOptions {
  std::string source;
  fs::path artifacts_root = "mlartifacts";
  bool no_artifacts = false;
};

// "98", or "97 of 98" when here is another number than at the source.
std::string counted(const Json& experiment, const std::string& what) {
  const std::string source = cell(member_at(experiment, "source." + what));
  const std::string here = cell(member_at(experiment, "here." + what));
  return source == here ? source : here + " of " + source;
}

std::string show(const Json& report) {
  JsonArray rows;
  for (const Json& experiment : member_at(report, "experiments").as_array()) {
    JsonObject row{{"name", member_at(experiment, "name")}, {"id", member_at(experiment, "id")}};
    for (const char* what : {"runs", "points", "params", "tags", "inputs", "logged_models"})
      row[what] = counted(experiment, what);
    row["artifacts"] = member_at(experiment, "artifacts");
    row["bytes"] = short_bytes(member_at(experiment, "artifact_bytes").as_int64());
    row["different"] = member_at(experiment, "different");
    rows.push_back(std::move(row));
  }
  std::string out = table(rows, {{"EXPERIMENT", "name"},
                                 {"ID", "id"},
                                 {"RUNS", "runs"},
                                 {"POINTS", "points"},
                                 {"PARAMS", "params"},
                                 {"TAGS", "tags"},
                                 {"INPUTS", "inputs"},
                                 {"MODELS", "logged_models"},
                                 {"ARTIFACTS", "artifacts"},
                                 {"BYTES", "bytes"},
                                 {"DIFFERENT", "different"}});
  if (const JsonArray& models = member_at(report, "models").as_array(); !models.empty())
    out += "\n" + table(models, {{"MODEL", "name"},
                                 {"VERSIONS", "versions"},
                                 {"HERE", "versions_here"},
                                 {"ALIASES", "aliases"},
                                 {"HERE", "aliases_here"}});
  const JsonArray& differences = member_at(report, "differences").as_array();
  if (!differences.empty()) {
    const JsonArray shown(
        differences.begin(),
        differences.begin() + std::min<std::ptrdiff_t>(kDifferencesShown, std::ssize(differences)));
    out += "\n" + table(shown, {{"WHAT", "kind"}, {"ID", "id"}, {"DIFFERS IN", "what"}});
    if (differences.size() > shown.size())
      out += fmt::format("... and {} more: --json\n", differences.size() - shown.size());
  }
  for (const Json& item : member_at(report, "left_out").as_array())
    out += fmt::format("not imported: {} {}\n", cell(member_at(item, "count")),
                       cell(member_at(item, "what")));
  const double seconds = member_at(report, "seconds").as_double();
  const std::int64_t points = member_at(report, "points").as_int64();
  out += fmt::format("{} in {:.1f} s: {} runs, {} points ({}/s); {} new or changed, {}\n",
                     member_at(report, "resumed").as_bool() ? "compared again" : "imported",
                     seconds, cell(member_at(report, "runs")), points,
                     short_number(static_cast<double>(points) / std::max(seconds, 1e-3)),
                     cell(member_at(report, "changed")),
                     differences.empty() ? "everything is equal"
                                         : fmt::format("{} differences", differences.size()));
  return out;
}

Result<Json> import(const Context& context, const ImportOptions& options) {
  api::mlflow_source::SourceOptions source_options;
  source_options.artifacts_root = options.artifacts_root;
  if (const char* token = std::getenv("MLFLOW_TRACKING_TOKEN")) source_options.token = token;
  auto source = api::mlflow_source::open_source(options.source, std::move(source_options));
  if (!source && source.error().code == Code::kUnavailable)  // it isn't our server that is missing
    return base::error(Code::kFailedPrecondition, "{}", source.error().message);
  if (!source) return source.error();
  const Scratch scratch = TRY(Scratch::make("import"));
  Client client(context);
  MlflowImport import(
      client, **source,
      options.no_artifacts ? MlflowImport::Artifacts::kKeepUris : MlflowImport::Artifacts::kCopy,
      scratch.path());
  return Json(TRY(import.run()));
}

}  // namespace

void add_import_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* import_noun = root.add_subcommand("import", "Take over what another server has kept");
  import_noun->require_subcommand(1);
  auto options = std::make_shared<ImportOptions>();
  CLI::App* mlflow = import_noun->add_subcommand(
      "mlflow",
      "Experiments, runs, models and artifacts of an MLflow, with their ids and times; "
      "again after an interruption; 1: something differs");
  mlflow
      ->add_option("source", options->source,
                   "./mlruns, sqlite:///mlflow.db, postgresql://... or http://host:port")
      ->required();
  mlflow->add_flag("--no-artifacts", options->no_artifacts,
                   "Leave artifacts where they are, and keep their URIs");
  mlflow->add_option("--artifacts-root", options->artifacts_root,
                     "Where mlflow-artifacts:/ leads, for a folder or a database: its server's "
                     "--artifacts-destination [mlartifacts]");
  mlflow->callback([&context, &exit_code, options] {
    const auto report = import(context, *options);
    exit_code = finish(context, report, show);
    if (report && !member_at(*report, "differences").as_array().empty()) exit_code = kFailed;
  });
  add_feast_import(*import_noun, context, exit_code);
  CLI::App* list = import_noun->add_subcommand("list", "What was imported from where");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/imports"), "imports",
                             {{"IMPORT", "id"},
                              {"SOURCE", "source"},
                              {"STARTED", "started_at"},
                              {"FINISHED", "finished_at"},
                              {"RUNS", "counts.runs"},
                              {"POINTS", "counts.points"}});
  });
}

}  // namespace slipway::cli
