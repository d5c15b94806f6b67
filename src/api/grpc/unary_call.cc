#include "api/grpc/unary_call.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

namespace slipway::api::grpc {

Result<std::string> call_unary(const std::string& address, const std::string& method,
                               const std::string& request, int timeout_ms) {
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  ::grpc::GenericStub stub(
      ::grpc::CreateCustomChannel(address, ::grpc::InsecureChannelCredentials(), arguments));
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
  const ::grpc::Slice slice(request);
  const ::grpc::ByteBuffer question(&slice, 1);
  ::grpc::ByteBuffer answer;
  ::grpc::Status status;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  stub.UnaryCall(&context, method, {}, &question, &answer, [&](::grpc::Status result) {
    const std::lock_guard lock(mutex);
    status = std::move(result);
    is_done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return is_done; });
  if (!status.ok()) {
    const Code code = status.error_code() == ::grpc::StatusCode::UNAVAILABLE ? Code::kUnavailable
                      : status.error_code() == ::grpc::StatusCode::DEADLINE_EXCEEDED
                          ? Code::kDeadlineExceeded
                          : Code::kFailedPrecondition;
    return base::error(code, "{} does not answer {}: {}", address, method, status.error_message());
  }
  std::vector<::grpc::Slice> pieces;
  if (const auto dumped = answer.Dump(&pieces); !dumped.ok())
    return base::error(Code::kInternal, "an answer can't be read: {}", dumped.error_message());
  std::string bytes;
  for (const ::grpc::Slice& piece : pieces)
    bytes.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
  return bytes;
}

}  // namespace slipway::api::grpc
