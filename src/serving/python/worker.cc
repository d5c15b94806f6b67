#include "serving/python/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace slipway::serving::python {
namespace {

constexpr std::size_t kFirstBytes = 64 << 10;
constexpr std::size_t kKeptBytes = 8 << 20;  // of a large request's memory
constexpr std::size_t kAnswerBytesMax = 4ull << 30;
constexpr int kFirstFreeFile = 16;  // in the child, files below are its own

Error failed(std::string_view what, const std::filesystem::path& path = "python worker") {
  return store::errno_error(errno, what, path);
}

Error gone() { return base::error(Code::kUnavailable, "the process is gone"); }

// `file` moved up, so that the child's own numbers are free; -1 with errno.
int moved_up(int file) {
  if (file < 0) return -1;
  const int moved = ::fcntl(file, F_DUPFD_CLOEXEC, kFirstFreeFile);
  ::close(file);
  return moved;
}

struct ChildFiles {
  int wake, requests, answers, output;
};

// In the child, between vfork and exec: system calls only.
[[noreturn]] void become(const char* path, char* const* arguments, char* const* environment,
                         const ChildFiles& files, const rlimit& data, pid_t server) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != server) ::_exit(127);
  ::setpgid(0, 0);
  // Memory that was asked for and may be written; address space would count files and what
  // libraries reserve without using it.
  if (data.rlim_cur != RLIM_INFINITY) ::setrlimit(RLIMIT_DATA, &data);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(files.output, 1) < 0 ||
      ::dup2(files.output, 2) < 0 || ::dup2(files.wake, 3) < 0 || ::dup2(files.requests, 4) < 0 ||
      ::dup2(files.answers, 5) < 0)
    ::_exit(127);
  ::syscall(SYS_close_range, 6, ~0u, 0);
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &usual, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(path, arguments, environment);
  ::_exit(127);
}

pid_t start_process(const WorkerCommand& command, const ChildFiles& files) {
  std::vector<std::string> words = {command.python.string(), command.program.string(),
                                    command.folder.string()};
  std::vector<std::string> variables = command.environment;
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  rlimit data{RLIM_INFINITY, RLIM_INFINITY};
  if (command.memory_bytes_max > 0)
    data.rlim_cur = data.rlim_max = static_cast<rlim_t>(command.memory_bytes_max);
  const pid_t server = ::getpid();
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours runs in the child
  const pid_t pid = ::vfork();
  if (pid == 0) become(arguments[0], arguments.data(), environment.data(), files, data, server);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

}  // namespace

Result<std::unique_ptr<SharedMemory>> SharedMemory::create() {
  std::unique_ptr<SharedMemory> memory(
      new SharedMemory(moved_up(::memfd_create("slipway-model", MFD_CLOEXEC | MFD_ALLOW_SEALING))));
  if (memory->file() < 0 || ::ftruncate(memory->file(), kFirstBytes) != 0 ||
      ::fcntl(memory->file(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return failed("cannot make shared memory");
  return memory;
}

SharedMemory::~SharedMemory() {
  if (map_ != nullptr) ::munmap(map_, mapped_);
}

Result<std::span<std::byte>> SharedMemory::view(std::size_t bytes, Grow grow) {
  if (bytes <= mapped_) return std::span(map_, bytes);
  struct stat info = {};
  if (::fstat(file(), &info) != 0) return failed("cannot see shared memory");
  auto size = static_cast<std::size_t>(info.st_size);
  if (size < bytes) {
    if (grow == Grow::kNo)
      return base::error(Code::kInternal, "the model's process gave no answer");
    size = std::max(bytes, 2 * size);
    if (::ftruncate(file(), static_cast<off_t>(size)) != 0)
      return failed("cannot grow shared memory");
  }
  void* map = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file(), 0);
  if (map == MAP_FAILED) return failed("cannot map shared memory");
  if (map_ != nullptr) ::munmap(map_, mapped_);
  map_ = static_cast<std::byte*>(map);
  mapped_ = size;
  return std::span(map_, bytes);
}

void SharedMemory::trim() {
  if (mapped_ <= kKeptBytes) return;
  ::fallocate(file(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kKeptBytes,
              static_cast<off_t>(mapped_ - kKeptBytes));
}

Result<std::unique_ptr<Worker>> Worker::start(const WorkerCommand& command) {
  auto requests = TRY(SharedMemory::create());
  auto answers = TRY(SharedMemory::create());
  int pair[2] = {-1, -1}, pipes[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return failed("cannot make a socket");
  const store::FileHandle wake(moved_up(pair[0])), their_wake(moved_up(pair[1]));
  if (::pipe2(pipes, O_CLOEXEC) != 0) return failed("cannot make a pipe");
  const store::FileHandle output(moved_up(pipes[0])), their_output(moved_up(pipes[1]));
  if (wake.get() < 0 || their_wake.get() < 0 || output.get() < 0 || their_output.get() < 0)
    return failed("cannot open a file");
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  const pid_t pid = start_process(command, {.wake = their_wake.get(),
                                            .requests = requests->file(),
                                            .answers = answers->file(),
                                            .output = their_output.get()});
  if (pid < 0) return failed("cannot start", command.python);
  const auto ended = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  std::unique_ptr<Worker> worker(new Worker(pid, ended, ::fcntl(wake.get(), F_DUPFD_CLOEXEC, 0),
                                            ::fcntl(output.get(), F_DUPFD_CLOEXEC, 0),
                                            std::move(requests), std::move(answers)));
  if (ended < 0 || worker->wake() < 0 || worker->output() < 0)
    return failed("cannot watch", command.python);
  return worker;
}

Worker::~Worker() { end(); }

Result<void> Worker::send(std::size_t bytes) {
  const std::uint64_t message = bytes;
  ssize_t n = 0;
  do {
    n = ::send(wake_.get(), &message, sizeof message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n != sizeof message) return gone();
  return {};
}

Result<std::span<const std::byte>> Worker::receive() {
  std::uint64_t bytes = 0;
  ssize_t n = 0;
  do {
    n = ::recv(wake_.get(), &bytes, sizeof bytes, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return gone();
  if (n != sizeof bytes || bytes > kAnswerBytesMax)
    return base::error(Code::kInternal, "the model's process gave no answer");
  return std::span<const std::byte>(TRY(answers_->view(bytes, SharedMemory::Grow::kNo)));
}

void Worker::trim() {
  requests_->trim();
  answers_->trim();
}

Result<bool> Worker::wait_until(std::chrono::steady_clock::time_point deadline) const {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto wait_ms = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
    pollfd files[2] = {{wake_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}};
    const int ready = ::poll(files, 2, static_cast<int>(wait_ms));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return failed("cannot wait for");
    if ((files[0].revents & POLLIN) != 0) return true;
    if (ready > 0) return gone();
    if (left.count() <= wait_ms) return false;
  }
}

std::string Worker::end() {
  if (reaped_) return "nothing";
  reaped_ = true;
  siginfo_t info = {};
  // What ended by itself keeps its own reason.
  const bool had_ended =
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == pid_;
  ::kill(-pid_, SIGKILL);
  if (!had_ended) ::kill(pid_, SIGKILL);  // it may not have made its group yet
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    const char* name = ::strsignal(WTERMSIG(status));
    return fmt::format("signal {} ({})", WTERMSIG(status), name == nullptr ? "?" : name);
  }
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

std::uint64_t Worker::resident_bytes() const {
  std::ifstream file(fmt::format("/proc/{}/statm", pid_));
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace slipway::serving::python
