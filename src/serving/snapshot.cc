#include "serving/snapshot.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "serving/warm_up.h"

namespace slipway::serving {
namespace {

// A value in a body takes so many bytes, with what stands around it: less only in very short
// numbers.
constexpr std::size_t kValueBytesMin = 4;

// Adds what a variant reads to what its endpoint does.
Result<void> add_input(std::vector<InputSpec>& inputs, const InputSpec& input,
                       std::string_view model) {
  const std::size_t at = position_of(inputs, input.name);
  if (at == inputs.size()) {
    inputs.push_back(input);
    return {};
  }
  InputSpec& known = inputs[at];
  if (known.is_text() != input.is_text() || known.row_shape != input.row_shape ||
      (!input.is_column() && known.type != input.type)) {
    return base::error(Code::kInvalidArgument,
                       "two variants read one input as different types, such as a number and a "
                       "text: feature={} model={}",
                       input.name, model);
  }
  known.required = known.required || input.required;
  return {};
}

}  // namespace

std::size_t position_of(const std::vector<InputSpec>& inputs, std::string_view name) {
  const auto at = std::find_if(inputs.begin(), inputs.end(),
                               [&](const InputSpec& known) { return known.name == name; });
  return static_cast<std::size_t>(at - inputs.begin());
}

Result<const Variant*> choose_variant(const Serving& serving, const PredictRequest& request,
                                      int slot) {
  const bool is_asked_for = request.version || !request.variant.empty();
  for (const Variant& variant : serving.variants) {
    const bool fits = is_asked_for
                          ? (!request.version || variant.spec.model_version == *request.version) &&
                                (request.variant.empty() || variant.spec.name == request.variant)
                          : !variant.spec.is_shadow && variant.spec.has_slot(slot);
    if (fits) return &variant;
  }
  if (!request.variant.empty()) {
    return base::error(Code::kNotFound,
                       "the endpoint has no variant of this name: endpoint={} variant={}",
                       request.endpoint, request.variant);
  }
  if (request.version) {
    return base::error(Code::kNotFound,
                       "the endpoint has no variant with this version: endpoint={} version={}",
                       request.endpoint, *request.version);
  }
  return base::error(Code::kInternal, "no variant answers slot {}: endpoint={}", slot,
                     request.endpoint);
}

std::shared_ptr<const Serving> put_to_sleep(const Serving& serving) {
  auto asleep = std::make_shared<Serving>(serving);
  asleep->is_awake = false;
  for (Variant& variant : asleep->variants) {
    variant.model.reset();
    variant.batcher.reset();
  }
  return asleep;
}

std::shared_ptr<const Serving> make_asleep(const EndpointSpec& spec, VersionTallies& tallies) {
  auto asleep = std::make_shared<Serving>();
  asleep->spec = spec;
  asleep->is_awake = false;
  asleep->schema = asleep->log_schema = std::make_shared<LogSchema>();
  for (const VariantSpec& variant : spec.variants) {
    asleep->variants.push_back(
        {.spec = variant, .tally = tallies.of(spec.endpoint, variant.model_version)});
  }
  return asleep;
}

Result<std::shared_ptr<const Serving>> make_serving(
    const EndpointSpec& spec, const std::vector<LoadedModel>& models, FeatureLookup& features,
    VersionTallies& tallies, InputTallies& input_tallies, base::Metrics& metrics) {
  CHECK(models.size() == spec.variants.size());
  auto serving = std::make_shared<Serving>();
  serving->spec = spec;
  auto schema = std::make_shared<LogSchema>();
  for (std::size_t i = 0; i < spec.variants.size(); ++i) {
    const VariantSpec& variant = spec.variants[i];
    serving->may_block = serving->may_block || models[i].model->may_block();
    serving->row_cost_us += models[i].row_cost_us;
    serving->variants.push_back({.spec = variant,
                                 .model = models[i].model,
                                 .inputs = {},
                                 .tally = tallies.of(spec.endpoint, variant.model_version),
                                 .row_cost_us = models[i].row_cost_us,
                                 .batcher = std::make_shared<Batcher>(
                                     *models[i].model, spec.batching, models[i].row_cost_us)});
  }
  for (const Variant& variant : serving->variants) {
    if (variant.spec.is_shadow) continue;
    serving->outputs = variant.model->shape().outputs;
    serving->platform = variant.model->platform();
    break;
  }
  if (serving->outputs.size() == 1 && !spec.output.empty())
    serving->outputs.front().name = spec.output;
  const bool asks_others = !spec.features.empty() && features.may_wait();
  // A durable log waits for the disk.
  serving->may_block = serving->may_block || spec.durable_log || asks_others;
  // Columns first: they are looked up and logged.
  for (const bool columns : {true, false}) {
    for (const Variant& variant : serving->variants) {
      for (const InputSpec& input : variant.model->shape().inputs) {
        if (input.is_column() == columns) TRY(add_input(serving->inputs, input, variant.spec.uri));
      }
    }
  }
  for (Variant& variant : serving->variants) {
    for (const InputSpec& input : variant.model->shape().inputs)
      variant.inputs.push_back(static_cast<int>(position_of(serving->inputs, input.name)));
  }
  for (const InputSpec& input : serving->inputs) {
    if (input.is_column()) schema->push_back({input.name, input.is_text()});
    serving->row_bytes_min += kValueBytesMin * values_per_row(input);
  }
  static const std::set<std::string, std::less<>> reserved = {
      "request_id",    "endpoint",   "revision",          "variant",         "role",
      "model_version", "event_time", "latency_us",        "arrival_time",    "prediction",
      "error",         "traffic",    "prediction_values", "input_violations"};
  for (const LoggedFeature& feature : *schema) {
    if (reserved.contains(feature.name)) {
      return base::error(Code::kInvalidArgument,
                         "a feature may not be named like a column of the request log: feature={}",
                         feature.name);
    }
  }
  serving->lookup_positions.assign(schema->size(), -1);
  auto log_schema = std::make_shared<LogSchema>(*schema);
  if (!spec.features.empty()) {
    FeatureLookup::Shape shape = TRY(features.shape(spec.features));
    CHECK(shape.request_types.size() == shape.request.size());
    for (std::size_t i = 0; i < shape.request.size(); ++i) {
      const std::string& name = shape.request[i];
      const bool is_read = std::any_of(schema->begin(), schema->end(),
                                       [&](const LoggedFeature& f) { return f.name == name; });
      if (is_read) continue;
      const bool is_text = is_logged_as_text(shape.request_types[i]);
      serving->kept.push_back({name, shape.request_types[i]});
      log_schema->push_back({std::string(kRequestPrefix) + name, is_text});
    }
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
  serving->policy = TRY(InputPolicy::make(spec.endpoint, spec.inputs, *log_schema,
                                          input_tallies.of(spec.endpoint), metrics));
  serving->schema = std::move(schema);
  serving->log_schema = std::move(log_schema);
  for (const Variant& variant : serving->variants) variant.tally->set_model(variant.model);
  const base::Metrics::Labels labels{{"endpoint", spec.endpoint}};
  serving->requests =
      &metrics.counter("slipway_endpoint_requests_total", "Requests by endpoint.", labels);
  serving->errors = &metrics.counter("slipway_endpoint_errors_total",
                                     "Requests that were answered with an error.", labels);
  serving->latency =
      &metrics.histogram("slipway_endpoint_seconds", "Time to look up features and score.", labels);
  serving->minutes = tallies.minutes_of(spec.endpoint);
  return std::shared_ptr<const Serving>(std::move(serving));
}

}  // namespace slipway::serving
