#include "app/endpoint_inputs.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"

namespace slipway::app {

Result<std::string> TrainingInputs::find_dataset(const std::vector<std::string>& columns) {
  for (const auto& definition : TRY(datasets_.definitions())) {
    const auto snapshot = datasets_.snapshot(definition.name);
    if (!snapshot) continue;
    const auto& schema = snapshot->schema.columns;
    const auto has = [&](const std::string& name) {
      return std::any_of(schema.begin(), schema.end(),
                         [&](const auto& column) { return column.first == name; });
    };
    if (std::all_of(columns.begin(), columns.end(), has)) return definition.name;
  }
  return base::error(Code::kNotFound,
                     "no dataset has all inputs of the model: name one that has some of them "
                     "(--dataset): inputs={}",
                     fmt::join(columns, ", "));
}

Result<TrainingInputs::Rows> TrainingInputs::of_dataset(const std::string& name,
                                                        const std::vector<std::string>& columns) {
  const datasets::Snapshot snapshot = TRY(datasets_.snapshot(name));
  std::vector<std::string> known;
  for (const auto& [column, type] : snapshot.schema.columns) {
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) known.push_back(column);
  }
  if (known.empty()) {
    return base::error(Code::kInvalidArgument, "the dataset has none of the inputs: dataset={}",
                       name);
  }
  return Rows{.frame = TRY(datasets_.rows(snapshot, known)),
              .from = fmt::format("dataset {} version {}", name, snapshot.version)};
}

Result<TrainingInputs::Rows> TrainingInputs::rows(const std::string& endpoint,
                                                  const std::string& dataset,
                                                  const std::vector<std::string>& columns) {
  CHECK(monitor_ != nullptr);
  if (!dataset.empty()) return of_dataset(dataset, columns);
  const std::string service = TRY(releases_.status(endpoint)).endpoint.definition.features;
  if (service.empty()) return of_dataset(TRY(find_dataset(columns)), columns);
  for (const auto& monitor : monitor_->definitions()) {
    if (monitor.endpoint != endpoint || !monitor.reference_from || !monitor.reference_to) continue;
    return Rows{
        .frame = TRY(training_.reference(endpoint, *monitor.reference_from, *monitor.reference_to)),
        .from = fmt::format("feature service {} from {} to {}, the reference of monitor {}",
                            service, types::to_rfc3339(*monitor.reference_from),
                            types::to_rfc3339(*monitor.reference_to), monitor.name)};
  }
  return base::error(Code::kFailedPrecondition,
                     "no monitor of the endpoint has a `reference:`, which says of which time its "
                     "training rows are: endpoint={} (or name a dataset: --dataset)",
                     endpoint);
}

Result<std::vector<std::string>> check_inputs(
    const serving::Endpoints& serving, const std::vector<releases::EndpointDefinition>& endpoints,
    const features::Definitions& features) {
  std::vector<std::string> warnings;
  for (const releases::EndpointDefinition& endpoint : endpoints) {
    const auto shape = serving.shape(endpoint.name);
    if (!shape || shape->inputs.empty()) continue;  // no model was in memory yet
    const features::Service* service = features.find_service(endpoint.features);
    for (const types::InputRule& input : endpoint.running.inputs.columns) {
      const types::ColumnRule& rule = input.rule;
      const auto read = std::find_if(
          shape->inputs.begin(), shape->inputs.end(),
          [&](const auto& known) { return known.is_column() && known.name == rule.name; });
      if (read != shape->inputs.end()) {
        if (read->is_text() ? rule.is_of_numbers() : rule.is_of_texts()) {
          return base::error(Code::kInvalidArgument,
                             "the rule for an input is one of {}, and the model that answers reads "
                             "{}: endpoint={} input={}",
                             read->is_text() ? "numbers" : "texts",
                             read->is_text() ? "texts" : "numbers", endpoint.name, rule.name);
        }
        continue;
      }
      const bool is_requested =
          service != nullptr &&
          std::any_of(service->request.begin(), service->request.end(),
                      [&](const auto& column) { return column.name == rule.name; });
      if (is_requested) continue;
      std::vector<std::string_view> names;
      for (const serving::InputSpec& known : shape->inputs) {
        if (known.is_column()) names.push_back(known.name);
      }
      warnings.push_back(fmt::format(
          "endpoint {}: nothing is checked of the input {}, which the model that answers doesn't "
          "read: it reads {}",
          endpoint.name, rule.name, fmt::join(names, ", ")));
    }
  }
  return warnings;
}

}  // namespace slipway::app
