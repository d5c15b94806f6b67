// Calls to somebody else's gRPC server, bytes in and out.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::api::grpc {

// Keeps its connection, and makes it anew when it broke. Safe to use from several threads. Proxies
// as gRPC's environment says.
class UnaryClient {
 public:
  struct Options {
    std::string address;  // "host:port"
    bool tls = false;
    std::string ca_pem;                    // certificates that are trusted; empty: the system's
    std::string certificate_pem, key_pem;  // who we are over TLS, when not empty
    bool gzip = false;                     // what is sent
    using Headers = std::vector<std::pair<std::string, std::string>>;
    Headers headers;  // of every call, names in any case
  };
  // kInvalidArgument: a header that gRPC can't send, by its name.
  static Result<UnaryClient> open(Options options);
  ~UnaryClient();
  UnaryClient(UnaryClient&&) noexcept;

  // Of gRPC's statuses those that somebody tells apart.
  enum Status {
    kOk = 0,
    kCancelled = 1,
    kDeadlineExceeded = 4,
    kResourceExhausted = 8,
    kAborted = 10,
    kOutOfRange = 11,
    kUnavailable = 14,
    kDataLoss = 15
  };
  struct Reply {
    int status = kOk;
    std::string body;     // when it is OK
    std::string words;    // else
    std::string details;  // a google.rpc.Status, or nothing
  };
  // `method`: "/package.Service/Method". Always a reply: that nobody answers is a status, too.
  Reply call(const std::string& method, const std::string& request, int timeout_ms);

 private:
  struct State;
  explicit UnaryClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One call without TLS. kUnavailable: nobody answers there; kDeadlineExceeded; any other status as
// kFailedPrecondition with its words.
Result<std::string> call_unary(const std::string& address, const std::string& method,
                               const std::string& request, int timeout_ms);

}  // namespace slipway::api::grpc
