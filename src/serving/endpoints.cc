#include "serving/endpoints.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>

#include "base/hash.h"

namespace slipway::serving {
namespace {

// An atomic id source: unique in this process; the random part makes it unique beyond.
std::string make_id(base::Random& random) {
  static const std::string prefix = random.hex(6);
  static std::atomic<std::uint64_t> next{0};
  return fmt::format("{}-{:x}", prefix, next.fetch_add(1, std::memory_order_relaxed));
}

Result<void> take_sent(const Cell& cell, const LoggedFeature& feature, FeatureValue& value) {
  if (const auto* number = std::get_if<double>(&cell)) {
    if (feature.is_text) {
      return base::error(Code::kInvalidArgument, "feature {} must be a text: got={}", feature.name,
                         *number);
    }
    value = *number;
  } else if (const auto* text = std::get_if<std::string_view>(&cell)) {
    if (!feature.is_text) {
      return base::error(Code::kInvalidArgument, "feature {} must be a number: got=\"{}\"",
                         feature.name, *text);
    }
    value = std::string(*text);
  } else {
    value = std::monostate();
  }
  return {};
}

// What a request needs on the way and the next one uses again. One per thread.
struct Scratch {
  static constexpr std::size_t kFeaturesKept = 100'000;

  std::vector<int> sent;               // by schema column: position in the batch, or -1
  std::vector<FeatureValue> features;  // row after row
  std::vector<std::string> row_ids;
  std::vector<float> input, shadow_out;
  std::vector<LogRow> logged;

