#include "traces/trace_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "traces/packing.h"
#include "traces/search_grammar.h"
#include "traces/span_summary.h"
#include "traces/trace_filter.h"
#include "traces/trace_rows.h"
#include "types/search_filter.h"
#include "types/timestamp.h"

namespace slipway::traces {
namespace {

using types::Entity;
using types::SearchClause;
using enum AggregationKind;

constexpr std::int64_t kNanosPerMilli = 1'000'000;
// The years 1 to 9999: a client may say any time.
constexpr std::int64_t kTimeMsMin = -62'135'596'800'000, kTimeMsMax = 253'402'300'799'999;
constexpr std::string_view kTagPrefix = "tag.";
constexpr std::string_view kMetadataPrefix = "metadata.";

// What can be asked of a metric.
struct Rule {
  MetricView view;
  std::string_view metric;
  std::span<const AggregationKind> aggregations;
  std::span<const std::string_view> dimensions;
};

constexpr AggregationKind kCounts[] = {kCount};
constexpr AggregationKind kMeasures[] = {kAverage, kLeast, kGreatest, kPercentile};
constexpr AggregationKind kAmounts[] = {kSum, kAverage, kLeast, kGreatest, kPercentile};
constexpr std::string_view kTraceKinds[] = {"trace_name", "trace_status"};
constexpr std::string_view kTraceName[] = {"trace_name"};
constexpr std::string_view kSpanKinds[] = {"span_model_name", "span_model_provider", "span_name",
                                           "span_status", "span_type"};
constexpr std::string_view kSpanTiming[] = {"span_name", "span_status"};
constexpr std::string_view kSpanModel[] = {"span_model_name", "span_model_provider"};
constexpr std::string_view kJudgements[] = {"assessment_name", "assessment_value"};
constexpr std::string_view kJudgementName[] = {"assessment_name"};

constexpr Rule kRules[] = {
    {MetricView::kTraces, "trace_count", kCounts, kTraceKinds},
    {MetricView::kTraces, "session_count", kCounts, {}},
    {MetricView::kTraces, "latency", kMeasures, kTraceName},
    {MetricView::kTraces, "input_tokens", kAmounts, kTraceName},
    {MetricView::kTraces, "output_tokens", kAmounts, kTraceName},
    {MetricView::kTraces, "total_tokens", kAmounts, kTraceName},
    {MetricView::kTraces, "cache_read_input_tokens", kAmounts, kTraceName},
    {MetricView::kTraces, "cache_creation_input_tokens", kAmounts, kTraceName},
    {MetricView::kSpans, "span_count", kCounts, kSpanKinds},
    {MetricView::kSpans, "latency", kMeasures, kSpanTiming},
    {MetricView::kSpans, "input_cost", kAmounts, kSpanModel},
    {MetricView::kSpans, "output_cost", kAmounts, kSpanModel},
    {MetricView::kSpans, "total_cost", kAmounts, kSpanModel},
    {MetricView::kAssessments, "assessment_count", kCounts, kJudgements},
    {MetricView::kAssessments, "assessment_value", kMeasures, kJudgementName},
};

// "'a', 'b'", sorted.
std::string quoted(std::vector<std::string_view> words) {
  std::sort(words.begin(), words.end());
  std::string text;
  for (const std::string_view word : words)
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", word);
  return text;
}

Result<void> check_rule(const MetricQuery& query) {
  std::vector<std::string_view> known;
  const Rule* found = nullptr;
  for (const Rule& rule : kRules) {
    if (rule.view != query.view) continue;
    known.push_back(rule.metric);
    if (rule.metric == query.metric) found = &rule;
  }
  if (found == nullptr) {
    return base::error(Code::kInvalidArgument, "metric_name must be one of [{}], got '{}'",
                       quoted(known), query.metric);
  }
  const auto has = [](const auto& list, const auto& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
  };
  for (const Aggregation& aggregation : query.aggregations) {
    if (has(found->aggregations, aggregation.kind)) continue;
    std::vector<std::string_view> able;
    for (const AggregationKind kind : found->aggregations) able.push_back(aggregation_name(kind));
    return base::error(Code::kInvalidArgument,
                       "Found invalid aggregation_type(s): ['{}']. Supported aggregation types: "
                       "[{}]",
                       aggregation_name(aggregation.kind), quoted(able));
  }
  for (const std::string& dimension : query.dimensions) {
    if (has(found->dimensions, std::string_view(dimension))) continue;
    return base::error(Code::kInvalidArgument,
                       "Found invalid dimension(s): ['{}']. Supported dimensions: [{}]", dimension,
                       quoted({found->dimensions.begin(), found->dimensions.end()}));
  }
  return {};
}

// The words of filters: trace.status, trace.tag.KEY, trace.metadata.KEY, span.name and so on.
constexpr types::Comparisons kEquality{types::Comparison::kEqual};
constexpr std::string_view kTraceWords[] = {"trace"};
constexpr std::string_view kSpanWords[] = {"span"};
constexpr std::string_view kAssessmentWords[] = {"assessment"};
constexpr types::SearchKey kTraceKey{.comparisons = kEquality};
constexpr types::SearchKey kSpanKeys[] = {
    {.word = "name", .name = "name", .comparisons = kEquality},
    {.word = "status", .name = "status", .comparisons = kEquality},
    {.word = "type", .name = "type", .comparisons = kEquality}};
constexpr types::SearchKey kAssessmentKeys[] = {
    {.word = "name", .name = "name", .comparisons = kEquality},
    {.word = "type", .name = "type", .comparisons = kEquality}};
constexpr types::SearchEntity kEntities[] = {
    {.entity = Entity::kAttribute, .words = kTraceWords, .any = kTraceKey},
    {.entity = Entity::kSpan, .words = kSpanWords, .keys = kSpanKeys},
    {.entity = Entity::kFeedback, .words = kAssessmentWords, .keys = kAssessmentKeys}};
constexpr types::SearchGrammar kGrammar{kEntities};

// A clause on the trace is then one of trace_grammar.
Result<SearchClause> read_filter(const std::string& text, MetricView view) {
  std::vector<SearchClause> clauses = TRY(types::parse_search_filter(text, kGrammar));
  if (clauses.size() != 1) {
    return base::error(Code::kInvalidArgument, "Invalid filter: '{}'. Expected one filter clause.",
                       text);
  }
  SearchClause& clause = clauses.front();
  if (clause.entity == Entity::kSpan && view != MetricView::kSpans) {
    return base::error(Code::kInvalidArgument,
                       "Filtering by span is only supported for SPANS view type: '{}'", text);
  }
  if (clause.entity == Entity::kFeedback && view != MetricView::kAssessments) {
    return base::error(Code::kInvalidArgument,
                       "Filtering by assessment is only supported for ASSESSMENTS view type: '{}'",
                       text);
  }
  if (clause.entity != Entity::kAttribute || clause.key == kStateKey) return std::move(clause);
  for (const auto& [prefix, entity] :
       {std::pair(kTagPrefix, Entity::kTag), {kMetadataPrefix, Entity::kMetadata}}) {
    if (!clause.key.starts_with(prefix) || clause.key.size() == prefix.size()) continue;
    clause.entity = entity;
    clause.key.erase(0, prefix.size());
    return std::move(clause);
  }
  return base::error(Code::kInvalidArgument,
                     "Invalid entity '{}' specified for view type 'trace'. Valid entities are "
                     "['status', 'tag.<key>', 'metadata.<key>']",
                     clause.key);
}

SearchClause time_clause(types::Comparison comparison, std::int64_t time_ms) {
  return {.entity = Entity::kAttribute,
          .key = std::string(kStartKey),
          .comparison = comparison,
          .value = static_cast<double>(time_ms)};
}

std::optional<std::string> label(const Labels& labels, std::string_view key) {
  const std::string* value = labels.find(key);
  return value == nullptr || value->empty() ? std::optional<std::string>() : *value;
}

// What one row of an answer is about. Nothing: it lacks a dimension.
class Grouping {
 public:
  explicit Grouping(const MetricQuery& query) : query_(query) {}

