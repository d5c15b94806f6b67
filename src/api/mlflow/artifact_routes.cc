#include <unistd.h>

#include "api/http/object_body.h"
#include "api/mlflow/artifact_wire.h"
#include "api/mlflow/errors.h"
#include "api/mlflow/services.h"
#include "api/mlflow/trace_wire.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using tracking::ArtifactPlace;

constexpr std::int64_t kPageUploadBytesMax = 10 << 20;  // of the page's upload-artifact
constexpr std::int64_t kPartsMax = 10'000;              // of one upload, by S3's rules
constexpr std::int64_t kUploadSeconds = 900, kPartSeconds = 3600, kSignedSecondsMax = 604'800;

// A file as a download, or the part of it that a Range header asks for.
Result<Response> send_artifact(const ArtifactPlace& place, const Request& request) {
  Response response;
  response.content_type = tracking::mime_type(place.path);
  response.headers = {{"Content-Disposition", content_disposition(place.path)}};
  TRY(http::send_object(*place.store, place.path, request, response));
  return response;
}

// A page of a folder.
Result<JsonObject> list_place(const Services& services, const ArtifactPlace& place,
                              const std::string& parent, const std::string& page_token) {
  const auto page = TRY(services.artifacts.list(place, page_token));
  JsonArray files;
  for (const store::ObjectEntry& entry : page.items) files.push_back(to_json(entry, parent));
  JsonObject body;
  if (!files.empty()) body["files"] = std::move(files);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return body;
}

// The proxy.

Result<Response> download(Services& services, const Request& request) {
  return send_artifact(TRY(services.artifacts.proxied(request.param("path"))), request);
}

// An artifact that passes through us on its way from a client to its storage.
class ArtifactUpload final : public http::BodySink {
 public:
  explicit ArtifactUpload(std::unique_ptr<store::ObjectWriter> writer)
      : writer_(std::move(writer)) {}
  Result<void> write(std::string_view bytes) override { return writer_->write(bytes); }
  Result<void> finish() { return writer_->finish(); }

 private:
  const std::unique_ptr<store::ObjectWriter> writer_;
};

// Nothing when the storage wants a file.
Result<std::shared_ptr<http::BodySink>> open_upload(Services& services, const Request& request) {
  const ArtifactPlace place = TRY(services.artifacts.proxied(request.param("path")));
  auto writer = place.store->write(place.path, std::string(tracking::mime_type(place.path)),
                                   http::content_length(request));
  std::shared_ptr<http::BodySink> sink;
  if (writer != nullptr) sink = std::make_shared<ArtifactUpload>(std::move(writer));
  return sink;
}

Result<Response> upload(Services& services, const Request& request) {
  if (request.body_sink != nullptr) {
    TRY(static_cast<ArtifactUpload&>(*request.body_sink).finish());
    return reply({});
  }
  const ArtifactPlace place = TRY(services.artifacts.proxied(request.param("path")));
  TRY(place.store->put_file(place.path, request.body_file,
                            std::string(tracking::mime_type(place.path))));
  return reply({});
}

Result<Response> remove(Services& services, const Request& request) {
  const ArtifactPlace place = TRY(services.artifacts.proxied(request.param("path")));
  if (place.path.empty()) return base::error(Code::kInvalidArgument, "Invalid path");
  TRY(place.store->remove(place.path));
  return reply({});
}

Result<Response> list_proxy(Services& services, const Request& request) {
  const ArtifactPlace place = TRY(services.artifacts.proxied(Fields(request).text("path")));
  const JsonObject body = TRY(list_place(services, place, "", ""));
  // Its protocol has no pages, and half a folder must not look like a whole one.
  if (body.contains("next_page_token")) {
    return base::error(Code::kFailedPrecondition,
                       "The folder has more entries than one listing takes: list it page by page "
                       "with artifacts/list, or raise artifact-list-max: path={} "
                       "artifact-list-max={}",
                       place.path, services.artifacts.options().entries_max);
  }
  return reply(body);
}

// Signed URLs of the proxy's storage.

// As MLflow has it: the folder comes with the path, the file's name with the body, as the client's
// own path to it.
Result<ArtifactPlace> uploaded_file(Services& services, const Request& request,
                                    const Fields& fields) {
  const std::string file = TRY(fields.required("path"));
  const std::string& folder = request.param("path");
  const std::string name = file.substr(file.rfind('/') + 1);
  return services.artifacts.proxied(folder.empty() ? name : folder + "/" + name);
}

