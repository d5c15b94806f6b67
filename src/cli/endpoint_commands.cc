#include "cli/endpoint_commands.h"

#include <CLI/CLI.hpp>

#include "cli/inputs_command.h"
#include "cli/slices_command.h"
#include "cli/verb.h"
#include "cli/windows_command.h"

namespace slipway::cli {
namespace {

const std::vector<TableColumn> kVariantColumns = {{"VARIANT", "name"},
                                                  {"ROLE", "role"},
                                                  {"MODEL", "model"},
                                                  {"VERSION", "version"},
                                                  {"WEIGHT", "weight"}};

std::string show_revision(const Json& revision) {
  return fmt::format("revision {}: {}, {}\n", cell(member_at(revision, "number")),
                     cell(member_at(revision, "kind")), cell(member_at(revision, "reason"))) +
         table(member_at(revision, "variants").as_array(), kVariantColumns);
}

std::string show_endpoint(const Json& status) {
  const Json& revision = member_at(status, "revision");
  return fmt::format("{}: {}\n", cell(member_at(status, "name")),
                     cell(member_at(status, "rollout.phase"))) +
         (revision.is_null() ? "no revision yet\n" : show_revision(revision)) +
         (member_at(status, "models").is_array()
              ? "\n" + table(member_at(status, "models").as_array(), {{"VARIANT", "variant"},
                                                                      {"VERSION", "version"},
                                                                      {"IN MEMORY", "in_memory"},
                                                                      {"BYTES", "memory_bytes"},
                                                                      {"REQUESTS", "requests"},
                                                                      {"ROWS", "rows"},
                                                                      {"ERRORS", "errors"}})
              : "") +
         (member_at(status, "cost").is_array()
              ? "\n" + table(member_at(status, "cost").as_array(),
                             {{"VERSION", "version"},
                              {"PREDICTIONS", "predictions"},
                              {"CPU SECONDS PER 1000", "cpu_seconds_per_1000"},
                              {"COST PER 1000", "cost_per_1000"},
                              {"CURRENCY", "currency"}})
              : "");
}

// The costs come by a route of their own.
Result<Json> endpoint_with_costs(Client& client, const std::string& endpoint) {
  Json status = TRY(client.get(path_of("/slipway/v1/endpoints/{}", {endpoint})));
  if (const auto cost = client.get(path_of("/slipway/v1/endpoints/{}/cost", {endpoint}));
      cost && status.is_object())
    status.as_object()["cost"] = member_at(*cost, "versions");
  return status;
}

std::string show_advice(const Json& reply) {
  std::string out = cell(member_at(reply, "words")) + "\n\n";
  out += fmt::format(
      "traffic: {} requests looked at, {} a second on average, {} at the peak ({} s), {} to carry, "
      "{} "
      "rows each, variation of the gaps {}\n",
      cell(member_at(reply, "traffic.requests")), cell(member_at(reply, "traffic.rate_mean")),
      cell(member_at(reply, "traffic.rate_peak")), cell(member_at(reply, "traffic.peak_seconds")),
      cell(member_at(reply, "traffic.rate")), cell(member_at(reply, "traffic.rows_per_request")),
      cell(member_at(reply, "traffic.gap_variation")));
  out += fmt::format(
      "cost: a call of n rows takes {} + n * {} us, variation {}; a core {} {} an hour\n\n",
      cell(member_at(reply, "cost.fixed_us")), cell(member_at(reply, "cost.row_us")),
      cell(member_at(reply, "cost.variation")), cell(member_at(reply, "cost.core_hour")),
      cell(member_at(reply, "cost.currency")));
  return out + table(member_at(reply, "options").as_array(), {{"MODE", "mode"},
                                                              {"MAX ROWS", "max_rows"},
                                                              {"MAX WAIT MS", "max_wait_ms"},
                                                              {"REPLICAS", "replicas"},
                                                              {"LOAD", "load"},
                                                              {"LATENCY MS", "latency_ms"},
                                                              {"CORES BUSY", "cores_busy"},
                                                              {"COST PER 1000", "cost_per_1000"},
                                                              {"MEETS IT", "meets_target"}});
}

std::string show_change(const Json& reply) {
  std::string out = show_revision(member_at(reply, "entry"));
  if (const Json& seconds = member_at(reply, "seconds"); !seconds.is_null())
    out += "took " + cell(seconds) + " s\n";
  return out;
}

std::string show_comparison(const Json& reply) {
  const std::vector<TableColumn> columns = {{"VARIANT", "variant"},   {"VERSION", "model_version"},
                                            {"REQUESTS", "requests"}, {"ERRORS", "errors"},
                                            {"COMPARED", "rows"},     {"VALUE", "value"}};
  std::string out =
      fmt::format("{}, {}\n", cell(member_at(reply, "measure")),
                  member_at(reply, "paired") == Json(true) ? "on the same requests"
                                                           : "each on its own requests") +
      table({member_at(reply, "a"), member_at(reply, "b")}, columns) +
      fmt::format("difference {} (95 % at every look: {} to {})\n",
                  cell(member_at(reply, "difference")), cell(member_at(reply, "low")),
                  cell(member_at(reply, "high")));
  if (const Json& note = member_at(reply, "note"); !note.is_null()) out += cell(note) + "\n";
  const Json& answers = member_at(reply, "answers");
  if (answers.is_null()) return out;
  if (const Json& other = member_at(answers, "other_class"); !other.is_null()) {
    out += fmt::format("answers: {} pairs, {} of them say two classes\n",
                       cell(member_at(answers, "pairs")), cell(other));
    return out + table(member_at(answers, "differing").as_array(),
                       {{"OF TWO CLASSES", "request_id"}, {"A", "a"}, {"B", "b"}});
  }
  out += fmt::format("answers: {} pairs, mean distance {}, p99 {}, most {}, correlation {}",
                     cell(member_at(answers, "pairs")), cell(member_at(answers, "mean_absolute")),
                     cell(member_at(answers, "p99_absolute")),
                     cell(member_at(answers, "max_absolute")),
                     cell(member_at(answers, "correlation")));
  if (const Json& other = member_at(answers, "other_side"); !other.is_null())
    out += fmt::format("; {} on other sides of the threshold", cell(other));
  out += "\n";
  return out + table(member_at(answers, "furthest").as_array(),
                     {{"FURTHEST APART", "request_id"}, {"A", "a"}, {"B", "b"}});
}

std::string show_experiment(const Json& reply) {
  return fmt::format("{} % to {}, decided by {} ({} is better), until {}\n{}\n",
                     cell(member_at(reply, "percent")), cell(member_at(reply, "uri")),
                     cell(member_at(reply, "metric")), cell(member_at(reply, "better")),
                     cell(member_at(reply, "ends_at")), cell(member_at(reply, "verdict.words")));
}

struct ExperimentOptions {
  std::string endpoint, model, metric, better, reason, check = "1h", duration = "14d";
  int percent = 50;
  double confidence = 0.95;
  std::int64_t min_rows = 100;
  bool promote_winner = false;
};

void add_experiment_commands(CLI::App& endpoints, Context& context, int& exit_code) {
  CLI::App* experiment = endpoints.add_subcommand(
      "experiment", "A challenger beside the version in charge, decided by a metric");
  experiment->require_subcommand(1);
  auto options = std::make_shared<ExperimentOptions>();
  const auto path = [options] {
    return path_of("/slipway/v1/endpoints/{}/experiment", {options->endpoint});
  };

  CLI::App* start = experiment->add_subcommand("start", "Give a challenger part of the requests");
  start->add_option("endpoint", options->endpoint)->required();
  start->add_option("model", options->model, "models:/name/version or models:/name@alias")
      ->required();
  start
      ->add_option("--metric", options->metric,
                   "log_loss, brier, absolute_error, label, prediction, error_rate or latency_ms")
      ->required();
  start->add_option("--better", options->better, "higher or lower; known for losses and errors");
  start->add_option("--percent", options->percent, "Of the requests")->capture_default_str();
  start->add_option("--confidence", options->confidence, "Of the verdict, over all looks together")
      ->capture_default_str();
  start->add_option("--min-rows", options->min_rows, "Per variant, before there is a verdict")
      ->capture_default_str();
  start->add_option("--check", options->check, "How often it is looked at")->capture_default_str();
  start->add_option("--duration", options->duration, "When it ends without a verdict")
      ->capture_default_str();
  start->add_flag("--promote-winner", options->promote_winner,
                  "A challenger that is better takes charge by itself");
  start->add_option("--reason", options->reason, "Why, for the ledger");
  start->callback([&context, &exit_code, options, path] {
    JsonObject body{{"model", options->model},       {"metric", options->metric},
                    {"percent", options->percent},   {"confidence", options->confidence},
                    {"min_rows", options->min_rows}, {"check", options->check},
                    {"duration", options->duration}, {"promote_winner", options->promote_winner},
                    {"reason", options->reason}};
    if (!options->better.empty()) body["better"] = options->better;
    exit_code = finish(context, Client(context).post(path(), body), show_change);
  });
  CLI::App* show = experiment->add_subcommand("show", "How it stands, and a verdict in words");
  show->add_option("endpoint", options->endpoint)->required();
  show->callback([&context, &exit_code, path] {
    exit_code = finish(context, Client(context).get(path()), show_experiment);
  });
  CLI::App* stop = experiment->add_subcommand("stop", "End it without a verdict");
  stop->add_option("endpoint", options->endpoint)->required();
  stop->callback([&context, &exit_code, path] {
    exit_code = finish(context, Client(context).send("DELETE", path(), JsonObject()), show_change);
  });
}

struct ChangeOptions {
  std::string endpoint, model, reason;
};

std::string show_rehearsal(const Json& reply) {
  const Json& firings = member_at(reply, "firings");
  std::string out = cell(member_at(reply, "strip")) +
                    "    a sign a window: . fine, # fired, ? not judged\n\n" +
                    table(firings.as_array(), {{"OPENED", "opened"},
                                               {"RESOLVED", "resolved"},
                                               {"WINDOWS", "windows"},
                                               {"VALUE", "value"},
                                               {"WORST", "worst"},
                                               {"MOVED", "moved"}});
  const std::string fired = cell(member_at(reply, "fired"));
  return out + fmt::format("\nwould have fired {} {} over {} windows of a {} ({} not judged)\n",
                           fired, fired == "1" ? "time" : "times",
                           cell(member_at(reply, "windows")), cell(member_at(reply, "window")),
                           cell(member_at(reply, "not_judged")));
}

std::string show_alarm_budget(const Json& reply) {
  const std::string per = cell(member_at(reply, "budget.per"));
  std::string out =
      fmt::format("at most {} false {} a {} over all monitors{}\n\n",
                  cell(member_at(reply, "budget.false_pages")),
                  cell(member_at(reply, "budget.false_pages")) == "1" ? "page" : "pages", per,
                  cell(member_at(reply, "declared")) == "true"
                      ? ""
                      : " (nothing is declared: `alarm_budget:` of slipway.yaml)");
  out += table(member_at(reply, "rules").as_array(), {{"MONITOR", "monitor"},
                                                      {"ALERT", "alert"},
                                                      {"METRIC", "metric"},
                                                      {"WINDOW", "window"},
                                                      {"SEVERITY", "severity"},
                                                      {"COUNTS", "counts"},
                                                      {"STATE", "state"},
                                                      {"LEARNED FROM", "learned_from"},
                                                      {"LOW", "next.low"},
                                                      {"EXPECTED", "next.expected"},
                                                      {"HIGH", "next.high"},
                                                      {"FALSE PAGES", "false_pages"},
                                                      {"PAGES", "pages"}});
  return out +
         fmt::format(
             "\nFALSE PAGES: expected a {0} although nothing is the matter; in all {1} of rules "
             "without a threshold, and {2} of declared thresholds that count, as their "
             "history has it.\nPAGES: in the last {0}s, the newest first; in all {3}.\n",
             per, cell(member_at(reply, "false_pages")),
             cell(member_at(reply, "false_pages_of_thresholds")), cell(member_at(reply, "pages")));
}

}  // namespace

void add_endpoint_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* endpoints =
      root.add_subcommand("endpoints", "What answers in production, and since when");
  endpoints->require_subcommand(1);

