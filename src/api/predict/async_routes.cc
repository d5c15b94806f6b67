#include "api/predict/async_routes.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/predict/call.h"
#include "api/predict/sagemaker_errors.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

using http::Request;
using http::Response;

// As the service has them.
constexpr std::uint64_t kBodyBytesMax = 128'000;
constexpr std::size_t kIdLengthMax = 64, kFileLengthMax = 32, kFolderLengthMax = 512,
                      kLocationLengthMax = 1024;
constexpr std::int64_t kQueueSecondsMin = 60, kQueueSecondsMax = 21'600, kCallSecondsMax = 3'600;

Result<base::Duration> seconds_of(const Request& request, std::string_view header,
                                  std::int64_t least, std::int64_t most, base::Duration otherwise) {
  const std::string_view text = request.header(header);
  if (text.empty()) return otherwise;
  std::int64_t seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (ec != std::errc() || end != text.data() + text.size() || seconds < least || seconds > most) {
    return invalid("{} is a whole number of seconds from {} to {}: got={}", header, least, most,
                   text);
  }
  return base::Duration::seconds(seconds);
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// What the service's pattern for it lets through. That no part of it leads elsewhere is checked
// with the whole location.
Result<std::string> folder_of(const Request& request) {
  std::string_view text = request.header("X-Amzn-SageMaker-S3OutputPathExtension");
  const std::string_view given = text;
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || std::string_view("!_.*'()/-").find(c) != std::string_view::npos;
  };
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  if (given.size() > kFolderLengthMax || !std::all_of(text.begin(), text.end(), allowed)) {
    return invalid("S3OutputPathExtension has letters, digits and !_.*'()/- only, {} at most: {}",
                   kFolderLengthMax, given);
  }
  return std::string(text);
}

Result<std::string> file_of(const Request& request) {
  const std::string_view text = request.header("X-Amzn-SageMaker-Filename");
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
  };
  if (text.empty()) return std::string();
  if (text.size() > kFileLengthMax || !is_alphanumeric(text.front()) ||
      std::count(text.begin(), text.end(), '.') > 1 ||
      !std::all_of(text.begin(), text.end(), allowed)) {
    return invalid(
        "Filename begins with a letter or digit and has letters, digits, '-', '_' and one '.' "
        "only, {} at most: {}",
        kFileLengthMax, text);
  }
  return std::string(text);
}

Result<invocations::Draft> draft_of(const Request& request) {
  invocations::Draft draft;
  draft.endpoint = request.param("name");
  draft.id = request.header("X-Amzn-SageMaker-Inference-Id");
  draft.input = request.header("X-Amzn-SageMaker-InputLocation");
  draft.body = request.body;
  draft.content_type = request.header("X-Amzn-SageMaker-Content-Type");
  if (draft.id.size() > kIdLengthMax)
    return invalid("InferenceId has {} characters at most", kIdLengthMax);
  if (draft.input.size() > kLocationLengthMax)
    return invalid("InputLocation has {} characters at most", kLocationLengthMax);
  if (draft.input.empty() == draft.body.empty()) {
    return invalid(
        "InputLocation says where the question lies, or Body is the question: one of them");
  }
  draft.folder = TRY(folder_of(request));
  draft.file = TRY(file_of(request));
  draft.queue_limit = TRY(seconds_of(request, "X-Amzn-SageMaker-RequestTTLSeconds",
                                     kQueueSecondsMin, kQueueSecondsMax, draft.queue_limit));
  draft.call_limit = TRY(seconds_of(request, "X-Amzn-SageMaker-InvocationTimeoutSeconds", 1,
                                    kCallSecondsMax, draft.call_limit));
  return draft;
}

Result<Response> invoke(invocations::Invocations& invocations, const serving::Endpoints& endpoints,
                        const Request& request) {
  const invocations::Draft draft = TRY(draft_of(request));
  TRY(endpoints.shape(draft.endpoint));
  const invocations::Receipt receipt = TRY(invocations.accept(draft));
  Response response = Response::json(base::to_text(JsonObject{{"InferenceId", receipt.id}}), 202);
  response.headers = {{"X-Amzn-SageMaker-OutputLocation", receipt.output},
                      {"X-Amzn-SageMaker-FailureLocation", receipt.failure}};
  return response;
}

}  // namespace

std::vector<http::Route> async_routes(invocations::Invocations& invocations,
                                      const serving::Endpoints& endpoints) {
  return {{.method = http::Method::kPost,
           .pattern = "/endpoints/{name}/async-invocations",
           .summary = "Takes a request that is answered into a storage, as SageMaker does.",
           .handler = answering(
               [&invocations, &endpoints](const Request& request) {
                 return invoke(invocations, endpoints, request);
               },
               async_error),
           .refuse = [](const Request&, const Error& error) { return async_error(error); },
           .body_bytes_max = kBodyBytesMax,
           .tag = "sagemaker"}};
}

}  // namespace slipway::api::predict
