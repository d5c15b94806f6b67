// Times and durations as people and clients write them: what is read can be written, and reads back
// as the same.
#include "base/check.h"
#include "fuzz.h"
#include "types/timestamp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::types;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  if (const auto time = parse_rfc3339(text)) {
    const auto again = parse_rfc3339(to_rfc3339(*time));
    CHECK(again.has_value());
    CHECK(*again == *time);
    CHECK(start_of_week(*time) <= start_of_day(*time));
    CHECK(start_of_day(*time) <= *time);
    CHECK(*time < start_of_day(*time) + Duration::days(1));
  } else {
    CHECK(time.error().code == slipway::Code::kInvalidArgument);
  }
  if (const auto duration = parse_duration(text)) {
    CHECK(duration->micros >= 0);
    const auto again = parse_duration(to_text(*duration));
    CHECK(again.has_value());
    CHECK(*again == *duration);
  } else {
    CHECK(duration.error().code == slipway::Code::kInvalidArgument);
  }
  return 0;
}
