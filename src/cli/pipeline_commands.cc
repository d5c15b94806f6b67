#include "cli/pipeline_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>

#include "base/http_client.h"
#include "base/json_document.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/dvc_run.h"
#include "cli/kubeflow_run.h"
#include "cli/log_commands.h"
#include "cli/pace.h"
#include "cli/patience.h"
#include "cli/progress.h"
#include "cli/schedule_commands.h"
#include "cli/search_view.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr auto kPollMax = std::chrono::milliseconds(200);       // between two questions about a run
constexpr auto kBetweenLooks = std::chrono::milliseconds(100);  // at all of its steps
constexpr std::size_t kLogTailBytes = 3000;

const std::vector<TableColumn> kStepColumns = {
    {"STEP", "name"},     {"STATE", "state"},       {"SECONDS", "seconds"}, {"EXIT", "exit_code"},
    {"MEMORY", "memory"}, {"CPU S", "cpu_seconds"}, {"REASON", "reason"}};

// Steps with their items, or what they would run, behind them, or without those that are trials.
enum class Trials { kWith, kWithout };
JsonArray rows_of(const Json& steps, Trials trials = Trials::kWith) {
  JsonArray rows;
  for (const Json& step : steps.as_array()) {
    rows.push_back(step);
    if (trials == Trials::kWithout && is_search(step)) continue;
    const Json& items = member_at(step, "items");
    if (!items.is_array()) continue;
    for (const Json& row : rows_of(items, trials)) rows.push_back(row);
  }
  return rows;
}

std::string show_run(const Json& run) {
  std::string out = fmt::format("run {} of {}: {}", cell(member_at(run, "id")),
                                cell(member_at(run, "pipeline")), cell(member_at(run, "state")));
  if (const Json& parent = member_at(run, "parent"); parent.is_object())
    out += fmt::format(", step {} of run {}", cell(member_at(parent, "step")),
                       cell(member_at(parent, "run")));
  if (const std::string reason = cell(member_at(run, "reason")); !reason.empty() && reason != "-")
    out += " (" + reason + ")";
  const Json& steps = member_at(run, "steps");
  JsonArray rows = rows_of(steps, Trials::kWithout);
  for (Json& row : rows) {
    if (const Json& bytes = member_at(row, "peak_memory_bytes"); bytes.is_int64())
      row.as_object()["memory"] = short_bytes(bytes.get_int64());
    if (const Json& tries = member_at(row, "tries"); tries.is_int64() && tries.get_int64() > 1) {
      row.as_object()["state"] =
          fmt::format("{}, try {}", cell(member_at(row, "state")), tries.get_int64());
    }
  }
  // Where servers share steps.
  std::vector<TableColumn> columns = kStepColumns;
  const bool is_shared = std::any_of(rows.begin(), rows.end(), [](const Json& row) {
    return !member_at(row, "server").is_null();
  });
  if (is_shared) columns.insert(columns.begin() + 2, {"SERVER", "server"});
  out += "\n" + table(rows, columns);
  for (const Json& step : steps.as_array()) {
    if (is_search(step) && member_at(step, "items").is_array()) out += "\n" + trials_table(step);
  }
  return out;
}

int exit_of(const std::string& state) {
  if (state == "succeeded") return kOk;
  return state == "refused" ? kGateSaidNo : kFailed;
}

// The end of what the step that stopped the run has written.
void tell_log(Client& client, const Json& run) {
  for (const Json& step : rows_of(member_at(run, "steps"))) {
    const std::string state = cell(member_at(step, "state"));
    if (state != "failed" && state != "refused") continue;
    if (const std::string nested = cell(member_at(step, "nested_run")); nested != "-") {
      if (const auto inner = client.get(path_of("/slipway/v1/pipeline-runs/{}", {nested})))
        tell_log(client, *inner);
      continue;
    }
    const auto log =
        client.fetch(path_of("/slipway/v1/pipeline-runs/{}/steps/{}/log",
                             {cell(member_at(run, "id")), cell(member_at(step, "name"))}));
    if (!log) continue;
    const std::string& text = log->body;
    std::fprintf(stderr, "--- %s wrote:\n%s\n", cell(member_at(step, "name")).c_str(),
                 text.substr(text.size() - std::min(text.size(), kLogTailBytes)).c_str());
  }
}

// The step that `name` is a trial of; null: it is none.
const Json& search_of(const Json& run, const std::string& name) {
  static const Json none;
  const std::string step_name = name.substr(0, name.find('['));
  for (const Json& step : member_at(run, "steps").as_array()) {
    if (name.find('[') != std::string::npos && cell(member_at(step, "name")) == step_name)
      return step;
  }
  return none;
}

