#include "pipelines/run_record.h"

#include "pipelines/or_null.h"

namespace slipway::pipelines {
JsonObject StepRecord::to_json() const {
  JsonObject object{{"name", name},     {"state", state},      {"cached", state == "cached"},
                    {"folder", folder}, {"command", command},  {"cache_key", cache_key},
                    {"reason", reason}, {"key", key_document}, {"outputs", manifest},
                    {"tries", tries}};
  object["exit_code"] = exit_code ? Json(*exit_code) : Json(nullptr);
  object["not_before"] = or_null(not_before);
  object["started_at"] = or_null(started);
  object["finished_at"] = or_null(finished);
  object["seconds"] = started && finished
                          ? Json(static_cast<double>((*finished - *started).micros) * 1e-6)
                          : Json(nullptr);
  return object;
}

JsonObject RunRecord::summary() const {
  JsonObject given;
  for (const auto& [name, value] : params) given[name] = value;
  return {{"id", id},
          {"pipeline", pipeline},
          {"state", state},
          {"reason", reason},
          {"actor", actor},
          {"params", std::move(given)},
          {"source", source},
          {"now", types::to_rfc3339(now)},
          {"created_at", types::to_rfc3339(created)},
          {"finished_at", or_null(finished)},
          {"outputs", outputs}};
}

JsonObject RunRecord::to_json() const {
  JsonObject object = summary();
  JsonArray list;
  for (const StepRecord& step : steps) list.push_back(step.to_json());
  object["steps"] = std::move(list);
  return object;
}

}  // namespace slipway::pipelines