  template <typename Dimension>
  std::optional<GroupKey> key(std::int64_t time_ms, Dimension&& dimension) const {
    GroupKey key;
    if (query_.interval_seconds) {
      time_ms = std::clamp(time_ms, kTimeMsMin, kTimeMsMax);
      const std::int64_t size = *query_.interval_seconds * 1000;
      key.interval_start_ms = time_ms - (time_ms % size + size) % size;
    }
    for (const std::string& name : query_.dimensions) {
      std::optional<std::string> value = dimension(name);
      if (!value) return std::nullopt;
      key.dimensions.push_back(std::move(*value));
    }
    return key;
  }
  bool is_grouped() const { return query_.interval_seconds || !query_.dimensions.empty(); }

 private:
  const MetricQuery& query_;
};

std::optional<double> tokens_of(const TraceInfo& info, std::string_view key) {
  const std::string* json = info.metadata.find(kTokenUsageMetadata);
  if (json == nullptr) return std::nullopt;
  const Result<JsonObject> usage = base::parse_json_object(*json);
  if (!usage) return std::nullopt;
  return base::find_double(*usage, key).value_or(std::nullopt);
}

void add_trace(const TraceInfo& info, const MetricQuery& query, const Grouping& grouping,
               MetricGroups& groups) {
  const std::optional<GroupKey> key =
      grouping.key(info.start_ms, [&](const std::string& name) -> std::optional<std::string> {
        if (name == "trace_status") return std::string(state_name(info.state));
        return label(info.tags, kNameTag);
      });
  if (!key) return;
  if (query.metric == "trace_count") {
    groups.add(*key, 1);
  } else if (query.metric == "session_count") {
    if (const auto session = label(info.metadata, kSessionMetadata))
      groups.add_name(*key, *session);
  } else if (query.metric == "latency") {
    if (info.duration_ms) groups.add(*key, static_cast<double>(*info.duration_ms));
  } else if (const std::optional<double> tokens = tokens_of(info, query.metric)) {
    groups.add(*key, *tokens);
  }
}

std::optional<std::string> span_text(const Span& span, std::string_view attribute) {
  const std::string* json = span.find(attribute);
  if (json == nullptr || !json->starts_with('"')) return std::nullopt;
  return text_of_json(*json);
}

std::optional<std::string> span_dimension(const Span& span, std::string_view name) {
  if (name == "span_name" || name == "name") return span.name;
  if (name == "span_type" || name == "type") return span_type(span);
  if (name == "span_status" || name == "status") return std::string(status_name(span.status));
  return span_text(span, name == "span_model_name" ? "mlflow.llm.model" : "mlflow.llm.provider");
}

std::int64_t duration_ms(const Span& span) {  // whatever times a client has said
  const std::uint64_t ns =
      static_cast<std::uint64_t>(span.end_ns) - static_cast<std::uint64_t>(span.start_ns);
  return static_cast<std::int64_t>(ns) / kNanosPerMilli;
}

bool is_cost(const MetricQuery& query) { return query.metric.ends_with("_cost"); }

void add_spans(std::vector<Span> spans, const MetricQuery& query,
               const std::vector<SearchClause>& conditions, const Grouping& grouping,
               MetricGroups& groups) {
  for (const Span& span : latest_of_each(std::move(spans))) {
    const std::int64_t start_ms = span.start_ns / kNanosPerMilli;
    const bool is_in_time = !is_cost(query) || (start_ms >= query.start_ms.value_or(start_ms) &&
                                                start_ms <= query.end_ms.value_or(start_ms));
    const bool is_wanted =
        std::all_of(conditions.begin(), conditions.end(), [&](const SearchClause& condition) {
          const std::optional<std::string> found = span_dimension(span, condition.key);
          return found && types::matches(condition, std::optional<std::string_view>(*found));
        });
    if (!is_in_time || !is_wanted) continue;
    const std::optional<GroupKey> key =
        grouping.key(start_ms, [&](const std::string& name) { return span_dimension(span, name); });
    if (!key) continue;
    if (query.metric == "span_count") {
      groups.add(*key, 1);
    } else if (query.metric == "latency") {
      if (span.end_ns > 0) groups.add(*key, static_cast<double>(duration_ms(span)));
    } else if (const auto cost = attribute_number(span, "mlflow.llm.cost", query.metric)) {
      groups.add(*key, *cost);
    }
  }
}

constexpr std::string_view kKindNames[] = {"feedback", "expectation", "issue"};

// As a number: also true and "yes" are 1, false and "no" are 0.
std::optional<double> judged(const Json& value) {
  if (value.is_bool()) return value.get_bool() ? 1 : 0;
  if (value.is_number()) {
    const auto number = value.to_number<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const std::string text = base::lowered(base::trimmed(std::string_view(value.get_string())));
  if (text == "yes") return 1;
  if (text == "no") return 0;
  return std::nullopt;
}

// The value as JSON, with numbers as people write them.
std::string value_text(const Json& value) {
  if (!value.is_double()) return base::to_text(value);
  std::string text = fmt::format("{}", value.get_double());
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

struct StoredAssessment {
  std::string name, value;
  std::int64_t kind = 0;
};

void add_assessment(const StoredAssessment& assessment, std::int64_t time_ms,
                    const MetricQuery& query, const std::vector<SearchClause>& conditions,
                    const Grouping& grouping, MetricGroups& groups) {
  for (const SearchClause& condition : conditions) {
    const std::string_view found =
        condition.key == "name" ? std::string_view(assessment.name)
                                : kKindNames[std::clamp<std::int64_t>(assessment.kind, 0, 2)];
    if (!types::matches(condition, std::optional(found))) return;
  }
  const Result<Json> parsed = base::parse_json(assessment.value);
  const Json value = parsed ? *parsed : Json(nullptr);
  const std::optional<GroupKey> key =
      grouping.key(time_ms, [&](const std::string& name) -> std::optional<std::string> {
        return name == "assessment_name" ? assessment.name : value_text(value);
      });
  if (!key) return;
  if (query.metric == "assessment_count") {
    groups.add(*key, 1);
  } else if (const std::optional<double> number = judged(value)) {
    groups.add(*key, *number);
  }
}

// Calls `each` with every row of a trace that passes `filter`, and that trace.
Result<void> scan(store::Reader& reader, std::string_view more_columns, std::string_view tables,
                  const TraceFilter& filter, std::string_view order,
                  const std::function<Result<void>(const StoredTrace&, const store::Row&)>& each) {
  StoredTrace trace;  // of the last row
  bool passes = false;
  const auto read = [&](const store::Row& row) -> Result<void> {
    if (row.int64(0) != trace.number) {
      trace = TRY(read_stored(row));
      passes = TRY(filter.passes(reader, trace));
    }
    if (!passes) return {};
    return each(trace, row);
  };
  Result<void> outcome;
  TRY(reader.query_span(fmt::format("SELECT {}{} FROM {} WHERE {}{}", kTraceColumns, more_columns,
                                    tables, filter.condition(), order),
                        filter.params(), [&](const store::Row& row) {
                          if (outcome) outcome = read(row);
                        }));
  return outcome;
}

Result<void> gather(store::Reader& reader, const MetricQuery& query, const TraceFilter& filter,
                    const std::vector<SearchClause>& own, MetricGroups& groups) {
  const Grouping grouping(query);
  switch (query.view) {
    case MetricView::kTraces:
      return scan(reader, "", "traces", filter, "",
                  [&](const StoredTrace& trace, const store::Row&) -> Result<void> {
                    add_trace(trace.info, query, grouping, groups);
                    return {};
                  });
    case MetricView::kSpans: {
      std::int64_t current = 0;  // the trace whose spans are in `spans`
      std::vector<Span> spans;
      TRY(scan(reader, ", trace_spans.data",
               "traces JOIN trace_spans ON trace_spans.trace = traces.number", filter,
               " ORDER BY traces.number, trace_spans.batch",
               [&](const StoredTrace& trace, const store::Row& row) -> Result<void> {
                 if (trace.number != current)
                   add_spans(std::exchange(spans, {}), query, own, grouping, groups);
                 current = trace.number;
                 return unpack_spans(row.text(kTraceColumnCount), "", spans);
               }));
      add_spans(std::move(spans), query, own, grouping, groups);
      return {};
    }
    case MetricView::kAssessments:
      return scan(reader,
                  ", trace_assessments.name, trace_assessments.value, trace_assessments.kind",
                  "traces JOIN trace_assessments ON trace_assessments.trace = traces.number AND "
                  "trace_assessments.is_valid <> 0",
                  filter, "", [&](const StoredTrace& trace, const store::Row& row) -> Result<void> {
                    const StoredAssessment assessment{.name = row.string(kTraceColumnCount),
                                                      .value = row.string(kTraceColumnCount + 1),
                                                      .kind = row.int64(kTraceColumnCount + 2)};
                    add_assessment(assessment, trace.info.start_ms, query, own, grouping, groups);
                    return {};
                  });
  }
  return {};
}

Result<void> check_times(const MetricQuery& query) {
  if (query.max_results < 1) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied. It must be a "
                       "positive integer",
                       query.max_results);
  }
  if (!query.interval_seconds) return {};
  if (!query.start_ms || !query.end_ms) {
    return base::error(
        Code::kInvalidArgument,
        "start_time_ms and end_time_ms are required if time_interval_seconds is set");
  }
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / 4000;
  if (*query.interval_seconds < 1 || *query.interval_seconds > kSecondsMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'time_interval_seconds' supplied. It must "
                       "be a positive integer",
                       *query.interval_seconds);
  }
  return {};
}

// As Python writes a time in UTC.
std::string time_text(std::int64_t ms) {
  std::string text = types::to_rfc3339({std::clamp(ms, kTimeMsMin, kTimeMsMax) * 1000});
  if (text.ends_with('Z')) text.replace(text.size() - 1, 1, "+00:00");
  return text;
}

}  // namespace

