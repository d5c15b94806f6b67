// Records of an evaluation dataset, as clients send them: JSON.
#include "base/check.h"
#include "evaluations/dataset_records.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const Result<Json> list = base::parse_json(fuzz::text_of(data, size));
  if (!list) return 0;
  const auto drafts = evaluations::read_drafts(*list);
  if (!drafts) {
    CHECK(drafts.error().code == Code::kInvalidArgument);
    return 0;
  }
  std::string schema;
  for (const evaluations::RecordDraft& draft : *drafts) {
    // What is kept as text asks the same question when it is read again.
    const std::string question = evaluations::question_of(draft.inputs);
    const Result<JsonObject> again = base::parse_json_object(base::to_text(draft.inputs));
    CHECK(again.has_value() && evaluations::question_of(*again) == question);
    evaluations::DatasetRecord record = evaluations::make_record(draft);
    evaluations::merge(draft, record);
    CHECK(evaluations::question_of(record.inputs) == question);
  }
  schema = evaluations::extend_schema(schema, *drafts);
  CHECK(evaluations::extend_schema(schema, *drafts) == schema);
  return 0;
}
