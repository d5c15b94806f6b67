// What the monitor needs of others, in its own words; app connects them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/attributions/attribution.h"
#include "monitor/definition.h"
#include "types/frame.h"

namespace slipway::monitor {

// The log of what was asked and answered. Safe to use from several threads.
class RequestSource {
 public:
  virtual ~RequestSource() = default;

  // Every logged row of `endpoint` with from <= event_time < to, what is still buffered included:
  // one row per request and variant that scored it. Columns: request_id, variant, role ("live" or
  // "shadow"), error, traffic (strings), model_version, latency_us (int64), event_time (timestamp),
  // prediction (double); every other column but endpoint, revision, arrival_time and what begins
  // with "request." is a feature.
  // Only `columns` when they are given. An unknown endpoint, or one without requests, gives a frame
  // without rows.
  virtual Result<types::Frame> requests(const std::string& endpoint, base::Timestamp from,
                                        base::Timestamp to,
                                        const std::vector<std::string>& columns) = 0;
  // The same rows a part after the other, so that not all are in memory at once, each with those of
  // the columns that it has. The error of `each` ends it.
  using EachPart = std::function<Result<void>(types::Frame& part)>;
  virtual Result<void> each_part(const std::string& endpoint, base::Timestamp from,
                                 base::Timestamp to, const std::vector<std::string>& columns,
                                 const EachPart& each) = 0;
};

// Rows the models were trained on. Safe to use from several threads.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;

  // The features of `endpoint` for entities with from <= event time < to, one column per feature,
  // named and typed as in the request log. A column "prediction" is taken as the predictions that
  // prediction drift is measured against.
  virtual Result<types::Frame> reference(const std::string& endpoint, base::Timestamp from,
                                         base::Timestamp to) = 0;
};

// What an endpoint's features are like. Safe to use from several threads.
class FeatureSource {
 public:
  virtual ~FeatureSource() = default;

  // The share of requests looked at in (from, to] that had a feature which differs. Nothing: none
  // was looked at.
  virtual Result<std::optional<double>> skew_rate(const std::string& endpoint, base::Timestamp from,
                                                  base::Timestamp to) = 0;
  // The newest event time of the view that is furthest behind, of those that its features come
  // from, as it is now. Nothing: it looks none up, or they have no rows.
  virtual Result<std::optional<base::Timestamp>> oldest_view(const std::string& endpoint) = 0;
};

// How far datasets go. Safe to use from several threads.
class DatasetSource {
 public:
  virtual ~DatasetSource() = default;

  // The newest event time of the version that was the newest at `as_of`, at most that, or when that
  // version came if it has no such times. Nothing: all came later. kNotFound: nothing ever came.
  virtual Result<std::optional<base::Timestamp>> newest_row(const std::string& dataset,
                                                            base::Timestamp as_of) = 0;
};

// What the conditions of declared slices mean. Safe to use from several threads.
class Conditions {
 public:
  virtual ~Conditions() = default;

  // By row of `frame`, whether it holds there; where it is missing it doesn't. kInvalidArgument: it
  // is none, or names what the frame doesn't have, with the place.
  virtual Result<std::vector<bool>> holds(const std::string& when, const types::Frame& frame) = 0;
};

// What a model goes by. Safe to use from several threads.
class AttributionSource {
 public:
  virtual ~AttributionSource() = default;

  // Of these rows of `frame`, whose columns are inputs, as version `version` of `endpoint` answers
  // them. kNotFound: no variant has that version. kFailedPrecondition: nobody can say for such a
  // model.
  virtual Result<Attributions> attributions(const std::string& endpoint, std::int64_t version,
                                            const types::Frame& frame,
                                            const std::vector<std::size_t>& rows) = 0;
};

struct ActionRequest {
  // The same id again means the same action again: the receiver must not start a second one.
  std::string id;
  std::int64_t alert_id = 0;
  std::string monitor, endpoint, alert, severity, action;
  ActionKind kind = ActionKind::kPipeline;
  std::string pipeline;
  std::map<std::string, std::string> params;
  std::string model;                // of a fallback
  std::int64_t about_revision = 0;  // that was in charge when it was decided
  base::Timestamp bad_since;        // where the first window that fired begins
  base::Timestamp as_of;            // what was known when the alert fired
  std::string reason;               // one sentence
};

struct ActionOutcome {
  enum class State { kDone, kRefused, kFailed };
  State state = State::kDone;
  std::string reason;
};

// What was started, or done.
struct ActionReceipt {
  std::string run_id;                    // of a pipeline
  std::int64_t revision = 0;             // of the endpoint's ledger, that the action has written
  std::int64_t incident = 0;             // that it has opened or joined
  std::optional<ActionOutcome> outcome;  // nothing: it goes on
};

// How an endpoint stands when an action is thought of.
struct Standing {
  std::optional<std::string> obstacle;   // why the action may not start now
  std::optional<std::int64_t> incident;  // that is open
  bool incident_has_owner = false;       // somebody works on it
  std::int64_t revision = 0;             // its newest; 0: none
  std::int64_t version = 0;              // of the model in charge; 0: none
};

// Does what an alert asks for. Safe to use from several threads.
class Actions {
 public:
  virtual ~Actions() = default;

  // The obstacle is that a run is active, a release is under way, the endpoint is held, and the
  // like.
  virtual Result<Standing> look(const std::string& endpoint, const ActionRule& action) = 0;
  // Starts it without waiting for a run's end. kFailedPrecondition: the release policy, or what
  // somebody decided meanwhile, goes before it.
  virtual Result<ActionReceipt> start(const ActionRequest& request) = 0;
  // How the run ended; nothing while it runs. kNotFound: no such run.
  virtual Result<std::optional<ActionOutcome>> find_outcome(const std::string& run_id) = 0;
};

}  // namespace slipway::monitor
