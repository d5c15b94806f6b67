#include "cli/model_commands.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>

#include "cli/commands.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

Result<JsonObject> read_object(const std::string& file) {
  auto object = base::parse_json_object(TRY(store::read_file(file)));
  if (!object) return std::move(object).error().with_context(file);
  return object;
}

std::string show_gate(const Json& gate) {
  std::string out = cell(member_at(gate, "sentence")) + "\n";
  out += table(member_at(gate, "checks").as_array(),
               {{"CHECK", "name"}, {"OK", "ok"}, {"VALUE", "value"}, {"BOUND", "bound"}});
  return out + "gate " + cell(member_at(gate, "id")) + "\n";
}

struct GateOptions {
  std::string model, contenders, holdout, out;
  std::vector<std::string> policy;
};

Result<Json> list_models(const Context& context) {
  Client client(context);
  JsonArray models;
  std::string page;
  do {
    Json reply = TRY(client.get(path_of(
        "/api/2.0/mlflow/registered-models/search?max_results=1000&page_token={}", {page})));
    const Json& next = member_at(reply, "next_page_token");
    page = next.is_string() ? cell(next) : "";
    if (const Json& found = member_at(reply, "registered_models"); found.is_array())
      models.insert(models.end(), found.get_array().begin(), found.get_array().end());
  } while (!page.empty());
  return Json(JsonObject{{"registered_models", std::move(models)}});
}

std::string show_models(const Json& reply) {
  JsonArray rows;
  for (const Json& model : member_at(reply, "registered_models").as_array()) {
    std::int64_t newest = 0;  // of those that are the latest of a stage
    if (const Json& latest = member_at(model, "latest_versions"); latest.is_array()) {
      for (const Json& version : latest.get_array())
        newest = std::max(newest, read_version(cell(member_at(version, "version"))).value_or(0));
    }
    JsonArray aliases;
    if (const Json& named = member_at(model, "aliases"); named.is_array()) {
      for (const Json& alias : named.get_array())
        aliases.emplace_back(fmt::format("@{} is {}", cell(member_at(alias, "alias")),
                                         cell(member_at(alias, "version"))));
    }
    rows.push_back(JsonObject{{"name", member_at(model, "name")},
                              {"newest", newest > 0 ? Json(newest) : Json(nullptr)},
                              {"aliases", std::move(aliases)},
                              {"description", member_at(model, "description")}});
  }
  return table(rows, {{"MODEL", "name"},
                      {"NEWEST", "newest"},
                      {"ALIASES", "aliases"},
                      {"DESCRIPTION", "description"}});
}

// The file names who is compared ("candidate", "champion"); the hold-out is read by the server.
Result<Json> judge(Client& client, const GateOptions& options) {
  JsonObject body = TRY(read_object(options.contenders));
  body["holdout"] =
      JsonObject{{"file", std::filesystem::absolute(options.holdout).lexically_normal().string()}};
  if (!options.policy.empty()) body["policy"] = TRY(read_policy(options.policy));
  Json gate = TRY(client.post(path_of("/slipway/v1/models/{}/gate", {options.model}), body));
  if (!options.out.empty()) TRY(store::write_file(options.out, base::to_text(gate) + "\n"));
  return gate;
}

struct PromoteOptions {
  std::string model, alias, gate, version;
};

// A value, or the member of a JSON file that an earlier step wrote.
Result<Json> value_or_member(const std::string& text, std::string_view member) {
  if (!std::filesystem::exists(text)) return Json(text);
  const JsonObject object = TRY(read_object(text));
  const Json* value = object.if_contains(member);
  if (value == nullptr)
    return base::error(Code::kInvalidArgument, "the file has no {}: file={}", member, text);
  return *value;
}

Result<Json> promote(Client& client, const PromoteOptions& options) {
  const std::int64_t number =
      TRY(read_version(cell(TRY(value_or_member(options.version, "version")))));
  return client.post(path_of("/slipway/v1/models/{}/promote", {options.model}),
                     {{"alias", options.alias},
                      {"version", number},
                      {"gate_id", cell(TRY(value_or_member(options.gate, "id")))}});
}

// An alias and what somebody wants with it.
struct AliasOptions {
  std::string model, alias, reason;
  std::int64_t version = 0;
  bool remove = false;
  std::vector<std::string> approvers;
};

// "alice, bob", "gate", "alice, bob and gate", "-".
std::string consent_of(const Json& alias) {
  std::string who;
  const Json& approvers = member_at(alias, "approvers");
  if (approvers.is_array()) {
    for (const Json& approver : approvers.get_array())
      who += (who.empty() ? "" : ", ") + cell(approver);
  }
  const Json& gated = member_at(alias, "gated");
  if (gated.is_bool() && gated.get_bool()) who += who.empty() ? "gate" : " and gate";
  return who.empty() ? "-" : who;
}

