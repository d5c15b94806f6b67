#include "tracking/limits.h"

#include <cmath>
#include <limits>

#include "types/key_rules.h"

namespace slipway::tracking {

Result<void> check_key(std::string_view kind, std::string_view key) {
  if (key.empty())
    return base::error(Code::kInvalidArgument, "Missing value for required parameter 'key'.");
  if (const std::size_t length = types::count_characters(key); length > kKeyLengthMax) {
    return base::error(Code::kInvalidArgument,
                       "{} name '{}' had length {}, which exceeded length limit of {}", kind,
                       cut_value(std::string(key), 60), length, kKeyLengthMax);
  }
  if (const std::optional<std::string> fault = types::fault_of_key(key))
    return base::error(Code::kInvalidArgument, "Invalid {} name: '{}'. {}", kind, key, *fault);
  return {};
}

Result<void> check_dataset(const DatasetInput& dataset) {
  const struct {
    std::string_view field, text;
    std::size_t length_max;
  } limits[] = {{"name", dataset.name, kDatasetNameLengthMax},
                {"digest", dataset.digest, kDatasetDigestLengthMax},
                {"source", dataset.source, kDatasetSourceLengthMax},
                {"schema", dataset.schema, kDatasetSchemaLengthMax},
                {"profile", dataset.profile, kDatasetProfileLengthMax}};
  for (const auto& limit : limits) {
    if (types::count_characters(limit.text) > limit.length_max) {
      return base::error(Code::kInvalidArgument, "'{}' exceeds the maximum length of {} characters",
                         limit.field, limit.length_max);
    }
  }
  return {};
}

std::string cut_value(std::string value, std::size_t length_max) {
  if (value.size() <= length_max) return value;  // no text has more characters than bytes
  std::size_t characters = 0;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if ((static_cast<unsigned char>(value[at]) & 0xC0U) == 0x80U) continue;  // goes on
    if (characters++ == length_max) {
      value.resize(at);
      break;
    }
  }
  return value;
}

double storable(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  if (std::isinf(value)) return value > 0 ? kLargest : -kLargest;
  return value;
}

}  // namespace slipway::tracking
