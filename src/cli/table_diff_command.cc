#include "cli/table_diff_command.h"

#include <CLI/CLI.hpp>
#include <thread>

#include "cli/commands.h"
#include "cli/table_diff_view.h"
#include "cli/verb.h"
#include "datasets/diff/table_diff.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string name;
  std::optional<std::int64_t> from, to;
  std::string before, after;  // files or folders
  std::vector<std::string> key;
  bool without_key = false;
  std::int64_t examples = 10, memory_megabytes = 256;
  std::string scratch, delimiter;
  std::vector<std::string> missing;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
  bool exit_with_difference = false;
};

int tell(const Context& context, const Options& options, const Result<Json>& diff) {
  const int code = finish(context, diff, show_table_diff);
  if (code != kOk || !options.exit_with_difference) return code;
  return member_at(*diff, "same") == Json(true) ? kOk : kFailed;
}

int diff_of_server(const Context& context, const Options& options) {
  std::string path = path_of("/slipway/v1/datasets/{}/diff?examples={}",
                             {options.name, std::to_string(options.examples)});
  if (options.from) path += fmt::format("&from={}", *options.from);
  if (options.to) path += fmt::format("&to={}", *options.to);
  if (!options.key.empty() || options.without_key) {
    std::string key;
    for (const std::string& column : options.key) key += (key.empty() ? "" : ",") + column;
    path += path_of("&key={}", {key});
  }
  return tell(context, options, Client(context).get(path));
}

Result<Json> diff_files(const Options& options) {
  datasets::TableDiffOptions wanted{
      .key = options.key,
      .examples_max = static_cast<std::size_t>(options.examples),
      .memory_max = options.memory_megabytes << 20,
      .threads = options.threads,
      .csv = {.missing = options.missing},
  };
  if (!options.delimiter.empty()) wanted.csv.delimiter = options.delimiter[0];
  if (!options.scratch.empty()) wanted.scratch = options.scratch;
  datasets::TableVersion before{.name = options.before}, after{.name = options.after};
  before.files = TRY(datasets::find_row_files(options.before, std::nullopt));
  after.files = TRY(datasets::find_row_files(options.after, std::nullopt));
  const datasets::TableDiff diff =
      TRY(datasets::diff_tables(std::move(before), std::move(after), wanted));
  return Json(diff.to_json());
}

void add_shared_options(CLI::App& verb, Options& options) {
  verb.add_option("--examples", options.examples, "Rows of each kind that are shown")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  verb.add_flag("--exit-code", options.exit_with_difference,
                "End with 1 when there is a difference, as diff does");
}

}  // namespace

void add_table_diff_commands(CLI::App& root, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* datasets = root.add_subcommand("datasets", "What has changed in datasets");
  datasets->require_subcommand(1);
  CLI::App* of_server = datasets->add_subcommand(
      "diff", "Two versions of a dataset: columns, rows by key, distributions");
  of_server->add_option("name", options->name, "The dataset")->required();
  of_server->add_option("from", options->from, "A version; or else the one before `to`");
  of_server->add_option("to", options->to, "A version; or else the newest");
  auto* const key =
      of_server
          ->add_option("--key", options->key,
                       "Columns that tell rows apart, separated by commas; or else the declared")
          ->delimiter(',');
  of_server
      ->add_flag("--without-key", options->without_key,
                 "Rows are the same or not by all their cells, whatever key is declared")
      ->excludes(key);
  add_shared_options(*of_server, *options);
  of_server->callback(
      [&context, &exit_code, options] { exit_code = diff_of_server(context, *options); });

  CLI::App* of_files = root.add_subcommand(
      "diff-files", "Two tables in files here, as `datasets diff` does with versions");
  of_files->add_option("before", options->before, "A Parquet or CSV file, or a folder of them")
      ->required();
  of_files->add_option("after", options->after, "The same of the other version")->required();
  of_files
      ->add_option("--key", options->key,
                   "Columns that tell rows apart, separated by commas; without, rows are the same "
                   "or not by all their cells")
      ->delimiter(',');
  add_shared_options(*of_files, *options);
  of_files
      ->add_option("--memory", options->memory_megabytes,
                   "Megabytes for the records of rows; what doesn't fit waits in a file")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  of_files->add_option("--scratch", options->scratch,
                       "Folder of that file; or else the one for temporary files");
  of_files->add_option("--threads", options->threads, "Threads, of which two read")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  of_files->add_option("--delimiter", options->delimiter, "Between cells of CSV")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.size() == 1 ? std::string() : "one character is between cells";
          },
          "CHARACTER"));
  of_files
      ->add_option("--missing", options->missing,
                   "Texts of CSV that mean a missing value, beside the empty cell")
      ->delimiter(',');
  of_files->callback([&context, &exit_code, options] {
    exit_code = tell(context, *options, diff_files(*options));
  });
}

}  // namespace slipway::cli
