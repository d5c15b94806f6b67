#include "cli/model_commands.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>

#include "cli/commands.h"
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

// "log_loss_margin=0.002": the server knows the names.
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
  const std::string version = cell(TRY(value_or_member(options.version, "version")));
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (ec != std::errc() || end != version.data() + version.size())
    return base::error(Code::kInvalidArgument, "a version is a whole number: {}", version);
  return client.post(path_of("/slipway/v1/models/{}/promote", {options.model}),
                     {{"alias", options.alias},
                      {"version", number},
                      {"gate_id", cell(TRY(value_or_member(options.gate, "id")))}});
}

}  // namespace

void add_model_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* models = root.add_subcommand("models", "May this version go to production?");
  models->require_subcommand(1);

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
