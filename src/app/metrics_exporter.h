// Sends Slipway's own metrics to a collector of OpenTelemetry, over HTTP (OTLP 1.x, protobuf).
#pragma once

#include <optional>
#include <string>
#include <thread>

#include "api/otlp/metrics_request.h"
#include "app/settings.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/metrics.h"
#include "base/mutex.h"

namespace slipway::app {

// What is counted is told in sums since the start: what one try didn't bring the next one brings,
// so nothing is kept for a collector that is away. Safe to use from several threads; what is given
// must outlive it.
class MetricsExporter {
 public:
  struct Options {
    std::string url;  // whole, with its path
    api::otlp::Attributes headers;
    api::otlp::Attributes resource;
    base::Duration interval = base::Duration::seconds(60);
    base::Duration timeout = base::Duration::seconds(10);  // of one try
  };
  // Nothing: the settings name no collector.
  static std::optional<Options> options_of(const Settings& settings);
  MetricsExporter(base::Metrics& metrics, const base::Clock& clock, Options options);
  ~MetricsExporter();  // stop()

  void start();  // a thread that sends once an interval
  void stop();   // after it has sent once more. Idempotent.

  // Sends what there is now.
  Result<void> send();

 private:
  void run();

  base::Metrics& metrics_;
  const base::Clock& clock_;
  const Options options_;
  const std::string shown_url_;  // without its password
  const base::Timestamp since_;
  base::Counter& sent_;
  base::Counter& failures_;
  base::HttpClient client_;  // of the thread, or of who calls send() without it
  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::app
