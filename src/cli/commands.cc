#include "cli/commands.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "cli/access_commands.h"
#include "cli/batch_commands.h"
#include "cli/ci/bisect_command.h"
#include "cli/ci/ci_command.h"
#include "cli/client.h"
#include "cli/data_commands.h"
#include "cli/drill/drill_command.h"
#include "cli/endpoint_commands.h"
#include "cli/events_commands.h"
#include "cli/gc_command.h"
#include "cli/import_command.h"
#include "cli/incident_commands.h"
#include "cli/lineage_command.h"
#include "cli/model_commands.h"
#include "cli/pipeline_commands.h"
#include "cli/project_commands.h"
#include "cli/promote_command.h"
#include "cli/replay_command.h"
#include "cli/reproduce_command.h"
#include "cli/route_commands.h"
#include "cli/run_commands.h"
#include "cli/run_stage_command.h"
#include "cli/run_task_command.h"
#include "cli/schedule_commands.h"
#include "cli/search_commands.h"
#include "cli/serve_command.h"
#include "cli/server_command.h"
#include "cli/stream_commands.h"
#include "cli/table_diff_command.h"
#include "cli/why_command.h"

namespace slipway::cli {

int run(int argc, char** argv) {
  Context context;
  if (const char* token = std::getenv("SLIPWAY_TOKEN")) context.token = token;
  int exit_code = kOk;

  CLI::App root("Slipway: from raw data to a model in production, and honest there.", "slipway");
  root.set_version_flag("--version", SLIPWAY_VERSION);
  root.add_option("--url", context.url, "The server to talk to")->envname("SLIPWAY_URL");
  root.add_flag("--json", context.json, "The reply as JSON on stdout");
  root.add_option("--reconnect-seconds", context.reconnect_seconds,
                  "What follows a run, a log or metrics waits so long for a server that went away; "
                  "0: not at all")
      ->envname("SLIPWAY_RECONNECT_SECONDS")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  root.fallthrough();  // these also after the verb
  root.require_subcommand(1);
  add_server_command(root, exit_code);
  add_servers_command(root, context, exit_code);
  add_serve_command(root, context, exit_code);
  add_project_commands(root, context, exit_code);
  add_data_commands(root, context, exit_code);
  add_table_diff_commands(root, context, exit_code);
  add_feature_commands(root, context, exit_code);
  add_pipeline_commands(root, context, exit_code);
  add_run_commands(root, context, exit_code);
  add_run_task_command(root, context, exit_code);
  add_run_stage_command(root, context, exit_code);
  add_model_commands(root, context, exit_code);
  add_promote_command(root, context, exit_code);
  add_endpoint_commands(root, context, exit_code);
  add_batch_commands(root, context, exit_code);
  add_schedule_commands(root, context, exit_code);
  add_search_commands(root, context, exit_code);
  add_stream_commands(root, context, exit_code);
  add_monitor_commands(root, context, exit_code);
  add_access_commands(root, context, exit_code);
  add_events_commands(root, context, exit_code);
  add_gc_command(root, context, exit_code);
  add_lineage_command(root, context, exit_code);
  add_reproduce_command(root, context, exit_code);
  add_why_commands(root, context, exit_code);
  add_import_commands(root, context, exit_code);
  add_route_commands(root, context, exit_code);
  add_incident_commands(root, context, exit_code);
  add_silence_commands(root, context, exit_code);
  add_replay_command(root, context, exit_code);
  add_drill_command(root, context, exit_code);
  add_ci_command(root, context, exit_code);
  add_bisect_command(root, context, exit_code);
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
