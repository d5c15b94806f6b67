// The Open Inference Protocol v2 over gRPC, on a port of its own. gRPC's headers stay in the .cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/access.h"
#include "api/predict/call.h"
#include "base/result.h"

namespace slipway::api::grpc {

struct InferenceServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5001;  // 0: any free one
  std::uint64_t message_bytes_max = 64 << 20;
  // For what may block: passwords, models that wait or take their time. A queue an endpoint, and
  // one for passwords; a full one answers RESOURCE_EXHAUSTED.
  std::size_t threads_max = 64;
  std::size_t threads_per_queue_max = 32;
  std::size_t queue_length_max = 1024;
};

// Calls of other services with one request and one answer, carried as bytes: other adapters know
// what is in them. They may block.
struct OtherCalls {
  // Nothing: there is no such method.
  std::function<std::optional<Result<std::string>>(
      std::string_view service, std::string_view method, std::string_view request)>
      answer;
  // Whether a service's calls need USE on the workspace; else they need READ.
  std::function<bool(std::string_view service)> need_use;
};

// start() and stop() from one thread. What `served` names must outlive it, and so must `access`
// (null: nobody has to log in).
class InferenceServer {
 public:
  InferenceServer(InferenceServerOptions options, predict::Served served,
                  slipway::access::Access* access, OtherCalls others = {});
  ~InferenceServer();  // stop()
  InferenceServer(const InferenceServer&) = delete;
  InferenceServer& operator=(const InferenceServer&) = delete;

  // kUnavailable: the port is in use, named.
  Result<void> start();
  std::uint16_t port() const;  // the real one, after start()

  // Takes no new calls, lets running ones finish (at most `drain_seconds`). Idempotent.
  void stop(int drain_seconds);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::api::grpc
