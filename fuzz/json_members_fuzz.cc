// What a permission is asked about must be among what the handler's parser may see: the scanner
// against the DOM.
#include "api/mlflow/json_members.h"
#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view names[] = {"run_id", "id"};
  const std::vector<std::string> values = slipway::api::mlflow::member_values(text, names);
  const auto object = slipway::base::parse_json_object(text);
  if (!object) return 0;
  for (const std::string_view name : names) {
    const slipway::Json* member = object->if_contains(name);
    if (member == nullptr || !member->is_string()) continue;
    const std::string_view value = member->get_string();
    CHECK(std::find(values.begin(), values.end(), value) != values.end());
  }
  return 0;
}
