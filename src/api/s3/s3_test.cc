#include <gtest/gtest.h>

#include "api/s3/faults.h"
#include "api/s3/object_headers.h"
#include "api/s3/request_bodies.h"
#include "api/s3/s3_routes.h"
#include "base/hash.h"
#include "objects/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "store/xml.h"

namespace slipway::api::s3 {
namespace {

using http::Method;
using http::Response;

class S3Test : public ::testing::Test {
 protected:
  S3Test() {
    std::filesystem::create_directory(folder_.path() / "scratch");
    MUST(db_->migrate({objects::migrations()}));
    add_routes(router_, {.buckets = buckets_, .uploads = uploads_, .contents = contents_});
    EXPECT_EQ(send(Method::kPut, "/data").status, 200);
  }

  Response send(Method method, const std::string& target, std::string_view body = "",
                std::vector<std::pair<std::string_view, std::string_view>> headers = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.path = request.target.substr(0, request.target.find('?'));
    request.headers = std::move(headers);
    std::vector<Method> allowed;
    const http::Route* route = router_.match(request, allowed);
    if (route == nullptr) return router_.no_route(request, allowed);
    if (route->open_sink) {
      auto sink = route->open_sink(request);
      if (!sink) return route->refuse(request, sink.error());
      request.body_sink = std::move(*sink);
      if (request.body_sink != nullptr) {
        if (const auto written = request.body_sink->write(body); !written)
          return route->refuse(request, written.error());
      }
    } else {
      request.body = body;
    }
    return route->handler(request);
  }
  static std::string code_of(const Response& response) {
    const auto root = store::parse_xml(response.body);
    return root ? root->child_text("Code") : "";
  }
  static std::string header(const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }
  static std::string body_of(Response& response) {
    if (response.file) {
      return MUST(store::read_file(response.file->file))
          .substr(response.file->offset, response.file->bytes);
    }
    if (!response.stream) return response.body;
    std::string out(*response.stream->bytes, '\0');
    for (std::size_t at = 0; at < out.size();) {
      const auto n = MUST(response.stream->source->read(
          std::span(out).subspan(at, std::min<std::size_t>(3, out.size() - at))));
      at += n;
    }
    return out;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'123'456}};
  base::SystemRandom random_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  objects::Contents contents_{*db_, clock_, random_, folder_.path() / "objects",
                              folder_.path() / "scratch"};
  objects::Buckets buckets_{*db_, clock_, contents_};
  objects::Uploads uploads_{*db_, clock_, random_, contents_};
  http::Router router_;
};

TEST_F(S3Test, AnObjectWithWhatIsToldWithIt) {
  const Response put = send(Method::kPut, "/data/a%20b/%C3%BC", "hello",
                            {{"Content-Type", "text/csv"},
                             {"Content-Encoding", "aws-chunked,gzip"},
                             {"X-Amz-Meta-Owner", "ada"},
                             {"x-amz-checksum-crc32", "NhCmhg=="}});
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(header(put, "ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(header(put, "x-amz-checksum-crc32"), "NhCmhg==");

  Response got = send(Method::kGet, "/data/a%20b/%C3%BC", "", {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(body_of(got), "hello");
  EXPECT_EQ(got.content_type, "text/csv");
  EXPECT_EQ(header(got, "content-encoding"), "gzip");
  EXPECT_EQ(header(got, "x-amz-meta-owner"), "ada");
  EXPECT_EQ(header(got, "x-amz-checksum-crc32"), "NhCmhg==");
  EXPECT_EQ(header(got, "Last-Modified"), "Tue, 14 Nov 2023 22:13:20 GMT");

  Response part = send(
      Method::kGet, "/data/a%20b/%C3%BC?response-content-type=text/plain&response-expires=x%0D%0Ay",
      "", {{"Range", "bytes=1-3"}, {"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(body_of(part), "ell");
  EXPECT_EQ(header(part, "Content-Range"), "bytes 1-3/5");
  EXPECT_EQ(header(part, "x-amz-checksum-crc32"), "") << "it is that of the whole";
  EXPECT_EQ(part.content_type, "text/plain");
  EXPECT_EQ(header(part, "expires"), "") << "no header can be made up";
  const Response beyond = send(Method::kGet, "/data/a%20b/%C3%BC", "", {{"Range", "bytes=5-"}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(code_of(beyond), "InvalidRange");

  EXPECT_EQ(send(Method::kHead, "/data/a%20b/%C3%BC").stream->bytes, 5u);
  EXPECT_EQ(send(Method::kDelete, "/data/a%20b/%C3%BC").status, 204);
  EXPECT_EQ(send(Method::kDelete, "/data/a%20b/%C3%BC").status, 204);
  EXPECT_EQ(code_of(send(Method::kGet, "/data/a%20b/%C3%BC")), "NoSuchKey");
}

TEST_F(S3Test, WhatIsRefusedSaysWhy) {
  const std::string sha256 = base::sha256_hex("hello");
  MUST(buckets_.create("full"));
  EXPECT_EQ(send(Method::kPut, "/full/k", "hello").status, 200);
  const struct {
    const char* name;
    Method method;
    const char* target;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    const char* code;
    int status;
  } cases[] = {
      {"no bucket", Method::kPut, "/other/k", {}, "NoSuchBucket", 404},
      {"no bucket to list", Method::kGet, "/other?list-type=2", {}, "NoSuchBucket", 404},
      {"a bucket's name", Method::kPut, "/A_b", {}, "InvalidBucketName", 400},
      {"a bucket again", Method::kPut, "/data", {}, "BucketAlreadyOwnedByYou", 409},
      {"a bucket that is not empty", Method::kDelete, "/full", {}, "BucketNotEmpty", 409},
      {"a copy whose source is in its URL",
       Method::kPut,
       "/data/k?x-amz-copy-source=full%2Fk",
       {},
       "NotImplemented",
       501},
      {"metadata that could not be read back",
       Method::kPut,
       "/data/k",
       {{"x-amz-meta-name", "caf\xe9"}},
       "InvalidArgument",
       400},
      {"another body",
       Method::kPut,
       "/data/k",
       {{"x-amz-content-sha256", std::string_view(sha256)},
        {"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}},
       "BadDigest",
       400},
      {"another body, by its hash",
       Method::kPut,
       "/data/k",
       {{"x-amz-content-sha256",
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}},
       "XAmzContentSHA256Mismatch",
       400},
      {"another body, by a checksum",
       Method::kPut,
       "/data/k",
       {{"x-amz-checksum-crc32c", "AAAAAA=="}},
       "BadDigest",
       400},
      {"two checksums",
       Method::kPut,
       "/data/k",
       {{"x-amz-checksum-crc32c", "AAAAAA=="}, {"x-amz-checksum-sha1", "AAAAAA=="}},
       "InvalidRequest",
       400},
      {"a checksum of another kind",
       Method::kPut,
       "/data/k",
       {{"x-amz-checksum-xxhash", "AAAAAA=="}},
       "NotImplemented",
       501},
      {"an MD5 that is none",
       Method::kPut,
       "/data/k",
       {{"Content-MD5", "xx"}},
       "InvalidDigest",
       400},
      {"a hash that is none",
       Method::kPut,
       "/data/k",
       {{"x-amz-content-sha256", "STREAMING-OTHER"}},
       "InvalidRequest",
       400},
      {"chunks without a length",
       Method::kPut,
       "/data/k",
       {{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}},
       "InvalidRequest",
       400},
      {"no chunks",
       Method::kPut,
       "/data/k",
       {{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
        {"x-amz-decoded-content-length", "5"}},
       "IncompleteBody",
       400},
      {"encryption",
       Method::kPut,
       "/data/k",
       {{"x-amz-server-side-encryption", "AES256"}},
       "NotImplemented",
       501},
      {"everybody may read",
       Method::kPut,
       "/data/k",
       {{"x-amz-acl", "public-read"}},
       "NotImplemented",
       501},
      {"tags", Method::kPut, "/data/k", {{"x-amz-tagging", "a=b"}}, "NotImplemented", 501},
      {"a condition that is not met",
       Method::kPut,
       "/full/k",
       {{"If-None-Match", "*"}},
       "PreconditionFailed",
       412},
      {"an ETag that is not there",
       Method::kPut,
       "/data/k",
       {{"If-Match", "\"0\""}},
       "PreconditionFailed",
       412},
      {"something of S3 that is not here", Method::kGet, "/data?policy", {}, "NotImplemented", 501},
      {"an old version", Method::kGet, "/full/k?versionId=7", {}, "NotImplemented", 501},
      {"no upload", Method::kPut, "/data/k?partNumber=1&uploadId=none", {}, "NoSuchUpload", 404},
      {"nothing to copy",
       Method::kPut,
       "/data/k",
       {{"x-amz-copy-source", "data/none"}},
       "NoSuchKey",
       404},
      {"nowhere to copy from",
       Method::kPut,
       "/data/k",
       {{"x-amz-copy-source", "data"}},
       "InvalidArgument",
       400},
      {"a method", Method::kPatch, "/data/k", {}, "MethodNotAllowed", 405},
      {"a token of nobody's",
       Method::kGet,
       "/data?list-type=2&continuation-token=%21",
       {},
       "InvalidArgument",
       400},
      {"a page of letters", Method::kGet, "/data?max-keys=x", {}, "InvalidArgument", 400},
      {"no XML", Method::kPost, "/data?delete", {}, "MalformedXML", 400},
  };
  for (const auto& c : cases) {
    const Response response = send(c.method, c.target, "hello", c.headers);
    EXPECT_EQ(code_of(response), c.code) << c.name << ": " << response.body;
    EXPECT_EQ(response.status, c.status) << c.name;
  }
  EXPECT_EQ(code_of(send(Method::kGet, "/data/k")), "NoSuchKey") << "nothing of it was kept";
  EXPECT_EQ(send(Method::kGet, "/full/k").status, 200);
}

TEST_F(S3Test, Conditions) {
  send(Method::kPut, "/data/k", "hello");
  const struct {
    const char* name;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    int status;
  } cases[] = {
      {"it matches", {{"If-Match", "\"5d41402abc4b2a76b9719d911017c592\""}}, 200},
      {"without quotes", {{"If-Match", "5d41402abc4b2a76b9719d911017c592"}}, 200},
      {"one of several", {{"If-Match", "\"0\", \"5d41402abc4b2a76b9719d911017c592\""}}, 200},
      {"another", {{"If-Match", "\"0\""}}, 412},
      {"known already", {{"If-None-Match", "\"5d41402abc4b2a76b9719d911017c592\""}}, 304},
      {"anything is known", {{"If-None-Match", "*"}}, 304},
      {"another is known", {{"If-None-Match", "\"0\""}}, 200},
      {"not changed since", {{"If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT"}}, 304},
      {"changed since", {{"If-Modified-Since", "Tue, 14 Nov 2023 22:13:19 GMT"}}, 200},
      {"changed since a time", {{"If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:19 GMT"}}, 412},
      {"not changed since that time",
       {{"If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:20 GMT"}},
       200},
      {"no time", {{"If-Modified-Since", "yesterday"}}, 200},
      {"the ETag goes before the time",
       {{"If-None-Match", "\"0\""}, {"If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT"}},
       200},
  };
  for (const auto& c : cases)
    EXPECT_EQ(send(Method::kGet, "/data/k", "", c.headers).status, c.status) << c.name;
  EXPECT_EQ(send(Method::kDelete, "/data/k", "", {{"If-Match", "\"0\""}}).status, 412);
  EXPECT_EQ(send(Method::kDelete, "/data/k", "", {{"x-amz-if-match-size", "4"}}).status, 501);
  EXPECT_EQ(send(Method::kGet, "/data/k").status, 200);
  EXPECT_EQ(
      send(Method::kDelete, "/data/k", "", {{"If-Match", "\"5d41402abc4b2a76b9719d911017c592\""}})
          .status,
      204);
}

TEST_F(S3Test, PartsAndCopies) {
  const auto begun =
      store::parse_xml(send(Method::kPost, "/data/big?uploads", "", {{"x-amz-meta-a", "b"}}).body)
          .value();
  const std::string upload = begun.child_text("UploadId");
  std::string named;
  for (const auto& [number, text] : {std::pair(1, "hello "), std::pair(2, "world")}) {
    const Response part =
        send(Method::kPut, fmt::format("/data/big?partNumber={}&uploadId={}", number, upload), text,
             {{"x-amz-checksum-crc32", number == 1 ? "7YH59g==" : "OncRQw=="}});
    if (part.status != 200) {
      // The values above are those of the texts, or this says which are.
      FAIL() << part.body;
    }
    named += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", number,
                         store::xml_escape(header(part, "ETag")));
  }
  EXPECT_EQ(code_of(send(Method::kGet, "/data/big")), "NoSuchKey");
  const auto listed =
      store::parse_xml(send(Method::kGet, "/data/big?max-parts=1&uploadId=" + upload).body).value();
  EXPECT_EQ(listed.child_text("IsTruncated"), "true");
  EXPECT_EQ(listed.child("Part")->child_text("Size"), "6");
  EXPECT_EQ(store::parse_xml(send(Method::kGet, "/data?uploads").body)
                ->child("Upload")
                ->child_text("UploadId"),
            upload);
  const std::string target = "/data/big?uploadId=" + upload;
  const auto complete = [&](const std::string& parts) {
    return send(Method::kPost, target,
                "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  };
  EXPECT_EQ(code_of(complete("<Part><PartNumber>1</PartNumber><ETag>0</ETag></Part>")),
            "InvalidPart");
  const Response done = complete(named);
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_TRUE(store::parse_xml(done.body)->child_text("ETag").ends_with("-2\""));
  EXPECT_TRUE(store::parse_xml(done.body)->child_text("ChecksumCRC32").ends_with("-2"))
      << done.body;
  Response got = send(Method::kGet, "/data/big");
  EXPECT_EQ(body_of(got), "hello world");
  EXPECT_EQ(header(got, "x-amz-meta-a"), "b");
  Response across = send(Method::kGet, "/data/big", "", {{"Range", "bytes=4-8"}});
  EXPECT_EQ(body_of(across), "o wor");

  EXPECT_EQ(send(Method::kPut, "/data/copy", "", {{"x-amz-copy-source", "/data/big"}}).status, 200);
  EXPECT_EQ(send(Method::kPut, "/data/other", "",
                 {{"x-amz-copy-source", "data/big"},
                  {"x-amz-metadata-directive", "REPLACE"},
                  {"x-amz-meta-c", "d"}})
                .status,
            200);
  EXPECT_EQ(header(send(Method::kGet, "/data/copy"), "x-amz-meta-a"), "b");
  EXPECT_EQ(header(send(Method::kGet, "/data/other"), "x-amz-meta-c"), "d");
  EXPECT_EQ(
      code_of(send(Method::kPut, "/data/copy", "",
                   {{"x-amz-copy-source", "/data/big"}, {"x-amz-copy-source-if-match", "0"}})),
      "PreconditionFailed");

  const Response removed =
      send(Method::kPost, "/data?delete",
           "<Delete><Object><Key>copy</Key></Object><Object><Key>never</Key></Object></Delete>");
  EXPECT_EQ(store::parse_xml(removed.body)->children.size(), 2u);
  EXPECT_EQ(code_of(send(Method::kGet, "/data/copy")), "NoSuchKey");
}

TEST_F(S3Test, Listings) {
  for (const char* key : {"a", "b/1", "b/2", "c%0A%C3%BC"})
    send(Method::kPut, std::string("/data/") + key, "x");
  const auto list = [&](const std::string& query) {
    return store::parse_xml(send(Method::kGet, "/data?" + query).body).value();
  };
  const auto first = list("list-type=2&max-keys=2&delimiter=/&encoding-type=url");
  EXPECT_EQ(first.child_text("KeyCount"), "2");
  EXPECT_EQ(first.child("CommonPrefixes")->child_text("Prefix"), "b/");
  const auto second = list("list-type=2&delimiter=/&encoding-type=url&continuation-token=" +
                           first.child_text("NextContinuationToken"));
  EXPECT_EQ(second.child("Contents")->child_text("Key"), "c%0A%C3%BC");
  EXPECT_EQ(second.child_text("IsTruncated"), "false");
  const auto old = list("max-keys=1&prefix=b/");
  EXPECT_EQ(old.child("Contents")->child_text("Key"), "b/1");
  EXPECT_EQ(old.child_text("NextMarker"), "b/1");
  EXPECT_EQ(list("marker=b/1").child("Contents")->child_text("Key"), "b/2");
  EXPECT_EQ(list("max-keys=0").child_text("IsTruncated"), "false");
  EXPECT_EQ(store::parse_xml(send(Method::kGet, "/data?location").body)->name,
            "LocationConstraint");
  EXPECT_EQ(store::parse_xml(send(Method::kGet, "/").body)
                ->child("Buckets")
                ->child("Bucket")
                ->child_text("Name"),
            "data");
}

TEST(RequestBodies, WhatIsRefused) {
  EXPECT_EQ(parse_removal("<Delete><Object><Key>a&amp;b</Key></Object><Quiet>true</Quiet></Delete>")
                .value()
                .keys.at(0),
            "a&b");
  std::string many = "<Delete>";
  for (int i = 0; i < 1001; ++i) many += "<Object><Key>k</Key></Object>";
  EXPECT_FALSE(parse_removal(many + "</Delete>"));
  EXPECT_FALSE(parse_removal("<Delete></Delete>"));
  EXPECT_FALSE(parse_removal("<Delete><Object><Key>k</Key><ETag>e</ETag></Object></Delete>"));
  std::string elements = "<Delete>";
  for (int i = 0; i < 200'000; ++i) elements += "<a/>";
  EXPECT_FALSE(store::parse_xml(elements + "</Delete>"));
  EXPECT_FALSE(parse_removal("<Other><Object><Key>k</Key></Object></Other>"));
  const auto part = [](const char* number) {
    return fmt::format("<Part><PartNumber>{}</PartNumber><ETag>\"e\"</ETag></Part>", number);
  };
  const auto parts = [&](const std::string& inside) {
    return parse_parts("<CompleteMultipartUpload>" + inside + "</CompleteMultipartUpload>");
  };
  EXPECT_EQ(parts(part("1") + part("10000")).value().at(1).md5, "e");
  for (const char* bad : {"0", "10001", "x", "", "-1"}) EXPECT_FALSE(parts(part(bad))) << bad;
  EXPECT_FALSE(parts(part("2") + part("1")));
  EXPECT_FALSE(parts(part("2") + part("2")));
  EXPECT_FALSE(parts(""));
}

TEST(SecretOfToken, IsOfTheKeyAndTheToken) {
  EXPECT_EQ(secret_of_token("key", "id").size(), 40u);
  EXPECT_NE(secret_of_token("key", "id"), secret_of_token("key", "other"));
  EXPECT_NE(secret_of_token("key", "id"), secret_of_token("other", "id"));
}

}  // namespace
}  // namespace slipway::api::s3
