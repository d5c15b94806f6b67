#include "api/http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "api/http/connection.h"
#include "base/log.h"

namespace slipway::http {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> parse_address(const std::string& host, std::uint16_t port) {
  addrinfo wanted{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                  .ai_family = AF_UNSPEC,
                  .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (::getaddrinfo(host == "localhost" ? "127.0.0.1" : host.c_str(), std::to_string(port).c_str(),
                    &wanted, &found) != 0) {
    return base::error(Code::kInvalidArgument, "not an address to listen on: host={}", host);
  }
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return address;
}

std::string text_of(Address& address) {
  char text[NI_MAXHOST] = "";
  ::getnameinfo(address.get(), address.length, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

// A listening socket, or errno.
Descriptor listen_on(Address& address) {
  Descriptor socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), kBacklog) != 0 ||
      ::getsockname(socket.get(), address.get(), &address.length) != 0)
    return Descriptor();
  return socket;
}

}  // namespace

class Server::Impl final : private EventLoop::Source {
 public:
  Impl(ServerOptions options, const Router& router, base::Metrics& metrics, base::Random& random)
      : options_(std::move(options)),
        data_pool_({"http-data", options_.data_threads, options_.queue_length_max}),
        control_pool_({"http-control", options_.control_threads, options_.queue_length_max}),
        scoring_pool_({.name = "http-scoring",
                       .threads_max = options_.scoring_threads,
                       .threads_per_queue_max = options_.scoring_threads_per_queue,
                       .queue_length_max = options_.scoring_queue_length_max}),
        origin_policy_(options_.origin_policy),
        shared_{.options = options_,
                .origin_policy = origin_policy_,
                .router = router,
                .random = random,
                .data_pool = data_pool_,
                .control_pool = control_pool_,
                .scoring_pool = scoring_pool_,
                .requests = metrics.counter("slipway_http_requests_total", "Requests answered.",
                                            options_.metric_labels),
                .refused = metrics.counter("slipway_http_refused_total",
                                           "Requests refused because a queue was full.",
                                           options_.metric_labels),
                .seconds =
                    metrics.histogram("slipway_http_request_seconds",
                                      "From the first byte of a request to the last of its reply.",
                                      options_.metric_labels)} {
    metrics.gauge(
        "slipway_http_connections", "Open connections.",
        [this] { return static_cast<double>(shared_.connections.load()); }, options_.metric_labels);
  }

  Result<void> listen() {
    Address address = TRY(parse_address(options_.host, options_.port));
    listener_ = Descriptor(options_.listener);
    if (listener_) {
      (void)::getsockname(listener_.get(), address.get(), &address.length);
    } else {
      listener_ = listen_on(address);
    }
    if (!listener_) {
      return base::error(
          Code::kUnavailable,
          "cannot listen: {}: host={} port={} (is another server running there? choose --port)",
          std::strerror(errno), options_.host, options_.port);
    }
    port_ = ntohs(address.storage.ss_family == AF_INET6
                      ? reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port
                      : reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
    return {};
  }

  Result<void> start() {
    if (!listener_) TRY(listen());
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.io_threads); ++i) {
      io_.push_back(std::make_unique<IoThread>());
      TRY(io_.back()->loop.open());
    }
    TRY(io_.front()->loop.watch(listener_.get(), EPOLLIN, EventLoop::Trigger::kLevel, *this));
    for (auto& io : io_) {
      io->loop.set_tick([io = io.get()] {
        // A copy: a connection that closes takes itself out.
        for (const auto& connection : std::vector(io->connections.begin(), io->connections.end()))
          connection->check_timeout();
      });
      threads_.emplace_back([io = io.get()] {
        while (true) {
          try {
            return io->loop.run();
          } catch (const std::exception& e) {  // the net at the entry of a thread
            base::log_error("http", "I/O thread threw: what={}", e.what());
          }
        }
      });
      pthread_setname_np(threads_.back().native_handle(), "http-io");
    }
    return {};
  }

  std::uint16_t port() const { return port_; }

  int share_listener() const {
    return listener_ ? ::fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0) : -1;
  }

  void stop(int drain_seconds) {
    if (threads_.empty() || stopped_) return;  // never started, or stopped already
    stopped_ = true;
    shared_.draining = true;
    io_.front()->loop.post([this] {
      if (!listener_) return;
      io_.front()->loop.unwatch(listener_.get());  // it may be shared: closing would not do that
      listener_.close();
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(drain_seconds);
    while (running() > 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    // Pools before I/O threads: a handler that still runs posts its reply there.
    data_pool_.stop();
    control_pool_.stop();
    scoring_pool_.stop();
    for (auto& io : io_) {
      io->loop.post([io = io.get()] {
        for (const auto& connection : std::vector(io->connections.begin(), io->connections.end()))
          connection->close();
      });
      io->loop.stop();
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::size_t running() const {
    std::size_t sum = 0;
    for (const auto& io : io_) sum += io->running.load(std::memory_order_acquire);
    return sum;
  }

  // The listener, in the first thread.
  void on_ready(std::uint32_t) override {
    for (int i = 0; i < kAcceptsPerTurn && listener_; ++i) {
      Address peer{.length = sizeof(sockaddr_storage)};
      Descriptor socket(
          ::accept4(listener_.get(), peer.get(), &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!socket) {
        if (errno == EAGAIN) return;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        base::log_warning("http", "accept failed: why={}", std::strerror(errno));
        // Out of descriptors: breathe, then go on.
        return std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      if (shared_.connections >= options_.connections_max) {
        shared_.refused.add();
        continue;
      }
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      IoThread& io = *io_[next_++ % io_.size()];
      auto connection = std::make_shared<Connection>(std::move(socket), text_of(peer), shared_, io);
      io.loop.post([connection = std::move(connection), &io] {
        io.connections.insert(connection);
        connection->start();
      });
    }
  }

  const ServerOptions options_;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
  std::size_t next_ = 0;
  base::ThreadPool data_pool_;
  base::ThreadPool control_pool_;
  base::FairPool scoring_pool_;
  const OriginPolicy origin_policy_;
  Shared shared_;
  std::vector<std::unique_ptr<IoThread>> io_;  // connections go before what they share
  Descriptor listener_;
  std::vector<std::thread> threads_;
};

Server::Server(ServerOptions options, const Router& router, base::Metrics& metrics,
               base::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), router, metrics, random)) {}
Server::~Server() { stop(); }
Result<void> Server::listen() { return impl_->listen(); }
Result<void> Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }

int Server::share_listener() const { return impl_->share_listener(); }
void Server::stop(int drain_seconds) { impl_->stop(drain_seconds); }

}  // namespace slipway::http
