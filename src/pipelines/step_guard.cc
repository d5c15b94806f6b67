#include "pipelines/step_guard.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/log.h"
#include "pipelines/executor.h"

namespace slipway::pipelines {
namespace {

// Of ending what is left: each looks at all processes.
constexpr auto kBetweenRounds = std::chrono::milliseconds(50);
constexpr auto kBetweenRoundsUnfed = std::chrono::milliseconds(250);

}  // namespace

StepGuard::~StepGuard() {
  if (pipe_ != nullptr) ::pclose(pipe_);
}

Result<void> StepGuard::start(const std::string& mark, std::chrono::seconds limit) {
  // The program as it runs, also when another is at its path by now. The mark is of names and
  // digits alone (ServerRecord::id).
  command_ = fmt::format("exec /proc/{}/exe step-guard '{}' {}", ::getpid(), mark, limit.count());
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
  for (std::chrono::milliseconds patience = limit;;) {
    pollfd news{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&news, 1, static_cast<int>(patience.count()));
    if (ready == 0) {
      executor.clean_up(mark);
      patience = kBetweenRoundsUnfed;
    }
    if (ready <= 0) continue;
    if (::read(STDIN_FILENO, food.data(), food.size()) <= 0) break;
    patience = limit;
  }
  // What is just being started is seen by one of these.
  for (int round = 0; round < 5; ++round) {
    executor.clean_up(mark);
    std::this_thread::sleep_for(kBetweenRounds);
  }
  return 0;
}

}  // namespace slipway::pipelines