std::optional<MetricView> parse_metric_view(std::string_view name) {
  if (name == "TRACES") return MetricView::kTraces;
  if (name == "SPANS") return MetricView::kSpans;
  if (name == "ASSESSMENTS") return MetricView::kAssessments;
  return std::nullopt;
}

Result<std::vector<MetricDataPoint>> TraceMetrics::query(const MetricQuery& query) {
  TRY(check_rule(query));
  TRY(check_times(query));
  std::vector<SearchClause> clauses;  // on traces
  std::vector<SearchClause> own;      // on spans or assessments
  for (const std::string& text : query.filters) {
    SearchClause clause = TRY(read_filter(text, query.view));
    const bool is_own = clause.entity == Entity::kSpan || clause.entity == Entity::kFeedback;
    (is_own ? own : clauses).push_back(std::move(clause));
  }
  if (!is_cost(query)) {
    if (query.start_ms)
      clauses.push_back(time_clause(types::Comparison::kGreaterEqual, *query.start_ms));
    if (query.end_ms) clauses.push_back(time_clause(types::Comparison::kLessEqual, *query.end_ms));
  }
  const std::vector<std::int64_t> experiments = TRY(experiments_.numbers(query.experiments));
  MetricGroups groups(query.aggregations);
  if (!Grouping(query).is_grouped()) groups.ensure({});
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    const TraceFilter filter = TRY(TraceFilter::prepare(reader, clauses, experiments));
    return gather(reader, query, filter, own, groups);
  }));
  std::vector<MetricDataPoint> points;
  for (MetricGroups::Row& row : groups.finish()) {
    if (std::ssize(points) == query.max_results) break;
    MetricDataPoint& point = points.emplace_back();
    if (query.interval_seconds)
      point.dimensions.emplace_back("time_bucket", time_text(row.key.interval_start_ms));
    for (std::size_t i = 0; i < query.dimensions.size(); ++i)
      point.dimensions.emplace_back(query.dimensions[i], std::move(row.key.dimensions[i]));
    point.values = std::move(row.values);
  }
  return points;
}

}  // namespace slipway::traces
