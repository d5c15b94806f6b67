#include "api/openlineage/run_event.h"

#include "base/hash.h"
#include "types/timestamp.h"

namespace slipway::api::openlineage {
namespace {

using lineage::Name;
using lineage::RunState;

constexpr std::string_view kProducer = "urn:slipway:server";
constexpr std::string_view kSchema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/";
constexpr std::string_view kFacets = "https://openlineage.io/spec/facets/";

std::string_view type_of(RunState state) {
  switch (state) {
    case RunState::kUnknown:
      return "OTHER";
    case RunState::kStarted:
      return "START";
    case RunState::kRunning:
      return "RUNNING";
    case RunState::kCompleted:
      return "COMPLETE";
    case RunState::kAborted:
      return "ABORT";
    case RunState::kFailed:
      return "FAIL";
  }
  return "OTHER";
}

// `kind` is the name of the facet's schema: "ParentRunFacet", of `version`.
JsonObject facet(std::string_view version, std::string_view kind, JsonObject members) {
  members["_producer"] = kProducer;
  members["_schemaURL"] = fmt::format("{}{}/{}.json#/$defs/{}", kFacets, version, kind, kind);
  return members;
}

JsonObject to_json(const Name& name) { return {{"namespace", name.space}, {"name", name.name}}; }

JsonObject run_facets(const RunSaid& run) {
  JsonObject facets;
  facets["processing_engine"] =
      facet("1-1-1", "ProcessingEngineRunFacet", {{"name", "slipway"}, {"version", run.version}});
  if (run.parent) {
    facets["parent"] =
        facet("1-2-0", "ParentRunFacet",
              {{"run", {{"runId", run.parent->id}}}, {"job", to_json(run.parent->job)}});
  }
  if (run.nominal_time) {
    facets["nominalTime"] = facet("1-0-1", "NominalTimeRunFacet",
                                  {{"nominalStartTime", types::to_rfc3339(*run.nominal_time)}});
  }
  if (!run.error.empty()) {
    // What the command is written in is not known; a shell has started it.
    facets["errorMessage"] = facet("1-0-1", "ErrorMessageRunFacet",
                                   {{"message", run.error}, {"programmingLanguage", "sh"}});
  }
  return facets;
}

JsonObject dataset_facets(const DatasetSaid& dataset) {
  JsonObject facets;
  if (!dataset.version.empty()) {
    facets["version"] =
        facet("1-0-1", "DatasetVersionDatasetFacet", {{"datasetVersion", dataset.version}});
  }
  if (dataset.place) {
    JsonObject place = to_json(*dataset.place);
    place["type"] = "LOCATION";
    facets["symlinks"] =
        facet("1-0-1", "SymlinksDatasetFacet", {{"identifiers", JsonArray{std::move(place)}}});
  }
  if (!dataset.schema.empty()) {
    JsonArray fields;
    for (const auto& [name, type] : dataset.schema)
      fields.push_back(JsonObject{{"name", name}, {"type", type}});
    facets["schema"] = facet("1-2-0", "SchemaDatasetFacet", {{"fields", std::move(fields)}});
  }
  return facets;
}

JsonArray inputs_of(const RunSaid& run) {
  JsonArray inputs;
  for (const DatasetSaid& dataset : run.inputs) {
    JsonObject input = to_json(dataset.name);
    input["facets"] = dataset_facets(dataset);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

JsonArray outputs_of(const RunSaid& run) {
  JsonArray outputs;
  for (const DatasetSaid& dataset : run.outputs) {
    JsonObject output = to_json(dataset.name);
    output["facets"] = dataset_facets(dataset);
    if (dataset.files) {
      output["outputFacets"] = {
          {"outputStatistics",
           facet("1-0-2", "OutputStatisticsOutputDatasetFacet", {{"fileCount", *dataset.files}})}};
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace

JsonObject to_event(const RunSaid& run) {
  JsonObject job = to_json(run.job);
  job["facets"] = {{"jobType", facet("2-0-4", "JobTypeJobFacet",
                                     {{"processingType", "BATCH"},
                                      {"integration", "SLIPWAY"},
                                      {"jobType", run.job_type}})}};
  JsonObject event{{"eventType", type_of(run.state)},
                   {"eventTime", types::to_rfc3339(run.time)},
                   {"producer", kProducer},
                   {"schemaURL", fmt::format("{}RunEvent", kSchema)},
                   {"run", {{"runId", run.id}, {"facets", run_facets(run)}}}};
  event["job"] = std::move(job);
  event["inputs"] = inputs_of(run);
  event["outputs"] = outputs_of(run);
  return event;
}

std::string uuid_of(std::string_view name) {
  std::string digits = base::sha256_hex(name).substr(0, 32);
  digits[12] = '8';                                            // version
  digits[16] = "89ab"[static_cast<unsigned>(digits[16]) % 4];  // variant
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

}  // namespace slipway::api::openlineage
