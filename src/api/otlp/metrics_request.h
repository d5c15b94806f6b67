// Slipway's own metrics as OpenTelemetry's collectors take them: an ExportMetricsServiceRequest of
// OTLP 1.x, in protobuf. Counters and histograms are cumulative since the start of the process.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::api::otlp {

using Attributes = std::vector<std::pair<std::string, std::string>>;

// "key=value,key=value" with percent escapes in values, as the variables OTEL_RESOURCE_ATTRIBUTES
// and OTEL_EXPORTER_OTLP_HEADERS have it; a value that is no such text is taken as it stands.
// kInvalidArgument with the pair that is none.
Result<Attributes> parse_attributes(std::string_view text);
// The same where others may have written it for themselves: what is no pair is left out, with a
// warning.
Attributes pick_attributes(std::string_view text);

struct MetricsMoment {
  base::Timestamp since;  // counted from here on
  base::Timestamp now;
};
// Names are those of /metrics; the unit is what a name ends with: seconds "s", bytes "By".
std::string metrics_request(const std::vector<base::Metrics::Reading>& readings,
                            const Attributes& resource, const MetricsMoment& moment);

// What a collector says that took it: points that it left out, and why, or a warning. Nothing when
// it says nothing, or what makes no sense.
struct PartialSuccess {
  std::int64_t rejected = 0;
  std::string words;
};
PartialSuccess read_metrics_response(std::string_view bytes);

// Of a google.rpc.Status: how long a collector wants to be left alone, by its RetryInfo; and its
// message, empty when it has none or is no Status.
std::optional<base::Duration> read_retry_delay(std::string_view status);
std::string read_status_message(std::string_view status);

}  // namespace slipway::api::otlp
