#include "serving/endpoints.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/log.h"
#include "serving/model_loader.h"
#include "serving/warm_up.h"

namespace slipway::serving {
namespace {

constexpr auto kRetryPause = std::chrono::seconds(5);  // after a load that failed

// One model may be run in several ways.
std::string key_of(const std::string& uri, const PythonSpec& python) {
  if (python == PythonSpec()) return uri;
  return fmt::format("{} workers={} memory_bytes_max={} call_timeout_ms={}", uri,
                     python.workers.value_or(-1), python.memory_bytes_max.value_or(-1),
                     python.call_limit ? python.call_limit->count() : -1);
}

std::vector<std::string> keys_of(const EndpointSpec& spec) {
  std::vector<std::string> keys;
  for (const VariantSpec& variant : spec.variants) keys.push_back(key_of(variant.uri, spec.python));
  return keys;
}

}  // namespace

Endpoints::Endpoints(ModelSource& models, FeatureLookup& features, RequestLog& log,
                     const base::Clock& event_clock, const base::Clock& wall_clock,
                     base::Random& random, base::Metrics& metrics, const Runtimes& runtimes,
                     Options options)
    : models_(models),
      features_(features),
      log_(log),
      event_clock_(event_clock),
      wall_clock_(wall_clock),
      random_(random),
      metrics_(metrics),
      runtimes_(runtimes),
      options_(std::move(options)),
      evicted_(metrics.counter("slipway_models_evicted_total",
                               "Models taken out of memory to stay within models-bytes-max.")) {
  metrics_.gauge("slipway_models_bytes", "Memory of all models that are loaded.",
                 [this] { return static_cast<double>(memory_bytes()); });
}

Result<LoadedModel> Endpoints::load(const std::string& uri, const PythonSpec& python) {
  const std::string key = key_of(uri, python);
  {
    base::MutexLock lock(mutex_);
    if (const auto found = loaded_.find(key); found != loaded_.end()) return found->second.loaded;
  }
  const auto path = TRY(models_.locate(uri));
  Result<std::shared_ptr<const Model>> model = load_model(path, runtimes_, python);
  if (!model) return std::move(model).error().with_context("model " + uri);
  if (options_.faults != nullptr) model = make_breakable(std::move(*model), *options_.faults);
  const LoadedModel loaded{.model = *model, .row_cost_us = warm_up(**model)};
  base::MutexLock lock(mutex_);
  return loaded_.emplace(key, Resident{loaded, wall_clock_.now().micros}).first->second.loaded;
}

Result<std::shared_ptr<const Serving>> Endpoints::build(const EndpointSpec& spec) {
  std::vector<LoadedModel> models;
  for (const VariantSpec& variant : spec.variants)
    models.push_back(TRY(load(variant.uri, spec.python)));
  return make_serving(spec, models, features_, tallies_, input_tallies_, metrics_);
}

Result<std::shared_ptr<const Serving>> Endpoints::build_from_memory(const EndpointSpec& spec) {
  std::vector<LoadedModel> models;
  {
    base::MutexLock lock(mutex_);
    for (const std::string& key : keys_of(spec)) {
      const auto found = loaded_.find(key);
      if (found == loaded_.end())
        return base::error(Code::kFailedPrecondition, "a model is not in memory: model={}", key);
      models.push_back(found->second.loaded);
    }
  }
  return make_serving(spec, models, features_, tallies_, input_tallies_, metrics_);
}

Result<Endpoints::Prepared> Endpoints::prepare(const EndpointSpec& spec) {
  auto prepared = std::make_shared<const std::vector<std::string>>(keys_of(spec));
  {
    base::MutexLock lock(mutex_);
    std::erase_if(prepared_, [](const auto& held) { return held.expired(); });
    prepared_.push_back(prepared);
  }
  TRY(build(spec));
  return prepared;
}

std::set<std::string> Endpoints::held() const {
  std::set<std::string> keys;
  for (const auto& one : prepared_) {
    if (const auto prepared = one.lock()) keys.insert(prepared->begin(), prepared->end());
  }
  return keys;
}

bool Endpoints::is_quick(std::string_view endpoint, std::size_t body_bytes) const {
  const auto serving = find(endpoint);
  if (serving == nullptr) return true;  // what is wrong is said quickly
  if (serving->may_block || !serving->is_awake) return false;
  const std::size_t rows = body_bytes / std::max<std::size_t>(1, serving->row_bytes_min);
  return static_cast<double>(std::max<std::size_t>(1, rows)) * serving->row_cost_us <=
         options_.inline_budget_us;
}

void Endpoints::swap(std::shared_ptr<const Serving> serving) {
  auto table = std::make_shared<Table>(*table_.load());
  (*table)[serving->spec.endpoint] = std::move(serving);
  table_.store(std::move(table));
}

void Endpoints::activate(const EndpointSpec& spec, const EndpointSpec* keep) {
  const Result<std::shared_ptr<const Serving>> built = build_from_memory(spec);
  if (!built) {
    base::log_warning("serving", "the next request loads the endpoint's models: endpoint={} why={}",
                      spec.endpoint, built.error().message);
  }
  std::shared_ptr<const Serving> serving = built ? *built : make_asleep(spec, tallies_);
  std::vector<LoadedModel> dropped;
  {
    base::MutexLock lock(mutex_);
    swap(std::move(serving));
    std::vector<std::string>& keys = keys_in_use_[spec.endpoint];
    const std::int64_t now_us = wall_clock_.now().micros;
    for (const std::string& key : keys) {
      if (const auto found = loaded_.find(key); found != loaded_.end())
        found->second.used_us = now_us;
    }
    keys = keys_of(spec);
    if (keep != nullptr) {
      for (std::string& key : keys_of(*keep)) keys.push_back(std::move(key));
    }
    dropped = drop_unused();
  }
  keep_in_budget(spec.endpoint);
}

std::vector<LoadedModel> Endpoints::drop_unused() {
  std::vector<LoadedModel> dropped;
  std::set<std::string> used = held();
  for (const auto& [endpoint, in_use] : keys_in_use_) used.insert(in_use.begin(), in_use.end());
  std::erase_if(loaded_, [&](auto& entry) {
    if (used.contains(entry.first)) return false;
    dropped.push_back(std::move(entry.second.loaded));
    return true;
  });
  return dropped;
}

void Endpoints::remove(const std::string& endpoint) {
  std::vector<LoadedModel> dropped;
  base::MutexLock lock(mutex_);
  auto table = std::make_shared<Table>(*table_.load());
  table->erase(endpoint);
  table_.store(std::move(table));
  keys_in_use_.erase(endpoint);
  dropped = drop_unused();
}

void Endpoints::expect(const std::vector<EndpointSpec>& specs) {
  std::vector<std::shared_ptr<const Serving>> asleep;
  for (const EndpointSpec& spec : specs) asleep.push_back(make_asleep(spec, tallies_));
  base::MutexLock lock(mutex_);
  auto table = std::make_shared<Table>(*table_.load());
  for (std::shared_ptr<const Serving>& serving : asleep) {
    const std::string name = serving->spec.endpoint;
    keys_in_use_[name] = keys_of(serving->spec);
    (*table)[name] = std::move(serving);
  }
  table_.store(std::move(table));
}

// The net is here too: others wait for whoever wakes an endpoint.
Result<std::shared_ptr<const Serving>> Endpoints::load_endpoint(
    const std::shared_ptr<const Serving>& asleep) {
  try {
    std::shared_ptr<const Serving> built = TRY(build(asleep->spec));
    base::MutexLock lock(mutex_);
    if (find(asleep->spec.endpoint) == asleep) swap(built);
    return built;
  } catch (const std::exception& e) {
    return base::error(Code::kInternal, "loading threw: what={}", e.what());
  }
}

Result<std::shared_ptr<const Serving>> Endpoints::awake(std::string_view endpoint,
                                                        Deadline deadline) {
  std::shared_ptr<const Serving> asleep;
  {
    base::MutexLock lock(wake_mutex_);
    for (;;) {
      asleep = find(endpoint);
      if (asleep == nullptr)
        return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
      if (asleep->is_awake) return asleep;
      const auto now = std::chrono::steady_clock::now();
      if (const auto failed = failures_.find(endpoint);
          failed != failures_.end() && now < failed->second.until)
        return failed->second.error;
      if (!waking_.contains(endpoint)) break;
      if (now >= deadline) {
        return base::error(Code::kDeadlineExceeded,
                           "the endpoint's model is still being loaded: endpoint={}", endpoint);
      }
      woken_.wait_until(wake_mutex_, deadline);
    }
    waking_.emplace(endpoint);
  }
  Result<std::shared_ptr<const Serving>> loaded = load_endpoint(asleep);
  {
    base::MutexLock lock(wake_mutex_);
    waking_.erase(waking_.find(endpoint));
    if (const auto failed = failures_.find(endpoint); failed != failures_.end())
      failures_.erase(failed);
    if (!loaded) {
      // What passes by itself, such as a server that is not up yet, is tried by the next request.
      const bool is_soon = loaded.error().code == Code::kUnavailable;
      loaded = base::error(Code::kUnavailable, "the endpoint's model is {}: endpoint={} why={}",
                           is_soon ? "being loaded" : "not loaded, which is tried again later",
                           endpoint, loaded.error().message);
      if (!is_soon) {
        base::log_error("serving", "{}", loaded.error().message);
        failures_.emplace(endpoint,
                          Failure{loaded.error(), std::chrono::steady_clock::now() + kRetryPause});
      }
    }
    woken_.notify_all();
  }
  if (loaded) keep_in_budget(endpoint);
  return loaded;
}

bool Endpoints::is_awake(std::string_view endpoint) const {
  const auto serving = find(endpoint);
  return serving != nullptr && serving->is_awake;
}

std::map<std::string, std::size_t> Endpoints::sizes() const {
  std::vector<std::pair<std::string, std::shared_ptr<const Model>>> models;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [key, resident] : loaded_) models.emplace_back(key, resident.loaded.model);
  }
  std::map<std::string, std::size_t> sizes;
  for (const auto& [key, model] : models) sizes[key] = model->memory_bytes();
  return sizes;
}

