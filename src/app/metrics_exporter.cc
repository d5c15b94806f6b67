#include "app/metrics_exporter.h"

#include <unistd.h>

#include <boost/algorithm/string/replace.hpp>

#include "base/check.h"
#include "base/log.h"
#include "store/postgres_url.h"

namespace slipway::app {

std::optional<MetricsExporter::Options> MetricsExporter::options_of(const Settings& settings) {
  if (settings.otlp_metrics_url.empty()) return std::nullopt;
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  Options options{.url = settings.otlp_metrics_url,
                  .headers = MUST(api::otlp::parse_attributes(settings.otlp_metrics_headers)),
                  .resource = {{"service.name", settings.otel_service_name},
                               {"service.version", SLIPWAY_VERSION},
                               {"service.instance.id", fmt::format("{}:{}", host, settings.port)}},
                  .interval = {settings.otlp_metrics_interval_ms * 1000},
                  .timeout = {settings.otlp_metrics_timeout_ms * 1000}};
  // What somebody says of this server goes before what it says itself.
  for (const auto& [key, value] : api::otlp::pick_attributes(settings.otel_resource_attributes)) {
    std::erase_if(options.resource, [&](const auto& known) { return known.first == key; });
    options.resource.emplace_back(key, value);
  }
  return options;
}

MetricsExporter::MetricsExporter(base::Metrics& metrics, const base::Clock& clock, Options options)
    : metrics_(metrics),
      clock_(clock),
      options_(std::move(options)),
      shown_url_(store::without_password(options_.url)),
      since_(clock.now()),
      sent_(metrics.counter("slipway_otlp_exports_total", "Metrics sent to the collector.")),
      failures_(metrics.counter("slipway_otlp_export_failures_total",
                                "Tries to send metrics that the collector didn't take.")),
      client_({.base_url = options_.url,
               .connect_timeout_ms = static_cast<long>(options_.timeout.micros / 1000),
               .timeout_ms = static_cast<long>(options_.timeout.micros / 1000),
               .reply_bytes_max = 4096}) {}

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

Result<void> MetricsExporter::send() {
  base::HttpClient::Headers headers = {{"Content-Type", "application/x-protobuf"}};
  headers.insert(headers.end(), options_.headers.begin(), options_.headers.end());
  const auto reply = client_.send(
      "POST", "",
      api::otlp::metrics_request(metrics_.read(), options_.resource, {since_, clock_.now()}),
      headers);
  const bool is_taken = reply && reply->status < 300;
  (is_taken ? sent_ : failures_).add();
  if (!reply) return reply.error();
  if (!is_taken) {
    return base::error(Code::kUnavailable, "the collector answered {}: {}", reply->status,
                       reply->body.substr(0, 200));
  }
  return {};
}

void MetricsExporter::run() {
  bool was_fine = true;
  for (;;) {
    bool is_last = false;
    {
      const base::MutexLock lock(mutex_);
      if (!stopping_) wake_.wait_for_ms(mutex_, static_cast<long>(options_.interval.micros / 1000));
      is_last = stopping_;
    }
    if (is_last && !was_fine) return;  // nobody answers: the server's end doesn't wait for it
    const Result<void> sent = send();
    if (!sent && was_fine) {
      std::string why = sent.error().message;
      boost::replace_all(why, options_.url, shown_url_);
      base::log_warning("otlp", "metrics are not taken: url={} why={}", shown_url_, why);
    }
    if (sent && !was_fine) base::log_info("otlp", "metrics are taken again: url={}", shown_url_);
    was_fine = sent.has_value();
    if (is_last) return;
  }
}

}  // namespace slipway::app
