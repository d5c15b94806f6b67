#include "pipelines/step_guard.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "pipelines/executor.h"

namespace slipway::pipelines {

StepGuard::~StepGuard() {
  if (pipe_ != nullptr) ::pclose(pipe_);
}

Result<void> StepGuard::start(const std::string& mark, std::chrono::seconds limit) {
  std::error_code ec;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", ec);
  // The mark is of names and digits alone (ServerRecord::id); the path is quoted.
  std::string quoted;
  for (const char c : self) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  command_ = fmt::format("exec '{}' step-guard '{}' {}", quoted, mark, limit.count());
  pipe_ = ::popen(command_.c_str(), "we");
  if (pipe_ == nullptr)
    return base::error(Code::kResourceExhausted, "the guard of steps can't be started");
  return {};
}

void StepGuard::feed() {
  const char food = '.';
  if (pipe_ != nullptr && ::write(::fileno(pipe_), &food, 1) == 1) return;
  base::log_warning("pipelines", "the guard of steps has ended: it is started again");
  if (pipe_ != nullptr) ::pclose(pipe_);
  pipe_ = ::popen(command_.c_str(), "we");
}

int guard_steps(const std::string& mark, std::chrono::seconds limit) {
  // It outlives what ends its server, also from a terminal, for a moment.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_IGN);
  ProcessExecutor executor;
  std::array<char, 64> food;
  for (;;) {
    pollfd news{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&news, 1, static_cast<int>(std::chrono::milliseconds(limit).count()));
    if (ready == 0) executor.clean_up(mark);
    if (ready > 0 && ::read(STDIN_FILENO, food.data(), food.size()) <= 0) break;
  }
  // What is just being started is seen by one of these.
  for (int round = 0; round < 5; ++round) {
    executor.clean_up(mark);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return 0;
}

}  // namespace slipway::pipelines
