#include "serving/endpoints.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "serving/model_loader.h"
#include "serving/warm_up.h"

namespace slipway::serving {

namespace {

// One model may be run in several ways.
std::string key_of(const std::string& uri, const PythonSpec& python) {
  if (python == PythonSpec()) return uri;
  return fmt::format("{} workers={} memory_bytes_max={} call_timeout_ms={}", uri,
                     python.workers.value_or(-1), python.memory_bytes_max.value_or(-1),
                     python.call_limit ? python.call_limit->count() : -1);
}

}  // namespace

Result<LoadedModel> Endpoints::load(const std::string& uri, const PythonSpec& python) {
  const std::string key = key_of(uri, python);
  {
    base::MutexLock lock(mutex_);
    if (const auto found = loaded_.find(key); found != loaded_.end()) return found->second;
  }
  const auto path = TRY(models_.locate(uri));
  Result<std::shared_ptr<const Model>> model = load_model(path, python_, python);
  if (!model) return std::move(model).error().with_context("model " + uri);
  const LoadedModel loaded{.model = *model, .row_cost_us = warm_up(**model)};
  base::MutexLock lock(mutex_);
  return loaded_.emplace(key, loaded).first->second;
}

Result<std::shared_ptr<const Serving>> Endpoints::build(const EndpointSpec& spec) {
  std::vector<LoadedModel> models;
  for (const VariantSpec& variant : spec.variants)
    models.push_back(TRY(load(variant.uri, spec.python)));
  return make_serving(spec, models, features_, tallies_, metrics_);
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
  for (const VariantSpec& variant : spec.variants) uris.push_back(key_of(variant.uri, spec.python));
  if (keep != nullptr) {
    for (const VariantSpec& variant : keep->variants)
      uris.push_back(key_of(variant.uri, keep->python));
  }
  std::set<std::string> used;
  for (const auto& [endpoint, in_use] : uris_in_use_) used.insert(in_use.begin(), in_use.end());
  std::erase_if(loaded_, [&](const auto& entry) {
    // A model that is loaded and not used was perhaps just prepared by another change; those are
    // few, and the next activation lets them go.
    return !used.contains(entry.first) && entry.second.model.use_count() == 1;
  });
}

std::shared_ptr<const Serving> Endpoints::find(std::string_view endpoint) const {
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
      all.push_back(variant.tally->read(name, variant.spec.model_version));
    }
  }
  return all;
}

}  // namespace slipway::serving
