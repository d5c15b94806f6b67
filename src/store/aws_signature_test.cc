#include "store/aws_signature.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace slipway::store {
namespace {

// The examples of Amazon's documentation ("Examples: Signature Calculations").
const AwsIdentity kIdentity{.access_key = "AKIAIOSFODNN7EXAMPLE",
                            .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                            .session_token = {}};
constexpr base::Timestamp kNow{1369353600ll * 1'000'000};  // 2013-05-24T00:00:00Z

AwsRequest get(std::string path, AwsPairs query, AwsPairs headers) {
  return {.method = "GET",
          .host = "examplebucket.s3.amazonaws.com",
          .path = std::move(path),
          .query = std::move(query),
          .headers = std::move(headers)};
}

TEST(AwsSignature, InHeadersAsAmazonComputesThem) {
  struct Case {
    const char* name;
    AwsRequest request;
    const char* signature;
  };
  for (const Case& c :
       std::vector<Case>{{"get a part of an object", get("/test.txt", {}, {{"range", "bytes=0-9"}}),
                          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
                         {"get the lifecycle", get("/", {{"lifecycle", ""}}, {}),
                          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
                         {"list objects", get("/", {{"prefix", "J"}, {"max-keys", "2"}}, {}),
                          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}}) {
    const AwsPairs headers = sign_in_headers(kIdentity, c.request, base::sha256_hex(""), kNow);
    ASSERT_EQ(headers.back().first, "authorization") << c.name;
    EXPECT_TRUE(headers.back().second.ends_with(std::string("Signature=") + c.signature))
        << c.name << ": " << headers.back().second;
  }
}

TEST(AwsSignature, InTheQueryAsAmazonComputesIt) {
  EXPECT_EQ(sign_in_query(kIdentity, get("/test.txt", {}, {}), 86400, kNow),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(AwsSignature, TemporaryCredentialsSendTheirToken) {
  AwsIdentity identity = kIdentity;
  identity.session_token = "token/+";
  const AwsPairs headers = sign_in_headers(identity, get("/", {}, {}), base::sha256_hex(""), kNow);
  EXPECT_NE(std::find(headers.begin(), headers.end(),
                      std::pair<std::string, std::string>("x-amz-security-token", "token/+")),
            headers.end());
  EXPECT_NE(
      sign_in_query(identity, get("/", {}, {}), 60, kNow).find("X-Amz-Security-Token=token%2F%2B"),
      std::string::npos);
}

TEST(AwsSignature, PathsAndQueries) {
  EXPECT_EQ(aws_path("/bucket/", "a b/ü+c"), "/bucket/a%20b/%C3%BC%2Bc");
  EXPECT_EQ(aws_path("/", ""), "/");
  // By name: "a" stands before "a-b", although '=' comes after '-'.
  EXPECT_EQ(aws_query({{"a-b", "2"}, {"a", "1"}, {"c", ""}}), "a=1&a-b=2&c=");
  EXPECT_EQ(aws_query({}), "");
}

}  // namespace
}  // namespace slipway::store
