#include "api/own/import_routes.h"

#include "api/own/import_wire.h"
#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;

// One run travels whole, with all its points: so a run may have eight million.
constexpr std::uint64_t kImportBytesMax = 256ull << 20;

Result<const JsonArray*> list_of(const JsonObject& body, std::string_view key) {
  const Json* member = body.if_contains(key);
  if (member == nullptr || !member->is_array())
    return base::error(Code::kInvalidArgument, "expected a list: member={}", key);
  return &member->get_array();
}

// Every item of the list at `key` through `read`.
template <typename Read>
auto read_all(const JsonObject& body, std::string_view key, Read read)
    -> Result<std::vector<typename std::invoke_result_t<Read, const JsonObject&>::value_type>> {
  std::vector<typename std::invoke_result_t<Read, const JsonObject&>::value_type> items;
  for (const Json& item : *TRY(list_of(body, key))) {
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "expected an object: in={}", key);
    items.push_back(TRY(read(item.get_object())));
  }
  return items;
}

Result<Response> open(tracking::Import& import, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto opened =
      TRY(import.open(TRY(base::get_string(body, "source")), TRY(read_actor(request, body))));
  return reply({{"id", opened.id}, {"resumed", opened.resumed}});
}

Result<Response> finish(tracking::Import& import, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const Json* counts = body.if_contains("counts");
  TRY(import.finish(request.param("id"),
                    counts != nullptr && counts->is_object() ? counts->get_object() : JsonObject(),
                    TRY(read_actor(request, body))));
  return reply({});
}

Result<Response> put_experiment(tracking::Import& import, const Request& request) {
  const auto experiment = TRY(imported_experiment(TRY(read_body(request))));
  return reply(to_json(TRY(import.put_experiment(request.param("id"), experiment))));
}

Result<Response> put_runs(tracking::Import& import, const Request& request) {
  const auto runs = TRY(read_all(TRY(read_body(request)), "runs", imported_run));
  JsonObject changes;
  const auto done = TRY(import.put_runs(request.param("id"), runs));
  for (std::size_t i = 0; i < runs.size(); ++i)
    changes[runs[i].run.id] = tracking::change_name(done[i]);
  return reply({{"changes", std::move(changes)}});
}

Result<Response> put_logged_models(tracking::Import& import, const Request& request) {
  JsonObject changes;
  for (const auto& model :
       TRY(read_all(TRY(read_body(request)), "logged_models", imported_logged_model))) {
    changes[model.id] =
        tracking::change_name(TRY(import.put_logged_model(request.param("id"), model)));
  }
  return reply({{"changes", std::move(changes)}});
}

Result<Response> contents(tracking::Import& import, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  std::vector<std::string> ids;
  for (const Json& id : *TRY(list_of(body, "runs"))) {
    if (!id.is_string()) return base::error(Code::kInvalidArgument, "a run's id is text");
    ids.emplace_back(std::string_view(id.get_string()));
  }
  JsonObject runs;
  for (const auto& [id, content] : TRY(import.contents(ids))) runs[id] = to_json(content);
  return reply({{"runs", std::move(runs)}});
}

}  // namespace

std::vector<http::Route> import_routes(tracking::Import& runs, registry::ModelImport& models) {
  const auto on_runs = [&runs](Result<Response> (*handle)(tracking::Import&, const Request&)) {
    return answering([&runs, handle](const Request& request) { return handle(runs, request); });
  };
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/imports",
       .summary = "What was imported from where, newest first.",
       .handler = answering([&runs](const Request&) -> Result<Response> {
         return reply({{"imports", TRY(runs.list())}});
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/imports",
       .summary = "Starts the import of a source, or takes it up again.",
       .handler = on_runs(open),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/imports/{id}/experiments",
       .summary = "The experiment here for one of the source.",
       .handler = on_runs(put_experiment),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/imports/{id}/runs",
       .summary = "Runs with all their points, all of them or none; those that are here already "
                  "with the same content are left alone.",
       .handler = on_runs(put_runs),
       .body_bytes_max = kImportBytesMax,
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/imports/{id}/logged-models",
       .summary = "Logged models, by the same rules.",
       .handler = on_runs(put_logged_models),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/imports/{id}/models",
       .summary =
           "A registered model with its versions and aliases; the reply is what is here now.",
       .handler = answering([&models](const Request& request) -> Result<Response> {
         return reply(to_json(TRY(models.put(TRY(imported_model(TRY(read_body(request))))))));
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/imports/{id}/finish",
       .summary = "Notes the end of an import with what was counted.",
       .handler = on_runs(finish),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/runs/contents",
       .summary = "Counts and digests of what is stored for runs, to compare with another store.",
       .handler = on_runs(contents),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
