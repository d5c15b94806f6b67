#include "pipelines/kubernetes/kube_client.h"

#include <algorithm>

#include "store/file_system.h"

namespace slipway::pipelines {
namespace {

constexpr long kTimeoutMs = 30'000;
constexpr std::size_t kErrorBytesMax = 4096;
constexpr std::size_t kLineBytesMax = 4 << 20;   // an object of Kubernetes has 1.5 MiB at most
constexpr std::size_t kTextBytesMax = 64 << 10;  // of a line that is waited for

base::Error error_of(int status, std::string_view body) {
  const auto said = base::parse_json_object(body);
  std::string message;
  std::string reason;
  if (said) {
    message = base::find_string(*said, "message").value_or(std::nullopt).value_or("");
    reason = base::find_string(*said, "reason").value_or(std::nullopt).value_or("");
  }
  if (message.empty()) message = body.substr(0, kErrorBytesMax);
  const Code code = status == 404                    ? Code::kNotFound
                    : reason == "Conflict"           ? Code::kUnavailable
                    : status == 409                  ? Code::kAlreadyExists
                    : status == 401 || status == 403 ? Code::kPermissionDenied
                    : status == 410                  ? Code::kFailedPrecondition
                    : status == 429 || status >= 500 ? Code::kUnavailable
                                                     : Code::kInvalidArgument;
  return base::error(code, "Kubernetes says {}: {}", status, message);
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return text;
}

}  // namespace

Result<void> KubeClient::connect() {
  std::string token = cluster_.token;
  if (!cluster_.token_file.empty()) {
    auto read = store::read_file(cluster_.token_file);
    if (!read) return base::error(Code::kUnavailable, "{}", read.error().message);
    token = trimmed(std::move(*read));
  }
  if (http_ && token == token_) return {};
  token_ = std::move(token);
  http_.emplace(base::HttpClient::Options{.base_url = cluster_.server,
                                          .bearer_token = token_,
                                          .timeout_ms = kTimeoutMs,
                                          .ca_pem = cluster_.ca_pem,
                                          .certificate_pem = cluster_.certificate_pem,
                                          .key_pem = cluster_.key_pem});
  return {};
}

Result<JsonObject> KubeClient::call(std::string_view method, const std::string& path,
                                    const JsonObject* body) {
  TRY(connect());
  auto reply = http_->send(
      method, path, body == nullptr ? std::string() : base::to_text(*body),
      {{"Content-Type", method == "PATCH" ? "application/merge-patch+json" : "application/json"}});
  if (!reply && reply.error().code == Code::kDeadlineExceeded)
    return base::error(Code::kUnavailable, "{}", reply.error().message);
  if (!reply) return reply.error();
  if (reply->status >= 300) return error_of(reply->status, reply->body);
  auto object = base::parse_json_object(reply->body);
  if (!object)
    return base::error(Code::kUnavailable, "no answer of Kubernetes: url={}{}", cluster_.server,
                       path);
  return object;
}

Result<void> KubeClient::remove(const std::string& path) {
  const JsonObject how{
      {"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}};
  const auto gone = call("DELETE", path, &how);
  if (!gone && gone.error().code != Code::kNotFound) return gone.error();
  return {};
}

Result<void> KubeClient::stream(const std::string& path,
                                const std::function<std::size_t(std::string_view)>& each,
                                const std::function<bool()>& goes_on) {
  TRY(connect());
  std::string first, waiting;
  bool is_too_long = false;
  const auto take = [&](std::string_view piece) {
    first += piece.substr(0, kErrorBytesMax - std::min(kErrorBytesMax, first.size()));
    waiting += piece;
    waiting.erase(0, each(waiting));
    is_too_long = waiting.size() > kLineBytesMax;
    return !is_too_long;
  };
  const auto reply = http_->stream(path, {}, take, goes_on);
  if (!reply) return reply.error();
  if (reply->status >= 300) return error_of(reply->status, first);
  if (is_too_long)
    return base::error(Code::kResourceExhausted, "a line is too long: limit={} url={}{}",
                       kLineBytesMax, cluster_.server, path);
  if (!waiting.empty()) each(waiting + "\n");
  return {};
}

Result<void> KubeClient::follow(const std::string& path,
                                const std::function<void(std::string_view)>& each,
                                const std::function<bool()>& goes_on) {
  const auto take = [&](std::string_view waiting) {
    std::size_t from = 0;
    for (std::size_t end = waiting.find('\n'); end != std::string_view::npos;
         end = waiting.find('\n', from)) {
      each(waiting.substr(from, end - from));
      from = end + 1;
    }
    return from;
  };
  return stream(path, take, goes_on);
}

Result<void> KubeClient::follow_text(const std::string& path,
                                     const std::function<void(std::string_view)>& each,
                                     const std::function<bool()>& goes_on) {
  const auto take = [&](std::string_view waiting) {
    std::size_t count = waiting.find_last_of("\r\n") + 1;  // none: 0
    if (count == 0 && waiting.size() > kTextBytesMax) count = waiting.size();
    if (count > 0) each(waiting.substr(0, count));
    return count;
  };
  return stream(path, take, goes_on);
}

}  // namespace slipway::pipelines
