#include "api/predict/invocation_body.h"

#include "api/predict/body.h"
#include "api/predict/call.h"
#include "api/predict/csv_batch.h"
#include "base/text.h"

namespace slipway::api::predict {
namespace {

CsvReader& csv_reader() {
  thread_local CsvReader instance;
  return instance;
}

}  // namespace

Result<BodyType> body_type(std::string_view content_type) {
  std::string_view rest = content_type;
  const std::string_view type = base::trimmed(rest.substr(0, rest.find(';')));
  while (rest.find(';') != std::string_view::npos) {
    rest.remove_prefix(rest.find(';') + 1);
    const std::string_view parameter = base::trimmed(rest.substr(0, rest.find(';')));
    const std::string_view name = parameter.substr(0, parameter.find('='));
    if (parameter.empty()) continue;
    if (!is_word(name, "charset"))
      return invalid("Unrecognized content type parameters: {}.", name);
    if (!is_word(parameter.substr(std::min(parameter.size(), name.size() + 1)), "utf-8"))
      return invalid("The scoring server only supports UTF-8");
  }
  if (type.empty() || is_word(type, "application/json")) return BodyType::kJson;
  if (is_word(type, "text/csv")) return BodyType::kCsv;
  return invalid(
      "This predictor only supports the following content types: Types: ['text/csv', "
      "'application/json']. Got '{}'.",
      content_type);
}

Result<ParsedRequest> read_invocation(BodyType type, std::string_view body,
                                      const ModelInputs& model) {
  if (type == BodyType::kJson) return reader().read_invocation(body, model);
  ParsedRequest parsed;
  parsed.inputs = TRY(model());
  parsed.batch = TRY(csv_reader().read(body, *parsed.inputs));
  return parsed;
}

}  // namespace slipway::api::predict
