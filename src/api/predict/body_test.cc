// Compressed bodies, and what is none.
#include "api/predict/body.h"

#include <gtest/gtest.h>

namespace slipway::api::predict {
namespace {

// python3: gzip.compress(b"hello", mtime=0), zlib.compress(b"hello"), and the latter's inside.
constexpr std::string_view kGzip(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00"
    "\x00\x00",
    25);
constexpr std::string_view kZlib("\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15", 13);

TEST(Body, IsMadePlain) {
  EXPECT_EQ(decompress("gzip", kGzip, 100).value(), "hello");
  EXPECT_EQ(decompress("GZip", kGzip, 5).value(), "hello");
  EXPECT_EQ(decompress("deflate", kZlib, 100).value(), "hello");
  EXPECT_EQ(decompress("deflate", kZlib.substr(2, 7), 100).value(), "hello");
}

TEST(Body, IsRefusedWhenItIsSomethingElse) {
  struct Case {
    const char* encoding;
    std::string_view body;
    Code code;
  };
  std::string more(kGzip);
  more += "more";
  const Case cases[] = {{"br", "x", Code::kInvalidArgument},
                        {"gzip", "", Code::kInvalidArgument},
                        {"gzip", "hello", Code::kInvalidArgument},
                        {"gzip", kGzip.substr(0, 12), Code::kInvalidArgument},
                        {"gzip", more, Code::kInvalidArgument},
                        {"deflate", "{}", Code::kInvalidArgument},
                        {"gzip", kGzip, Code::kResourceExhausted}};
  for (const Case& c : cases) {
    const std::uint64_t room = c.code == Code::kResourceExhausted ? 4 : 5;
    const auto plain = decompress(c.encoding, c.body, room);
    ASSERT_FALSE(plain) << c.encoding << " " << c.body;
    EXPECT_EQ(plain.error().code, c.code) << plain.error().message;
  }
}

}  // namespace
}  // namespace slipway::api::predict
