#include "traces/search_grammar.h"

namespace slipway::traces {
namespace {

using types::Comparison;
using types::Comparisons;
using types::Entity;
using types::kListComparisons;
using types::kNullComparisons;
using types::kNumberComparisons;
using types::kPatternComparisons;
using types::kTextComparisons;
using types::SearchEntity;
using types::SearchKey;
using types::Sortable;
using types::ValueKind;

constexpr Comparisons kText = kTextComparisons | kPatternComparisons;
constexpr Comparisons kAssessment = kText | kNullComparisons |
                                    Comparisons{Comparison::kLess, Comparison::kLessEqual,
                                                Comparison::kGreater, Comparison::kGreaterEqual};
constexpr Comparisons kContent{Comparison::kLike, Comparison::kILike};

constexpr SearchKey text(std::string_view word, Comparisons comparisons, Sortable sortable) {
  return {.word = word, .name = word, .comparisons = comparisons, .sortable = sortable};
}
constexpr SearchKey number(std::string_view word, std::string_view name) {
  return {.word = word,
          .name = name,
          .kind = ValueKind::kNumber,
          .comparisons = kNumberComparisons,
          .sortable = Sortable::kYes};
}

constexpr std::string_view kTagWords[] = {"tag", "tags"};
constexpr std::string_view kMetadataWords[] = {"request_metadata", "metadata"};
constexpr std::string_view kAttributeWords[] = {"attribute", "attributes", "trace"};
constexpr std::string_view kSpanWords[] = {"span"};
constexpr std::string_view kFeedbackWords[] = {"feedback"};
constexpr std::string_view kExpectationWords[] = {"expectation"};
constexpr std::string_view kIssueWords[] = {"issue"};

constexpr SearchKey kAttributes[] = {
    text(kIdKey, kText | kListComparisons, Sortable::kYes),
    number("timestamp", kStartKey),
    number("timestamp_ms", kStartKey),
    number("execution_time", kDurationKey),
    number("execution_time_ms", kDurationKey),
    number("end_time", kEndKey),
    number("end_time_ms", kEndKey),
    text(kStateKey, kText | kListComparisons, Sortable::kYes),
    text(kClientIdKey, kText | kListComparisons, Sortable::kNo),
    text(kNameKey, kText | kListComparisons | kNullComparisons, Sortable::kYes),
    text(kRunKey, kText | kListComparisons | kNullComparisons, Sortable::kYes),
    text(kPromptKey, {Comparison::kEqual}, Sortable::kNo),
    text(kTextKey, kContent, Sortable::kNo),
    text(kExperimentKey, {}, Sortable::kYes)};
constexpr SearchKey kSpanKeys[] = {text("name", kText | kListComparisons, Sortable::kNo),
                                   text("type", kText | kListComparisons, Sortable::kNo),
                                   text("status", kText | kListComparisons, Sortable::kNo),
                                   text(kSpanContentKey, kContent, Sortable::kNo)};
constexpr SearchKey kIssueKeys[] = {text("id", {Comparison::kEqual}, Sortable::kNo)};
constexpr SearchKey kLabel{.comparisons = kText | kNullComparisons, .sortable = Sortable::kYes};
constexpr SearchKey kSpanAttribute{.comparisons = kText | kListComparisons};
constexpr SearchKey kAssessmentKey{.kind = ValueKind::kAsCompared, .comparisons = kAssessment};

constexpr SearchEntity kEntities[] = {
    {.entity = Entity::kTag, .words = kTagWords, .any = kLabel},
    {.entity = Entity::kMetadata, .words = kMetadataWords, .any = kLabel},
    {.entity = Entity::kAttribute, .words = kAttributeWords, .keys = kAttributes},
    {.entity = Entity::kSpan,
     .words = kSpanWords,
     .keys = kSpanKeys,
     .any = kSpanAttribute,
     .any_prefix = kSpanAttributePrefix},
    {.entity = Entity::kFeedback, .words = kFeedbackWords, .any = kAssessmentKey},
    {.entity = Entity::kExpectation, .words = kExpectationWords, .any = kAssessmentKey},
    {.entity = Entity::kIssue, .words = kIssueWords, .keys = kIssueKeys}};
constexpr types::SearchGrammar kGrammar{kEntities};

}  // namespace

const types::SearchGrammar& trace_grammar() { return kGrammar; }

}  // namespace slipway::traces
