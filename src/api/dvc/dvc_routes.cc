#include "api/dvc/dvc_routes.h"

#include "api/http/object_body.h"
#include "base/json.h"

namespace slipway::api::dvc {
namespace {

using datasets::RemoteFile;
using datasets::Remotes;
using datasets::RemoteUpload;
using http::Method;
using http::Request;
using http::Response;

constexpr const char* kPattern = "/dvc/{remote}/{path*}";

Result<RemoteFile> named_file(const Request& request) {
  return datasets::parse_remote_file(request.param("remote"), request.param("path"));
}

// Of one that may be there: no file is called what is no name.
Result<RemoteFile> existing_file(const Request& request) {
  Result<RemoteFile> file = named_file(request);
  if (!file) return base::error(Code::kNotFound, "{}", file.error().message);
  return file;
}

Result<Response> download(Remotes& remotes, const Request& request) {
  const RemoteFile file = TRY(existing_file(request));
  Response response;
  response.content_type = "application/octet-stream";
  response.headers = {{"ETag", '"' + file.md5 + '"'}};
  TRY(http::send_object(remotes.objects(), file.path, request, response));
  return response;
}

class UploadSink final : public http::BodySink {
 public:
  explicit UploadSink(std::unique_ptr<RemoteUpload> upload) : upload_(std::move(upload)) {}
  Result<void> write(std::string_view bytes) override { return upload_->write(bytes); }
  Result<RemoteUpload::Outcome> finish() { return upload_->finish(); }

 private:
  const std::unique_ptr<RemoteUpload> upload_;
};

Result<std::shared_ptr<http::BodySink>> open_upload(Remotes& remotes, const Request& request) {
  const RemoteFile file = TRY(named_file(request));
  std::shared_ptr<http::BodySink> sink =
      std::make_shared<UploadSink>(remotes.receive(file, http::content_length(request)));
  return sink;
}

Result<Response> upload(const Request& request) {
  const auto outcome = TRY(static_cast<UploadSink&>(*request.body_sink).finish());
  return Response::json("{}", outcome == RemoteUpload::Outcome::kAdded ? 201 : 200);
}

Result<Response> remove(Remotes& remotes, const Request& request) {
  const store::Removed removed = TRY(remotes.remove(TRY(existing_file(request))));
  return Response::json(
      base::to_text(JsonObject{{"files", removed.files}, {"bytes", removed.bytes}}));
}

http::Handler replying(std::function<Result<Response>(const Request&)> handle) {
  return [handle = std::move(handle)](const Request& request) {
    Result<Response> response = handle(request);
    return response ? std::move(*response) : http::error_response(response.error());
  };
}

}  // namespace

std::vector<http::Route> dvc_routes(Remotes& remotes, Limits limits) {
  const auto route = [](Method method, std::string summary, http::Handler handler) {
    return http::Route{.method = method,
                       .pattern = kPattern,
                       .summary = std::move(summary),
                       .handler = std::move(handler),
                       .tag = "dvc"};
  };
  std::vector<http::Route> routes = {
      route(Method::kGet, "DVC: a file of a remote.",
            replying([&remotes](const Request& r) { return download(remotes, r); })),
      route(Method::kDelete, "DVC: takes a file away from a remote.",
            replying([&remotes](const Request& r) { return remove(remotes, r); }))};
  for (const Method method : {Method::kPost, Method::kPut}) {
    http::Route one =
        route(method, "DVC: adds a file to a remote; its bytes are checked against its name.",
              replying(upload));
    one.body = http::Route::Body::kFile;
    one.body_bytes_max = limits.file_bytes_max;
    one.open_sink = [&remotes](const Request& r) { return open_upload(remotes, r); };
    routes.push_back(std::move(one));
  }
  return routes;
}

}  // namespace slipway::api::dvc
