#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>

#include "base/hash.h"
#include "tracking/import.h"
#include "tracking/limits.h"

namespace slipway::tracking {
namespace {

// Half a SHA-256 is plenty to tell two contents apart.
constexpr std::size_t kDigestLength = 32;

// Hashes fields with their lengths, so that "ab","c" and "a","bc" differ.
class FieldHash {
 public:
  FieldHash& add(std::string_view field) {
    const std::uint64_t length = field.size();
    char bytes[8];
    std::memcpy(bytes, &length, 8);
    hash_.update({bytes, 8}).update(field);
    return *this;
  }
  FieldHash& add(std::int64_t number) { return add(std::to_string(number)); }
  std::string finish() { return hash_.finish_hex().substr(0, kDigestLength); }

 private:
  base::Sha256 hash_;
};

template <typename Pair>
std::string pairs_digest(std::vector<Pair> pairs) {
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.key < b.key; });
  FieldHash hash;
  for (const Pair& pair : pairs) hash.add(pair.key).add(pair.value);
  return hash.finish();
}

std::string inputs_digest(const Run& run) {
  std::vector<std::string> lines;
  for (const DatasetInput& d : run.datasets) {
    FieldHash hash;
    hash.add(d.name).add(d.digest).add(d.source_type).add(d.source).add(d.schema).add(d.profile);
    lines.push_back(hash.add(pairs_digest(d.tags)).finish());
  }
  for (const std::string& model : run.model_inputs) lines.push_back("in " + model);
  for (const ModelOutput& output : run.model_outputs)
    lines.push_back(fmt::format("out {} {}", output.model_id, output.step));
  std::sort(lines.begin(), lines.end());
  FieldHash hash;
  for (const std::string& line : lines) hash.add(line);
  return hash.finish();
}

auto history_order(const Metric& m) {
  return std::tuple(m.timestamp_ms, m.step, std::isnan(m.value), std::isnan(m.value) ? 0 : m.value);
}

// By timestamp, step, value; identical points once.
void sort_series(std::vector<Metric>& points) {
  std::stable_sort(points.begin(), points.end(), [](const Metric& a, const Metric& b) {
    return history_order(a) < history_order(b);
  });
  points.erase(std::unique(points.begin(), points.end(),
                           [](const Metric& a, const Metric& b) {
                             return history_order(a) == history_order(b);
                           }),
               points.end());
}

// Points of all keys in one order; gives how many are left when equal ones count once.
std::int64_t hash_points(std::vector<Metric>& points, FieldHash& hash) {
  for (Metric& point : points) {
    point.value = std::isnan(point.value) ? std::nan("") : storable(point.value);
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const Metric& a, const Metric& b) { return a.key < b.key; });
  std::int64_t count = 0;
  for (auto from = points.begin(); from != points.end();) {
    const auto to =
        std::find_if(from, points.end(), [&](const Metric& m) { return m.key != from->key; });
    std::vector<Metric> series(std::make_move_iterator(from), std::make_move_iterator(to));
    from = to;
    sort_series(series);
    std::string packed;
    packed.reserve(series.size() * kWirePointBytes);
    for (const Metric& point : series) append_wire_point(packed, point);
    hash.add(series.front().key).add(packed);
    count += static_cast<std::int64_t>(series.size());
  }
  return count;
}

}  // namespace

std::string RunContent::digest() const {
  FieldHash hash;
  hash.add(head_digest).add(points_digest).add(params_digest).add(tags_digest).add(inputs_digest);
  return hash.finish();
}

static_assert(std::endian::native == std::endian::little);

void append_wire_point(std::string& bytes, const Metric& point) {
  char packed[kWirePointBytes];
  std::memcpy(packed, &point.timestamp_ms, 8);
  std::memcpy(packed + 8, &point.step, 8);
  std::memcpy(packed + 16, &point.value, 8);
  bytes.append(packed, kWirePointBytes);
}

Result<std::vector<Metric>> read_wire_points(std::string_view bytes, const std::string& key) {
  if (bytes.size() % kWirePointBytes != 0)
    return base::error(Code::kInvalidArgument, "a series has a wrong length: key={} bytes={}", key,
                       bytes.size());
  std::vector<Metric> points(bytes.size() / kWirePointBytes);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const char* packed = bytes.data() + i * kWirePointBytes;
    points[i].key = key;
    std::memcpy(&points[i].timestamp_ms, packed, 8);
    std::memcpy(&points[i].step, packed + 8, 8);
    std::memcpy(&points[i].value, packed + 16, 8);
  }
  return points;
}

RunContent content_of(const Run& run, std::vector<Metric> points) {
  RunContent content;
  FieldHash head, hashed;
  head.add(run.experiment_id).add(run.name).add(run.user).add(status_name(run.status));
  head.add(run.start_ms).add(run.end_ms ? std::to_string(*run.end_ms) : "").add(run.artifact_uri);
  head.add(run.stage == Stage::kActive ? "active" : "deleted");
  content.head_digest = head.finish();
  content.points = hash_points(points, hashed);
  content.points_digest = hashed.finish();
  content.params = static_cast<std::int64_t>(run.params.size());
  content.params_digest = pairs_digest(run.params);
  content.tags = static_cast<std::int64_t>(run.tags.size());
  content.tags_digest = pairs_digest(run.tags);
  content.inputs = static_cast<std::int64_t>(run.datasets.size() + run.model_inputs.size() +
                                             run.model_outputs.size());
  content.inputs_digest = inputs_digest(run);
  return content;
}

std::string digest_of(const LoggedModel& model) {
  FieldHash hash;
  hash.add(model.experiment_id).add(model.name).add(model.model_type).add(model.source_run_id);
  hash.add(model.artifact_uri).add(model.status).add(model.status_message);
  hash.add(model.created.millis()).add(model.updated.millis());
  std::vector<std::string> metrics;
  for (const ModelMetric& logged : model.metrics) {
    const Metric& m = logged.metric;
    FieldHash one;
    std::string point;
    append_wire_point(point, {.value = std::isnan(m.value) ? std::nan("") : storable(m.value),
                              .timestamp_ms = m.timestamp_ms,
                              .step = m.step});
    one.add(m.key).add(point).add(logged.run_id).add(m.dataset_name).add(m.dataset_digest);
    metrics.push_back(one.finish());
  }
  std::sort(metrics.begin(), metrics.end());
  for (const std::string& metric : metrics) hash.add(metric);
  return hash.add(pairs_digest(model.params)).add(pairs_digest(model.tags)).finish();
}

}  // namespace slipway::tracking
