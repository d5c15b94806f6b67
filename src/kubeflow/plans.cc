#include "kubeflow/plans.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "store/file_system.h"

namespace slipway::kubeflow {
namespace {

constexpr std::size_t kDigestLength = 12;  // of the plan's name

Result<CompiledPipeline> compile_document(const Json& document, Where where) {
  return compile(TRY(read_pipeline_spec(document)), where);
}

}  // namespace

Result<Plan> Plans::keep(const Json& spec, const std::string& actor) {
  Plan plan;
  plan.compiled = TRY(compile_document(spec, where_));
  plan.spec = spec.get_object();
  plan.name = plan.compiled.name + "@" + plan.compiled.digest().substr(0, kDigestLength);
  const std::filesystem::path project = project_of(plan.name);
  for (const auto& [path, content] : plan.compiled.files) {
    std::error_code ignored;
    if (std::filesystem::exists(project / path, ignored)) continue;  // named after what is in it
    TRY(store::make_folders((project / path).parent_path()));
    TRY(store::write_file(project / path, content));
  }
  // What is listed has its spec, whatever comes in between.
  const std::string text = base::to_text(plan.spec);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO kubeflow_plans(name, spec) VALUES(?, ?) ON CONFLICT(workspace, "
                   "name) DO NOTHING",
                   {plan.name, text}));
    return {};
  }));
  TRY(runner_.declare(plan.name, plan.compiled.text, project, actor));
  return plan;
}

Result<Plan> Plans::find(const std::string& name) {
  const auto text = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT spec FROM kubeflow_plans WHERE name = ?", {name},
                       [](const store::Row& row) { return row.string(0); });
  }));
  if (!text) return base::error(Code::kNotFound, "no such plan: {}", name);
  Plan plan{.name = name};
  const Json document = TRY(base::parse_json(*text));
  plan.compiled = TRY(compile_document(document, where_));
  plan.spec = document.get_object();
  return plan;
}

Result<std::map<std::string, std::string>> plan_parameters(const CompiledPipeline& pipeline,
                                                           const JsonObject& given) {
  std::map<std::string, std::string> parameters;
  for (const auto& [name, value] : given) {
    const std::string_view key = name;
    const auto found = std::find_if(pipeline.parameters.begin(), pipeline.parameters.end(),
                                    [&](const CompiledParameter& one) { return one.name == key; });
    if (found == pipeline.parameters.end()) {
      std::vector<std::string> known;
      for (const CompiledParameter& one : pipeline.parameters) known.push_back(one.name);
      return base::error(Code::kInvalidArgument,
                         "the pipeline has no such parameter: parameter={} known={}", key,
                         fmt::join(known, ","));
    }
    if (value.is_null() && found->spec.is_optional) continue;
    const auto typed = as_type(value, found->spec.type);
    if (!typed)
      return base::error(Code::kInvalidArgument, "parameter {}: {}", key, typed.error().message);
    parameters[found->plan_name] = plan_text(*typed, found->spec);
  }
  for (const CompiledParameter& one : pipeline.parameters) {
    if (one.spec.is_required() && !parameters.contains(one.plan_name))
      return base::error(Code::kInvalidArgument,
                         "the pipeline needs a parameter: parameter={} type={}", one.name,
                         name_of(one.spec.type));
  }
  return parameters;
}

}  // namespace slipway::kubeflow
