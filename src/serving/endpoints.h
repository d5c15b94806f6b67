// The data plane: endpoints with models in memory, answering requests. Decides nothing about what
// is in production; it is told (activate) and does it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "serving/batcher.h"
#include "serving/endpoint_spec.h"
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

// Safe to use from several threads. Requests read one immutable snapshot; a change swaps it, so no
// request waits and none fails.
class Endpoints {
 public:
  struct Options {
    double inline_budget_us = 200;  // is_quick(): of scoring
  };

  Endpoints(ModelSource& models, FeatureLookup& features, RequestLog& log,
            const base::Clock& event_clock, const base::Clock& wall_clock, base::Random& random,
            base::Metrics& metrics, python::Runtime* python, Options options)
      : models_(models),
        features_(features),
        log_(log),
        event_clock_(event_clock),
        wall_clock_(wall_clock),
        random_(random),
        metrics_(metrics),
        python_(python),
        options_(options) {}

  // Loads every model of `spec` and checks that the feature service (or the caller) can feed it.
  // kInvalidArgument: a feature that nobody provides. Changes nothing for requests.
  Result<void> prepare(const EndpointSpec& spec);
  // Answers with `spec` from now on. It was prepared. Models that neither it nor `keep` (nullable)
  // uses are let go once no request uses them.
  void activate(const EndpointSpec& spec, const EndpointSpec* keep);

  // Until its first activation, requests for this endpoint are told to come again.
  void expect(const std::string& endpoint);

  // kNotFound: no such endpoint, it has no revision yet, or the version or variant asked for is not
  // among its own. kInvalidArgument: missing, mistyped or (when they are refused) unknown inputs,
  // named. kUnavailable: a durable log is full. kResourceExhausted: too much waits for the model.
  // kDeadlineExceeded: the request's time was over before it was answered; if that was before the
  // model had it, it is not scored.
  Result<Prediction> predict(const PredictRequest& request);

  // Whether a thread that serves sockets may answer a request with a body of so many bytes: nothing
  // it needs blocks, and scoring as many rows as the body can hold stays in the budget by what a
  // row cost when the models were loaded.
  bool is_quick(std::string_view endpoint, std::size_t body_bytes) const;

  Result<EndpointShape> shape(std::string_view endpoint) const;  // kNotFound
  // What its models read, the columns first; stays good when the endpoint changes. kNotFound.
  using Inputs = std::shared_ptr<const std::vector<InputSpec>>;
  Result<Inputs> inputs(std::string_view endpoint) const;
  // Of the versions that answer now; by endpoint and version.
  std::vector<VersionStatistics> statistics() const;
  std::vector<std::string> names() const;
  // What its models read that their feature service provides; nothing for an unknown endpoint.
  std::vector<LoggedFeature> looked_up(std::string_view endpoint) const;

 private:
  // Null: expected.
  using Table = std::map<std::string, std::shared_ptr<const Serving>, std::less<>>;

  Result<LoadedModel> load(const std::string& uri, const PythonSpec& python);
  Result<std::shared_ptr<const Serving>> build(const EndpointSpec& spec);
  std::shared_ptr<const Serving> find(std::string_view endpoint) const;
  Result<Batcher::Receipt> score(const Variant& variant, const Batcher::Request& request,
                                 std::chrono::steady_clock::time_point start,
                                 std::vector<Output>& outputs) const;
  Error no_answer(std::string_view endpoint) const;  // when there is nothing to find

  ModelSource& models_;
  FeatureLookup& features_;
  RequestLog& log_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  base::Metrics& metrics_;
  python::Runtime* const python_;  // nullable: models that need Python are refused
  const Options options_;

  VersionTallies tallies_;
  std::atomic<std::shared_ptr<const Table>> table_{std::make_shared<const Table>()};
  base::Mutex mutex_;  // changes; never held while a model loads
  std::map<std::string, LoadedModel> loaded_ GUARDED_BY(mutex_);                    // by key
  std::map<std::string, std::vector<std::string>> uris_in_use_ GUARDED_BY(mutex_);  // by endpoint
};

}  // namespace slipway::serving
