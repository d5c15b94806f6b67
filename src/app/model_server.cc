#include "app/model_server.h"

#include "api/grpc/inference_server.h"
#include "api/http/server.h"
#include "api/predict/container_routes.h"
#include "api/predict/oip_routes.h"
#include "api/predict/predict_routes.h"
#include "app/application.h"
#include "base/metrics.h"
#include "base/random.h"
#include "serving/endpoints.h"
#include "serving/onnx/runtime.h"
#include "serving/python/runtime.h"

namespace slipway::app {
namespace {

class OneModel final : public serving::ModelSource {
 public:
  explicit OneModel(std::filesystem::path path) : path_(std::move(path)) {}
  Result<std::filesystem::path> locate(const std::string&) override { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace

struct ModelServer::Impl {
  explicit Impl(ModelServerOptions given)
      : options(std::move(given)),
        models(options.model),
        log({.folder = {}, .rows_buffered_max = 0}, metrics),
        python({.folder = options.scratch, .environments = {.interpreter = options.interpreter}}),
        onnx({.library = options.onnxruntime_library}),
        endpoints(models, features, log, clock, clock, random, metrics,
                  {.python = options.interpreter.empty() ? nullptr : &python, .onnx = &onnx}, {}) {
    python.start();
  }

  api::predict::Served served() {
    return {.endpoints = endpoints,
            .version = std::string(kVersion),
            .rehearses = [] { return false; },
            .body_bytes_max = static_cast<std::uint64_t>(options.body_bytes_max)};
  }

  const ModelServerOptions options;
  base::SystemClock clock;
  base::SystemRandom random;
  base::Metrics metrics;
  OneModel models;
  serving::NoFeatures features;
  serving::RequestLog log;  // takes nothing
  serving::python::Runtime python;
  serving::onnx::Runtime onnx;
  serving::Endpoints endpoints;
  http::Router router;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<api::grpc::InferenceServer> grpc;
};

ModelServer::ModelServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModelServer::~ModelServer() { stop(); }

Result<std::unique_ptr<ModelServer>> ModelServer::open(ModelServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  Impl& i = *impl;
  const serving::EndpointSpec spec{.endpoint = i.options.name,
                                   .revision = 1,
                                   .variants = {{.name = "live",
                                                 .uri = i.options.model.string(),
                                                 .model_version = i.options.version,
                                                 .slots = {{0, serving::kSlots}}}}};
  const auto prepared = TRY(i.endpoints.prepare(spec));
  i.endpoints.activate(spec, nullptr);
  i.router.add_all(api::predict::container_routes(i.served(), i.options.name,
                                                  i.options.health_route, i.options.predict_route));
  i.router.add_all(api::predict::predict_routes(i.served()));
  i.router.set_fallback("/v2", api::predict::no_v2_route);
  return std::unique_ptr<ModelServer>(new ModelServer(std::move(impl)));
}

Result<void> ModelServer::start() {
  Impl& i = *impl_;
  http::ServerOptions options{
      .host = i.options.host,
      .port = static_cast<std::uint16_t>(i.options.port),
      .io_threads = static_cast<std::size_t>(i.options.io_threads),
      .body_bytes_max = static_cast<std::uint64_t>(i.options.body_bytes_max),
      .origin_policy = {.enabled = false}};
  i.http = std::make_unique<http::Server>(std::move(options), i.router, i.metrics, i.random);
  TRY(i.http->start());
  if (i.options.grpc_port == 0) return {};
  i.grpc = std::make_unique<api::grpc::InferenceServer>(
      api::grpc::InferenceServerOptions{
          .host = i.options.host,
          .port = static_cast<std::uint16_t>(i.options.grpc_port),
          .message_bytes_max = static_cast<std::uint64_t>(i.options.body_bytes_max)},
      i.served(), nullptr);
  return i.grpc->start();
}

void ModelServer::stop() {
  if (impl_->grpc) impl_->grpc->stop(10);
  if (impl_->http) impl_->http->stop();
}

std::string ModelServer::url() const {
  const std::string& host = impl_->options.host;
  return fmt::format("http://{}:{}", host == "0.0.0.0" ? "127.0.0.1" : host,
                     impl_->http ? impl_->http->port() : impl_->options.port);
}

}  // namespace slipway::app
