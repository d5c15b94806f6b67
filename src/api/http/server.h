// HTTP/1.1 over TCP: sockets and timers stay in here, everything behind the router is plain
// blocking code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "api/http/origin_policy.h"
#include "api/http/router.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"

namespace slipway::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5000;  // 0: any free one
  std::size_t io_threads = 2;
  std::size_t data_threads = 64;     // Lane::kData
  std::size_t control_threads = 2;   // Lane::kControl
  std::size_t scoring_threads = 64;  // Lane::kScoring, at most
  std::size_t scoring_threads_per_queue = 32;
  std::size_t queue_length_max = 1024;         // waiting requests per pool; more get 429
  std::size_t scoring_queue_length_max = 256;  // of each queue
  std::size_t connections_max = 10'000;        // more are closed at once
  std::uint64_t header_bytes_max = 64 << 10;
  std::uint64_t body_bytes_max = 64 << 20;          // in memory; a route can set its own
  std::uint64_t file_body_bytes_max = 64ull << 30;  // streamed to a file
  int idle_timeout_seconds = 120;                   // between requests
  int request_timeout_seconds = 60;                 // silence in the middle of a request or a reply
  std::filesystem::path upload_folder;              // where Route::Body::kFile bodies go first
  int listener = -1;  // a socket that listens already, to be used instead of host and port; taken
  std::string path_prefix;  // "/mlflow": taken off the paths that have it; a proxy leaves it on
  OriginPolicy::Options origin_policy;
  base::Metrics::Labels metric_labels;  // of one of several servers
};

// Serves a router. Connections keep alive and may pipeline; requests of one connection are handled
// in order.
//
// start() and stop() from one thread. `router`, `metrics` and `random` must outlive the server.
class Server {
 public:
  Server(ServerOptions options, const Router& router, base::Metrics& metrics, base::Random& random);
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the port: who connects waits for start(). kUnavailable: it is in use; names it.
  Result<void> listen();
  // Answers, and returns. Errors as of listen(), which it does if that wasn't done.
  Result<void> start();
  std::uint16_t port() const;  // the real one, after listen()

  // Its socket once more, for a server that goes on in its place: who connects in between waits.
  // -1: not listening.
  int share_listener() const;

  // Takes no new connections, lets requests that are running finish (at most `drain_seconds`),
  // closes. Idempotent.
  void stop(int drain_seconds = 10);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::http