// "7 by alice, 8 by bob".
std::string approved_of(const Json& alias) {
  std::string what;
  const Json& approvals = member_at(alias, "approvals");
  if (approvals.is_array()) {
    for (const Json& approval : approvals.get_array()) {
      what +=
          fmt::format("{}{} by {}", what.empty() ? "" : ", ", cell(member_at(approval, "version")),
                      cell(member_at(approval, "approver")));
    }
  }
  return what.empty() ? "-" : what;
}

std::string show_aliases(const Json& reply) {
  JsonArray rows;
  for (const Json& alias : member_at(reply, "aliases").as_array()) {
    rows.push_back({{"alias", member_at(alias, "alias")},
                    {"version", member_at(alias, "version")},
                    {"needs", consent_of(alias)},
                    {"approved", approved_of(alias)}});
  }
  return table(
      rows,
      {{"ALIAS", "alias"}, {"VERSION", "version"}, {"NEEDS", "needs"}, {"APPROVED", "approved"}});
}

// `models VERB MODEL ALIAS [--reason TEXT]`, a POST to the alias.
CLI::App* add_alias_verb(CLI::App& models, const std::string& verb, const std::string& help,
                         const std::shared_ptr<AliasOptions>& options) {
  CLI::App* command = models.add_subcommand(verb, help);
  command->add_option("model", options->model)->required();
  command->add_option("alias", options->alias)->required();
  command->add_option("--reason", options->reason, "Why; kept with the change");
  return command;
}

int post_alias(const Context& context, const AliasOptions& options, std::string_view verb,
               JsonObject body) {
  if (!options.reason.empty()) body["reason"] = options.reason;
  Client client(context);
  return finish(context,
                client.post(path_of("/slipway/v1/models/{}/aliases/{}/{}",
                                    {options.model, options.alias, verb}),
                            body),
                show_aliases);
}

void add_alias_commands(CLI::App& models, Context& context, int& exit_code) {
  auto name = std::make_shared<std::string>();
  CLI::App* aliases =
      models.add_subcommand("aliases", "Where a model's aliases point, and who may move them");
  aliases->add_option("model", *name)->required();
  aliases->callback([&context, &exit_code, name] {
    exit_code =
        finish(context, Client(context).get(path_of("/slipway/v1/models/{}/aliases", {*name})),
               show_aliases);
  });

  auto history_options = std::make_shared<AliasOptions>();
  CLI::App* history = models.add_subcommand(
      "history",
      "Every move of a model's aliases, newest first; what an endpoint ran is in `endpoints "
      "revisions`");
  history->add_option("model", history_options->model)->required();
  history->add_option("--alias", history_options->alias, "Only this one");
  history->callback([&context, &exit_code, history_options] {
    std::string path = path_of("/slipway/v1/models/{}/alias-moves", {history_options->model});
    if (!history_options->alias.empty()) path += path_of("?alias={}", {history_options->alias});
    exit_code = finish_table(context, Client(context).get(path), "moves",
                             {{"TIME", "time"},
                              {"ALIAS", "alias"},
                              {"FROM", "from"},
                              {"TO", "to"},
                              {"ACTOR", "actor"},
                              {"REASON", "reason"}});
  });

  auto move_options = std::make_shared<AliasOptions>();
  CLI::App* move = add_alias_verb(models, "move", "Point an alias at a version", move_options);
  CLI::Option* version = move->add_option("--version", move_options->version, "Number");
  CLI::Option* remove = move->add_flag("--remove", move_options->remove, "At none");
  version->excludes(remove);
  move->callback([&context, &exit_code, move_options, version] {
    if (version->count() == 0 && !move_options->remove)
      throw CLI::ValidationError("move", "needs --version or --remove");
    JsonObject body;
    if (!move_options->remove) body["version"] = move_options->version;
    exit_code = post_alias(context, *move_options, "move", std::move(body));
  });

  auto protect_options = std::make_shared<AliasOptions>();
  CLI::App* protect = add_alias_verb(
      models, "protect", "From now on an alias needs the consent of an approver, or of a gate",
      protect_options);
  protect->add_option("--approver", protect_options->approvers,
                      "User who may move it or approve a version; may be repeated. None: a gate");
  protect->callback([&context, &exit_code, protect_options] {
    JsonArray approvers;
    for (const std::string& approver : protect_options->approvers) approvers.emplace_back(approver);
    exit_code =
        post_alias(context, *protect_options, "protect", {{"approvers", std::move(approvers)}});
  });

  auto unprotect_options = std::make_shared<AliasOptions>();
  add_alias_verb(models, "unprotect", "An alias moves freely again", unprotect_options)
      ->callback([&context, &exit_code, unprotect_options] {
        exit_code = post_alias(context, *unprotect_options, "unprotect", {});
      });

  auto approve_options = std::make_shared<AliasOptions>();
  CLI::App* approve = add_alias_verb(models, "approve",
                                     "Let the next move of a protected alias to a version through",
                                     approve_options);
  approve->add_option("--version", approve_options->version, "Number")->required();
  approve->callback([&context, &exit_code, approve_options] {
    exit_code =
        post_alias(context, *approve_options, "approve", {{"version", approve_options->version}});
  });
}

}  // namespace

