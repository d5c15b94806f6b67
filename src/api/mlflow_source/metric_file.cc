#include "api/mlflow_source/metric_file.h"

#include <charconv>

namespace slipway::api::mlflow_source {
namespace {

constexpr std::size_t kFieldsMax = 6;

template <typename Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

// One line's fields; more than kFieldsMax are counted and not kept.
struct Line {
  std::string_view fields[kFieldsMax];
  std::size_t count = 0;
};

Line split(std::string_view text) {
  Line line;
  for (;;) {
    const std::size_t space = text.find(' ');
    if (line.count < kFieldsMax) line.fields[line.count] = text.substr(0, space);
    ++line.count;
    if (space == std::string_view::npos || line.count > kFieldsMax) return line;
    text.remove_prefix(space + 1);
  }
}

// Calls `read` for every line that isn't empty; false means that it is none.
Result<void> each_line(std::string_view text, const std::string& key, std::string_view form,
                       const std::function<bool(const Line&)>& read) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || read(split(line))) continue;
    return base::error(Code::kInvalidArgument, "a metric's line must be: {}: metric={} line={}",
                       form, key, number);
  }
  return {};
}

}  // namespace

Result<std::vector<tracking::Metric>> parse_metric_file(std::string_view text,
                                                        const std::string& key) {
  std::vector<tracking::Metric> points;
  TRY(each_line(text, key, "timestamp value [step [dataset digest]]", [&](const Line& line) {
    tracking::Metric& point = points.emplace_back(tracking::Metric{.key = key});
    return (line.count == 2 || line.count == 3 || line.count == 5) &&
           read_number(line.fields[0], point.timestamp_ms) &&
           read_number(line.fields[1], point.value) &&
           (line.count == 2 || read_number(line.fields[2], point.step));
  }));
  return points;
}

Result<std::vector<tracking::ModelMetric>> parse_model_metric_file(std::string_view text,
                                                                   const std::string& key) {
  std::vector<tracking::ModelMetric> points;
  TRY(each_line(text, key, "timestamp value step run [dataset digest]", [&](const Line& line) {
    tracking::ModelMetric& point = points.emplace_back();
    point.metric.key = key;
    point.run_id = line.fields[3];
    point.metric.dataset_name = line.fields[4];
    point.metric.dataset_digest = line.fields[5];
    return (line.count == 4 || line.count == 6) &&
           read_number(line.fields[0], point.metric.timestamp_ms) &&
           read_number(line.fields[1], point.metric.value) &&
           read_number(line.fields[2], point.metric.step);
  }));
  return points;
}

}  // namespace slipway::api::mlflow_source
