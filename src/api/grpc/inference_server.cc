#include "api/grpc/inference_server.h"

#include <google/protobuf/arena.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/message_allocator.h>

#include <chrono>
#include <functional>

#include "api/grpc/inference.grpc.pb.h"
#include "api/grpc/inference_wire.h"
#include "api/predict/oip_routes.h"
#include "base/fair_pool.h"
#include "base/log.h"

namespace slipway::api::grpc {
namespace {

namespace sa = slipway::access;
using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;
using ::grpc::Status;
using ::grpc::StatusCode;
using serving::Prediction;

Status to_status(const Error& error) {
  const auto status = [&](StatusCode code) { return Status(code, error.message); };
  switch (error.code) {
    case Code::kInvalidArgument:
      return status(StatusCode::INVALID_ARGUMENT);
    case Code::kNotFound:
      return status(StatusCode::NOT_FOUND);
    case Code::kAlreadyExists:
      return status(StatusCode::ALREADY_EXISTS);
    case Code::kFailedPrecondition:
      return status(StatusCode::FAILED_PRECONDITION);
    case Code::kConflict:
      return status(StatusCode::ABORTED);
    case Code::kUnauthenticated:
      return status(StatusCode::UNAUTHENTICATED);
    case Code::kPermissionDenied:
      return status(StatusCode::PERMISSION_DENIED);
    case Code::kResourceExhausted:
    case Code::kStorageFull:
      return status(StatusCode::RESOURCE_EXHAUSTED);
    case Code::kUnavailable:
      return status(StatusCode::UNAVAILABLE);
    case Code::kDeadlineExceeded:
      return status(StatusCode::DEADLINE_EXCEEDED);
    case Code::kCorruption:
    case Code::kInternal:
      return status(StatusCode::INTERNAL);
  }
  return status(StatusCode::INTERNAL);
}

Status to_status(const Result<void>& result) {
  return result ? Status::OK : to_status(result.error());
}

// Keeps the messages of a call in one piece of memory: they have many parts.
class MessagesOfACall final
    : public ::grpc::MessageAllocator<inference::ModelInferRequest, inference::ModelInferResponse> {
 public:
  using Holder = ::grpc::MessageHolder<inference::ModelInferRequest, inference::ModelInferResponse>;

  Holder* AllocateMessages() override { return new Messages; }

 private:
  class Messages final : public Holder {
   public:
    Messages() : arena_(first_, sizeof first_) {
      set_request(google::protobuf::Arena::CreateMessage<inference::ModelInferRequest>(&arena_));
      set_response(google::protobuf::Arena::CreateMessage<inference::ModelInferResponse>(&arena_));
    }
    void Release() override { delete this; }

   private:
    alignas(8) char first_[16 << 10];  // enough for a usual row
    google::protobuf::Arena arena_;
  };
};

// What a call needs of its user, on the whole workspace.
enum class Need { kNothing, kUser, kRead, kUse, kEdit };

std::string_view authorization_of(const ::grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

std::chrono::steady_clock::time_point deadline_of(const ::grpc::ServerContextBase& context,
                                                  std::chrono::steady_clock::time_point since,
                                                  std::optional<std::int64_t> timeout_us) {
  using Steady = std::chrono::steady_clock;
  Steady::time_point deadline = Steady::time_point::max();
  const auto given = context.deadline();
  if (given != std::chrono::system_clock::time_point::max())
    deadline = Steady::now() + (given - std::chrono::system_clock::now());
  if (timeout_us.value_or(0) != 0)
    deadline = std::min(deadline, since + std::chrono::microseconds(*timeout_us));
  return deadline;
}

// Of the values, roughly.
std::size_t bytes_of(const inference::ModelInferRequest& request) {
  if (request.raw_input_contents().empty()) return request.ByteSizeLong();
  std::size_t bytes = 0;
  for (const std::string& raw : request.raw_input_contents()) bytes += raw.size();
  return bytes;
}

// The net at the entry of a call.
Status caught(const std::function<Status()>& work) {
  try {
    return work();
  } catch (const std::exception& e) {
    base::log_error("grpc", "a call threw: what={}", e.what());
    return Status(StatusCode::INTERNAL, fmt::format("internal error: {}", e.what()));
  }
}

// What a call needs models of: nothing but their names, when it is empty.
struct Target {
  std::string_view endpoint;
  std::size_t bytes = 0;  // of values to score
  bool blocks = false;    // no model at all: `endpoint` is the queue where it waits
};

std::string bytes_of(const ::grpc::ByteBuffer& buffer) {
  std::vector<::grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const ::grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// One thread's.
InferenceReader& reader() {
  thread_local InferenceReader instance;
  return instance;
}

}  // namespace

class InferenceServer::Impl final : public inference::GRPCInferenceService::CallbackService {
 public:
  Impl(InferenceServerOptions options, predict::Served served, sa::Access* access,
       OtherCalls others)
      : options_(std::move(options)),
        served_(std::move(served)),
        access_(access),
        others_(std::move(others)),
        pool_({.name = "grpc",
               .threads_max = options_.threads_max,
               .threads_per_queue_max = options_.threads_per_queue_max,
               .queue_length_max = options_.queue_length_max}) {}

  Result<void> start() {
    ::grpc::EnableDefaultHealthCheckService(true);  // what Kubernetes' gRPC probes ask
    ::grpc::ServerBuilder builder;
    const std::string host =
        options_.host.find(':') == std::string::npos ? options_.host : "[" + options_.host + "]";
    builder.AddListeningPort(fmt::format("{}:{}", host, options_.port),
                             ::grpc::InsecureServerCredentials(), &port_);
    // Two servers on one port would each get some of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    const auto bytes_max = std::min<std::uint64_t>(options_.message_bytes_max, INT_MAX);
    builder.SetMaxReceiveMessageSize(static_cast<int>(bytes_max));
    builder.SetMaxSendMessageSize(-1);
    SetMessageAllocatorFor_ModelInfer(&messages_);
    builder.RegisterService(this);
    if (others_.answer) builder.RegisterCallbackGenericService(&other_services_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return base::error(Code::kUnavailable,
                         "gRPC cannot listen, the port may be in use: {}:{} (setting grpc-port; 0 "
                         "turns gRPC off)",
                         host, options_.port);
    }
    return {};
  }

  int port() const { return port_; }

  void stop(int drain_seconds) {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(drain_seconds));
    pool_.stop();
    server_.reset();
  }

  // --- Calls.

  ServerUnaryReactor* ServerLive(CallbackServerContext* context,
                                 const inference::ServerLiveRequest*,
                                 inference::ServerLiveResponse* response) override {
    return answer(context, Need::kNothing, [response] {
      response->set_live(true);
      return Status::OK;
    });
  }

  ServerUnaryReactor* ServerReady(CallbackServerContext* context,
                                  const inference::ServerReadyRequest*,
                                  inference::ServerReadyResponse* response) override {
    return answer(context, Need::kNothing, [response] {
      response->set_ready(true);
      return Status::OK;
    });
  }

  ServerUnaryReactor* ServerMetadata(CallbackServerContext* context,
                                     const inference::ServerMetadataRequest*,
                                     inference::ServerMetadataResponse* response) override {
    return answer(context, Need::kUser, [this, response] {
      response->set_name("slipway");
      response->set_version(served_.version);
      for (const std::string_view extension : predict::kExtensions) {
        if (extension != "binary_tensor_data") response->add_extensions(std::string(extension));
      }
      return Status::OK;
    });
  }

  ServerUnaryReactor* ModelReady(CallbackServerContext* context,
                                 const inference::ModelReadyRequest* request,
                                 inference::ModelReadyResponse* response) override {
    return answer(context, Need::kRead, [this, request, response] {
      response->set_ready(shape_of(request->name(), request->version()).has_value());
      return Status::OK;
    });
  }

  ServerUnaryReactor* ModelMetadata(CallbackServerContext* context,
                                    const inference::ModelMetadataRequest* request,
                                    inference::ModelMetadataResponse* response) override {
    return answer(context, Need::kRead,
                  [this, request, response]() -> Status {
                    if (const auto awake = served_.endpoints.wake(request->name()); !awake)
                      return to_status(awake.error());
                    const auto shape = shape_of(request->name(), request->version());
                    if (!shape) return to_status(shape.error());
                    write_metadata(*shape, *response);
                    return Status::OK;
                  },
                  {request->name()});
  }

  ServerUnaryReactor* ModelInfer(CallbackServerContext* context,
                                 const inference::ModelInferRequest* request,
                                 inference::ModelInferResponse* response) override {
    return answer(context, Need::kUse,
                  [this, context, request, response, since = std::chrono::steady_clock::now()] {
                    return to_status(infer(*context, *request, since, *response));
                  },
                  {request->model_name(), bytes_of(*request)});
  }

  ::grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
  ModelStreamInfer(CallbackServerContext* context) override {
    return new Stream(*this, *context);
  }

  ServerUnaryReactor* ModelStatistics(CallbackServerContext* context,
                                      const inference::ModelStatisticsRequest* request,
                                      inference::ModelStatisticsResponse* response) override {
    return answer(context, Need::kRead, [this, request, response] {
      if (!request->name().empty()) {
        const auto shape = shape_of(request->name(), request->version());
        if (!shape) return to_status(shape.error());
      }
      for (const serving::VersionStatistics& of : served_.endpoints.statistics()) {
        const bool fits =
            (request->name().empty() || of.endpoint == request->name()) &&
            (request->version().empty() || std::to_string(of.version) == request->version());
        if (fits) write_statistics(of, *response->add_model_stats());
      }
      return Status::OK;
    });
  }

  ServerUnaryReactor* RepositoryIndex(CallbackServerContext* context,
                                      const inference::RepositoryIndexRequest*,
                                      inference::RepositoryIndexResponse* response) override {
    return answer(context, Need::kRead, [this, response] {
      for (const std::string& name : served_.endpoints.names()) {
        const auto shape = served_.endpoints.shape(name);
        if (!shape) continue;
        for (const std::int64_t version : shape->versions) {
          auto& model = *response->add_models();
          model.set_name(name);
          model.set_version(std::to_string(version));
          model.set_state("READY");
          if (!served_.endpoints.is_awake(name)) model.set_reason(std::string(predict::kAsleep));
        }
      }
      return Status::OK;
    });
  }

  ServerUnaryReactor* RepositoryModelLoad(CallbackServerContext* context,
                                          const inference::RepositoryModelLoadRequest* request,
                                          inference::RepositoryModelLoadResponse*) override {
    return answer(context, Need::kEdit,
                  [this, request] {
                    if (const auto known = served_.endpoints.shape(request->model_name()); !known)
                      return to_status(known.error());
                    if (!request->parameters().empty())
                      return Status(StatusCode::INVALID_ARGUMENT,
                                    std::string(predict::kNoLoadParameters));
                    return to_status(served_.endpoints.wake(request->model_name()));
                  },
                  {request->model_name()});
  }

  ServerUnaryReactor* RepositoryModelUnload(CallbackServerContext* context,
                                            const inference::RepositoryModelUnloadRequest* request,
                                            inference::RepositoryModelUnloadResponse*) override {
    return answer(context, Need::kEdit, [this, request] {
      return to_status(
          served_.endpoints.sleep(request->model_name(), std::string(predict::kUnloaded)));
    });
  }

 private:
  // One call of a service that others_ knows.
  class OtherCall final : public ::grpc::ServerGenericBidiReactor {
   public:
    OtherCall(Impl& impl, ::grpc::GenericCallbackServerContext& context)
        : impl_(impl), context_(context) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(Status(StatusCode::INVALID_ARGUMENT, "the request is missing"));
      const auto failed = impl_.run(
          context_, impl_.others_.need_use(service()) ? Need::kUse : Need::kRead,
          {.endpoint = "/other", .blocks = true}, [this](const Status& refused) {
            const Status done = refused.ok() ? caught([this] { return answer(); }) : refused;
            if (!done.ok()) return Finish(done);
            StartWriteAndFinish(&response_, {}, done);
          });
      if (!failed) Finish(to_status(failed));
    }
    void OnDone() override { delete this; }

   private:
    // Of "/package.Service/Method".
    std::string_view service() const {
      const std::string_view path = context_.method();
      return path.substr(1, path.rfind('/') - 1);
    }
    Status answer() {
      const std::string& path = context_.method();
      const std::string_view method = std::string_view(path).substr(path.rfind('/') + 1);
      const auto said = impl_.others_.answer(service(), method, bytes_of(request_));
      if (!said) return Status(StatusCode::UNIMPLEMENTED, path + " is not offered here");
      if (!*said) return to_status(said->error());
      ::grpc::Slice slice(**said);
      response_ = ::grpc::ByteBuffer(&slice, 1);
      return Status::OK;
    }

    Impl& impl_;
    ::grpc::GenericCallbackServerContext& context_;
    ::grpc::ByteBuffer request_, response_;
  };

