#include "cli/evaluate/evaluate_command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <numeric>

#include "cli/evaluate/behaviour.h"
#include "cli/evaluate/fairness.h"
#include "cli/evaluate/judged_model.h"
#include "cli/evaluate/robustness.h"
#include "cli/local_model.h"
#include "cli/model_files.h"
#include "cli/verb.h"
#include "store/file_system.h"
#include "store/parquet.h"

namespace slipway::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model, rows, label, problem = "binary", behaviour, out;
  ModelRuntimes runtimes;
  std::vector<std::string> classes, slices, fairness, disturbances;
  double threshold = 0.5, strength = 0.1;
  std::size_t rows_min = 30, latency_rows = 1000;  // of groups; that are timed
  std::uint64_t seed = 0;
};

// The columns of the file that are needed: the model's inputs, the label, and what rows are divided
// by.
Result<types::Frame> read_rows(const Options& options, const serving::ModelShape& shape) {
  const store::ParquetInfo info =
      TRY(store::parquet_info(options.rows, store::ParquetLists::kLeftOut));
  std::vector<std::string> columns{options.label};
  const auto add = [&](const std::string& name) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  };
  for (const serving::InputSpec& input : shape.inputs) {
    TRY(serving::check_column(input, {info.columns, info.others, options.rows}));
    if (std::any_of(info.columns.begin(), info.columns.end(),
                    [&](const auto& column) { return column.first == input.name; }))
      add(input.name);
  }
  for (const std::string& name : options.slices) add(name);
  for (const std::string& name : options.fairness) add(name);
  types::Frame rows = TRY(store::read_parquet(options.rows, columns));
  if (rows.rows() == 0)
    return base::error(Code::kInvalidArgument, "the file has no rows: rows={}", options.rows);
  return rows;
}

std::int64_t bytes_of(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored))
    return static_cast<std::int64_t>(fs::file_size(path, ignored));
  std::int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path, ignored)) {
    if (entry.is_regular_file(ignored))
      bytes += static_cast<std::int64_t>(entry.file_size(ignored));
  }
  return bytes;
}

double at_share(const std::vector<double>& rising, double share) {
  return rising[static_cast<std::size_t>(share * static_cast<double>(rising.size() - 1))];
}

Result<JsonObject> judge(JudgedModel& model, const Options& options, const types::Frame& rows,
                         const std::vector<BehaviourTest>& tests) {
  const auto labels = TRY(read_labels(*TRY(rows.column(options.label)), model.rules().problem));
  const Answers answers = TRY(model.answer(rows));
  if (const auto mismatch = find_mismatch(model.rules(), answers, labels))
    return base::error(Code::kInvalidArgument, "{}", *mismatch);
  std::vector<std::size_t> all(rows.rows());
  std::iota(all.begin(), all.end(), std::size_t{0});
  JsonObject metrics = measure(model.rules(), answers, labels, all);
  JsonObject report{{"rows", metrics["rows"]}};
  metrics.stable_erase("rows");
  JsonObject slices, fairness, robustness, behaviour;
  for (const std::string& name : options.slices) {
    JsonObject values;
    for (const Group& group : groups_of(*TRY(rows.column(name)), options.rows_min))
      values[group.name] = measure(model.rules(), answers, labels, group.rows);
    slices[name] = std::move(values);
  }
  for (const std::string& name : options.fairness)
    fairness[name] =
        measure_fairness(model.rules(), answers, labels, *TRY(rows.column(name)), options.rows_min);
  for (const std::string& how : options.disturbances) {
    robustness[how] =
        measure_robustness(model, disturb(rows, model.shape(), how, options.strength, options.seed),
                           answers, labels, metrics);
  }
  for (const BehaviourTest& test : tests) {
    auto result = run_behaviour(model, test, rows, answers);
    if (!result) return std::move(result).error().with_context("test " + test.name);
    behaviour[test.name] = std::move(*result);
  }
  if (model.problem() == monitor::Problem::kBinary &&
      std::all_of(answers.numbers.begin(), answers.numbers.end(),
                  [](double chance) { return chance == 0 || chance == 1; })) {
    report["note"] =
        "every answer is 0 or 1: the model says classes, so what is measured of chances (auc, "
        "log_loss, brier, ece) says little";
  }
  if (options.latency_rows > 0) {
    const auto times = TRY(model.latencies(rows, options.latency_rows));
    report["latency_ms"] =
        JsonObject{{"p50", at_share(times, 0.5)}, {"p99", at_share(times, 0.99)}};
  }
  report["metrics"] = std::move(metrics);
  for (auto [name, part] : {std::pair("slices", &slices),
                            {"fairness", &fairness},
                            {"robustness", &robustness},
                            {"behaviour", &behaviour}}) {
    if (!part->empty()) report[name] = std::move(*part);
  }
  return report;
}

