#include "api/own/shapes_of.h"

namespace slipway::api::own {
namespace {

std::vector<NamedSchema> schemas() {
  const Json value = either({number(), text(), JsonObject{{"type", "null"}}});
  return {
      {"TableValue", value},
      {"RunTable",
       object(
           {{"total", integer()},
            {"offset", integer()},
            {"view", maybe(integer())},
            {"run_ids", list(text())},
            {"columns", list(object({{"name", text()}, {"values", list(ref("TableValue"))}}))}})},
      {"RunColumns", object({{"total", integer()},
                             {"columns", list(object({{"name", text()}, {"runs", integer()}}))}})},
      {"RunGroup", object({{"value", maybe(text())},
                           {"runs", integer()},
                           {"metrics", map(object({{"runs", integer()},
                                                   {"mean", real()},
                                                   {"min", number()},
                                                   {"max", number()}}))}})},
      {"RunGroups",
       object({{"total", integer()}, {"runs", integer()}, {"groups", list(ref("RunGroup"))}})},
      {"MetricPoint", object({{"key", text()},
                              {"value", either({number(), text()})},
                              {"timestamp", integer()},
                              {"step", integer()}})},
      {"RunCurves", object({{"curves", list(list(ref("MetricPoint")))}})},
  };
}

constexpr Shape kRoutes[] = {
    {kGet, "/slipway/v1/experiments/{id}/table", "RunTable"},
    {kGet, "/slipway/v1/experiments/{id}/columns", "RunColumns"},
    {kGet, "/slipway/v1/experiments/{id}/groups", "RunGroups"},
    {kGet, "/slipway/v1/runs/{id}/metrics/curves", "RunCurves"},
};

}  // namespace

ShapesOf shapes_of_runs() { return {schemas, kRoutes}; }

}  // namespace slipway::api::own
