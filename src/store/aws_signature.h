// Amazon's signature version 4 over requests: in a header for ours, in the URL for requests that
// somebody else will send, and over the pieces of a body. Pure.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/timestamp.h"

namespace slipway::store {

struct AwsIdentity {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // of temporary credentials; empty: none
  std::string region = "us-east-1";
};

using AwsPairs = std::vector<std::pair<std::string, std::string>>;

struct AwsRequest {
  std::string method;
  std::string host;  // as in the Host header
  std::string path;  // "/bucket/key", percent-encoded
  AwsPairs query;    // decoded
  AwsPairs headers;  // to be signed, lower-case names; host and x-amz-* are added here
};

// The path of `key` below `prefix`: everything but unreserved characters and '/' encoded.
std::string aws_path(std::string_view prefix, std::string_view key);
// "a=1&b=x%20y", sorted, as it is signed and sent. Empty for none.
std::string aws_query(const AwsPairs& query);

// All headers to send for a body with this SHA-256, in hex.
AwsPairs sign_in_headers(const AwsIdentity& identity, const AwsRequest& request,
                         std::string_view body_sha256, base::Timestamp now);

// The query to send: `request.query` with the signature, good for `seconds` from now. Whoever sends
// it must send `request.headers`, too.
std::string sign_in_query(const AwsIdentity& identity, const AwsRequest& request,
                          std::int64_t seconds, base::Timestamp now);

// What somebody has signed: for checking it, and for making it.
struct AwsSigned {
  std::string method;
  std::string path;         // percent-encoded
  AwsPairs query;           // decoded, without the signature itself
  AwsPairs headers;         // those that are signed, lower-case names, sorted
  std::string body_sha256;  // in hex, or what stands for it
  std::string time;         // "20260131T235959Z"
  std::string region;
};

// The key of a day and a region, as bytes.
std::string aws_signing_key(std::string_view secret_key, std::string_view date,
                            std::string_view region);
// In hex. `signing_key` is that of the time's day and the region.
std::string aws_signature(std::string_view signing_key, const AwsSigned& what);
// Of a piece of a body, or of what follows the last one: `kind` is "AWS4-HMAC-SHA256-PAYLOAD" or
// "-TRAILER", `previous` the signature before it, `hashes` the lines that end what is signed.
std::string aws_chained_signature(std::string_view signing_key, std::string_view kind,
                                  std::string_view time, std::string_view region,
                                  std::string_view previous, std::string_view hashes);
// "20260131T235959Z"
std::string aws_time(base::Timestamp time);

}  // namespace slipway::store
