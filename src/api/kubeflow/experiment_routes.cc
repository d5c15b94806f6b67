#include "api/kubeflow/wire.h"

namespace slipway::api::kubeflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

JsonObject to_json(const kfp::Experiment& experiment) {
  JsonObject object{{"experiment_id", experiment.id},
                    {"display_name", experiment.name},
                    {"created_at", to_text(experiment.created)},
                    {"storage_state", experiment.is_archived ? "ARCHIVED" : "AVAILABLE"}};
  if (!experiment.description.empty()) object["description"] = experiment.description;
  if (experiment.last_run) object["last_run_created_at"] = to_text(*experiment.last_run);
  return object;
}

kfp::Listed listed(const kfp::Experiment& experiment) {
  return {.id = experiment.id,
          .fields = {{"experiment_id", experiment.id},
                     {"id", experiment.id},
                     {"display_name", experiment.name},
                     {"name", experiment.name},
                     {"description", experiment.description},
                     {"created_at", experiment.created.micros},
                     {"last_run_created_at", experiment.last_run ? experiment.last_run->micros : 0},
                     {"storage_state", experiment.is_archived ? "ARCHIVED" : "AVAILABLE"}}};
}

const std::vector<std::string> kFields = {
    "experiment_id", "id",         "display_name",        "name",
    "description",   "created_at", "last_run_created_at", "storage_state"};

Result<Response> health(const Services&, const Request&) {
  return reply({{"multi_user", false}, {"pipeline_store", "database"}});
}

Result<Response> list(const Services& services, const Request& request) {
  TRY(services.experiments.default_one());
  const auto experiments = TRY(services.experiments.all());
  std::vector<kfp::Listed> things;
  for (const auto& experiment : experiments) things.push_back(listed(experiment));
  const auto page = TRY(kfp::select(things, kFields, TRY(read_list_query(request))));
  JsonArray told;
  for (const std::size_t position : page.positions) told.push_back(to_json(experiments[position]));
  return reply(page_of("experiments", std::move(told), page.next_page_token, page.total));
}

Result<Response> create(const Services& services, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string name = TRY(text_of(body, "display_name", "displayName"));
  const std::string description = TRY(text_of(body, "description", "description"));
  return reply(to_json(TRY(services.experiments.create(name, description))));
}

Result<Response> get(const Services& services, const Request& request) {
  return reply(to_json(TRY(services.experiments.find(request.param("id")))));
}

Result<Response> remove(const Services& services, const Request& request) {
  TRY(services.experiments.remove(request.param("id")));
  return reply({});
}

Result<Response> archive(const Services& services, const Request& request) {
  TRY(services.experiments.set_archived(request.param("id"), true));
  return reply({});
}

Result<Response> unarchive(const Services& services, const Request& request) {
  TRY(services.experiments.set_archived(request.param("id"), false));
  return reply({});
}

}  // namespace

std::vector<http::Route> experiment_routes(const Services& services) {
  return {
      route(services, Method::kGet, "/healthz", "whether it answers.", health),
      route(services, Method::kGet, "/experiments", "experiments, in pages.", list),
      route(services, Method::kPost, "/experiments", "makes an experiment.", create),
      route(services, Method::kGet, "/experiments/{id}", "an experiment.", get),
      route(services, Method::kDelete, "/experiments/{id}", "deletes an experiment.", remove),
      route(services, Method::kPost, "/experiments/{id}:archive", "archives it.", archive),
      route(services, Method::kPost, "/experiments/{id}:unarchive", "brings it back.", unarchive),
  };
}

}  // namespace slipway::api::kubeflow
