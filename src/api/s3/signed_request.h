// Who has signed a request, and whether that is so: Amazon's signature version 4, in a header or in
// the URL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/router.h"
#include "base/timestamp.h"
#include "store/aws_signature.h"

namespace slipway::api::s3 {

// What a request says about its signature.
struct SignatureClaim {
  std::string access_key, date, region;
  std::string time;  // "20260131T235959Z"
  std::string signature;
  std::vector<std::string> signed_names;  // of headers, lower-case
  std::string body_sha256;                // in hex, or what stands for it
  std::optional<std::int64_t> good_for;   // seconds; only in a URL
};

// Pairs of the query, decoded, in their order. kInvalidArgument: a broken escape.
Result<store::AwsPairs> query_pairs(std::string_view target);

// Nothing: it is not signed. An error says what is wrong with it.
Result<std::optional<SignatureClaim>> find_claim(const http::Request& request);

// An error (faults.h): it is signed with another secret or is another request, or too old, or not
// of our time.
Result<void> check_claim(const SignatureClaim& claim, const http::Request& request,
                         std::string_view secret, base::Timestamp now, base::Duration skew_max);

}  // namespace slipway::api::s3
