// The two ends around a gRPC server: `echo PORT` answers every ModelInfer with one fixed tensor and
// does nothing else, the floor under any server here; `load HOST:PORT MODEL FEATURES CALLS SECONDS`
// keeps so many calls of one row running, a raw FP64 tensor a feature, and prints what came back as
// one line of JSON.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/grpc/inference.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

class Echo final : public inference::GRPCInferenceService::CallbackService {
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const inference::ModelInferRequest* request,
                                       inference::ModelInferResponse* response) override {
    response->set_model_name(request->model_name());
    response->set_model_version("1");
    response->set_id("0123456789ab-1");
    auto& output = *response->add_outputs();
    output.set_name("score");
    output.set_datatype("FP32");
    output.add_shape(1);
    response->add_raw_output_contents("1234");
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int echo(const std::string& port) {
  Echo service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + port, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
  return 0;
}

struct Call {
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  grpc::Status status;
  Clock::time_point start;
  std::unique_ptr<grpc::ClientAsyncResponseReader<inference::ModelInferResponse>> reader;
};

int load(const std::string& address, const std::string& model, int features, int calls,
         double seconds) {
  inference::ModelInferRequest request;
  request.set_model_name(model);
  for (int i = 0; i < features; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "feature_%02d", i);
    auto& input = *request.add_inputs();
    input.set_name(name);
    input.set_datatype("FP64");
    input.add_shape(1);
    const double value = 0.1 * i;
    request.add_raw_input_contents(std::string(reinterpret_cast<const char*>(&value), 8));
  }
  const auto stub = inference::GRPCInferenceService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::CompletionQueue queue;
  const auto begin = [&] {
    auto* const call = new Call;
    call->start = Clock::now();
    call->reader = stub->AsyncModelInfer(&call->context, request, &queue);
    call->reader->Finish(&call->response, &call->status, call);
  };
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + std::chrono::microseconds(static_cast<long>(seconds * 1e6));
  for (int i = 0; i < calls; ++i) begin();
  std::vector<double> micros;
  int running = calls, errors = 0;
  std::string why;
  void* tag = nullptr;
  for (bool ok = false; running > 0 && queue.Next(&tag, &ok);) {
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    if (!ok || !call->status.ok()) {
      ++errors;
      why = call->status.error_message();
    }
    const Clock::time_point now = Clock::now();
    micros.push_back(std::chrono::duration<double, std::micro>(now - call->start).count());
    if (now < end) {
      begin();
    } else {
      --running;
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::sort(micros.begin(), micros.end());
  std::printf("{\"requests\":%zu,\"seconds\":%.3f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"errors\":%d}\n",
              micros.size(), took, micros[micros.size() / 2], micros[micros.size() * 99 / 100],
              errors);
  if (errors != 0) std::fprintf(stderr, "%s\n", why.c_str());
  return errors != 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "echo") == 0) return echo(argv[2]);
  if (argc == 7 && std::strcmp(argv[1], "load") == 0)
    return load(argv[2], argv[3], std::atoi(argv[4]), std::atoi(argv[5]), std::atof(argv[6]));
  std::fprintf(stderr, "grpc_bench echo PORT | load HOST:PORT MODEL FEATURES CALLS SECONDS\n");
  return 2;
}
