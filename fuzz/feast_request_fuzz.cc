// A body of Feast's /get-online-features: it is refused, or its cells are; what is taken is written
// as JSON that reads back as the same value.
#include "api/feast/cells.h"
#include "api/feast/online_request.h"
#include "base/check.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  using features::ValueType;
  const auto request = api::feast::read_online_request(fuzz::text_of(data, size));
  if (!request) {
    CHECK(request.error().code == Code::kInvalidArgument);
    return 0;
  }
  for (const auto& [name, cells] : request->entities) {
    CHECK(cells.get_array().size() == request->rows);
    for (const Json& cell : cells.get_array()) {
      for (const ValueType type :
           {ValueType::kNumber, ValueType::kBool, ValueType::kText, ValueType::kTime}) {
        const auto value = api::feast::read_cell(cell, type, "x");
        if (!value) {
          CHECK(value.error().code == Code::kInvalidArgument);
          continue;
        }
        std::string written;
        api::feast::write_cell(written, *value, type, true);
        const auto parsed = base::parse_json(written);
        CHECK(parsed.has_value());
        // Flags and whole seconds say less than was read.
        if (type == ValueType::kNumber || type == ValueType::kText)
          CHECK(api::feast::read_cell(*parsed, type, "x").value() == *value);
      }
    }
  }
  return 0;
}
