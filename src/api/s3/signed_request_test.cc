#include "api/s3/signed_request.h"

#include <gtest/gtest.h>

#include "api/s3/faults.h"
#include "base/hash.h"

namespace slipway::api::s3 {
namespace {

constexpr base::Timestamp kNow{1'700'000'000ll * 1'000'000};
constexpr auto kSkew = base::Duration::seconds(900);
const store::AwsIdentity kIdentity{
    .access_key = "key", .secret_key = "secret", .session_token = {}, .region = "eu-west-1"};

// A request that owns what it is made of.
struct Sent {
  std::string target;
  store::AwsPairs headers;
  http::Method method = http::Method::kGet;

  http::Request request() const {
    http::Request out;
    out.method = method;
    out.target = target;
    out.path = out.target.substr(0, out.target.find('?'));
    for (const auto& [name, value] : headers) out.headers.emplace_back(name, value);
    return out;
  }
  void set(const std::string& name, const std::string& value) {
    for (auto& header : headers) {
      if (header.first == name) header.second = value;
    }
  }
};

Sent signed_get(std::string key, store::AwsPairs query = {}, store::AwsPairs headers = {}) {
  const store::AwsRequest request{.method = "GET",
                                  .host = "localhost:9000",
                                  .path = store::aws_path("/bucket/", key),
                                  .query = query,
                                  .headers = std::move(headers)};
  Sent sent{.target = request.path + (query.empty() ? "" : "?" + store::aws_query(query))};
  sent.headers = store::sign_in_headers(kIdentity, request, base::sha256_hex(""), kNow);
  return sent;
}

Sent signed_url(std::int64_t seconds) {
  const store::AwsRequest request{
      .method = "GET", .host = "localhost:9000", .path = "/bucket/k", .query = {}, .headers = {}};
  return {.target = "/bucket/k?" + store::sign_in_query(kIdentity, request, seconds, kNow),
          .headers = {{"host", "localhost:9000"}}};
}

// "" when it is good, else the fault's name.
std::string verdict(const Sent& sent, base::Timestamp now = kNow, std::string secret = "secret") {
  const http::Request request = sent.request();
  const auto claim = find_claim(request);
  Result<void> checked;
  if (!claim) {
    checked = claim.error();
  } else if (!*claim) {
    return "anonymous";
  } else {
    EXPECT_EQ((*claim)->access_key, "key");
    checked = check_claim(**claim, request, secret, now, kSkew);
  }
  if (checked) return "";
  return checked.error().message.substr(0, checked.error().message.find(':'));
}

Sent with(Sent sent, const std::function<void(Sent&)>& change) {
  change(sent);
  return sent;
}

TEST(SignedRequest, WhatIsTakenAndWhatNot) {
  const Sent good = signed_get("a b+c/ü~.txt", {{"prefix", "x y+z"}, {"list-type", "2"}});
  const auto change_authorization = [](std::string_view from, std::string_view to) {
    return [=](Sent& sent) {
      for (auto& [name, value] : sent.headers) {
        if (name != "authorization") continue;
        const std::size_t at = value.find(from);
        ASSERT_NE(at, std::string::npos);
        value.replace(at, from.size(), to);
      }
    };
  };
  const struct {
    const char* name;
    Sent sent;
    const char* verdict;
  } cases[] = {
      {"a good one", good, ""},
      {"nobody", {.target = "/bucket"}, "anonymous"},
      {"another method", with(good, [](Sent& s) { s.method = http::Method::kPut; }),
       "SignatureDoesNotMatch"},
      {"a HEAD for a GET", with(good, [](Sent& s) { s.method = http::Method::kHead; }),
       "SignatureDoesNotMatch"},
      {"another key", with(good, [](Sent& s) { s.target.replace(8, 1, "b"); }),
       "SignatureDoesNotMatch"},
      {"another query", with(good, [](Sent& s) { s.target += "&delimiter=/"; }),
       "SignatureDoesNotMatch"},
      {"another host", with(good, [](Sent& s) { s.set("host", "elsewhere"); }),
       "SignatureDoesNotMatch"},
      {"another body",
       with(good, [](Sent& s) { s.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD"); }),
       "SignatureDoesNotMatch"},
      {"letters sent without escapes",
       with(signed_get("a(1)"), [](Sent& s) { s.target = "/bucket/a(1)"; }), ""},
      {"escapes in small letters",
       with(signed_get("ü"), [](Sent& s) { s.target = "/bucket/%c3%bc"; }), ""},
      {"spaces in a header", signed_get("k", {}, {{"x-amz-meta-note", "two words"}}), ""},
      {"more spaces than were signed",
       with(signed_get("k", {}, {{"x-amz-meta-note", "two words"}}),
            [](Sent& s) { s.set("x-amz-meta-note", "  two   words "); }),
       ""},
      {"a header that was signed is another",
       with(signed_get("k", {}, {{"x-amz-meta-note", "one"}}),
            [](Sent& s) { s.set("x-amz-meta-note", "two"); }),
       "SignatureDoesNotMatch"},
      {"a header that was not signed",
       with(good, [](Sent& s) { s.headers.emplace_back("x-amz-copy-source", "/other/secret"); }),
       "AccessDenied"},
      {"one of others' headers",
       with(good, [](Sent& s) { s.headers.emplace_back("Range", "bytes=0-1"); }), ""},
      {"no body hash",
       with(good,
            [](Sent& s) {
              std::erase_if(s.headers, [](auto& h) { return h.first == "x-amz-content-sha256"; });
            }),
       "InvalidRequest"},
      {"no time", with(good, [](Sent& s) { s.set("x-amz-date", ""); }),
       "AuthorizationHeaderMalformed"},
      {"a time that is none", with(good, [](Sent& s) { s.set("x-amz-date", "20231114T221320"); }),
       "AuthorizationHeaderMalformed"},
      {"another day than the credential's",
       with(good, [](Sent& s) { s.set("x-amz-date", "20231115T000000Z"); }),
       "AuthorizationHeaderMalformed"},
      {"another time of that day",
       with(good, [](Sent& s) { s.set("x-amz-date", "20231114T221321Z"); }),
       "SignatureDoesNotMatch"},
      {"another service", with(good, change_authorization("/s3/", "/ec2/")),
       "AuthorizationHeaderMalformed"},
      {"another region", with(good, change_authorization("eu-west-1", "us-east-1")),
       "SignatureDoesNotMatch"},
      {"host is not signed",
       with(good, change_authorization("SignedHeaders=host;", "SignedHeaders=")),
       "AuthorizationHeaderMalformed"},
      {"no credential", with(good, change_authorization("Credential=", "Name=")),
       "AuthorizationHeaderMalformed"},
      {"a short signature", with(good, change_authorization("Signature=", "Signature=0, Other=")),
       "SignatureDoesNotMatch"},
      {"version 2", with(good, change_authorization("AWS4-HMAC-SHA256 ", "AWS ")),
       "InvalidRequest"},
      {"a URL of version 2",
       {.target = "/bucket/k?AWSAccessKeyId=key&Signature=x&Expires=1"},
       "InvalidRequest"},
      {"a broken escape", with(good, [](Sent& s) { s.target += "&x=%zz"; }), "not a hex digit"},
  };
  for (const auto& c : cases) EXPECT_EQ(verdict(c.sent), c.verdict) << c.name;
  EXPECT_EQ(verdict(good, kNow, "other"), "SignatureDoesNotMatch");
}

TEST(SignedRequest, Times) {
  const auto seconds = [](std::int64_t n) { return base::Duration::seconds(n); };
  const struct {
    const char* name;
    Sent sent;
    base::Timestamp now;
    const char* verdict;
  } cases[] = {
      {"as old as may be", signed_get("k"), kNow + seconds(900), ""},
      {"older", signed_get("k"), kNow + seconds(901), "RequestTimeTooSkewed"},
      {"as early as may be", signed_get("k"), kNow - seconds(900), ""},
      {"earlier", signed_get("k"), kNow - seconds(901), "RequestTimeTooSkewed"},
      {"a URL", signed_url(3600), kNow, ""},
      {"a URL, later", signed_url(3600), kNow + seconds(3600), ""},
      {"a URL, too late", signed_url(3600), kNow + seconds(3601), "AccessDenied"},
      {"a URL, long before", signed_url(3600), kNow - seconds(901), "RequestTimeTooSkewed"},
      {"a URL for longer than may be", signed_url(604'801), kNow, "AuthorizationHeaderMalformed"},
      {"a URL for no time", signed_url(0), kNow, "AuthorizationHeaderMalformed"},
      {"a URL of another object",
       with(signed_url(60), [](Sent& s) { s.target.replace(8, 1, "x"); }), kNow,
       "SignatureDoesNotMatch"},
      {"a URL with more",
       with(signed_url(60), [](Sent& s) { s.target += "&response-content-type=x"; }), kNow,
       "SignatureDoesNotMatch"},
  };
  for (const auto& c : cases) EXPECT_EQ(verdict(c.sent, c.now), c.verdict) << c.name;
}

}  // namespace
}  // namespace slipway::api::s3
