#include "api/http/byte_range.h"

#include <gtest/gtest.h>

namespace slipway::http {
namespace {

TEST(ByteRange, AsTheStandardHasIt) {
  struct Case {
    const char* header;
    std::uint64_t size;
    const char* range;  // "offset+bytes", "all" or "416"
  };
  for (const Case& c : std::vector<Case>{{"", 10, "all"},
                                         {"bytes=0-0", 10, "0+1"},
                                         {"bytes=2-5", 10, "2+4"},
                                         {"bytes=2-", 10, "2+8"},
                                         {"bytes=2-9", 10, "2+8"},
                                         {"bytes=2-10", 10, "2+8"},
                                         {"bytes=2-18446744073709551615", 10, "2+8"},
                                         {"bytes=9-", 10, "9+1"},
                                         {"bytes=10-", 10, "416"},
                                         {"bytes=10-20", 10, "416"},
                                         {"bytes=-3", 10, "7+3"},
                                         {"bytes=-30", 10, "0+10"},
                                         {"bytes=-0", 10, "416"},
                                         {"bytes=0-", 0, "416"},
                                         {"bytes=5-2", 10, "all"},
                                         {"bytes=-", 10, "all"},
                                         {"bytes=a-b", 10, "all"},
                                         {"bytes=1-2,4-5", 10, "all"},
                                         {"bytes=+1-2", 10, "all"},
                                         {"bytes=99999999999999999999-", 10, "all"},
                                         {"items=0-1", 10, "all"}}) {
    const auto range = parse_range(c.header, c.size);
    std::string text = "416";
    if (range) text = *range ? fmt::format("{}+{}", (*range)->offset, (*range)->bytes) : "all";
    EXPECT_EQ(text, c.range) << c.header << " of " << c.size;
  }
}

}  // namespace
}  // namespace slipway::http
