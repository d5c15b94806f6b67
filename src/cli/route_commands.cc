#include "cli/route_commands.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

int test_route(const Context& context, const std::string& name) {
  const auto reply = Client(context).post(path_of("/slipway/v1/routes/{}/test", {name}), {});
  const int code = finish(context, reply, [&](const Json& result) {
    if (member_at(result, "delivered").as_bool())
      return fmt::format("{} has taken an example alert\n", name);
    const Json& status = member_at(result, "status");
    return fmt::format("{} has not taken an example alert: {}\n", name,
                       status.is_null() ? cell(member_at(result, "error"))
                                        : "it answers with status " + cell(status));
  });
  return code == kOk && !member_at(*reply, "delivered").as_bool() ? kFailed : code;
}

}  // namespace

void add_route_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* routes = root.add_subcommand("routes", "Where alerts go, as slipway.yaml declares it");
  routes->require_subcommand(1);
  CLI::App* list = routes->add_subcommand("list", "Every route, and how many alerts wait for it");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(
        context, Client(context).get("/slipway/v1/routes"), "routes",
        {{"ROUTE", "name"}, {"KIND", "kind"}, {"SIGNED", "signed"}, {"WAITING", "waiting"}});
  });
  auto name = std::make_shared<std::string>();
  CLI::App* test =
      routes->add_subcommand("test", "Send an example alert now; 1: it did not arrive");
  test->add_option("name", *name)->required();
  test->callback([&context, &exit_code, name] { exit_code = test_route(context, *name); });
}

}  // namespace slipway::cli