  void reset(std::size_t rows, std::size_t columns) {
    if (features.size() > kFeaturesKept) *this = {};
    sent.assign(columns, -1);
    features.resize(rows * columns);
    row_ids.resize(rows);
    logged.clear();
  }
};

double micros_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

int slot_of(std::string_view salt, std::string_view key) {
  fmt::basic_memory_buffer<char, 256> text;
  text.append(salt);
  text.push_back('\x1f');
  text.append(key);
  return static_cast<int>(base::hash64({text.data(), text.size()}) % kSlots);
}

Result<std::shared_ptr<const Model>> Endpoints::load(const std::string& uri) {
  {
    base::MutexLock lock(mutex_);
    if (const auto found = loaded_.find(uri); found != loaded_.end()) return found->second;
  }
  const auto path = TRY(models_.locate(uri));
  Result<std::shared_ptr<const Model>> model = Model::load(path);
  if (!model) return std::move(model).error().with_context("model " + uri);
  base::MutexLock lock(mutex_);
  return loaded_.emplace(uri, *model).first->second;
}

Result<std::shared_ptr<const Endpoints::Serving>> Endpoints::build(const EndpointSpec& spec) {
  auto serving = std::make_shared<Serving>();
  serving->spec = spec;
  auto schema = std::make_shared<LogSchema>();
  for (const VariantSpec& variant : spec.variants) {
    std::shared_ptr<const Model> model = TRY(load(variant.uri));
    Variant built{.spec = variant, .model = std::move(model)};
    for (std::size_t f = 0; f < built.model->features().size(); ++f) {
      const std::string& name = built.model->features()[f];
      auto at = std::find_if(schema->begin(), schema->end(),
                             [&](const LoggedFeature& known) { return known.name == name; });
      if (at == schema->end()) {
        at = schema->insert(schema->end(), {name, built.model->is_category(f)});
      } else if (at->is_text != built.model->is_category(f)) {
        return base::error(Code::kInvalidArgument,
                           "a feature is a number in one variant and a category in another: "
                           "feature={} model={}",
                           name, variant.uri);
      }
      built.log_columns.push_back(static_cast<int>(at - schema->begin()));
    }
    serving->variants.push_back(std::move(built));
  }
  static const std::set<std::string, std::less<>> reserved = {
      "request_id", "endpoint",   "revision",     "variant",    "role",  "model_version",
      "event_time", "latency_us", "arrival_time", "prediction", "error", "traffic"};
  for (const LoggedFeature& feature : *schema) {
    if (reserved.contains(feature.name)) {
      return base::error(Code::kInvalidArgument,
                         "a feature may not be named like a column of the request log: feature={}",
                         feature.name);
    }
  }
  serving->lookup_positions.assign(schema->size(), -1);
  if (!spec.features.empty()) {
    FeatureLookup::Shape shape = TRY(features_.shape(spec.features));
    serving->lookup_request = std::move(shape.request);
    for (std::size_t i = 0; i < schema->size(); ++i) {
      const auto& outputs = shape.outputs;
      const auto at = std::find(outputs.begin(), outputs.end(), (*schema)[i].name);
      if (at == outputs.end()) continue;
      const auto position = static_cast<std::size_t>(at - outputs.begin());
      if (shape.is_text[position] != (*schema)[i].is_text) {
        return base::error(
            Code::kInvalidArgument,
            "the model and the feature service disagree about a feature's type: feature={} "
            "service={}",
            (*schema)[i].name, spec.features);
      }
      serving->lookup_positions[i] = static_cast<int>(serving->wanted.size());
      serving->wanted.push_back((*schema)[i].name);
    }
  }
  serving->schema = std::move(schema);
  const base::Metrics::Labels labels{{"endpoint", spec.endpoint}};
  serving->requests =
      &metrics_.counter("slipway_endpoint_requests_total", "Requests by endpoint.", labels);
  serving->errors = &metrics_.counter("slipway_endpoint_errors_total",
                                      "Requests that were answered with an error.", labels);
  serving->latency = &metrics_.histogram("slipway_endpoint_seconds",
                                         "Time to look up features and score.", labels);
  return std::shared_ptr<const Serving>(std::move(serving));
}

Result<void> Endpoints::prepare(const EndpointSpec& spec) {
  const auto serving = TRY(build(spec));
  // Warm: the first real request should not be the one that faults the pages in.
  for (const Variant& variant : serving->variants) {
    const std::vector<float> row(variant.model->features().size(),
                                 std::numeric_limits<float>::quiet_NaN());
    std::vector<float> out(variant.model->ensemble().output_count());
    variant.model->ensemble().predict(row, out);
  }
  return {};
}

void Endpoints::activate(const EndpointSpec& spec, const EndpointSpec* keep) {
  Result<std::shared_ptr<const Serving>> serving = build(spec);
  CHECK(serving.has_value());  // prepared: its models are loaded
  base::MutexLock lock(mutex_);
  auto table = std::make_shared<Table>(*table_.load());
  (*table)[spec.endpoint] = *serving;
  table_.store(std::move(table));
  std::vector<std::string>& uris = uris_in_use_[spec.endpoint];
  uris.clear();
  for (const VariantSpec& variant : spec.variants) uris.push_back(variant.uri);
  if (keep != nullptr) {
    for (const VariantSpec& variant : keep->variants) uris.push_back(variant.uri);
  }
  std::set<std::string> used;
  for (const auto& [endpoint, in_use] : uris_in_use_) used.insert(in_use.begin(), in_use.end());
  std::erase_if(loaded_, [&](const auto& entry) {
    // A model that is loaded and not used was perhaps just prepared by another change; those are
    // few, and the next activation lets them go.
    return !used.contains(entry.first) && entry.second.use_count() == 1;
  });
}

std::shared_ptr<const Endpoints::Serving> Endpoints::find(std::string_view endpoint) const {
  const auto table = table_.load();
  const auto found = table->find(endpoint);
  return found == table->end() ? nullptr : found->second;
}

std::vector<LoggedFeature> Endpoints::looked_up(std::string_view endpoint) const {
  std::vector<LoggedFeature> features;
  const auto serving = find(endpoint);
  if (serving == nullptr) return features;
  for (std::size_t i = 0; i < serving->schema->size(); ++i) {
    if (serving->lookup_positions[i] >= 0) features.push_back((*serving->schema)[i]);
  }
  return features;
}

std::vector<std::string> Endpoints::names() const {
  std::vector<std::string> names;
  for (const auto& [name, serving] : *table_.load()) names.push_back(name);
  return names;
}

Result<EndpointShape> Endpoints::shape(std::string_view endpoint) const {
  const auto serving = find(endpoint);
  if (serving == nullptr)
    return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
  EndpointShape shape{.endpoint = serving->spec.endpoint,
                      .output = serving->spec.output,
                      .features = serving->spec.features,
                      .revision = serving->spec.revision};
  for (const Variant& variant : serving->variants) {
    if (variant.spec.is_shadow) continue;
    shape.versions.push_back(variant.spec.model_version);
    shape.outputs_per_row = variant.model->ensemble().output_count();
  }
  for (const LoggedFeature& feature : *serving->schema)
    shape.inputs.push_back({feature.name, feature.is_text});
  return shape;
}

Result<void> Endpoints::row_features(const Serving& serving, const PredictRequest& request,
                                     std::span<const int> sent, std::size_t row,
                                     base::Timestamp as_of, std::span<FeatureValue> values) const {
  const Batch& batch = request.batch;
  const LogSchema& schema = *serving.schema;
  bool needs_lookup = false;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (sent[i] >= 0) {
      TRY(take_sent(batch.cell(static_cast<std::size_t>(sent[i]), row), schema[i], values[i]));
    } else {
      needs_lookup = true;
    }
  }
  if (!needs_lookup) return {};
  std::vector<Cell> cells(batch.names.size());
  for (std::size_t c = 0; c < cells.size(); ++c) cells[c] = batch.cell(c, row);
  std::vector<FeatureValue> found =
      TRY(features_.look_up(serving.spec.features, serving.wanted, batch.names, cells, as_of));
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (sent[i] >= 0) continue;
    values[i] = std::move(found[static_cast<std::size_t>(serving.lookup_positions[i])]);
    if (std::holds_alternative<std::string>(values[i]) && !schema[i].is_text) {
      return base::error(Code::kFailedPrecondition,
                         "the feature service gives a text where the model reads a number: "
                         "feature={} service={}",
                         schema[i].name, serving.spec.features);
    }
  }
  return {};
}

