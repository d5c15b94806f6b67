#include "monitor/slices/declared_slice.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {

std::vector<std::string> slice_values(const types::Column& column) {
  std::vector<std::string> values(column.size());
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (!column.is_valid(row)) continue;
    if (column.type == types::ColumnType::kString) {
      values[row] = column.strings[row];
    } else if (column.type == types::ColumnType::kBool) {
      values[row] = column.ints[row] != 0 ? "true" : "false";
    } else if (const double number = column.number(row); !std::isnan(number)) {
      values[row] = fmt::format("{:.12g}", number);
    }
  }
  return values;
}

JsonObject SliceResult::to_json() const {
  JsonObject values;
  for (const auto& [metric, value] : metrics) {
    if (std::isfinite(value)) values[metric] = value;
  }
  JsonObject object{{"name", name}, {"rows", rows}, {"labels", labels}};
  object["metrics"] = std::move(values);
  return object;
}

Result<SliceResult> SliceResult::from_json(const JsonObject& object) {
  SliceResult slice{.name = TRY(base::get_string(object, "name"))};
  slice.rows = TRY(base::get_int(object, "rows"));
  slice.labels = TRY(base::get_int(object, "labels"));
  if (const Json* values = object.if_contains("metrics");
      values != nullptr && values->is_object()) {
    for (const auto& [metric, value] : values->get_object()) {
      slice.metrics[std::string(metric)] =
          value.is_number() ? value.to_number<double>() : std::numeric_limits<double>::quiet_NaN();
    }
  }
  return slice;
}

}  // namespace slipway::monitor
