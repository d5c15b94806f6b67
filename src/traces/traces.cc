#include "traces/traces.h"

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "base/json.h"
#include "traces/conventions.h"
#include "traces/packing.h"
#include "traces/span_summary.h"
#include "traces/trace_rows.h"
#include "types/key_rules.h"

namespace slipway::traces {
namespace {

constexpr std::size_t kTagKeyLengthMax = 250;
constexpr std::size_t kTagValueLengthMax = 8000;

// Programs whose name is shown with the root span, as MLflow has them.
constexpr std::string_view kKnownServices[] = {"claude-code", "codex_cli_rs", "codex_vscode",
                                               "gemini-cli", "qwen-code"};

// Cuts behind so many characters.
std::string cut(std::string value, std::size_t characters_max) {
  if (value.size() <= characters_max) return value;
  std::size_t characters = 0, at = 0;
  while (at < value.size() && characters < characters_max) {
    ++at;
    while (at < value.size() && (static_cast<unsigned char>(value[at]) & 0xC0U) == 0x80U) ++at;
    ++characters;
  }
  value.resize(at);
  return value;
}

Result<void> check_tag_key(const std::string& key) {
  if (const std::optional<std::string> fault = types::fault_of_key(key)) {
    return base::error(Code::kInvalidArgument, "Invalid tag name: '{}'. {}", key, *fault);
  }
  if (types::count_characters(key) > kTagKeyLengthMax) {
    return base::error(Code::kInvalidArgument, "'key' exceeds the maximum length of {} characters",
                       kTagKeyLengthMax);
  }
  return {};
}

Result<void> check_name(const Labels& tags) {
  const std::string* name = tags.find(kNameTag);
  if (name == nullptr || types::count_characters(*name) <= kTraceNameLengthMax) return {};
  return base::error(Code::kInvalidArgument,
                     "'Trace name' exceeds the maximum length of {} characters",
                     kTraceNameLengthMax);
}

// An id is part of a path.
Result<void> check_id(const std::string& id) {
  constexpr std::size_t kLengthMax = 250;
  if (id.empty())
    return base::error(Code::kInvalidArgument, "Missing value for required parameter 'trace_id'.");
  const bool is_good = id.size() <= kLengthMax && !id.starts_with('.') &&
                       std::all_of(id.begin(), id.end(), [](unsigned char c) {
                         return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
                       });
  if (is_good) return {};
  return base::error(Code::kInvalidArgument,
                     "Invalid trace ID '{}': letters, digits, '-', '_' and '.' only, at most {}",
                     id, kLengthMax);
}

// The spans of one trace, and all that follows from them, worked out before the write.
struct Arrival {
  std::string id;
  std::vector<Span> spans;
  Labels resource;
  SpanSummary summary;
  std::optional<std::string> usage, cost;
  std::string packed;
  bool has_root = false;
};

// A resource's attributes become tags, but neither the SDK's own nor MLflow's names.
void add_resource_tags(const Labels& resource, Labels& tags) {
  for (const auto& [key, value] : resource) {
    if (key.starts_with("telemetry.sdk.") || key.starts_with("mlflow.")) continue;
    if (check_tag_key(key)) tags.set(key, cut(value, kTagValueLengthMax));
  }
}

std::vector<Arrival> sort_by_trace(std::vector<SpanGroup> groups) {
  std::map<std::string, Arrival> by_trace;
  for (SpanGroup& group : groups) {
    const std::string* service = group.resource.find("service.name");
    const bool is_known =
        service != nullptr && std::find(std::begin(kKnownServices), std::end(kKnownServices),
                                        *service) != std::end(kKnownServices);
    for (Span& span : group.spans) {
      const bool is_root = span.parent_id.empty();
      if (is_root && is_known) span.set("service.name", base::to_text(Json(*service)));
      translate_conventions(span);
      Arrival& arrival = by_trace[span.trace_id];
      arrival.has_root = arrival.has_root || is_root;
      if (arrival.resource.empty()) arrival.resource = group.resource;
      arrival.spans.push_back(std::move(span));
    }
  }
  std::vector<Arrival> arrivals;
  for (auto& [trace_id, arrival] : by_trace) {
    arrival.id = "tr-" + base::to_hex(std::as_bytes(std::span(trace_id)));
    for (Span& span : arrival.spans)
      span.set("mlflow.traceRequestId", fmt::format("\"{}\"", arrival.id));
    arrival.summary = summarize(arrival.spans);
    arrival.usage = token_usage(arrival.spans);
    arrival.cost = cost(arrival.spans);
    arrival.packed = pack_spans(arrival.spans);
    arrivals.push_back(std::move(arrival));
  }
  return arrivals;
}

void add_labels(const Arrival& arrival, TraceInfo& info) {
  info.tags.set(kSpansLocationTag, "TRACKING_STORE");
  add_resource_tags(arrival.resource, info.tags);
  for (const auto& [key, value] : arrival.summary.tags) {
    if (check_tag_key(key)) info.tags.set(key, cut(value, kTagValueLengthMax));
  }
  const auto fill = [&](std::string_view key, const std::string& value) {
    if (!value.empty() && info.metadata.find(key) == nullptr) info.metadata.set(key, value);
  };
  fill(kSessionMetadata, arrival.summary.session);
  fill(kUserMetadata, arrival.summary.user);
}

TraceInfo first_info(const Arrival& arrival, std::int64_t experiment, const std::string& folder) {
  TraceInfo info;
  info.id = arrival.id;
  info.experiment = experiment;
  info.start_ms = arrival.summary.start_ms;
  if (arrival.summary.end_ms) info.duration_ms = *arrival.summary.end_ms - info.start_ms;
  info.state = arrival.summary.state.value_or(TraceState::kInProgress);
  info.request_preview = arrival.summary.request_preview;
  info.response_preview = arrival.summary.response_preview;
  info.tags.set(kArtifactLocationTag, artifacts_of(folder, info.id));
  add_labels(arrival, info);
  if (arrival.usage) info.metadata.set(kTokenUsageMetadata, *arrival.usage);
  if (arrival.cost) info.metadata.set(kCostMetadata, *arrival.cost);
  return info;
}

// What the spans add to a trace that is known. `all` has the stored ones and these.
void add_to_info(const Arrival& arrival, std::span<const Span> all, TraceInfo& info) {
  const SpanSummary& summary = arrival.summary;
  const bool is_final = info.metadata.find(kFinalizedMetadata) != nullptr;
  if (!is_final) {
    const std::int64_t end = info.start_ms + info.duration_ms.value_or(0);
    info.start_ms = std::min(info.start_ms, summary.start_ms);
    if (summary.end_ms) {
      info.duration_ms = std::max(end, *summary.end_ms) - info.start_ms;
    } else if (info.duration_ms) {
      info.duration_ms = end - info.start_ms;
    }
  }
  if (info.state == TraceState::kInProgress || info.state == TraceState::kUnspecified)
    info.state = summary.state.value_or(info.state);
  if (!info.request_preview) info.request_preview = summary.request_preview;
  if (!info.response_preview) info.response_preview = summary.response_preview;
  const auto recount = [&](std::string_view key, const std::optional<std::string>& here,
                           std::optional<std::string> (*count)(std::span<const Span>)) {
    if (!here || (is_final && info.metadata.find(key) != nullptr)) return;
    if (const auto total = count(all)) info.metadata.set(key, *total);
  };
  recount(kTokenUsageMetadata, arrival.usage, token_usage);
  recount(kCostMetadata, arrival.cost, cost);
  add_labels(arrival, info);
}

Result<void> write_arrival(store::Tx& tx, const Arrival& arrival, std::int64_t experiment,
                           const std::string& folder, const std::string& run) {
  std::optional<StoredTrace> known = TRY(find_trace(tx, arrival.id));
  std::int64_t number = 0;
  if (known) {
    if (known->info.experiment != experiment) {
      return base::error(Code::kFailedPrecondition,
                         "trace {} belongs to experiment {}, its spans cannot go to experiment {}",
                         arrival.id, known->info.experiment, experiment);
    }
    number = known->number;
    std::vector<Span> all;
    if (arrival.usage || arrival.cost) all = TRY(read_spans(tx, *known));
    all.insert(all.end(), arrival.spans.begin(), arrival.spans.end());
    add_to_info(arrival, all, known->info);
    TRY(update_trace(tx, *known));
  } else {
    number = TRY(insert_trace(tx, first_info(arrival, experiment, folder)));
  }
  TRY(append_spans(tx, number, arrival.packed, arrival.spans.size()));
  if (!run.empty() && arrival.has_root) TRY(put_link(tx, LinkKind::kRun, run, arrival.id));
  return {};
}

bool is_among(const std::optional<std::vector<std::string>>& experiments, std::int64_t experiment) {
  return !experiments || std::find(experiments->begin(), experiments->end(),
                                   std::to_string(experiment)) != experiments->end();
}

}  // namespace

Result<TraceInfo> Traces::start(const std::string& experiment_id, TraceInfo info) {
  TRY(check_id(info.id));
  TRY(check_name(info.tags));
  info.experiment = TRY(experiments_.number(experiment_id));
  const base::Timestamp now = clock_.now();
  for (Assessment& assessment : info.assessments) {
    if (assessment.id.empty()) assessment.id = "a-" + random_.hex();
    if (assessment.created == base::Timestamp()) assessment.created = now;
    if (assessment.updated == base::Timestamp()) assessment.updated = now;
  }
  info.metadata.set(kFinalizedMetadata, "true");
  return db_.write([&](store::Tx& tx) -> Result<TraceInfo> {
    const std::string folder = TRY(experiments_.trace_folder(tx, info.experiment));
    std::optional<StoredTrace> known = TRY(find_trace(tx, info.id));
    StoredTrace trace;
    if (known) {
      trace = std::move(*known);
      trace.info.experiment = info.experiment;
      trace.info.start_ms = info.start_ms;
      trace.info.duration_ms = info.duration_ms;
      trace.info.state = info.state;
      trace.info.client_request_id = info.client_request_id;
      if (info.request_preview) trace.info.request_preview = info.request_preview;
      if (info.response_preview) trace.info.response_preview = info.response_preview;
      trace.info.tags.merge(info.tags);
      trace.info.metadata.merge(info.metadata);
    } else {
      trace.info = info;
      trace.info.assessments.clear();
    }
    trace.info.tags.set(kArtifactLocationTag, artifacts_of(folder, info.id));
    if (trace.number != 0) {
      TRY(update_trace(tx, trace));
    } else {
      trace.number = TRY(insert_trace(tx, trace.info));
    }
    for (const Assessment& assessment : info.assessments)
      TRY(put_assessment(tx, trace.number, assessment));
    if (!known && info.assessments.empty()) return std::move(trace.info);
    std::vector<StoredTrace> one;
    one.push_back(std::move(trace));
    TRY(load_assessments(tx, one));
    return std::move(one.front().info);
  });
}

Result<TraceInfo> Traces::start_running(const TraceDraft& draft) {
  TRY(check_name(draft.tags));
  TraceInfo info;
  info.id = "tr-" + random_.hex();
  info.experiment = TRY(experiments_.number(draft.experiment_id));
  info.start_ms = draft.start_ms;
  info.state = TraceState::kInProgress;
  info.tags = draft.tags;
  info.metadata = draft.metadata;
  return db_.write([&](store::Tx& tx) -> Result<TraceInfo> {
    const std::string folder = TRY(experiments_.trace_folder(tx, info.experiment));
    TraceInfo made = info;
    made.tags.set(kArtifactLocationTag, artifacts_of(folder, info.id));
    TRY(insert_trace(tx, made));
    return made;
  });
}

Result<TraceInfo> Traces::end(const std::string& id, const TraceEnd& end) {
  TRY(check_name(end.tags));
  return db_.write([&](store::Tx& tx) -> Result<TraceInfo> {
    std::vector<StoredTrace> one;
    one.push_back(TRY(get_trace(tx, id)));
    TraceInfo& info = one.front().info;
    info.duration_ms = end.end_ms - info.start_ms;
    info.state = end.state;
    info.tags.merge(end.tags);
    info.metadata.merge(end.metadata);
    TRY(update_trace(tx, one.front()));
    TRY(load_assessments(tx, one));
    return std::move(info);
  });
}

Result<void> Traces::log_spans(const std::string& experiment_id, std::vector<SpanGroup> groups,
                               const std::string& run) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  const std::vector<Arrival> arrivals = sort_by_trace(std::move(groups));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const std::string folder = TRY(experiments_.trace_folder(tx, experiment));
    if (!run.empty()) TRY(experiments_.check_run(tx, run));
    for (const Arrival& arrival : arrivals)
      TRY(write_arrival(tx, arrival, experiment, folder, run));
    return {};
  });
}

