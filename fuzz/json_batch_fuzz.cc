// Bodies of prediction requests, in both protocols. One reader for all inputs, as in the server:
// what one body leaves behind must not show in the next.
#include "api/predict/json_batch.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

using slipway::api::predict::ParsedRequest;

std::size_t touch(std::string_view text) {
  std::size_t sum = text.size();
  for (const char c : text) sum += static_cast<unsigned char>(c);
  return sum;
}

// Reads every byte that the request points to, for the sanitizer's sake.
void check(const slipway::Result<ParsedRequest>& request) {
  if (!request) {
    CHECK(request.error().code == slipway::Code::kInvalidArgument);
    return;
  }
  const auto& batch = request->batch;
  CHECK(batch.cells.size() == batch.names.size() * batch.rows);
  volatile std::size_t sum = touch(request->id) + touch(request->event_time) +
                             touch(request->route_key) + touch(request->traffic);
  for (std::size_t c = 0; c < batch.names.size(); ++c) {
    sum = sum + touch(batch.names[c]);
    CHECK(batch.find(batch.names[c]).has_value());
    for (std::size_t row = 0; row < batch.rows; ++row) {
      if (const auto* text = std::get_if<std::string_view>(&batch.cell(c, row)))
        sum = sum + touch(*text);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static slipway::api::predict::JsonReader reader;
  const std::string_view body = slipway::fuzz::text_of(data, size);
  const auto features = []() -> slipway::Result<std::vector<std::string>> {
    return std::vector<std::string>{"distance", "a feature with a name beyond the short string"};
  };
  check(reader.read_v2(body, features));
  check(reader.read_invocation(body, features));
  return 0;
}
