// `slipway serve`: the data plane alone, for one model. No database, no log of requests, no login:
// what runs in a container behind somebody else's front door.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace slipway::app {

struct ModelServerOptions {
  std::filesystem::path model;  // a folder with an MLmodel, or a model file
  std::string name = "model";   // of the endpoint: /v2/models/NAME
  std::int64_t version = 1;
  std::string host = "127.0.0.1";
  std::int64_t port = 8080;    // 0: any free one
  std::int64_t grpc_port = 0;  // 0: no gRPC
  std::string health_route = "/ping";
  std::string predict_route;        // Vertex AI's: instances in, predictions out; empty: none
  std::string interpreter;          // runs models that need Python; empty: those are refused
  std::string onnxruntime_library;  // libonnxruntime.so or its folder; empty: where it usually is
  std::filesystem::path scratch;    // a folder for its workers' program
  std::int64_t io_threads = 2;
  std::int64_t body_bytes_max = 64 << 20;
};

// open(), then start(), then stop(), from one thread.
class ModelServer {
 public:
  // Loads the model. kInvalidArgument and kCorruption as loading gives them.
  static Result<std::unique_ptr<ModelServer>> open(ModelServerOptions options);
  ~ModelServer();  // stop()

  Result<void> start();
  void stop();
  std::string url() const;

 private:
  struct Impl;
  explicit ModelServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::app
