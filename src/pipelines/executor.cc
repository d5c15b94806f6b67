#include "pipelines/executor.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "base/process.h"

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

}  // namespace

Result<Exit> ProcessExecutor::run(const Command& command, const std::function<bool()>& should_stop,
                                  const std::function<void(std::int64_t)>& started) {
  using SteadyClock = std::chrono::steady_clock;
  const pid_t pid = TRY(base::start_process({.words = {"/bin/sh", "-c", command.text},
                                             .environment = merged_environment(command.environment),
                                             .folder = command.folder,
                                             .log = command.log}));
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
