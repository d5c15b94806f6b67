// An API server of Kubernetes that says what a test wants.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <thread>

#include "pipelines/kubernetes/cluster.h"

namespace slipway::pipelines::testing {

// Answers each connection once, in a thread of its own.
class FakeApi {
 public:
  // A whole reply to "METHOD /path?query".
  using Answer = std::function<std::string(const std::string& asked)>;
  explicit FakeApi(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    CHECK(::listen(listener_, 16) == 0);
    CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int peer = ::accept(listener_, nullptr, nullptr); peer >= 0;
           peer = ::accept(listener_, nullptr, nullptr)) {
        serve(peer);
        ::close(peer);
      }
    });
  }
  ~FakeApi() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Cluster cluster() const {
    Cluster cluster;
    cluster.server = fmt::format("http://127.0.0.1:{}", port_);
    return cluster;
  }

 private:
  void serve(int peer) {
    std::string request;
    std::array<char, 4096> buffer;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::read(peer, buffer.data(), buffer.size());
      if (count <= 0) return;
      request.append(buffer.data(), static_cast<std::size_t>(count));
    }
    const std::string reply = answer_(request.substr(0, request.find(" HTTP/")));
    for (std::size_t sent = 0; sent < reply.size();) {
      const ssize_t count = ::send(peer, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<std::size_t>(count);
    }
  }

  const Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

inline std::string reply(int status, const std::string& body) {
  return fmt::format("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", status,
                     body.size(), body);
}

// Whether it becomes so within ten seconds.
inline bool soon(const std::function<bool()>& is_so) {
  for (int i = 0; i < 2000 && !is_so(); ++i) ::usleep(5000);
  return is_so();
}

}  // namespace slipway::pipelines::testing