Result<Response> create_upload(Services& services, const Request& request) {
  const Fields fields(request);
  const ArtifactPlace place = TRY(uploaded_file(services, request, fields));
  store::DirectTransfer* direct = services.artifacts.direct(place);
  if (direct == nullptr) return unsupported("Multipart upload");
  const std::int64_t parts = TRY(fields.integer("num_parts")).value_or(1);
  if (parts < 1 || parts > kPartsMax)
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'num_parts': it must be between 1 and {}",
                       parts, kPartsMax);
  const std::string id =
      TRY(direct->begin_parts(place.path, std::string(tracking::mime_type(place.path))));
  JsonArray credentials;
  for (int part = 1; part <= parts; ++part) {
    const store::SignedRequest one = direct->sign_part(place.path, id, part, kPartSeconds);
    JsonObject credential{{"url", one.url}, {"part_number", part}};
    if (!one.headers.empty()) credential["headers"] = to_json(one.headers);
    credentials.push_back(std::move(credential));
  }
  return reply({{"upload_id", id}, {"credentials", std::move(credentials)}});
}

Result<Response> complete_upload(Services& services, const Request& request) {
  const Fields fields(request);
  const ArtifactPlace place = TRY(uploaded_file(services, request, fields));
  store::DirectTransfer* direct = services.artifacts.direct(place);
  if (direct == nullptr) return unsupported("Multipart upload");
  std::vector<store::UploadedPart> parts;
  for (const JsonObject& part : fields.objects("parts"))
    parts.push_back({static_cast<int>(TRY(base::get_int(part, "part_number"))),
                     TRY(base::get_string(part, "etag"))});
  if (parts.empty())
    return base::error(Code::kInvalidArgument, "Missing value for required parameter 'parts'.");
  TRY(direct->finish_parts(place.path, TRY(fields.required("upload_id")), parts));
  return reply({});
}

Result<Response> abort_upload(Services& services, const Request& request) {
  const Fields fields(request);
  const ArtifactPlace place = TRY(uploaded_file(services, request, fields));
  store::DirectTransfer* direct = services.artifacts.direct(place);
  if (direct == nullptr) return unsupported("Multipart upload");
  TRY(direct->abort_parts(place.path, TRY(fields.required("upload_id"))));
  return reply({});
}

// A signed download with what MLflow tells beside it.
Result<JsonObject> signed_download(Services& services, const ArtifactPlace& place,
                                   store::DirectTransfer& direct, std::string_view url_field,
                                   std::optional<std::int64_t> seconds) {
  const std::int64_t bytes = TRY(place.store->size(place.path));
  const store::SignedRequest get = direct.sign_download(
      place.path, content_disposition(place.path), seconds.value_or(services.signed_url_seconds));
  JsonObject body{{"headers", to_json(get.headers)}, {"file_size", bytes}};
  body[url_field] = get.url;
  return body;
}

Result<Response> presigned(Services& services, const Request& request) {
  const ArtifactPlace place = TRY(services.artifacts.proxied(request.param("path")));
  store::DirectTransfer* direct = services.artifacts.direct(place);
  if (direct == nullptr) return unsupported("Multipart download");
  return reply(TRY(signed_download(services, place, *direct, "url", std::nullopt)));
}

// Signed URLs of runs and models that keep their artifacts in a storage of their own.

Result<std::string> unproxied(std::string uri, std::string_view what, std::string_view subject) {
  if (!tracking::proxied_path(uri)) return uri;
  return base::error(Code::kInvalidArgument,
                     "{} is not supported for {} (artifact URI scheme: {}). This endpoint requires "
                     "a direct cloud storage artifact URI.",
                     what, subject, uri.substr(0, uri.find(':')));
}

Result<Response> presigned_upload_url(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string run = fields.text("run_id"), model = fields.text("model_id");
  const std::string path = TRY(tracking::safe_path(TRY(fields.required("path"))));
  const std::int64_t seconds = TRY(fields.integer("expiration")).value_or(kUploadSeconds);
  if (run.empty() == model.empty())
    return base::error(Code::kInvalidArgument,
                       "Exactly one of run_id and model_id must be provided.");
  const std::string uri =
      TRY(unproxied(run.empty() ? TRY(services.logged_models.get(model)).artifact_uri
                                : TRY(services.runs.get(run)).artifact_uri,
                    "Presigned upload", "proxied artifact storage"));
  const ArtifactPlace place = TRY(services.artifacts.at(uri, path));
  store::DirectTransfer* direct = services.artifacts.direct(place);
  if (direct == nullptr) return unsupported("Presigned upload");
  const store::SignedRequest put =
      direct->sign_upload(place.path, std::string(tracking::mime_type(path)), seconds);
  return reply({{"presigned_url", put.url}, {"headers", to_json(put.headers)}});
}

