// What a key, a value or a batch may be. Numbers and first phrases are MLflow's, because clients
// and their tests rely on them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "tracking/values.h"

namespace slipway::tracking {

// Lengths are in characters, not in bytes.
inline constexpr std::size_t kKeyLengthMax = 250;
inline constexpr std::size_t kParamValueLengthMax = 6000;
inline constexpr std::size_t kTagValueLengthMax = 8000;
inline constexpr std::size_t kExperimentTagValueLengthMax = 20'000;
inline constexpr std::size_t kExperimentNameLengthMax = 500;
inline constexpr std::size_t kArtifactLocationLengthMax = 2048;
inline constexpr std::size_t kDatasetNameLengthMax = 500;
inline constexpr std::size_t kDatasetDigestLengthMax = 36;
inline constexpr std::size_t kDatasetSourceLengthMax = 65'535;
inline constexpr std::size_t kDatasetSchemaLengthMax = 1'048'575;
inline constexpr std::size_t kDatasetProfileLengthMax = 16'777'215;
inline constexpr std::size_t kBatchMetricsMax = 1000;
inline constexpr std::size_t kBatchParamsMax = 100;
inline constexpr std::size_t kBatchTagsMax = 100;
inline constexpr std::size_t kBatchTotalMax = 1000;
inline constexpr std::int64_t kSearchPageMax = 50'000;

// `kind` is "metric", "parameter" or "tag", for the message.
Result<void> check_key(std::string_view kind, std::string_view key);
Result<void> check_dataset(const DatasetInput& dataset);
// Longer values are cut behind so many characters, as MLflow does by default.
std::string cut_value(std::string value, std::size_t length_max);
// NaN stays, the infinities become the largest finite doubles.
double storable(double value);

}  // namespace slipway::tracking
