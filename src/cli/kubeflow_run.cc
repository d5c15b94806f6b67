#include "cli/kubeflow_run.h"

#include <filesystem>

#include "cli/dvc_run.h"
#include "cli/table.h"
#include "kubeflow/parameter.h"
#include "kubeflow/pipeline_spec.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

// Of the types that the pipeline says.
Result<JsonObject> typed(const kubeflow::PipelineSpec& spec, const JsonObject& params) {
  JsonObject values;
  for (const auto& [name, value] : params) {
    const auto input = spec.root.inputs.find(std::string(name));
    if (input == spec.root.inputs.end()) {
      std::string known;
      for (const auto& [other, unused] : spec.root.inputs)
        known += (known.empty() ? "" : ", ") + other;
      return base::error(Code::kInvalidArgument, "pipeline {} has no parameter {}; it has {}",
                         spec.name, std::string_view(name), known.empty() ? "none" : known);
    }
    auto parsed = kubeflow::value_of_text(std::string_view(value.get_string()), input->second.type);
    if (!parsed)
      return std::move(parsed).error().with_context(
          fmt::format("parameter {}", std::string_view(name)));
    values[name] = std::move(*parsed);
  }
  return values;
}

}  // namespace

bool is_compiled_pipeline(const std::string& target) {
  const std::string end = std::filesystem::path(target).extension();
  return (end == ".yaml" || end == ".yml" || end == ".json") && !is_dvc_target(target);
}

Result<Json> run_compiled(Client& client, const std::string& file, const JsonObject& params,
                          const std::string& reason) {
  Json package = TRY(kubeflow::read_package(TRY(store::read_file(file))));
  auto spec = kubeflow::read_pipeline_spec(package);
  if (!spec)
    return std::move(spec).error().with_context(
        fmt::format("{} isn't a compiled pipeline of Kubeflow that can be run here", file));
  JsonObject values = TRY(typed(*spec, params));
  const Json begun = TRY(client.post(
      "/apis/v2beta1/runs", {{"display_name", reason.empty() ? spec->name : reason},
                             {"pipeline_spec", std::move(package)},
                             {"runtime_config", JsonObject{{"parameters", std::move(values)}}}}));
  return client.get(path_of("/slipway/v1/pipeline-runs/{}", {cell(member_at(begun, "run_id"))}));
}

}  // namespace slipway::cli
