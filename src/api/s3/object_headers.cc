#include "api/s3/object_headers.h"

#include <ctime>

#include "api/http/http_time.h"
#include "api/s3/faults.h"
#include "api/s3/upload_body.h"
#include "base/json_document.h"
#include "base/text.h"

namespace slipway::api::s3 {
namespace {

constexpr std::string_view kMeta = "x-amz-meta-";
constexpr std::string_view kKept[] = {"content-type",     "cache-control",    "content-disposition",
                                      "content-encoding", "content-language", "expires"};
constexpr const char* kDefaultType = "binary/octet-stream";

// Headers whose promise nobody here would keep.
constexpr std::pair<std::string_view, std::string_view> kUnkept[] = {
    {"x-amz-server-side-encryption", "objects are not encrypted by the server"},
    {"x-amz-tagging", "objects have no tags"},
    {"x-amz-object-lock", "objects can't be locked"},
    {"x-amz-grant-", "who may do what is said by Slipway's permissions"},
    {"x-amz-website-redirect-location", "objects don't lead elsewhere"},
    {"x-amz-write-offset-bytes", "objects don't grow"},
};

std::tm utc_of(base::Timestamp time) {
  const std::time_t seconds = time.micros / 1'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return utc;
}

std::string formatted(base::Timestamp time, const char* format) {
  const std::tm utc = utc_of(time);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &utc)};
}

// A client that chunks its bodies says so here, too; the object is not encoded so.
std::string without_chunks(std::string_view encodings) {
  std::string out;
  while (!encodings.empty()) {
    const std::size_t comma = std::min(encodings.find(','), encodings.size());
    const std::string_view one = base::trimmed(encodings.substr(0, comma));
    encodings.remove_prefix(std::min(encodings.size(), comma + 1));
    if (one.empty() || base::lowered(one) == "aws-chunked") continue;
    out += (out.empty() ? "" : ", ") + std::string(one);
  }
  return out;
}

bool is_header_value(std::string_view value) {
  return std::ranges::all_of(
      value, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

bool names_etag(std::string_view list, const std::string& etag) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view one = base::trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(list.size(), comma + 1));
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || unquoted(one) == etag) return true;
  }
  return false;
}

std::string_view header_of(const http::Request& request, std::string_view prefix,
                           std::string_view name) {
  return request.header(fmt::format("{}{}", prefix, name));
}

}  // namespace

std::string xml_time(base::Timestamp time) {
  return fmt::format("{}.{:03}Z", formatted(time, "%Y-%m-%dT%H:%M:%S"), time.millis() % 1000);
}

std::string http_time(base::Timestamp time) { return formatted(time, "%a, %d %b %Y %H:%M:%S GMT"); }

std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"'))
    etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Result<objects::Properties> read_properties(const http::Request& request) {
  objects::Properties properties;
  for (const auto& [key, value] : request.headers) {
    const std::string name = base::lowered(key);
    for (const auto& [unkept, why] : kUnkept) {
      if (name.starts_with(unkept))
        return fault(Fault::kNotImplemented, "{}: header={}", why, name);
    }
    if (name == "x-amz-acl" && value != "private" && !value.starts_with("bucket-owner-")) {
      return fault(Fault::kNotImplemented,
                   "who may do what is said by Slipway's permissions: header=x-amz-acl value={}",
                   value);
    }
    const bool is_kept =
        name.starts_with(kMeta) || std::ranges::find(kKept, name) != std::end(kKept);
    // What could not be read back would leave the object unreadable.
    if (is_kept && !base::is_utf8(value))
      return fault(Fault::kInvalidArgument, "a header's value is no UTF-8: header={}", name);
    if (is_kept) properties[name] = value;
  }
  const auto encoding = properties.find("content-encoding");
  if (encoding != properties.end()) {
    encoding->second = without_chunks(encoding->second);
    if (encoding->second.empty()) properties.erase(encoding);
  }
  return properties;
}

void tell_object(const objects::Object& object, const http::Request& request, Extent extent,
                 http::Response& response) {
  response.content_type = kDefaultType;
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", object.etag));
  response.headers.emplace_back("Last-Modified", http_time(object.modified_at));
  response.headers.emplace_back("Accept-Ranges", "bytes");
  const bool tells_checksum =
      extent == Extent::kWhole && base::lowered(request.header("x-amz-checksum-mode")) == "enabled";
  for (const auto& [name, value] : object.properties) {
    if (name.starts_with("x-amz-checksum-") && !tells_checksum) continue;
    // "response-content-type" in the query goes before what the object says.
    const std::optional<std::string> instead = request.query("response-" + name);
    const std::string& told = instead && is_header_value(*instead) ? *instead : value;
    if (name == "content-type") {
      response.content_type = told;
    } else {
      response.headers.emplace_back(name, told);
    }
  }
  for (const std::string_view name : kKept) {
    if (object.properties.contains(std::string(name))) continue;
    const std::optional<std::string> told = request.query(fmt::format("response-{}", name));
    if (!told || !is_header_value(*told)) continue;
    if (name == "content-type") {
      response.content_type = *told;
    } else {
      response.headers.emplace_back(name, *told);
    }
  }
}

std::optional<int> failed_condition(const objects::Object& object, const http::Request& request,
                                    std::string_view prefix) {
  const auto modified = object.modified_at.micros / 1'000'000;
  const auto is_later_than = [&](std::string_view header) {
    const std::optional<base::Timestamp> time = http::parse_http_time(header);
    return !time || modified > time->micros / 1'000'000;  // what is no time is not there
  };
  const std::string_view match = header_of(request, prefix, "if-match");
  const std::string_view unmodified = header_of(request, prefix, "if-unmodified-since");
  if (!match.empty()) {
    if (!names_etag(match, object.etag)) return 412;
  } else if (http::parse_http_time(unmodified) && is_later_than(unmodified)) {
    return 412;
  }
  const std::string_view none_match = header_of(request, prefix, "if-none-match");
  const std::string_view since = header_of(request, prefix, "if-modified-since");
  if (!none_match.empty()) {
    if (names_etag(none_match, object.etag)) return 304;
  } else if (!since.empty() && !is_later_than(since)) {
    return 304;
  }
  return std::nullopt;
}

Result<objects::Condition> put_condition(const http::Request& request) {
  objects::Condition condition;
  const std::string_view match = request.header("If-Match");
  const std::string_view none_match = request.header("If-None-Match");
  if (!match.empty()) condition.etag = unquoted(match);
  if (none_match.empty()) return condition;
  if (none_match != "*")
    return fault(Fault::kNotImplemented, "a PUT takes If-None-Match: * and no ETag: got={}",
                 none_match.substr(0, 100));
  condition.is_absent = true;
  return condition;
}

}  // namespace slipway::api::s3
