#include "serving/endpoints.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <set>

#include "base/hash.h"
#include "serving/model_loader.h"

namespace slipway::serving {
namespace {

// A value in a body takes so many bytes, with what stands around it: less only in very short
// numbers.
constexpr std::size_t kValueBytesMin = 4;

// An atomic id source: unique in this process; the random part makes it unique beyond.
std::string make_id(base::Random& random) {
  static const std::string prefix = random.hex(6);
  static std::atomic<std::uint64_t> next{0};
  return fmt::format("{}-{:x}", prefix, next.fetch_add(1, std::memory_order_relaxed));
}

// What is logged as the prediction: the first output, when it is one number a row; else NaN.
double single_value(const std::vector<Output>& outputs, std::size_t row) {
  if (outputs.empty() || !outputs.front().row_shape.empty()) return std::nan("");
  return std::visit(
      [&](const auto& values) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>) {
          return static_cast<double>(values[row]);
        } else {
          return std::nan("");
        }
      },
      outputs.front().values);
}

double micros_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

std::uint64_t to_ns(double micros) { return static_cast<std::uint64_t>(micros * 1e3); }

std::size_t position_of(const std::vector<InputSpec>& inputs, std::string_view name) {
  const auto at = std::find_if(inputs.begin(), inputs.end(),
                               [&](const InputSpec& known) { return known.name == name; });
  return static_cast<std::size_t>(at - inputs.begin());
}

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

std::size_t values_per_row(const InputSpec& input) {
  std::size_t count = 1;
  for (const std::int64_t size : input.row_shape)
    count *= static_cast<std::size_t>(std::max<std::int64_t>(1, size));  // -1: any
  return count;
}

// The first real request should not be the one that faults the pages in. Gives what a row costs: of
// a few rows of missing values and zeros, the fastest of some tries. A model need not take those;
// then it is infinite.
double warm_up(const Model& model) {
  constexpr std::size_t kRows = 16;
  constexpr int kTries = 5;
  const std::vector<double> missing(kRows, std::numeric_limits<double>::quiet_NaN());
  const std::vector<std::string_view> missing_texts(kRows);
  std::vector<std::byte> zeros;
  std::vector<std::string_view> texts;
  std::deque<Tensor> tensors;
  for (const InputSpec& input : model.shape().inputs) {
    if (input.is_column()) continue;
    Tensor& tensor = tensors.emplace_back(Tensor{.name = input.name, .type = input.type});
    tensor.shape.push_back(kRows);
    for (const std::int64_t size : input.row_shape)
      tensor.shape.push_back(std::max<std::int64_t>(1, size));
    const std::size_t count = kRows * values_per_row(input);
    zeros.resize(std::max(zeros.size(), count * datatype_bytes(input.type)));
    if (input.is_text()) texts.resize(std::max(texts.size(), count), "");
  }
  std::vector<InputView> inputs;
  auto tensor = tensors.begin();
  for (const InputSpec& input : model.shape().inputs) {
    if (!input.is_column()) {
      const std::size_t count = kRows * values_per_row(input);
      tensor->bytes = std::span(zeros).first(count * datatype_bytes(input.type));
      if (input.is_text()) tensor->texts = std::span(texts).first(count);
      inputs.push_back({.tensor = &*tensor++});
    } else if (input.is_text()) {
      inputs.push_back({.texts = missing_texts.data()});
    } else {
      inputs.push_back({.numbers = missing.data()});
    }
  }
  std::vector<Output> outputs;
  double fastest_us = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!model.predict({.rows = kRows, .inputs = inputs, .params = {}}, outputs)) break;
    if (i > 0) fastest_us = std::min(fastest_us, micros_since(start));
  }
  return fastest_us / kRows;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

// What a column of whole numbers can hold; doubles are exact up to 2^53.
struct WholeRange {
  double low, high;
  bool has(double value) const {
    return value >= low && value <= high && std::trunc(value) == value;
  }
};

