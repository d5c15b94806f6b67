#include "evaluations/dataset_search.h"

namespace slipway::evaluations {
namespace {

using types::kNumberComparisons;
using types::kTextComparisons;
using types::Sortable;
using types::ValueKind;

constexpr std::string_view kAttributeWords[] = {"attribute", "attributes"};
constexpr std::string_view kTagWords[] = {"tags"};

constexpr types::SearchKey kAttributes[] = {
    {.word = kNameKey,
     .name = kNameKey,
     .comparisons = kTextComparisons | types::Comparisons{types::Comparison::kIn},
     .sortable = Sortable::kYes},
    {.word = kCreatedKey,
     .name = kCreatedKey,
     .kind = ValueKind::kWholeNumber,
     .comparisons = kNumberComparisons,
     .sortable = Sortable::kYes},
    {.word = kUpdatedKey,
     .name = kUpdatedKey,
     .kind = ValueKind::kWholeNumber,
     .comparisons = kNumberComparisons,
     .sortable = Sortable::kYes},
    {.word = kCreatedByKey, .name = kCreatedByKey, .comparisons = kTextComparisons},
    {.word = kUpdatedByKey, .name = kUpdatedByKey, .comparisons = kTextComparisons}};
constexpr types::SearchKey kTag{.comparisons = kTextComparisons};
constexpr types::SearchEntity kEntities[] = {
    {.entity = types::Entity::kAttribute, .words = kAttributeWords, .keys = kAttributes},
    {.entity = types::Entity::kTag, .words = kTagWords, .any = kTag}};
constexpr types::SearchGrammar kGrammar{kEntities};

}  // namespace

const types::SearchGrammar& dataset_grammar() { return kGrammar; }

}  // namespace slipway::evaluations
