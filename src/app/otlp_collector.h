// A collector of OpenTelemetry, over HTTP (protobuf) or gRPC.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/otlp/metrics_request.h"
#include "base/random.h"
#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::app {

// Used by one thread at a time.
class OtlpCollector {
 public:
  struct Options {
    std::string url;  // http://, https://, over gRPC also host:port
    enum class Protocol { kHttp, kGrpc };
    Protocol protocol = Protocol::kHttp;
    bool insecure = false;  // what a gRPC address without a scheme is
    bool gzip = false;
    api::otlp::Attributes headers;
    std::string ca_file, certificate_file, key_file;       // PEM; may be empty
    base::Duration timeout = base::Duration::seconds(10);  // of one try
  };
  // kInvalidArgument: an address or a header that can't be, a certificate without its key. What
  // reading the files says.
  static Result<std::unique_ptr<OtlpCollector>> open(const Options& options);
  virtual ~OtlpCollector() = default;

  struct Answer {
    std::optional<Error> refusal;
    // Of a refusal that the protocol says passes: 429, 502, 503, 504; CANCELLED,
    // DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS, and RESOURCE_EXHAUSTED with
    // a RetryInfo; nobody who answers.
    bool may_pass = false;
    std::optional<base::Duration> not_before;  // Retry-After or RetryInfo: from now on
    api::otlp::PartialSuccess partial;         // of what was taken
  };
  // An ExportMetricsServiceRequest.
  virtual Answer send_metrics(const std::string& request) = 0;
};

// What a Retry-After says (RFC 9110, 10.2.3), seconds or a time. Nothing: neither.
std::optional<base::Duration> retry_after(std::string_view text, base::Timestamp now);

// No collector is left alone for longer because it says so.
constexpr base::Duration kAskedWaitMax = base::Duration::seconds(300);

// From 0.8 to 1.2, so that servers which were refused together don't come back together.
double draw_jitter(base::Random& random);

// Until the next try: half a second after the first refusal that may pass, each time twice as long
// up to the interval, times `jitter`; not before the collector wants it. A pure function.
base::Duration next_try(const OtlpCollector::Answer& answer, int refusals, base::Duration interval,
                        double jitter);

}  // namespace slipway::app
