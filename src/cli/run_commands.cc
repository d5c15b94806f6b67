#include "cli/run_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands.h"
#include "cli/reproduce_command.h"
#include "cli/run_compare.h"
#include "cli/run_watch.h"
#include "cli/verb.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

struct ListOptions {
  std::vector<std::string> experiments, order_by, columns;
  std::string filter;
  std::size_t limit = 50;
  bool deleted = false;
};

// Ids of experiments by name or id; of all when none is named.
Result<JsonArray> experiment_ids(Client& client, const std::vector<std::string>& named) {
  if (named.empty()) return all_experiments(client);
  JsonArray ids;
  for (const std::string& name : named) {
    const auto found =
        client.get(path_of("/api/2.0/mlflow/experiments/get-by-name?experiment_name={}", {name}));
    if (found) {
      ids.push_back(member_at(*found, "experiment.experiment_id"));
      continue;
    }
    const bool may_be_id = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return c >= '0' && c <= '9';
    });
    if (found.error().code != Code::kNotFound || !may_be_id) return found.error();
    const Json by_id =
        TRY(client.get(path_of("/api/2.0/mlflow/experiments/get?experiment_id={}", {name})));
    ids.push_back(member_at(by_id, "experiment.experiment_id"));
  }
  return ids;
}

std::string when(const Json& millis) {
  if (!millis.is_int64()) return "-";
  return types::to_rfc3339(base::Timestamp::from_millis(millis.get_int64()));
}

// The value of a "metrics.auc", "params.lr" or "tags.team" column.
Json value_of(const Json& run, const std::string& column) {
  const std::size_t dot = column.find('.');
  const std::string list = column.substr(0, dot);
  const Json& pairs = member_at(run, "data." + list);
  if (dot == std::string::npos || !pairs.is_array()) return nullptr;
  for (const Json& pair : pairs.get_array()) {
    if (cell(member_at(pair, "key")) == column.substr(dot + 1)) return member_at(pair, "value");
  }
  return nullptr;
}

Result<Json> list_runs(Client& client, const ListOptions& options) {
  JsonObject body{{"experiment_ids", TRY(experiment_ids(client, options.experiments))},
                  {"filter", options.filter},
                  {"order_by", JsonArray(options.order_by.begin(), options.order_by.end())},
                  {"run_view_type", options.deleted ? "DELETED_ONLY" : "ACTIVE_ONLY"},
                  {"max_results", options.limit}};
  return client.post("/api/2.0/mlflow/runs/search", body);
}

std::string show_list(const Json& reply, const ListOptions& options) {
  std::vector<TableColumn> columns = {{"RUN", "id"},        {"NAME", "name"},
                                      {"STATUS", "status"}, {"EXPERIMENT", "experiment"},
                                      {"STARTED", "start"}, {"USER", "user"}};
  for (const std::string& column : options.columns) columns.push_back({column, "x" + column});
  for (std::size_t i = 0; i < options.columns.size(); ++i)
    columns[columns.size() - options.columns.size() + i].member = fmt::format("c{}", i);
  JsonArray rows;
  if (const Json& runs = member_at(reply, "runs"); runs.is_array()) {
    for (const Json& run : runs.get_array()) {
      const Json& info = member_at(run, "info");
      JsonObject row{{"id", member_at(info, "run_id")},
                     {"name", member_at(info, "run_name")},
                     {"status", member_at(info, "status")},
                     {"experiment", member_at(info, "experiment_id")},
                     {"start", when(member_at(info, "start_time"))},
                     {"user", member_at(info, "user_id")}};
      for (std::size_t i = 0; i < options.columns.size(); ++i)
        row[fmt::format("c{}", i)] = value_of(run, options.columns[i]);
      rows.push_back(std::move(row));
    }
  }
  return table(rows, columns);
}