// While it is there, Ctrl-C says that the run goes on, and ends the command as ever: a shell sees
// what its script ended of. One at a time.
class InterruptNote {
 public:
  explicit InterruptNote(const std::string& id) {
    text_ = fmt::format(
        "\nslipway: the run goes on: `slipway pipelines show {0}`; `slipway pipelines cancel {0}` "
        "ends it\n",
        id);
    before_ = std::signal(SIGINT, [](int) {
      [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, text_.data(), text_.size());
      std::signal(SIGINT, SIG_DFL);
      std::raise(SIGINT);  // it comes when this returns
    });
    if (before_ == SIG_IGN) std::signal(SIGINT, SIG_IGN);  // as whoever began it wants
  }
  ~InterruptNote() { std::signal(SIGINT, before_); }
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;

 private:
  static inline std::string text_;  // of a handler, which takes nothing
  void (*before_)(int) = SIG_DFL;
};

// Says every change of a step's state on stderr until the run has ended; over restarts of the
// server, too.
Result<Json> follow(const Context& context, Client& client, const std::string& id) {
  Patience patience(context);
  std::map<std::string, std::string> told;
  LiveTrials live;
  const bool is_terminal = ::isatty(2) == 1;
  const Pace pace(kPollMax);
  const InterruptNote note(id);
  for (;;) {
    Result<Json> answer = client.get(path_of("/slipway/v1/pipeline-runs/{}", {id}));
    if (!answer && patience.wait(answer.error())) continue;
    const Json run = TRY(std::move(answer));
    patience.answered();
    for (const Json& step : rows_of(member_at(run, "steps"))) {
      const std::string name = cell(member_at(step, "name"));
      const std::string state = cell(member_at(step, "state"));
      if (told[name] == state) continue;
      told[name] = state;
      if (state == "pending") continue;
      live.clear();
      const std::string seconds = cell(member_at(step, "seconds"));
      const std::string why = state == "waiting" || !member_at(step, "nested_run").is_null()
                                  ? ": " + cell(member_at(step, "reason"))
                                  : "";
      std::fprintf(stderr, "  %-20s %s%s%s%s\n", name.c_str(),
                   state == "stopped" ? "stopped early" : state.c_str(),
                   seconds == "-" ? "" : (" after " + seconds + " s").c_str(),
                   told_score(search_of(run, name), step).c_str(), why.c_str());
    }
    if (is_terminal) live.draw(run);
    if (!member_at(run, "finished_at").is_null()) return run;
    // Between two looks at its steps, the end alone is asked for: that costs the server next to
    // nothing.
    const auto look_again = std::chrono::steady_clock::now() + kBetweenLooks;
    while (pace.wait(), std::chrono::steady_clock::now() < look_again) {
      const auto end = client.get(path_of("/slipway/v1/pipeline-runs/{}?steps=false", {id}));
      if (!end || !member_at(*end, "finished_at").is_null()) break;
    }
  }
}

// Waits for the end of a run that was begun, unless it is `detached`; its exit code.
int show_end(Context& context, Client& client, Result<Json> run, bool detached) {
  if (run && !detached) {
    const std::string id = cell(member_at(*run, "id"));
    run = follow(context, client, id);
    if (!run)
      std::fprintf(stderr, "slipway: run %s may go on: `slipway pipelines show %s`\n", id.c_str(),
                   id.c_str());
  }
  const int shown = finish(context, run, show_run);
  if (shown != kOk || detached) return shown;
  const int code = exit_of(cell(member_at(*run, "state")));
  if (code != kOk) tell_log(client, *run);
  return code;
}

struct RunOptions {
  std::string pipeline, run, reason;
  std::vector<std::string> params;
  std::optional<std::int64_t> priority;
  bool detached = false, explained = false, forced = false, all = false;
};

std::string show_forecast(const Json& reply) {
  return table(rows_of(member_at(reply, "steps")),
               {{"STEP", "step"}, {"VERDICT", "verdict"}, {"WHY", "why"}});
}