  class OtherServices final : public ::grpc::CallbackGenericService {
   public:
    explicit OtherServices(Impl& impl) : impl_(impl) {}
    ::grpc::ServerGenericBidiReactor* CreateReactor(
        ::grpc::GenericCallbackServerContext* context) override {
      return new OtherCall(impl_, *context);
    }

   private:
    Impl& impl_;
  };

  // Requests one after the other; an error is an answer, and the stream goes on.
  class Stream final : public ::grpc::ServerBidiReactor<inference::ModelInferRequest,
                                                        inference::ModelStreamInferResponse> {
   public:
    Stream(Impl& impl, CallbackServerContext& context) : impl_(impl), context_(context) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(Status::OK);  // the client has no more
      const Target target{request_.model_name(), bytes_of(request_)};
      const auto since = std::chrono::steady_clock::now();
      const auto failed =
          impl_.run(context_, Need::kUse, target, [this, since](const Status& refused) {
            response_.Clear();
            if (!refused.ok()) return Finish(refused);
            auto& answer = *response_.mutable_infer_response();
            const Status done =
                caught([&] { return to_status(impl_.infer(context_, request_, since, answer)); });
            if (!done.ok()) {
              answer.Clear();
              answer.set_id(request_.id());
              answer.set_model_name(request_.model_name());
              response_.set_error_message(done.error_message());
            }
            StartWrite(&response_);
          });
      if (!failed) Finish(to_status(failed));
    }
    void OnWriteDone(bool ok) override {
      if (!ok) return Finish(Status::CANCELLED);
      StartRead(&request_);
    }
    void OnDone() override { delete this; }

