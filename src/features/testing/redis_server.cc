#include "features/testing/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "base/check.h"

namespace slipway::features::testing {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  CHECK(::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0);
  CHECK(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

bool answers(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const bool is_there =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return is_there;
}

}  // namespace

RedisServer::RedisServer() : port_(free_port()) { start(); }
RedisServer::~RedisServer() { stop(); }

std::string RedisServer::url() const { return "redis://127.0.0.1:" + std::to_string(port_) + "/1"; }

void RedisServer::stop() {
  if (process_ == 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

void RedisServer::pause() { ::kill(process_, SIGSTOP); }
void RedisServer::resume() { ::kill(process_, SIGCONT); }

std::string RedisServer::ask(const std::string& line) const {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port_);
  CHECK(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const std::string words = "SELECT 1\r\n" + line + "\r\n";
  CHECK(::send(socket, words.data(), words.size(), 0) == std::ssize(words));
  std::vector<std::string> lines(1);
  while (lines.size() < 3) {
    char c = 0;
    CHECK(::recv(socket, &c, 1, 0) == 1);
    if (c == '\n') {
      lines.emplace_back();
    } else if (c != '\r') {
      lines.back() += c;
    }
  }
  ::close(socket);
  return lines[1];
}

void RedisServer::start() {
  CHECK(process_ == 0);
  const std::string folder = folder_.path(), port = std::to_string(port_),
                    log = folder_.path() / "server.log";
  process_ = ::fork();
  CHECK(process_ >= 0);
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port.c_str(), "--dir",
             folder.c_str(), "--save", "", "--appendonly", "no", nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 1'000; ++i) {
    if (answers(port_)) return;
    CHECK(::waitpid(process_, nullptr, WNOHANG) == 0);  // apt-get install redis-server?
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(false);  // it never answered
}

}  // namespace slipway::features::testing
