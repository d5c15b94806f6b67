#include "datasets/diff/table_diff.h"

namespace slipway::datasets {
namespace {

JsonArray columns_json(const std::vector<std::pair<std::string, types::ColumnType>>& columns) {
  JsonArray out;
  for (const auto& [name, type] : columns)
    out.push_back(JsonObject{{"column", name}, {"type", types::type_name(type)}});
  return out;
}

JsonObject schema_json(const TableDiff& diff) {
  JsonArray types;
  for (const TypeChange& change : diff.types_changed) {
    types.push_back(JsonObject{{"column", change.column},
                               {"before", types::type_name(change.before)},
                               {"after", types::type_name(change.after)}});
  }
  return {{"added", columns_json(diff.columns_added)},
          {"removed", columns_json(diff.columns_removed)},
          {"types", std::move(types)}};
}

JsonObject rows_json(const TableDiff& diff) {
  const RowCounts& rows = diff.rows;
  return {{"before", diff.rows_before},
          {"after", diff.rows_after},
          {"added", rows.added},
          {"removed", rows.removed},
          {"changed", rows.changed},
          {"unchanged", rows.unchanged},
          {"duplicate_keys", rows.duplicate_keys},
          {"duplicate_rows_before", rows.duplicate_rows_before},
          {"duplicate_rows_after", rows.duplicate_rows_after}};
}

JsonArray of_objects(const std::vector<JsonObject>& objects) {
  JsonArray out;
  for (const JsonObject& object : objects) out.push_back(Json(object));
  return out;
}

JsonObject examples_json(const TableDiff& diff) {
  JsonArray changed;
  for (const RowChange& row : diff.changed_examples) {
    JsonArray cells;
    for (const CellChange& cell : row.cells) {
      cells.push_back(
          JsonObject{{"column", cell.column}, {"before", cell.before}, {"after", cell.after}});
    }
    changed.push_back(JsonObject{{"key", row.key}, {"cells", std::move(cells)}});
  }
  return {{"changed", std::move(changed)},
          {"added", of_objects(diff.added_examples)},
          {"removed", of_objects(diff.removed_examples)},
          {"duplicate_keys", of_objects(diff.duplicate_examples)}};
}

JsonArray columns_json(const TableDiff& diff) {
  JsonArray columns;
  for (const ColumnDifference& column : diff.columns) {
    JsonObject out{{"column", column.name}, {"changed_cells", column.changed_cells}};
    out["before"] = column.before ? Json(*column.before) : Json(nullptr);
    out["after"] = column.after ? Json(*column.after) : Json(nullptr);
    out["drift"] =
        column.drift
            ? Json(JsonObject{{"measure", column.drift->measure}, {"value", column.drift->value}})
            : Json(nullptr);
    columns.push_back(std::move(out));
  }
  return columns;
}

}  // namespace

JsonObject TableDiff::to_json() const {
  return {{"before", before},
          {"after", after},
          {"key", JsonArray(key.begin(), key.end())},
          {"same", is_same()},
          {"schema", schema_json(*this)},
          {"rows", rows_json(*this)},
          {"examples", examples_json(*this)},
          {"columns", columns_json(*this)},
          {"sample_rows", sample_rows},
          {"notes", JsonArray(notes.begin(), notes.end())}};
}

}  // namespace slipway::datasets
