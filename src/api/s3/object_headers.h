// What is told with an object in headers: kept as it came, given back as it was, and the times and
// conditions that go with it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http/router.h"
#include "base/timestamp.h"
#include "objects/buckets.h"

namespace slipway::api::s3 {

// "2013-05-24T00:00:00.000Z", and as HTTP has it: "Fri, 24 May 2013 00:00:00 GMT".
std::string xml_time(base::Timestamp time);
std::string http_time(base::Timestamp time);

// The ETag without quotes; "*" stays.
std::string unquoted(std::string_view etag);

// Of an object that is put: content type, what x-amz-meta- headers say, and so on. An error
// (faults.h): a header promises what we don't do (encryption by the server, tags, others' access).
Result<objects::Properties> read_properties(const http::Request& request);

// The headers of a reply with the object; `is_whole`: its checksum, too, when it was asked for.
enum class Extent { kWhole, kPart };
void tell_object(const objects::Object& object, const http::Request& request, Extent extent,
                 http::Response& response);

// What the conditions of a GET or HEAD lead to: 304 or 412, or nothing. With `prefix`
// "x-amz-copy-source-" those of a copy.
std::optional<int> failed_condition(const objects::Object& object, const http::Request& request,
                                    std::string_view prefix);
// The conditions of a PUT.
Result<objects::Condition> put_condition(const http::Request& request);

}  // namespace slipway::api::s3