Result<Prediction> Endpoints::predict(const PredictRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const auto serving = find(request.endpoint);
  if (serving == nullptr) {
    return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", request.endpoint);
  }
  serving->requests->add();
  const auto fail = [&](Error error) {
    serving->errors->add();
    return error;
  };
  const LogSchema& schema = *serving->schema;
  const Batch& batch = request.batch;
  if (batch.rows == 0) return fail(base::error(Code::kInvalidArgument, "the request has no rows"));

  thread_local Scratch scratch;
  scratch.reset(batch.rows, schema.size());
  std::vector<int>& sent = scratch.sent;
  bool needs_lookup = false;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (const auto column = batch.find(schema[i].name, i)) {
      sent[i] = static_cast<int>(*column);
    } else if (serving->lookup_positions[i] >= 0) {
      needs_lookup = true;
    } else {
      return fail(base::error(Code::kInvalidArgument,
                              "input {} is missing: it is a feature of the model and no feature "
                              "service provides it",
                              schema[i].name));
    }
  }
  if (needs_lookup) {
    for (const std::string& name : serving->lookup_request) {
      if (!batch.find(name)) {
        return fail(base::error(
            Code::kInvalidArgument,
            "input {} is missing: the feature service {} asks for it (null says it is unknown)",
            name, serving->spec.features));
      }
    }
  }

  Prediction answer{.id = request.id.empty() ? make_id(random_) : std::string(request.id),
                    .output = serving->spec.output,
                    .revision = serving->spec.revision};
  const std::string_view key = request.route_key.empty() ? answer.id : request.route_key;
  const int slot = slot_of(serving->spec.salt, key);
  const Variant* chosen = nullptr;
  for (const Variant& variant : serving->variants) {
    if (request.version) {
      if (chosen == nullptr && variant.spec.model_version == *request.version) chosen = &variant;
      continue;
    }
    if (variant.spec.is_shadow) continue;
    for (const SlotRange& range : variant.spec.slots) {
      if (slot >= range.from && slot < range.to) chosen = &variant;
    }
  }
  if (chosen == nullptr && request.version) {
    return fail(base::error(Code::kNotFound,
                            "the endpoint has no variant with this version: endpoint={} version={}",
                            request.endpoint, *request.version));
  }
  if (chosen == nullptr) {
    return fail(base::error(Code::kInternal, "no variant answers slot {}: endpoint={}", slot,
                            request.endpoint));
  }
  answer.variant = chosen->spec.name;
  answer.model_version = chosen->spec.model_version;
  answer.outputs_per_row = chosen->model->ensemble().output_count();
  answer.values.resize(batch.rows * answer.outputs_per_row);

  const base::Timestamp event_time = request.event_time.value_or(event_clock_.now());
  const base::Timestamp arrival_time = wall_clock_.now();
  std::vector<float>& input = scratch.input;
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const std::span<FeatureValue> features =
        std::span(scratch.features).subspan(row * schema.size(), schema.size());
    if (Result<void> filled = row_features(*serving, request, sent, row, event_time, features);
        !filled) {
      return fail(batch.rows > 1
                      ? std::move(filled).error().with_context(fmt::format("row {}", row))
                      : std::move(filled).error());
    }
    if (batch.rows > 1) scratch.row_ids[row] = fmt::format("{}/{}", answer.id, row);
    const double prepared_us = micros_since(start);
    for (const Variant& variant : serving->variants) {
      if (&variant != chosen && !variant.spec.is_shadow) continue;
      const auto scoring = std::chrono::steady_clock::now();
      const Model& model = *variant.model;
      input.resize(model.features().size());
      for (std::size_t f = 0; f < input.size(); ++f) {
        const FeatureValue& value = features[static_cast<std::size_t>(variant.log_columns[f])];
        if (const auto* number = std::get_if<double>(&value)) {
          input[f] = static_cast<float>(*number);
        } else if (const auto* text = std::get_if<std::string>(&value)) {
          input[f] = *model.encode(f, *text);  // the schema says that it is a category
        } else {
          input[f] = std::numeric_limits<float>::quiet_NaN();
        }
      }
      scratch.shadow_out.resize(model.ensemble().output_count());
      const std::span<float> out =
          &variant == chosen ? std::span(answer.values)
                                   .subspan(row * answer.outputs_per_row, answer.outputs_per_row)
                             : std::span(scratch.shadow_out);
      model.ensemble().predict(input, out);
      scratch.logged.push_back(
          {.request_id = batch.rows == 1 ? answer.id : scratch.row_ids[row],
           .variant = variant.spec.name,
           .role = variant.spec.is_shadow ? "shadow" : "live",
           .traffic = request.traffic,
           .revision = answer.revision,
           .model_version = variant.spec.model_version,
           .latency_us = static_cast<std::int64_t>(prepared_us + micros_since(scoring)),
           .event_time = event_time,
           .arrival_time = arrival_time,
           .prediction = out.size() == 1 ? out[0] : std::nan(""),
           .features = features});
    }
  }
  const bool taken = log_.append(serving->spec.endpoint, serving->schema, scratch.logged);
  if (serving->spec.durable_log) {
    if (!taken) {
      return fail(base::error(Code::kUnavailable,
                              "the request log is full and this endpoint answers nothing unlogged: "
                              "endpoint={}",
                              request.endpoint));
    }
    if (Result<void> flushed = log_.flush(); !flushed) return fail(std::move(flushed).error());
  }
  serving->latency->observe(micros_since(start) * 1e-6);
  return answer;
}

}  // namespace slipway::serving