   private:
    Impl& impl_;
    CallbackServerContext& context_;
    inference::ModelInferRequest request_;
    inference::ModelStreamInferResponse response_;
  };

  Result<serving::EndpointShape> shape_of(const std::string& name, const std::string& version) {
    serving::EndpointShape shape = TRY(served_.endpoints.shape(name));
    if (version.empty()) return shape;
    const std::int64_t number = TRY(predict::parse_version(version));
    if (std::find(shape.versions.begin(), shape.versions.end(), number) == shape.versions.end()) {
      return base::error(Code::kNotFound, "the endpoint does not answer with version {}: name={}",
                         version, name);
    }
    return shape;
  }

  Result<void> infer(const ::grpc::ServerContextBase& context,
                     const inference::ModelInferRequest& request,
                     std::chrono::steady_clock::time_point since,
                     inference::ModelInferResponse& response) {
    const auto model = predict::model_inputs(served_.endpoints, request.model_name());
    predict::ParsedRequest parsed = TRY(reader().read(request, model));
    std::optional<std::int64_t> version;
    if (!request.model_version().empty())
      version = TRY(predict::parse_version(request.model_version()));
    std::optional<base::Timestamp> event_time;
    if (!parsed.event_time.empty())
      event_time = TRY(predict::parse_event_time(parsed.event_time, served_.rehearses()));
    const Prediction prediction =
        TRY(served_.endpoints.predict({.endpoint = request.model_name(),
                                       .id = parsed.id,
                                       .route_key = parsed.route_key,
                                       .traffic = parsed.traffic,
                                       .version = version,
                                       .event_time = event_time,
                                       .params = parsed.params,
                                       .deadline = deadline_of(context, since, parsed.timeout_us),
                                       .priority = parsed.priority,
                                       .unknown_inputs = serving::UnknownInputs::kRefused,
                                       .batch = std::move(parsed.batch)}));
    return write_answer(request, prediction, parsed.outputs, response);
  }

