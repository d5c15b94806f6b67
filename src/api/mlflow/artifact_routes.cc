#include <charconv>

#include "api/mlflow/errors.h"
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

// A file as a download, or the part that a Range header asks for.
Result<Response> send_file(const std::filesystem::path& file, const Request& request) {
  std::error_code ec;
  const std::uint64_t size = std::filesystem::file_size(file, ec);
  if (ec) return base::error(Code::kNotFound, "No such artifact: {}", file.filename().string());
  Response response;
  response.content_type = tracking::mime_type(file);
  response.headers = {
      {"Content-Disposition", fmt::format("attachment; filename=\"{}\"", file.filename().string())},
      {"X-Content-Type-Options", "nosniff"},
      {"Accept-Ranges", "bytes"}};
  std::uint64_t from = 0, to = size;
  std::string_view range = request.header("Range");
  if (range.starts_with("bytes=")) {
    range.remove_prefix(6);
    const std::size_t dash = range.find('-');
    const auto number = [](std::string_view text, std::uint64_t& out) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
      return error == std::errc() && end == text.data() + text.size();
    };
    std::uint64_t first = 0, last = 0;
    const bool has_first = dash != std::string_view::npos && number(range.substr(0, dash), first);
    const bool has_last = dash != std::string_view::npos && number(range.substr(dash + 1), last);
    if (has_first && (has_last || range.substr(dash + 1).empty())) {
      from = first;
      if (has_last) to = std::min(size, last + 1);
    } else if (has_last && dash == 0) {
      from = size - std::min(size, last);
    }
    if (has_first || has_last) {
      if (from >= to) {
        response.status = 416;
        response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
        return response;
      }
      response.status = 206;
      response.headers.emplace_back("Content-Range",
                                    fmt::format("bytes {}-{}/{}", from, to - 1, size));
    }
  }
  response.file = http::FileBody{file, from, to - from};
  return response;
}

Result<Response> download(Services& services, const Request& request) {
  return send_file(TRY(services.artifacts.file(request.param("path"))), request);
}

Result<Response> upload(Services& services, const Request& request) {
  TRY(services.artifacts.put(request.param("path"), request.body_file));
  return reply({});
}

Result<Response> remove(Services& services, const Request& request) {
  TRY(services.artifacts.remove(request.param("path")));
  return reply({});
}

Result<Response> list_proxy(Services& services, const Request& request) {
  JsonArray files;
  for (const tracking::ArtifactFile& file :
       TRY(services.artifacts.list(Fields(request).text("path"))))
    files.push_back(to_json(file, ""));
  JsonObject body;
  if (!files.empty()) body["files"] = std::move(files);
  return reply(body);
}

// The folder of a run below the artifact root; kInvalidArgument when the run keeps its artifacts
// elsewhere.
Result<std::string> run_root(Services& services, const std::string& run_id) {
  const tracking::Run run = TRY(services.runs.get(run_id));
  std::optional<std::string> root = tracking::proxied_path(run.artifact_uri);
  if (!root)
    return base::error(Code::kInvalidArgument, "the server does not hold these artifacts: uri={}",
                       run.artifact_uri);
  return std::move(*root);
}

Result<Response> list_run(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string run_id = TRY(fields.run_id());
  const std::string root = TRY(run_root(services, run_id));
  const std::string path = TRY(tracking::safe_path(fields.text("path"))).string();
  JsonArray files;
  for (const tracking::ArtifactFile& file :
       TRY(services.artifacts.list(path.empty() ? root : root + "/" + path)))
    files.push_back(to_json(file, path));
  JsonObject body{{"root_uri", "mlflow-artifacts:/" + root}};
  if (!files.empty()) body["files"] = std::move(files);
  return reply(body);
}

Result<Response> get_artifact(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string root = TRY(run_root(services, TRY(fields.run_id())));
  const std::string path = TRY(tracking::safe_path(TRY(fields.required("path")))).string();
  return send_file(TRY(services.artifacts.file(root + "/" + path)), request);
}

http::Handler answer(Services& services, Result<Response> (*handle)(Services&, const Request&)) {
  return [&services, handle](const Request& request) {
    Result<Response> response = handle(services, request);
    return response ? std::move(*response) : error_response(response.error());
  };
}

// Clients fall back to one PUT when they read this.
Response no_multipart(const Request&) {
  return Response::json(
      R"({"error_code":"NOT_IMPLEMENTED","message":"Multipart upload is not supported for the current artifact repository"})",
      501);
}

}  // namespace

void add_artifact_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kGet, "/mlflow/artifacts/list", list_run);
  for (const std::string prefix : {"/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"}) {
    const std::string one = prefix + "/artifacts/{path*}";
    routes.push_back({.method = Method::kGet,
                      .pattern = prefix + "/artifacts",
                      .summary = "MLflow",
                      .handler = answer(services, list_proxy),
                      .tag = "mlflow"});
    routes.push_back({.method = Method::kGet,
                      .pattern = one,
                      .summary = "MLflow",
                      .handler = answer(services, download),
                      .tag = "mlflow"});
    routes.push_back({.method = Method::kPut,
                      .pattern = one,
                      .summary = "MLflow",
                      .handler = answer(services, upload),
                      .body = http::Route::Body::kFile,
                      .tag = "mlflow"});
    routes.push_back({.method = Method::kDelete,
                      .pattern = one,
                      .summary = "MLflow",
                      .handler = answer(services, remove),
                      .tag = "mlflow"});
    routes.push_back({.method = Method::kPost,
                      .pattern = prefix + "/mpu/{path*}",
                      .summary = "MLflow",
                      .handler = no_multipart,
                      .tag = "mlflow"});
    routes.push_back({.method = Method::kGet,
                      .pattern = prefix + "/presigned/{path*}",
                      .summary = "MLflow",
                      .handler = no_multipart,
                      .tag = "mlflow"});
  }
  routes.push_back({.method = Method::kGet,
                    .pattern = "/get-artifact",
                    .summary = "MLflow",
                    .handler = answer(services, get_artifact),
                    .tag = "mlflow"});
}

}  // namespace slipway::api::mlflow
