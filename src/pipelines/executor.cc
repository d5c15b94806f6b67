#include "pipelines/executor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "store/file_system.h"

namespace slipway::pipelines {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(10);
constexpr auto kPatience = std::chrono::seconds(5);  // between SIGTERM and SIGKILL

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& more) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!more.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [name, value] : more) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

Result<pid_t> spawn(const Command& command) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  const std::string folder = command.folder.string(), log = command.log.string();
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawn_file_actions_addchdir_np(&files, folder.c_str());
  sigset_t none, defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> arguments = {"/bin/sh", "-c", command.text};
  std::vector<std::string> environment = merged_environment(command.environment);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, "/bin/sh", &files, &attributes, pointers(arguments).data(),
                                 pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return store::errno_error(failed, "cannot start the command", command.folder);
  return pid;
}

}  // namespace

Result<Exit> ProcessExecutor::run(const Command& command, const std::function<bool()>& should_stop,
                                  const std::function<void(std::int64_t)>& started) {
  using SteadyClock = std::chrono::steady_clock;
  const pid_t pid = TRY(spawn(command));
  started(pid);
  const auto start = SteadyClock::now();
  std::optional<SteadyClock::time_point> asked;  // to end
  Exit exit;
  for (;;) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ::kill(-pid, SIGKILL);  // what it left in the background
      return exit;
    }
    const auto now = SteadyClock::now();
    if (!asked) {
      const bool late =
          command.timeout && now - start >= std::chrono::microseconds(command.timeout->micros);
      if (late || should_stop()) {
        exit.kind = late ? Exit::Kind::kTimedOut : Exit::Kind::kStopped;
        asked = now;
        ::kill(-pid, SIGTERM);
      }
    } else if (now - *asked > kPatience) {
      ::kill(-pid, SIGKILL);
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void ProcessExecutor::clean_up(std::int64_t handle, const std::string& mark) {
  if (handle <= 1) return;
  std::ifstream file(fmt::format("/proc/{}/environ", handle), std::ios::binary);
  const std::string environment((std::istreambuf_iterator<char>(file)),
                                std::istreambuf_iterator<char>());
  if (environment.find(mark) == std::string::npos) return;
  ::kill(-static_cast<pid_t>(handle), SIGKILL);
}

}  // namespace slipway::pipelines