std::size_t Endpoints::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [key, size] : sizes()) bytes += size;
  return bytes;
}

void Endpoints::keep_in_budget(std::string_view spared) {
  if (options_.models_bytes_max == 0) return;
  const std::map<std::string, std::size_t> sizes = this->sizes();
  Evicted evicted;
  {
    base::MutexLock lock(mutex_);
    MemoryUse use;
    use.kept.merge(held());
    for (const auto& [key, resident] : loaded_) {
      // Whoever has loaded one meanwhile comes here next.
      if (const auto size = sizes.find(key); size != sizes.end())
        use.models.push_back({key, size->second, resident.used_us});
    }
    const auto table = table_.load();
    for (const auto& [name, serving] : *table) {
      if (!serving->is_awake) continue;
      MemoryUse::Endpoint& one = use.endpoints.emplace_back();
      one.name = name;
      one.models = keys_of(serving->spec);
      for (const std::string& key : one.models) {
        if (const auto found = loaded_.find(key); found != loaded_.end())
          one.asked_us = std::max(one.asked_us, found->second.used_us);
      }
      for (const Variant& variant : serving->variants)
        one.asked_us = std::max(one.asked_us, variant.tally->last_request().micros);
    }
    const Evictions plan =
        plan_evictions(use, static_cast<std::size_t>(options_.models_bytes_max), spared);
    evicted =
        evict(plan, sizes,
              fmt::format("models took more than models-bytes-max={}", options_.models_bytes_max));
    if (plan.bytes > options_.models_bytes_max) {
      base::log_warning("serving",
                        "the models of an endpoint need more than models-bytes-max alone: "
                        "endpoint={} bytes={} models-bytes-max={}",
                        spared, plan.bytes, options_.models_bytes_max);
    }
  }
  tell(std::move(evicted));
}

