#include "pipelines/keeper_source.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/process.h"

namespace slipway::pipelines {
namespace {

// One message asks for a keeper; with it come its files.
constexpr std::size_t kFiles = 2;
struct Message {
  Message() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }

  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFiles * sizeof(int))> control{};
  msghdr header{};
};

bool send_files(int socket, const std::array<int, kFiles>& files) {
  Message message;
  cmsghdr* const about = CMSG_FIRSTHDR(&message.header);
  about->cmsg_level = SOL_SOCKET;
  about->cmsg_type = SCM_RIGHTS;
  about->cmsg_len = CMSG_LEN(sizeof files);
  std::memcpy(CMSG_DATA(about), files.data(), sizeof files);
  return ::sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1;
}

// False: whoever asks is gone.
bool receive_files(int socket, std::array<int, kFiles>& files) {
  for (;;) {
    Message message;
    const ssize_t count = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    const cmsghdr* const about = CMSG_FIRSTHDR(&message.header);
    if (count != 1 || about == nullptr || about->cmsg_len != CMSG_LEN(sizeof files)) return false;
    std::memcpy(files.data(), CMSG_DATA(about), sizeof files);
    return true;
  }
}

}  // namespace

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
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return base::error(Code::kResourceExhausted, "a step can't be begun: why={}",
                       std::strerror(errno));
  store::FileHandle ours(ends[0]);
  const store::FileHandle theirs(ends[1]);
  // The program as it runs, also when another is at its path by now.
  process_ = TRY(base::start_process({.words = {"/proc/self/exe", "step-keeper"},
                                      .environment = {},
                                      .folder = {},
                                      .log = "/dev/null",
                                      .input = theirs.get()}));
  socket_.emplace(std::move(ours));
  return {};
}

Result<pid_t> KeeperSource::make(int command, int notes) {
  const base::MutexLock lock(mutex_);
  bool is_asked = socket_ && send_files(socket_->get(), {command, notes});
  if (!is_asked) {
    TRY(start());
    is_asked = send_files(socket_->get(), {command, notes});
  }
  pid_t made = 0;
  const bool is_told = is_asked && ::recv(socket_->get(), &made, sizeof made, 0) == sizeof made;
  if (is_told && made > 0) return made;
  if (is_told)
    return base::error(Code::kResourceExhausted, "a step can't be begun: why={}",
                       std::strerror(-made));
  end();
  return base::error(Code::kInternal, "a step can't be begun: what makes its keeper is gone");
}

int make_keepers(const std::function<int()>& keep) {
  // It ends when its server has, however that was.
  for (const int number : {SIGINT, SIGHUP, SIGTERM}) ::signal(number, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);  // keepers are waited for by nobody
  for (std::array<int, kFiles> files{}; receive_files(0, files);) {
    const pid_t made = ::fork();
    if (made == 0) {
      ::setpgid(0, 0);
      for (const int number : {SIGINT, SIGHUP, SIGTERM, SIGCHLD}) ::signal(number, SIG_DFL);
      // Out of the way of each other first.
      const int command = ::fcntl(files[0], F_DUPFD, 10), notes = ::fcntl(files[1], F_DUPFD, 10);
      ::dup2(command, 0);
      ::dup2(notes, 3);
      ::close_range(4, ~0U, 0);
      ::_exit(keep());
    }
    const pid_t told = made > 0 ? made : -errno;
    for (const int file : files) ::close(file);
    if (::send(0, &told, sizeof told, MSG_NOSIGNAL) != sizeof told) return 0;
  }
  return 0;
}

}  // namespace slipway::pipelines
