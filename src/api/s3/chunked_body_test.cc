#include "api/s3/chunked_body.h"

#include <gtest/gtest.h>

#include "api/s3/faults.h"
#include "base/checksum.h"

namespace slipway::api::s3 {
namespace {

// What is inside, or the fault's name, for a body that comes `step` bytes at a time.
std::string unpacked(std::string_view body, ChunkedOptions options, std::size_t step,
                     store::AwsPairs* trailers = nullptr) {
  ChunkedBody chunked(std::move(options));
  std::string out;
  const auto name_of = [](const Error& error) {
    return "!" + error.message.substr(0, error.message.find(':'));
  };
  for (std::size_t i = 0; i < body.size(); i += step) {
    const Result<void> written = chunked.write(body.substr(i, step), [&](std::string_view piece) {
      out += piece;
      return Result<void>();
    });
    if (!written) return name_of(written.error());
  }
  if (const Result<void> finished = chunked.finish(); !finished) return name_of(finished.error());
  if (trailers != nullptr) *trailers = chunked.trailers();
  return out;
}

TEST(ChunkedBody, Unsigned) {
  const struct {
    const char* name;
    std::string body;
    bool has_trailer;
    const char* inside;
  } cases[] = {
      {"a piece", "5\r\nhello\r\n0\r\n\r\n", false, "hello"},
      {"pieces", "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", false, "hello world"},
      {"nothing", "0\r\n\r\n", false, ""},
      {"nothing, and no empty line", "0\r\n", false, ""},
      {"a header", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", true, "hello"},
      {"bytes like lines", "6\r\n\r\n0\r\n\r\r\n0\r\n\r\n", false, "\r\n0\r\n\r"},
      {"a signature that nobody asked for",
       "1;chunk-signature=00\r\nx\r\n0;chunk-signature=0\r\n\r\n", false, "x"},
      {"in capitals", "A\r\n0123456789\r\n0\r\n\r\n", false, "0123456789"},
      {"no size", "\r\nhello\r\n", false, "!InvalidRequest"},
      {"no number", "xyz\r\nhello\r\n", false, "!InvalidRequest"},
      {"a number with more", "5 5\r\nhello\r\n", false, "!InvalidRequest"},
      {"a negative size", "-5\r\nhello\r\n", false, "!InvalidRequest"},
      {"a size beyond all", "fffffffffffffffff\r\nx", false, "!InvalidRequest"},
      {"a longer piece", "4\r\nhello\r\n0\r\n\r\n", false, "!InvalidRequest"},
      {"a shorter piece", "6\r\nhello\r\n0\r\n\r\n", false, "!InvalidRequest"},
      {"cut in a piece", "5\r\nhel", false, "!IncompleteBody"},
      {"cut behind a piece", "5\r\nhello\r\n", false, "!IncompleteBody"},
      {"nothing at all", "", false, "!IncompleteBody"},
      {"cut in a header", "0\r\nx-amz-che", true, "!IncompleteBody"},
      {"something behind", "0\r\n\r\nmore", false, "!InvalidRequest"},
      {"a header that was not announced", "0\r\nx-amz-checksum-crc32:AA\r\n\r\n", false,
       "!InvalidRequest"},
      {"a header that is none", "0\r\nwhat\r\n\r\n", true, "!InvalidRequest"},
      {"a line without end", std::string(10'000, '1'), false, "!InvalidRequest"},
      {"headers without end",
       "0\r\n" +
           [] {
             std::string lines;
             for (int i = 0; i < 1000; ++i) lines += "x-amz-checksum-crc32:AAAAAAAAAAA\r\n";
             return lines;
           }(),
       true, "!InvalidRequest"},
  };
  for (const auto& c : cases) {
    for (const std::size_t step : {1u, 2u, 3u, 7u, 100'000u})
      EXPECT_EQ(unpacked(c.body, {.has_trailer = c.has_trailer}, step), c.inside)
          << c.name << " by " << step;
  }
}

// The examples of Amazon's documentation ("Signature Calculations for the Authorization Header:
// Transferring Payload in Multiple Chunks", and the same with trailing headers).
ChunkSigner documented_signer(std::string seed) {
  return {.key = store::aws_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524",
                                        "us-east-1"),
          .time = "20130524T000000Z",
          .region = "us-east-1",
          .previous = std::move(seed)};
}

std::string documented_body() {
  return "10000;chunk-signature="
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         std::string(65'536, 'a') +
         "\r\n400;chunk-signature="
         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature="
         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}
constexpr const char* kSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

TEST(ChunkedBody, SignedAsAmazonDoesIt) {
  const std::string body = documented_body();
  const auto options = [] { return ChunkedOptions{.signer = documented_signer(kSeed)}; };
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, body.size()})
    EXPECT_EQ(unpacked(body, options(), step), std::string(66'560, 'a')) << step;

  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string other = body;
    other.replace(other.find(from), from.size(), to);
    return unpacked(other, options(), 4096);
  };
  EXPECT_EQ(changed("aaaa", "abaa"), "!SignatureDoesNotMatch");
  EXPECT_EQ(changed("0055627c", "0055627d"), "!SignatureDoesNotMatch");
  EXPECT_EQ(changed("b6c6ea8a", "b6c6ea8b"), "!SignatureDoesNotMatch");
  EXPECT_EQ(changed(";chunk-signature=0055", ";other=0055"), "!InvalidRequest");
  EXPECT_EQ(unpacked(body, {.signer = documented_signer("another")}, 4096),
            "!SignatureDoesNotMatch");
}

TEST(ChunkedBody, SignedWithSignedHeadersBehind) {
  const std::string crc32c = "sOO8/Q==";
  ASSERT_EQ(
      base::to_base64(
          base::Checksum(base::ChecksumKind::kCrc32c).update(std::string(66'560, 'a')).finish()),
      crc32c);
  ChunkSigner signer =
      documented_signer("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  // The pieces of the documentation's example, whose signatures follow from the one before.
  std::string body;
  for (const std::size_t size : {65'536u, 1024u, 0u}) {
    const std::string piece(size, 'a');
    signer.previous = store::aws_chained_signature(
        signer.key, "AWS4-HMAC-SHA256-PAYLOAD", signer.time, signer.region, signer.previous,
        base::sha256_hex("") + "\n" + base::sha256_hex(piece));
    body += fmt::format("{:x};chunk-signature={}\r\n{}{}", size, signer.previous, piece,
                        size > 0 ? "\r\n" : "");
  }
  EXPECT_EQ(signer.previous, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
  const std::string signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
  const auto whole = [&](const std::string& end) {
    return unpacked(body + end,
                    {.has_trailer = true,
                     .signer = documented_signer(
                         "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")},
                    999);
  };
  const std::string header = "x-amz-checksum-crc32c:" + crc32c + "\r\n";
  EXPECT_EQ(whole(header + "x-amz-trailer-signature:" + signature + "\r\n\r\n"),
            std::string(66'560, 'a'));
  EXPECT_EQ(whole(header + "\r\nx-amz-trailer-signature:" + signature + "\r\n\r\n"),
            std::string(66'560, 'a'));
  EXPECT_EQ(
      whole("x-amz-checksum-crc32c:AAAAAA==\r\nx-amz-trailer-signature:" + signature + "\r\n\r\n"),
      "!SignatureDoesNotMatch");
  EXPECT_EQ(whole(header + "\r\n"), "!InvalidRequest") << "not signed";
  EXPECT_EQ(whole(header + "x-amz-trailer-signature:" + signature + "\r\nx-more:1\r\n\r\n"),
            "!InvalidRequest");
}

TEST(ChunkedBody, TellsTheHeadersBehind) {
  store::AwsPairs trailers;
  unpacked("0\r\nX-Amz-Checksum-CRC32: AAAAAA== \r\n\r\n", {.has_trailer = true}, 3, &trailers);
  EXPECT_EQ(trailers, (store::AwsPairs{{"x-amz-checksum-crc32", "AAAAAA=="}}));
}

}  // namespace
}  // namespace slipway::api::s3
