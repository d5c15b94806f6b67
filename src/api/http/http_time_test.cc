#include "api/http/http_time.h"

#include <gtest/gtest.h>

namespace slipway::http {
namespace {

TEST(HttpTime, HasThreeFormsAndNoOther) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    const auto time = parse_http_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(time->micros, 784'111'777'000'000) << text;
  }
  for (const char* text :
       {"", "784111777", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT.", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 25:49:37 GMT"})
    EXPECT_FALSE(parse_http_time(text)) << text;
}

}  // namespace
}  // namespace slipway::http
