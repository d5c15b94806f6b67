#include <charconv>

#include "api/s3/faults.h"
#include "api/s3/object_headers.h"
#include "api/s3/operations.h"
#include "api/s3/page_query.h"
#include "api/s3/upload_body.h"
#include "api/s3/xml_writer.h"
#include "base/hash.h"

namespace slipway::api::s3 {
namespace {

void tell_objects(const objects::Listing& listing, const KeyEncoding& key, XmlWriter& xml) {
  for (const objects::ListedObject& object : listing.objects) {
    xml.open("Contents")
        .text("Key", key(object.key))
        .text("LastModified", xml_time(object.modified_at))
        .text("ETag", fmt::format("\"{}\"", object.etag))
        .text("Size", std::to_string(object.bytes))
        .text("StorageClass", "STANDARD")
        .close();
  }
  for (const std::string& prefix : listing.prefixes)
    xml.open("CommonPrefixes").text("Prefix", key(prefix)).close();
}

Result<Response> list_objects(const Services& services, const Request& request,
                              const objects::Bucket& bucket) {
  const bool is_v2 = request.query("list-type") == "2";
  const KeyEncoding key = TRY(KeyEncoding::of(request));
  objects::ListQuery query{.prefix = request.query("prefix").value_or(""),
                           .delimiter = request.query("delimiter").value_or(""),
                           .limit = TRY(page_size(request, "max-keys"))};
  const std::optional<std::string> token = request.query("continuation-token");
  query.after = request.query(is_v2 ? "start-after" : "marker").value_or("");
  if (is_v2 && token) {
    Result<std::string> last = base::from_base64(*token);
    if (!last)
      return fault(Fault::kInvalidArgument,
                   "the continuation token is none that a listing has given");
    query.after = std::move(*last);
  }
  objects::Listing listing;
  if (query.limit > 0) listing = TRY(services.buckets.list_objects(bucket, query));
  XmlWriter xml;
  xml.open("ListBucketResult").text("Name", bucket.name).text("Prefix", key(query.prefix));
  if (!query.delimiter.empty()) xml.text("Delimiter", key(query.delimiter));
  xml.text("MaxKeys", std::to_string(query.limit));
  key.tell(xml);
  xml.text("IsTruncated", listing.is_truncated ? "true" : "false");
  if (is_v2) {
    xml.text("KeyCount", std::to_string(listing.objects.size() + listing.prefixes.size()));
    if (token) xml.text("ContinuationToken", *token);
    if (const auto start = request.query("start-after")) xml.text("StartAfter", key(*start));
    if (listing.is_truncated) xml.text("NextContinuationToken", base::to_base64(listing.last));
  } else {
    xml.text("Marker", key(query.after));
    if (listing.is_truncated) xml.text("NextMarker", key(listing.last));
  }
  tell_objects(listing, key, xml);
  return xml_reply(xml.close().take());
}

}  // namespace

Result<objects::Bucket> bucket_of(const Services& services, const Request& request) {
  const std::string& name = request.param("bucket");
  std::optional<objects::Bucket> bucket = TRY(services.buckets.find(name));
  if (bucket) return std::move(*bucket);
  return fault(Fault::kNoSuchBucket,
               "there is no such bucket; one is made with CreateBucket (aws s3 mb s3://NAME): "
               "bucket={}",
               name);
}

Response xml_reply(std::string xml) {
  Response response = Response::text(std::move(xml));
  response.content_type = "application/xml";
  return response;
}

Result<void> check_memory_body(const Request& request) {
  return check_body(TRY(parse_body_rules(request)), request.body);
}

Result<Response> list_buckets(const Services& services, const Request& request) {
  const std::string owner = request.user.empty() ? "slipway" : request.user;
  const std::string prefix = request.query("prefix").value_or("");
  XmlWriter xml;
  xml.open("ListAllMyBucketsResult").open("Owner").text("ID", owner).text("DisplayName", owner);
  xml.close().open("Buckets");
  for (const objects::Bucket& bucket : TRY(services.buckets.list())) {
    if (!bucket.name.starts_with(prefix)) continue;
    xml.open("Bucket")
        .text("Name", bucket.name)
        .text("CreationDate", xml_time(bucket.created_at))
        .close();
  }
  return xml_reply(xml.close().close().take());
}

Result<Response> create_bucket(const Services& services, const Request& request) {
  const std::string& name = request.param("bucket");
  const Result<objects::Bucket> made = services.buckets.create(name);
  if (!made && made.error().code == Code::kAlreadyExists)
    return fault_error(Fault::kBucketAlreadyOwnedByYou, made.error().message);
  if (!made && made.error().code == Code::kInvalidArgument)
    return fault_error(Fault::kInvalidBucketName, made.error().message);
  if (!made) return made.error();
  Response response;
  response.headers.emplace_back("Location", "/" + name);
  return response;
}

Result<Response> remove_bucket(const Services& services, const Request& request) {
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const Result<void> removed = services.buckets.remove(bucket.name);
  if (!removed && removed.error().code == Code::kFailedPrecondition)
    return fault_error(Fault::kBucketNotEmpty, removed.error().message);
  if (!removed) return removed.error();
  return Response{.status = 204};
}

Result<Response> get_bucket(const Services& services, const Request& request) {
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  if (request.query("location")) {
    // Nothing inside is us-east-1, which clients take when nobody tells them another region.
    return xml_reply(XmlWriter().open("LocationConstraint").close().take());
  }
  if (request.query("versioning"))
    return xml_reply(XmlWriter().open("VersioningConfiguration").close().take());
  if (request.query("uploads")) return list_uploads(services, request);
  if (request.method == http::Method::kHead) {
    Response response{.content_type = "application/xml"};
    response.headers.emplace_back("x-amz-bucket-region", "us-east-1");
    return response;
  }
  return list_objects(services, request, bucket);
}

}  // namespace slipway::api::s3
