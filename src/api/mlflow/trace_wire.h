// Reading MLflow's requests about traces and writing traces, spans and assessments as it has them:
// version 3, and the older version 2 of the infos.
#pragma once

#include <string>

#include "api/mlflow/wire.h"
#include "traces/assessments.h"
#include "traces/values.h"

namespace slipway::api::mlflow {

// {"a": "b"}; values that are no texts are left out.
traces::Labels read_labels(const Json* object);
// [{"key": "a", "value": "b"}], of version 2.
traces::Labels read_label_list(const std::vector<JsonObject>& items);

// The experiment and the info of a `trace_info` of version 3. kInvalidArgument names the field.
struct ReadTraceInfo {
  std::string experiment_id;
  traces::TraceInfo info;
};
Result<ReadTraceInfo> read_trace_info(const JsonObject& object);
JsonObject to_json(const traces::TraceInfo& info);
JsonObject to_json_v2(const traces::TraceInfo& info);

// {"trace_info": {...}, "spans": [...]} with spans as OpenTelemetry's JSON has them, but snake case
// and ids in base64: protobuf's own JSON.
JsonObject to_json(const traces::Trace& trace);
// {"spans": [...]} as the file traces.json has it.
std::string trace_data_json(const traces::Trace& trace);

// kInvalidArgument: it is neither feedback nor expectation nor issue, or a field has another type.
Result<traces::Assessment> read_assessment(const JsonObject& object);
JsonObject to_json(const traces::Assessment& assessment);
// Of the fields that `update_mask` names.
Result<traces::AssessmentPatch> read_patch(const JsonObject& assessment, std::string_view mask);

}  // namespace slipway::api::mlflow