Result<TraceInfo> Traces::get_info(const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<TraceInfo> {
    std::vector<StoredTrace> one;
    one.push_back(TRY(get_trace(reader, id)));
    TRY(load_assessments(reader, one));
    return std::move(one.front().info);
  });
}

Result<std::string> Traces::artifact_location(const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<std::string> {
    const StoredTrace trace = TRY(get_trace(reader, id));
    return artifacts_of(TRY(experiments_.trace_folder(reader, trace.info.experiment)), id);
  });
}

Result<Trace> Traces::get(const std::string& id) {
  std::vector<Trace> found = TRY(get_many({id}, std::nullopt));
  if (found.empty()) return no_trace(id);
  return std::move(found.front());
}

Result<std::vector<TraceInfo>> Traces::get_infos(
    const std::vector<std::string>& ids,
    const std::optional<std::vector<std::string>>& experiments) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<TraceInfo>> {
    std::vector<StoredTrace> found;
    for (const std::string& id : ids) {
      std::optional<StoredTrace> trace = TRY(find_trace(reader, id));
      if (trace && is_among(experiments, trace->info.experiment))
        found.push_back(std::move(*trace));
    }
    TRY(load_assessments(reader, found));
    std::vector<TraceInfo> infos;
    for (StoredTrace& trace : found) infos.push_back(std::move(trace.info));
    return infos;
  });
}

