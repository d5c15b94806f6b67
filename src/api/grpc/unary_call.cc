#include "api/grpc/unary_call.h"

#include <grpc/grpc.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

namespace slipway::api::grpc {
namespace {

// gRPC ends the process over a header that it can't send.
Result<void> check_header(const std::string& name, const std::string& value) {
  const ::grpc::Slice key(name), text(value);
  const auto [key_c, text_c] = std::pair(key.c_slice(), text.c_slice());
  const bool is_binary = ::grpc_is_binary_header(key_c) != 0;
  const bool fits = ::grpc_header_key_is_legal(key_c) != 0 &&
                    (is_binary || ::grpc_header_nonbin_value_is_legal(text_c) != 0);
  ::grpc_slice_unref(key_c);
  ::grpc_slice_unref(text_c);
  if (fits) return {};
  return base::error(Code::kInvalidArgument,
                     "gRPC can't send a header: its name has a-z, 0-9, -, _ and ., its value "
                     "printable ASCII: name={}",
                     name);
}

}  // namespace

struct UnaryClient::State {
  Options options;
  ::grpc::GenericStub stub;
};

UnaryClient::UnaryClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
UnaryClient::~UnaryClient() = default;
UnaryClient::UnaryClient(UnaryClient&&) noexcept = default;

Result<UnaryClient> UnaryClient::open(Options options) {
  for (auto& [name, value] : options.headers) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    TRY(check_header(name, value));
  }
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  // Who is back is reached soon: gRPC itself waits up to two minutes between two tries, and 20 s
  // for one.
  constexpr int kReconnectMs = 5'000;
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  if (options.gzip) arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  const auto credentials =
      options.tls
          ? ::grpc::SslCredentials({options.ca_pem, options.key_pem, options.certificate_pem})
          : ::grpc::InsecureChannelCredentials();
  auto channel = ::grpc::CreateCustomChannel(options.address, credentials, arguments);
  return UnaryClient(
      std::make_unique<State>(std::move(options), ::grpc::GenericStub(std::move(channel))));
}

UnaryClient::Reply UnaryClient::call(const std::string& method, const std::string& request,
                                     int timeout_ms) {
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
  for (const auto& [name, value] : state_->options.headers) context.AddMetadata(name, value);
  const ::grpc::Slice slice(request);
  const ::grpc::ByteBuffer question(&slice, 1);
  ::grpc::ByteBuffer answer;
  ::grpc::Status status;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  state_->stub.UnaryCall(&context, method, {}, &question, &answer, [&](::grpc::Status result) {
    const std::lock_guard lock(mutex);
    status = std::move(result);
    is_done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return is_done; });
  std::vector<::grpc::Slice> pieces;
  if (status.ok()) status = answer.Dump(&pieces);
  Reply reply{.status = status.error_code(),
              .words = status.error_message(),
              .details = status.error_details()};
  for (const ::grpc::Slice& piece : pieces)
    reply.body.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
  return reply;
}

Result<std::string> call_unary(const std::string& address, const std::string& method,
                               const std::string& request, int timeout_ms) {
  UnaryClient client = TRY(UnaryClient::open({.address = address}));
  UnaryClient::Reply reply = client.call(method, request, timeout_ms);
  if (reply.status == UnaryClient::kOk) return std::move(reply.body);
  const Code code = reply.status == UnaryClient::kUnavailable        ? Code::kUnavailable
                    : reply.status == UnaryClient::kDeadlineExceeded ? Code::kDeadlineExceeded
                                                                     : Code::kFailedPrecondition;
  return base::error(code, "{} does not answer {}: {}", address, method, reply.words);
}

}  // namespace slipway::api::grpc
