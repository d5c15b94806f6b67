#include "api/s3/signed_request.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "api/s3/faults.h"
#include "base/http_client.h"
#include "base/text.h"

namespace slipway::api::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kAmz = "x-amz-";
constexpr std::string_view kBodyHash = "x-amz-content-sha256";
constexpr std::int64_t kUrlSecondsMax = 604'800;  // as Amazon has it

Error malformed(std::string_view what) {
  return fault(Fault::kAuthorizationHeaderMalformed,
               "the signature is not of the form AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/s3/"
               "aws4_request, SignedHeaders=host;..., Signature=...: {}",
               what);
}

// What is in front of the first `end`, which goes with it; all of it without one.
std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  const std::string_view taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return taken;
}

std::optional<std::string> find(const store::AwsPairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return std::nullopt;
}

// "KEY/20260131/us-east-1/s3/aws4_request"; a key may have slashes.
Result<void> read_credential(std::string_view text, SignatureClaim& claim) {
  std::vector<std::string_view> fields;
  for (int i = 0; i < 4; ++i) {
    const std::size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return malformed("Credential has too few fields");
    fields.push_back(text.substr(slash + 1));
    text = text.substr(0, slash);
  }
  if (fields[0] != "aws4_request" || fields[1] != "s3")
    return malformed("Credential is not for the service s3");
  claim.region = fields[2];
  claim.date = fields[3];
  claim.access_key = text;
  return {};
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) names.push_back(base::lowered(take_until(text, ';')));
  return names;
}

Error old_signature() {
  return fault(Fault::kInvalidRequest,
               "only AWS4-HMAC-SHA256 is understood: make the client sign with signature version 4 "
               "(boto3, for its URLs too: Config(signature_version='s3v4'))");
}

Result<SignatureClaim> read_header(std::string_view header, const http::Request& request) {
  if (!header.starts_with(kAlgorithm) || !header.substr(kAlgorithm.size()).starts_with(' ')) {
    return old_signature();
  }
  header.remove_prefix(kAlgorithm.size());
  SignatureClaim claim;
  std::string_view credential, names;
  while (!header.empty()) {
    std::string_view value = base::trimmed(take_until(header, ','));
    const std::string_view name = take_until(value, '=');
    if (name == "Credential") credential = value;
    if (name == "SignedHeaders") names = value;
    if (name == "Signature") claim.signature = value;
  }
  TRY(read_credential(credential, claim));
  claim.signed_names = split_names(names);
  claim.time = request.header("X-Amz-Date");
  claim.body_sha256 = request.header(kBodyHash);
  if (claim.body_sha256.empty()) {
    return fault(Fault::kInvalidRequest, "a signed request has the header x-amz-content-sha256");
  }
  return claim;
}

Result<SignatureClaim> read_query(const store::AwsPairs& query) {
  SignatureClaim claim;
  if (find(query, "X-Amz-Algorithm") != kAlgorithm)
    return malformed("X-Amz-Algorithm is not AWS4-HMAC-SHA256");
  TRY(read_credential(find(query, "X-Amz-Credential").value_or(""), claim));
  claim.signed_names = split_names(find(query, "X-Amz-SignedHeaders").value_or(""));
  claim.time = find(query, "X-Amz-Date").value_or("");
  claim.signature = find(query, "X-Amz-Signature").value_or("");
  claim.body_sha256 = find(query, "X-Amz-Content-Sha256").value_or("UNSIGNED-PAYLOAD");
  const std::string seconds = find(query, "X-Amz-Expires").value_or("");
  std::int64_t good_for = 0;
  const auto [end, ec] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), good_for);
  if (ec != std::errc() || end != seconds.data() + seconds.size() || good_for < 1 ||
      good_for > kUrlSecondsMax) {
    return fault(Fault::kAuthorizationHeaderMalformed,
                 "X-Amz-Expires is a number of seconds from 1 to {}: got={}", kUrlSecondsMax,
                 seconds.substr(0, 20));
  }
  claim.good_for = good_for;
  return claim;
}

std::optional<base::Timestamp> parse_time(const std::string& text) {
  std::tm utc{};
  const char* end = ::strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &utc);
  if (text.size() != 16 || end == nullptr || *end != '\0') return std::nullopt;
  return base::Timestamp{static_cast<std::int64_t>(::timegm(&utc)) * 1'000'000};
}

