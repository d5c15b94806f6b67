#include "pipelines/executor.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/process.h"

namespace slipway::pipelines {
namespace {

constexpr int kPollMs = 50;                          // between two looks whether it should stop
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

Result<Exit> ProcessExecutor::run(const Command& command,
                                  const std::function<bool()>& should_stop) {
  using SteadyClock = std::chrono::steady_clock;
  const pid_t pid = TRY(base::start_process({.words = {"/bin/sh", "-c", command.text},
                                             .environment = merged_environment(command.environment),
                                             .folder = command.folder,
                                             .log = command.log}));
  // Readable when the process has ended. (The C library's pidfd_open has no C++ linkage.)
  const int end = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const auto start = SteadyClock::now();
  std::optional<SteadyClock::time_point> asked;  // to end
  Exit exit;
  for (;;) {
    pollfd ended{.fd = end, .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, kPollMs);
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ::kill(-pid, SIGKILL);  // what it left in the background
      ::close(end);
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
  }
}

void ProcessExecutor::clean_up(const std::string& mark) {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment((std::istreambuf_iterator<char>(file)),
                                  std::istreambuf_iterator<char>());
    // Each is NAME=value and a NUL.
    if (('\0' + environment).find('\0' + mark + '\0') == std::string::npos) continue;
    ::kill(static_cast<pid_t>(std::stol(name)), SIGKILL);
  }
}

}  // namespace slipway::pipelines
