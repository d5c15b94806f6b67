// The one-pass JSON reader beside the DOM that the rest of the server uses: the same texts are JSON
// for both, and hold the same.
#include <cmath>

#include "base/check.h"
#include "base/json.h"
#include "base/json_document.h"
#include "fuzz.h"

namespace {

using slipway::Json;
using slipway::base::JsonNode;
using slipway::base::JsonValue;

void compare(JsonValue ours, const Json& dom) {
  switch (ours.kind()) {
    case JsonNode::Kind::kNull:
      CHECK(dom.is_null());
      return;
    case JsonNode::Kind::kBool:
      CHECK(dom.is_bool() && dom.get_bool() == (ours.number() != 0));
      return;
    case JsonNode::Kind::kNumber: {
      // The DOM rounds its doubles roughly.
      const double theirs = dom.to_number<double>();
      CHECK(std::abs(ours.number() - theirs) <= 1e-14 * std::abs(theirs) + 1e-300);
      return;
    }
    case JsonNode::Kind::kText:
      CHECK(dom.is_string() && std::string_view(dom.get_string()) == ours.text());
      return;
    case JsonNode::Kind::kArray: {
      CHECK(dom.is_array() && dom.get_array().size() == ours.size());
      std::size_t at = 0;
      for (const JsonValue value : ours.values()) compare(value, dom.get_array()[at++]);
      CHECK(at == ours.size());
      return;
    }
    case JsonNode::Kind::kObject:
      CHECK(dom.is_object());
      for (const auto& [key, value] : dom.get_object()) {
        const auto found = ours.find(key);
        CHECK(found.has_value() != value.is_null());
        if (found) compare(*found, value);
      }
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static slipway::base::JsonDocument document;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  const auto ours = document.parse(text);
  const auto theirs = slipway::base::parse_json(text);
  if (ours) {
    CHECK(theirs);
    compare(*ours, *theirs);
  } else if (theirs) {
    const std::string& why = ours.error().message;
    CHECK(why.find("nested too deeply") != std::string::npos ||
          why.find("out of range") != std::string::npos);
  }
  return 0;
}