Result<std::vector<Trace>> Traces::get_many(
    const std::vector<std::string>& ids,
    const std::optional<std::vector<std::string>>& experiments) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Trace>> {
    std::vector<StoredTrace> found;
    std::vector<Trace> traces;
    for (const std::string& id : ids) {
      std::optional<StoredTrace> trace = TRY(find_trace(reader, id));
      if (!trace || !is_among(experiments, trace->info.experiment)) continue;
      traces.emplace_back().spans = TRY(read_spans(reader, *trace));
      found.push_back(std::move(*trace));
    }
    TRY(load_assessments(reader, found));
    for (std::size_t i = 0; i < found.size(); ++i) traces[i].info = std::move(found[i].info);
    return traces;
  });
}

Result<void> Traces::set_tag(const std::string& id, const std::string& key,
                             const std::string& value) {
  TRY(check_tag_key(key));
  Labels tags;
  tags.set(key, value);
  TRY(check_name(tags));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    StoredTrace trace = TRY(get_trace(tx, id));
    trace.info.tags.set(key, cut(value, kTagValueLengthMax));
    return update_trace(tx, trace);
  });
}

Result<void> Traces::delete_tag(const std::string& id, const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    StoredTrace trace = TRY(get_trace(tx, id));
    if (!trace.info.tags.erase(key)) {
      return base::error(Code::kNotFound, "No trace tag with key '{}' for trace with ID '{}'", key,
                         id);
    }
    return update_trace(tx, trace);
  });
}

