#include "cli/git.h"

#include <sys/wait.h>

#include <cerrno>

#include "base/process.h"
#include "cli/scratch.h"
#include "store/file_system.h"

namespace slipway::cli {

Result<GitSaid> run_program(std::vector<std::string> words, const std::filesystem::path& folder) {
  const Scratch scratch = TRY(Scratch::make("git"));
  const std::filesystem::path log = scratch.path() / "said";
  TRY(store::write_file(log, ""));
  words.insert(words.begin(), "/usr/bin/env");
  const pid_t process = TRY(base::start_process(
      {.words = std::move(words), .environment = {}, .folder = folder, .log = log}));
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  GitSaid said{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128,
               .text = TRY(store::read_file(log))};
  if (said.text.ends_with('\n')) said.text.pop_back();
  return said;
}

Result<GitSaid> git(std::vector<std::string> words, const std::filesystem::path& folder) {
  words.insert(words.begin(), "git");
  return run_program(std::move(words), folder);
}

Result<std::optional<std::string>> find_commit(const std::string& name,
                                               const std::filesystem::path& folder) {
  const GitSaid said = TRY(
      git({"rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"}, folder));
  if (said.exit_code != 0) return std::optional<std::string>();
  return std::optional(said.text.substr(0, said.text.find('\n')));
}

}  // namespace slipway::cli
