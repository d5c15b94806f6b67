#include "tracking/limits.h"

#include <cmath>
#include <filesystem>
#include <limits>

namespace slipway::tracking {

Result<void> check_key(std::string_view kind, std::string_view key) {
  if (key.empty())
    return base::error(Code::kInvalidArgument, "Missing value for required parameter 'key'.");
  if (key.size() > kKeyLengthMax) {
    return base::error(Code::kInvalidArgument,
                       "{} name '{}' had length {}, which exceeded length limit of {}", kind,
                       key.substr(0, 60), key.size(), kKeyLengthMax);
  }
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    const bool good = std::isalnum(byte) || byte >= 0x80 ||
                      std::string_view("_-. :/").find(c) != std::string_view::npos;
    if (!good) {
      return base::error(Code::kInvalidArgument,
                         "Invalid {} name: '{}'. Names may only contain alphanumerics, underscores "
                         "(_), dashes (-), periods (.), spaces ( ), "
                         "colon(:) and slashes (/).",
                         kind, key);
    }
  }
  // A key becomes a path in some stores: it must be the path it looks like.
  const std::string normal = std::filesystem::path(key).lexically_normal().string();
  if (normal != key || key == "." || key.starts_with("..") || key.starts_with('/')) {
    return base::error(Code::kInvalidArgument,
                       "Invalid {} name: '{}'. Names may be treated as files in certain cases, and "
                       "must not resolve to other names when treated as such.",
                       kind, key);
  }
  return {};
}

Result<void> check_dataset(const DatasetInput& dataset) {
  const struct {
    std::string_view field;
    std::size_t length, length_max;
  } limits[] = {{"name", dataset.name.size(), kDatasetNameLengthMax},
                {"digest", dataset.digest.size(), kDatasetDigestLengthMax},
                {"source", dataset.source.size(), kDatasetSourceLengthMax},
                {"schema", dataset.schema.size(), kDatasetSchemaLengthMax},
                {"profile", dataset.profile.size(), kDatasetProfileLengthMax}};
  for (const auto& limit : limits) {
    if (limit.length > limit.length_max) {
      return base::error(Code::kInvalidArgument, "'{}' exceeds the maximum length of {} characters",
                         limit.field, limit.length_max);
    }
  }
  return {};
}

std::string cut_value(std::string value, std::size_t length_max) {
  if (value.size() <= length_max) return value;
  std::size_t end = length_max;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  value.resize(end);
  return value;
}

double storable(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  if (std::isinf(value)) return value > 0 ? kLargest : -kLargest;
  return value;
}

}  // namespace slipway::tracking
