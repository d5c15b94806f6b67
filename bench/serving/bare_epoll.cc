// The least an HTTP server can do: reads a request to the end of its body, answers a constant JSON,
// keeps the connection. Nothing is parsed but Content-Length. What Slipway costs beyond it is
// Slipway's own.
//
// bare_epoll PORT THREADS; port 0 takes a free one. Prints the port.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kRequestBytesMax = 1 << 20;
// As long as Slipway's answer, so that both send the same bytes.
constexpr std::string_view kBody =
    R"({"model_name":"bench","model_version":"1","id":"0123456789ab-ffffff",)"
    R"("parameters":{"revision":1,"variant":"live"},)"
    R"("outputs":[{"name":"score","shape":[1],"datatype":"FP32","data":[0.12345678]}]})";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string make_reply() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(kBody.size()) + "\r\n\r\n" + std::string(kBody);
}

// Bytes of the first request in `received`, head and body; nothing while it is incomplete.
std::optional<std::size_t> request_bytes(std::string_view received) {
  const std::size_t head_end = received.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return std::nullopt;
  std::size_t total = head_end + 4;
  std::string_view head = received.substr(0, head_end);
  constexpr std::string_view kName = "\r\nContent-Length:";
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at);
    if (line.size() < kName.size() || ::strncasecmp(line.data(), kName.data(), kName.size()) != 0)
      continue;
    line.remove_prefix(kName.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::size_t body = 0;
    std::from_chars(line.data(), line.data() + line.size(), body);
    total += std::min(body, kRequestBytesMax);
    break;
  }
  if (received.size() < total) return std::nullopt;
  return total;
}

struct Connection {
  explicit Connection(int socket) : fd(socket) {}
  ~Connection() { ::close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int fd;
  std::string received;
};

// Reads what is there and answers every whole request; false: the connection is over. The answer is
// far smaller than a socket's buffer, so a send that is not taken at once is an error here.
bool serve(Connection& connection) {
  static const std::string reply = make_reply();
  std::array<char, 16384> chunk;
  const ssize_t n = ::recv(connection.fd, chunk.data(), chunk.size(), 0);
  if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
  connection.received.append(chunk.data(), static_cast<std::size_t>(n));
  while (const auto bytes = request_bytes(connection.received)) {
    if (::send(connection.fd, reply.data(), reply.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(reply.size()))
      return false;
    connection.received.erase(0, *bytes);
  }
  return connection.received.size() <= kRequestBytesMax;
}

void run(int epoll) {
  std::array<epoll_event, 256> events;
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; ++i) {
      std::unique_ptr<Connection> connection(static_cast<Connection*>(events[i].data.ptr));
      if (serve(*connection)) connection.release();  // the kernel keeps it until it ends
    }
  }
}

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(fd, 1024) != 0) die("listen");
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("%u\n", static_cast<unsigned>(ntohs(address.sin_port)));
  std::fflush(stdout);
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bare_epoll PORT THREADS\n");
    return 2;
  }
  const int listener = listen_on(static_cast<std::uint16_t>(std::atoi(argv[1])));
  std::vector<int> epolls;
  for (int i = 0; i < std::max(1, std::atoi(argv[2])); ++i) {
    epolls.push_back(::epoll_create1(EPOLL_CLOEXEC));
    if (epolls.back() < 0) die("epoll_create1");
    std::thread(run, epolls.back()).detach();
  }
  for (std::size_t next = 0;; ++next) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      die("accept");
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = new Connection(fd)}};
    if (::epoll_ctl(epolls[next % epolls.size()], EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }
}