int start(Context& context, const RunOptions& options) {
  JsonObject params;
  for (const std::string& param : options.params) {
    const std::size_t equals = param.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::fprintf(stderr, "slipway: a parameter is NAME=VALUE: %s\n", param.c_str());
      return kUsage;
    }
    if (!base::is_utf8(param)) {
      std::fprintf(stderr, "slipway: a parameter is UTF-8, and this one isn't: %s\n",
                   base::valid_utf8(param).c_str());
      return kUsage;
    }
    params[param.substr(0, equals)] = param.substr(equals + 1);
  }
  Client client(context);
  std::string pipeline = options.pipeline;
  if (is_compiled_pipeline(pipeline)) {
    if (options.explained || options.forced || options.priority) {
      std::fprintf(
          stderr,
          "slipway: --explain, --no-cache and --priority aren't for compiled pipelines: %s\n",
          pipeline.c_str());
      return kUsage;
    }
    return show_end(context, client, run_compiled(client, pipeline, params, options.reason),
                    options.detached);
  }
  if (is_dvc_target(pipeline)) {
    const Forecast forecast = !options.explained ? Forecast::kNo
                              : options.forced   ? Forecast::kOfForced
                                                 : Forecast::kYes;
    Result<DvcRun> declared =
        options.all ? declare_all_dvc(client, forecast) : declare_dvc(client, pipeline, forecast);
    if (!declared) return fail(declared.error(), context);
    pipeline = declared->pipeline;
    if (pipeline.empty())
      return finish(context,
                    Result<Json>(JsonObject{{"state", "succeeded"}, {"steps", JsonArray()}}),
                    [](const Json&) { return "dvc.yaml has no stages: nothing to run\n"; });
    if (options.explained)
      return finish(context, Result<Json>(JsonObject{{"steps", std::move(declared->forecast)}}),
                    show_forecast);
    for (const auto& [name, value] : declared->params) params[name] = value;
    params["force"] = options.forced ? "1" : "0";
  }
  if (options.explained) {
    return finish(context,
                  client.post(path_of("/slipway/v1/pipelines/{}/explain", {pipeline}),
                              {{"params", std::move(params)}, {"no_cache", options.forced}}),
                  show_forecast);
  }
  JsonObject body{{"params", std::move(params)}, {"reason", options.reason}};
  if (options.priority) body["priority"] = *options.priority;
  if (options.forced) body["no_cache"] = true;
  Result<Json> run =
      client.post(path_of("/slipway/v1/pipelines/{}/runs", {pipeline}), std::move(body));
  if (!run && run.error().code == Code::kNotFound && is_dvc_stage(pipeline))
    return fail(base::error(Code::kNotFound,
                            "no pipeline is called {}; the stage of dvc.yaml is run with `slipway "
                            "run dvc.yaml:{}`",
                            pipeline, pipeline),
                context);
  return show_end(context, client, std::move(run), options.detached);
}

int try_again(Context& context, const RunOptions& options) {
  Client client(context);
  Result<Json> run =
      client.post(path_of("/slipway/v1/pipeline-runs/{}/retry", {options.run}), JsonObject());
  if (run && member_at(*run, "warnings").is_array()) {
    for (const Json& warning : member_at(*run, "warnings").get_array())
      std::fprintf(stderr, "slipway: warning: %s\n", cell(warning).c_str());
  }
  return show_end(context, client, std::move(run), options.detached);
}

// What has happened, in pages.
void add_list_of_runs(CLI::App& pipelines, Context& context, int& exit_code) {
  // Of the query; empty: not said.
  auto asked = std::make_shared<std::map<std::string, std::string>>();
  CLI::App* verb = pipelines.add_subcommand("runs", "Runs of a pipeline, or of all, newest first");
  verb->add_option("pipeline", (*asked)["pipeline"]);
  verb->add_option("--state", (*asked)["state"], "Only those: failed, refused, running, ...");
  verb->add_option("--actor", (*asked)["actor"], "Only those that this one has begun");
  verb->add_option("--from", (*asked)["from"], "Begun then or later, such as 2026-03-01T00:00:00Z");
  verb->add_option("--until", (*asked)["until"], "Begun before");
  verb->add_option("--limit", (*asked)["limit"], "So many, at most 1000; without, 50");
  verb->add_option("--after", (*asked)["after"], "A run: those that are older");
  verb->callback([&context, &exit_code, asked] {
    std::string path = "/slipway/v1/pipeline-runs";
    char separator = '?';
    for (const auto& [key, value] : *asked) {
      if (value.empty()) continue;
      path += separator + key + "=" + base::percent_encode(value);
      separator = '&';
    }
    const Result<Json> reply = Client(context).get(path);
    exit_code = finish_table(context, reply, "runs",
                             {{"RUN", "id"},
                              {"PIPELINE", "pipeline"},
                              {"STATE", "state"},
                              {"AT", "now"},
                              {"ACTOR", "actor"},
                              {"PARENT", "parent.run"},
                              {"REASON", "reason"}});
    if (!reply || context.json) return;
    if (const Json& next = member_at(*reply, "next"); next.is_string())
      std::fprintf(stderr, "older ones: --after %s\n", cell(next).c_str());
  });
}

}  // namespace

