#include "app/otlp_collector.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "api/grpc/unary_call.h"
#include "api/http/field_syntax.h"
#include "api/http/http_time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "store/file_system.h"

namespace slipway::app {
namespace {

using Answer = OtlpCollector::Answer;
using Client = api::grpc::UnaryClient;
using Options = OtlpCollector::Options;

std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  constexpr int kWindowAndGzip = 15 + 16;
  CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowAndGzip, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Its Status, as the protocol wants it, or what a proxy says instead.
std::string words_of(const base::HttpReply& reply) {
  return reply.header("content-type").starts_with("application/x-protobuf")
             ? api::otlp::read_status_message(reply.body)
             : reply.body;
}

class OverHttp final : public OtlpCollector {
 public:
  OverHttp(base::HttpClient::Options client, base::HttpClient::Headers headers, bool gzip)
      : client_(std::move(client)), headers_(std::move(headers)), gzip_(gzip) {}

  Answer send_metrics(const std::string& request) override {
    const auto reply = client_.send("POST", "", gzip_ ? gzipped(request) : request, headers_);
    if (!reply) return {.refusal = reply.error(), .may_pass = true};
    if (reply->status < 300) return {.partial = api::otlp::read_metrics_response(reply->body)};
    const int status = reply->status;
    // By the collector's own clock, if it tells the time.
    const base::Timestamp now =
        http::parse_http_time(reply->header("date")).value_or(base::SystemClock().now());
    return {.refusal = base::error(Code::kUnavailable, "the collector answered {}: {}", status,
                                   words_of(*reply).substr(0, 200)),
            .may_pass = status == 429 || status == 502 || status == 503 || status == 504,
            .not_before = retry_after(reply->header("retry-after"), now)};
  }

 private:
  base::HttpClient client_;
  const base::HttpClient::Headers headers_;
  const bool gzip_;
};

class OverGrpc final : public OtlpCollector {
 public:
  OverGrpc(Client client, base::Duration timeout) : client_(std::move(client)), timeout_(timeout) {}

  Answer send_metrics(const std::string& request) override {
    const auto reply =
        client_.call("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", request,
                     static_cast<int>(timeout_.micros / 1000));
    if (reply.status == Client::kOk)
      return {.partial = api::otlp::read_metrics_response(reply.body)};
    Answer answer{.refusal = base::error(Code::kUnavailable, "the collector answered {}: {}",
                                         reply.status, reply.words.substr(0, 200)),
                  .not_before = api::otlp::read_retry_delay(reply.details)};
    answer.may_pass = passes(reply.status, answer.not_before.has_value());
    return answer;
  }

 private:
  static bool passes(int status, bool says_when) {
    switch (status) {
      case Client::kCancelled:
      case Client::kDeadlineExceeded:
      case Client::kAborted:
      case Client::kOutOfRange:
      case Client::kUnavailable:
      case Client::kDataLoss:
        return true;
      case Client::kResourceExhausted:
        return says_when;
      default:
        return false;
    }
  }

  Client client_;
  const base::Duration timeout_;
};

Result<std::string> pem(const std::string& file) {
  return file.empty() ? Result<std::string>(std::string()) : store::read_file(file);
}

Result<std::unique_ptr<OtlpCollector>> over_grpc(const Options& options) {
  std::string_view address = options.url;
  bool tls = !options.insecure;
  for (const auto& [scheme, is_tls] : {std::pair("http://", false), std::pair("https://", true)}) {
    if (!address.starts_with(scheme)) continue;
    address.remove_prefix(std::string_view(scheme).size());
    tls = is_tls;
  }
  if (address.ends_with("/")) address.remove_suffix(1);
  // gRPC has no paths, nor passwords.
  if (address.empty() || address.find_first_of("/@ ") != std::string_view::npos) {
    return base::error(Code::kInvalidArgument,
                       "a collector over gRPC is http://HOST:PORT or, with TLS, https://HOST:PORT");
  }
  auto client = TRY(Client::open({.address = std::string(address),
                                  .tls = tls,
                                  .ca_pem = TRY(pem(options.ca_file)),
                                  .certificate_pem = TRY(pem(options.certificate_file)),
                                  .key_pem = TRY(pem(options.key_file)),
                                  .gzip = options.gzip,
                                  .headers = options.headers}));
  return std::unique_ptr<OtlpCollector>(
      std::make_unique<OverGrpc>(std::move(client), options.timeout));
}

}  // namespace

Result<std::unique_ptr<OtlpCollector>> OtlpCollector::open(const Options& options) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return base::error(Code::kInvalidArgument,
                       "a client's certificate and its key are only good together");
  }
  if (options.protocol == Options::Protocol::kGrpc) return over_grpc(options);
  base::HttpClient::Headers headers = {{"Content-Type", "application/x-protobuf"}};
  if (options.gzip) headers.emplace_back("Content-Encoding", "gzip");
  for (const auto& [name, value] : options.headers) {
    if (!http::is_token(name) || !http::is_field_value(value)) {
      return base::error(
          Code::kInvalidArgument,
          "HTTP can't send a header: its name is a word, its value one line: name={}", name);
    }
    headers.emplace_back(name, value);
  }
  const auto timeout_ms = static_cast<long>(options.timeout.micros / 1000);
  return std::unique_ptr<OtlpCollector>(std::make_unique<OverHttp>(
      base::HttpClient::Options{.base_url = options.url,
                                .connect_timeout_ms = timeout_ms,
                                .timeout_ms = timeout_ms,
                                .reply_bytes_max = 4096,
                                .ca_file = options.ca_file,
                                .certificate_pem = TRY(pem(options.certificate_file)),
                                .key_pem = TRY(pem(options.key_file))},
      std::move(headers), options.gzip));
}

std::optional<base::Duration> retry_after(std::string_view text, base::Timestamp now) {
  if (const auto time = http::parse_http_time(text))
    return base::Duration{std::max<std::int64_t>(0, (*time - now).micros)};
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return kAskedWaitMax;
  return base::Duration::seconds(seconds);
}

double draw_jitter(base::Random& random) { return 0.8 + 0.4 * random.uniform(); }

base::Duration next_try(const OtlpCollector::Answer& answer, int refusals, base::Duration interval,
                        double jitter) {
  base::Duration wait = interval;
  if (answer.may_pass) {
    const int doublings = std::clamp(refusals - 1, 0, 20);
    wait.micros = std::min(interval.micros, std::int64_t{500'000} << doublings);
    wait.micros = static_cast<std::int64_t>(static_cast<double>(wait.micros) * jitter);
  }
  if (answer.not_before) wait = std::max(wait, std::min(*answer.not_before, kAskedWaitMax));
  return wait;
}

}  // namespace slipway::app
