#include <charconv>

#include "api/s3/faults.h"
#include "api/s3/object_headers.h"
#include "api/s3/operations.h"
#include "api/s3/page_query.h"
#include "api/s3/request_bodies.h"
#include "api/s3/upload_body.h"
#include "api/s3/xml_writer.h"
#include "base/hash.h"
#include "base/text.h"

namespace slipway::api::s3 {
namespace {

Error upload_error(const Error& error) {
  if (error.code == Code::kNotFound) return fault_error(Fault::kNoSuchUpload, error.message);
  return error;
}

struct Asked {
  objects::Bucket bucket;
  objects::Upload upload;
};

Result<Asked> asked_upload(const Services& services, const Request& request) {
  objects::Bucket bucket = TRY(bucket_of(services, request));
  const std::string id = request.query("uploadId").value_or("");
  std::optional<objects::Upload> upload =
      TRY(services.uploads.find(bucket, request.param("key"), id));
  if (!upload) {
    return fault(Fault::kNoSuchUpload,
                 "there is no such upload: it was completed, aborted, or given up by the server "
                 "after a while: upload={}",
                 id.substr(0, 100));
  }
  return Asked{std::move(bucket), std::move(*upload)};
}

// Of the parts' checksums, where all have one of the same kind: what S3 calls composite. It is kept
// as "CRC32 <base64>" with each part.
void tell_checksum(const std::vector<objects::Part>& parts, objects::Properties& properties) {
  const ChecksumName* kind = nullptr;
  std::string raw;
  for (const objects::Part& part : parts) {
    const std::size_t space = std::min(part.checksum.find(' '), part.checksum.size());
    const ChecksumName* one = find_checksum_name(part.checksum.substr(0, space));
    if (one == nullptr || (kind != nullptr && one != kind)) return;
    kind = one;
    raw += base::from_base64(part.checksum.substr(std::min(part.checksum.size(), space + 1)))
               .value_or("");
  }
  // One that can be put together to that of the whole is only ever told so.
  if (kind == nullptr || kind->kind == base::ChecksumKind::kCrc64Nvme) return;
  properties[std::string(kind->header)] = fmt::format(
      "{}-{}", base::to_base64(base::Checksum(kind->kind).update(raw).finish()), parts.size());
  properties["x-amz-checksum-type"] = "COMPOSITE";
}

struct Range {
  std::int64_t offset = 0, bytes = 0;
};

// "bytes=0-9", both given.
Result<Range> copied_range(std::string_view header, std::int64_t size) {
  if (header.empty()) return Range{0, size};
  std::string_view rest = header;
  std::int64_t first = 0, last = 0;
  bool good = rest.starts_with("bytes=");
  if (good) {
    rest.remove_prefix(6);
    const char* const end = rest.data() + rest.size();
    const auto a = std::from_chars(rest.data(), end, first);
    good = a.ec == std::errc() && a.ptr != end && *a.ptr == '-';
    if (good) {
      const auto b = std::from_chars(a.ptr + 1, end, last);
      good = b.ec == std::errc() && b.ptr == end;
    }
  }
  if (!good || first < 0 || last < first || last >= size)
    return fault(Fault::kInvalidArgument,
                 "x-amz-copy-source-range is bytes=FIRST-LAST, inside the object: got={} bytes={}",
                 header.substr(0, 100), size);
  return Range{first, last - first + 1};
}

Result<Response> copy_part(const Services& services, const Request& request, const Asked& asked,
                           int number) {
  const CopySource source = TRY(copy_source(services, request));
  const Range range =
      TRY(copied_range(request.header("x-amz-copy-source-range"), source.object.bytes));
  const Result<objects::Part> part =
      services.uploads.copy_part(asked.upload.id, number, source.object, range.offset, range.bytes);
  if (!part) return upload_error(part.error());
  XmlWriter xml;
  xml.open("CopyPartResult")
      .text("LastModified", xml_time(part->arrived_at))
      .text("ETag", fmt::format("\"{}\"", part->md5))
      .close();
  return xml_reply(xml.take());
}

void tell_owner(const Request& request, XmlWriter& xml) {
  const std::string owner = request.user.empty() ? "slipway" : request.user;
  for (const char* who : {"Initiator", "Owner"})
    xml.open(who).text("ID", owner).text("DisplayName", owner).close();
}

}  // namespace

Result<Response> begin_upload(const Services& services, const Request& request) {
  objects::Properties properties = TRY(read_properties(request));
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const std::string_view algorithm = request.header("x-amz-checksum-algorithm");
  if (!algorithm.empty() && find_checksum_name(algorithm) == nullptr)
    return fault(Fault::kNotImplemented,
                 "this checksum is not known here: "
                 "x-amz-checksum-algorithm={}",
                 algorithm);
  const objects::Upload upload =
      TRY(services.uploads.begin(bucket.name, request.param("key"), std::move(properties)));
  XmlWriter xml;
  xml.open("InitiateMultipartUploadResult")
      .text("Bucket", bucket.name)
      .text("Key", upload.key)
      .text("UploadId", upload.id)
      .close();
  Response response = xml_reply(xml.take());
  if (!algorithm.empty()) response.headers.emplace_back("x-amz-checksum-algorithm", algorithm);
  return response;
}

Result<Response> put_part(const Services& services, const Request& request) {
  const Asked asked = TRY(asked_upload(services, request));
  const int number = TRY(number_from(request.query("partNumber").value_or(""), "partNumber", 1,
                                     objects::kPartNumberMax));
  if (!request.header("x-amz-copy-source").empty())
    return copy_part(services, request, asked, number);
  auto& body = static_cast<UploadBody&>(*request.body_sink);
  TRY(body.finish());
  std::string checksum;
  if (body.checksum() != nullptr)
    checksum = fmt::format("{} {}", body.checksum()->name, body.checksum_value());
  const Result<objects::Part> part =
      services.uploads.put_part(asked.upload.id, number, body.arrival(), checksum);
  if (!part) return upload_error(part.error());
  Response response{.content_type = ""};
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", part->md5));
  if (body.checksum() != nullptr)
    response.headers.emplace_back(body.checksum()->header, body.checksum_value());
  return response;
}

Result<Response> complete_upload(const Services& services, const Request& request) {
  // Here a checksum's header speaks of the whole object, not of this body.
  BodyRules rules = TRY(parse_body_rules(request));
  if (rules.checksum != nullptr) {
    return fault(Fault::kNotImplemented,
                 "the checksum of a whole object is not checked when its parts are put together; "
                 "those of the parts are: header={}",
                 rules.checksum->header);
  }
  TRY(check_body(rules, request.body));
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const std::vector<objects::NamedPart> parts = TRY(parse_parts(request.body));
  const Result<objects::Object> object = services.uploads.complete(
      bucket, request.param("key"), request.query("uploadId").value_or(""), parts,
      TRY(put_condition(request)), tell_checksum);
  if (!object && object.error().code == Code::kInvalidArgument)
    return fault_error(Fault::kInvalidPart, object.error().message);
  if (!object) return upload_error(object.error());
  XmlWriter xml;
  xml.open("CompleteMultipartUploadResult")
      .text("Location", fmt::format("http://{}{}", request.header("Host"), request.path))
      .text("Bucket", bucket.name)
      .text("Key", object->key)
      .text("ETag", fmt::format("\"{}\"", object->etag));
  for (const auto& [name, value] : object->properties) {
    if (const ChecksumName* checksum = find_checksum_header(name))
      xml.text(checksum->element, value).text("ChecksumType", "COMPOSITE");
  }
  return xml_reply(xml.close().take());
}

Result<Response> abort_upload(const Services& services, const Request& request) {
  const Asked asked = TRY(asked_upload(services, request));
  TRY(services.uploads.abort(asked.upload.id));
  return Response{.status = 204};
}

Result<Response> list_parts(const Services& services, const Request& request) {
  const Asked asked = TRY(asked_upload(services, request));
  const std::size_t limit = TRY(page_size(request, "max-parts"));
  const std::string after = request.query("part-number-marker").value_or("0");
  const int marker = TRY(number_from(after, "part-number-marker", 0, objects::kPartNumberMax));
  std::vector<objects::Part> parts =
      TRY(services.uploads.parts(asked.upload.id, marker, limit + 1));
  const bool is_truncated = parts.size() > limit;
  if (is_truncated) parts.pop_back();
  XmlWriter xml;
  xml.open("ListPartsResult")
      .text("Bucket", asked.bucket.name)
      .text("Key", asked.upload.key)
      .text("UploadId", asked.upload.id);
  tell_owner(request, xml);
  xml.text("StorageClass", "STANDARD")
      .text("PartNumberMarker", std::to_string(marker))
      .text("MaxParts", std::to_string(limit))
      .text("IsTruncated", is_truncated ? "true" : "false");
  if (is_truncated && !parts.empty())
    xml.text("NextPartNumberMarker", std::to_string(parts.back().number));
  for (const objects::Part& part : parts) {
    xml.open("Part")
        .text("PartNumber", std::to_string(part.number))
        .text("LastModified", xml_time(part.arrived_at))
        .text("ETag", fmt::format("\"{}\"", part.md5))
        .text("Size", std::to_string(part.bytes))
        .close();
  }
  return xml_reply(xml.close().take());
}

Result<Response> list_uploads(const Services& services, const Request& request) {
  const objects::Bucket bucket = TRY(bucket_of(services, request));
  const KeyEncoding key = TRY(KeyEncoding::of(request));
  const std::size_t limit = TRY(page_size(request, "max-uploads"));
  if (!request.query("delimiter").value_or("").empty())
    return fault(Fault::kNotImplemented, "uploads are listed without a delimiter");
  const std::string prefix = request.query("prefix").value_or("");
  const std::string after_key = request.query("key-marker").value_or("");
  const std::optional<std::string> after_id = request.query("upload-id-marker");
  // Without an id all uploads of the key are behind: no id is greater than that.
  const objects::UploadPage page = TRY(services.uploads.list(
      bucket, prefix, after_key, after_id.value_or(after_key.empty() ? "" : "g"), limit));
  XmlWriter xml;
  xml.open("ListMultipartUploadsResult")
      .text("Bucket", bucket.name)
      .text("KeyMarker", key(after_key))
      .text("UploadIdMarker", after_id.value_or(""))
      .text("Prefix", key(prefix))
      .text("MaxUploads", std::to_string(limit))
      .text("IsTruncated", page.is_truncated ? "true" : "false");
  key.tell(xml);
  if (page.is_truncated && !page.uploads.empty()) {
    xml.text("NextKeyMarker", key(page.uploads.back().key))
        .text("NextUploadIdMarker", page.uploads.back().id);
  }
  for (const objects::Upload& upload : page.uploads) {
    xml.open("Upload").text("Key", key(upload.key)).text("UploadId", upload.id);
    tell_owner(request, xml);
    xml.text("StorageClass", "STANDARD").text("Initiated", xml_time(upload.begun_at)).close();
  }
  return xml_reply(xml.close().take());
}

}  // namespace slipway::api::s3