  CLI::App* list = endpoints->add_subcommand("list", "Every model in production with its health");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/overview"), "models",
                             {{"ENDPOINT", "endpoint"},
                              {"MODEL", "name"},
                              {"VERSION", "version"},
                              {"PHASE", "phase"},
                              {"HEALTH", "health"},
                              {"ALERTS", "open_alerts"},
                              {"LAST RELEASE", "last_release"}});
  });

  auto options = std::make_shared<ChangeOptions>();
  CLI::App* show = endpoints->add_subcommand("show", "One endpoint: revision, variants, release");
  show->add_option("endpoint", options->endpoint)->required();
  show->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish(context, endpoint_with_costs(client, options->endpoint), show_endpoint);
  });
  struct AdviceOptions {
    std::string endpoint;
    double latency_ms = 100, rate = 0, percentile = 0.99;
  };
  auto wanted = std::make_shared<AdviceOptions>();
  CLI::App* advise = endpoints->add_subcommand(
      "advise", "How it is best served: by its traffic, what its model costs and a latency");
  advise->add_option("endpoint", wanted->endpoint)->required();
  advise->add_option("--latency-ms", wanted->latency_ms, "That an answer may take")
      ->capture_default_str();
  advise->add_option("--percentile", wanted->percentile, "Of the requests that must be in time")
      ->capture_default_str();
  advise->add_option("--rate", wanted->rate,
                     "Requests a second to carry; without it the last day's peak");
  advise->callback([&context, &exit_code, wanted] {
    std::string path = path_of("/slipway/v1/endpoints/{}/advice?latency_ms={}&percentile={}",
                               {wanted->endpoint, fmt::format("{}", wanted->latency_ms),
                                fmt::format("{}", wanted->percentile)});
    if (wanted->rate != 0) path += fmt::format("&rate={}", wanted->rate);
    exit_code = finish(context, Client(context).get(path), show_advice);
  });
  CLI::App* revisions = endpoints->add_subcommand("revisions", "The ledger, newest first");
  revisions->add_option("endpoint", options->endpoint)->required();
  revisions->callback([&context, &exit_code, options] {
    exit_code = finish_table(
        context,
        Client(context).get(path_of("/slipway/v1/endpoints/{}/revisions", {options->endpoint})),
        "revisions",
        {{"REVISION", "number"},
         {"TIME", "time"},
         {"KIND", "kind"},
         {"ACTOR", "actor"},
         {"REASON", "reason"}});
  });

  struct Verb {
    const char *name, *help;
  };
  for (const Verb verb : {Verb{"deploy", "Put a model in charge of all requests now"},
                          Verb{"rollback", "Go back to the last good revision, and hold"},
                          Verb{"hold", "Stop following the model's alias"},
                          Verb{"follow", "Follow the model's alias again"}}) {
    CLI::App* command = endpoints->add_subcommand(verb.name, verb.help);
    command->add_option("endpoint", options->endpoint)->required();
    if (std::string_view(verb.name) == "deploy")
      command->add_option("model", options->model, "models:/name/version or models:/name@alias")
          ->required();
    command->add_option("--reason", options->reason, "Why, for the ledger");
    command->callback([&context, &exit_code, options, name = std::string(verb.name)] {
      JsonObject body{{"reason", options->reason}};
      if (!options->model.empty()) body["model"] = options->model;
      exit_code =
          finish(context,
                 Client(context).post(
                     path_of("/slipway/v1/endpoints/{}/", {options->endpoint}) + name, body),
                 show_change);
    });
  }

  add_inputs_command(*endpoints, context, exit_code);
  add_experiment_commands(*endpoints, context, exit_code);

  struct CompareOptions {
    std::string a = "live", b, metric, from, to;
  };
  auto compared = std::make_shared<CompareOptions>();
  CLI::App* compare = endpoints->add_subcommand(
      "compare", "Two variants side by side: how answers differ, and which does better");
  compare->add_option("endpoint", options->endpoint)->required();
  compare->add_option("variant", compared->b, "A shadow's name, canary or challenger")->required();
  compare->add_option("--with", compared->a, "The other variant")->capture_default_str();
  compare->add_option("--metric", compared->metric,
                      "By default log_loss, of a regression absolute_error; also brier, accuracy, "
                      "label, prediction, error_rate, latency_ms");
  compare->add_option("--from", compared->from, "Event time; by default since the last revision");
  compare->add_option("--to", compared->to, "Event time; by default now");
  compare->callback([&context, &exit_code, options, compared] {
    std::string path = path_of("/slipway/v1/endpoints/{}/comparison?a={}&b={}",
                               {options->endpoint, compared->a, compared->b});
    if (!compared->metric.empty()) path += path_of("&metric={}", {compared->metric});
    if (!compared->from.empty()) path += path_of("&from={}", {compared->from});
    if (!compared->to.empty()) path += path_of("&to={}", {compared->to});
    exit_code = finish(context, Client(context).get(path), show_comparison);
  });

  auto id = std::make_shared<std::string>();
  CLI::App* request = endpoints->add_subcommand("request", "One logged request with its labels");
  request->add_option("endpoint", options->endpoint)->required();
  request->add_option("id", *id)->required();
  request->callback([&context, &exit_code, options, id] {
    exit_code = finish(context,
                       Client(context).get(path_of("/slipway/v1/endpoints/{}/requests/{}",
                                                   {options->endpoint, *id})),
                       [](const Json& reply) { return base::to_text(reply) + "\n"; });
  });
}

