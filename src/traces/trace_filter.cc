#include "traces/trace_filter.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "traces/search_grammar.h"

namespace slipway::traces {
namespace {

using types::Comparison;
using types::Entity;
using types::SearchClause;

std::optional<std::string_view> label(const Labels& labels, std::string_view key) {
  const std::string* value = labels.find(key);
  return value == nullptr ? std::optional<std::string_view>() : std::string_view(*value);
}

std::optional<double> number_attribute(const TraceInfo& info, std::string_view key) {
  if (key == kStartKey) return static_cast<double>(info.start_ms);
  if (key == kEndKey) return static_cast<double>(info.start_ms + info.duration_ms.value_or(0));
  if (info.duration_ms) return static_cast<double>(*info.duration_ms);
  return std::nullopt;
}

bool row_passes(const SearchClause& clause, const TraceInfo& info) {
  if (clause.entity == Entity::kTag) return types::matches(clause, label(info.tags, clause.key));
  if (clause.entity == Entity::kMetadata)
    return types::matches(clause, label(info.metadata, clause.key));
  if (clause.key == kNameKey) return types::matches(clause, label(info.tags, kNameTag));
  if (clause.key == kRunKey) return types::matches(clause, label(info.metadata, kRunMetadata));
  if (clause.key == kIdKey) return types::matches(clause, std::optional<std::string_view>(info.id));
  if (clause.key == kStateKey) return types::matches(clause, std::optional(state_name(info.state)));
  if (clause.key == kClientIdKey) {
    return types::matches(clause, info.client_request_id.empty()
                                      ? std::optional<std::string_view>()
                                      : std::string_view(info.client_request_id));
  }
  return types::matches(clause, number_attribute(info, clause.key));
}

bool span_passes(const SearchClause& clause, const Span& span) {
  const auto matches = [&](std::string_view value) {
    return types::matches(clause, std::optional<std::string_view>(value));
  };
  if (clause.key == "name") return matches(span.name);
  if (clause.key == "type") return matches(span_type(span));
  if (clause.key == "status") return matches(status_name(span.status));
  if (clause.key == kSpanContentKey) return matches(searchable_text(span));
  const std::string* json = span.find(clause.key.substr(kSpanAttributePrefix.size()));
  return json != nullptr && matches(text_of_json(*json));
}

// Whether the value of an assessment passes: numbers are compared as such, texts with or without
// their quotes, anything else as JSON.
bool value_passes(const SearchClause& clause, const std::string& value) {
  if (types::kNullComparisons.contains(clause.comparison)) return true;  // it is there
  if (std::holds_alternative<double>(clause.value)) {
    const Result<Json> json = base::parse_json(value);
    if (!json || !json->is_number()) return false;
    return types::matches(clause, std::optional(json->to_number<double>()));
  }
  const std::string text = text_of_json(value);
  return types::matches(clause, std::optional<std::string_view>(text));
}

// What `=` on this attribute asks for in SQL; nothing: it is no column.
std::optional<std::string_view> column_of(const SearchClause& clause) {
  if (clause.entity == Entity::kTag && clause.key == kNameTag) return "name";
  if (clause.entity == Entity::kMetadata && clause.key == kSessionMetadata) return "session";
  if (clause.entity == Entity::kMetadata && clause.key == kRunMetadata) return "run";
  if (clause.entity != Entity::kAttribute) return std::nullopt;
  if (clause.key == kNameKey) return "name";
  if (clause.key == kIdKey) return "id";
  if (clause.key == kClientIdKey) return "client_request_id";
  return std::nullopt;
}

AssessmentKind kind_of(Entity entity) {
  if (entity == Entity::kExpectation) return AssessmentKind::kExpectation;
  if (entity == Entity::kIssue) return AssessmentKind::kIssue;
  return AssessmentKind::kFeedback;
}

}  // namespace

std::string searchable_text(const Span& span) {
  std::string text = fmt::format("\"name\": \"{}\"", span.name);
  const auto add = [&](const std::vector<Attribute>& attributes) {
    for (const Attribute& attribute : attributes)
      text += fmt::format(", \"{}\": {}", attribute.key, attribute.json);
  };
  add(span.attributes);
  if (!span.status_message.empty())
    text += fmt::format(", \"message\": \"{}\"", span.status_message);
  for (const SpanEvent& event : span.events) {
    text += fmt::format(", \"name\": \"{}\"", event.name);
    add(event.attributes);
  }
  return text;
}

bool TraceFilter::Chosen::contains(const StoredTrace& trace) const {
  const std::string* session = trace.info.metadata.find(kSessionMetadata);
  const bool is_in =
      traces.contains(trace.number) || (session != nullptr && sessions.contains(*session));
  return is_in != is_inverted;
}

void TraceFilter::narrow(std::string_view condition, std::string text) {
  condition_ += fmt::format(" AND {}", condition);
  texts_.push_back(std::make_unique<std::string>(std::move(text)));
  params_.emplace_back(*texts_.back());
}

void TraceFilter::narrow(std::string_view condition, std::int64_t number) {
  condition_ += fmt::format(" AND {}", condition);
  params_.emplace_back(number);
}

Result<TraceFilter> TraceFilter::prepare(store::Reader& reader,
                                         const std::vector<SearchClause>& clauses,
                                         const std::vector<std::int64_t>& experiments) {
  TraceFilter filter;
  for (const std::int64_t experiment : experiments)
    filter.experiments_ += fmt::format("{}{}", filter.experiments_.empty() ? "" : ", ", experiment);
  if (experiments.empty()) filter.experiments_ = "NULL";
  filter.condition_ = fmt::format("traces.experiment IN ({})", filter.experiments_);
  for (const SearchClause& clause : clauses) TRY(filter.add(reader, clause));
  return filter;
}

Result<void> TraceFilter::add(store::Reader& reader, const SearchClause& clause) {
  switch (clause.entity) {
    case Entity::kFeedback:
    case Entity::kExpectation:
    case Entity::kIssue:
      return add_assessed(reader, clause);
    case Entity::kSpan:
      span_clauses_.push_back(clause);
      return {};
    case Entity::kTag:
    case Entity::kMetadata:
    case Entity::kAttribute:
    case Entity::kMetric:
    case Entity::kParam:
    case Entity::kDataset:
      break;
  }
  const bool is_attribute = clause.entity == Entity::kAttribute;
  if (is_attribute && clause.key == kTextKey) {
    span_clauses_.push_back(clause);
    span_clauses_.back().key = kSpanContentKey;
    return {};
  }
  const auto* text = std::get_if<std::string>(&clause.value);
  const bool is_equal = clause.comparison == Comparison::kEqual && text != nullptr;
  if (is_attribute && clause.key == kPromptKey) {
    if (text == nullptr || std::count(text->begin(), text->end(), '/') != 1) {
      return base::error(Code::kInvalidArgument,
                         "Invalid prompts filter value '{}'. Expected format: prompt = "
                         "\"name/version\"",
                         text == nullptr ? "" : *text);
    }
    return add_linked(reader, LinkKind::kPrompt, *text);
  }
  const bool is_run = (is_attribute && clause.key == kRunKey) ||
                      (clause.entity == Entity::kMetadata && clause.key == kRunMetadata);
  if (is_run && is_equal) return add_linked(reader, LinkKind::kRun, *text);
  if (const auto column = column_of(clause); column && is_equal && !text->empty()) {
    narrow(fmt::format("traces.{} = ?", *column), *text);
    return {};
  }
  if (is_attribute && clause.key == kStateKey && is_equal) {
    const TraceState state = parse_state(*text);
    if (state_name(state) == *text) {
      narrow("traces.state = ?", static_cast<std::int64_t>(state));
      return {};
    }
  }
  if (is_attribute && clause.key == kStartKey) {
    const double value = std::clamp(std::get<double>(clause.value), -9e15, 9e15);
    if (clause.comparison == Comparison::kGreater || clause.comparison == Comparison::kGreaterEqual)
      narrow("traces.start_ms >= ?", static_cast<std::int64_t>(std::floor(value)));
    if (clause.comparison == Comparison::kLess || clause.comparison == Comparison::kLessEqual)
      narrow("traces.start_ms <= ?", static_cast<std::int64_t>(std::ceil(value)));
  }
  clauses_.push_back(clause);
  return {};
}

// An assessment that says of which session it is speaks for all traces of that session.
Result<void> TraceFilter::add_assessed(store::Reader& reader, const SearchClause& clause) {
  const bool is_issue = clause.entity == Entity::kIssue;
  const std::string& name = is_issue ? std::get<std::string>(clause.value) : clause.key;
  const std::string session_member = fmt::format("\"{}\":", kSessionMetadata);
  Chosen chosen;
  chosen.is_inverted = clause.comparison == Comparison::kIsNull;
  TRY(reader.query(
      fmt::format("SELECT a.trace, a.value, a.metadata, t.session FROM trace_assessments a JOIN "
                  "traces t ON t.number = a.trace WHERE a.name = ? AND a.kind = ? AND a.is_valid "
                  "= 1 AND t.experiment IN ({})",
                  experiments_),
      {name, static_cast<int>(kind_of(clause.entity))}, [&](const store::Row& row) {
        if (!is_issue && !value_passes(clause, row.string(1))) return;
        chosen.traces.insert(row.int64(0));
        if (!is_issue && !row.text(3).empty() &&
            row.text(2).find(session_member) != std::string_view::npos)
          chosen.sessions.insert(row.string(3));
      }));
  chosen_.push_back(std::move(chosen));
  return {};
}

Result<void> TraceFilter::add_linked(store::Reader& reader, LinkKind kind,
                                     const std::string& target) {
  Chosen chosen;
  const auto add = [&](const store::Row& row) { chosen.traces.insert(row.int64(0)); };
  TRY(reader.query(
      "SELECT t.number FROM trace_links l JOIN traces t ON t.id = l.trace WHERE l.kind = ? AND "
      "l.target = ?",
      {static_cast<int>(kind), target}, add));
  if (kind == LinkKind::kRun && !target.empty()) {
    TRY(reader.query(
        fmt::format("SELECT number FROM traces WHERE run = ? AND experiment IN ({})", experiments_),
        {target}, add));
  }
  chosen_.push_back(std::move(chosen));
  return {};
}

Result<bool> TraceFilter::passes(store::Reader& reader, const StoredTrace& trace) const {
  for (const Chosen& chosen : chosen_) {
    if (!chosen.contains(trace)) return false;
  }
  for (const SearchClause& clause : clauses_) {
    if (!row_passes(clause, trace.info)) return false;
  }
  if (span_clauses_.empty()) return true;
  const std::vector<Span> spans = TRY(read_spans(reader, trace));
  return std::any_of(spans.begin(), spans.end(), [&](const Span& span) {
    return std::all_of(span_clauses_.begin(), span_clauses_.end(),
                       [&](const SearchClause& clause) { return span_passes(clause, span); });
  });
}

}  // namespace slipway::traces
