#include "api/otlp/metrics_request.h"

#include <algorithm>

#include "api/otlp/otlp.pb.h"
#include "base/http_client.h"
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

}  // namespace

Result<Attributes> parse_attributes(std::string_view text) {
  Attributes attributes;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = base::trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      // What was given may be a secret.
      return base::error(Code::kInvalidArgument,
                         "expected KEY=VALUE,KEY=VALUE: pair {} has no key and value",
                         attributes.size() + 1);
    }
    attributes.emplace_back(base::trimmed(pair.substr(0, equals)),
                            TRY(base::percent_decode(base::trimmed(pair.substr(equals + 1)))));
  }
  return attributes;
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

}  // namespace slipway::api::otlp
