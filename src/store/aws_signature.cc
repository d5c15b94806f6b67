#include "store/aws_signature.h"

#include <algorithm>
#include <ctime>

#include "base/hash.h"
#include "base/http_client.h"

namespace slipway::store {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string_view bytes_of(const base::Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string scope_of(std::string_view region, std::string_view time) {
  return fmt::format("{}/{}/s3/aws4_request", time.substr(0, 8), region);
}

// "host;x-amz-date"
std::string signed_names(const AwsPairs& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

// `headers` are sorted by name.
std::string signature_of(const AwsIdentity& identity, const AwsRequest& request,
                         const AwsPairs& query, const AwsPairs& headers,
                         std::string_view body_sha256, std::string_view time) {
  return aws_signature(aws_signing_key(identity.secret_key, time.substr(0, 8), identity.region),
                       {.method = request.method,
                        .path = request.path,
                        .query = query,
                        .headers = headers,
                        .body_sha256 = std::string(body_sha256),
                        .time = std::string(time),
                        .region = identity.region});
}

}  // namespace

std::string aws_time(base::Timestamp time) {
  const std::time_t seconds = time.micros / 1'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[17];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

std::string aws_signing_key(std::string_view secret_key, std::string_view date,
                            std::string_view region) {
  base::Sha256Digest key = base::hmac_sha256(fmt::format("AWS4{}", secret_key), date);
  for (const std::string_view part :
       {region, std::string_view("s3"), std::string_view("aws4_request")})
    key = base::hmac_sha256(bytes_of(key), part);
  return std::string(bytes_of(key));
}

std::string aws_signature(std::string_view signing_key, const AwsSigned& what) {
  std::string canonical =
      fmt::format("{}\n{}\n{}\n", what.method, what.path, aws_query(what.query));
  for (const auto& [name, value] : what.headers) canonical += fmt::format("{}:{}\n", name, value);
  canonical += fmt::format("\n{}\n{}", signed_names(what.headers), what.body_sha256);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, what.time, scope_of(what.region, what.time),
                  base::sha256_hex(canonical));
  return base::to_hex(base::hmac_sha256(signing_key, to_sign));
}

std::string aws_chained_signature(std::string_view signing_key, std::string_view kind,
                                  std::string_view time, std::string_view region,
                                  std::string_view previous, std::string_view hashes) {
  return base::to_hex(base::hmac_sha256(
      signing_key,
      fmt::format("{}\n{}\n{}\n{}\n{}", kind, time, scope_of(region, time), previous, hashes)));
}

std::string aws_path(std::string_view prefix, std::string_view key) {
  std::string path(prefix);
  while (true) {
    const std::size_t slash = key.find('/');
    path += base::percent_encode(key.substr(0, slash));
    if (slash == std::string_view::npos) return path;
    path += '/';
    key.remove_prefix(slash + 1);
  }
}

std::string aws_query(const AwsPairs& query) {
  AwsPairs encoded;
  for (const auto& [name, value] : query)
    encoded.emplace_back(base::percent_encode(name), base::percent_encode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded)
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  return text;
}

AwsPairs sign_in_headers(const AwsIdentity& identity, const AwsRequest& request,
                         std::string_view body_sha256, base::Timestamp now) {
  const std::string time = aws_time(now);
  AwsPairs headers = request.headers;
  headers.emplace_back("host", request.host);
  headers.emplace_back("x-amz-content-sha256", body_sha256);
  headers.emplace_back("x-amz-date", time);
  if (!identity.session_token.empty())
    headers.emplace_back("x-amz-security-token", identity.session_token);
  std::sort(headers.begin(), headers.end());
  headers.emplace_back(
      "authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                  identity.access_key, scope_of(identity.region, time), signed_names(headers),
                  signature_of(identity, request, request.query, headers, body_sha256, time)));
  return headers;
}

std::string sign_in_query(const AwsIdentity& identity, const AwsRequest& request,
                          std::int64_t seconds, base::Timestamp now) {
  const std::string time = aws_time(now);
  AwsPairs headers = request.headers;
  headers.emplace_back("host", request.host);
  std::sort(headers.begin(), headers.end());
  AwsPairs query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential",
                     identity.access_key + "/" + scope_of(identity.region, time));
  query.emplace_back("X-Amz-Date", time);
  query.emplace_back("X-Amz-Expires", std::to_string(seconds));
  query.emplace_back("X-Amz-SignedHeaders", signed_names(headers));
  if (!identity.session_token.empty())
    query.emplace_back("X-Amz-Security-Token", identity.session_token);
  return aws_query(query) + "&X-Amz-Signature=" +
         signature_of(identity, request, query, headers, "UNSIGNED-PAYLOAD", time);
}

}  // namespace slipway::store