Endpoints::Evicted Endpoints::evict(const Evictions& plan,
                                    const std::map<std::string, std::size_t>& sizes,
                                    const std::string& reason) {
  Evicted evicted;
  std::map<std::string, std::string> endpoint_of;  // by key
  for (const std::string& name : plan.endpoints) {
    const std::shared_ptr<const Serving> serving = find(name);
    for (const std::string& key : keys_of(serving->spec)) endpoint_of[key] = name;
    swap(put_to_sleep(*serving));
  }
  for (const std::string& key : plan.models) {
    const auto found = loaded_.find(key);
    if (found == loaded_.end()) continue;
    const auto size = sizes.find(key);
    evicted.evictions.push_back({.endpoint = endpoint_of[key],
                                 .model = key,
                                 .bytes = size == sizes.end() ? 0 : size->second,
                                 .reason = reason});
    evicted.models.push_back(std::move(found->second.loaded));
    loaded_.erase(found);
  }
  return evicted;
}

void Endpoints::tell(Evicted evicted) {
  evicted.models.clear();
  for (const Eviction& eviction : evicted.evictions) {
    evicted_.add();
    base::log_info("serving",
                   "a model left memory: model={} endpoint={} bytes={} reason=\"{}\"; the next "
                   "request for it brings it back",
                   eviction.model, eviction.endpoint, eviction.bytes, eviction.reason);
    options_.on_eviction(eviction);
  }
}

