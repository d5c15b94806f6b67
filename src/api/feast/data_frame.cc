#include "api/feast/data_frame.h"

#include <algorithm>

#include "api/feast/cells.h"

namespace slipway::api::feast {
namespace {

using features::FeatureStore;
using features::Value;
using features::ValueType;

Result<std::size_t> count_rows(const JsonObject& frame) {
  std::optional<std::size_t> rows;
  for (const auto& [name, cells] : frame) {
    if (!cells.is_array()) {
      return base::error(Code::kInvalidArgument, "df: {} must be a list of values",
                         std::string_view(name));
    }
    const std::size_t here = cells.get_array().size();
    if (rows && here != *rows) {
      return base::error(Code::kInvalidArgument,
                         "df: all columns must have the same length: {} has {} values, others {}",
                         std::string_view(name), here, *rows);
    }
    rows = here;
  }
  return rows.value_or(0);
}

}  // namespace

Result<JsonArray> rows_of_source(const FeatureStore& store, const std::string& name,
                                 const JsonObject& frame) {
  const FeatureStore::SourceShape shape = TRY(store.source_shape(name));
  const auto definitions = store.definitions();
  const features::Source* source = definitions->find_source(name);
  if (source == nullptr) return base::error(Code::kNotFound, "no such source: {}", name);
  const std::size_t count = TRY(count_rows(frame));
  JsonArray rows(count, JsonObject());
  for (std::size_t c = 0; c < shape.columns.size(); ++c) {
    const features::NamedColumn& column = shape.columns[c];
    const Json* cells = frame.if_contains(column.name);
    if (cells == nullptr) {
      if (!shape.are_read[c]) continue;
      return base::error(Code::kInvalidArgument,
                         "df has no column {}, which views of the source {} read", column.name,
                         name);
    }
    const bool is_clock = column.name == source->event_time || column.name == source->arrival_time;
    for (std::size_t row = 0; row < count; ++row) {
      const Json& cell = cells->get_array()[row];
      if (is_clock && cell.is_number()) {
        return base::error(Code::kInvalidArgument,
                           "{} must be a text like 2024-01-01T00:00:00Z: a number does not say its "
                           "unit",
                           column.name);
      }
      auto value = read_cell(cell, column.type, column.name);
      if (!value) return std::move(value).error().with_context(fmt::format("df, row {}", row));
      if (!features::is_null(*value))
        rows[row].get_object()[column.name] = features::to_pushed(*value);
    }
  }
  return rows;
}

Result<JsonArray> rows_of_view(const FeatureStore& store, const features::View& view,
                               const JsonObject& frame) {
  if (view.is_on_demand()) {
    return base::error(Code::kInvalidArgument,
                       "the view {} is computed from requests: it has no rows", view.name);
  }
  const auto definitions = store.definitions();
  const features::Source* source = definitions->find_source(view.source);
  if (source == nullptr)
    return base::error(Code::kInvalidArgument, "the view {} has lost its source", view.name);
  if (source->event_time.empty()) {
    return base::error(Code::kInvalidArgument,
                       "the source {} has no event time, so that no row is newer than another: "
                       "ingest its dataset",
                       source->name);
  }
  const FeatureStore::SourceShape shape = TRY(store.source_shape(source->name));
  const auto is_column = [&](std::string_view name) {
    return std::ranges::any_of(shape.columns, [&](const auto& c) { return c.name == name; });
  };
  JsonObject renamed;
  for (const auto& [key, cells] : frame) {
    const std::string name(std::string_view{key});
    const auto feature = std::ranges::find_if(
        view.columns, [&](const features::ViewColumn& c) { return c.name == name; });
    std::string target = name;
    if (feature != view.columns.end()) {
      target = feature->expression;
      if (!is_column(target)) {
        return base::error(Code::kInvalidArgument,
                           "{} is computed ({}): push rows of the source {} instead", name, target,
                           source->name);
      }
    } else if (!is_column(name)) {
      if (name == "event_timestamp") target = source->event_time;
      if (name == "created" || name == "created_timestamp") target = source->arrival_time;
      if (view.is_windowed() && target == name) {
        return base::error(Code::kInvalidArgument,
                           "{} is no column of the source {}: a windowed view is fed with the rows "
                           "it aggregates",
                           name, source->name);
      }
      // One column with both meanings: when it happened is what the rows are ordered by.
      if (target == source->event_time && name != "event_timestamp") continue;
    }
    if (const Json* before = renamed.if_contains(target); before != nullptr && *before != cells) {
      return base::error(Code::kInvalidArgument,
                         "two columns of df are the column {} of the source {}", target,
                         source->name);
    }
    renamed[target] = cells;
  }
  return rows_of_source(store, source->name, renamed);
}

}  // namespace slipway::api::feast
