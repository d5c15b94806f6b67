#include "cli/access_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct UserFlags {
  std::string name, permission, experiment, model;
  bool is_admin = false;
};

struct TokenFlags {
  std::string name, id, user;
  std::int64_t days = 0;
  bool is_for_s3 = false;
};

// Asked for on a terminal, else the first line of stdin: never an argument, which others can see.
std::string read_password() {
  if (::isatty(STDIN_FILENO) != 0) {
    const char* typed = ::getpass("Password: ");
    return typed == nullptr ? "" : typed;
  }
  std::string line;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    line.push_back(static_cast<char>(c));
  return line;
}

std::string done(std::string_view what, const std::string& name) {
  return fmt::format("{}: {}\n", what, name);
}

int create_user(const Context& context, const UserFlags& flags) {
  Client client(context);
  const std::string password = read_password();
  Result<Json> made = client.post("/api/2.0/mlflow/users/create",
                                  {{"username", flags.name}, {"password", password}});
  if (made && flags.is_admin) {
    const Result<Json> promoted = client.send("PATCH", "/api/2.0/mlflow/users/update-admin",
                                              {{"username", flags.name}, {"is_admin", true}});
    if (!promoted) made = promoted.error();
  }
  return finish(context, made, [&](const Json&) { return done("made user", flags.name); });
}

int set_password(const Context& context, const UserFlags& flags) {
  return finish(context,
                Client(context).send("PATCH", "/api/2.0/mlflow/users/update-password",
                                     {{"username", flags.name}, {"password", read_password()}}),
                [&](const Json&) { return done("changed the password of", flags.name); });
}

int delete_user(const Context& context, const UserFlags& flags) {
  return finish(
      context,
      Client(context).send("DELETE", "/api/2.0/mlflow/users/delete", {{"username", flags.name}}),
      [&](const Json&) { return done("deleted user", flags.name); });
}

int grant(const Context& context, const UserFlags& flags) {
  const bool is_model = !flags.model.empty();
  return finish(
      context,
      Client(context).post("/api/3.0/mlflow/users/permissions/grant",
                           {{"username", flags.name},
                            {"resource_type", is_model ? "registered_model" : "experiment"},
                            {"resource_id", is_model ? flags.model : flags.experiment},
                            {"permission", flags.permission}}),
      [&](const Json&) {
        return fmt::format("{} has {} on {}\n", flags.name, flags.permission,
                           is_model ? "model " + flags.model : "experiment " + flags.experiment);
      });
}

void add_user_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* users = root.add_subcommand("users", "Who may log in, and do what (administrators)");
  users->require_subcommand(1);
  auto flags = std::make_shared<UserFlags>();
  CLI::App* list = users->add_subcommand("list", "Every user");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/api/2.0/mlflow/users/list"), "users",
                             {{"ID", "id"}, {"NAME", "username"}, {"ADMIN", "is_admin"}});
  });
  const auto verb = [&, flags](const char* name, const char* help,
                               int (*run)(const Context&, const UserFlags&)) {
    CLI::App* made = users->add_subcommand(name, help);
    made->add_option("name", flags->name, "The user")->required();
    made->callback([flags, run, &context, &exit_code] { exit_code = run(context, *flags); });
    return made;
  };
  verb("create", "Make a user; the password is asked for, or read from stdin", create_user)
      ->add_flag("--admin", flags->is_admin, "Who may do everything");
  verb("set-password", "Give a user another password, asked for or read from stdin", set_password);
  verb("delete", "Delete a user, with tokens and permissions", delete_user);
  CLI::App* granted = verb("grant", "Give a user a permission on an experiment or a model", grant);
  granted->add_option("permission", flags->permission, "READ, USE, EDIT, MANAGE or DENY")
      ->required();
  CLI::Option* experiment =
      granted->add_option("--experiment", flags->experiment, "Id of the experiment");
  CLI::Option* model = granted->add_option("--model", flags->model, "Name of the model");
  experiment->excludes(model);
  granted->require_option(2, 4);
}

void add_token_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* tokens = root.add_subcommand("tokens", "Tokens to log in with, as SLIPWAY_TOKEN");
  tokens->require_subcommand(1);
  auto flags = std::make_shared<TokenFlags>();

  CLI::App* create = tokens->add_subcommand("create", "Make a token; it is shown once");
  create->add_option("name", flags->name, "What it is for")->required();
  create->add_option("--days", flags->days, "How long it is good; else until it is revoked")
      ->check(CLI::Range(1, 3650));
  create->add_option("--user", flags->user, "Whose (administrators); else your own");
  create->add_flag("--s3", flags->is_for_s3,
                   "Print what clients of the S3 port have in their environment instead");
  create->callback([flags, &context, &exit_code] {
    JsonObject body{{"name", flags->name}};
    if (flags->days > 0) body["expires_in_seconds"] = flags->days * 86'400;
    if (!flags->user.empty()) body["user"] = flags->user;
    Result<Json> made = Client(context).post("/slipway/v1/tokens", body);
    if (made && flags->is_for_s3 && member_at(*made, "s3").is_null()) {
      made = base::error(Code::kFailedPrecondition,
                         "made the token, but the server has no S3 port: start it with --s3-port; "
                         "id={}",
                         cell(member_at(*made, "id")));
    }
    exit_code = finish(context, made, [&](const Json& token) {
      if (!flags->is_for_s3) return cell(member_at(token, "token")) + "\n";
      const Json& s3 = member_at(token, "s3");
      return fmt::format("export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\n",
                         cell(member_at(s3, "access_key_id")),
                         cell(member_at(s3, "secret_access_key")));
    });
  });

  CLI::App* list = tokens->add_subcommand("list", "Your tokens");
  list->add_option("--user", flags->user, "Another's (administrators)");
  list->callback([flags, &context, &exit_code] {
    const std::string path = flags->user.empty()
                                 ? std::string("/slipway/v1/tokens")
                                 : "/slipway/v1/tokens?user=" + base::percent_encode(flags->user);
    exit_code = finish_table(context, Client(context).get(path), "tokens",
                             {{"ID", "id"},
                              {"USER", "user"},
                              {"NAME", "name"},
                              {"CREATED", "created"},
                              {"EXPIRES", "expires"}});
  });

  CLI::App* revoke = tokens->add_subcommand("revoke", "Take a token back");
  revoke->add_option("id", flags->id, "Its id, from the list")->required();
  revoke->callback([flags, &context, &exit_code] {
    exit_code = finish(
        context,
        Client(context).send("DELETE", path_of("/slipway/v1/tokens/{}", {flags->id}), JsonObject()),
        [&](const Json&) { return done("revoked token", flags->id); });
  });
}

}  // namespace

void add_access_commands(CLI::App& root, Context& context, int& exit_code) {
  add_user_commands(root, context, exit_code);
  add_token_commands(root, context, exit_code);
}

}  // namespace slipway::cli