Result<void> Endpoints::sleep(std::string_view endpoint, const std::string& reason) {
  const std::map<std::string, std::size_t> sizes = this->sizes();
  Evicted evicted;
  {
    base::MutexLock lock(mutex_);
    const auto serving = find(endpoint);
    if (serving == nullptr)
      return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
    if (!serving->is_awake) return {};
    Evictions plan{.endpoints = {serving->spec.endpoint}};
    std::set<std::string> others = held();
    const auto table = table_.load();
    for (const auto& [name, other] : *table) {
      if (!other->is_awake || name == endpoint) continue;
      for (const std::string& key : keys_of(other->spec)) others.insert(key);
    }
    for (const std::string& key : keys_of(serving->spec)) {
      if (!others.contains(key)) plan.models.push_back(key);
    }
    evicted = evict(plan, sizes, reason);
  }
  tell(std::move(evicted));
  return {};
}

std::vector<VariantMemory> Endpoints::memory(std::string_view endpoint) const {
  std::vector<VariantMemory> variants;
  const auto serving = find(endpoint);
  if (serving == nullptr) return variants;
  for (const Variant& variant : serving->variants) {
    variants.push_back(
        {.name = variant.spec.name,
         .in_memory = serving->is_awake,
         .bytes = variant.model == nullptr ? 0 : variant.model->memory_bytes(),
         .statistics = variant.tally->read(serving->spec.endpoint, variant.spec.model_version)});
  }
  return variants;
}

std::shared_ptr<const Serving> Endpoints::find(std::string_view endpoint) const {
  const auto table = table_.load();
  const auto found = table->find(endpoint);
  return found == table->end() ? nullptr : found->second;
}

std::vector<LoggedFeature> Endpoints::looked_up(std::string_view endpoint) {
  std::vector<LoggedFeature> features;
  std::shared_ptr<const Serving> found = find(endpoint);
  if (found == nullptr || found->spec.features.empty()) return features;
  if (found->inputs.empty()) {  // its models were never in memory
    Result<std::shared_ptr<const Serving>> loaded = awake(endpoint, Deadline::max());
    if (!loaded) return features;
    found = std::move(*loaded);
  }
  const Serving& serving = *found;
  for (std::size_t i = 0; i < serving.schema->size(); ++i) {
    if (serving.lookup_positions[i] >= 0) features.push_back((*serving.schema)[i]);
  }
  return features;
}

