#include "cli/promote_command.h"

#include <cstdlib>
#include <filesystem>

#include "cli/commands.h"
#include "cli/model_commands.h"
#include "cli/model_files.h"
#include "cli/promotion.h"
#include "cli/verb.h"
#include "store/file_system.h"
#include "store/parquet.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string model, to, name, alias, gate, holdout, train_until, reason;
  std::vector<std::string> policy;
  bool only_checked = false;
};

Context target_of(const Context& context, const Options& options) {
  Context target = context;
  target.url = options.to;
  while (target.url.ends_with('/')) target.url.pop_back();
  // The token of the one server is no business of the other.
  const char* const token = std::getenv("SLIPWAY_TO_TOKEN");
  target.token = token == nullptr ? "" : token;
  return target;
}

// A hold-out on this machine as the target's gate reads it from a body.
Result<JsonObject> columns_of(const std::string& file) {
  const types::Frame frame = TRY(store::read_parquet(file));
  JsonObject columns;
  for (const types::Column& column : frame.columns()) {
    JsonArray values;
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (!column.is_valid(row)) {
        values.emplace_back(nullptr);
      } else if (column.type == types::ColumnType::kString) {
        values.emplace_back(column.strings[row]);
      } else if (column.type == types::ColumnType::kTimestamp) {
        values.emplace_back(types::to_rfc3339({column.ints[row]}));
      } else if (column.name == "day") {
        values.emplace_back(column.ints[row]);
      } else {
        values.emplace_back(column.number(row));
      }
    }
    columns[column.name] = std::move(values);
  }
  return columns;
}

// One side of the gate's comparison: what it was trained on was known by `train_until`, or as the
// version's tag of that name says.
Result<JsonObject> contender(Client& target, const std::string& model, std::int64_t version,
                             std::string train_until) {
  if (train_until.empty()) {
    const Json reply =
        TRY(target.get(path_of("/api/2.0/mlflow/model-versions/get?name={}&version={}",
                               {model, std::to_string(version)})));
    if (const Json& tags = member_at(reply, "model_version.tags"); tags.is_array()) {
      for (const Json& tag : tags.get_array()) {
        if (cell(member_at(tag, "key")) == "train_until")
          train_until = cell(member_at(tag, "value"));
      }
    }
  }
  JsonObject side{{"version", version}};
  if (!train_until.empty()) side["train_until"] = train_until;
  return side;
}

// The target's verdict about a version that it has, against whoever its alias points to.
Result<Json> judge(Client& target, const std::string& model, std::int64_t version,
                   std::optional<std::int64_t> champion, const Options& options) {
  JsonObject body{{"candidate", TRY(contender(target, model, version, options.train_until))},
                  {"holdout", JsonObject{{"columns", TRY(columns_of(options.holdout))}}}};
  if (champion) body["champion"] = TRY(contender(target, model, *champion, ""));
  if (!options.policy.empty()) body["policy"] = TRY(read_policy(options.policy));
  return target.post(path_of("/slipway/v1/models/{}/gate", {model}), body);
}

Result<std::string> gate_id(const std::string& text) {
  if (!std::filesystem::exists(text)) return text;
  return cell(member_at(Json(TRY(base::parse_json_object(TRY(store::read_file(text))))), "id"));
}

// What is done, and why it isn't.
struct Done {
  JsonObject told;
  int exit_code = kOk;
};

Result<Done> no(JsonObject told, std::string why, int code = kGateSaidNo) {
  told["promoted"] = false;
  told["why"] = std::move(why);
  return Done{.told = std::move(told), .exit_code = code};
}

Result<Done> move_alias(Client& target, const Options& options, std::int64_t version,
                        std::optional<std::int64_t> before, JsonObject told) {
  const std::string& model = options.name;
  std::string gate = options.gate.empty() ? "" : TRY(gate_id(options.gate));
  if (!options.holdout.empty()) {
    const Json verdict = TRY(judge(target, model, version, before, options));
    gate = cell(member_at(verdict, "id"));
    told["gate"] = gate;
    if (cell(member_at(verdict, "verdict")) != "pass")
      return no(std::move(told),
                "the target's gate says no: " + cell(member_at(verdict, "sentence")));
  }
  const Result<Json> moved =
      gate.empty()
          ? target.post(path_of("/slipway/v1/models/{}/aliases/{}/move", {model, options.alias}),
                        {{"version", version}, {"reason", told.at("reason")}})
          : target.post(path_of("/slipway/v1/models/{}/promote", {model}),
                        {{"alias", options.alias}, {"version", version}, {"gate_id", gate}});
  const bool is_refused = !moved && (moved.error().code == Code::kPermissionDenied ||
                                     moved.error().code == Code::kFailedPrecondition);
  if (is_refused)
    return no(std::move(told), fmt::format("the target doesn't let {}@{} move: {}", model,
                                           options.alias, moved.error().message));
  TRY(moved);
  return Done{.told = std::move(told)};
}

