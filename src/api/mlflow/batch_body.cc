#include "api/mlflow/batch_body.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/json_document.h"

namespace slipway::api::mlflow {
namespace {

using base::JsonDocument;
using base::JsonValue;
using Kind = base::JsonNode::Kind;

constexpr double kWholeMax = 9'007'199'254'740'992;  // 2^53: whole numbers below are exact

// Each takes one value; false: it is unusual.
bool take(JsonValue value, std::string& text) {
  if (!value.is_text()) return false;
  text = value.text();
  return true;
}

bool take(JsonValue value, std::int64_t& whole) {
  if (value.kind() == Kind::kNumber) {
    if (!value.is_whole() || std::abs(value.number()) >= kWholeMax) return false;
    whole = static_cast<std::int64_t>(value.number());
    return true;
  }
  if (!value.is_text()) return false;
  const std::string_view text = value.text();
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), whole);
  return ec == std::errc() && end == text.data() + text.size();
}

bool take(JsonValue value, double& number) {
  if (value.kind() == Kind::kNumber) {
    number = value.number();
    return true;
  }
  if (!value.is_text()) return false;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (value.text() == "NaN") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else if (value.text() == "Infinity") {
    number = kInfinity;
  } else if (value.text() == "-Infinity") {
    number = -kInfinity;
  } else {
    return false;
  }
  return true;
}

// The members of a metric; those of log-metric also name the run.
class MetricMembers {
 public:
  explicit MetricMembers(tracking::Metric& metric) : metric_(metric) {}

  // False when the value is unusual. Members of other names are ignored.
  bool take_member(std::string_view name, JsonValue value) {
    if (name == "key") return take(value, metric_.key);
    if (name == "value") return has_value_ = take(value, metric_.value);
    if (name == "timestamp") return has_timestamp_ = take(value, metric_.timestamp_ms);
    if (name == "step") return take(value, metric_.step);
    if (name == "model_id") return take(value, metric_.model_id);
    if (name == "dataset_name") return take(value, metric_.dataset_name);
    if (name == "dataset_digest") return take(value, metric_.dataset_digest);
    return true;
  }
  bool complete() const { return !metric_.key.empty() && has_value_ && has_timestamp_; }

 private:
  tracking::Metric& metric_;
  bool has_value_ = false, has_timestamp_ = false;
};

bool read_metrics(JsonValue list, std::vector<tracking::Metric>& metrics) {
  if (!list.is_array()) return false;
  metrics.clear();
  metrics.reserve(list.size());
  for (const JsonValue item : list.values()) {
    if (!item.is_object()) return false;
    MetricMembers members(metrics.emplace_back());
    for (const auto& [name, value] : item.members()) {
      if (!members.take_member(name, value)) return false;
    }
    if (!members.complete()) return false;
  }
  return true;
}

bool read_pairs(JsonValue list, std::vector<tracking::KeyValue>& pairs) {
  if (!list.is_array()) return false;
  pairs.clear();
  for (const JsonValue item : list.values()) {
    if (!item.is_object()) return false;
    tracking::KeyValue& pair = pairs.emplace_back();
    bool has_key = false, has_value = false;
    for (const auto& [name, value] : item.members()) {
      if (name == "key") {
        has_key = take(value, pair.key);
        if (!has_key) return false;
      } else if (name == "value") {
        has_value = take(value, pair.value);
        if (!has_value) return false;
      }
    }
    if (!has_key || !has_value) return false;
  }
  return true;
}

// Gives every member of the body to `take_member`.
template <typename TakeMember>
bool read_members(std::string_view body, TakeMember take_member) {
  thread_local JsonDocument document;
  const Result<JsonValue> top = document.parse(body);
  if (!top || !top->is_object()) return false;
  for (const auto& [name, value] : top->members()) {
    if (!take_member(name, value)) return false;
  }
  return true;
}

}  // namespace

std::optional<BatchBody> read_batch_body(std::string_view body) {
  BatchBody batch;
  const bool usual = read_members(body, [&](std::string_view name, JsonValue value) {
    if (name == "run_id") return take(value, batch.run_id);
    if (name == "run_uuid") return false;
    if (name == "metrics") return read_metrics(value, batch.metrics);
    if (name == "params") return read_pairs(value, batch.params);
    if (name == "tags") return read_pairs(value, batch.tags);
    return true;
  });
  if (!usual || batch.run_id.empty()) return std::nullopt;
  return batch;
}

std::optional<BatchBody> read_metric_body(std::string_view body) {
  BatchBody batch;
  MetricMembers members(batch.metrics.emplace_back());
  // Clients send run_uuid beside run_id, with the same value.
  std::string old_name;
  const bool usual = read_members(body, [&](std::string_view name, JsonValue value) {
    if (name == "run_id") return take(value, batch.run_id);
    if (name == "run_uuid") return take(value, old_name);
    return members.take_member(name, value);
  });
  if (!usual || !members.complete() || batch.run_id.empty()) return std::nullopt;
  return batch;
}

}  // namespace slipway::api::mlflow
