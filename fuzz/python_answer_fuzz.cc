// What a model's process says: its answer, and its description once it has loaded. The process is
// believed nothing.
#include "base/check.h"
#include "base/json.h"
#include "fuzz.h"
#include "serving/python/wire.h"
#include "serving/signature.h"

namespace {

using namespace slipway;
using namespace slipway::serving;

std::size_t held(const Output& output) {
  return std::visit([](const auto& values) { return values.size(); }, output.values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span memory(reinterpret_cast<const std::byte*>(data), size);
  for (const std::size_t rows : {1, 2, 7}) {
    std::vector<Output> outputs;
    if (!python::read_answer(memory, rows, outputs)) continue;
    CHECK(!outputs.empty());
    for (const Output& output : outputs) {
      std::size_t count = rows;
      for (const std::int64_t each : output.row_shape) count *= static_cast<std::size_t>(each);
      CHECK(held(output) == count);
    }
  }
  const auto text = python::read_loaded(memory);
  const auto description = base::parse_json_object(text ? *text : fuzz::text_of(data, size));
  if (!description) return 0;
  const auto list = [&](const char* key) {
    const Json* found = description->if_contains(key);
    return found != nullptr && found->is_array() ? found->as_array() : JsonArray();
  };
  const auto shape = read_signature(list("inputs"), list("outputs"));
  if (!shape) {
    CHECK(shape.error().code == Code::kInvalidArgument);
    return 0;
  }
  CHECK(!shape->inputs.empty() && !shape->outputs.empty());
  return 0;
}
