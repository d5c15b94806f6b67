#include "cli/run_stage_command.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/client.h"
#include "cli/commands.h"
#include "dvc/stage_run.h"

namespace slipway::cli {

void add_run_stage_command(CLI::App& root, Context& context, int& exit_code) {
  auto call = std::make_shared<dvc::StageCall>();
  CLI::App* verb = root.add_subcommand("run-stage", "A stage of dvc.yaml, as its step runs it");
  verb->group("");  // not shown
  verb->add_option("stage", call->stage, "Its name, or folder/dvc.yaml:NAME")->required();
  verb->add_flag("--all-pipelines", call->is_of_all, "It is one of all dvc.yaml below this folder");
  verb->add_option("--locked", call->locked, "Stages that dvc.lock had when the run began");
  verb->add_option("--force", call->force, "Also when nothing has changed");
  verb->callback([call, &context, &exit_code] {
    call->project = std::filesystem::current_path();
    const Result<int> code = dvc::run_stage(*call);
    exit_code = code ? *code : (fail(code.error(), context), kFailed);
  });
}

}  // namespace slipway::cli
