// Protocol buffers in text format, as people send schemas of TensorFlow Data Validation: JSON that
// reads back, or a mistake with its place.
#include "base/check.h"
#include "base/json.h"
#include "fuzz.h"
#include "types/text_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const auto read = types::text_format_as_json(fuzz::text_of(data, size));
  if (!read) {
    CHECK(read.error().code == Code::kInvalidArgument);
    CHECK(read.error().message.find("line ") != std::string::npos);
    return 0;
  }
  CHECK(base::parse_json_object(base::to_text(*read)).has_value());
  return 0;
}