Result<void> check(const Options& options) {
  if (!std::isfinite(options.threshold))
    return base::error(Code::kInvalidArgument, "--threshold must be a number");
  if (!(options.strength >= 0 && options.strength <= 1))
    return base::error(Code::kInvalidArgument, "--strength must be from 0 to 1");
  if (!options.classes.empty() && options.problem != "multiclass")
    return base::error(Code::kInvalidArgument, "--classes are of --problem multiclass");
  for (auto name = options.classes.begin(); name != options.classes.end(); ++name) {
    if (std::find(options.classes.begin(), name, *name) != name)
      return base::error(Code::kInvalidArgument, "--classes has one twice: class={}", *name);
  }
  return {};
}

Result<Json> evaluate(const Context& context, const Options& options) {
  TRY(check(options));
  monitor::QualityRules rules{.threshold = options.threshold};
  rules.problem = {.kind = TRY(monitor::parse_problem(options.problem)),
                   .classes = options.classes};
  if (rules.problem.kind == monitor::Problem::kRanking) {
    return base::error(Code::kInvalidArgument,
                       "binary, regression and multiclass models are evaluated, no rankings");
  }
  std::vector<BehaviourTest> tests;
  if (!options.behaviour.empty()) {
    auto parsed = parse_behaviour(TRY(store::read_file(options.behaviour)), rules.problem.kind);
    if (!parsed) return std::move(parsed).error().with_context(options.behaviour);
    tests = std::move(*parsed);
  }
  Client client(context);
  const ModelFiles files = TRY(ModelFiles::fetch(client, options.model));
  const auto model = TRY(LocalModel::load(files.path(), options.runtimes));
  JudgedModel judged(**model, std::move(rules));
  const types::Frame rows = TRY(read_rows(options, judged.shape()));
  JsonObject report = TRY(judge(judged, options, rows, tests));
  report["model"] = files.uri();
  report["problem"] = options.problem;
  report["bytes"] = bytes_of(files.path());
  if (!options.out.empty()) TRY(store::write_file(options.out, base::to_text(report) + "\n"));
  return Json(std::move(report));
}

