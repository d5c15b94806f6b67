// The data plane: endpoints with models in memory, answering requests. Decides nothing about what
// is in production; it is told (activate) and does it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "serving/advice.h"
#include "serving/batcher.h"
#include "serving/breakable_model.h"
#include "serving/endpoint_spec.h"
#include "serving/memory_budget.h"
#include "serving/model_loader.h"
#include "serving/ports.h"
#include "serving/request.h"
#include "serving/request_log.h"
#include "serving/snapshot.h"
#include "serving/version_statistics.h"

namespace slipway::serving {

struct EndpointShape {
  std::string endpoint, features, platform;
  std::int64_t revision = 0;
  std::vector<std::int64_t> versions;  // of live variants
  std::vector<InputSpec> inputs;       // of all variants together
  std::vector<OutputSpec> outputs;     // of the live variant
};

// Models that left memory, or didn't fit.
struct Eviction {
  std::string endpoint;  // that answers with it; empty: none, it was kept for a rollback
  std::string model;
  std::size_t bytes = 0;
  std::string reason;
};

// One variant of an endpoint as it stands.
struct VariantMemory {
  std::string name;
  bool in_memory = false;
  std::size_t bytes = 0;
  VersionStatistics statistics;
};

// Safe to use from several threads. Requests read one immutable snapshot; a change swaps it, so no
// request waits and none fails.
//
// The models of an endpoint are in memory once it is activated, or asked for the first time after
// expect(). When all together take more than they may, some leave memory (memory_budget.h says
// which); the next request for their endpoint waits until they are back.
class Endpoints {
 public:
  struct Options {
    double inline_budget_us = 200;       // is_quick(): of scoring
    std::uint64_t models_bytes_max = 0;  // of all models together; 0: no limit
    std::size_t logged_values_max =
        100;  // of an answer that isn't one number; more: none is logged
    std::size_t explained_values_max = 20'000'000;  // numbers of an explanation
    const ModelFaults* faults = nullptr;            // of every model; null: models can't be broken
    // Called after it happened, by the thread that needed the memory; may block.
    std::function<void(const Eviction&)> on_eviction = [](const Eviction&) {};
  };

  Endpoints(ModelSource& models, FeatureLookup& features, RequestLog& log,
            const base::Clock& event_clock, const base::Clock& wall_clock, base::Random& random,
            base::Metrics& metrics, const Runtimes& runtimes, Options options);

  // Loads every model of `spec` and checks that the feature service (or the caller) can feed it.
  // kInvalidArgument: a feature that nobody provides, or an input's rule of texts where there are
  // numbers. Changes nothing for requests. The models
  // stay in memory for as long as what is returned is held.
  using Prepared = std::shared_ptr<const std::vector<std::string>>;
  Result<Prepared> prepare(const EndpointSpec& spec);
  // Answers with `spec` from now on, which was prepared; loads nothing, so if its models are not in
  // memory, the next request for them does. Models that neither it nor `keep` (nullable) uses are
  // let go once no request uses them.
  void activate(const EndpointSpec& spec, const EndpointSpec* keep);

  // Answers nothing there any more; what was begun is answered.
  void remove(const std::string& endpoint);

  // Answers with these until they are activated, and loads nothing yet: after a start, when there
  // may be many.
  void expect(const std::vector<EndpointSpec>& specs);
  // Loads the endpoint's models if they are not in memory. kUnavailable: they can't be loaded now;
  // it is tried again, but not at once. kNotFound. kDeadlineExceeded: another thread loads them.
  Result<void> wake(std::string_view endpoint) {
    TRY(awake(endpoint, std::chrono::steady_clock::time_point::max()));
    return {};
  }
  // Takes the endpoint's models out of memory until somebody asks for them. kNotFound.
  Result<void> sleep(std::string_view endpoint, const std::string& reason);

  // kNotFound: no such endpoint, it has no revision yet, or the version or variant asked for is not
  // among its own. kInvalidArgument: missing, mistyped or (when they are refused) unknown inputs,
  // named; or the rules of the endpoint's inputs reject one. kUnavailable: a durable log is full.
  // kResourceExhausted: too much waits for the model. kDeadlineExceeded: the request's time was
  // over before it was answered; if that was before the model had it, it is not scored.
  Result<Prediction> predict(const PredictRequest& request);

  // What predict() would answer, and what each input has to do with it. Nothing is logged and no
  // shadow is asked. Errors as of predict(). Not on a thread that serves sockets: it takes many
  // times as long.
  Result<Explained> explain(const PredictRequest& request);

  // By name, the variant that answers requests with each of these route keys. Errors as of
  // wake().
  Result<std::vector<std::string>> variants_of(std::string_view endpoint,
                                               std::span<const std::string_view> keys);

  // Whether a thread that serves sockets may answer a request with a body of so many bytes: nothing
  // it needs blocks, and scoring as many rows as the body can hold stays in the budget by what a
  // row cost when the models were loaded.
  bool is_quick(std::string_view endpoint, std::size_t body_bytes) const;

  // Whether its models are in memory.
  bool is_awake(std::string_view endpoint) const;

