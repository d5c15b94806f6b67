#include <string_view>

#include "cli/commands.h"
#include "pipelines/step_keeper.h"

int main(int argc, char** argv) {
  // It is small, as it is forked for each step: without the command line and what that needs.
  if (argc > 1 && std::string_view(argv[1]) == "step-keeper")
    return slipway::pipelines::keep_steps();
  return slipway::cli::run(argc, argv);
}