std::vector<std::string> Endpoints::names() const {
  std::vector<std::string> names;
  const auto table = table_.load();
  for (const auto& [name, serving] : *table) names.push_back(name);
  return names;
}

Result<EndpointShape> Endpoints::shape(std::string_view endpoint) const {
  const auto serving = find(endpoint);
  if (serving == nullptr)
    return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
  EndpointShape shape{.endpoint = serving->spec.endpoint,
                      .features = serving->spec.features,
                      .platform = serving->platform,
                      .revision = serving->spec.revision,
                      .inputs = serving->inputs,
                      .outputs = serving->outputs};
  for (const Variant& variant : serving->variants) {
    if (!variant.spec.is_shadow) shape.versions.push_back(variant.spec.model_version);
  }
  return shape;
}

Result<Endpoints::Inputs> Endpoints::inputs(std::string_view endpoint) {
  auto serving = TRY(awake(endpoint, Deadline::max()));
  const auto* inputs = &serving->inputs;
  return Inputs(std::move(serving), inputs);
}

Result<InputTally::Counts> Endpoints::violations(std::string_view endpoint) {
  const auto serving = find(endpoint);
  if (serving == nullptr)
    return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
  return input_tallies_.of(serving->spec.endpoint)->read();
}

Result<std::vector<MinuteOfRequests>> Endpoints::recent_minutes(std::string_view endpoint) {
  const auto serving = find(endpoint);
  if (serving == nullptr)
    return base::error(Code::kNotFound, "no such endpoint answers: endpoint={}", endpoint);
  return tallies_.minutes_of(serving->spec.endpoint)->read(wall_clock_.now());
}

std::vector<VersionStatistics> Endpoints::statistics() const {
  std::vector<VersionStatistics> all;
  const auto table = table_.load();
  for (const auto& [name, serving] : *table) {
    for (const Variant& variant : serving->variants) {
      if (variant.spec.is_shadow) continue;
      all.push_back(variant.tally->read(name, variant.spec.model_version));
    }
  }
  return all;
}

Result<std::vector<MeasuredCall>> Endpoints::measure_calls(std::string_view endpoint) {
  const auto serving = TRY(awake(endpoint, Deadline::max()));
  const Variant* live = nullptr;
  for (const Variant& variant : serving->variants) {
    if (!variant.spec.is_shadow && live == nullptr) live = &variant;
  }
  if (live == nullptr)
    return base::error(Code::kFailedPrecondition, "no version is live: endpoint={}", endpoint);
  const VersionStatistics seen = live->tally->read(std::string(endpoint), live->spec.model_version);
  const double beside_us = seen.requests == 0
                               ? 0
                               : static_cast<double>(seen.gather_ns + seen.rest_ns()) * 1e-3 /
                                     static_cast<double>(seen.requests);
  std::vector<MeasuredCall> calls;
  for (const std::size_t rows : {1, 8, 64}) {
    const double us = fastest_call_us(*live->model, rows);
    if (std::isfinite(us)) calls.push_back({static_cast<double>(rows), beside_us + us});
  }
  if (calls.empty() && seen.calls > 0) {
    const double of_calls = static_cast<double>(seen.calls);
    calls.push_back({static_cast<double>(seen.rows) / of_calls,
                     beside_us + static_cast<double>(seen.calls_ns()) * 1e-3 / of_calls});
  }
  if (calls.empty()) {
    return base::error(
        Code::kFailedPrecondition,
        "the model takes no rows of missing values, and nothing was asked of it yet: "
        "endpoint={}",
        endpoint);
  }
  return calls;
}

}  // namespace slipway::serving
