#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "cli/commands.h"

// What most verbs need is in this program, which starts at once; the rest is in `slipway-engine`
// beside it, with the same words (docs/decisions/0018-a-command-that-starts-at-once.md).
int main(int argc, char** argv) {
  const bool serves =
      argc > 1 && std::string_view(argv[1]) == "server";  // without a look at all verbs
  if (!serves) {
    if (const auto exit_code = slipway::cli::run_light(argc, argv)) return *exit_code;
  }
  std::error_code ignored;
  const std::filesystem::path engine =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "slipway-engine";
  ::execv(engine.c_str(), argv);
  std::fprintf(stderr, "slipway: %s can't be started (%s): both programs belong into one folder\n",
               engine.c_str(), std::strerror(errno));
  return slipway::cli::kFailed;
}
