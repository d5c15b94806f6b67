#include <string_view>

#include "cli/commands.h"
#include "pipelines/step_keeper.h"

int main(int argc, char** argv) {
  // One for each step: it doesn't wait for the command line to be put together.
  if (argc > 1 && std::string_view(argv[1]) == "step-keeper")
    return slipway::pipelines::keep_step();
  return slipway::cli::run(argc, argv);
}
