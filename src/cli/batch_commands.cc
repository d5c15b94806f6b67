#include "cli/batch_commands.h"

#include <fnmatch.h>
#include <glob.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <map>
#include <thread>

#include "app/storage.h"
#include "cli/local_model.h"
#include "cli/model_files.h"
#include "cli/progress.h"
#include "cli/run_record.h"
#include "cli/scratch.h"
#include "cli/verb.h"
#include "serving/batch_scoring.h"
#include "store/file_digest.h"
#include "store/file_system.h"
#include "store/object_copy.h"

namespace slipway::cli {
namespace {

struct ScoreOptions {
  std::string model, output, endpoint;
  ModelRuntimes runtimes;
  std::vector<std::string> inputs, keep;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::int64_t rows_per_part = 1'000'000;
  bool overwrite = false;
};

constexpr std::string_view kS3 = "s3://";
const std::string kExperiment = "batch scoring";  // of the runs that tell of jobs

// Copies of the objects that "s3://bucket/folder/*.parquet", "s3://bucket/folder" or
// "s3://bucket/folder/one.parquet" means, in the order of their names.
Result<void> find_objects(const std::string& uri, const std::filesystem::path& scratch,
                          const base::Clock& clock, std::vector<serving::BatchInput>& found) {
  const std::size_t slash = uri.rfind('/');
  const bool names_files = uri.ends_with(".parquet") && slash > kS3.size();
  const std::string folder = names_files ? uri.substr(0, slash) : uri;
  const std::string pattern = names_files ? uri.substr(slash + 1) : "*.parquet";
  const auto store = TRY(app::open_storage(folder, clock));
  const std::size_t before = found.size();
  for (const store::ObjectEntry& entry : TRY(store->list(""))) {
    if (entry.is_folder || ::fnmatch(pattern.c_str(), entry.name.c_str(), 0) != 0) continue;
    const std::filesystem::path file = scratch / fmt::format("{:05}.parquet", found.size());
    TRY(store::copy_object(*store, entry.name, entry.bytes, file));
    found.push_back({file, folder + "/" + entry.name});
  }
  if (found.size() == before)
    return base::error(Code::kNotFound, "no Parquet file there: in={}", uri);
  return {};
}

// A file, a folder (its .parquet files), or a pattern; of this machine or of S3, whose objects are
// copied to `scratch`.
Result<std::vector<serving::BatchInput>> find_inputs(const std::vector<std::string>& given,
                                                     const std::filesystem::path& scratch,
                                                     const base::Clock& clock) {
  std::vector<serving::BatchInput> files;
  for (const std::string& input : given) {
    if (input.starts_with(kS3)) {
      TRY(find_objects(input, scratch, clock, files));
      continue;
    }
    std::error_code ignored;
    if (std::filesystem::is_directory(input, ignored)) {
      std::vector<std::filesystem::path> inside;
      for (const auto& entry : std::filesystem::directory_iterator(input, ignored)) {
        if (entry.path().extension() == ".parquet") inside.push_back(entry.path());
      }
      std::sort(inside.begin(), inside.end());
      for (std::filesystem::path& file : inside) files.push_back({std::move(file)});
      if (!inside.empty()) continue;
    } else if (glob_t found{}; glob(input.c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) files.push_back({found.gl_pathv[i]});
      globfree(&found);
      continue;
    }
    return base::error(Code::kNotFound, "no Parquet file there: in={}", input);
  }
  return files;
}

// What an endpoint declares of its inputs.
Result<types::InputRules> rules_of(Client& client, const std::string& endpoint) {
  const Json reply = TRY(client.get(path_of("/slipway/v1/endpoints/{}/inputs", {endpoint})));
  const JsonObject declared{{"on_violation", member_at(reply, "on_violation")},
                            {"columns", member_at(reply, "columns")}};
  types::InputRules rules =
      TRY(types::read_input_rules(TRY(types::YamlNode::parse(base::to_text(declared)))));
  if (rules.columns.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "the endpoint declares no rules for its inputs: endpoint={}", endpoint);
  }
  return rules;
}

Result<std::string> experiment_id(Client& client, const std::string& name) {
  const auto known =
      client.get(path_of("/api/2.0/mlflow/experiments/get-by-name?experiment_name={}", {name}));
  if (known) return text_at(*known, "experiment.experiment_id");
  if (known.error().code != Code::kNotFound) return known.error();
  return text_at(TRY(client.post("/api/2.0/mlflow/experiments/create", {{"name", name}})),
                 "experiment_id");
}

// Of this machine: from its root, so that it is found again.
std::string whole_path(const std::string& path) {
  return path.starts_with(kS3) ? path : std::filesystem::absolute(path).string();
}

// A tracked run tells what was scored, so that lineage leads there from the model. The same job
// again is the same run. Its id.
Result<std::string> record(Client& client, const std::string& model, const ScoreOptions& options,
                           std::int64_t rows, base::Timestamp began) {
  constexpr std::size_t kParamMax = 6000;  // MLflow's
  std::string in;
  for (const std::string& input : options.inputs)
    in += (in.empty() ? "" : ", ") + whole_path(input);
  const std::map<std::string, std::string> params{
      {"in", in.substr(0, kParamMax)}, {"out", whole_path(options.output)}, {"model", model}};
  const auto pair = [](std::string_view key, std::string_view value) {
    return JsonObject{{"key", key}, {"value", value}};
  };
  std::string id;
  for (const RunRecord& run :
       TRY(RunRecord::find(client, fmt::format("tags.\"{}\" = \"{}\"", kBatchModelTag, model)))) {
    if (run.params() == params) id = run.id();
  }
  const std::int64_t start = began.micros / 1000;
  if (id.empty()) {
    JsonArray tags{pair(kBatchModelTag, model)};
    if (const char* of = std::getenv("MLFLOW_RUN_CONTEXT")) {  // of the pipeline's step it is in
      for (const auto& [key, value] : TRY(base::parse_json_object(of)))
        tags.push_back(pair(key, cell(value)));
    }
    id = text_at(TRY(client.post("/api/2.0/mlflow/runs/create",
                                 {{"experiment_id", TRY(experiment_id(client, kExperiment))},
                                  {"start_time", start},
                                  {"run_name", "batch score " + model},
                                  {"tags", std::move(tags)}})),
                 "run.info.run_id");
  }
  JsonArray told;
  for (const auto& [name, value] : params) told.push_back(pair(name, value));
  TRY(client.post(
      "/api/2.0/mlflow/runs/log-batch",
      {{"run_id", id},
       {"params", std::move(told)},
       {"metrics", JsonArray{JsonObject{
                       {"key", "rows"}, {"value", rows}, {"timestamp", start}, {"step", 0}}}}}));
  TRY(client.post("/api/2.0/mlflow/runs/update",
                  {{"run_id", id},
                   {"status", "FINISHED"},
                   {"end_time", base::SystemClock().now().micros / 1000}}));
  return id;
}

Result<Json> score(const Context& context, const ScoreOptions& options) {
  Client client(context);
  const base::SystemClock clock;
  const base::Timestamp began = clock.now();
  const bool is_remote = options.output.starts_with(kS3);
  const Scratch scratch = TRY(Scratch::make("batch"));
  const auto output = TRY(app::open_storage(options.output, clock));
  serving::BatchScoringOptions job{.keep = options.keep,
                                   .threads = options.threads,
                                   .rows_per_part = options.rows_per_part,
                                   .overwrite = options.overwrite};
  // On the disk where the parts will be, so that they are moved and not copied.
  job.scratch = is_remote ? scratch.path() / "parts"
                          : std::filesystem::path(options.output) / "_slipway" / "unfinished";
  if (!options.endpoint.empty()) {
    job.endpoint = options.endpoint;
    job.rules = TRY(rules_of(client, options.endpoint));
  }
  job.inputs = TRY(find_inputs(options.inputs, scratch.path(), clock));
  const ModelFiles files = TRY(ModelFiles::fetch(client, options.model));
  job.model_uri = files.uri();
  job.model_digest = TRY(store::tree_digest(files.path()));
  const auto model = TRY(LocalModel::load(files.path(), options.runtimes, options.threads));
  std::optional<Progress> shown;
  const auto report = TRY(serving::score_files(**model, job, *output, [&](const auto& at) {
    if (!shown) shown.emplace("rows", at.rows_total);
    shown->at(at.rows, fmt::format("{} of {} parts", at.parts, at.parts_total));
  }));
  std::error_code ignored;
  std::filesystem::remove_all(job.scratch, ignored);
  JsonObject reply = report.to_json();
  reply["model"] = job.model_uri;
  reply["out"] = options.output;
  reply["run"] = nullptr;
  if (job.model_uri.starts_with("models:/")) {
    if (const auto run = record(client, job.model_uri, options, report.rows, began)) {
      reply["run"] = *run;
    } else {  // the answers are there all the same
      fmt::print(stderr, "lineage won't lead to these answers: {}\n", run.error().message);
    }
  }
  return Json(std::move(reply));
}

std::string show(const Json& report) {
  std::string out =
      fmt::format("{} rows by {} in {} s, {} of them earlier; {} parts in {}\n",
                  cell(member_at(report, "rows")), cell(member_at(report, "model")),
                  cell(member_at(report, "seconds")), cell(member_at(report, "rows_resumed")),
                  cell(member_at(report, "parts")), cell(member_at(report, "out")));
  const Json& violations = member_at(report, "violations");
  if (violations.is_object()) {
    out += fmt::format(
        "rules: {} rows rejected, which have no answer, {} quarantined, {} flagged\n",
        cell(member_at(violations, "rows.reject")), cell(member_at(violations, "rows.quarantine")),
        cell(member_at(violations, "rows.flag")));
    for (const auto& [rule, values] : member_at(violations, "values").as_object())
      out += fmt::format("  {}: {} values\n", std::string_view(rule), cell(values));
    for (const Json& name : member_at(violations, "not_checked").as_array())
      out += fmt::format("  {} isn't checked: the model doesn't read it\n", cell(name));
  }
  JsonArray columns;
  for (const auto& [name, summary] : member_at(report, "summary").as_object()) {
    JsonObject row = summary.as_object();
    row["column"] = name;
    columns.push_back(std::move(row));
  }
  return out + table(columns, {{"COLUMN", "column"},
                               {"ROWS", "rows"},
                               {"MISSING", "missing"},
                               {"MEAN", "mean"},
                               {"MIN", "min"},
                               {"MAX", "max"}});
}

}  // namespace

void add_batch_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* batch = root.add_subcommand("batch", "Models over files");
  batch->require_subcommand(1);
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = batch->add_subcommand(
      "score", "Score Parquet files; a job that was cut off goes on where it was");
  command->add_option("model", options->model, "models:/name/version, models:/name@alias or a path")
      ->required();
  command
      ->add_option("--in", options->inputs,
                   "Files, folders or patterns; s3://bucket/folder/*.parquet is copied here first")
      ->required();
  command->add_option("--out", options->output, "A folder for the parts, or s3://bucket/folder")
      ->required();
  command->add_option("--keep", options->keep, "Columns that go with the answers, such as ids")
      ->delimiter(',');
  command->add_option("--inputs-of", options->endpoint,
                      "Check rows by the rules (`inputs:`) of this endpoint: rows that it would "
                      "refuse get no answer, and what is broken stands beside each row");
  options->runtimes.add_to(*command);
  command->add_option("--threads", options->threads)->capture_default_str();
  command->add_option("--rows-per-part", options->rows_per_part)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--overwrite", options->overwrite, "Forget what another job left in --out");
  command->callback([&context, &exit_code, options] {
    exit_code = finish(context, score(context, *options), show);
  });
}

}  // namespace slipway::cli