// Null: numbers of that type may have fractions.
const WholeRange* whole_range(DataType type) {
  static constexpr double kExact = 9007199254740992.0;
  static constexpr WholeRange kRanges[] = {
      {0, 1},           {0, 255},    {0, 65535},      {0, 4294967295.0},
      {0, kExact},      {-128, 127}, {-32768, 32767}, {-2147483648.0, 2147483647.0},
      {-kExact, kExact}};  // as DataType has them
  const auto at = static_cast<std::size_t>(type);
  return at < std::size(kRanges) ? &kRanges[at] : nullptr;
}

// Whether rows of a sent tensor are what the model reads.
Result<void> check_tensor(const Tensor& sent, const InputSpec& wanted) {
  std::vector<std::int64_t> expected = wanted.row_shape;
  expected.insert(expected.begin(), -1);
  bool fits = sent.shape.size() == expected.size();
  for (std::size_t d = 1; fits && d < expected.size(); ++d)
    fits = expected[d] < 0 || expected[d] == sent.shape[d];
  if (!fits || sent.type != wanted.type) {
    return base::error(Code::kInvalidArgument,
                       "input {} must be {} of shape {}: got {} of shape {}", wanted.name,
                       datatype_name(wanted.type), shape_text(expected), datatype_name(sent.type),
                       shape_text(sent.shape));
  }
  return {};
}

}  // namespace

// What a request needs on the way and the next one uses again. One per thread.
struct Endpoints::Scratch {
  static constexpr std::size_t kValuesKept = 100'000;

  std::vector<int> sent;        // by column: position in the batch, or -1
  std::vector<double> numbers;  // column after column, for those that are numbers
  std::vector<std::string_view> texts;
  std::deque<std::string> kept;  // texts that views point to: looked up features, errors
  std::vector<InputView> views, model_inputs;
  std::vector<std::string> row_ids;
  std::vector<Output> shadow_outputs;
  std::vector<LogRow> logged;

  void reset(std::size_t rows, const std::vector<InputSpec>& inputs, std::size_t columns) {
    if (numbers.size() + texts.size() > kValuesKept) *this = {};
    sent.assign(columns, -1);
    numbers.resize(rows * columns);
    const auto is_text = [](const InputSpec& input) {
      return input.is_column() && input.is_text();
    };
    if (std::any_of(inputs.begin(), inputs.end(), is_text)) texts.resize(rows * columns);
    views.assign(inputs.size(), {});
    for (std::size_t i = 0; i < columns; ++i) {
      if (inputs[i].is_text()) {
        views[i].texts = texts.data() + i * rows;
      } else {
        views[i].numbers = numbers.data() + i * rows;
      }
    }
    kept.clear();
    logged.clear();
  }
};

int slot_of(std::string_view salt, std::string_view key) {
  fmt::basic_memory_buffer<char, 256> text;
  text.append(salt);
  text.push_back('\x1f');
  text.append(key);
  return static_cast<int>(base::hash64({text.data(), text.size()}) % kSlots);
}

Result<Endpoints::LoadedModel> Endpoints::load(const std::string& uri) {
  {
    base::MutexLock lock(mutex_);
    if (const auto found = loaded_.find(uri); found != loaded_.end()) return found->second;
  }
  const auto path = TRY(models_.locate(uri));
  Result<std::shared_ptr<const Model>> model = load_model(path, python_);
  if (!model) return std::move(model).error().with_context("model " + uri);
  const LoadedModel loaded{.model = *model, .row_cost_us = warm_up(**model)};
  base::MutexLock lock(mutex_);
  return loaded_.emplace(uri, loaded).first->second;
}

std::shared_ptr<Endpoints::Tally> Endpoints::tally_of(const std::string& endpoint,
                                                      std::int64_t version) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<Tally>& tally = tallies_[{endpoint, version}];
  if (tally == nullptr) tally = std::make_shared<Tally>();
  return tally;
}

Result<std::shared_ptr<const Endpoints::Serving>> Endpoints::build(const EndpointSpec& spec) {
  auto serving = std::make_shared<Serving>();
  serving->spec = spec;
  auto schema = std::make_shared<LogSchema>();
  for (const VariantSpec& variant : spec.variants) {
    LoadedModel loaded = TRY(load(variant.uri));
    serving->may_block = serving->may_block || loaded.model->may_block();
    serving->row_cost_us += loaded.row_cost_us;
    serving->variants.push_back({.spec = variant,
                                 .model = std::move(loaded.model),
                                 .inputs = {},
                                 .tally = tally_of(spec.endpoint, variant.model_version)});
  }
  serving->may_block = serving->may_block || spec.durable_log;  // it waits for the disk
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
  TRY(build(spec));
  return {};
}

