#include "api/kubeflow/multipart.h"
#include "api/kubeflow/wire.h"

namespace slipway::api::kubeflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

JsonObject to_json(const kfp::Pipeline& pipeline) {
  JsonObject object{{"pipeline_id", pipeline.id},
                    {"name", pipeline.name},
                    {"display_name", pipeline.display_name},
                    {"created_at", to_text(pipeline.created)}};
  if (!pipeline.description.empty()) object["description"] = pipeline.description;
  return object;
}

Result<JsonObject> to_json(const Services& services, const kfp::Version& version) {
  JsonObject object{{"pipeline_id", version.pipeline},
                    {"pipeline_version_id", version.id},
                    {"name", version.name},
                    {"display_name", version.display_name},
                    {"created_at", to_text(version.created)},
                    {"pipeline_spec", TRY(services.plans.find(version.plan)).spec}};
  if (!version.description.empty()) object["description"] = version.description;
  object["slipway"] = note_of(services, version.plan);
  return object;
}

kfp::Listed listed(const kfp::Pipeline& pipeline) {
  return {.id = pipeline.id,
          .fields = {{"pipeline_id", pipeline.id},
                     {"id", pipeline.id},
                     {"display_name", pipeline.display_name},
                     {"name", pipeline.name},
                     {"description", pipeline.description},
                     {"created_at", pipeline.created.micros}}};
}

kfp::Listed listed(const kfp::Version& version) {
  return {.id = version.id,
          .fields = {{"pipeline_version_id", version.id},
                     {"id", version.id},
                     {"pipeline_id", version.pipeline},
                     {"display_name", version.display_name},
                     {"name", version.name},
                     {"description", version.description},
                     {"created_at", version.created.micros}}};
}

const std::vector<std::string> kPipelineFields = {"pipeline_id", "id",          "display_name",
                                                  "name",        "description", "created_at"};
const std::vector<std::string> kVersionFields = {"pipeline_version_id", "id",   "pipeline_id",
                                                 "display_name",        "name", "description",
                                                 "created_at"};

Result<Response> list(const Services& services, const Request& request) {
  const auto pipelines = TRY(services.catalog.all());
  std::vector<kfp::Listed> things;
  for (const auto& pipeline : pipelines) things.push_back(listed(pipeline));
  const auto page = TRY(kfp::select(things, kPipelineFields, TRY(read_list_query(request))));
  JsonArray told;
  for (const std::size_t position : page.positions) told.push_back(to_json(pipelines[position]));
  return reply(page_of("pipelines", std::move(told), page.next_page_token, page.total));
}

Result<Response> create(const Services& services, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  kfp::Naming naming;
  naming.name = TRY(text_of(body, "name", "name"));
  naming.display_name = TRY(text_of(body, "display_name", "displayName"));
  naming.description = TRY(text_of(body, "description", "description"));
  if (naming.name.empty()) naming.name = naming.display_name;
  return reply(to_json(TRY(services.catalog.create(naming))));
}

Result<Response> get(const Services& services, const Request& request) {
  return reply(to_json(TRY(services.catalog.find(request.param("id")))));
}

Result<Response> get_by_name(const Services& services, const Request& request) {
  return reply(to_json(TRY(services.catalog.find_by_name(request.param("name")))));
}

Result<Response> remove(const Services& services, const Request& request) {
  TRY(services.catalog.remove(request.param("id")));
  return reply({});
}

kfp::Naming naming_of(const Request& request) {
  return {.name = text_of(request, "name"),
          .display_name = text_of(request, "display_name"),
          .description = text_of(request, "description")};
}

Result<Json> read_package(const Request& request) {
  const FormFile file = TRY(find_form_file(request.header("Content-Type"), request.body));
  if (file.content.starts_with("PK\x03\x04") || file.content.starts_with("\x1f\x8b"))
    return base::error(Code::kInvalidArgument,
                       "a package is YAML here, not an archive of it: file={}", file.file_name);
  return kfp::read_package(file.content);
}

Result<Response> upload(const Services& services, const Request& request) {
  const Json spec = TRY(read_package(request));
  return reply(to_json(TRY(services.catalog.upload(naming_of(request), spec, actor_of(request)))));
}

Result<Response> upload_version(const Services& services, const Request& request) {
  const Json spec = TRY(read_package(request));
  const std::string pipeline = text_of(request, "pipelineid");
  if (pipeline.empty())
    return base::error(Code::kInvalidArgument, "pipelineid says of which pipeline it is a version");
  const kfp::Version version =
      TRY(services.catalog.upload_version(pipeline, naming_of(request), spec, actor_of(request)));
  return reply(TRY(to_json(services, version)));
}

Result<Response> list_versions(const Services& services, const Request& request) {
  const auto versions = TRY(services.catalog.versions(request.param("id")));
  std::vector<kfp::Listed> things;
  for (const auto& version : versions) things.push_back(listed(version));
  const auto page = TRY(kfp::select(things, kVersionFields, TRY(read_list_query(request))));
  JsonArray told;
  for (const std::size_t position : page.positions)
    told.push_back(TRY(to_json(services, versions[position])));
  return reply(page_of("pipeline_versions", std::move(told), page.next_page_token, page.total));
}

Result<Response> get_version(const Services& services, const Request& request) {
  const kfp::Version version =
      TRY(services.catalog.find_version(request.param("id"), request.param("version")));
  return reply(TRY(to_json(services, version)));
}

Result<Response> remove_version(const Services& services, const Request& request) {
  TRY(services.catalog.remove_version(request.param("id"), request.param("version")));
  return reply({});
}

}  // namespace

std::vector<http::Route> pipeline_routes(const Services& services) {
  return {
      route(services, Method::kGet, "/pipelines", "pipelines, in pages.", list),
      route(services, Method::kPost, "/pipelines", "makes a pipeline without versions.", create),
      route(services, Method::kPost, "/pipelines/upload", "a pipeline from a package.", upload),
      route(services, Method::kPost, "/pipelines/upload_version",
            "a version of a pipeline from a package.", upload_version),
      route(services, Method::kGet, "/pipelines/names/{name}", "a pipeline by name.", get_by_name),
      route(services, Method::kGet, "/pipelines/{id}", "a pipeline.", get),
      route(services, Method::kDelete, "/pipelines/{id}", "deletes a pipeline.", remove),
      route(services, Method::kGet, "/pipelines/{id}/versions", "versions, in pages.",
            list_versions),
      route(services, Method::kGet, "/pipelines/{id}/versions/{version}", "a version.",
            get_version),
      route(services, Method::kDelete, "/pipelines/{id}/versions/{version}", "deletes a version.",
            remove_version),
  };
}

}  // namespace slipway::api::kubeflow
