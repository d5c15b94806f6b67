#include "api/page/mlflow_ui.h"

#include <map>

namespace slipway::api::page {
namespace {

namespace fs = std::filesystem;
using http::Request;
using http::Response;

// By the path that is asked for, so that no request can name another file.
using Files = std::map<std::string, fs::path, std::less<>>;

std::string_view content_type(const fs::path& file) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".gif", "image/gif"},
      {".ico", "image/x-icon"},
      {".woff", "font/woff"},
      {".woff2", "font/woff2"},
      {".ttf", "font/ttf"},
      {".wasm", "application/wasm"},
      {".txt", "text/plain; charset=utf-8"}};
  const std::string extension = file.extension().string();
  for (const auto& [known, type] : kTypes) {
    if (known == extension) return type;
  }
  return "application/octet-stream";
}

Response send(const Files& files, std::string_view path, std::string_view cache) {
  const auto found = files.find(path);
  std::error_code gone;
  const std::uintmax_t bytes = found == files.end() ? 0 : fs::file_size(found->second, gone);
  if (found == files.end() || gone) return Response::text("MLflow's page has no such file.\n", 404);
  Response response{.content_type = std::string(content_type(found->second))};
  response.headers = {{"Cache-Control", std::string(cache)}, {"X-Content-Type-Options", "nosniff"}};
  response.file = http::FileBody{found->second, 0, bytes};
  return response;
}

}  // namespace

Result<std::vector<http::Route>> mlflow_ui_routes(const fs::path& folder) {
  const auto files = std::make_shared<Files>();
  std::error_code unreadable;
  for (fs::recursive_directory_iterator entry(folder, unreadable), end; entry != end;
       entry.increment(unreadable)) {
    if (entry->is_regular_file(unreadable))
      (*files)[entry->path().lexically_relative(folder).generic_string()] = entry->path();
  }
  if (!files->contains("index.html")) {
    return base::error(Code::kInvalidArgument,
                       "setting mlflow-ui: expected the folder mlflow/server/js/build of MLflow's "
                       "package, with an index.html in it: got={}",
                       folder.string());
  }
  return std::vector<http::Route>{
      {.method = http::Method::kGet,
       .pattern = "/",
       .summary = "MLflow's page.",
       .handler = [files](const Request&) { return send(*files, "index.html", "no-cache"); },
       .tag = "page"},
      {.method = http::Method::kGet,
       .pattern = "/static-files/{path*}",
       .summary = "A file of MLflow's page.",
       .handler =
           [files](const Request& request) {
             return send(*files, request.param("path"), "public, max-age=2419200");
           },
       .tag = "page"}};
}

}  // namespace slipway::api::page