Result<std::int64_t> read_version(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size())
    return base::error(Code::kInvalidArgument, "a version is a whole number: {}", text);
  return number;
}

Result<JsonObject> read_policy(const std::vector<std::string>& members) {
  JsonObject policy;
  for (const std::string& member : members) {
    const std::size_t equals = member.find('=');
    auto value = base::parse_json(equals == std::string::npos ? "" : member.substr(equals + 1));
    if (!value)
      return base::error(Code::kInvalidArgument, "--policy is NAME=NUMBER or NAME=true: {}",
                         member);
    policy[member.substr(0, equals)] = std::move(*value);
  }
  return policy;
}

void add_model_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* models = root.add_subcommand(
      "models", "Which version is in charge, who decided so, and may this one be?");
  models->require_subcommand(1);
  models->add_subcommand("list", "Registered models: newest version, aliases")
      ->callback([&context, &exit_code] {
        exit_code = finish(context, list_models(context), show_models);
      });
  add_alias_commands(*models, context, exit_code);

  auto gate_options = std::make_shared<GateOptions>();
  CLI::App* gate = models->add_subcommand(
      "gate", "Judge a candidate on rows that neither side was trained on; 3: it said no");
  gate->add_option("model", gate_options->model)->required();
  gate->add_option(
          "--contenders", gate_options->contenders,
          "JSON file with \"candidate\" and, unless it is the first, \"champion\": version "
          "or run_id, and train_until")
      ->required()
      ->check(CLI::ExistingFile);
  gate->add_option("--holdout", gate_options->holdout,
                   "Parquet file: event_time, label, candidate, champion")
      ->required()
      ->check(CLI::ExistingFile);
  gate->add_option("--policy", gate_options->policy,
                   "NAME=VALUE, separated by commas, such as log_loss_margin=0.002")
      ->delimiter(',');
  gate->add_option("--out", gate_options->out, "Also write the verdict here");
  gate->callback([&context, &exit_code, gate_options] {
    Client client(context);
    const auto verdict = judge(client, *gate_options);
    exit_code = finish(context, verdict, show_gate);
    if (verdict && cell(member_at(*verdict, "verdict")) != "pass") exit_code = kGateSaidNo;
  });

  auto name = std::make_shared<std::string>();
  CLI::App* gates = models->add_subcommand("gates", "Verdicts about a model, newest first");
  gates->add_option("model", *name)->required();
  gates->callback([&context, &exit_code, name] {
    exit_code = finish_table(
        context, Client(context).get(path_of("/slipway/v1/models/{}/gates", {*name})), "gates",
        {{"TIME", "time"},
         {"VERDICT", "verdict"},
         {"CHAMPION", "champion_version"},
         {"PROMOTED", "promoted_version"},
         {"DIFFERENCE", "log_loss_difference.mean"},
         {"LOW", "log_loss_difference.low"},
         {"HIGH", "log_loss_difference.high"},
         {"GATE", "id"}});
  });

  auto options = std::make_shared<PromoteOptions>();
  CLI::App* promotion =
      models->add_subcommand("promote", "Move an alias to a version by a verdict that passed");
  promotion->add_option("model", options->model)->required();
  promotion->add_option("alias", options->alias)->required();
  promotion->add_option("--version", options->version, "Number, or a JSON file with \"version\"")
      ->required();
  promotion->add_option("--gate", options->gate, "Id, or the file that `models gate --out` wrote")
      ->required();
  promotion->callback([&context, &exit_code, options] {
    Client client(context);
    exit_code = finish(context, promote(client, *options), [](const Json& done) {
      return fmt::format("{}@{} is version {} now, before it was {}\n",
                         cell(member_at(done, "model")), cell(member_at(done, "alias")),
                         cell(member_at(done, "version")), cell(member_at(done, "previous")));
    });
  });
}

}  // namespace slipway::cli