  Status refuse(const std::string& user, Need need) {
    const auto lacks = [&](sa::Permission permission) {
      return !access_->may(user, sa::kWorkspace, "*", permission);
    };
    const bool refused = (need == Need::kRead && lacks(sa::Permission::kRead)) ||
                         (need == Need::kUse && lacks(sa::Permission::kUse)) ||
                         (need == Need::kEdit && lacks(sa::Permission::kEdit));
    return refused ? Status(StatusCode::PERMISSION_DENIED, "Permission denied") : Status::OK;
  }

  // Calls `work` with OK, or with why the user may not: here when nothing can block, else on the
  // pool. kResourceExhausted: the pool's queue is full, and `work` is not called.
  Result<void> run(const ::grpc::ServerContextBase& context, Need need, const Target& target,
                   std::function<void(const Status&)> work) {
    const bool is_quick =
        !target.blocks &&
        (target.endpoint.empty() || served_.endpoints.is_quick(target.endpoint, target.bytes));
    const std::string_view queue = is_quick ? std::string_view() : target.endpoint;
    if (access_ == nullptr || need == Need::kNothing) {
      if (is_quick) {
        work(Status::OK);
        return {};
      }
      return pool_.submit(queue, [work = std::move(work)] { work(Status::OK); });
    }
    const std::string_view authorization = authorization_of(context);
    if (authorization.empty()) {
      work(Status(StatusCode::UNAUTHENTICATED,
                  "You are not authenticated: send a token or a user's name and password as "
                  "metadata `authorization`"));
      return {};
    }
    const std::optional<std::string> user = access_->recognize(authorization);
    if (user && is_quick) {
      work(refuse(*user, need));
      return {};
    }
    return pool_.submit(queue, [this, need, authorization = std::string(authorization), user,
                                work = std::move(work)] {
      const Result<std::string> name =
          user ? Result<std::string>(*user) : access_->login(authorization);
      work(name ? refuse(*name, need) : to_status(name.error()));
    });
  }

