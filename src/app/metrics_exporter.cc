#include "app/metrics_exporter.h"

#include <unistd.h>

#include <boost/algorithm/string/replace.hpp>

#include "base/check.h"
#include "base/log.h"
#include "store/postgres_url.h"

namespace slipway::app {

Result<std::optional<MetricsExporter::Options>> MetricsExporter::options_of(
    const Settings& settings) {
  using Protocol = OtlpCollector::Options::Protocol;
  const bool is_grpc = settings.otlp_metrics_protocol == "grpc";
  std::string url = settings.otlp_metrics_url;
  if (url.empty() && !settings.otlp_url.empty()) {
    url = settings.otlp_url;
    if (!is_grpc) url += url.ends_with("/") ? "v1/metrics" : "/v1/metrics";
  }
  // "none", "prometheus" or "otlp,console".
  const std::string exporters = "," + settings.otel_metrics_exporter + ",";
  const bool is_wanted =
      !settings.otel_sdk_disabled && exporters.find(",otlp,") != std::string::npos;
  if (url.empty() || !is_wanted) return std::optional<Options>();
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  Options options{
      .collector = {.url = std::move(url),
                    .protocol = is_grpc ? Protocol::kGrpc : Protocol::kHttp,
                    .insecure = settings.otlp_metrics_insecure,
                    .gzip = settings.otlp_metrics_compression == "gzip",
                    .headers = TRY(api::otlp::parse_attributes(settings.otlp_metrics_headers)),
                    .ca_file = settings.otlp_metrics_ca_file,
                    .certificate_file = settings.otlp_metrics_client_certificate_file,
                    .key_file = settings.otlp_metrics_client_key_file,
                    .timeout = {settings.otlp_metrics_timeout_ms * 1000}},
      .resource = {{"service.name", "slipway"},
                   {"service.version", SLIPWAY_VERSION},
                   {"service.instance.id", fmt::format("{}:{}", host, settings.port)}},
      .interval = {settings.otlp_metrics_interval_ms * 1000}};
  // What somebody says of this server goes before what it says itself, the name alone first.
  api::otlp::Attributes said = api::otlp::pick_attributes(settings.otel_resource_attributes);
  if (!settings.otel_service_name.empty())
    said.emplace_back("service.name", settings.otel_service_name);
  for (auto& [key, value] : said) {
    std::erase_if(options.resource, [&](const auto& known) { return known.first == key; });
    options.resource.emplace_back(key, std::move(value));
  }
  return std::optional(std::move(options));
}

MetricsExporter::MetricsExporter(base::Metrics& metrics, const base::Clock& clock, Options options,
                                 std::unique_ptr<OtlpCollector> collector)
    : metrics_(metrics),
      clock_(clock),
      options_(std::move(options)),
      shown_url_(store::without_password(options_.collector.url)),
      since_(clock.now()),
      sent_(metrics.counter("slipway_otlp_exports_total", "Metrics sent to the collector.")),
      failures_(metrics.counter("slipway_otlp_export_failures_total",
                                "Tries to send metrics that the collector didn't take.")),
      rejected_(metrics.counter("slipway_otlp_rejected_points_total",
                                "Data points that the collector left out of what it took.")),
      collector_(std::move(collector)) {}

MetricsExporter::~MetricsExporter() { stop(); }

void MetricsExporter::start() {
  thread_ = std::thread([this] { run(); });
}

void MetricsExporter::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

OtlpCollector::Answer MetricsExporter::send() {
  const OtlpCollector::Answer answer = collector_->send_metrics(
      api::otlp::metrics_request(metrics_.read(), options_.resource, {since_, clock_.now()}));
  (answer.refusal ? failures_ : sent_).add();
  rejected_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, answer.partial.rejected)));
  return answer;
}

void MetricsExporter::run() {
  int refusals = 0;
  base::SystemRandom random;
  std::string told;  // that points were left out
  base::Duration wait = options_.interval;
  for (;;) {
    bool is_last = false;
    {
      const base::MutexLock lock(mutex_);
      if (!stopping_) wake_.wait_for_ms(mutex_, static_cast<long>(wait.micros / 1000));
      is_last = stopping_;
    }
    if (is_last && refusals > 0) return;  // nobody answers: the server's end doesn't wait for it
    const OtlpCollector::Answer answer = send();
    if (answer.refusal && refusals == 0) {
      std::string why = answer.refusal->message;
      boost::replace_all(why, options_.collector.url, shown_url_);
      base::log_warning("otlp", "metrics are not taken: url={} why={}", shown_url_, why);
    }
    if (!answer.refusal && refusals > 0)
      base::log_info("otlp", "metrics are taken again: url={}", shown_url_);
    if (!answer.partial.words.empty() && answer.partial.words != told) {
      told = answer.partial.words;
      base::log_warning("otlp", "the collector took metrics, but: rejected={} words={}",
                        answer.partial.rejected, told.substr(0, 200));
    }
    refusals = answer.refusal ? refusals + 1 : 0;
    wait = next_try(answer, refusals, options_.interval, draw_jitter(random));
    if (is_last) return;
  }
}

}  // namespace slipway::app
