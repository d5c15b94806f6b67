#include "api/feast_source/feast_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "features/expression.h"

namespace slipway::api::feast_source {
namespace {

using features::ValueType;

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::int64_t kSecondsMax = 100LL * 366 * 86'400;  // a hundred years

}  // namespace

bool is_usable(std::string_view name) {
  return !name.empty() && name != "request" &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

std::string usable(std::string_view name) {
  std::string out(name);
  std::replace_if(
      out.begin(), out.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != '-'; }, '_');
  return out.empty() || out == "request" ? "source_" + out : out;
}

std::optional<ValueType> type_of(wire::ValueType::Enum type) {
  switch (static_cast<int>(type)) {
    case wire::ValueType::STRING:
      return ValueType::kText;
    case wire::ValueType::INT32:
    case wire::ValueType::INT64:
    case wire::ValueType::DOUBLE:
    case wire::ValueType::FLOAT:
      return ValueType::kNumber;
    case wire::ValueType::BOOL:
      return ValueType::kBool;
    case wire::ValueType::UNIX_TIMESTAMP:
      return ValueType::kTime;
    default:
      return std::nullopt;
  }
}

std::optional<types::ColumnType> column_type_of(wire::ValueType::Enum type) {
  const auto value = type_of(type);
  if (!value) return std::nullopt;
  if (type == wire::ValueType::INT32 || type == wire::ValueType::INT64)
    return types::ColumnType::kInt64;
  return features::column_type(*value);
}

ColumnNames::ColumnNames(const wire::DataSource& batch) {
  for (const auto& [column, name] : batch.field_mapping()) {
    if (column != name) columns_[name] = column;
  }
}

const std::string& ColumnNames::of(const std::string& name) const {
  const auto found = columns_.find(name);
  return found == columns_.end() ? name : found->second;
}

Result<datasets::DatasetDefinition> rows_place(const wire::DataSource& batch,
                                               const std::string& files) {
  const auto no = [](std::string why) -> Error { return {Code::kInvalidArgument, std::move(why)}; };
  datasets::DatasetDefinition place;
  const std::string& type = batch.data_source_class_type();
  if (type.ends_with(".PostgreSQLSource")) {
    const auto options = base::parse_json_object(batch.custom_options().configuration());
    if (!options) return no("its PostgreSQL options can't be read");
    datasets::PostgresRows rows{.url = fmt::format("${{{}}}", kPostgresVariable)};
    if (const Json* query = options->if_contains("query"); query != nullptr && query->is_string())
      rows.query = query->get_string().c_str();
    // Feast names the table without quotes.
    if (const Json* table = options->if_contains("table");
        rows.query.empty() && table != nullptr && table->is_string())
      rows.query = fmt::format("SELECT * FROM {}", table->get_string().c_str());
    if (rows.query.empty()) return no("its source names no table and no query");
    place.postgres = std::move(rows);
    return place;
  }
  const wire::FileOptions& file = batch.file_options();
  if (batch.type() != wire::DataSource::BATCH_FILE) {
    return no(
        fmt::format("its rows are in a {}, which is not read here: export them as Parquet, and "
                    "import again with a FileSource",
                    type.substr(type.rfind('.') + 1)));
  }
  if (file.file_format().has_delta_format())
    return no("its rows are a Delta table, which is not read here: export them as Parquet");
  if (file.uri().empty()) return no("its source names no file");
  place.path = file.uri();
  if (place.path.starts_with("s3://")) return place;
  if (place.path.starts_with("file://")) place.path.erase(0, 7);
  if (place.path.find("://") != std::string::npos)
    return no(
        fmt::format("its rows are at {}, which is not read here: copy them to a file", file.uri()));
  if (std::filesystem::path(place.path).is_relative()) place.path = files + place.path;
  return place;
}

std::optional<types::Duration> duration_of(const google::protobuf::Duration& duration) {
  const std::int64_t seconds = std::clamp<std::int64_t>(duration.seconds(), 0, kSecondsMax);
  const std::int64_t micros =
      seconds * kMicros + std::clamp(duration.nanos(), 0, 999'999'999) / 1000;
  if (micros == 0) return std::nullopt;                                  // for ever
  return types::Duration{micros >= 1000 ? micros / 1000 * 1000 : 1000};  // whole milliseconds
}

}  // namespace slipway::api::feast_source