  ServerUnaryReactor* answer(CallbackServerContext* context, Need need,
                             std::function<Status()> work, const Target& target = {}) {
    ServerUnaryReactor* const reactor = context->DefaultReactor();
    const auto failed =
        run(*context, need, target, [reactor, work = std::move(work)](const Status& refused) {
          reactor->Finish(refused.ok() ? caught(work) : refused);
        });
    if (!failed) reactor->Finish(to_status(failed));
    return reactor;
  }

  const InferenceServerOptions options_;
  const predict::Served served_;
  sa::Access* const access_;
  const OtherCalls others_;
  OtherServices other_services_{*this};
  MessagesOfACall messages_;
  base::FairPool pool_;
  int port_ = 0;
  std::unique_ptr<::grpc::Server> server_;
};

InferenceServer::InferenceServer(InferenceServerOptions options, predict::Served served,
                                 sa::Access* access, OtherCalls others)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(served), access,
                                   std::move(others))) {}
InferenceServer::~InferenceServer() { stop(0); }

Result<void> InferenceServer::start() { return impl_->start(); }
std::uint16_t InferenceServer::port() const { return static_cast<std::uint16_t>(impl_->port()); }
void InferenceServer::stop(int drain_seconds) { impl_->stop(drain_seconds); }

}  // namespace slipway::api::grpc
