#include "cli/batch_commands.h"

#include <glob.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

#include "cli/model_files.h"
#include "cli/progress.h"
#include "cli/verb.h"
#include "serving/batch_scoring.h"
#include "serving/model_loader.h"

namespace slipway::cli {
namespace {

struct ScoreOptions {
  std::string model, output;
  std::vector<std::string> inputs, keep;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::int64_t rows_per_part = 1'000'000;
  bool overwrite = false;
};

// A file, a folder (its .parquet files), or a pattern.
Result<std::vector<std::filesystem::path>> find_inputs(const std::vector<std::string>& given) {
  std::vector<std::filesystem::path> files;
  for (const std::string& input : given) {
    std::error_code ignored;
    if (std::filesystem::is_directory(input, ignored)) {
      std::vector<std::filesystem::path> inside;
      for (const auto& entry : std::filesystem::directory_iterator(input, ignored)) {
        if (entry.path().extension() == ".parquet") inside.push_back(entry.path());
      }
      std::sort(inside.begin(), inside.end());
      files.insert(files.end(), inside.begin(), inside.end());
      if (!inside.empty()) continue;
    } else if (glob_t found{}; glob(input.c_str(), 0, nullptr, &found) == 0) {
      files.insert(files.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
      globfree(&found);
      continue;
    }
    return base::error(Code::kNotFound, "no Parquet file there: in={}", input);
  }
  return files;
}

Result<Json> score(const Context& context, const ScoreOptions& options) {
  Client client(context);
  serving::BatchScoringOptions job{.output = options.output,
                                   .keep = options.keep,
                                   .threads = options.threads,
                                   .rows_per_part = options.rows_per_part,
                                   .overwrite = options.overwrite};
  job.inputs = TRY(find_inputs(options.inputs));
  const ModelFiles files = TRY(ModelFiles::fetch(client, options.model));
  job.model_uri = files.uri();
  const auto model = TRY(serving::load_model(files.path(), nullptr));
  std::optional<Progress> shown;
  const auto report = TRY(serving::score_files(*model, job, [&](const auto& at) {
    if (!shown) shown.emplace("rows", at.rows_total);
    shown->at(at.rows, fmt::format("{} of {} parts", at.parts, at.parts_total));
  }));
  JsonObject reply = report.to_json();
  reply["model"] = job.model_uri;
  reply["out"] = options.output;
  return Json(std::move(reply));
}

std::string show(const Json& report) {
  std::string out =
      fmt::format("{} rows by {} in {} s, {} of them earlier; {} parts in {}\n",
                  cell(member_at(report, "rows")), cell(member_at(report, "model")),
                  cell(member_at(report, "seconds")), cell(member_at(report, "rows_resumed")),
                  cell(member_at(report, "parts")), cell(member_at(report, "out")));
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
  command->add_option("--in", options->inputs, "Files, folders or patterns")->required();
  command->add_option("--out", options->output, "A folder for the parts")->required();
  command->add_option("--keep", options->keep, "Columns that go with the answers, such as ids")
      ->delimiter(',');
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
