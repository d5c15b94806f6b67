// What a storage answers: any bytes are read or refused, and text survives being written and read.
#include "base/check.h"
#include "fuzz.h"
#include "store/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::store;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  const auto root = parse_xml(text);
  if (!root) CHECK(root.error().code == slipway::Code::kInvalidArgument);
  const auto again = parse_xml("<a>" + xml_escape(text) + "</a>");
  CHECK(again.has_value());
  CHECK(again->text == text);
  return 0;
}