void add_monitor_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* monitors = root.add_subcommand("monitors", "How what is in production does over time");
  monitors->alias("monitor");
  monitors->require_subcommand(1);
  add_slices_command(*monitors, context, exit_code);
  CLI::App* list = monitors->add_subcommand("list", "Every monitor with its health");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/monitors"), "monitors",
                             {{"MONITOR", "name"},
                              {"ENDPOINT", "endpoint"},
                              {"HEALTH", "health"},
                              {"WHY", "health_reason"},
                              {"ALERTS", "open_alerts"}});
  });

  add_windows_command(*monitors, context, exit_code);

  struct Rehearsed {
    std::string monitor, alert, from, until;
  };
  auto rehearsed = std::make_shared<Rehearsed>();
  CLI::App* rehearse = monitors->add_subcommand(
      "rehearse", "When an alert would have fired over the windows that were judged");
  rehearse->add_option("monitor", rehearsed->monitor)->required();
  rehearse
      ->add_option("alert", rehearsed->alert,
                   "A declared one, or '{metric: auc, window: week, under: 0.7}', or unusual: low")
      ->required();
  rehearse->add_option("--from", rehearsed->from, "First start of a window");
  rehearse->add_option("--until", rehearsed->until, "Windows that start before");
  rehearse->callback([&context, &exit_code, rehearsed] {
    JsonObject body{{"alert", rehearsed->alert}};
    if (!rehearsed->from.empty()) body["from"] = rehearsed->from;
    if (!rehearsed->until.empty()) body["until"] = rehearsed->until;
    exit_code = finish(context,
                       Client(context).post(
                           path_of("/slipway/v1/monitors/{}/rehearse", {rehearsed->monitor}), body),
                       show_rehearsal);
  });

  CLI::App* budget = monitors->add_subcommand(
      "budget", "What the alarm budget is spent on, and the bounds of what is usual");
  budget->callback([&context, &exit_code] {
    exit_code = finish(context, Client(context).get("/slipway/v1/alarm-budget"), show_alarm_budget);
  });

  CLI::App* alerts = root.add_subcommand("alerts", "Alerts, newest first, with what they caused");
  auto open_only = std::make_shared<bool>(false);
  const auto tell = [&context, &exit_code, open_only] {
    exit_code = finish_table(
        context,
        Client(context).get(*open_only ? "/slipway/v1/alerts?state=open" : "/slipway/v1/alerts"),
        "alerts",
        {{"ID", "id"},
         {"TIME", "time"},
         {"MONITOR", "monitor"},
         {"ALERT", "alert"},
         {"VALUE", "value"},
         {"THRESHOLD", "threshold"},
         {"STATE", "state"},
         {"SILENCED", "silenced"},
         {"SEEN BY", "acknowledged.by"},
         {"ACTION", "action.kind"},
         {"CAME OF IT", "action.state"},
         {"WHY", "action.reason"}});
  };
  CLI::App* listed = alerts->add_subcommand("list", "The same as without a verb");
  for (CLI::App* either : {alerts, listed})
    either->add_flag("--open", *open_only, "Only those that are open");
  listed->callback(tell);
  alerts->callback([tell, alerts] {
    if (alerts->get_subcommands().empty()) tell();
  });
  struct Seen {
    std::string id, comment, by;
  };
  auto seen = std::make_shared<Seen>();
  CLI::App* show_alert = alerts->add_subcommand(
      "show", "Every decision about its actions, with the reason, whatever was decided");
  show_alert->add_option("id", seen->id)->required();
  show_alert->callback([&context, &exit_code, seen] {
    exit_code = finish_table(
        context, Client(context).get(path_of("/slipway/v1/alerts/{}", {seen->id})), "actions",
        {{"TIME", "time"},
         {"ACTION", "kind"},
         {"DOES", "does"},
         {"CAME OF IT", "state"},
         {"RUN", "run_id"},
         {"REVISION", "revision"},
         {"INCIDENT", "incident"},
         {"WHY", "reason"}});
  });
  CLI::App* acknowledge =
      alerts->add_subcommand("acknowledge", "Say that you have seen an open alert");
  acknowledge->add_option("id", seen->id)->required();
  acknowledge->add_option("--comment", seen->comment, "What you make of it");
  if (const char* user = std::getenv("USER")) seen->by = user;
  acknowledge->add_option("--by", seen->by, "Who you are; with login, who has logged in")
      ->capture_default_str();
  acknowledge->callback([&context, &exit_code, seen] {
    exit_code =
        finish(context,
               Client(context).post(path_of("/slipway/v1/alerts/{}/acknowledge", {seen->id}),
                                    {{"comment", seen->comment}, {"actor", seen->by}}),
               [](const Json& alert) {
                 return fmt::format("{} has seen alert {} ({})\n",
                                    cell(member_at(alert, "acknowledged.by")),
                                    cell(member_at(alert, "id")), cell(member_at(alert, "alert")));
               });
  });
}

}  // namespace slipway::cli
