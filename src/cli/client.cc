#include "cli/client.h"

#include <cstdio>

#include "cli/commands.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kErrorBytesMax = 2000;

Code code_from_name(std::string_view name, int status) {
  for (Code code :
       {Code::kInvalidArgument, Code::kNotFound, Code::kAlreadyExists, Code::kFailedPrecondition,
        Code::kConflict, Code::kUnauthenticated, Code::kPermissionDenied, Code::kResourceExhausted,
        Code::kStorageFull, Code::kUnavailable, Code::kDeadlineExceeded, Code::kCorruption,
        Code::kInternal}) {
    if (base::code_name(code) == name) return code;
  }
  switch (status) {
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 502:  // of a proxy
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

Error error_from(const base::HttpReply& reply) {
  const Result<JsonObject> body = base::parse_json_object(reply.body);
  if (body) {
    if (const Json* inner = body->if_contains("error"); inner != nullptr && inner->is_object()) {
      const JsonObject& object = inner->get_object();
      return {code_from_name(base::get_string(object, "code").value_or(""), reply.status),
              base::get_string(object, "message").value_or(reply.body)};
    }
    // MLflow's envelope.
    const auto code = base::get_string(*body, "error_code");
    if (auto message = base::get_string(*body, "message"); message && code) {
      return {*code == "RESOURCE_ALREADY_EXISTS" ? Code::kAlreadyExists
                                                 : code_from_name("", reply.status),
              std::move(*message)};
    }
  }
  return base::error(code_from_name("", reply.status), "the server answered with status {}: {}",
                     reply.status, reply.body.substr(0, 200));
}

}  // namespace

Client::Client(const Context& context)
    : url_(context.url), http_({.base_url = context.url, .bearer_token = context.token}) {}

Result<Json> Client::get(const std::string& path) { return send("GET", path, ""); }
Result<Json> Client::post(const std::string& path, const JsonObject& body) {
  return send("POST", path, base::to_text(body));
}

Result<Json> Client::send(std::string_view method, const std::string& path,
                          const JsonObject& body) {
  return send(method, path, base::to_text(body));
}

Result<void> Client::post_text(const std::string& path, const std::string& body) {
  const base::HttpReply reply = TRY(http_.send("POST", path, body));
  if (reply.status >= 300) return error_from(reply);
  return {};
}

Result<base::HttpReply> Client::fetch(const std::string& path,
                                      const std::optional<JsonObject>& body) {
  base::HttpReply reply =
      body ? TRY(http_.send("POST", path, base::to_text(*body))) : TRY(http_.send("GET", path));
  if (reply.status >= 300) return error_from(reply);
  return reply;
}

Result<base::HttpReply> Client::download(const std::string& path, const JsonObject& body,
                                         const std::filesystem::path& file) {
  // A failure leaves what was at `file`.
  std::filesystem::path unfinished = file;
  unfinished += ".unfinished";
  Result<base::HttpReply> reply = http_.download_posted(path, base::to_text(body), unfinished);
  std::error_code ec;
  if (reply && reply->status < 300) {
    TRY(store::sync_file(unfinished));
    std::filesystem::rename(unfinished, file, ec);
    if (!ec) return reply;
  }
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);
  if (!reply) return reply;
  if (reply->status >= 300) return error_from(*reply);
  return base::error(Code::kInternal, "cannot write: {}: file={}", ec.message(), file.string());
}

Result<std::string> Client::post_bytes(const std::string& path, std::string_view bytes) {
  base::HttpReply reply =
      TRY(http_.send("POST", path, bytes, {{"Content-Type", "application/octet-stream"}}));
  if (reply.status >= 300) return error_from(reply);
  return std::move(reply.body);
}

Result<void> Client::put(const std::string& path, std::string_view bytes) {
  const base::HttpReply reply =
      TRY(http_.send("PUT", path, bytes, {{"Content-Type", "application/octet-stream"}}));
  if (reply.status >= 300) return error_from(reply);
  return {};
}

Result<void> Client::stream(const std::string& path, const base::HttpClient::Headers& headers,
                            const std::function<bool(std::string_view piece)>& each) {
  // What was streamed may be an error's body.
  std::string first;
  base::HttpReply reply = TRY(http_.stream(path, headers, [&](std::string_view piece) {
    if (first.size() < kErrorBytesMax) first += piece.substr(0, kErrorBytesMax - first.size());
    return each(piece);
  }));
  if (reply.status < 300) return {};
  reply.body = std::move(first);
  return error_from(reply);
}

Result<Json> Client::send(std::string_view method, const std::string& path,
                          const std::string& body) {
  const base::HttpReply reply = TRY(http_.send(method, path, body));
  if (reply.status >= 300) return error_from(reply);
  if (reply.body.empty()) return Json(JsonObject());
  return base::parse_json(reply.body);
}

int fail(const Error& error, const Context& context) {
  std::fprintf(stderr, "slipway: %s\n", error.message.c_str());
  switch (error.code) {
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      // It may be another one than the context's, as that of `promote --to`.
      std::fprintf(stderr,
                   "slipway: no server %s? start one with `slipway server`, or name it with --url "
                   "or SLIPWAY_URL (promote: --to or SLIPWAY_TO_URL)\n",
                   error.message.find("url=") == std::string::npos ? ("at " + context.url).c_str()
                                                                   : "there");
      return kUnreachable;
    case Code::kNotFound:
      return kNotFound;
    case Code::kUnauthenticated:
      std::fprintf(stderr,
                   "slipway: put a token into SLIPWAY_TOKEN (`slipway tokens create`), or name and "
                   "password into SLIPWAY_URL: http://NAME:PASSWORD@HOST:PORT\n");
      return kFailed;
    default:
      return kFailed;
  }
}

std::string path_of(std::string_view format, std::initializer_list<std::string_view> arguments) {
  std::string out;
  auto next = arguments.begin();
  while (!format.empty()) {
    const std::size_t at = format.find("{}");
    out += format.substr(0, at);
    if (at == std::string_view::npos) break;
    CHECK(next != arguments.end());
    out += base::percent_encode(*next++);
    format.remove_prefix(at + 2);
  }
  return out;
}

}  // namespace slipway::cli