Result<void> Traces::link_to_run(const std::vector<std::string>& ids, const std::string& run) {
  if (ids.size() > kTracesPerLinkMax) {
    return base::error(
        Code::kInvalidArgument,
        "Cannot link more than {} traces to a run in a single request. Provided {} traces.",
        kTracesPerLinkMax, ids.size());
  }
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(experiments_.check_run(tx, run));
    for (const std::string& id : ids) TRY(put_link(tx, LinkKind::kRun, run, id));
    return {};
  });
}

Result<void> Traces::link_prompts(const std::string& id,
                                  const std::vector<PromptReference>& prompts) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(get_trace(tx, id));
    for (const PromptReference& prompt : prompts) {
      TRY(put_link(tx, LinkKind::kPrompt, fmt::format("{}/{}", prompt.name, prompt.version), id));
    }
    return {};
  });
}

bool is_complete(const Trace& trace) {
  const std::string* stats = trace.info.metadata.find(kSizeStatsMetadata);
  if (stats == nullptr) return true;
  const Result<JsonObject> object = base::parse_json_object(*stats);
  if (!object) return true;
  const auto expected = base::find_int(*object, "num_spans").value_or(std::nullopt);
  return static_cast<std::int64_t>(trace.spans.size()) >= expected.value_or(0);
}

Result<std::optional<std::string>> experiment_of_trace(store::Reader& reader,
                                                       const std::string& id) {
  return reader.find("SELECT experiment FROM traces WHERE id = ?", {id},
                     [](const store::Row& row) { return std::to_string(row.int64(0)); });
}

Result<std::optional<std::string>> experiment_of_trace(store::Db& db, const std::string& id) {
  return db.read([&](store::Reader& reader) { return experiment_of_trace(reader, id); });
}

}  // namespace slipway::traces
