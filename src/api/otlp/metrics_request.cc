#include "api/otlp/metrics_request.h"

#include <algorithm>

#include "api/otlp/otlp.pb.h"
#include "base/http_client.h"
#include "base/json_document.h"
#include "base/log.h"
#include "base/text.h"

namespace slipway::api::otlp {
namespace {

using Reading = base::Metrics::Reading;

constexpr int kCumulative = 2;

std::string_view unit_of(std::string_view name) {
  if (name.ends_with("_total")) name.remove_suffix(std::string_view("_total").size());
  if (name.ends_with("_seconds")) return "s";
  if (name.ends_with("_bytes")) return "By";
  return "";
}

std::uint64_t nanoseconds(base::Timestamp time) {
  return static_cast<std::uint64_t>(time.micros) * 1000;
}

void add(google::protobuf::RepeatedPtrField<slipway::otlp::KeyValue>& attributes,
         const std::string& key, const std::string& value) {
  slipway::otlp::KeyValue& attribute = *attributes.Add();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
}

template <typename Point>
Point& add_point(google::protobuf::RepeatedPtrField<Point>& points,
                 const base::Metrics::Sample& sample, const MetricsMoment& moment) {
  Point& point = *points.Add();
  for (const auto& [key, value] : sample.labels) add(*point.mutable_attributes(), key, value);
  point.set_start_time_unix_nano(nanoseconds(moment.since));
  point.set_time_unix_nano(nanoseconds(moment.now));
  return point;
}

void fill(const Reading& reading, const MetricsMoment& moment, slipway::otlp::Metric& metric) {
  metric.set_name(reading.name);
  metric.set_description(reading.help);
  metric.set_unit(std::string(unit_of(reading.name)));
  for (const base::Metrics::Sample& sample : reading.samples) {
    switch (reading.type) {
      case Reading::Type::kCounter: {
        slipway::otlp::Sum& sum = *metric.mutable_sum();
        sum.set_aggregation_temporality(kCumulative);
        sum.set_is_monotonic(true);
        add_point(*sum.mutable_data_points(), sample, moment)
            .set_as_int(static_cast<std::int64_t>(sample.count));
        break;
      }
      case Reading::Type::kGauge:
        add_point(*metric.mutable_gauge()->mutable_data_points(), sample, moment)
            .set_as_double(sample.value);
        break;
      case Reading::Type::kHistogram: {
        slipway::otlp::Histogram& histogram = *metric.mutable_histogram();
        histogram.set_aggregation_temporality(kCumulative);
        auto& point = add_point(*histogram.mutable_data_points(), sample, moment);
        point.set_count(sample.count);
        point.set_sum(sample.value);
        for (const std::uint64_t bucket : sample.buckets) point.add_bucket_counts(bucket);
        for (const double bound : sample.bounds) point.add_explicit_bounds(bound);
        break;
      }
    }
  }
}

std::string unescaped(std::string_view text) {
  Result<std::string> decoded = base::percent_decode(text);
  return decoded && base::is_utf8(*decoded) ? std::move(*decoded) : std::string(text);
}

// Calls `odd` with the number of each pair that is none.
template <typename Odd>
Attributes split_attributes(std::string_view text, const Odd& odd) {
  Attributes attributes;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = base::trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      odd(number);
    } else {
      attributes.emplace_back(base::trimmed(pair.substr(0, equals)),
                              unescaped(base::trimmed(pair.substr(equals + 1))));
    }
  }
  return attributes;
}

}  // namespace

Result<Attributes> parse_attributes(std::string_view text) {
  std::optional<std::size_t> wrong;
  Attributes attributes =
      split_attributes(text, [&](std::size_t number) { wrong = wrong.value_or(number); });
  if (!wrong) return attributes;
  // What was given may be a secret.
  return base::error(Code::kInvalidArgument,
                     "expected KEY=VALUE,KEY=VALUE: pair {} has no key and value", *wrong);
}

Attributes pick_attributes(std::string_view text) {
  return split_attributes(text, [&](std::size_t number) {
    base::log_warning("otlp",
                      "pair {} of OTEL_RESOURCE_ATTRIBUTES has no key and value, and is left out",
                      number);
  });
}

std::string metrics_request(const std::vector<Reading>& readings, const Attributes& resource,
                            const MetricsMoment& moment) {
  slipway::otlp::ExportMetricsServiceRequest request;
  slipway::otlp::ResourceMetrics& all = *request.add_resource_metrics();
  for (const auto& [key, value] : resource)
    add(*all.mutable_resource()->mutable_attributes(), key, value);
  slipway::otlp::ScopeMetrics& scope = *all.add_scope_metrics();
  scope.mutable_scope()->set_name("slipway");
  for (const Reading& reading : readings) {
    if (!reading.samples.empty()) fill(reading, moment, *scope.add_metrics());
  }
  return request.SerializeAsString();
}

PartialSuccess read_metrics_response(std::string_view bytes) {
  slipway::otlp::ExportMetricsServiceResponse response;
  if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  const auto& partial = response.partial_success();
  return {partial.rejected_data_points(), partial.error_message()};
}

std::optional<base::Duration> read_retry_delay(std::string_view status) {
  slipway::otlp::RpcStatus parsed;
  if (!parsed.ParseFromArray(status.data(), static_cast<int>(status.size()))) return std::nullopt;
  for (const auto& detail : parsed.details()) {
    slipway::otlp::RetryInfo info;
    if (!detail.type_url().ends_with("/google.rpc.RetryInfo") ||
        !info.ParseFromString(detail.value()))
      continue;
    constexpr std::int64_t kDay = 86'400;
    const std::int64_t seconds = std::clamp<std::int64_t>(info.retry_delay().seconds(), 0, kDay);
    const std::int64_t nanos = std::clamp(info.retry_delay().nanos(), 0, 999'999'999);
    return base::Duration{seconds * 1'000'000 + nanos / 1000};
  }
  return std::nullopt;
}

std::string read_status_message(std::string_view status) {
  slipway::otlp::RpcStatus parsed;
  if (!parsed.ParseFromArray(status.data(), static_cast<int>(status.size()))) return {};
  return parsed.message();
}

}  // namespace slipway::api::otlp
