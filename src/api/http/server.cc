#include "api/http/server.h"

#include <pthread.h>

#include "api/http/connection.h"
#include "base/log.h"

namespace slipway::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// One thread with its own io_context and the connections that live in it.
struct IoThread {
  asio::io_context context{1};
  asio::steady_timer tick{context};
  ConnectionList connections;
  std::thread thread;

  void watch_timeouts() {
    tick.expires_after(std::chrono::seconds(1));
    tick.async_wait([this](error_code ec) {
      if (ec) return;
      const auto now = std::chrono::steady_clock::now();
      for (auto it = connections.begin(); it != connections.end();) {
        if (auto connection = it->lock()) {
          connection->check_timeout(now);
          ++it;
        } else {
          it = connections.erase(it);
        }
      }
      watch_timeouts();
    });
  }
};

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, const Router& router, base::Metrics& metrics, base::Random& random)
      : options_(std::move(options)),
        data_pool_({"http-data", options_.data_threads, options_.queue_length_max}),
        control_pool_({"http-control", options_.control_threads, options_.queue_length_max}),
        shared_{.options = options_,
                .router = router,
                .random = random,
                .data_pool = data_pool_,
                .control_pool = control_pool_,
                .requests = metrics.counter("slipway_http_requests_total", "Requests answered."),
                .refused = metrics.counter("slipway_http_refused_total",
                                           "Requests refused because a queue was full."),
                .seconds = metrics.histogram(
                    "slipway_http_request_seconds",
                    "From the first byte of a request to the last of its reply.")} {
    metrics.gauge("slipway_http_connections", "Open connections.",
                  [this] { return static_cast<double>(shared_.connections.load()); });
  }

  Result<void> start() {
    error_code ec;
    const asio::ip::address address =
        asio::ip::make_address(options_.host == "localhost" ? "127.0.0.1" : options_.host, ec);
    if (ec)
      return base::error(Code::kInvalidArgument, "not an address to listen on: host={}",
                         options_.host);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.io_threads); ++i)
      io_.push_back(std::make_unique<IoThread>());
    acceptor_.emplace(io_.front()->context);
    const Tcp::endpoint endpoint(address, options_.port);
    acceptor_->open(endpoint.protocol(), ec);
    if (!ec) acceptor_->set_option(Tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->bind(endpoint, ec);
    if (!ec) acceptor_->listen(4096, ec);
    if (ec) {
      return base::error(
          Code::kUnavailable,
          "cannot listen: {}: host={} port={} (is another server running there? choose --port)",
          ec.message(), options_.host, options_.port);
    }
    port_ = acceptor_->local_endpoint(ec).port();
    accept();
    for (auto& io : io_) {
      io->watch_timeouts();
      io->thread = std::thread([context = &io->context] {
        while (true) {
          try {
            context->run();
            return;
          } catch (const std::exception& e) {  // the net at the entry of a thread
            base::log_error("http", "I/O thread threw: what={}", e.what());
          }
        }
      });
      pthread_setname_np(io->thread.native_handle(), "http-io");
    }
    return {};
  }

  std::uint16_t port() const { return port_; }

  void stop(int drain_seconds) {
    if (port_ == 0 || stopped_) return;  // never started, or stopped already
    stopped_ = true;
    shared_.draining = true;
    asio::post(io_.front()->context, [this] {
      error_code ignored;
      acceptor_->close(ignored);
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(drain_seconds);
    while (shared_.running > 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    // Pools before I/O threads: a handler that still runs posts its reply there.
    data_pool_.stop();
    control_pool_.stop();
    for (auto& io : io_) {
      asio::post(io->context, [thread = io.get()] {
        for (auto& weak : thread->connections) {
          if (auto connection = weak.lock()) connection->close();
        }
        thread->tick.cancel();
        thread->context.stop();
      });
    }
    for (auto& io : io_) io->thread.join();
  }

 private:
  void accept() {
    IoThread& target = *io_[next_++ % io_.size()];
    acceptor_->async_accept(target.context, [this, &target](error_code ec, Tcp::socket socket) {
      if (ec == asio::error::operation_aborted || !acceptor_->is_open()) return;
      if (ec) {
        base::log_warning("http", "accept failed: why={}",
                          ec.message());  // out of descriptors: breathe, then go on
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      } else if (shared_.connections >= options_.connections_max) {
        shared_.refused.add();
      } else {
        asio::post(target.context, [this, &target, socket = std::move(socket)]() mutable {
          auto connection = std::make_shared<Connection>(std::move(socket), shared_);
          target.connections.push_back(connection);
          connection->start();
        });
      }
      accept();
    });
  }

  const ServerOptions options_;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<IoThread>> io_;
  std::optional<Tcp::acceptor> acceptor_;
  base::ThreadPool data_pool_;
  base::ThreadPool control_pool_;
  Shared shared_;
};

Server::Server(ServerOptions options, const Router& router, base::Metrics& metrics,
               base::Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), router, metrics, random)) {}
Server::~Server() { stop(); }
Result<void> Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::stop(int drain_seconds) { impl_->stop(drain_seconds); }

}  // namespace slipway::http
