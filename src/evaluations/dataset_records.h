// One question of an evaluation dataset. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"

namespace slipway::evaluations {

struct DatasetRecord {
  std::string id;  // "dr-" and 32 hex digits
  JsonObject inputs;
  std::optional<Json> outputs;
  std::optional<JsonObject> expectations;
  JsonObject tags;
  std::optional<JsonObject> source;  // {"source_type": ..., "source_data": {...}}
  std::optional<std::string> source_id, source_type, created_by, updated_by;
  base::Timestamp created, updated;
};

// The same question whatever the order of its members: a digest of the inputs.
std::string question_of(const JsonObject& inputs);

// What somebody sends of one record: the members that are there count.
struct RecordDraft {
  JsonObject inputs;
  bool has_outputs = false;
  std::optional<Json> outputs;  // nothing: null
  std::optional<JsonObject> expectations, tags, source;
  std::string author;  // the tag mlflow.user; empty: it doesn't say
};

// kInvalidArgument names the record, by its place in the list, and the member.
Result<std::vector<RecordDraft>> read_drafts(const Json& list);

// A new record without id and times.
DatasetRecord make_record(const RecordDraft& draft);
// The same question again: outputs are replaced when the draft has some, expectations and tags are
// added to what is there. Who asked first, and where it came from, stays.
void merge(const RecordDraft& draft, DatasetRecord& record);

// What `schema` (JSON, empty: nothing is known) says after these records: which members inputs,
// outputs and expectations have, and of which type each was when it came first.
std::string extend_schema(std::string_view schema, const std::vector<RecordDraft>& drafts);

}  // namespace slipway::evaluations