Result<void> check_time(const SignatureClaim& claim, base::Timestamp now, base::Duration skew_max) {
  const std::optional<base::Timestamp> time = parse_time(claim.time);
  if (!time || claim.date != claim.time.substr(0, 8)) {
    return malformed("X-Amz-Date is YYYYMMDDTHHMMSSZ, of the day that Credential has");
  }
  const base::Duration ahead = *time - now, behind = now - *time;
  const bool is_too_early = ahead > skew_max;
  if (is_too_early || (!claim.good_for && behind > skew_max)) {
    return fault(
        Fault::kRequestTimeTooSkewed,
        "the request was signed at {}, and it is {} here: set the client's clock, they may "
        "differ by {} s",
        claim.time, store::aws_time(now), skew_max.micros / 1'000'000);
  }
  if (claim.good_for && now > *time + base::Duration::seconds(*claim.good_for)) {
    return fault(Fault::kAccessDenied,
                 "the URL was good until {} s after {}, and it is {} here: ask for a new one",
                 *claim.good_for, claim.time, store::aws_time(now));
  }
  return {};
}

// All values of a header, each without white space around it and with one space for several.
std::string canonical_value(const http::Request& request, std::string_view name) {
  std::string out;
  bool is_first = true;
  for (const auto& [key, value] : request.headers) {
    if (base::lowered(key) != name) continue;
    if (!is_first) out += ',';
    is_first = false;
    for (const char c : base::trimmed(value)) {
      if (c != ' ' || !out.ends_with(' ')) out += c;
    }
  }
  return out;
}

// What says what is to be done must be signed, or somebody on the way could say something else.
Result<void> check_names(const SignatureClaim& claim, const http::Request& request) {
  const auto is_signed = [&](std::string_view name) {
    return std::ranges::find(claim.signed_names, name) != claim.signed_names.end();
  };
  if (!is_signed("host")) return malformed("SignedHeaders does not have host");
  for (const auto& [key, value] : request.headers) {
    const std::string name = base::lowered(key);
    if (!name.starts_with(kAmz) || name == kBodyHash || is_signed(name)) continue;
    return fault(Fault::kAccessDenied, "a header that is sent has to be signed: header={}", name);
  }
  return {};
}

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Result<store::AwsPairs> query_pairs(std::string_view target) {
  store::AwsPairs pairs;
  take_until(target, '?');
  while (!target.empty()) {
    std::string_view value = take_until(target, '&');
    if (value.empty()) continue;
    const std::string_view name = take_until(value, '=');
    pairs.emplace_back(TRY(base::percent_decode(name)), TRY(base::percent_decode(value)));
  }
  return pairs;
}

Result<std::optional<SignatureClaim>> find_claim(const http::Request& request) {
  const std::string_view header = request.header("Authorization");
  std::optional<SignatureClaim> claim;
  if (!header.empty()) {
    claim = TRY(read_header(header, request));
    return claim;
  }
  const store::AwsPairs query = TRY(query_pairs(request.target));
  if (find(query, "AWSAccessKeyId")) return old_signature();
  if (!find(query, "X-Amz-Signature")) return claim;
  claim = TRY(read_query(query));
  // The body is checked against the header.
  if (claim->body_sha256 != "UNSIGNED-PAYLOAD" && claim->body_sha256 != request.header(kBodyHash))
    return fault(Fault::kInvalidRequest,
                 "a URL that says what the body's SHA-256 is needs the same in the header "
                 "x-amz-content-sha256");
  return claim;
}

Result<void> check_claim(const SignatureClaim& claim, const http::Request& request,
                         std::string_view secret, base::Timestamp now, base::Duration skew_max) {
  TRY(check_time(claim, now, skew_max));
  TRY(check_names(claim, request));
  store::AwsPairs headers;
  for (const std::string& name : claim.signed_names)
    headers.emplace_back(name, canonical_value(request, name));
  std::ranges::sort(headers);
  store::AwsPairs query = TRY(query_pairs(request.target));
  std::erase_if(query, [](const auto& pair) { return pair.first == "X-Amz-Signature"; });
  // As clients sign it, whichever of the letters they have sent without escapes.
  const std::string path =
      TRY(base::percent_decode(request.target.substr(0, request.target.find('?'))));
  const std::string expected =
      store::aws_signature(store::aws_signing_key(secret, claim.date, claim.region),
                           {.method = std::string(http::method_name(request.method)),
                            .path = store::aws_path("", path),
                            .query = std::move(query),
                            .headers = std::move(headers),
                            .body_sha256 = claim.body_sha256,
                            .time = claim.time,
                            .region = claim.region});
  if (is_same(expected, claim.signature)) return {};
  return fault(Fault::kSignatureDoesNotMatch,
               "the request is signed with another secret, or was changed on its way (a proxy that "
               "rewrites the path or the Host header does that): check the secret access key of "
               "access_key={}",
               claim.access_key);
}

}  // namespace slipway::api::s3
