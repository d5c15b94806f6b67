#include "registry/search_grammars.h"

namespace slipway::registry {
namespace {

using types::Entity;
using types::kListComparisons;
using types::kNumberComparisons;
using types::kTextComparisons;
using types::SearchEntity;
using types::SearchKey;
using types::Sortable;
using types::ValueKind;

constexpr std::string_view kAttributeWords[] = {"attribute"};
constexpr std::string_view kTagWords[] = {"tag", "tags"};
constexpr SearchKey kTag{.comparisons = kTextComparisons};

constexpr SearchKey kModelAttributes[] = {
    {.word = "name",
     .name = "name",
     .comparisons = kTextComparisons | kListComparisons,
     .sortable = Sortable::kYes},
    {.word = "timestamp", .name = "last_updated_timestamp", .sortable = Sortable::kYes},
    {.word = "last_updated_timestamp",
     .name = "last_updated_timestamp",
     .sortable = Sortable::kYes},
    {.word = "creation_timestamp", .name = "creation_timestamp", .sortable = Sortable::kYes}};
constexpr SearchEntity kModelEntities[] = {
    {.entity = Entity::kAttribute, .words = kAttributeWords, .keys = kModelAttributes},
    {.entity = Entity::kTag, .words = kTagWords, .any = kTag}};

constexpr SearchKey kVersionAttributes[] = {
    {.word = "name",
     .name = "name",
     .comparisons = kTextComparisons | kListComparisons,
     .sortable = Sortable::kYes},
    {.word = "version_number",
     .name = "version_number",
     .kind = ValueKind::kWholeNumber,
     .comparisons = kNumberComparisons,
     .sortable = Sortable::kYes},
    {.word = "run_id", .name = "run_id", .comparisons = kTextComparisons | kListComparisons},
    {.word = "source_path", .name = "source_path", .comparisons = kTextComparisons},
    {.word = "creation_timestamp", .name = "creation_timestamp", .sortable = Sortable::kYes},
    {.word = "last_updated_timestamp",
     .name = "last_updated_timestamp",
     .sortable = Sortable::kYes}};
constexpr SearchEntity kVersionEntities[] = {
    {.entity = Entity::kAttribute, .words = kAttributeWords, .keys = kVersionAttributes},
    {.entity = Entity::kTag, .words = kTagWords, .any = kTag}};

constexpr types::SearchGrammar kModels{kModelEntities};
constexpr types::SearchGrammar kVersions{kVersionEntities};

}  // namespace

const types::SearchGrammar& model_grammar() { return kModels; }
const types::SearchGrammar& version_grammar() { return kVersions; }

}  // namespace slipway::registry
