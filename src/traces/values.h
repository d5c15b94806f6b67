// The nouns of tracing, as plain values. Names and meaning follow MLflow's and OpenTelemetry's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/timestamp.h"

namespace slipway::traces {

struct Attribute {
  std::string key;
  std::string json;  // the value, as JSON
};

enum class SpanStatus : std::uint8_t { kUnset, kOk, kError };
std::string_view status_name(SpanStatus status);  // "UNSET", "OK", "ERROR"

struct SpanEvent {
  std::string name;
  std::int64_t time_ns = 0;
  std::vector<Attribute> attributes;
};

struct SpanLink {
  std::string trace_id, span_id;  // bytes
  std::vector<Attribute> attributes;
};

// One timed step of a trace. Ids are bytes: 16 of the trace, 8 of a span.
struct Span {
  std::string trace_id, span_id;
  std::string parent_id;  // empty: the root
  std::string name;
  std::int32_t kind = 0;  // OpenTelemetry's number
  std::int64_t start_ns = 0, end_ns = 0;
  SpanStatus status = SpanStatus::kUnset;
  std::string status_message;
  std::vector<Attribute> attributes;
  std::vector<SpanEvent> events;
  std::vector<SpanLink> links;

  // The JSON of an attribute; nothing when it is absent.
  const std::string* find(std::string_view key) const;
  void set(std::string_view key, std::string json);
};

// A text inside JSON quotes, decoded; any other JSON as it is.
std::string text_of_json(std::string_view json);
// The value of the attribute that says what kind of work a span is ("LLM", "TOOL"); UNKNOWN.
std::string span_type(const Span& span);

enum class TraceState : std::uint8_t { kUnspecified, kOk, kError, kInProgress };
std::string_view state_name(TraceState state);  // "STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"
TraceState parse_state(std::string_view name);  // kUnspecified for any other word

// Keys sorted, each once.
class Labels {
 public:
  using Item = std::pair<std::string, std::string>;

  const std::string* find(std::string_view key) const;
  void set(std::string_view key, std::string value);
  bool erase(std::string_view key);  // whether it was there
  void merge(const Labels& other);   // its values win

  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  bool operator==(const Labels&) const = default;

 private:
  std::vector<Item> items_;
};

enum class AssessmentKind : std::uint8_t { kFeedback, kExpectation, kIssue };

// What somebody, or a judge, or code, says about a trace or one of its spans.
struct Assessment {
  std::string id;  // "a-" and 32 hex digits
  std::string trace_id;
  std::string span_id;  // as the client has it; empty: of the whole trace
  AssessmentKind kind = AssessmentKind::kFeedback;
  std::string name;
  std::string value;  // JSON; empty: none
  std::string error;  // of feedback: JSON; empty: none
  std::string source_type = "HUMAN", source_id;
  std::string rationale;
  Labels metadata;
  std::string overrides;  // the assessment that this one replaces
  bool is_valid = true;   // false: another one replaces it
  base::Timestamp created, updated;
};

// A trace without its spans.
struct TraceInfo {
  std::string id;  // "tr-" and 32 hex digits of OpenTelemetry's id
  std::int64_t experiment = 0;
  std::int64_t start_ms = 0;
  std::optional<std::int64_t> duration_ms;
  TraceState state = TraceState::kUnspecified;
  std::string client_request_id;
  std::optional<std::string> request_preview, response_preview;
  Labels tags, metadata;
  std::vector<Assessment> assessments;
};

struct Trace {
  TraceInfo info;
  std::vector<Span> spans;  // the root first, then by start
};

// Keys that mean something to the server; MLflow's.
inline constexpr std::string_view kNameTag = "mlflow.traceName";
inline constexpr std::string_view kSpansLocationTag = "mlflow.trace.spansLocation";
inline constexpr std::string_view kArtifactLocationTag = "mlflow.artifactLocation";
inline constexpr std::string_view kFinalizedMetadata = "mlflow.trace.infoFinalized";
inline constexpr std::string_view kSessionMetadata = "mlflow.trace.session";
inline constexpr std::string_view kUserMetadata = "mlflow.trace.user";
inline constexpr std::string_view kTokenUsageMetadata = "mlflow.trace.tokenUsage";
inline constexpr std::string_view kCostMetadata = "mlflow.trace.cost";
inline constexpr std::string_view kSizeStatsMetadata = "mlflow.trace.sizeStats";
inline constexpr std::string_view kRunMetadata = "mlflow.sourceRun";

}  // namespace slipway::traces
