#include "api/s3/faults.h"

#include "api/s3/xml_writer.h"

namespace slipway::api::s3 {
namespace {

struct Row {
  Fault fault;
  std::string_view name;
  int status;
  Code code;
};

constexpr Row kRows[] = {
    {Fault::kAccessDenied, "AccessDenied", 403, Code::kPermissionDenied},
    {Fault::kAuthorizationHeaderMalformed, "AuthorizationHeaderMalformed", 400,
     Code::kInvalidArgument},
    {Fault::kBadDigest, "BadDigest", 400, Code::kInvalidArgument},
    {Fault::kBucketAlreadyOwnedByYou, "BucketAlreadyOwnedByYou", 409, Code::kAlreadyExists},
    {Fault::kBucketNotEmpty, "BucketNotEmpty", 409, Code::kFailedPrecondition},
    {Fault::kEntityTooLarge, "EntityTooLarge", 400, Code::kInvalidArgument},
    {Fault::kIncompleteBody, "IncompleteBody", 400, Code::kInvalidArgument},
    {Fault::kInternalError, "InternalError", 500, Code::kInternal},
    {Fault::kInvalidAccessKeyId, "InvalidAccessKeyId", 403, Code::kUnauthenticated},
    {Fault::kInvalidArgument, "InvalidArgument", 400, Code::kInvalidArgument},
    {Fault::kInvalidBucketName, "InvalidBucketName", 400, Code::kInvalidArgument},
    {Fault::kInvalidDigest, "InvalidDigest", 400, Code::kInvalidArgument},
    {Fault::kInvalidPart, "InvalidPart", 400, Code::kInvalidArgument},
    {Fault::kInvalidPartOrder, "InvalidPartOrder", 400, Code::kInvalidArgument},
    {Fault::kInvalidRange, "InvalidRange", 416, Code::kInvalidArgument},
    {Fault::kInvalidRequest, "InvalidRequest", 400, Code::kInvalidArgument},
    {Fault::kMalformedXml, "MalformedXML", 400, Code::kInvalidArgument},
    {Fault::kMethodNotAllowed, "MethodNotAllowed", 405, Code::kInvalidArgument},
    {Fault::kNoSuchBucket, "NoSuchBucket", 404, Code::kNotFound},
    {Fault::kNoSuchKey, "NoSuchKey", 404, Code::kNotFound},
    {Fault::kNoSuchUpload, "NoSuchUpload", 404, Code::kNotFound},
    {Fault::kNotImplemented, "NotImplemented", 501, Code::kInvalidArgument},
    {Fault::kOperationAborted, "OperationAborted", 409, Code::kConflict},
    {Fault::kPreconditionFailed, "PreconditionFailed", 412, Code::kFailedPrecondition},
    {Fault::kQuotaExceeded, "QuotaExceeded", 507, Code::kStorageFull},
    {Fault::kRequestTimeTooSkewed, "RequestTimeTooSkewed", 403, Code::kUnauthenticated},
    {Fault::kServiceUnavailable, "ServiceUnavailable", 503, Code::kUnavailable},
    {Fault::kSignatureDoesNotMatch, "SignatureDoesNotMatch", 403, Code::kUnauthenticated},
    {Fault::kSlowDown, "SlowDown", 503, Code::kResourceExhausted},
    {Fault::kContentSha256Mismatch, "XAmzContentSHA256Mismatch", 400, Code::kInvalidArgument},
};

const Row& row_of(Fault fault) {
  for (const Row& row : kRows) {
    if (row.fault == fault) return row;
  }
  CHECK(false);  // the table has all of them
  return kRows[0];
}

Fault fault_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return Fault::kInvalidArgument;
    case Code::kNotFound:
      return Fault::kNoSuchKey;
    case Code::kAlreadyExists:
    case Code::kConflict:
      return Fault::kOperationAborted;
    case Code::kFailedPrecondition:
      return Fault::kPreconditionFailed;
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
      return Fault::kAccessDenied;
    case Code::kResourceExhausted:
      return Fault::kSlowDown;
    case Code::kStorageFull:
      return Fault::kQuotaExceeded;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      return Fault::kServiceUnavailable;
    case Code::kCorruption:
    case Code::kInternal:
      return Fault::kInternalError;
  }
  return Fault::kInternalError;
}

}  // namespace

std::string_view fault_name(Fault fault) { return row_of(fault).name; }
int fault_status(Fault fault) { return row_of(fault).status; }

Error fault_error(Fault fault, std::string_view message) {
  const Row& row = row_of(fault);
  return base::error(row.code, "{}: {}", row.name, message);
}

http::Response error_reply(const Error& error, const http::Request& request) {
  std::string_view message = error.message;
  const Row* row = nullptr;
  for (const Row& one : kRows) {
    if (!message.starts_with(one.name) || !message.substr(one.name.size()).starts_with(": "))
      continue;
    row = &one;
    message.remove_prefix(one.name.size() + 2);
  }
  if (row == nullptr) row = &row_of(fault_of(error.code));
  XmlWriter xml;
  xml.open("Error")
      .text("Code", row->name)
      .text("Message", message)
      .text("Resource", request.path)
      .close();
  http::Response response = http::Response::text(xml.take(), row->status);
  response.content_type = "application/xml";
  if (row->status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace slipway::api::s3