Result<Done> promote(const Context& context, Options options) {
  Client source(context), target(target_of(context, options));
  const PromotedVersion from = TRY(find_version(source, context.url, options.model));
  if (options.name.empty()) options.name = from.model;
  const std::string what = fmt::format("models:/{}/{}", from.model, from.version);
  JsonObject told{{"from", JsonObject{{"url", from.url}, {"model", what}}},
                  {"to", options.to},
                  {"model", options.name}};
  told["reason"] =
      options.reason.empty() ? fmt::format("{} of {}", what, from.url) : options.reason;
  if (from.is_refused())
    return no(std::move(told), "its own gate said no: " + cell(member_at(from.gate, "sentence")));
  const ModelFiles files = TRY(ModelFiles::fetch(source, what));
  const ModelBytes bytes = TRY(digest_of(files.path()));
  told["digest"] = bytes.digest;
  std::optional<std::int64_t> version = TRY(find_brought(target, options.name, from, bytes));
  const bool is_new = !version;
  std::optional<std::int64_t> before;
  if (!options.alias.empty()) before = TRY(version_at(target, options.name, options.alias));
  const bool moves = !options.alias.empty() && (is_new || before != version);
  told["changed"] = is_new || moves;
  if (options.only_checked) {
    told["version"] = version ? Json(*version) : Json(nullptr);
    return Done{.told = std::move(told), .exit_code = is_new || moves ? kDiffers : kOk};
  }
  if (is_new) {
    const std::string folder = TRY(bring_files(target, files.path(), bytes, from));
    version = TRY(make_version(target, options.name, from, bytes, folder, options.reason));
  }
  told["version"] = *version;
  told["promoted"] = true;
  if (!options.alias.empty()) {
    told["alias"] = options.alias;
    told["previous"] = before ? Json(*before) : Json(nullptr);
  }
  if (!moves) return Done{.told = std::move(told)};
  return move_alias(target, options, *version, before, std::move(told));
}

std::string show(const Json& told) {
  const std::string from = cell(member_at(told, "from.model"));
  const std::string at = member_at(told, "version").is_null()
                             ? cell(member_at(told, "model"))
                             : fmt::format("{} version {}", cell(member_at(told, "model")),
                                           cell(member_at(told, "version")));
  const bool has_changed = member_at(told, "changed") == Json(true);
  if (member_at(told, "promoted").is_null())
    return fmt::format("{} {} {} at {}\n", from, has_changed ? "would become" : "is", at,
                       cell(member_at(told, "to")));
  if (member_at(told, "promoted") == Json(false))
    return fmt::format("{} is not promoted: {}\n", from, cell(member_at(told, "why")));
  std::string said = fmt::format("{} is {} at {}", from, at, cell(member_at(told, "to")));
  if (const Json& alias = member_at(told, "alias"); !alias.is_null())
    said += fmt::format(", which @{} points to", cell(alias));
  return said + (has_changed ? "\n" : ", as before\n");
}

}  // namespace

void add_promote_command(CLI::App& root, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = root.add_subcommand(
      "promote",
      "Bring a model version, with what speaks for it, to another server (staging to production); "
      "3: a gate said no");
  command->add_option("model", options->model, "models:/NAME/VERSION or models:/NAME@ALIAS")
      ->required();
  command->add_option("--to", options->to, "The other server; its token is in SLIPWAY_TO_TOKEN")
      ->required()
      ->envname("SLIPWAY_TO_URL");
  command->add_option("--as", options->name, "Name of the model there; without, the same");
  command->add_option("--alias", options->alias, "Point this alias at it there");
  CLI::Option* gate = command->add_option(
      "--gate", options->gate, "Verdict of the other server that lets the alias move: id or file");
  CLI::Option* holdout =
      command->add_option("--holdout", options->holdout,
                          "Parquet file that the other server's gate judges by: event_time, label, "
                          "candidate, champion");
  holdout->check(CLI::ExistingFile)->excludes(gate);
  command->add_option(
      "--train-until", options->train_until,
      "What it was trained on was known by then; without, as its tag train_until says");
  command
      ->add_option("--policy", options->policy,
                   "Of that gate: NAME=VALUE, separated by commas, such as log_loss_margin=0.002")
      ->delimiter(',');
  command->add_option("--reason", options->reason, "Why; kept with the version and the move");
  command->add_flag("--check", options->only_checked,
                    "Change nothing; 6: the other server is not as it would be");
  command->callback([&context, &exit_code, options, gate, holdout] {
    if (options->alias.empty() && gate->count() + holdout->count() > 0)
      throw CLI::ValidationError("promote", "--gate and --holdout let an --alias move");
    const Result<Done> done = promote(context, *options);
    exit_code =
        finish(context, done ? Result<Json>(Json(done->told)) : Result<Json>(done.error()), show);
    if (done) exit_code = done->exit_code;
  });
}

}  // namespace slipway::cli
