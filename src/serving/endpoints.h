// The data plane: endpoints with models in memory, answering requests. Decides nothing about what
// is in production; it is told (activate) and does it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "serving/batch.h"
#include "serving/model.h"
#include "serving/model_loader.h"
#include "serving/ports.h"
#include "serving/request_log.h"

namespace slipway::serving {

// Requests are spread over this many slots: hash64(salt + "\x1f" + key) modulo it.
inline constexpr int kSlots = 10'000;
int slot_of(std::string_view salt, std::string_view key);

struct SlotRange {
  int from = 0, to = 0;  // from <= slot < to
};

struct VariantSpec {
  std::string name;
  bool is_shadow = false;  // scores every request and answers none
  std::string uri;         // pinned: "models:/flight-delay/3"
  std::int64_t model_version = 0;
  std::vector<SlotRange> slots;
};

// What an endpoint is to do. A value.
struct EndpointSpec {
  std::string endpoint;
  std::int64_t revision = 0;
  std::string features;  // feature service; empty: callers send the features
  std::string output;    // what a single output is called; empty: as the model calls it
  std::string salt;
  bool durable_log = false;
  std::vector<VariantSpec> variants;
};

// What becomes of inputs that neither the models nor their feature service read.
enum class UnknownInputs { kIgnored, kRefused };

struct PredictRequest {
  std::string_view endpoint;
  std::string_view id;                        // empty: one is made
  std::string_view route_key;                 // empty: the id
  std::string_view traffic;                   // empty: real; anything else is logged and not judged
  std::optional<std::int64_t> version;        // only this one may answer; empty: the slots decide
  std::string_view variant;                   // the same, by name; empty: the slots decide
  std::optional<base::Timestamp> event_time;  // empty: now by the event clock
  std::string_view params;                    // of the model: a JSON object; empty: none
  // By then it is answered or refused.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  UnknownInputs unknown_inputs = UnknownInputs::kIgnored;
  Batch batch;
};

struct Prediction {
  std::string id, variant;
  std::int64_t revision = 0, model_version = 0;
  std::size_t rows = 0;
  std::vector<Output> outputs;
};

struct EndpointShape {
  std::string endpoint, features, platform;
  std::int64_t revision = 0;
  std::vector<std::int64_t> versions;  // of live variants
  std::vector<InputSpec> inputs;       // of all variants together
  std::vector<OutputSpec> outputs;     // of the live variant
};

// What one version has answered at an endpoint since the server started, however often the endpoint
// has changed meanwhile. Nanoseconds are totals.
struct VersionStatistics {
  std::string endpoint;
  std::int64_t version = 0;
  std::uint64_t requests = 0, rows = 0, failures = 0;
  std::uint64_t gather_ns = 0, score_ns = 0, total_ns = 0, failure_ns = 0;
  base::Timestamp last_request;  // 1970: none yet
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
  // named. kUnavailable: a durable log is full.
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
  struct LoadedModel {
    std::shared_ptr<const Model> model;
    double row_cost_us = 0;  // infinite: not known
  };
  // On a line of its own: every request writes to it.
  struct alignas(64) Tally {
    std::atomic<std::uint64_t> requests{0}, rows{0}, gather_ns{0}, score_ns{0}, total_ns{0};
    std::atomic<std::int64_t> last_request_us{0};
    std::atomic<std::uint64_t> failures{0}, failure_ns{0};
  };
  struct Variant {
    VariantSpec spec;
    std::shared_ptr<const Model> model;
    std::vector<int> inputs;  // by the model's input: position in `inputs` of the Serving
    std::shared_ptr<Tally> tally;
  };
  // Everything one request needs.
  struct Serving {
    EndpointSpec spec;
    std::vector<Variant> variants;
    std::vector<InputSpec> inputs;            // of all variants together, the columns first
    std::shared_ptr<const LogSchema> schema;  // the columns among them
    std::vector<int> lookup_positions;        // by column: position in `wanted`, or -1
    std::vector<std::string> wanted;          // the features to look up
    std::vector<std::string> lookup_request;  // columns that a lookup needs
    bool may_block = false;
    double row_cost_us = 0;         // of all variants together, at most
    std::size_t row_bytes_min = 0;  // of a request's body
    base::Counter* requests = nullptr;
    base::Counter* errors = nullptr;
    base::Histogram* latency = nullptr;
  };
  // Null: expected.
  using Table = std::map<std::string, std::shared_ptr<const Serving>, std::less<>>;

  Result<LoadedModel> load(const std::string& uri);
  std::shared_ptr<Tally> tally_of(const std::string& endpoint, std::int64_t version);
  Result<std::shared_ptr<const Serving>> build(const EndpointSpec& spec);
  std::shared_ptr<const Serving> find(std::string_view endpoint) const;
  Error no_answer(std::string_view endpoint) const;  // when there is nothing to find
  struct Scratch;
  // Fills the scratch's views, one an input of `serving`. What was sent wins over what is looked
  // up.
  Result<void> gather(const Serving& serving, const PredictRequest& request, base::Timestamp as_of,
                      Scratch& scratch) const;
  static Result<void> refuse_unknown(const Serving& serving, const Batch& batch);
  Result<void> gather_column(const Serving& serving, const Batch& batch, std::size_t column,
                             std::size_t input, Scratch& scratch) const;
  Result<void> look_up(const Serving& serving, const PredictRequest& request, base::Timestamp as_of,
                       Scratch& scratch) const;

  ModelSource& models_;
  FeatureLookup& features_;
  RequestLog& log_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  base::Metrics& metrics_;
  python::Runtime* const python_;  // nullable: models that need Python are refused
  const Options options_;

  std::atomic<std::shared_ptr<const Table>> table_{std::make_shared<const Table>()};
  base::Mutex mutex_;  // changes; never held while a model loads
  std::map<std::string, LoadedModel> loaded_ GUARDED_BY(mutex_);                    // by uri
  std::map<std::string, std::vector<std::string>> uris_in_use_ GUARDED_BY(mutex_);  // by endpoint
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<Tally>> tallies_
      GUARDED_BY(mutex_);  // by endpoint and version; kept when a version no longer answers
};

}  // namespace slipway::serving
