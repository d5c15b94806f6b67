// CSV bodies of MLflow's scoring protocol; one reader for all, as in the server.
#include "api/predict/csv_batch.h"
#include "base/check.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static slipway::api::predict::CsvReader reader;
  static const std::vector<slipway::serving::InputSpec> inputs = {
      {.name = "n"}, {.name = "t", .type = slipway::serving::DataType::kBytes}};
  const auto batch = reader.read(slipway::fuzz::text_of(data, size), inputs);
  if (!batch) {
    CHECK(batch.error().code == slipway::Code::kInvalidArgument);
    return 0;
  }
  CHECK(batch->cells.size() == batch->names.size() * batch->rows);
  volatile std::size_t sum = 0;
  for (const auto& cell : batch->cells) {
    if (const auto* text = std::get_if<std::string_view>(&cell)) {
      for (const char c : *text) sum = sum + static_cast<unsigned char>(c);
    }
  }
  for (const std::string_view name : batch->names) CHECK(batch->find(name).has_value());
  return 0;
}
