#include "kubeflow/catalog.h"

#include <fmt/format.h>

#include "kubeflow/experiments.h"

namespace slipway::kubeflow {
namespace {

constexpr std::string_view kPipeline = "id, name, display_name, description, created_at";
constexpr std::string_view kVersion =
    "id, pipeline, name, display_name, description, created_at, plan";

Pipeline read_pipeline(const store::Row& row) {
  return {.id = row.string(0),
          .name = row.string(1),
          .display_name = row.string(2),
          .description = row.string(3),
          .created = row.time(4)};
}

Version read_version(const store::Row& row) {
  return {.id = row.string(0),
          .pipeline = row.string(1),
          .name = row.string(2),
          .display_name = row.string(3),
          .description = row.string(4),
          .created = row.time(5),
          .plan = row.string(6)};
}

std::string shown_name(const Naming& naming) {
  return naming.display_name.empty() ? naming.name : naming.display_name;
}

Error no_pipeline(std::string_view id) {
  return base::error(Code::kNotFound, "Pipeline {} not found.", id);
}

Error no_version(std::string_view id) {
  return base::error(Code::kNotFound, "PipelineVersion {} not found.", id);
}

}  // namespace

Pipeline Catalog::made(const Naming& naming) {
  return {.id = new_id(random_),
          .name = naming.name,
          .display_name = shown_name(naming),
          .description = naming.description,
          .created = clock_.now()};
}

Version Catalog::made(const std::string& pipeline, const Naming& naming, const std::string& plan) {
  return {.id = new_id(random_),
          .pipeline = pipeline,
          .name = naming.name,
          .display_name = shown_name(naming),
          .description = naming.description,
          .created = clock_.now(),
          .plan = plan};
}

Result<void> Catalog::insert(store::Tx& tx, const Pipeline& pipeline) {
  if (pipeline.name.empty()) return base::error(Code::kInvalidArgument, "a pipeline needs a name");
  if (TRY(tx.execute("INSERT INTO kubeflow_pipelines(id, name, display_name, description, "
                     "created_at) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                     {pipeline.id, pipeline.name, pipeline.display_name, pipeline.description,
                      pipeline.created})) == 0)
    return base::error(Code::kAlreadyExists, "a pipeline of that name is there: name={}",
                       pipeline.name);
  return tx.append_event({.kind = "kubeflow.pipeline.created",
                          .subject = "kubeflow/pipelines/" + pipeline.id,
                          .payload = {{"name", pipeline.name}}});
}

Result<void> Catalog::insert(store::Tx& tx, const Version& version) {
  if (version.name.empty())
    return base::error(Code::kInvalidArgument, "a version of a pipeline needs a name");
  if (TRY(tx.execute("INSERT INTO kubeflow_versions(id, pipeline, name, display_name, description, "
                     "created_at, "
                     "plan) VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                     {version.id, version.pipeline, version.name, version.display_name,
                      version.description, version.created, version.plan})) == 0)
    return base::error(Code::kAlreadyExists,
                       "the pipeline has a version of that name: pipeline={} name={}",
                       version.pipeline, version.name);
  return tx.append_event({.kind = "kubeflow.version.created",
                          .subject = "kubeflow/pipelines/" + version.pipeline + "/" + version.id,
                          .payload = {{"name", version.name}, {"plan", version.plan}}});
}

Result<Pipeline> Catalog::create(const Naming& naming) {
  Pipeline pipeline = made(naming);
  TRY(db_.write([&](store::Tx& tx) { return insert(tx, pipeline); }));
  return pipeline;
}

Result<Pipeline> Catalog::upload(Naming naming, const Json& spec, const std::string& actor) {
  const Plan plan = TRY(plans_.keep(spec, actor));
  if (naming.name.empty())
    naming.name = naming.display_name.empty() ? plan.pipeline_name() : naming.display_name;
  Pipeline pipeline = made(naming);
  const Version version = made(pipeline.id, naming, plan.name);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(insert(tx, pipeline));
    return insert(tx, version);
  }));
  return pipeline;
}

Result<Version> Catalog::upload_version(const std::string& pipeline, Naming naming,
                                        const Json& spec, const std::string& actor) {
  TRY(find(pipeline));
  const Plan plan = TRY(plans_.keep(spec, actor));
  if (naming.name.empty())
    naming.name = naming.display_name.empty() ? plan.name : naming.display_name;
  Version version = made(pipeline, naming, plan.name);
  TRY(db_.write([&](store::Tx& tx) { return insert(tx, version); }));
  return version;
}

Result<Pipeline> Catalog::find(const std::string& id) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(fmt::format("SELECT {} FROM kubeflow_pipelines WHERE id = ?", kPipeline),
                       {id}, read_pipeline);
  }));
  if (!found) return no_pipeline(id);
  return std::move(*found);
}

Result<Pipeline> Catalog::find_by_name(const std::string& name) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(fmt::format("SELECT {} FROM kubeflow_pipelines WHERE name = ?", kPipeline),
                       {name}, read_pipeline);
  }));
  if (!found) return no_pipeline(name);
  return std::move(*found);
}

Result<std::vector<Pipeline>> Catalog::all() {
  std::vector<Pipeline> pipelines;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(fmt::format("SELECT {} FROM kubeflow_pipelines", kPipeline), {},
                        [&](const store::Row& row) { pipelines.push_back(read_pipeline(row)); });
  }));
  return pipelines;
}

Result<Version> Catalog::find_version(const std::string& pipeline, const std::string& id) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        fmt::format("SELECT {} FROM kubeflow_versions WHERE id = ? AND (pipeline = ? "
                    "OR ? = '')",
                    kVersion),
        {id, pipeline, pipeline}, read_version);
  }));
  if (!found) return no_version(id);
  return std::move(*found);
}

Result<std::vector<Version>> Catalog::versions(const std::string& pipeline) {
  TRY(find(pipeline));
  std::vector<Version> versions;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(fmt::format("SELECT {} FROM kubeflow_versions WHERE pipeline = ? ORDER BY "
                                    "created_at DESC, id DESC",
                                    kVersion),
                        {pipeline},
                        [&](const store::Row& row) { versions.push_back(read_version(row)); });
  }));
  return versions;
}

Result<void> Catalog::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM kubeflow_versions WHERE pipeline = ?", {id}));
    if (TRY(tx.execute("DELETE FROM kubeflow_pipelines WHERE id = ?", {id})) == 0)
      return no_pipeline(id);
    return tx.append_event(
        {.kind = "kubeflow.pipeline.deleted", .subject = "kubeflow/pipelines/" + id});
  });
}

Result<void> Catalog::remove_version(const std::string& pipeline, const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("DELETE FROM kubeflow_versions WHERE id = ? AND pipeline = ?",
                       {id, pipeline})) == 0)
      return no_version(id);
    return tx.append_event({.kind = "kubeflow.version.deleted",
                            .subject = "kubeflow/pipelines/" + pipeline + "/" + id});
  });
}

}  // namespace slipway::kubeflow
