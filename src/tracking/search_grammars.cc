#include "tracking/search_grammars.h"

namespace slipway::tracking {
namespace {

using types::Comparisons;
using types::Entity;
using types::kListComparisons;
using types::kNullComparisons;
using types::kNumberComparisons;
using types::kTextComparisons;
using types::SearchEntity;
using types::SearchKey;
using types::Sortable;
using types::ValueKind;

constexpr std::string_view kMetricWords[] = {"metric", "metrics"};
constexpr std::string_view kParamWords[] = {"parameter", "parameters", "param", "params"};
constexpr std::string_view kTagWords[] = {"tag", "tags"};
constexpr std::string_view kAttributeWords[] = {"attribute", "attributes", "attr", "run"};
constexpr std::string_view kDatasetWords[] = {"dataset", "datasets"};

constexpr SearchKey kMetric{
    .kind = ValueKind::kNumber, .comparisons = kNumberComparisons, .sortable = Sortable::kYes};
constexpr SearchKey kNullableText{.comparisons = kTextComparisons | kNullComparisons,
                                  .sortable = Sortable::kYes};

constexpr SearchKey text(std::string_view word, std::string_view name,
                         Comparisons comparisons = kTextComparisons) {
  return {.word = word, .name = name, .comparisons = comparisons, .sortable = Sortable::kYes};
}
constexpr SearchKey number(std::string_view word, std::string_view name) {
  return {.word = word,
          .name = name,
          .kind = ValueKind::kNumber,
          .comparisons = kNumberComparisons,
          .sortable = Sortable::kYes};
}

constexpr SearchKey kRunAttributes[] = {
    text("run_id", "run_id", kTextComparisons | kListComparisons),
    text("run_name", "run_name"),
    text("run name", "run_name"),
    text("Run name", "run_name"),
    text("Run Name", "run_name"),
    text("status", "status"),
    text("user_id", "user_id"),
    text("artifact_uri", "artifact_uri"),
    number("start_time", "start_time"),
    number("created", "start_time"),
    number("Created", "start_time"),
    number("end_time", "end_time")};
constexpr Comparisons kDatasetComparisons = kTextComparisons | kListComparisons;
constexpr SearchKey kDatasetKeys[] = {
    {.word = "name", .name = "name", .comparisons = kDatasetComparisons},
    {.word = "digest", .name = "digest", .comparisons = kDatasetComparisons},
    {.word = "context", .name = "context", .comparisons = kDatasetComparisons}};
constexpr SearchEntity kRunEntities[] = {
    {.entity = Entity::kMetric, .words = kMetricWords, .any = kMetric},
    {.entity = Entity::kParam, .words = kParamWords, .any = kNullableText},
    {.entity = Entity::kTag, .words = kTagWords, .any = kNullableText},
    {.entity = Entity::kAttribute, .words = kAttributeWords, .keys = kRunAttributes},
    {.entity = Entity::kDataset, .words = kDatasetWords, .keys = kDatasetKeys}};

constexpr std::string_view kPlainAttributeWords[] = {"attribute"};
constexpr SearchKey kExperimentAttributes[] = {
    text("name", "name"),
    text("experiment_id", "experiment_id", kTextComparisons | kListComparisons),
    number("creation_time", "creation_time"), number("last_update_time", "last_update_time")};
constexpr SearchEntity kExperimentEntities[] = {
    {.entity = Entity::kAttribute, .words = kPlainAttributeWords, .keys = kExperimentAttributes},
    {.entity = Entity::kTag,
     .words = kTagWords,
     .any = {.comparisons = kTextComparisons | kNullComparisons}}};

constexpr std::string_view kManyAttributesWords[] = {"attributes", "attribute"};
constexpr std::string_view kManyMetricsWords[] = {"metrics", "metric"};
constexpr std::string_view kManyParamsWords[] = {"params", "param"};
constexpr std::string_view kManyTagsWords[] = {"tags", "tag"};
constexpr SearchKey kLoggedModelAttributes[] = {
    text("name", "name", kTextComparisons | kListComparisons),
    text("model_id", "model_id", kTextComparisons | kListComparisons),
    text("model_type", "model_type", kTextComparisons | kListComparisons),
    text("status", "status", kTextComparisons | kListComparisons),
    text("source_run_id", "source_run_id", kTextComparisons | kListComparisons),
    number("creation_time", "creation_timestamp"),
    number("creation_timestamp", "creation_timestamp"),
    number("creation_timestamp_ms", "creation_timestamp"),
    number("last_updated_time", "last_updated_timestamp"),
    number("last_updated_timestamp", "last_updated_timestamp"),
    number("last_updated_timestamp_ms", "last_updated_timestamp")};
constexpr SearchKey kListableText{.comparisons = kTextComparisons | kListComparisons};
constexpr SearchEntity kLoggedModelEntities[] = {
    {.entity = Entity::kAttribute, .words = kManyAttributesWords, .keys = kLoggedModelAttributes},
    {.entity = Entity::kMetric, .words = kManyMetricsWords, .any = kMetric},
    {.entity = Entity::kParam, .words = kManyParamsWords, .any = kListableText},
    {.entity = Entity::kTag, .words = kManyTagsWords, .any = kListableText}};

constexpr types::SearchGrammar kRuns{kRunEntities};
constexpr types::SearchGrammar kExperiments{kExperimentEntities};
constexpr types::SearchGrammar kLoggedModels{kLoggedModelEntities};

}  // namespace

const types::SearchGrammar& run_grammar() { return kRuns; }
const types::SearchGrammar& experiment_grammar() { return kExperiments; }
const types::SearchGrammar& logged_model_grammar() { return kLoggedModels; }

}  // namespace slipway::tracking