bool Endpoints::is_quick(std::string_view endpoint, std::size_t body_bytes) const {
  const auto serving = find(endpoint);
  if (serving == nullptr) return true;  // what is wrong is said quickly
  if (serving->may_block) return false;
  const std::size_t rows = body_bytes / std::max<std::size_t>(1, serving->row_bytes_min);
  return static_cast<double>(std::max<std::size_t>(1, rows)) * serving->row_cost_us <=
         options_.inline_budget_us;
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
    return !used.contains(entry.first) && entry.second.model.use_count() == 1;
  });
}

std::shared_ptr<const Endpoints::Serving> Endpoints::find(std::string_view endpoint) const {
  const auto table = table_.load();
  const auto found = table->find(endpoint);
  return found == table->end() ? nullptr : found->second;
}

void Endpoints::expect(const std::string& endpoint) {
  base::MutexLock lock(mutex_);
  auto table = std::make_shared<Table>(*table_.load());
  table->emplace(endpoint, nullptr);
  table_.store(std::move(table));
}

Error Endpoints::no_answer(std::string_view endpoint) const {
  if (table_.load()->contains(endpoint))
    return base::error(Code::kUnavailable, "the endpoint's model is being loaded: endpoint={}",
                       endpoint);
  return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
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
  const auto table = table_.load();
  for (const auto& [name, serving] : *table) {
    if (serving != nullptr) names.push_back(name);
  }
  return names;
}

Result<EndpointShape> Endpoints::shape(std::string_view endpoint) const {
  const auto serving = find(endpoint);
  if (serving == nullptr) return no_answer(endpoint);
  EndpointShape shape{.endpoint = serving->spec.endpoint,
                      .features = serving->spec.features,
                      .revision = serving->spec.revision,
                      .inputs = serving->inputs};
  for (const Variant& variant : serving->variants) {
    if (variant.spec.is_shadow) continue;
    shape.versions.push_back(variant.spec.model_version);
    if (!shape.outputs.empty()) continue;
    shape.outputs = variant.model->shape().outputs;
    shape.platform = variant.model->platform();
    if (shape.outputs.size() == 1 && !serving->spec.output.empty())
      shape.outputs.front().name = serving->spec.output;
  }
  return shape;
}

Result<Endpoints::Inputs> Endpoints::inputs(std::string_view endpoint) const {
  auto serving = find(endpoint);
  if (serving == nullptr) return no_answer(endpoint);
  const auto* inputs = &serving->inputs;
  return Inputs(std::move(serving), inputs);
}

std::vector<VersionStatistics> Endpoints::statistics() const {
  std::vector<VersionStatistics> all;
  const auto table = table_.load();
  for (const auto& [name, serving] : *table) {
    if (serving == nullptr) continue;  // expected
    for (const Variant& variant : serving->variants) {
      if (variant.spec.is_shadow) continue;
      const Tally& tally = *variant.tally;
      all.push_back({.endpoint = name,
                     .version = variant.spec.model_version,
                     .requests = tally.requests,
                     .rows = tally.rows,
                     .failures = tally.failures,
                     .gather_ns = tally.gather_ns,
                     .score_ns = tally.score_ns,
                     .total_ns = tally.total_ns,
                     .failure_ns = tally.failure_ns,
                     .last_request = {tally.last_request_us}});
    }
  }
  return all;
}

