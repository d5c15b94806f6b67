#include "cli/command_line.h"

#include <cstdlib>

#include "cli/access_commands.h"
#include "cli/ci/bisect_command.h"
#include "cli/ci/ci_command.h"
#include "cli/data_commands.h"
#include "cli/endpoint_commands.h"
#include "cli/events_commands.h"
#include "cli/gc_command.h"
#include "cli/incident_commands.h"
#include "cli/lineage_command.h"
#include "cli/model_commands.h"
#include "cli/pipeline_commands.h"
#include "cli/project_commands.h"
#include "cli/reproduce_command.h"
#include "cli/route_commands.h"
#include "cli/run_commands.h"
#include "cli/run_stage_command.h"
#include "cli/run_task_command.h"
#include "cli/schedule_commands.h"
#include "cli/search_commands.h"
#include "cli/stream_commands.h"
#include "cli/why_command.h"

namespace slipway::cli {

CommandLine::CommandLine() {
  if (const char* token = std::getenv("SLIPWAY_TOKEN")) context.token = token;
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
}

void add_light_verbs(CommandLine& line) {
  add_project_commands(line.root, line.context, line.exit_code);
  add_data_commands(line.root, line.context, line.exit_code);
  add_feature_commands(line.root, line.context, line.exit_code);
  add_pipeline_commands(line.root, line.context, line.exit_code);
  add_run_commands(line.root, line.context, line.exit_code);
  add_run_task_command(line.root, line.context, line.exit_code);
  add_run_stage_command(line.root, line.context, line.exit_code);
  add_model_commands(line.root, line.context, line.exit_code);
  add_endpoint_commands(line.root, line.context, line.exit_code);
  add_schedule_commands(line.root, line.context, line.exit_code);
  add_search_commands(line.root, line.context, line.exit_code);
  add_stream_commands(line.root, line.context, line.exit_code);
  add_monitor_commands(line.root, line.context, line.exit_code);
  add_access_commands(line.root, line.context, line.exit_code);
  add_events_commands(line.root, line.context, line.exit_code);
  add_gc_command(line.root, line.context, line.exit_code);
  add_lineage_command(line.root, line.context, line.exit_code);
  add_reproduce_command(line.root, line.context, line.exit_code);
  add_why_commands(line.root, line.context, line.exit_code);
  add_route_commands(line.root, line.context, line.exit_code);
  add_incident_commands(line.root, line.context, line.exit_code);
  add_silence_commands(line.root, line.context, line.exit_code);
  add_ci_command(line.root, line.context, line.exit_code);
  add_bisect_command(line.root, line.context, line.exit_code);
}

std::optional<int> run_light(int argc, char** argv) {
  CommandLine line;
  add_light_verbs(line);
  try {
    line.root.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    return line.root.exit(version);
  } catch (const CLI::ParseError&) {
    return std::nullopt;
  }
  return line.exit_code;
}

}  // namespace slipway::cli
