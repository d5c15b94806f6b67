// Keeps traces: what happened inside an application while it answered one request.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "traces/ports.h"
#include "traces/values.h"

namespace slipway::traces {

// Spans that came from one program, and what it says of itself.
struct SpanGroup {
  Labels resource;
  std::vector<Span> spans;
};

struct TraceDraft {
  std::string experiment_id;
  std::int64_t start_ms = 0;
  Labels tags, metadata;
};

struct TraceEnd {
  std::int64_t end_ms = 0;
  TraceState state = TraceState::kUnspecified;
  Labels tags, metadata;  // added to what is there
};

struct PromptReference {
  std::string name, version;
};

inline constexpr std::size_t kTracesPerLinkMax = 100;
inline constexpr std::size_t kTraceNameLengthMax = 8000;

// Information about a trace and its spans arrive apart, in any order; whichever is first makes it,
// and what a client says of the trace as a whole counts more than what spans let one conclude.
//
// Safe to use from several threads. Everything given to the constructor must outlive it.
class Traces {
 public:
  Traces(store::Db& db, ExperimentRecords& experiments, const base::Clock& clock,
         base::Random& random)
      : db_(db), experiments_(experiments), clock_(clock), random_(random) {}

  // Keeps what the client says, over what there is. Assessments without an id get one.
  // kInvalidArgument: an empty id; kNotFound, kFailedPrecondition: the experiment is not there or
  // deleted.
  Result<TraceInfo> start(const std::string& experiment_id, TraceInfo info);
  // MLflow's older way: a trace that runs, with an id of ours, and its end.
  Result<TraceInfo> start_running(const TraceDraft& draft);
  Result<TraceInfo> end(const std::string& id, const TraceEnd& end);
  // One write, however many traces the spans belong to; all or nothing. `run`, when not empty, is
  // linked to the traces whose root is among the spans.
  Result<void> log_spans(const std::string& experiment_id, std::vector<SpanGroup> groups,
                         const std::string& run = "");

  // kNotFound.
  Result<TraceInfo> get_info(const std::string& id);
  // Where its attachments lie, and its spans when the client keeps them there.
  Result<std::string> artifact_location(const std::string& id);
  Result<Trace> get(const std::string& id);
  // Those that exist, in the order asked for. `experiments`: only of these; nothing: of any.
  Result<std::vector<TraceInfo>> get_infos(
      const std::vector<std::string>& ids,
      const std::optional<std::vector<std::string>>& experiments);
  Result<std::vector<Trace>> get_many(const std::vector<std::string>& ids,
                                      const std::optional<std::vector<std::string>>& experiments);

  // kInvalidArgument: a key that is none. Longer values are cut.
  Result<void> set_tag(const std::string& id, const std::string& key, const std::string& value);
  Result<void> delete_tag(const std::string& id, const std::string& key);  // kNotFound

  // The traces may still be on their way. kNotFound: the run; kInvalidArgument: too many.
  Result<void> link_to_run(const std::vector<std::string>& ids, const std::string& run);
  Result<void> link_prompts(const std::string& id, const std::vector<PromptReference>& prompts);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
  const base::Clock& clock_;
  base::Random& random_;
};

// Whether all spans are there that the client said the trace has.
bool is_complete(const Trace& trace);

// Which experiment a trace belongs to: what permissions are asked about. Nothing: no such trace.
Result<std::optional<std::string>> experiment_of_trace(store::Db& db, const std::string& id);
Result<std::optional<std::string>> experiment_of_trace(store::Reader& reader,
                                                       const std::string& id);

}  // namespace slipway::traces