Result<void> Endpoints::gather_column(const Serving& serving, const Batch& batch,
                                      std::size_t column, std::size_t input,
                                      Scratch& scratch) const {
  const InputSpec& spec = serving.inputs[input];
  const Cell* cells = batch.cells.data() + column * batch.rows;
  const WholeRange* range = whole_range(spec.type);
  const auto at_row = [&](std::size_t row, Error error) {
    return batch.rows > 1 ? std::move(error).with_context(fmt::format("row {}", row)) : error;
  };
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const auto* number = std::get_if<double>(&cells[row]);
    const auto* text = std::get_if<std::string_view>(&cells[row]);
    if (spec.is_text()) {
      if (number != nullptr) {
        return at_row(row, base::error(Code::kInvalidArgument, "feature {} must be a text: got={}",
                                       spec.name, *number));
      }
      scratch.texts[input * batch.rows + row] = text == nullptr ? std::string_view() : *text;
    } else {
      if (range != nullptr && number != nullptr && !range->has(*number)) {
        return at_row(
            row,
            base::error(Code::kInvalidArgument,
                        "feature {} must be {}, which holds whole numbers from {} to {}: "
                        "got={}",
                        spec.name, datatype_name(spec.type), range->low, range->high, *number));
      }
      if (text != nullptr) {
        return at_row(row,
                      base::error(Code::kInvalidArgument, "feature {} must be a number: got=\"{}\"",
                                  spec.name, *text));
      }
      scratch.numbers[input * batch.rows + row] =
          number == nullptr ? std::numeric_limits<double>::quiet_NaN() : *number;
    }
  }
  return {};
}

Result<void> Endpoints::look_up(const Serving& serving, const PredictRequest& request,
                                base::Timestamp as_of, Scratch& scratch) const {
  const Batch& batch = request.batch;
  std::vector<Cell> cells(batch.names.size());
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < cells.size(); ++c) cells[c] = batch.cell(c, row);
    std::vector<FeatureValue> found =
        TRY(features_.look_up(serving.spec.features, serving.wanted, batch.names, cells, as_of));
    for (std::size_t i = 0; i < scratch.sent.size(); ++i) {
      if (scratch.sent[i] >= 0 || serving.lookup_positions[i] < 0) continue;
      FeatureValue& value = found[static_cast<std::size_t>(serving.lookup_positions[i])];
      const bool is_text = serving.inputs[i].is_text();
      const std::size_t at = i * batch.rows + row;
      if (auto* text = std::get_if<std::string>(&value)) {
        if (!is_text) {
          return base::error(
              Code::kFailedPrecondition,
              "the feature service gives a text where the model reads a number: feature={} "
              "service={}",
              serving.inputs[i].name, serving.spec.features);
        }
        scratch.texts[at] = scratch.kept.emplace_back(std::move(*text));
      } else if (is_text) {
        scratch.texts[at] = {};
      } else {
        const auto* number = std::get_if<double>(&value);
        scratch.numbers[at] =
            number == nullptr ? std::numeric_limits<double>::quiet_NaN() : *number;
      }
    }
  }
  return {};
}

Result<void> Endpoints::gather(const Serving& serving, const PredictRequest& request,
                               base::Timestamp as_of, Scratch& scratch) const {
  const Batch& batch = request.batch;
  const std::size_t columns = serving.schema->size();
  bool needs_lookup = false;
  std::size_t used = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    if (const auto column = batch.find(serving.inputs[i].name, i)) {
      scratch.sent[i] = static_cast<int>(*column);
      ++used;
    } else if (serving.lookup_positions[i] >= 0) {
      needs_lookup = true;
    } else if (serving.inputs[i].required) {
      return base::error(Code::kInvalidArgument,
                         "input {} is missing: it is a feature of the model and no feature service "
                         "provides it",
                         serving.inputs[i].name);
    }
  }
  if (needs_lookup) {
    for (const std::string& name : serving.lookup_request) {
      if (!batch.find(name)) {
        return base::error(
            Code::kInvalidArgument,
            "input {} is missing: the feature service {} asks for it (null says it is unknown)",
            name, serving.spec.features);
      }
    }
  }
  for (std::size_t i = 0; i < columns; ++i) {
    if (scratch.sent[i] >= 0) {
      TRY(gather_column(serving, batch, static_cast<std::size_t>(scratch.sent[i]), i, scratch));
    } else if (serving.lookup_positions[i] < 0) {  // optional and not sent
      for (std::size_t row = 0; row < batch.rows; ++row) {
        if (serving.inputs[i].is_text()) {
          scratch.texts[i * batch.rows + row] = {};
        } else {
          scratch.numbers[i * batch.rows + row] = std::numeric_limits<double>::quiet_NaN();
        }
      }
    }
  }
  for (std::size_t i = columns; i < serving.inputs.size(); ++i) {
    const InputSpec& wanted = serving.inputs[i];
    const auto tensor = std::find_if(batch.tensors.begin(), batch.tensors.end(),
                                     [&](const Tensor& sent) { return sent.name == wanted.name; });
    if (tensor != batch.tensors.end()) {
      TRY(check_tensor(*tensor, wanted));
      scratch.views[i].tensor = &*tensor;
      ++used;
    } else if (wanted.required) {
      std::vector<std::int64_t> expected = wanted.row_shape;
      expected.insert(expected.begin(), -1);
      return base::error(Code::kInvalidArgument, "input {} {}: the model reads {} of shape {}",
                         wanted.name,
                         batch.find(wanted.name) ? "has one value a row" : "is missing",
                         datatype_name(wanted.type), shape_text(expected));
    }
  }
  if (request.unknown_inputs == UnknownInputs::kRefused &&
      used < batch.names.size() + batch.tensors.size())
    TRY(refuse_unknown(serving, batch));
  return needs_lookup ? look_up(serving, request, as_of, scratch) : Result<void>();
}

