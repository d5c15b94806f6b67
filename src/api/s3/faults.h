// Errors as S3 tells them: a code of its own each, in XML.
//
// An Error may carry one of those codes at the front of its message ("NoSuchKey: ..."), so that it
// travels like every other error; those of rooms get the code that fits best.
#pragma once

#include <string>
#include <string_view>

#include "api/http/router.h"

namespace slipway::api::s3 {

enum class Fault {
  kAccessDenied,
  kAuthorizationHeaderMalformed,
  kBadDigest,
  kBucketAlreadyOwnedByYou,
  kBucketNotEmpty,
  kEntityTooLarge,
  kIncompleteBody,
  kInternalError,
  kInvalidAccessKeyId,
  kInvalidArgument,
  kInvalidBucketName,
  kInvalidDigest,
  kInvalidPart,
  kInvalidPartOrder,
  kInvalidRange,
  kInvalidRequest,
  kMalformedXml,
  kMethodNotAllowed,
  kNoSuchBucket,
  kNoSuchKey,
  kNoSuchUpload,
  kNotImplemented,
  kOperationAborted,
  kPreconditionFailed,
  kQuotaExceeded,
  kRequestTimeTooSkewed,
  kServiceUnavailable,
  kSignatureDoesNotMatch,
  kSlowDown,
  kContentSha256Mismatch,
};

std::string_view fault_name(Fault fault);  // "NoSuchKey"
int fault_status(Fault fault);

Error fault_error(Fault fault, std::string_view message);
template <typename... Args>
Error fault(Fault which, fmt::format_string<Args...> format, Args&&... args) {
  return fault_error(which, fmt::format(format, std::forward<Args>(args)...));
}

http::Response error_reply(const Error& error, const http::Request& request);

}  // namespace slipway::api::s3
