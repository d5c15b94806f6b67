#include "cli/unusual_command.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "cli/commands.h"
#include "cli/verb.h"
#include "monitor/budget/alarm_budget.h"
#include "monitor/budget/unusual.h"
#include "monitor/drift/column_source.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string file, column, rows, metric = "mean_prediction", window = "day", side = "both";
  std::size_t rules = 1;
  double false_pages = 1;
};

Result<JsonObject> judge(const Options& options) {
  const std::string declared = fmt::format("{{metric: {}, window: {}, unusual: {}, min_rows: 1}}",
                                           options.metric, options.window, options.side);
  const monitor::AlertRule rule = TRY(monitor::parse_alert(options.column, declared));
  const monitor::AlarmBudget budget{.false_pages = options.false_pages};
  const double chance = monitor::chance_per_window(budget, options.rules, rule);
  std::vector<std::string> columns = {options.column};
  if (!options.rows.empty()) columns.push_back(options.rows);
  const auto source = TRY(monitor::open_columns(options.file, columns));
  const types::Column values = TRY(source->read(options.column));
  const types::Column* behind = nullptr;
  types::Column rows;
  if (!options.rows.empty()) {
    rows = TRY(source->read(options.rows));
    behind = &rows;
  }
  for (const types::Column* column : {&values, behind}) {
    if (column != nullptr && column->type == types::ColumnType::kString)
      return base::error(Code::kInvalidArgument, "not a column of numbers: {}", column->name);
  }
  const auto length = static_cast<std::int64_t>(
      monitor::days_of(rule.window) * static_cast<double>(base::Duration::days(1).micros));
  std::vector<monitor::WatchedWindow> past;
  std::vector<monitor::Band> bands;
  JsonArray found;
  std::string strip;
  for (std::size_t at = 0; at < values.size(); ++at) {
    const base::Timestamp start{length * static_cast<std::int64_t>(at)};
    const monitor::WatchedWindow window{
        .window = {start, start + base::Duration{length}},
        .value = values.number(at),
        .rows = behind != nullptr ? behind->number(at) : 1,
        .hour = rule.window == monitor::WindowKind::kHour ? static_cast<int>(at % 24) : 0};
    if (!std::isfinite(window.value) || !(window.rows > 0)) {
      strip += '?';
      continue;
    }
    const auto verdict = monitor::judge_unusual(rule, chance, past, bands, window);
    past.push_back(window);
    strip += !verdict.band                                               ? '?'
             : verdict.state == monitor::UnusualVerdict::State::kUnusual ? '#'
                                                                         : '.';
    if (!verdict.band) continue;
    bands.push_back(*verdict.band);
    if (strip.back() != '#') continue;
    JsonObject one = verdict.band->to_json();
    one["row"] = at;
    found.push_back(std::move(one));
  }
  return JsonObject{{"windows", values.size()},
                    {"chance_per_window", chance},
                    {"strip", strip},
                    {"unusual", std::move(found)}};
}

std::string show(const Json& reply) {
  return cell(member_at(reply, "strip")) +
         "    a sign a window: . usual, # unusual, ? not judged or learning\n\n" +
         table(member_at(reply, "unusual").as_array(), {{"ROW", "row"},
                                                        {"VALUE", "value"},
                                                        {"EXPECTED", "expected"},
                                                        {"LOW", "low"},
                                                        {"HIGH", "high"},
                                                        {"HOW", "how"},
                                                        {"LEARNED FROM", "learned_from"}});
}

}  // namespace

void add_unusual_command(CLI::App& monitors, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = monitors.add_subcommand(
      "unusual", "Which windows stand out of what a number usually is: a row of the file a window");
  verb->add_option("file", options->file, "Parquet or CSV, oldest window first")->required();
  verb->add_option("--column", options->column, "Of the number")->required();
  verb->add_option("--rows", options->rows, "Column that says how many rows are behind it");
  verb->add_option("--metric", options->metric, "That it is: says on which scale it is looked at")
      ->capture_default_str();
  verb->add_option("--window", options->window, "hour, day, week or month")->capture_default_str();
  verb->add_option("--side", options->side, "high, low or both")->capture_default_str();
  verb->add_option("--false-pages", options->false_pages, "A week, of all rules together")
      ->capture_default_str();
  verb->add_option("--shared-by", options->rules, "Rules that share them")->capture_default_str();
  verb->callback([&context, &exit_code, options] {
    const auto found = judge(*options);
    exit_code = found ? finish(context, Json(*found), show) : fail(found.error(), context);
  });
}

}  // namespace slipway::cli
