#include "api/mlflow/artifact_wire.h"

#include <algorithm>

#include "api/http/field_syntax.h"
#include "base/http_client.h"

namespace slipway::api::mlflow {
namespace {

// "/a/{path*}" as MLflow's framework writes it: "/a/<path:artifact_path>".
std::string url_rule(const std::string& pattern) {
  std::string rule = pattern;
  for (const auto& [ours, theirs] :
       {std::pair{"{path*}", "<path:artifact_path>"}, std::pair{"{id}", "<model_id>"}}) {
    if (const std::size_t at = rule.find(ours); at != std::string::npos)
      rule.replace(at, std::string_view(ours).size(), theirs);
  }
  return rule;
}

http::Handler disabled(const std::string& pattern, std::string_view why) {
  http::Response response =
      http::Response::text(fmt::format("Endpoint: {} disabled due to the mlflow server running {}",
                                       url_rule(pattern), why),
                           503);
  response.content_type = "text/html; charset=utf-8";
  return [response = std::move(response)](const http::Request&) { return response; };
}

}  // namespace

std::string content_disposition(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  std::string ascii;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) continue;
    if (c == '"' || c == '\\') ascii.push_back('\\');
    ascii.push_back(c);
  }
  std::string header = "attachment; filename=";
  header +=
      http::is_token(ascii) ? ascii : fmt::format("\"{}\"", ascii.empty() ? "download" : ascii);
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    header += "; filename*=UTF-8''" + base::percent_encode(name);
  return header;
}

JsonObject to_json(const std::vector<std::pair<std::string, std::string>>& headers) {
  JsonObject object;
  for (const auto& [name, value] : headers) object[name] = value;
  return object;
}

http::Response unsupported(std::string_view what) {
  return http::Response::json(
      base::to_text(JsonObject{
          {"error_code", "NOT_IMPLEMENTED"},
          {"message",
           fmt::format("{} is not supported for the current artifact repository", what)}}),
      501);
}

http::Handler no_proxy(const std::string& pattern) {
  return disabled(pattern,
                  "with `--no-serve-artifacts`. To enable artifacts server functionality, run "
                  "`mlflow server` with `--serve-artifacts`");
}

http::Handler artifacts_only(const std::string& pattern) {
  return disabled(pattern,
                  "in `--artifacts-only` mode. To enable tracking server functionality, run "
                  "`mlflow server` without `--artifacts-only`");
}

}  // namespace slipway::api::mlflow