Result<void> Endpoints::refuse_unknown(const Serving& serving, const Batch& batch) {
  const auto& asked = serving.lookup_request;
  const auto check = [&](std::string_view name, bool is_column) -> Result<void> {
    const std::size_t at = position_of(serving.inputs, name);
    if (at < serving.inputs.size() && serving.inputs[at].is_column() == is_column) return {};
    if (is_column && std::find(asked.begin(), asked.end(), name) != asked.end()) return {};
    std::vector<std::string_view> known(asked.begin(), asked.end());
    for (const InputSpec& input : serving.inputs) {
      if (std::find(known.begin(), known.end(), input.name) == known.end())
        known.push_back(input.name);
    }
    if (at < serving.inputs.size()) {
      std::vector<std::int64_t> expected = serving.inputs[at].row_shape;
      expected.insert(expected.begin(), -1);
      return base::error(Code::kInvalidArgument, "input {} must be {} of shape {}", name,
                         datatype_name(serving.inputs[at].type), shape_text(expected));
    }
    return base::error(Code::kInvalidArgument, "unexpected input {}: this endpoint reads {}", name,
                       fmt::join(known, ", "));
  };
  for (const std::string_view name : batch.names) TRY(check(name, true));
  for (const Tensor& tensor : batch.tensors) TRY(check(tensor.name, false));
  return {};
}

