#include "api/s3/s3_routes.h"

#include <charconv>

#include "api/s3/faults.h"
#include "api/s3/operations.h"
#include "api/s3/signed_request.h"
#include "api/s3/upload_body.h"
#include "base/text.h"
#include "objects/names.h"

namespace slipway::api::s3 {
namespace {

using http::Method;
using slipway::access::Permission;

constexpr const char* kRoot = "/";
constexpr const char* kPattern = "/{bucket}/{key*}";

// What S3 tells by a name in the query, and this server doesn't have.
constexpr std::string_view kNotHere[] = {"accelerate",   "acl",
                                         "analytics",    "attributes",
                                         "cors",         "encryption",
                                         "inventory",    "legal-hold",
                                         "lifecycle",    "logging",
                                         "metrics",      "notification",
                                         "object-lock",  "ownershipControls",
                                         "partNumber",   "policy",
                                         "policyStatus", "publicAccessBlock",
                                         "replication",  "requestPayment",
                                         "restore",      "retention",
                                         "select",       "tagging",
                                         "torrent",      "versionId",
                                         "versioning",   "versions",
                                         "website",      "intelligent-tiering"};

bool is_answered(const Request& request, std::string_view name, bool is_object) {
  if (name == "partNumber") return request.query("uploadId").has_value();
  if (name == "versionId") return request.query("versionId") == "null";
  if (request.method != Method::kGet) return false;
  return (name == "tagging" && is_object) || (name == "versioning" && !is_object);
}

// Clients may move headers into a URL that they sign; here they count as headers alone.
bool is_moved_header(std::string_view name) {
  const std::string lowered = base::lowered(name);
  static constexpr std::string_view kOfSignatures[] = {
      "x-amz-algorithm", "x-amz-credential",    "x-amz-date",           "x-amz-expires",
      "x-amz-signature", "x-amz-signedheaders", "x-amz-security-token", "x-amz-content-sha256"};
  return lowered.starts_with("x-amz-") && !lowered.starts_with("x-amz-checksum-") &&
         !lowered.starts_with("x-amz-sdk-") &&
         std::ranges::find(kOfSignatures, lowered) == std::end(kOfSignatures);
}

Result<void> check_answered(const Request& request) {
  const bool is_object = !request.param("key").empty();
  for (const auto& [name, value] : TRY(query_pairs(request.target))) {
    if (is_moved_header(name))
      return fault(Fault::kNotImplemented,
                   "in a URL this does not count: send it as a header that is signed: {}",
                   name.substr(0, 100));
    if (std::ranges::find(kNotHere, name) == std::end(kNotHere) ||
        is_answered(request, name, is_object))
      continue;
    return fault(Fault::kNotImplemented,
                 "of S3 this is not here (docs/compat/s3.md has what is): {} {}?{}",
                 http::method_name(request.method), request.path, name);
  }
  return {};
}

bool has_key(const Request& request) { return !request.param("key").empty(); }

Result<Response> get(const Services& services, const Request& request) {
  TRY(check_answered(request));
  if (!has_key(request)) return get_bucket(services, request);
  if (request.query("uploadId")) return list_parts(services, request);
  return get_object(services, request);
}

Result<Response> put(const Services& services, const Request& request) {
  TRY(check_answered(request));
  if (!has_key(request)) return create_bucket(services, request);
  if (request.query("uploadId")) return put_part(services, request);
  return put_object(services, request);
}

Result<Response> post(const Services& services, const Request& request) {
  TRY(check_answered(request));
  if (!has_key(request) && request.query("delete")) return remove_objects(services, request);
  if (has_key(request) && request.query("uploads")) return begin_upload(services, request);
  if (has_key(request) && request.query("uploadId")) return complete_upload(services, request);
  return fault(Fault::kNotImplemented, "this POST is not here: {}", request.target.substr(0, 200));
}

Result<Response> remove(const Services& services, const Request& request) {
  TRY(check_answered(request));
  if (!has_key(request)) return remove_bucket(services, request);
  if (request.query("uploadId")) return abort_upload(services, request);
  return remove_object(services, request);
}

// What the pieces of this request's body are signed with; nothing where nobody logs in.
Result<std::optional<ChunkSigner>> signer_of(const Services& services, const Request& request) {
  std::optional<ChunkSigner> signer;
  if (services.access == nullptr) return signer;
  const std::optional<SignatureClaim> claim = TRY(find_claim(request));
  if (!claim) return signer;
  const std::optional<Credential> credential = services.find_credential(claim->access_key);
  if (!credential)
    return fault(Fault::kInvalidAccessKeyId, "the access key's token was revoked just now");
  signer =
      ChunkSigner{.key = store::aws_signing_key(credential->secret, claim->date, claim->region),
                  .time = claim->time,
                  .region = claim->region,
                  .previous = claim->signature};
  return signer;
}

Result<std::shared_ptr<http::BodySink>> open_body(const Services& services,
                                                  const Request& request) {
  if (!has_key(request) || !request.header("x-amz-copy-source").empty())
    return std::shared_ptr<http::BodySink>();  // a few lines of XML, or nothing
  TRY(check_answered(request));
  TRY(objects::check_key(request.param("key")));
  BodyRules rules = TRY(parse_body_rules(request));
  if (rules.bytes.value_or(0) > services.options.object_bytes_max)
    return fault(Fault::kEntityTooLarge,
                 "larger than an object may be: bytes={} "
                 "s3-object-bytes-max={}",
                 *rules.bytes, services.options.object_bytes_max);
  std::shared_ptr<http::BodySink> sink = std::make_shared<UploadBody>(
      std::move(rules), TRY(signer_of(services, request)), services.contents.receive());
  return sink;
}

// A body that is too large is told in S3's words; everything else as it is.
Response refuse(const Services& services, const Request& request, const Error& error) {
  const std::string_view length = request.header("Content-Length");
  std::uint64_t bytes = 0;
  std::from_chars(length.data(), length.data() + length.size(), bytes);
  const std::uint64_t max = request.method == Method::kPost ? services.options.request_bytes_max
                                                            : services.options.object_bytes_max;
  if (error.code == Code::kResourceExhausted && bytes > max) {
    return error_reply(fault(Fault::kEntityTooLarge,
                             "larger than a request may be: send it in parts, or raise "
                             "s3-object-bytes-max: bytes={} bytes_max={}",
                             bytes, max),
                       request);
  }
  return error_reply(error, request);
}

// On the whole project, as with other data: reading, changing, and doing away with a bucket.
Permission need_of(const Request& request) {
  switch (request.method) {
    case Method::kGet:
    case Method::kHead:
      return Permission::kRead;
    case Method::kDelete:
      return has_key(request) ? Permission::kEdit : Permission::kManage;
    case Method::kPost:
    case Method::kPut:
    case Method::kPatch:
    case Method::kOptions:
      break;
  }
  return Permission::kEdit;
}

std::optional<Response> permit(const slipway::access::Access& access, Permission need,
                               const Request& request) {
  if (access.may(request.user, slipway::access::kWorkspace, "*", need)) return std::nullopt;
  return error_reply(
      fault(Fault::kAccessDenied,
            "the user needs {} on the workspace, which an administrator gives: user={}",
            slipway::access::permission_name(need), request.user),
      request);
}

using Operation = Result<Response> (*)(const Services&, const Request&);

http::Route route(const Services& services, Method method, const char* pattern, const char* summary,
                  Operation operation) {
  http::Route made{
      .method = method,
      .pattern = pattern,
      .summary = summary,
      .handler =
          [services, operation](const Request& request) {
            Result<Response> response = operation(services, request);
            return response ? std::move(*response) : error_reply(response.error(), request);
          },
      .refuse = [services](const Request& request,
                           const Error& error) { return refuse(services, request, error); },
      .body_bytes_max = services.options.request_bytes_max,
      .tag = "s3"};
  if (services.access != nullptr) {
    const bool is_root = pattern == kRoot;
    made.permit = [access = services.access, is_root](const Request& request) {
      return permit(*access, is_root ? Permission::kRead : need_of(request), request);
    };
  }
  return made;
}

}  // namespace

void add_routes(http::Router& router, const Services& services) {
  router.add(route(services, Method::kGet, kRoot, "S3: the buckets.", list_buckets));
  router.add(route(services, Method::kGet, kPattern, "S3: an object, or what a bucket has.", get));
  router.add(route(services, Method::kPost, kPattern,
                   "S3: removes objects; begins or completes an upload in parts.", post));
  router.add(route(services, Method::kDelete, kPattern,
                   "S3: removes an object, an upload in parts, or a bucket.", remove));
  http::Route putting = route(services, Method::kPut, kPattern,
                              "S3: makes an object, a part of one, or a bucket.", put);
  putting.body = http::Route::Body::kFile;
  putting.body_bytes_max = services.options.object_bytes_max;
  putting.open_sink = [services](const Request& request) { return open_body(services, request); };
  router.add(std::move(putting));
  router.set_fallback("/", [](const Request& request, const std::vector<Method>&) {
    return error_reply(fault(Fault::kMethodNotAllowed, "the path does not take this method: {} {}",
                             http::method_name(request.method), request.path),
                       request);
  });
}

}  // namespace slipway::api::s3