Result<Response> presigned_download_url(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string run = TRY(fields.required("run_id"));
  const std::string path = TRY(tracking::safe_path(TRY(fields.required("path"))));
  const std::int64_t seconds =
      TRY(fields.integer("expiration")).value_or(services.signed_url_seconds);
  if (seconds < 1 || seconds > kSignedSecondsMax)
    return base::error(Code::kInvalidArgument,
                       "expiration must be between 1 and {} seconds (got {}).", kSignedSecondsMax,
                       seconds);
  const std::string uri =
      TRY(unproxied(TRY(services.runs.get(run)).artifact_uri, "Presigned download",
                    "runs with proxied artifact storage"));
  const ArtifactPlace place = TRY(services.artifacts.at(uri, path));
  store::DirectTransfer* direct = services.artifacts.direct(place);
  if (direct == nullptr) return unsupported("Presigned download");
  return reply(TRY(signed_download(services, place, *direct, "presigned_url", seconds)));
}

// Artifacts of runs, models and versions, wherever they are.

Result<Response> list_below(Services& services, const std::string& uri, const std::string& asked,
                            const std::string& page_token) {
  const std::string path = TRY(tracking::safe_path(asked));
  JsonObject body =
      TRY(list_place(services, TRY(services.artifacts.at(uri, path)), path, page_token));
  body["root_uri"] = uri;
  return reply(body);
}

Result<Response> list_run(Services& services, const Request& request) {
  const Fields fields(request);
  // The path first: a bad one is the error to hear about.
  TRY(tracking::safe_path(fields.text("path")));
  const tracking::Run run = TRY(services.runs.get(TRY(fields.run_id())));
  return list_below(services, run.artifact_uri, fields.text("path"), fields.text("page_token"));
}

Result<Response> list_model(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string path = fields.text("artifact_directory_path");
  TRY(tracking::safe_path(path));
  const tracking::LoggedModel model = TRY(services.logged_models.get(request.param("id")));
  return list_below(services, model.artifact_uri, path, fields.text("page_token"));
}

Result<Response> get_run_artifact(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string path = TRY(tracking::safe_path(TRY(fields.required("path"))));
  const tracking::Run run = TRY(services.runs.get(TRY(fields.run_id())));
  return send_artifact(TRY(services.artifacts.at(run.artifact_uri, path)), request);
}

// The spans of a trace as a file, or one of its attachments. A client that keeps spans among the
// artifacts itself finds them there.
Result<Response> get_trace_artifact(Services& services, const Request& request) {
  const std::string id = request.query("request_id").value_or("");
  if (id.empty())
    return base::error(Code::kInvalidArgument,
                       "Request must include the \"request_id\" query parameter.");
  if (const std::string path = request.query("path").value_or(""); !path.empty()) {
    const std::string attachment = "attachments/" + TRY(tracking::safe_path(path));
    return send_artifact(
        TRY(services.artifacts.at(TRY(services.traces.artifact_location(id)), attachment)),
        request);
  }
  constexpr std::string_view kFile = "traces.json";
  const traces::Trace trace = TRY(services.traces.get(id));
  if (trace.info.tags.find(traces::kSpansLocationTag) == nullptr) {
    return send_artifact(
        TRY(services.artifacts.at(TRY(services.traces.artifact_location(id)), kFile)), request);
  }
  Response response;
  response.content_type = "application/octet-stream";
  response.headers = {{"Content-Disposition", content_disposition(kFile)},
                      {"X-Content-Type-Options", "nosniff"}};
  response.body = trace_data_json(trace);
  return response;
}

Result<Response> get_model_artifact(Services& services, const Request& request) {
  const std::string asked = Fields(request).text("artifact_file_path");
  if (asked.empty())
    return base::error(Code::kInvalidArgument,
                       "Request must include the \"artifact_file_path\" query parameter.");
  const std::string path = TRY(tracking::safe_path(asked));
  const tracking::LoggedModel model = TRY(services.logged_models.get(request.param("id")));
  return send_artifact(TRY(services.artifacts.at(model.artifact_uri, path)), request);
}

Result<Response> get_version_artifact(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string path = TRY(tracking::safe_path(TRY(fields.required("path"))));
  const std::string name = TRY(fields.required("name"));
  const std::int64_t version = TRY(fields.integer("version")).value_or(0);
  std::string source = TRY(services.registry.get_version(name, version)).source;
  constexpr std::string_view kLoggedModel = "models:/m-";
  if (source.starts_with(kLoggedModel))
    source = TRY(services.logged_models.get(source.substr(kLoggedModel.size() - 2))).artifact_uri;
  return send_artifact(TRY(services.artifacts.at(source, path)), request);
}

