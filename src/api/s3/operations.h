// What is done for a request, by what it is about; s3_routes.cc chooses. Errors are those of
// faults.h.
#pragma once

#include "api/http/router.h"
#include "api/s3/services.h"

namespace slipway::api::s3 {

using Request = http::Request;
using Response = http::Response;

// kNoSuchBucket: the one in the path is not there.
Result<objects::Bucket> bucket_of(const Services& services, const Request& request);
Response xml_reply(std::string xml);
// "bytes" of a body in memory, checked against what its headers say.
Result<void> check_memory_body(const Request& request);

// bucket_operations.cc
Result<Response> list_buckets(const Services& services, const Request& request);
Result<Response> create_bucket(const Services& services, const Request& request);
Result<Response> remove_bucket(const Services& services, const Request& request);
Result<Response> get_bucket(const Services& services,
                            const Request& request);  // lists, or ?location

// object_operations.cc
Result<Response> get_object(const Services& services, const Request& request);
Result<Response> put_object(const Services& services, const Request& request);
Result<Response> remove_object(const Services& services, const Request& request);
Result<Response> remove_objects(const Services& services, const Request& request);
// What x-amz-copy-source names; an error when it is not there or its conditions fail.
struct CopySource {
  objects::Bucket bucket;
  objects::Object object;
};
Result<CopySource> copy_source(const Services& services, const Request& request);

// multipart_operations.cc
Result<Response> begin_upload(const Services& services, const Request& request);
Result<Response> put_part(const Services& services, const Request& request);
Result<Response> complete_upload(const Services& services, const Request& request);
Result<Response> abort_upload(const Services& services, const Request& request);
Result<Response> list_parts(const Services& services, const Request& request);
Result<Response> list_uploads(const Services& services, const Request& request);

}  // namespace slipway::api::s3
