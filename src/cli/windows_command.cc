#include "cli/windows_command.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

// Metrics of each kind of problem that a table has room for, and their headings.
std::vector<TableColumn> metric_columns(const std::string& problem) {
  if (problem == "regression") {
    return {{"MAE", "mae"},
            {"EXPECTED", "estimated_mae"},
            {"RMSE", "rmse"},
            {"BIAS", "mean_error"},
            {"R2", "r2"}};
  }
  if (problem == "multiclass") {
    return {{"ACCURACY", "accuracy"},
            {"F1 MACRO", "f1_macro"},
            {"AUC OVR", "roc_auc_ovr"},
            {"LOG LOSS", "log_loss"}};
  }
  if (problem == "ranking") {
    return {
        {"NDCG@10", "ndcg@10"}, {"MAP@10", "map@10"}, {"MRR", "mrr"}, {"HITS@10", "hit_rate@10"}};
  }
  return {{"AUC", "auc"},           {"EXPECTED", "estimated_auc"},
          {"LOG LOSS", "log_loss"}, {"BIAS", "calibration_bias"},
          {"ECE", "ece"},           {"LATE", "late_rate"}};
}

// "0.712 [0.69, 0.734]".
std::string measured(const Json& window, std::string_view metric) {
  const auto member = [&](std::string_view of) -> const Json& {
    static const Json none = nullptr;
    const Json& members = member_at(window, of);
    const Json* found = members.is_object() ? members.get_object().if_contains(metric) : nullptr;
    return found == nullptr ? none : *found;
  };
  const Json &value = member("metrics"), &interval = member("intervals");
  if (!value.is_number()) return "-";
  std::string text = fmt::format("{:.4g}", value.to_number<double>());
  if (!interval.is_array() || interval.get_array().size() != 2) return text;
  const Json &low = interval.get_array()[0], &high = interval.get_array()[1];
  if (!low.is_number() || !high.is_number()) return text;
  return text + fmt::format(" [{:.3g}, {:.3g}]", low.to_number<double>(), high.to_number<double>());
}

std::string show(const Json& reply, const std::vector<TableColumn>& metrics) {
  JsonArray rows;
  for (const Json& window : member_at(reply, "windows").as_array()) {
    JsonObject row;
    for (const char* name : {"start", "model_version", "rows", "completeness"})
      row[name] = member_at(window, name);
    const Json& delay = member_at(window, "metrics.label_delay_hours_p50");
    row["delay"] =
        delay.is_number()
            ? fmt::format("{:.3g}h, {:.3g}h", delay.to_number<double>(),
                          member_at(window, "metrics.label_delay_hours_p90").to_number<double>())
            : "-";
    for (const TableColumn& column : metrics) row[column.member] = measured(window, column.member);
    rows.emplace_back(std::move(row));
  }
  std::vector<TableColumn> columns = {{"START", "start"},
                                      {"VERSION", "model_version"},
                                      {"ROWS", "rows"},
                                      {"COMPLETE", "completeness"},
                                      {"DELAY P50, P90", "delay"}};
  columns.insert(columns.end(), metrics.begin(), metrics.end());
  std::string text = table(rows, columns);
  const JsonArray& windows = member_at(reply, "windows").as_array();
  for (auto window = windows.rbegin(); window != windows.rend(); ++window) {
    if (const Json& judged = member_at(*window, "judged"); !judged.is_bool() || !judged.get_bool())
      continue;
    if (member_at(*window, "rows") == Json(0)) continue;  // of silence there is nothing to say
    if (const Json& note = member_at(*window, "note"); note.is_string())
      text += fmt::format("The newest window says: {}\n", std::string_view(note.get_string()));
    break;
  }
  return text;
}

}  // namespace

void add_windows_command(CLI::App& monitors, Context& context, int& exit_code) {
  struct Options {
    std::string monitor, window = "week", variant = "live";
  };
  auto options = std::make_shared<Options>();
  CLI::App* windows = monitors.add_subcommand(
      "windows", "Judged windows, oldest first; metrics with their 95 % intervals");
  windows->add_option("monitor", options->monitor)->required();
  windows->add_option("--window", options->window, "hour, day, week or month")
      ->capture_default_str();
  windows->add_option("--variant", options->variant, "live or a shadow's name")
      ->capture_default_str();
  windows->callback([&context, &exit_code, options] {
    Client client(context);
    const auto monitor = client.get(path_of("/slipway/v1/monitors/{}", {options->monitor}));
    if (!monitor) {
      exit_code = fail(monitor.error(), context);
      return;
    }
    const auto metrics = metric_columns(cell(member_at(*monitor, "definition.problem")));
    exit_code = finish(context,
                       client.get(path_of("/slipway/v1/monitors/{}/windows?window={}&variant={}",
                                          {options->monitor, options->window, options->variant})),
                       [&](const Json& reply) { return show(reply, metrics); });
  });
}

}  // namespace slipway::cli