// What stands at `member` of each, named by its key.
JsonArray rows_of(const JsonObject& things) {
  JsonArray rows;
  for (const auto& [name, value] : things) {
    JsonObject row = value.as_object();
    row["name"] = name;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string main_metric(const Json& report) {
  const std::string problem = cell(member_at(report, "problem"));
  return problem == "binary" ? "auc" : problem == "regression" ? "mae" : "accuracy";
}

std::string show(const Json& report) {
  std::string out = fmt::format("{}: {} labelled rows, {} bytes", cell(member_at(report, "model")),
                                cell(member_at(report, "rows")), cell(member_at(report, "bytes")));
  if (member_at(report, "latency_ms").is_object()) {
    out += fmt::format(", a row alone takes {:.3g} ms (p50), {:.3g} ms (p99)",
                       member_at(report, "latency_ms.p50").to_number<double>(),
                       member_at(report, "latency_ms.p99").to_number<double>());
  }
  if (const Json& note = member_at(report, "note"); note.is_string()) out += "\n" + cell(note);
  out += "\n\n";
  JsonArray metrics;
  for (const auto& [name, value] : member_at(report, "metrics").as_object())
    metrics.push_back(JsonObject{{"name", name}, {"value", value}});
  out += table(metrics, {{"METRIC", "name"}, {"VALUE", "value"}});
  const std::string metric = main_metric(report);
  std::string title = metric;
  std::transform(title.begin(), title.end(), title.begin(), ::toupper);
  if (const Json& slices = member_at(report, "slices"); slices.is_object()) {
    for (const auto& [name, groups] : slices.as_object()) {
      out += fmt::format("\nby {}\n", std::string_view(name)) +
             table(rows_of(groups.as_object()),
                   {{"VALUE", "name"}, {"ROWS", "rows"}, {title, metric}});
    }
  }
  if (const Json& fairness = member_at(report, "fairness"); fairness.is_object()) {
    for (const auto& [name, measured] : fairness.as_object()) {
      JsonArray rows;
      for (const auto& [key, value] : measured.as_object()) {
        if (!value.is_object()) rows.push_back(JsonObject{{"name", key}, {"value", value}});
      }
      out += fmt::format("\nfairness over {}\n", std::string_view(name)) +
             table(rows, {{"MEASURE", "name"}, {"VALUE", "value"}});
    }
  }
  if (const Json& robustness = member_at(report, "robustness"); robustness.is_object()) {
    out += "\n" + table(rows_of(robustness.as_object()), {{"DISTURBED BY", "name"},
                                                          {"ANSWERS CHANGED", "answers_changed"},
                                                          {title, "metrics." + metric},
                                                          {"CHANGE", "change." + metric},
                                                          {"ERROR", "error"}});
  }
  if (const Json& behaviour = member_at(report, "behaviour"); behaviour.is_object()) {
    out += "\n" +
           table(rows_of(behaviour.as_object()),
                 {{"TEST", "name"}, {"ROWS", "rows"}, {"FAILED", "failed"}, {"FIRST", "first"}});
  }
  return out;
}

}  // namespace

void add_evaluate_command(CLI::App& models, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = models.add_subcommand(
      "evaluate",
      "Metrics, slices, fairness, robustness, behaviour and latency of a model on rows "
      "with labels, as numbers for `slipway ci` and gates");
  command->add_option("model", options->model, "models:/name/version, models:/name@alias or a path")
      ->required();
  command->add_option("--rows", options->rows, "A Parquet file that it wasn't trained on")
      ->required();
  command->add_option("--label", options->label, "The column with what turned out")->required();
  command->add_option("--problem", options->problem)
      ->check(CLI::IsMember({"binary", "regression", "multiclass"}))
      ->capture_default_str();
  command->add_option("--classes", options->classes, "Of multiclass, in the order of the chances")
      ->delimiter(',');
  command->add_option("--threshold", options->threshold, "Of binary: a score from here on says 1")
      ->capture_default_str();
  command->add_option("--slices", options->slices, "Columns: the metrics for each of their values")
      ->delimiter(',');
  command
      ->add_option("--fairness", options->fairness,
                   "Columns: how differently their values are treated")
      ->delimiter(',');
  command
      ->add_option("--robustness", options->disturbances,
                   "What becomes of the answers under noise, missing and scaled values")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>(kDisturbances.begin(), kDisturbances.end())));
  command->add_option("--strength", options->strength, "Of disturbances")->capture_default_str();
  command->add_option("--behaviour", options->behaviour, "A YAML file of tests");
  command->add_option("--rows-min", options->rows_min, "Smaller groups are left out")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  command->add_option("--latency-rows", options->latency_rows, "That are timed alone; 0: none")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed)->capture_default_str();
  command->add_option("--out", options->out, "Also write the report here, as JSON");
  options->runtimes.add_to(*command);
  command->callback([&context, &exit_code, options] {
    exit_code = finish(context, evaluate(context, *options), show);
  });
}

}  // namespace slipway::cli