  // Values of an answer that the request log keeps; of longer ones it has less.
  std::size_t logged_values_max() const { return options_.logged_values_max; }

  // kNotFound. Without inputs and outputs when its models were never in memory.
  Result<EndpointShape> shape(std::string_view endpoint) const;
  // What its models read, the columns first; stays good when the endpoint changes. Errors as of
  // wake().
  using Inputs = std::shared_ptr<const std::vector<InputSpec>>;
  Result<Inputs> inputs(std::string_view endpoint);
  // Which rules of its inputs were broken since the server started. kNotFound.
  Result<InputTally::Counts> violations(std::string_view endpoint);
  // How it has answered in the last hour of the wall clock, as far as this process runs. kNotFound.
  Result<std::vector<MinuteOfRequests>> recent_minutes(std::string_view endpoint);
  std::vector<VariantMemory> memory(std::string_view endpoint) const;  // empty: no such endpoint
  std::size_t memory_bytes() const;                                    // of all models in memory
  // Of the versions that answer now; by endpoint and version.
  std::vector<VersionStatistics> statistics() const;
  // What a call of the model in charge takes with 1, 8 and 64 rows of missing values and zeros, and
  // what a request took beside scoring, if any came. kFailedPrecondition: the model takes no such
  // rows, and no request came. Errors as of wake(). Scores, so not on a thread that serves sockets.
  Result<std::vector<MeasuredCall>> measure_calls(std::string_view endpoint);
  std::vector<std::string> names() const;
  // What its models read that their feature service provides; nothing for an unknown endpoint, or
  // one whose models can't be loaded.
  std::vector<LoggedFeature> looked_up(std::string_view endpoint);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  using Table = std::map<std::string, std::shared_ptr<const Serving>, std::less<>>;

  Result<LoadedModel> load(const std::string& uri, const PythonSpec& python);
  Result<std::shared_ptr<const Serving>> build(const EndpointSpec& spec);
  // Without loading anything. kFailedPrecondition: its models are not in memory.
  Result<std::shared_ptr<const Serving>> build_from_memory(const EndpointSpec& spec);
  std::shared_ptr<const Serving> find(std::string_view endpoint) const;
  Result<Batcher::Receipt> score(const Variant& variant, const Batcher::Request& request,
                                 std::chrono::steady_clock::time_point start,
                                 std::vector<Output>& outputs) const;
  // What find() gives, with its models in memory.
  Result<std::shared_ptr<const Serving>> awake(std::string_view endpoint, Deadline deadline);
  Result<std::shared_ptr<const Serving>> load_endpoint(
      const std::shared_ptr<const Serving>& asleep);
  void swap(std::shared_ptr<const Serving> serving) REQUIRES(mutex_);
  // Bytes by key of what is loaded. A Python model looks at its processes to tell, and may have to
  // wait for one that starts or ends, so nobody asks under the lock.
  std::map<std::string, std::size_t> sizes() const EXCLUDES(mutex_);
  void keep_in_budget(std::string_view spared) EXCLUDES(mutex_);
  // What leaves memory with tell(), without the lock.
  struct Evicted {
    std::vector<Eviction> evictions;
    std::vector<LoadedModel> models;
  };
  Evicted evict(const Evictions& plan, const std::map<std::string, std::size_t>& sizes,
                const std::string& reason) REQUIRES(mutex_);
  void tell(Evicted evicted) EXCLUDES(mutex_);

  ModelSource& models_;
  FeatureLookup& features_;
  RequestLog& log_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  base::Metrics& metrics_;
  const Runtimes runtimes_;
  const Options options_;

  base::Counter& evicted_;
  VersionTallies tallies_{metrics_};
  InputTallies input_tallies_;
  std::atomic<std::shared_ptr<const Table>> table_{std::make_shared<const Table>()};
  mutable base::Mutex mutex_;  // changes; never held while a model loads
  // Keys of the models that somebody holds.
  std::set<std::string> held() const REQUIRES(mutex_);
  // Takes out what no endpoint uses and nobody holds; it may take long to let that go.
  std::vector<LoadedModel> drop_unused() REQUIRES(mutex_);
  struct Resident {
    LoadedModel loaded;
    std::int64_t used_us = 0;  // loaded then, or no longer used since
  };
  std::map<std::string, Resident> loaded_ GUARDED_BY(mutex_);                       // by key
  std::map<std::string, std::vector<std::string>> keys_in_use_ GUARDED_BY(mutex_);  // by endpoint
  std::vector<std::weak_ptr<const std::vector<std::string>>> prepared_ GUARDED_BY(mutex_);
  // Of endpoints that are being woken, or could not be.
  struct Failure {
    Error error;
    std::chrono::steady_clock::time_point until;
  };
  base::Mutex wake_mutex_;
  base::CondVar woken_;
  std::set<std::string, std::less<>> waking_ GUARDED_BY(wake_mutex_);
  std::map<std::string, Failure, std::less<>> failures_ GUARDED_BY(wake_mutex_);
};

}  // namespace slipway::serving
