// A registry of Feast: it is refused, or what is written of it parses as what was made of it.
#include "api/feast_source/registry_import.h"
#include "base/check.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const auto imported = api::feast_source::import_registry(fuzz::text_of(data, size), {});
  if (!imported) {
    CHECK(imported.error().code == Code::kInvalidArgument);
    return 0;
  }
  const std::string yaml = imported->yaml();
  const auto datasets = datasets::parse_datasets(yaml);
  CHECK(datasets && *datasets == imported->declaration.datasets);
  const auto features = features::parse_definitions(yaml);
  CHECK(features);
  CHECK(features::feature_texts(*features) ==
        features::feature_texts(imported->declaration.features));
  return 0;
}
