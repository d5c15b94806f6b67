#include "cli/project_commands.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/verb.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

int declare(const Context& context, const std::string& verb, const std::string& file) {
  const auto yaml = store::read_file(file);
  if (!yaml) return fail(yaml.error(), context);
  const std::string folder = std::filesystem::absolute(file).parent_path().lexically_normal();
  const auto reply =
      Client(context).post("/slipway/v1/" + verb, {{"yaml", *yaml}, {"dir", folder}});
  if (reply && member_at(*reply, "warnings").is_array()) {
    for (const Json& warning : member_at(*reply, "warnings").get_array())
      std::fprintf(stderr, "slipway: warning: %s\n", cell(warning).c_str());
  }
  return finish_table(context, reply, "changes",
                      {{"KIND", "kind"}, {"NAME", "name"}, {"CHANGE", "change"}});
}

std::string show_clock(const Json& reply) {
  std::string out = fmt::format("{} ({} clock, {})", cell(member_at(reply, "now")),
                                cell(member_at(reply, "clock")), cell(member_at(reply, "state")));
  const Json& runs = member_at(reply, "runs");
  if (runs.is_array()) {
    for (const Json& run : runs.get_array()) out += "\n  waits for run " + cell(run);
  }
  return out + "\n";
}

}  // namespace

void add_project_commands(CLI::App& root, Context& context, int& exit_code) {
  auto file = std::make_shared<std::string>("slipway.yaml");
  for (const auto& [verb, help] :
       {std::pair("plan", "What apply would change; changes nothing"),
        std::pair("apply", "Declare what slipway.yaml says: datasets to monitors")}) {
    CLI::App* command = root.add_subcommand(verb, help);
    command->add_option("file", *file, "The declaration")->capture_default_str();
    command->callback([&context, &exit_code, file, verb = std::string(verb)] {
      exit_code = declare(context, verb, *file);
    });
  }

  auto target = std::make_shared<std::string>();
  CLI::App* clock = root.add_subcommand("clock", "The event clock; a rehearsal's can be moved on");
  clock->add_option("--advance-to", *target, "Walk to this time through everything that is due");
  clock->callback([&context, &exit_code, target] {
    Client client(context);
    exit_code =
        finish(context,
               target->empty() ? client.get("/slipway/v1/clock")
                               : client.post("/slipway/v1/clock", {{"advance_to", *target}}),
               show_clock);
  });
}

}  // namespace slipway::cli
