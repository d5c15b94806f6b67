#include "cli/endpoint_commands.h"

#include <CLI/CLI.hpp>

#include "cli/verb.h"

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
         (revision.is_null() ? "no revision yet\n" : show_revision(revision));
}

std::string show_change(const Json& reply) {
  std::string out = show_revision(member_at(reply, "entry"));
  if (const Json& seconds = member_at(reply, "seconds"); !seconds.is_null())
    out += "took " + cell(seconds) + " s\n";
  return out;
}

struct ChangeOptions {
  std::string endpoint, model, reason;
};

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
    exit_code = finish(
        context, Client(context).get(path_of("/slipway/v1/endpoints/{}", {options->endpoint})),
        show_endpoint);
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
  monitors->require_subcommand(1);
  CLI::App* list = monitors->add_subcommand("list", "Every monitor with its health");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/monitors"), "monitors",
                             {{"MONITOR", "name"},
                              {"ENDPOINT", "endpoint"},
                              {"HEALTH", "health"},
                              {"WHY", "health_reason"},
                              {"ALERTS", "open_alerts"}});
  });

  struct Options {
    std::string monitor, window = "week", variant = "live";
    bool open_only = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* windows = monitors->add_subcommand("windows", "Judged windows, oldest first");
  windows->add_option("monitor", options->monitor)->required();
  windows->add_option("--window", options->window, "day, week or month")->capture_default_str();
  windows->add_option("--variant", options->variant, "live or a shadow's name")
      ->capture_default_str();
  windows->callback([&context, &exit_code, options] {
    exit_code = finish_table(
        context,
        Client(context).get(path_of("/slipway/v1/monitors/{}/windows?window={}&variant={}",
                                    {options->monitor, options->window, options->variant})),
        "windows",
        {{"START", "start"},
         {"VERSION", "model_version"},
         {"ROWS", "rows"},
         {"COMPLETE", "completeness"},
         {"AUC", "metrics.auc"},
         {"LOG LOSS", "metrics.log_loss"},
         {"BIAS", "metrics.calibration_bias"},
         {"ECE", "metrics.ece"},
         {"LATE", "metrics.late_rate"}});
  });

  CLI::App* alerts = root.add_subcommand("alerts", "Alerts, newest first, with what they caused");
  alerts->add_flag("--open", options->open_only, "Only those that are open");
  alerts->callback([&context, &exit_code, options] {
    exit_code =
        finish_table(context,
                     Client(context).get(options->open_only ? "/slipway/v1/alerts?state=open"
                                                            : "/slipway/v1/alerts"),
                     "alerts",
                     {{"TIME", "time"},
                      {"MONITOR", "monitor"},
                      {"ALERT", "alert"},
                      {"VALUE", "value"},
                      {"THRESHOLD", "threshold"},
                      {"STATE", "state"},
                      {"ACTION", "action.state"},
                      {"RUN", "action.run_id"}});
  });
}

}  // namespace slipway::cli
