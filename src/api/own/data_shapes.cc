#include "api/own/shapes_of.h"

namespace slipway::api::own {
namespace {

using namespace http::schema;  // NOLINT: a table reads better without
using http::Members;
using http::NamedSchema;
using http::Shape;
using enum http::Method;

std::vector<NamedSchema> datasets() {
  const Members version{{"dataset", text()},
                        {"version", integer()},
                        {"digest", text()},
                        {"schema", list(object({{"name", text()}, {"type", text()}}))},
                        {"rows", integer()},
                        {"quarantined", integer()},
                        {"violations", map(integer())},
                        {"notes", list(text())},
                        {"source", text()},
                        {"source_digest", text()},
                        {"arrival_time", time()}};
  const Json bound = JsonObject{{"anyOf", JsonArray{number(), text()}}};
  return {
      {"Cell",
       JsonObject{{"anyOf", JsonArray{number(), text(), flag(), JsonObject{{"type", "null"}}}}}},
      {"ColumnRule", object({{"type?", text()},
                             {"min?", number()},
                             {"max?", number()},
                             {"in?", list(text())},
                             {"pattern?", text()},
                             {"required?", flag()}})},
      {"DatasetDefinition",
       open_object(
           {{"path?", text()},
            {"postgres?", object({{"url", text()}, {"table?", text()}, {"query?", text()}})},
            {"key?", list(text())},
            {"event_time?", text()},
            {"arrival_time?", text()},
            {"columns?", map(ref("ColumnRule"))},
            {"on_violation", text()}})},
      {"DatasetVersion", object(version)},
      {"ColumnProfile", object({{"name", text()},
                                {"type", text()},
                                {"rows", integer()},
                                {"missing", integer()},
                                {"distinct?", maybe(integer())},
                                {"min?", bound},
                                {"p05?", number()},
                                {"p50?", number()},
                                {"p95?", number()},
                                {"max?", bound},
                                {"mean?", number()},
                                {"stddev?", real()},
                                {"top?", list(object({{"value", text()}, {"rows", integer()}}))}})},
      {"ProfiledVersion", object(plus(version, {{"profile", list(ref("ColumnProfile"))}}))},
      {"Dataset", object({{"name", text()},
                          {"definition", ref("DatasetDefinition")},
                          {"latest", maybe(ref("DatasetVersion"))}})},
      {"Datasets", listed("datasets", "Dataset")},
      {"DatasetVersions", object({{"name", text()},
                                  {"definition", ref("DatasetDefinition")},
                                  {"latest", maybe(ref("ProfiledVersion"))},
                                  {"versions", list(ref("DatasetVersion"))}})},
      {"ColumnSummary", open_object({{"type", text()},
                                     {"missing", integer()},
                                     {"missing_share", real()},
                                     {"distinct", integer()},
                                     {"min?", maybe(bound)},
                                     {"mean?", real()},
                                     {"max?", maybe(bound)}})},
      {"ColumnDifference",
       object({{"column", text()},
               {"changed_cells", integer()},
               {"before", maybe(ref("ColumnSummary"))},
               {"after", maybe(ref("ColumnSummary"))},
               {"drift", maybe(object({{"measure", text()}, {"value", number()}}))}})},
      {"TableDiff",
       object(
           {{"before", text()},
            {"after", text()},
            {"key", list(text())},
            {"same", flag()},
            {"schema",
             object({{"added", list(object({{"column", text()}, {"type", text()}}))},
                     {"removed", list(object({{"column", text()}, {"type", text()}}))},
                     {"types",
                      list(object({{"column", text()}, {"before", text()}, {"after", text()}}))}})},
            {"rows", object({{"before", integer()},
                             {"after", integer()},
                             {"added", integer()},
                             {"removed", integer()},
                             {"changed", integer()},
                             {"unchanged", integer()},
                             {"duplicate_keys", integer()},
                             {"duplicate_rows_before", integer()},
                             {"duplicate_rows_after", integer()}})},
            {"examples",
             object({{"changed", list(object({{"key", map(ref("Cell"))},
                                              {"cells", list(object({{"column", text()},
                                                                     {"before", ref("Cell")},
                                                                     {"after", ref("Cell")}}))}}))},
                     {"added", list(map(ref("Cell")))},
                     {"removed", list(map(ref("Cell")))},
                     {"duplicate_keys", list(map(ref("Cell")))}})},
            {"columns", list(ref("ColumnDifference"))},
            {"sample_rows", integer()},
            {"notes", list(text())}})},
  };
}

std::vector<NamedSchema> features() {
  const Members about{{"owner", text()}, {"description", text()}, {"tags", map(text())}};
  const Json typed = list(object({{"name", text()}, {"type", text()}}));
  const Json spread = maybe(
      object({{"missing_rate", number()}, {"p10", real()}, {"p50", real()}, {"p90", real()}}));
  return {
      {"FeatureSource", object(plus({{"name", text()},
                                     {"dataset", text()},
                                     {"event_time", text()},
                                     {"arrival_time", text()},
                                     {"deduplication_key", list(text())}},
                                    about))},
      {"FeatureView", object(plus({{"name", text()},
                                   {"source", text()},
                                   {"keys", list(text())},
                                   {"features", list(text())},
                                   {"outputs", typed},
                                   {"newest", maybe(time())},
                                   {"age_seconds", real()}},
                                  about))},
      {"FeatureService", object(plus({{"name", text()},
                                      {"version", integer()},
                                      {"event_time", text()},
                                      {"request", typed},
                                      {"outputs", typed}},
                                     about))},
      {"FeatureDefinitions", object({{"sources", list(ref("FeatureSource"))},
                                     {"views", list(ref("FeatureView"))},
                                     {"services", list(ref("FeatureService"))},
                                     {"online", object({{"store", text()},
                                                        {"materialized", maybe(time())},
                                                        {"memory_bytes", integer()},
                                                        {"disk_bytes", integer()}})}})},
      {"FeatureSpread", spread},
      {"SkewedFeature", object({{"endpoint", text()},
                                {"feature", text()},
                                {"version", text()},
                                {"current", flag()},
                                {"compared", integer()},
                                {"different", integer()},
                                {"rate", real()},
                                {"rate_low", number()},
                                {"rate_high", number()},
                                {"last_rate", real()},
                                {"reason", maybe(text())},
                                {"detail", maybe(text())},
                                {"reasons", map(object({{"rows", integer()}, {"detail", text()}}))},
                                {"first", maybe(object({{"request", text()},
                                                        {"event_time", time()},
                                                        {"served", ref("TableValue")},
                                                        {"recomputed", ref("TableValue")}}))},
                                {"last_served", ref("FeatureSpread")},
                                {"last_recomputed", ref("FeatureSpread")}})},
      {"Skew", object({{"features", list(ref("SkewedFeature"))},
                       {"failures", list(object({{"endpoint", text()}, {"why", text()}}))},
                       {"looked_until", maybe(time())}})},
      {"ExplainedFeature",
       object({{"feature", text()},
               {"view", text()},
               {"source", text()},
               {"served", ref("TableValue")},
               {"recomputed", ref("TableValue")},
               {"same", maybe(flag())},
               {"rows_in_window", integer()},
               {"rows", list(object({{"event_time", maybe(time())},
                                     {"arrival_time", maybe(time())},
                                     {"value", ref("TableValue")},
                                     {"known", flag()}}))},
               {"reasons", list(object({{"reason", text()}, {"detail", text()}}))}})},
      {"ExplainedRequest", object({{"request", text()},
                                   {"endpoint", text()},
                                   {"service", text()},
                                   {"event_time", time()},
                                   {"asked", map(ref("TableValue"))},
                                   {"features", list(ref("ExplainedFeature"))}})},
  };
}

std::vector<NamedSchema> comparisons() {
  return {
      {"ColumnSide", object({{"rows", integer()},
                             {"missing", integer()},
                             {"missing_rate", real()},
                             {"infinite?", integer()},
                             {"min?", real()},
                             {"max?", real()},
                             {"mean?", real()},
                             {"std?", real()},
                             {"median?", real()}})},
      {"PairedHistogram", object({{"edges?", list(real())},
                                  {"labels?", list(text())},
                                  {"reference", list(number())},
                                  {"current", list(number())}})},
      {"ComparedColumn",
       open_object({{"column", text()},
                    {"kind", word({"numeric", "categorical", "text", "time"})},
                    {"verdict", word({"no drift", "drift", "changed", "not compared"})},
                    {"method?", text()},
                    {"method_title?", text()},
                    {"score_is?", text()},
                    {"score?", real()},
                    {"threshold?", number()},
                    {"reference", ref("ColumnSide")},
                    {"current", ref("ColumnSide")},
                    {"histogram?", ref("PairedHistogram")},
                    {"notes", list(text())}})},
      {"DriftReport", open_object({{"reference", object({{"name", text()}, {"rows", integer()}})},
                                   {"current", object({{"name", text()}, {"rows", integer()}})},
                                   {"columns_compared", integer()},
                                   {"columns_drifted", integer()},
                                   {"drifted", flag()},
                                   {"columns", list(ref("ComparedColumn"))}})},
  };
}

std::vector<NamedSchema> lineage() {
  return {
      {"ToldNode",
       open_object(
           {{"key", text()},
            {"kind", word({"job", "dataset"})},
            {"namespace", text()},
            {"name", text()},
            {"needs", list(text())},
            {"same_as?", list(text())},
            {"own?", text()},
            {"version?", text()},
            {"run?", open_object({{"id", text()}, {"state", text()}, {"last_time", time()}})}})},
      {"ToldGraph",
       object({{"start", list(text())}, {"nodes", list(ref("ToldNode"))}, {"cut", flag()}})},
      {"ToldDataset",
       open_object({{"namespace", text()}, {"name", text()}, {"facets", map(any())}})},
  };
}

std::vector<NamedSchema> schemas() {
  std::vector<NamedSchema> all;
  for (auto part : {datasets, features, comparisons, lineage})
    for (NamedSchema& one : part()) all.push_back(std::move(one));
  return all;
}

constexpr Shape kRoutes[] = {
    {kGet, "/slipway/v1/datasets", "Datasets"},
    {kGet, "/slipway/v1/datasets/{name}", "DatasetVersions"},
    {kGet, "/slipway/v1/datasets/{name}/diff", "TableDiff"},
    {kGet, "/slipway/v1/features", "FeatureDefinitions"},
    {kGet, "/slipway/v1/features/skew", "Skew"},
    {kGet, "/slipway/v1/features/explain", "ExplainedRequest"},
    {kGet, "/slipway/v1/drift", "DriftReport"},
    {kGet, "/slipway/v1/lineage/graph", "ToldGraph"},
    {kGet, "/slipway/v1/lineage/dataset", "ToldDataset"},
};

}  // namespace

ShapesOf shapes_of_data() { return {schemas, kRoutes}; }

}  // namespace slipway::api::own
