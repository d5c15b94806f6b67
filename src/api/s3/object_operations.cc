#include "api/s3/faults.h"
#include "api/s3/object_headers.h"
#include "api/s3/object_reply.h"
#include "api/s3/operations.h"
#include "api/s3/request_bodies.h"
#include "api/s3/upload_body.h"
#include "api/s3/xml_writer.h"
#include "base/http_client.h"
#include "base/text.h"

namespace slipway::api::s3 {
namespace {

Error no_key(const std::string& bucket, const std::string& key) {
  return fault(Fault::kNoSuchKey, "there is no such object: bucket={} key={}", bucket, key);
}

// The bucket may have gone while the object arrived.
Error put_error(const Error& error) {
  if (error.code == Code::kNotFound) return fault_error(Fault::kNoSuchBucket, error.message);
  return error;
}

// What makes the reply of a PUT one that clients can check.
void tell_put(const objects::Object& object, const UploadBody& body, Response& response) {
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", object.etag));
  if (body.checksum() != nullptr)
    response.headers.emplace_back(body.checksum()->header, body.checksum_value());
}

Result<Response> copy_object(const Services& services, const Request& request) {
  const CopySource source = TRY(copy_source(services, request));
  std::optional<objects::Properties> properties;
  if (base::lowered(request.header("x-amz-metadata-directive")) == "replace")
    properties = TRY(read_properties(request));
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const objects::Object object =
      TRY(services.buckets.copy(source.bucket, source.object, bucket.name, request.param("key"),
                                properties, TRY(put_condition(request))));
  XmlWriter xml;
  xml.open("CopyObjectResult")
      .text("LastModified", xml_time(object.modified_at))
      .text("ETag", fmt::format("\"{}\"", object.etag))
      .close();
  return xml_reply(xml.take());
}

}  // namespace

Result<CopySource> copy_source(const Services& services, const Request& request) {
  std::string_view text = request.header("x-amz-copy-source");
  const std::string_view version = text.substr(std::min(text.size(), text.find("?versionId=")));
  text.remove_suffix(version.size());
  if (!version.empty() && version != "?versionId=null")
    return fault(Fault::kNotImplemented, "objects have no versions: x-amz-copy-source={}",
                 request.header("x-amz-copy-source"));
  if (text.starts_with('/')) text.remove_prefix(1);
  const std::string decoded = TRY(base::percent_decode(text));
  const std::string_view path = decoded;
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash + 1 == path.size())
    return fault(Fault::kInvalidArgument, "x-amz-copy-source is BUCKET/KEY: got={}",
                 path.substr(0, 200));
  const std::string name(path.substr(0, slash)), key(path.substr(slash + 1));
  const std::optional<objects::Bucket> bucket = TRY(services.buckets.find(name));
  if (!bucket)
    return fault(Fault::kNoSuchBucket, "the bucket to copy from is not there: bucket={}", name);
  std::optional<objects::Object> object = TRY(services.buckets.find_object(*bucket, key));
  if (!object) return no_key(name, key);
  if (failed_condition(*object, request, "x-amz-copy-source-"))
    return fault(Fault::kPreconditionFailed,
                 "the object to copy is another than the request's conditions say: etag={}",
                 object->etag);
  return CopySource{*bucket, std::move(*object)};
}

Result<Response> get_object(const Services& services, const Request& request) {
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const std::optional<objects::Object> object =
      TRY(services.buckets.find_object(bucket, request.param("key")));
  if (!object) return no_key(bucket.name, request.param("key"));
  if (request.query("tagging"))
    return xml_reply(XmlWriter().open("Tagging").open("TagSet").close().close().take());
  return object_reply(services.contents, *object, request);
}

Result<Response> put_object(const Services& services, const Request& request) {
  if (!request.header("x-amz-copy-source").empty()) return copy_object(services, request);
  auto& body = static_cast<UploadBody&>(*request.body_sink);
  objects::Properties properties = TRY(read_properties(request));
  const objects::Condition condition = TRY(put_condition(request));
  TRY(body.finish());
  if (body.checksum() != nullptr) {
    properties[std::string(body.checksum()->header)] = body.checksum_value();
    properties["x-amz-checksum-type"] = "FULL_OBJECT";
  }
  const Result<objects::Object> object =
      services.buckets.put(request.param("bucket"), request.param("key"), body.arrival(),
                           std::move(properties), condition);
  if (!object) return put_error(object.error());
  Response response{.content_type = ""};
  tell_put(*object, body, response);
  return response;
}

Result<Response> remove_object(const Services& services, const Request& request) {
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  for (const std::string_view name : {"x-amz-if-match-size", "x-amz-if-match-last-modified-time"}) {
    if (!request.header(name).empty())
      return fault(Fault::kNotImplemented, "a DELETE takes If-Match alone: header={}", name);
  }
  TRY(services.buckets.remove_objects(bucket.name, {request.param("key")},
                                      TRY(put_condition(request))));
  return Response{.status = 204};
}

Result<Response> remove_objects(const Services& services, const Request& request) {
  TRY(check_memory_body(request));
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const Removal removal = TRY(parse_removal(request.body));
  TRY(services.buckets.remove_objects(bucket.name, removal.keys));
  XmlWriter xml;
  xml.open("DeleteResult");
  for (const std::string& key : removal.keys) {
    if (!removal.is_quiet) xml.open("Deleted").text("Key", key).close();
  }
  return xml_reply(xml.close().take());
}

}  // namespace slipway::api::s3
