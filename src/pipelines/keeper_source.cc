#include "pipelines/keeper_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/process.h"

namespace slipway::pipelines {
namespace {

constexpr int kCommand = 0, kNotes = 3, kServer = 4;  // files of a keeper
constexpr int kIdleMs = 10'000;                       // it waits so long for the next step
constexpr std::size_t kFilesMax = 2;                  // that come with a message

// A byte, and files with it.
struct Message {
  Message() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }

  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFilesMax * sizeof(int))> control{};
  msghdr header{};
};

bool send_files(int socket, std::span<const int> files) {
  Message message;
  message.header.msg_controllen = CMSG_SPACE(files.size_bytes());
  cmsghdr* const about = CMSG_FIRSTHDR(&message.header);
  about->cmsg_level = SOL_SOCKET;
  about->cmsg_type = SCM_RIGHTS;
  about->cmsg_len = CMSG_LEN(files.size_bytes());
  std::memcpy(CMSG_DATA(about), files.data(), files.size_bytes());
  return ::sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1;
}

// False: whoever asks is gone.
bool receive_files(int socket, std::span<int> files) {
  for (;;) {
    Message message;
    const ssize_t count = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    const cmsghdr* const about = CMSG_FIRSTHDR(&message.header);
    if (count != 1 || about == nullptr || about->cmsg_len != CMSG_LEN(files.size_bytes()))
      return false;
    std::memcpy(files.data(), CMSG_DATA(about), files.size_bytes());
    return true;
  }
}

Result<std::pair<store::FileHandle, store::FileHandle>> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return base::error(Code::kResourceExhausted, "a step can't be begun: why={}",
                       std::strerror(errno));
  return std::pair(store::FileHandle(ends[0]), store::FileHandle(ends[1]));
}

// What a keeper does until its server is gone, or has given it nothing for long.
int keep_what_comes(const std::function<void()>& keep) {
  for (;;) {
    pollfd news{.fd = kServer, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&news, 1, kIdleMs);
    if (ready < 0) continue;  // told to end, which was meant for the step before
    // From then on it can be given nothing more, and has what it was given before.
    if (ready == 0) ::shutdown(kServer, SHUT_RD);
    std::array<int, kFilesMax> files{};
    if (!receive_files(kServer, files)) return 0;
    // Out of the way of each other first.
    const int command = ::fcntl(files[0], F_DUPFD, 10), notes = ::fcntl(files[1], F_DUPFD, 10);
    ::dup2(command, kCommand);
    ::dup2(notes, kNotes);
    ::close_range(kServer + 1, ~0U, 0);
    keep();
    ::close(kCommand);
    ::close(kNotes);  // which gives the lock back
    const char done = 0;
    if (::send(kServer, &done, 1, MSG_NOSIGNAL) != 1) return 0;
  }
}

}  // namespace

bool Keeper::give(int command, int notes) const {
  return send_files(socket_.get(), std::array{command, notes});
}

bool Keeper::is_done() const {
  char done = 0;
  return ::recv(socket_.get(), &done, 1, MSG_DONTWAIT) == 1;
}

KeeperSource::~KeeperSource() {
  const base::MutexLock lock(mutex_);
  end();
}

// It goes when its socket is closed.
void KeeperSource::end() {
  socket_.reset();
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

Result<void> KeeperSource::start() {
  end();
  auto [ours, theirs] = TRY(socket_pair());
  // The program as it runs, also when another is at its path by now.
  process_ = TRY(base::start_process({.words = {"/proc/self/exe", "step-keeper"},
                                      .environment = {},
                                      .folder = {},
                                      .log = "/dev/null",
                                      .input = theirs.get()}));
  socket_.emplace(std::move(ours));
  return {};
}

std::optional<Keeper> KeeperSource::take() {
  const base::MutexLock lock(mutex_);
  if (idle_.empty()) return std::nullopt;
  std::optional<Keeper> keeper(std::move(idle_.back()));
  idle_.pop_back();
  return keeper;
}

Result<Keeper> KeeperSource::make() {
  const base::MutexLock lock(mutex_);
  auto [ours, theirs] = TRY(socket_pair());
  const std::array files{theirs.get()};
  bool is_asked = socket_ && send_files(socket_->get(), files);
  if (!is_asked) {
    TRY(start());
    is_asked = send_files(socket_->get(), files);
  }
  pid_t made = 0;
  const bool is_told = is_asked && ::recv(socket_->get(), &made, sizeof made, 0) == sizeof made;
  if (is_told && made > 0) return Keeper(std::move(ours));
  if (is_told)
    return base::error(Code::kResourceExhausted, "a step can't be begun: why={}",
                       std::strerror(-made));
  end();
  return base::error(Code::kInternal, "a step can't be begun: what makes its keeper is gone");
}

void KeeperSource::give_back(Keeper keeper) {
  const base::MutexLock lock(mutex_);
  idle_.push_back(std::move(keeper));
}

int make_keepers(const std::function<void()>& keep) {
  // It ends when its server has, however that was.
  for (const int number : {SIGINT, SIGHUP, SIGTERM}) ::signal(number, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);  // keepers are waited for by nobody
  for (std::array<int, 1> server{}; receive_files(0, server);) {
    const pid_t made = ::fork();
    if (made == 0) {
      ::setpgid(0, 0);
      for (const int number : {SIGINT, SIGHUP, SIGTERM, SIGCHLD}) ::signal(number, SIG_DFL);
      ::dup2(server[0], kServer);
      ::close_range(kServer + 1, ~0U, 0);
      for (const int file : {kCommand, kNotes}) ::close(file);
      ::_exit(keep_what_comes(keep));
    }
    const pid_t told = made > 0 ? made : -errno;
    ::close(server[0]);
    if (::send(0, &told, sizeof told, MSG_NOSIGNAL) != sizeof told) return 0;
  }
  return 0;
}

}  // namespace slipway::pipelines
