#include "cli/commands.h"

#include "cli/batch_commands.h"
#include "cli/command_line.h"
#include "cli/detect_command.h"
#include "cli/drift_report.h"
#include "cli/drill/drill_command.h"
#include "cli/evaluate/evaluate_command.h"
#include "cli/explain_command.h"
#include "cli/import_command.h"
#include "cli/profile_command.h"
#include "cli/promote_command.h"
#include "cli/replay_command.h"
#include "cli/serve_command.h"
#include "cli/server_command.h"
#include "cli/table_diff_command.h"
#include "cli/unusual_command.h"

namespace slipway::cli {

int run(int argc, char** argv) {
  CommandLine line;
  auto& [context, exit_code, root] = line;
  add_server_command(root, exit_code);
  add_servers_command(root, context, exit_code);
  add_serve_command(root, context, exit_code);
  add_light_verbs(line);
  add_evaluate_command(*root.get_subcommand("models"), context, exit_code);
  add_explain_command(*root.get_subcommand("endpoints"), context, exit_code);
  CLI::App& monitors = *root.get_subcommand("monitors");
  add_drift_report(monitors, context, exit_code);
  add_profile_command(monitors, context, exit_code);
  add_detect_command(monitors, context, exit_code);
  add_unusual_command(monitors, context, exit_code);
  add_table_diff_commands(root, context, exit_code);
  add_promote_command(root, context, exit_code);
  add_batch_commands(root, context, exit_code);
  add_import_commands(root, context, exit_code);
  add_replay_command(root, context, exit_code);
  add_drill_command(root, context, exit_code);
  try {
    root.parse(argc, argv);
  } catch (const CLI::RequiredError& e) {
    // A verb that nobody knows is left over, and then the known ones are missed.
    const std::vector<std::string> unknown = root.remaining(true);
    if (unknown.empty()) return root.exit(e) == 0 ? kOk : kUsage;
    std::fprintf(stderr, "slipway: no such command: %s\nRun with --help for more information.\n",
                 unknown.front().c_str());
    return kUsage;
  } catch (const CLI::ParseError& e) {
    return root.exit(e) == 0 ? kOk : kUsage;
  }
  return exit_code;
}

}  // namespace slipway::cli
