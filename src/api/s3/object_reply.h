// The bytes of an object as the body of a reply.
#pragma once

#include "api/http/router.h"
#include "api/s3/services.h"

namespace slipway::api::s3 {

// All of it, or the range that is asked for; of HEAD only how many.
Result<http::Response> object_reply(objects::Contents& contents, const objects::Object& object,
                                    const http::Request& request);

}  // namespace slipway::api::s3