Result<Prediction> Endpoints::predict(const PredictRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const auto serving = find(request.endpoint);
  if (serving == nullptr) return no_answer(request.endpoint);
  serving->requests->add();
  const auto fail = [&](Error error) {
    serving->errors->add();
    return error;
  };
  const Batch& batch = request.batch;
  if (batch.rows == 0) return fail(base::error(Code::kInvalidArgument, "the request has no rows"));
  Prediction answer{.id = request.id.empty() ? make_id(random_) : std::string(request.id),
                    .revision = serving->spec.revision,
                    .rows = batch.rows};
  const std::string_view key = request.route_key.empty() ? answer.id : request.route_key;
  const int slot = slot_of(serving->spec.salt, key);
  const Variant* chosen = nullptr;
  for (const Variant& variant : serving->variants) {
    if (request.version || !request.variant.empty()) {
      const bool fits = (!request.version || variant.spec.model_version == *request.version) &&
                        (request.variant.empty() || variant.spec.name == request.variant);
      if (chosen == nullptr && fits) chosen = &variant;
      continue;
    }
    if (variant.spec.is_shadow) continue;
    for (const SlotRange& range : variant.spec.slots) {
      if (slot >= range.from && slot < range.to) chosen = &variant;
    }
  }
  if (chosen == nullptr && !request.variant.empty()) {
    return fail(base::error(Code::kNotFound,
                            "the endpoint has no variant of this name: endpoint={} variant={}",
                            request.endpoint, request.variant));
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
  Tally& tally = *chosen->tally;
  const auto fail_version = [&](Error error) {
    tally.failures.fetch_add(1, std::memory_order_relaxed);
    tally.failure_ns.fetch_add(to_ns(micros_since(start)), std::memory_order_relaxed);
    return fail(std::move(error));
  };

  const base::Timestamp event_time = request.event_time.value_or(event_clock_.now());
  const base::Timestamp arrival_time = wall_clock_.now();
  thread_local Scratch scratch;
  scratch.reset(batch.rows, serving->inputs, serving->schema->size());
  if (Result<void> gathered = gather(*serving, request, event_time, scratch); !gathered)
    return fail_version(std::move(gathered).error());
  if (batch.rows > 1) {
    scratch.row_ids.resize(batch.rows);
    for (std::size_t row = 0; row < batch.rows; ++row)
      scratch.row_ids[row] = fmt::format("{}/{}", answer.id, row);
  }
  const double prepared_us = micros_since(start);
  double scored_us = 0;
  std::optional<Error> failure;
  const std::span<const InputView> logged_features =
      std::span(scratch.views).first(serving->schema->size());
  for (const Variant& variant : serving->variants) {
    if (&variant != chosen && !variant.spec.is_shadow) continue;
    const auto scoring = std::chrono::steady_clock::now();
    scratch.model_inputs.clear();
    for (const int input : variant.inputs)
      scratch.model_inputs.push_back(scratch.views[static_cast<std::size_t>(input)]);
    std::vector<Output>& outputs = &variant == chosen ? answer.outputs : scratch.shadow_outputs;
    const Result<void> scored = variant.model->predict({.rows = batch.rows,
                                                        .inputs = scratch.model_inputs,
                                                        .params = request.params,
                                                        .deadline = request.deadline},
                                                       outputs);
    if (!scored && &variant == chosen) failure = scored.error();
    const std::string_view error =
        scored ? std::string_view() : scratch.kept.emplace_back(scored.error().message);
    const double scoring_us = micros_since(scoring);
    if (&variant == chosen) scored_us = scoring_us;
    const double latency_us = prepared_us + scoring_us / static_cast<double>(batch.rows);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      scratch.logged.push_back({.request_id = batch.rows == 1 ? answer.id : scratch.row_ids[row],
                                .variant = variant.spec.name,
                                .role = variant.spec.is_shadow ? "shadow" : "live",
                                .error = error,
                                .traffic = request.traffic,
                                .revision = answer.revision,
                                .model_version = variant.spec.model_version,
                                .latency_us = static_cast<std::int64_t>(latency_us),
                                .event_time = event_time,
                                .arrival_time = arrival_time,
                                .prediction = scored ? single_value(outputs, row) : std::nan(""),
                                .features = logged_features,
                                .row = row});
    }
  }
  const bool taken = log_.append(serving->spec.endpoint, serving->schema, scratch.logged);
  if (failure) return fail_version(std::move(*failure));
  if (serving->spec.durable_log) {
    if (!taken) {
      return fail_version(
          base::error(Code::kUnavailable,
                      "the request log is full and this endpoint answers nothing unlogged: "
                      "endpoint={}",
                      request.endpoint));
    }
    if (Result<void> flushed = log_.flush(); !flushed)
      return fail_version(std::move(flushed).error());
  }
  if (answer.outputs.size() == 1 && !serving->spec.output.empty())
    answer.outputs.front().name = serving->spec.output;
  const double total_us = micros_since(start);
  serving->latency->observe(total_us * 1e-6);
  tally.requests.fetch_add(1, std::memory_order_relaxed);
  tally.rows.fetch_add(batch.rows, std::memory_order_relaxed);
  tally.gather_ns.fetch_add(to_ns(prepared_us), std::memory_order_relaxed);
  tally.score_ns.fetch_add(to_ns(scored_us), std::memory_order_relaxed);
  tally.total_ns.fetch_add(to_ns(total_us), std::memory_order_relaxed);
  tally.last_request_us.store(arrival_time.micros, std::memory_order_relaxed);
  return answer;
}

}  // namespace slipway::serving
