#include "cli/slices_command.h"

#include <CLI/CLI.hpp>

#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string endpoint, window, start;
};

// The monitor of that name, or the first that watches the endpoint.
Result<std::string> find_monitor(Client& client, const std::string& name) {
  const Json reply = TRY(client.get("/slipway/v1/monitors"));
  std::string found;
  for (const Json& monitor : member_at(reply, "monitors").as_array()) {
    if (cell(member_at(monitor, "name")) == name) return name;
    if (found.empty() && cell(member_at(monitor, "endpoint")) == name)
      found = cell(member_at(monitor, "name"));
  }
  if (found.empty())
    return base::error(Code::kNotFound, "no monitor watches that endpoint: endpoint={}", name);
  return found;
}

Result<Json> fetch(Client& client, const Options& options) {
  std::string path =
      path_of("/slipway/v1/monitors/{}/slices?", {TRY(find_monitor(client, options.endpoint))});
  if (!options.window.empty()) path += path_of("&window={}", {options.window});
  if (!options.start.empty()) path += path_of("&start={}", {options.start});
  return client.get(path);
}

// Of these metrics the ones that the slices have: which, is up to the monitor's problem.
std::vector<TableColumn> declared_columns(const JsonArray& declared) {
  std::vector<TableColumn> columns = {{"DECLARED", "name"}, {"ROWS", "rows"}, {"LABELS", "labels"}};
  const std::vector<TableColumn> known = {{"AUC", "metrics.auc"},
                                          {"ACCURACY", "metrics.accuracy"},
                                          {"LOG LOSS", "metrics.log_loss"},
                                          {"BIAS", "metrics.calibration_bias"},
                                          {"MAE", "metrics.mae"},
                                          {"RMSE", "metrics.rmse"},
                                          {"MEAN ERROR", "metrics.mean_error"},
                                          {"F1", "metrics.f1_macro"},
                                          {"NDCG@10", "metrics.ndcg@10"},
                                          {"MRR", "metrics.mrr"},
                                          {"MEAN PREDICTION", "metrics.mean_prediction"}};
  for (const TableColumn& column : known) {
    if (std::any_of(declared.begin(), declared.end(),
                    [&](const Json& slice) { return member_at(slice, column.member).is_number(); }))
      columns.push_back(column);
  }
  return columns;
}

std::string show(const Json& reply) {
  const Json& report = member_at(reply, "slices");
  std::string out = fmt::format("the {} from {}: ", cell(member_at(reply, "window")),
                                cell(member_at(reply, "start")));
  const JsonArray& found = member_at(report, "found").as_array();
  if (cell(member_at(report, "loss")).empty()) {
    out += "no answer has a label, so nobody knows where the model does worst\n";
  } else if (found.empty()) {
    out += fmt::format("nothing stands out among {} conditions ({} {} over {} rows)\n",
                       cell(member_at(report, "examined")), cell(member_at(report, "loss")),
                       cell(member_at(report, "mean")), cell(member_at(report, "rows")));
  } else {
    out += fmt::format("where {} is worst ({} over all {} rows; {} conditions looked at)\n\n",
                       cell(member_at(report, "loss")), cell(member_at(report, "mean")),
                       cell(member_at(report, "rows")), cell(member_at(report, "examined")));
    JsonArray rows;
    for (const Json& slice : found) {
      JsonObject row = slice.as_object();
      row["interval"] =
          fmt::format("{:+.4g} to {:+.4g}", member_at(slice, "low").to_number<double>(),
                      member_at(slice, "high").to_number<double>());
      row["percent"] = fmt::format("{:.1f} %", 100 * member_at(slice, "share").to_number<double>());
      rows.push_back(std::move(row));
    }
    out += table(rows, {{"SLICE", "slice"},
                        {"ROWS", "rows"},
                        {"SHARE", "percent"},
                        {"THERE", "inside"},
                        {"ELSEWHERE", "outside"},
                        {"DIFFERENCE (95 %)", "interval"},
                        {"MODEL EXPECTS", "expected"},
                        {"BEFORE", "before.inside"}});
  }
  if (const JsonArray& declared = member_at(reply, "declared_slices").as_array();
      !declared.empty()) {
    out += "\n" + table(declared, declared_columns(declared));
  }
  if (const Json& attributions = member_at(reply, "attributions"); attributions.is_object()) {
    out += fmt::format("\nwhat the model goes by (mean |SHAP|; NDCG against the reference {})\n\n",
                       cell(member_at(attributions, "ndcg")));
    out += table(member_at(attributions, "inputs").as_array(), {{"INPUT", "input"},
                                                                {"NOW", "now"},
                                                                {"REFERENCE", "reference"},
                                                                {"RANK", "rank"},
                                                                {"WAS", "reference_rank"}});
  }
  if (const std::string note = cell(member_at(reply, "note")); !note.empty()) out += note + "\n";
  return out;
}

}  // namespace

void add_slices_command(CLI::App& monitors, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* slices = monitors.add_subcommand(
      "slices", "Where a model does worst, how it does in declared slices, and what it goes by");
  slices->add_option("endpoint", options->endpoint, "Or the name of a monitor")->required();
  slices->add_option("--window", options->window,
                     "hour, day, week or month; by default the monitor's last");
  slices->add_option("--start", options->start, "Where the window begins; by default the newest");
  slices->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish(context, fetch(client, *options), show);
  });
}

}  // namespace slipway::cli