std::string show_run(const Json& run) {
  const Json& info = member_at(run, "info");
  JsonArray rows;
  const auto add = [&](std::string_view what, const std::string& key, const Json& value) {
    std::string text = value.is_string() ? cell(value) : "";
    std::replace(text.begin(), text.end(), '\n', ' ');
    rows.push_back(JsonObject{
        {"what", what}, {"key", key}, {"value", value.is_string() ? Json(text) : value}});
  };
  for (const char* key : {"run_id", "run_name", "experiment_id", "status", "user_id",
                          "artifact_uri", "lifecycle_stage"})
    add("run", key, member_at(info, key));
  add("run", "start_time", Json(when(member_at(info, "start_time"))));
  add("run", "end_time", Json(when(member_at(info, "end_time"))));
  for (const auto& [list, what] : std::initializer_list<std::pair<std::string, std::string_view>>{
           {"metrics", "metric"}, {"params", "parameter"}, {"tags", "tag"}}) {
    const Json& pairs = member_at(run, "data." + list);
    if (!pairs.is_array()) continue;
    for (const Json& pair : pairs.get_array())
      add(what, cell(member_at(pair, "key")), member_at(pair, "value"));
  }
  if (const Json& inputs = member_at(run, "inputs.dataset_inputs"); inputs.is_array()) {
    for (const Json& input : inputs.get_array())
      add("dataset", cell(member_at(input, "dataset.name")), member_at(input, "dataset.digest"));
  }
  return table(rows, {{"WHAT", "what"}, {"KEY", "key"}, {"VALUE", "value"}});
}

}  // namespace

void add_run_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* runs = root.add_subcommand("runs", "Tracked runs: find, watch, compare, reproduce");
  runs->require_subcommand(1);

  auto options = std::make_shared<ListOptions>();
  CLI::App* list = runs->add_subcommand("list", "Newest first");
  list->add_option("experiment", options->experiments, "Names or ids; all when none is given");
  list->add_option("--filter", options->filter,
                   "Such as \"metrics.auc > 0.7 AND tags.team = 'a'\"");
  list->add_option("--order-by", options->order_by, "Such as \"metrics.auc DESC\", again for more");
  list->add_option("--column,-c", options->columns,
                   "metrics.NAME, params.NAME or tags.NAME as a column, again for more");
  list->add_option("--limit", options->limit)->check(CLI::Range(1, 50'000));
  list->add_flag("--deleted", options->deleted, "Deleted ones instead");
  list->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish(context, list_runs(client, *options),
                       [&](const Json& reply) { return show_list(reply, *options); });
  });

  auto id = std::make_shared<std::string>();
  CLI::App* show = runs->add_subcommand("show", "One run with all that was logged");
  show->add_option("run", *id)->required();
  show->callback([&context, &exit_code, id] {
    Client client(context);
    const auto run = RunRecord::load(client, *id);
    exit_code = finish(context, run ? Result<Json>(run->json()) : run.error(), show_run);
  });

  CLI::App* watch = runs->add_subcommand("watch", "Metrics as they come, until the run ends");
  watch->add_option("run", *id)->required();
  watch->callback([&context, &exit_code, id] { exit_code = watch_run(context, *id); });

  struct CompareOptions {
    std::vector<std::string> runs;
    bool all = false;
  };
  auto compared = std::make_shared<CompareOptions>();
  CLI::App* compare = runs->add_subcommand(
      "compare", "What differs: metrics, parameters, tags, code, data, environment");
  compare->add_option("runs", compared->runs, "Two to twenty")
      ->required()
      ->expected(kComparedRunsMin, kComparedRunsMax);
  compare->add_flag("--all", compared->all, "Also what is the same");
  compare->callback([&context, &exit_code, compared] {
    Client client(context);
    auto comparison =
        compare_runs(client, compared->runs, compared->all ? Rows::kAll : Rows::kDifferent);
    exit_code = finish(context,
                       comparison ? Result<Json>(Json(std::move(*comparison))) : comparison.error(),
                       comparison_table);
  });
  add_reproduce_command(*runs, context, exit_code);
}

}  // namespace slipway::cli