// What the page sends: one small file.
Result<Response> upload_from_page(Services& services, const Request& request) {
  const std::string run_id = request.query("run_uuid").value_or("");
  if (run_id.empty()) return base::error(Code::kInvalidArgument, "Request must specify run_uuid.");
  const std::string asked = request.query("path").value_or("");
  if (asked.empty()) return base::error(Code::kInvalidArgument, "Request must specify path.");
  const std::string path = TRY(tracking::safe_path(asked));
  std::error_code ec;
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(request.body_file, ec));
  if (ec || bytes == 0) return base::error(Code::kInvalidArgument, "Request must specify data.");
  if (bytes > kPageUploadBytesMax)
    return base::error(Code::kInvalidArgument, "Artifact size is too large. Max size is 10MB.");
  const tracking::Run run = TRY(services.runs.get(run_id));
  const ArtifactPlace place = TRY(services.artifacts.at(run.artifact_uri, path));
  TRY(place.store->put_file(place.path, request.body_file, std::string(tracking::mime_type(path))));
  return reply({});
}

using HandleArtifact = Result<Response> (*)(Services&, const Request&);

// A route with its handler's errors in MLflow's envelope.
http::Route route(Services& services, Method method, const std::string& pattern,
                  HandleArtifact handle) {
  return {.method = method,
          .pattern = pattern,
          .summary = "MLflow",
          .handler =
              [&services, handle](const Request& request) {
                Result<Response> response = handle(services, request);
                return response ? std::move(*response) : error_response(response.error());
              },
          .tag = "mlflow"};
}

// The same, switched off with --no-serve-artifacts.
http::Route proxy_route(Services& services, Method method, const std::string& pattern,
                        HandleArtifact handle) {
  http::Route made = route(services, method, pattern, handle);
  if (!services.artifacts.options().serves_proxied) made.handler = no_proxy(pattern);
  return made;
}

}  // namespace

void add_artifact_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kGet, "/mlflow/artifacts/list", list_run);
  add(routes, services, Method::kPost, "/mlflow/artifacts/presigned-upload-url",
      presigned_upload_url);
  add(routes, services, Method::kPost, "/mlflow/artifacts/presigned-download-url",
      presigned_download_url);
  add(routes, services, Method::kGet, "/mlflow/logged-models/{id}/artifacts/directories",
      list_model);
  for (const std::string prefix : {"/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"}) {
    const std::string one = prefix + "/artifacts/{path*}";
    const auto proxy = [&](Method method, const std::string& pattern, HandleArtifact handle) {
      routes.push_back(proxy_route(services, method, pattern, handle));
    };
    proxy(Method::kGet, prefix + "/artifacts", list_proxy);
    proxy(Method::kGet, one, download);
    proxy(Method::kPut, one, upload);
    routes.back().body = http::Route::Body::kFile;
    if (services.artifacts.options().serves_proxied) {
      routes.back().open_sink = [&services](const Request& request) {
        return open_upload(services, request);
      };
    }
    proxy(Method::kDelete, one, remove);
    proxy(Method::kPost, prefix + "/mpu/create/{path*}", create_upload);
    proxy(Method::kPost, prefix + "/mpu/complete/{path*}", complete_upload);
    proxy(Method::kPost, prefix + "/mpu/abort/{path*}", abort_upload);
    proxy(Method::kGet, prefix + "/presigned/{path*}", presigned);
  }
  const auto own = [&](Method method, const std::string& pattern, HandleArtifact handle) {
    routes.push_back(route(services, method, pattern, handle));
  };
  own(Method::kGet, "/get-artifact", get_run_artifact);
  own(Method::kGet, "/api/2.0/mlflow/get-trace-artifact", get_trace_artifact);
  own(Method::kGet, "/ajax-api/2.0/mlflow/get-trace-artifact", get_trace_artifact);
  own(Method::kGet, "/ajax-api/3.0/mlflow/get-trace-artifact", get_trace_artifact);
  own(Method::kGet, "/model-versions/get-artifact", get_version_artifact);
  own(Method::kGet, "/ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files", get_model_artifact);
  own(Method::kPost, "/ajax-api/2.0/mlflow/upload-artifact", upload_from_page);
  routes.back().body = http::Route::Body::kFile;
}

}  // namespace slipway::api::mlflow
