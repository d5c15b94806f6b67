#include "pipelines/executor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/process.h"
#include "pipelines/process_group.h"
#include "pipelines/step_log.h"

namespace slipway::pipelines {
namespace {

constexpr int kPollMs = 50;                          // between two looks whether it should stop
constexpr auto kPatience = std::chrono::seconds(5);  // between SIGTERM and SIGKILL
constexpr auto kMemoryPeriod = std::chrono::milliseconds(500);  // between two looks at its memory

std::map<std::string, std::string> variables_of(const Command& command) {
  std::map<std::string, std::string> variables = command.secrets;
  variables.insert(command.environment.begin(), command.environment.end());
  return variables;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& more) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!more.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [name, value] : more) merged.push_back(name + "=" + value);
  return merged;
}

// What a command of a pipeline with secrets writes, on its way into the log.
class MaskedLog {
 public:
  static Result<std::unique_ptr<MaskedLog>> open(const Command& command) {
    auto log = std::make_unique<MaskedLog>(TRY(StepLog::open(command.log, command.hidden())));
    if (::pipe2(log->pipe_.data(), O_CLOEXEC) != 0) {
      return base::error(Code::kResourceExhausted, "a step's log can't be opened: log={} why={}",
                         command.log.string(), std::strerror(errno));
    }
    ::fcntl(log->pipe_[0], F_SETFL, O_NONBLOCK);
    return log;
  }
  explicit MaskedLog(StepLog log) : log_(std::move(log)) {}
  ~MaskedLog() {
    log_.finish();
    for (const int end : pipe_) {
      if (end >= 0) ::close(end);
    }
  }
  MaskedLog(const MaskedLog&) = delete;
  MaskedLog& operator=(const MaskedLog&) = delete;

  int input() const { return pipe_[1]; }     // for the command
  int readable() const { return pipe_[0]; }  // when there is something to take; -1: no more comes
  // The command alone has the other end from now on.
  void close_input() { ::close(std::exchange(pipe_[1], -1)); }

  // Takes what there is, or as much as a pipe holds.
  void take() {
    std::array<char, 1 << 14> buffer;
    for (std::size_t taken = 0; taken < kPipeBytes && pipe_[0] >= 0;) {
      const ssize_t count = ::read(pipe_[0], buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;  // nothing at the moment
      if (count == 0) ::close(std::exchange(pipe_[0], -1));
      log_.write({buffer.data(), static_cast<std::size_t>(count)});
      taken += static_cast<std::size_t>(count);
    }
  }

 private:
  static constexpr std::size_t kPipeBytes = 1 << 16;  // Linux' default

  StepLog log_;
  std::array<int, 2> pipe_{-1, -1};
};

// Looks at the memory of a command's processes: often at its beginning, then once in a period; not
// at those of one that is over at once, which would take longer than itself.
class MemoryWatch {
 public:
  using SteadyClock = std::chrono::steady_clock;

  MemoryWatch(pid_t group, std::int64_t bytes_max) : group_(group), bytes_max_(bytes_max) {}

  // True: the command has more than it may.
  bool look(SteadyClock::time_point now) {
    if (now < next_) return false;
    const std::int64_t limit =
        bytes_max_ > 0 ? bytes_max_ : std::numeric_limits<std::int64_t>::max();
    const std::int64_t bytes = group_memory(group_, limit);
    peak_bytes_ = std::max(peak_bytes_, bytes);
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - start_);
    next_ = now + std::min(kMemoryPeriod, age / 4);
    return bytes > limit;
  }
  std::optional<std::int64_t> peak_bytes() const {
    return peak_bytes_ > 0 ? std::optional(peak_bytes_) : std::nullopt;
  }

 private:
  const pid_t group_;
  const std::int64_t bytes_max_;
  const SteadyClock::time_point start_ = SteadyClock::now();
  SteadyClock::time_point next_ = start_ + std::chrono::milliseconds(kPollMs);
  std::int64_t peak_bytes_ = 0;
};

double seconds_of(const rusage& used) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

std::vector<std::string> Command::hidden() const {
  std::vector<std::string> values;
  for (const auto* each : {&secrets, &masked}) {
    for (const auto& [name, value] : *each) values.push_back(value);
  }
  return values;
}

std::string Executor::lack_of_kubernetes(const std::filesystem::path& /*project*/) const {
  return "this server knows no Kubernetes cluster (setting kubeconfig)";
}

Result<Exit> ProcessExecutor::run(const Command& command, const std::function<Wish()>& wish) {
  using SteadyClock = std::chrono::steady_clock;
  if (command.is_followed) {
    clean_up(fmt::format("{}={}", kProcessMark, command.names.job));
    return Exit{.kind = Exit::Kind::kNotBegun};
  }
  std::unique_ptr<MaskedLog> masked;
  if (!command.hidden().empty()) masked = TRY(MaskedLog::open(command));
  auto started = base::start_process({.words = {"/bin/sh", "-c", command.text},
                                      .environment = merged_environment(variables_of(command)),
                                      .folder = command.folder,
                                      .log = command.log,
                                      .output = masked ? masked->input() : -1});
  const pid_t pid = TRY(std::move(started));
  if (masked) masked->close_input();
  // Readable when the process has ended. (The C library's pidfd_open has no C++ linkage.)
  const int end = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const auto start = SteadyClock::now();
  std::optional<SteadyClock::time_point> asked;  // to end
  MemoryWatch memory(pid, command.resources.memory_bytes);
  Exit exit;
  for (;;) {
    std::array<pollfd, 2> news{
        {{.fd = end, .events = POLLIN, .revents = 0},
         {.fd = masked ? masked->readable() : -1, .events = POLLIN, .revents = 0}}};
    ::poll(news.data(), news.size(), kPollMs);
    if (masked) masked->take();
    int status = 0;
    rusage used{};
    if (::wait4(pid, &status, WNOHANG, &used) == pid) {
      exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ::kill(-pid, SIGKILL);  // what it left in the background
      if (masked) masked->take();
      ::close(end);
      exit.usage = {.peak_memory_bytes = memory.peak_bytes(), .cpu_seconds = seconds_of(used)};
      return exit;
    }
    const auto now = SteadyClock::now();
    if (!asked && memory.look(now)) {
      exit.kind = Exit::Kind::kOutOfMemory;
      asked = now;
      ::kill(-pid, SIGKILL);
      continue;
    }
    const Wish wished = wish();
    if (!asked) {
      const bool late =
          command.timeout && now - start >= std::chrono::microseconds(command.timeout->micros);
      if (late || wished != Wish::kGoOn) {
        exit.kind = late ? Exit::Kind::kTimedOut : Exit::Kind::kStopped;
        asked = now;
        ::kill(-pid, wished == Wish::kEndAtOnce ? SIGKILL : SIGTERM);
      }
    }
    if (asked && (now - *asked > kPatience || wished == Wish::kEndAtOnce)) ::kill(-pid, SIGKILL);
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
