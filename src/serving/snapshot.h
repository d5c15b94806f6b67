// All that one request to an endpoint needs, as one immutable value.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "serving/batcher.h"
#include "serving/endpoint_spec.h"
#include "serving/input_policy.h"
#include "serving/model.h"
#include "serving/ports.h"
#include "serving/recent_minutes.h"
#include "serving/request.h"
#include "serving/request_log.h"
#include "serving/version_statistics.h"

namespace slipway::serving {

struct LoadedModel {
  std::shared_ptr<const Model> model;
  double row_cost_us = 0;  // infinite: not known
};

struct Variant {
  VariantSpec spec;
  std::shared_ptr<const Model> model;  // null: not in memory
  std::vector<int> inputs;             // by the model's input: position in `inputs` of the Serving
  std::shared_ptr<VersionTally> tally;
  double row_cost_us = 0;
  std::shared_ptr<Batcher> batcher;  // of calls that are not quick; null without a model
};

// How a request column is kept in the log: numbers otherwise.
inline bool is_logged_as_text(FeatureLookup::RequestType type) {
  using enum FeatureLookup::RequestType;
  return type == kText || type == kWhole;
}

struct Serving {
  EndpointSpec spec;
  bool is_awake = true;  // false: its models are not in memory, and nothing can be asked
  std::vector<Variant> variants;
  std::vector<InputSpec> inputs;            // of all variants together, the columns first
  std::vector<OutputSpec> outputs;          // of the live variant
  std::string platform;                     // likewise
  std::shared_ptr<const LogSchema> schema;  // the columns among them
  std::vector<int> lookup_positions;        // by column: position in `wanted`, or -1
  std::vector<std::string> wanted;          // the features to look up
  std::vector<std::string> lookup_request;  // columns that a lookup needs
  // Those of them that no model reads: logged all the same, so that what was served can be computed
  // again.
  struct Kept {
    std::string name;
    FeatureLookup::RequestType type;
  };
  std::vector<Kept> kept;
  std::shared_ptr<const LogSchema> log_schema;  // the columns of `schema`, then the kept ones
  std::shared_ptr<const InputPolicy> policy;    // of the columns of `log_schema`; null: none
  bool may_block = false;
  double row_cost_us = 0;         // of all variants together, at most
  std::size_t row_bytes_min = 0;  // of a request's body
  base::Counter* requests = nullptr;
  base::Counter* errors = nullptr;
  base::Histogram* latency = nullptr;
  std::shared_ptr<RecentMinutes> minutes;
};

// Position of the input of that name; inputs.size() when there is none.
std::size_t position_of(const std::vector<InputSpec>& inputs, std::string_view name);

// The variant that answers: the one asked for, else the one that has the slot. kNotFound: it has no
// such variant or version.
Result<const Variant*> choose_variant(const Serving& serving, const PredictRequest& request,
                                      int slot);

// The same without its models.
std::shared_ptr<const Serving> put_to_sleep(const Serving& serving);
// Of an endpoint whose models were not loaded yet, so that nobody knows what they read.
std::shared_ptr<const Serving> make_asleep(const EndpointSpec& spec, VersionTallies& tallies);

// Puts together what `spec` and its models, one a variant, need. kInvalidArgument: variants,
// feature service or rules of inputs that don't go together, named; kNotFound: no such service.
Result<std::shared_ptr<const Serving>> make_serving(
    const EndpointSpec& spec, const std::vector<LoadedModel>& models, FeatureLookup& features,
    VersionTallies& tallies, InputTallies& input_tallies, base::Metrics& metrics);

}  // namespace slipway::serving
