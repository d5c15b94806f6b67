#include "cli/drill/dying_workers.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "store/file_system.h"

namespace slipway::cli {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(10);
constexpr auto kLastDies = std::chrono::seconds(10);

// A process belongs to the thread that has made it.
std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  std::error_code gone;
  const std::filesystem::path threads = fmt::format("/proc/{}/task", process);
  for (std::filesystem::directory_iterator at(threads, gone), end; !gone && at != end;
       at.increment(gone)) {
    std::ifstream list(at->path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

bool runs(pid_t process, const std::filesystem::path& program) {
  const auto words = store::read_file(fmt::format("/proc/{}/cmdline", process));
  return words && words->find(program.string()) != std::string::npos;  // one that has ended: none
}

bool kill_all(pid_t server, const std::filesystem::path& program) {
  bool any = false;
  for (const pid_t child : children_of(server)) {
    if (!runs(child, program)) continue;
    ::kill(child, SIGKILL);
    any = true;
  }
  return any;
}

}  // namespace

DyingWorkers::DyingWorkers(pid_t server, std::filesystem::path program) {
  // A server may start one again at once: that one is killed below.
  const auto deadline = std::chrono::steady_clock::now() + kLastDies;
  while (kill_all(server, program) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kLookEvery);
  thread_ = std::jthread([server, program = std::move(program)](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      kill_all(server, program);
      std::this_thread::sleep_for(kLookEvery);
    }
  });
}

}  // namespace slipway::cli