void add_pipeline_commands(CLI::App& root, Context& context, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = root.add_subcommand("run", "Run a pipeline and wait for it; 3: a gate said no");
  CLI::Option* const named = run->add_option(
      "pipeline", options->pipeline,
      "Its name, or dvc.yaml or dvc.yaml:STAGE, or a file that Kubeflow's compiler has written; "
      "without, the dvc.yaml that is here");
  run->add_option("--param,-p", options->params, "NAME=VALUE, again for more");
  run->add_option("--reason", options->reason, "Why, for the record");
  run->add_option("--priority", options->priority,
                  "Runs with more go first when not all can, -1000 to 1000; without, as the "
                  "pipeline says, or 0");
  run->add_flag("--detach", options->detached, "Only start it");
  run->add_flag("--all-pipelines,-P", options->all,
                "All dvc.yaml of the repository that this folder is in, as `dvc repro -P`")
      ->excludes(named);
  run->add_flag("--no-cache,--force,-f", options->forced,
                "Also steps, or stages of dvc.yaml, of which nothing has changed");
  run->add_flag("--explain", options->explained,
                "Run nothing: say for each step whether it would run, and why");
  run->callback([&context, &exit_code, options] { exit_code = start(context, *options); });

  CLI::App* pipelines =
      root.add_subcommand("pipelines", "Pipelines with their last run; their runs and steps");
  pipelines->require_subcommand(0, 1);
  const auto list = [&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/pipelines"), "pipelines",
                             {{"PIPELINE", "name"},
                              {"LAST RUN", "last_run.id"},
                              {"STATE", "last_run.state"},
                              {"AT", "last_run.now"}});
  };
  pipelines->add_subcommand("list", "The same as without a verb")->callback(list);
  pipelines->callback([list, pipelines] {
    if (pipelines->get_subcommands().empty()) list();
  });
  auto name = std::make_shared<std::string>();
  add_list_of_runs(*pipelines, context, exit_code);
  CLI::App* pools = pipelines->add_subcommand("pools", "Pools: their slots, and who has them");
  pools->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/pools"), "pools",
                             {{"POOL", "name"},
                              {"SLOTS", "slots"},
                              {"TAKEN", "taken"},
                              {"BY", "taken_by"},
                              {"WAITING", "waiting"}});
  });
  CLI::App* show = pipelines->add_subcommand("show", "One run with its steps");
  show->add_option("run", *name)->required();
  show->callback([&context, &exit_code, name] {
    exit_code = finish(
        context, Client(context).get(path_of("/slipway/v1/pipeline-runs/{}", {*name})), show_run);
  });
  CLI::App* cancel = pipelines->add_subcommand("cancel", "End a run");
  cancel->add_option("run", *name)->required();
  cancel->callback([&context, &exit_code, name] {
    exit_code = finish(
        context, Client(context).post(path_of("/slipway/v1/pipeline-runs/{}/cancel", {*name}), {}),
        show_run);
  });
  for (const bool approved : {true, false}) {
    auto options = std::make_shared<RunOptions>();
    auto asked = std::make_shared<std::string>();
    CLI::App* verb = pipelines->add_subcommand(approved ? "approve" : "refuse",
                                               approved ? "Let a run go on that waits for a person"
                                                        : "Say no to it: the run ends as refused");
    verb->add_option("run", options->run)->required();
    verb->add_option("step", *asked)->required();
    verb->add_option("--reason", options->reason, "Why, for the record");
    verb->callback([&context, &exit_code, options, asked, approved] {
      exit_code = finish(
          context,
          Client(context).post(
              path_of("/slipway/v1/pipeline-runs/{}/steps/{}/answer", {options->run, *asked}),
              {{"approved", approved}, {"reason", options->reason}}),
          show_run);
    });
  }
  auto again = std::make_shared<RunOptions>();
  CLI::App* retry = pipelines->add_subcommand(
      "retry", "Run again what did not succeed in a run that is over, and wait");
  retry->add_option("run", again->run)->required();
  retry->add_flag("--detach", again->detached, "Only start it");
  retry->callback([&context, &exit_code, again] { exit_code = try_again(context, *again); });
  add_log_commands(*pipelines, context, exit_code);
  add_backfill_command(*pipelines, context, exit_code);
}

}  // namespace slipway::cli
