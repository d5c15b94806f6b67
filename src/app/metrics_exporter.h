// Sends Slipway's own metrics to a collector of OpenTelemetry (OTLP 1.x).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "api/otlp/metrics_request.h"
#include "app/otlp_collector.h"
#include "app/settings.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"

namespace slipway::app {

// What is counted is told in sums since the start: what one try didn't bring the next one brings,
// so nothing is kept for a collector that is away. Safe to use from several threads; what is given
// must outlive it.
class MetricsExporter {
 public:
  struct Options {
    OtlpCollector::Options collector;
    api::otlp::Attributes resource;
    base::Duration interval = base::Duration::seconds(60);
  };
  // Nothing: the settings name no collector. kInvalidArgument: what they say of it can't be.
  static Result<std::optional<Options>> options_of(const Settings& settings);
  MetricsExporter(base::Metrics& metrics, const base::Clock& clock, Options options,
                  std::unique_ptr<OtlpCollector> collector);
  ~MetricsExporter();  // stop()

  void start();  // a thread that sends once an interval
  void stop();   // after it has sent once more. Idempotent.

 private:
  // Sends what there is now.
  OtlpCollector::Answer send();
  void run();

  base::Metrics& metrics_;
  const base::Clock& clock_;
  const Options options_;
  const std::string shown_url_;  // without its password
  const base::Timestamp since_;
  base::Counter& sent_;
  base::Counter& failures_;
  base::Counter& rejected_;
  const std::unique_ptr<OtlpCollector> collector_;  // of the thread
  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::app
